"""The review's outcomes as counts: which record feeds which pool, which one does not, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from neorlt.clinic.by_chance import grade_document
from neorlt.core.errors import InputError
from neorlt.evidence.derived import partial_response_counts
from neorlt.evidence.pooling import PooledRate, Ratio, StudyCounts, by_subgroup, leave_one_out, pool, pool_ratios, regress, with_limits
from neorlt.evidence.records import fold
from neorlt.evidence.studies import ReviewTable, Study

NOT_STATED = "not stated"
DOWNGRADING = "downgrading"
Counts = tuple[int, int, str]
"""Events, patients, and a sentence that says what was counted."""


@dataclass(frozen=True)
class Outcome:
    """One poolable outcome; ``read`` gives the counts of a study or None where it prints none."""

    key: str
    title: str
    read: Callable[[Study], Counts | None]
    fixed_by_design: dict[str, str]


def _surgery(study: Study) -> Counts | None:
    fields = study.fields
    resectable = ((fields.get("vessel_involvement") or {}).get("became_resectable") or {}).get("all")
    if fields.get("n_operated") is not None and fields.get("n_total"):
        return fields["n_operated"], fields["n_total"], "operated after RLT"
    if resectable:
        return resectable[0], resectable[1], "became resectable (number operated not seen)"
    return None


def _r0(study: Study) -> Counts | None:
    fields = study.fields
    if fields.get("n_r0") is None or not fields.get("n_operated"):
        return None
    return fields["n_r0"], fields["n_operated"], "R0 among the operated"


def _response(study: Study) -> Counts | None:
    response = study.fields.get("response") or {}
    evaluable = response.get("n_evaluable")
    if response.get("cr_or_pr") is not None and evaluable:
        return response["cr_or_pr"], evaluable, f"CR or PR, {response.get('criteria')}"
    if response.get("pr") is not None and response.get("cr") is not None and evaluable:
        return response["cr"] + response["pr"], evaluable, f"CR or PR, {response.get('criteria')}"
    counts = partial_response_counts(study)
    if counts is not None:
        return sum(counts), study.fields["n_total"], "PR, counts recomputed from printed percentages; criteria not seen"
    return None


def _printed(*places: tuple[str, ...], what: str) -> Callable[[Study], Counts | None]:
    """Counts that stand as ``[events, patients]`` at the first of some places in the fields."""

    def read(study: Study) -> Counts | None:
        for place in places:
            value: Any = study.fields
            for key in place:
                value = value.get(key) if isinstance(value, Mapping) else None
            if isinstance(value, list) and len(value) == 2 and all(isinstance(item, int) for item in value):
                return value[0], value[1], what
        return None

    return read


def _downgrading(study: Study) -> Counts | None:
    compared = (study.fields.get("grade_change") or {}).get("pre_vs_post")
    if not isinstance(compared, Mapping) or compared.get("lower_after") is None:
        return _printed(("grade_change", "lower_after"), what="lower grade after RLT")(study)
    return compared["lower_after"], sum(compared.values()), "lower grade in the specimen than in the biopsy before RLT"


BY_DESIGN = {
    "partelli_2018": "every patient was operated by design of the study: the share is fixed by inclusion",
    "partelli_2016_abstract": "every patient was operated by design of the study: the share is fixed by inclusion",
    "neolupanet_2024": "resectable patients were enrolled to be operated: the share is fixed by inclusion",
}
OUTCOMES = (
    Outcome("surgery", "Operated, or judged resectable, after RLT", _surgery, BY_DESIGN),
    Outcome("r0", "R0 among the operated", _r0, {}),
    Outcome("objective_response", "Objective response (CR or PR)", _response, {}),
    Outcome(
        "downstaging",
        "Downstaging: vessels freed or a lower stage",
        _printed(("vessel_involvement", "downstaged"), what="downstaged after RLT"),
        {"minczeles_2022": "printed as 38 % of patients with an involved vessel; their number was not seen"},
    ),
    Outcome(DOWNGRADING, "Downgrading: a lower WHO grade after RLT", _downgrading, {}),
    Outcome(
        "liver_burden",
        "Liver metastases regressed",
        _printed(("liver_metastases", "regressed"), what="liver metastases regressed"),
        {},
    ),
    Outcome(
        "toxicity_g3_4",
        "Toxicity of grade 3 to 4",
        _printed(("toxicity", "g3_4"), ("toxicity", "g3_4_any"), what="toxicity of grade 3 or 4 after RLT"),
        {},
    ),
    Outcome(
        "fistula",
        "Pancreatic fistula after surgery",
        _printed(("surgery", "pancreatic_fistula", "rlt"), ("surgery", "fistula"), what="pancreatic fistula after RLT and surgery"),
        {},
    ),
    Outcome(
        "severe_complications",
        "Severe complications of surgery",
        _printed(("surgery", "complications_severe"), what="severe complications of surgery after RLT"),
        {},
    ),
)
"""What a share fixed by design, or printed without its denominator, is left out for stands in ``fixed_by_design``."""
RATIO_TITLES = {"pfs": "Progression-free survival, hazard ratio", "os": "Overall survival, hazard ratio"}


def collect_ratios(table: ReviewTable, kind: str) -> tuple[list[Ratio], dict[str, str]]:
    """Printed hazard ratios of randomised trials for ``pfs`` or ``os``, and what was left out with the reason.

    No trial randomised neoadjuvant RLT: these are of advanced disease. Where a trial prints its pancreatic patients apart,
    theirs counts.
    """
    found, left_out = [], {}
    for study in table.studies:
        survival = study.fields.get("survival") or {}
        printed = survival.get(f"{kind}_median_months")
        pancreas = survival.get("pnet") if kind == "pfs" else None
        entry = pancreas if isinstance(pancreas, Mapping) and pancreas.get("hr") is not None else printed
        if not isinstance(entry, Mapping) or entry.get("hr") is None:
            continue
        interval = entry.get("hr_ci95")
        if not (study.design or "").startswith("randomised"):
            left_out[study.id] = f"hazard ratio {entry['hr']} of no randomised trial ({study.design or 'design not stated'})"
        elif not isinstance(interval, list) or None in interval:
            left_out[study.id] = f"hazard ratio {entry['hr']} printed without an interval in what was read"
        else:
            found.append(Ratio(study.name, float(entry["hr"]), float(interval[0]), float(interval[1])))
    return found, left_out


@dataclass(frozen=True)
class OutcomePool:
    """The pool of one outcome, what was left out with the reason, and what moves the number."""

    outcome: Outcome
    result: PooledRate
    what: dict[str, str]
    left_out: dict[str, str]
    sensitivity: dict[str, PooledRate]
    on_activity: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain document."""
        return {
            "outcome": self.outcome.key,
            "title": self.outcome.title,
            **with_limits(self.result.as_json(), self.result),
            "counted": self.what,
            "by_chance": grade_document()["sentence"] if self.outcome.key == DOWNGRADING else None,
            "left_out": self.left_out,
            "sensitivity": {
                name: {
                    "k": other.k,
                    "pooled": other.pooled,
                    "ci95": None if other.ci95 is None else list(other.ci95),
                    "reason": other.reason,
                }
                for name, other in self.sensitivity.items()
            },
            "leave_one_out": leave_one_out(self.result.studies, self.result.method),
            "by_nuclide": by_subgroup(self.result.studies, self.result.method),
            "by_cumulative_activity": self.on_activity,
        }


def collect(table: ReviewTable, outcome: Outcome, *, with_fixed: bool = False) -> tuple[list[StudyCounts], dict[str, str], dict[str, str]]:
    """Counts that may be pooled, what each counts, and what was left out with the reason.

    Of overlapping cohorts only one record counts (a paper before an abstract, then the one with most patients), and a study
    that states no cohort does not count: its patients might be those of another. A study whose share is fixed by design is
    left out unless ``with_fixed``. Withheld and unread records have no counts.
    """
    found: dict[str, tuple[Study, Counts]] = {}
    left_out: dict[str, str] = {}
    for study in table.of_table():
        if study.is_placeholder:
            left_out[study.id] = "not read: no field is evidence"
            continue
        if study.results_withheld:
            left_out[study.id] = "results withheld"
            continue
        counts = outcome.read(study)
        if study.id in outcome.fixed_by_design and not (with_fixed and counts is not None):
            left_out[study.id] = outcome.fixed_by_design[study.id]
        elif counts is None:
            left_out[study.id] = "the outcome is not printed in what was read"
        elif not fold(study.cohort):
            left_out[study.id] = "its cohort is not stated: extract the field cohort, so that no patient can count twice"
        elif study.role not in ("neoadjuvant", "neoadjuvant_abstract"):
            left_out[study.id] = "a surgical or histological series"
        else:
            found[study.id] = (study, counts)
    for name, (study, (_, total, _)) in list(found.items()):
        # A paper stands before a meeting abstract of its series; among papers the one with most patients.
        rivals = [
            (other_study.role == "neoadjuvant", other_total, other)
            for other, (other_study, (_, other_total, _)) in found.items()
            if other != name and fold(other_study.cohort) == fold(study.cohort)
        ]
        before = [other for rank in rivals if rank > (study.role == "neoadjuvant", total, name) for other in [rank[2]]]
        if before:
            left_out[name] = f"patients overlap with {before[0]}, which has more: only one of them is pooled"
    chosen = {name: value for name, value in found.items() if name not in left_out}
    studies = [
        StudyCounts(study.name, events, total, design=study.design, cohort=study.cohort, subgroup=nuclide_of(study))
        for study, (events, total, _) in chosen.values()
    ]
    return studies, {study.name: text for study, (_, _, text) in chosen.values()}, left_out


def pool_outcome(table: ReviewTable, outcome: Outcome, method: str = "auto", *, with_sensitivity: bool = True) -> OutcomePool:
    """Pool one outcome of a study table, with sensitivity to the method and to studies fixed by design if asked for."""
    studies, what, left_out = collect(table, outcome)
    if not studies:
        empty = PooledRate(method, (), reason="no study prints this outcome")
        return OutcomePool(outcome, empty, what, left_out, {})
    result = pool(studies, method)
    if not with_sensitivity:
        return OutcomePool(outcome, result, what, left_out, {})
    sensitivity = {name: pool(studies, name) for name in ("bayes", "glmm", "glmm-wald-t", "beta-binomial") if name != result.method}
    everything, _, _ = collect(table, outcome, with_fixed=True)
    if len(everything) > len(studies):
        sensitivity["with studies fixed by design"] = pool(everything, method)
    return OutcomePool(outcome, result, what, left_out, sensitivity, _on_activity(table, result))


def nuclide_of(study: Study) -> str:
    """``90Y``, ``177Lu``, both joined by a plus, or ``not stated``."""
    isotopes = study.fields.get("isotopes")
    return str(isotopes if isinstance(isotopes, str) else " + ".join(isotopes)) if isotopes else NOT_STATED


def _on_activity(table: ReviewTable, result: PooledRate) -> dict[str, Any]:
    """Meta-regression on the cumulative activity, or why there is none."""
    activity = {}
    for study in table.studies:
        printed = study.fields.get("cumulative_activity_gbq") or {}
        value = printed.get("median", None) or printed.get("mean", None) if isinstance(printed, dict) else None
        if isinstance(value, int | float):
            activity[study.name] = float(value)
    known = [study for study in result.studies if study.study in activity]
    try:
        return regress(known, {"cumulative_activity_gbq": [activity[study.study] for study in known]})
    except InputError as error:
        return {"k": len(known), "coefficients": None, "reason": str(error)}


MOVED_BY = 0.05
"""A pooled rate that moves by more than five percentage points is called moved (a convention)."""


def moved(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> dict[str, Any]:
    """Whether one conclusion moves, and why; each holds ``pooled`` and ``ci95``."""
    if before is None:
        return {"moved": False, "why": "no earlier state to compare with"}
    old, new = before["pooled"], after["pooled"]
    if old is None and new is None:
        return {"moved": False, "why": "no pooled number before and after"}
    if old is None or new is None:
        return {"moved": True, "why": "a pooled number has become possible" if old is None else "the pooled number is gone"}
    if not before["ci95"][0] <= new <= before["ci95"][1]:
        return {"moved": True, "why": "the new rate lies outside the earlier interval"}
    if abs(new - old) > MOVED_BY:
        return {"moved": True, "why": f"the rate moves by {100 * (new - old):+z.1f} percentage points"}
    return {"moved": False, "why": f"the rate moves by {100 * (new - old):+z.1f} percentage points, inside the earlier interval"}


def pool_review(table: ReviewTable, method: str = "auto") -> dict[str, Any]:
    """All outcomes of a review, with the review's own crude figure beside the pooled rate of surgery."""
    pools = {outcome.key: pool_outcome(table, outcome, method).as_json() for outcome in OUTCOMES}
    known_then = replace(table, studies=tuple(study for study in table.studies if not study.after_review))
    for outcome in OUTCOMES:
        then = pool_outcome(known_then, outcome, method, with_sensitivity=False).result
        earlier = {"k": then.k, "n": then.n, "pooled": then.pooled, "ci95": None if then.ci95 is None else list(then.ci95)}
        pools[outcome.key]["without_what_came_since"] = earlier | moved(earlier, pools[outcome.key])
    totals = table.review.get("totals") or {}
    printed = None
    if totals.get("patients"):
        crude = StudyCounts("printed sum", totals["operable_after"], totals["patients"])
        printed = {
            "events": crude.events,
            "total": crude.total,
            "rate": crude.events / crude.total,
            "ci95": list(crude.exact_interval()),
            "likelihood95": list(crude.likelihood_interval()),
            "explanation": [
                "the review adds up patients of 11 papers; some are the same patients (Krakow and Rotterdam appear twice)",
                "case reports count in it, and they are published because they succeeded",
                "a matched surgical series counts in it whose patients were all operated by design",
                "a plain sum lets the largest centre speak for all and its interval is too narrow: on simulated reviews "
                "of this size it held 95 % in as few as 54 % of cases",
                "the pooled rate takes series only, each cohort once, and lets centres differ",
            ],
        }
    ratios = {}
    for kind, title in RATIO_TITLES.items():
        found, without = collect_ratios(table, kind)
        ratios[kind] = {
            "title": title,
            "of": "randomised trials of RLT in advanced disease, none of them neoadjuvant",
            **pool_ratios(found),
        }
        ratios[kind]["left_out"] = without
    return {"review": table.name, "outcomes": pools, "ratios": ratios, "printed_crude": printed}

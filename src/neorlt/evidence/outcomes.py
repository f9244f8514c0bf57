"""The review's outcomes as counts: which record feeds which pool, which one does not, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.derived import partial_response_counts
from neorlt.evidence.pooling import PooledRate, StudyCounts, by_subgroup, leave_one_out, pool, regress
from neorlt.evidence.studies import ReviewTable, Study

NOT_STATED = "not stated"
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


OUTCOMES = (
    Outcome(
        "surgery",
        "Operated, or judged resectable, after RLT",
        _surgery,
        {"partelli_2018": "every patient was operated by design of the study: the share is fixed by inclusion"},
    ),
    Outcome("r0", "R0 among the operated", _r0, {}),
    Outcome("objective_response", "Objective response (CR or PR)", _response, {}),
)


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
            **self.result.as_json(),
            "counted": self.what,
            "left_out": self.left_out,
            "sensitivity": {
                name: {"k": other.k, "pooled": other.pooled, "ci95": None if other.ci95 is None else list(other.ci95)}
                for name, other in self.sensitivity.items()
            },
            "leave_one_out": leave_one_out(self.result.studies, self.result.method),
            "by_nuclide": by_subgroup(self.result.studies, self.result.method),
            "by_cumulative_activity": self.on_activity,
        }


def collect(table: ReviewTable, outcome: Outcome) -> tuple[list[StudyCounts], dict[str, str], dict[str, str]]:
    """Counts that may be pooled, what each counts, and what was left out with the reason.

    Of overlapping cohorts only the record with the most patients counts, and a study that states no cohort does not count: its
    patients might be those of another. A study whose share is fixed by design is
    left out. Withheld and unread records have no counts.
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
        if counts is None:
            left_out[study.id] = "the outcome is not printed in what was read"
        elif study.id in outcome.fixed_by_design:
            left_out[study.id] = outcome.fixed_by_design[study.id]
        elif study.cohort is None:
            left_out[study.id] = "its cohort is not stated: extract the field cohort, so that no patient can count twice"
        elif study.role != "neoadjuvant":
            left_out[study.id] = "a surgical or histological series, or an abstract of a series that is in the table"
        else:
            found[study.id] = (study, counts)
    for name, (study, (_, total, _)) in list(found.items()):
        rivals = [
            (other_total, other)
            for other, (other_study, (_, other_total, _)) in found.items()
            if other != name and other_study.cohort == study.cohort
        ]
        larger = [other for other_total, other in rivals if (other_total, other) > (total, name)]
        if larger:
            left_out[name] = f"patients overlap with {larger[0]}, which has more: only one of them is pooled"
    chosen = {name: value for name, value in found.items() if name not in left_out}
    studies = [
        StudyCounts(study.name, events, total, design=study.design, cohort=study.cohort) for study, (events, total, _) in chosen.values()
    ]
    return studies, {study.name: text for study, (_, _, text) in chosen.values()}, left_out


def pool_outcome(table: ReviewTable, outcome: Outcome, method: str = "glmm", *, with_sensitivity: bool = True) -> OutcomePool:
    """Pool one outcome of a study table, with sensitivity to the method and to studies fixed by design if asked for."""
    studies, what, left_out = collect(table, outcome)
    if not studies:
        empty = PooledRate(method, (), reason="no study prints this outcome")
        return OutcomePool(outcome, empty, what, left_out, {})
    result = pool(studies, method)
    if not with_sensitivity:
        return OutcomePool(outcome, result, what, left_out, {})
    sensitivity = {name: pool(studies, name) for name in ("bayes", "beta-binomial", "glmm-wald-t") if name != method}
    fixed = [table.study(name) for name in outcome.fixed_by_design if name in {study.id for study in table.studies}]
    extra = [
        StudyCounts(study.name, counts[0], counts[1], design=study.design, cohort=study.cohort)
        for study in fixed
        if (counts := outcome.read(study)) is not None
    ]
    if extra:
        sensitivity["with studies fixed by design"] = pool([*studies, *extra], method)
    return OutcomePool(outcome, result, what, left_out, sensitivity, _on_activity(table, result))


def nuclide_of(study: Study) -> str:
    """``90Y``, ``177Lu``, both joined by a plus, or ``not stated``."""
    isotopes = study.fields.get("isotopes")
    return " + ".join(isotopes) if isotopes else NOT_STATED


def _on_activity(table: ReviewTable, result: PooledRate) -> dict[str, Any]:
    """Meta-regression on the cumulative activity, or why there is none."""
    activity = {}
    for study in table.studies:
        printed = study.fields.get("cumulative_activity_gbq") or {}
        value = printed.get("median", None) or printed.get("mean", None) if isinstance(printed, dict) else None
        if value is not None:
            activity[study.name] = float(value)
    known = [study for study in result.studies if study.study in activity]
    try:
        return regress(known, {"cumulative_activity_gbq": [activity[study.study] for study in known]})
    except InputError as error:
        return {"k": len(known), "coefficients": None, "reason": str(error)}


def pool_review(table: ReviewTable, method: str = "glmm") -> dict[str, Any]:
    """All outcomes of a review, with the review's own crude figure beside the pooled rate of surgery."""
    pools = {outcome.key: pool_outcome(table, outcome, method).as_json() for outcome in OUTCOMES}
    totals = table.review.get("totals") or {}
    printed = None
    if totals.get("patients"):
        crude = StudyCounts("printed sum", totals["operable_after"], totals["patients"])
        printed = {
            "events": crude.events,
            "total": crude.total,
            "rate": crude.events / crude.total,
            "ci95": list(crude.exact_interval()),
            "explanation": [
                "the review adds up patients of 11 papers; some are the same patients (Krakow and Rotterdam appear twice)",
                "case reports count in it, and they are published because they succeeded",
                "a matched surgical series counts in it whose patients were all operated by design",
                "a plain sum lets the largest centre speak for all and its interval is too narrow: on simulated reviews "
                "of this size it held 95 % in as few as 54 % of cases",
                "the pooled rate takes series only, each cohort once, and lets centres differ",
            ],
        }
    return {"review": table.name, "outcomes": pools, "printed_crude": printed}

"""Which trial would tell: the expected value of what a design could show, for patients like its own.

Regression method (Strong, Oakley, Brennan & Breeze 2015, Med Decis Making 35:570): for every draw of the world the trial's
summary is simulated, and the expected utility of each option is fitted to the summaries. What is fitted is the utility given
the world, the patient's own luck averaged out: no trial can reveal that. A trial's counts hold an effect of the centres that
took part, common to its arms; a single arm cannot tell it from the treatment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from neorlt.core.draws import generator
from neorlt.core.errors import InputError
from neorlt.planning.decision.assemble import gather
from neorlt.planning.decision.course import follow
from neorlt.planning.decision.decide import Decision, Settings, evaluate, with_unmodelled_sd
from neorlt.planning.decision.gate import open_gate
from neorlt.planning.decision.options import Kind, options_for
from neorlt.planning.decision.value import assumption_columns, luck_columns, main_effects, world_columns, worth
from neorlt.planning.patient import Patient, patient_from
from neorlt.planning.scheme import Scheme, parse_scheme
from neorlt.planning.world import build_world
from neorlt.response.own import CentrePosterior

if TYPE_CHECKING:
    from neorlt.trials.design import TrialDesign

Floats = NDArray[np.float64]
CENTRE_SD = 0.3
"""Log-odds that a trial's centres differ from those where the answer is used (assumption)."""
SPREADS = (0.1, 0.3, 0.6)
"""Standard deviations of the unmodelled effect of RLT that are shown."""
REPEATS = 4
"""Trials simulated in every draw."""
N_DRAWS = 10_000
PATIENTS_PER_YEAR, YEARS = 200.0, 10.0
"""Patients for whom the decision is taken, and how long the answer is used (assumptions; the user sets them)."""


@dataclass(frozen=True)
class InformationArm:
    """One arm: an option by its name, and its patients."""

    option: str
    n: int


@dataclass(frozen=True)
class Study:
    """A trial as a source of information."""

    name: str
    arms: tuple[InformationArm, ...]
    landmark_years: float = 3.0
    """When being event-free is read."""
    centre_sd: float = CENTRE_SD

    @property
    def n(self) -> int:
        """Patients of all arms."""
        return sum(arm.n for arm in self.arms)


@dataclass(frozen=True)
class Worth:
    """Expected value of sample information, in quality-adjusted months a patient; and what knowing everything would be worth."""

    study: str
    n: int
    sd: float
    months: float
    mc_error: float
    ceiling: float

    def per_enrolled(self, patients_per_year: float = PATIENTS_PER_YEAR, years: float = YEARS) -> float:
        """Quality-adjusted months gained by all later patients, per patient enrolled; those enrolled are taken off."""
        later = max(patients_per_year * years - self.n, 0.0)
        return self.months * later / self.n


@dataclass(frozen=True)
class Known:
    """What the world decides, the patient's own luck averaged out."""

    utility: Floats
    """``(draw, option)``."""
    chances: dict[tuple[str, float], Floats]
    """By option and landmark, ``(draw, 3)``: operated, margin free, event-free at the landmark."""


def known(decision: Decision, studies: Sequence[Study]) -> Known:
    """Utility and what every arm's patients can expect, given the world alone: one regression for all of them.

    Raises
    ------
    InputError
        If an arm is not an option of the decision.
    """
    names = [option.name for option in decision.options]
    wanted = list(dict.fromkeys((arm.option, study.landmark_years) for study in studies for arm in study.arms))
    targets = [decision.utility]
    for option, years in wanted:
        if option not in names:
            raise InputError("an arm of the study is not an option of the decision", expected=", ".join(names), found=option,
                             remedy="name an option")
        i = names.index(option)
        outlook = follow(decision.built.paths.take([i]), decision.built.background, decision.settings.discount, years)
        raw = np.concatenate([outlook.p_operated, outlook.p_r0, outlook.event_free_at], axis=1)
        targets.append(logit(np.clip(raw, 1e-3, 1 - 1e-3)))
    fitted = main_effects(np.concatenate(targets, axis=1), assumption_columns(decision), luck_columns(decision),
                          tuple(world_columns(decision))).known
    n = len(names)
    chances = {}
    for k, key in enumerate(wanted):
        raw = expit(targets[k + 1])
        chance = expit(fitted[:, n + 3 * k : n + 3 * (k + 1)])
        # The mean of a chance is kept, not that of its logit.
        chances[key] = np.clip(chance * (raw.mean(axis=0) / np.maximum(chance.mean(axis=0), 1e-6)), 1e-4, 1 - 1e-4)
    return Known(fitted[:, :n], chances)


def simulate_summaries(study: Study, chances: Sequence[Floats], rng: np.random.Generator) -> Floats:
    """Log odds of every arm's counts, and the differences between arms, ``(draw, column)``."""
    n_draws = len(chances[0])
    centre = study.centre_sd * rng.standard_normal((n_draws, chances[0].shape[1]))
    arms = []
    for arm, chance in zip(study.arms, chances, strict=True):
        counts = rng.binomial(arm.n, expit(logit(chance) + centre))
        arms.append(np.log((counts + 0.5) / (arm.n - counts + 0.5)))
    differences = [b - arms[0] for b in arms[1:]]
    return np.concatenate([*arms, *differences], axis=1)


def evsi(decision: Decision, study: Study, sd: float = 0.3, given: Known | None = None) -> Worth:
    """Expected value of the sample information of a study, for patients like the one of the decision.

    Parameters
    ----------
    decision
        With the spread ``sd`` of the unmodelled effect (see :func:`~neorlt.planning.decision.decide.with_unmodelled_sd`).
    study
        Arms by the names of the decision's options.
    sd
        Said with the result.
    given
        From :func:`known`, where several studies are compared.
    """
    given = known(decision, (study,)) if given is None else given
    chances = [given.chances[arm.option, study.landmark_years] for arm in study.arms]
    rng = generator(decision.inputs.world.seed, "value", study.name, f"{sd:g}")
    mean = given.utility.mean(axis=0)
    found = []
    for _ in range(REPEATS):
        summaries = simulate_summaries(study, chances, rng)
        after = main_effects(given.utility, {"trial": summaries}).curves["trial"]
        found.append(worth(after, mean, decision.eligible))
    gains = np.array([gain for gain, _ in found])
    error = float(np.hypot(gains.std(ddof=1) / np.sqrt(REPEATS), np.mean([e for _, e in found])))
    ceiling, _ = worth(given.utility, mean, decision.eligible)
    return Worth(study.name, study.n, sd, 12 * float(gains.mean()), 12 * error, 12 * ceiling)


def usual_studies(decision: Decision) -> tuple[Study, ...]:
    """The three designs that are always shown: one arm of 31, scheme against scheme, RLT against operating now (2 x 100)."""
    rlt = [option.name for option in decision.options if option.kind is Kind.RLT_THEN_SURGERY]
    now = next(option.name for option in decision.options if option.kind is Kind.OPERATE_NOW)
    studies = [Study("one arm of 31, RLT then surgery", (InformationArm(rlt[0], 31),))]
    if len(rlt) > 1:
        studies.append(Study("2 x 100, scheme against scheme", (InformationArm(rlt[0], 100), InformationArm(rlt[1], 100))))
    studies.append(Study("2 x 100, RLT against operating now", (InformationArm(now, 100), InformationArm(rlt[0], 100))))
    return tuple(studies)


def trial_table(decision: Decision, studies: Sequence[Study] | None = None, spreads: Sequence[float] = SPREADS) -> dict[str, Any]:
    """Every study under every spread of the unmodelled effect, best first at the middle one; for the report."""
    studies = tuple(studies or usual_studies(decision))
    rows: dict[str, list[Worth]] = {study.name: [] for study in studies}
    for sd in spreads:
        under = with_unmodelled_sd(decision, sd)
        given = known(under, studies)
        for study in studies:
            rows[study.name].append(evsi(under, study, sd, given))
    middle = len(spreads) // 2
    ranks = {tuple(name for _, name in sorted((-rows[name][k].months, name) for name in rows)) for k in range(len(spreads))}
    ordered = sorted(rows, key=lambda name: -rows[name][middle].months)
    changes = len(ranks) > 1
    rank = "the ranking changes with the spread of the unmodelled effect: an assumption" if changes else "the ranking holds at every spread"
    return {
        "sd": list(spreads), "ranking_rests_on_assumption": changes,
        "rows": [{"name": name, "n": rows[name][0].n, "months": [w.months for w in rows[name]],
            "mc_error": [w.mc_error for w in rows[name]],
                  "evppi_ceiling": [w.ceiling for w in rows[name]],
                      "months_per_enrolled": rows[name][middle].per_enrolled()} for name in ordered],
        "note": f"Patients like this one, {PATIENTS_PER_YEAR:g} a year for {YEARS:g} years (assumption), those enrolled taken off; "
                f"centres differ by "
        f"{CENTRE_SD:g} on the log-odds scale (assumption); {rank}.",
    }


def typical_patient(design: TrialDesign) -> Patient:
    """The middle of those whom a design enrols: medians of the numbers, the commoner of the flags."""
    from neorlt.trials.population import enrol

    drawn = enrol(400, design.eligibility, generator(design.seed, "value", "typical"))
    middle = {name: float(np.median(values)) for name, values in drawn.columns.items()}
    often = {name: float(np.mean(values)) > 0.5 for name, values in drawn.columns.items()}
    vessels = [{"name": name, "contact_deg": round(middle[key])}
               for name, key in (("SMV", "vein_deg"), ("SMA", "artery_deg")) if middle[key] >= 1]
    size, ki67 = round(middle["size_mm"]), round(middle["ki67_pct"], 1)
    lesions: list[dict[str, Any]] = [{"id": "primary", "site": "pancreas-head" if often["head"] else "pancreas-tail",
        "longest_diameter_mm": size,
                                      "ki67_pct": ki67, "vessels": vessels}]
    if often["liver_metastases"]:
        lesions.append({"id": "liver-1", "site": "liver", "longest_diameter_mm": round(middle["liver_lesion_mm"]), "ki67_pct": ki67})
    return patient_from({"id": "typical", "baseline": {
        "age_y": round(middle["age_y"]), "sex": "M" if often["male"] else "F", "egfr_ml_min": round(middle["egfr_ml_min"]),
        "platelets_e9_per_l": round(middle["platelets_e9_per_l"]), "haemoglobin_g_dl": round(middle["haemoglobin_g_dl"], 1),
        "krenning": 3, "performance_status": 0, "functioning": False}, "lesion": lesions}, design.name)


def study_of(design: TrialDesign) -> tuple[Study, tuple[Scheme, ...]]:
    """A design's arms as options, and the schemes among them."""
    schemes: list[Scheme] = []
    for arm in design.arms:
        if arm.scheme is not None and arm.scheme not in schemes:
            schemes.append(arm.scheme)
    words = {"upfront-surgery": Kind.OPERATE_NOW, "chemotherapy": Kind.CHEMOTHERAPY_THEN_SURGERY}
    named = options_for(schemes or [parse_scheme("4 x 7.4 GBq Lu-177 every 8 weeks")])
    arms = []
    for arm in design.arms:
        kind = words.get(arm.kind, Kind.RLT_THEN_SURGERY)
        option = next(o for o in named if o.kind is kind and (o.scheme == arm.scheme or kind is not Kind.RLT_THEN_SURGERY))
        arms.append(InformationArm(option.name, arm.n))
    landmark = float(np.clip(design.follow_up_months / 12.0, 0.5, 10.0))
    given = tuple(o.scheme for o in named if o.kind is Kind.RLT_THEN_SURGERY and o.scheme is not None)
    return Study(design.name, tuple(arms), landmark), given


def value_document(
    design: TrialDesign, patient: Patient | None = None, *, n_draws: int = N_DRAWS, patients_per_year: float = PATIENTS_PER_YEAR,
    years: float = YEARS, own: CentrePosterior | None = None,
) -> dict[str, Any]:
    """What a design's result would be worth to patients like those it enrols."""
    study, schemes = study_of(design)
    who = typical_patient(design) if patient is None else patient
    options = options_for(schemes)
    decision = evaluate(gather(build_world(who, n_draws=n_draws, seed=design.seed, own=own), options, open_gate(who, options)), Settings())
    table = trial_table(decision, (study,))
    row = table["rows"][0]
    middle = SPREADS.index(0.3)
    found = Worth(study.name, study.n, 0.3, row["months"][middle], row["mc_error"][middle], row["evppi_ceiling"][middle])
    return {
        "design": design.name, "n": study.n, "evsi": found.months, "mc_error": found.mc_error, "evppi_ceiling": found.ceiling,
        "evsi_per_patient": found.per_enrolled(patients_per_year, years), "unit": "quality-adjusted months",
        "patients_per_year": patients_per_year, "years": years, "landmark_years": study.landmark_years, "centre_sd": study.centre_sd,
        "by_unmodelled_sd": row | {"sd": table["sd"]},
        "patient": {"age_y": who.age_y, "size_mm": who.lesions[0].longest_diameter_mm, "ki67_pct": who.ki67_pct,
                    "vessels": [{"name": v.name, "contact_deg": v.contact_deg} for v in who.lesions[0].vessels]},
        "best_now": decision.best.name, "n_draws": n_draws, "seed": design.seed,
        "note": "evsi: gain a later patient like those enrolled, from choosing after the result; evsi_per_patient: gain of all later "
                "patients, those "
        "enrolled taken off, for each patient enrolled.",
    }

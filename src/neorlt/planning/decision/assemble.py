"""From rates, restaging and gate to the inputs of the course: one column an option, every option in the same worlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from neorlt.core.errors import InputError
from neorlt.planning.decision import before
from neorlt.planning.decision.course import LAST_AGE, Background, Paths, hazard_ratio_for, residual_life_y
from neorlt.planning.decision.gate import Gate, Verdict, lies_in_head, patient_facts
from neorlt.planning.decision.options import USUAL, Kind, Option
from neorlt.planning.decision.rates import Rates, draw_rates, fixed, gompertz, rate_table
from neorlt.planning.earlier import BODEI, USUAL_COURSE_GBQ
from neorlt.planning.patient import YOUNGEST_Y, Patient
from neorlt.planning.prediction import KIDNEY_SHARE
from neorlt.planning.scheme import Scheme, parse_scheme
from neorlt.planning.world import World
from neorlt.response.course import kidney_limit_gy
from neorlt.response.kidney import p_egfr_below
from neorlt.response.parameters import ASSUMED_KI67_PCT

Floats = NDArray[np.float64]
WEEKS_PER_YEAR = 365.25 / 7
OLDEST_Y = LAST_AGE
"""The course ends there: no life expectancy reaches beyond it."""
LAST_SEEN_WEEK = float(before.UNTREATED_WEEKS[-1])
LIVER_REMOVABLE = {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 0.3, 5: 0.3}
"""Chance that all liver metastases can be removed, by their number (assumption)."""
REMOVABLE_BEYOND = 0.05
"""The same of more in the liver, and of any metastasis outside liver and nodes (assumption)."""


@dataclass(frozen=True)
class Inputs:
    """All that the decision of one patient rests on, before the course is followed."""

    world: World
    rates: Rates
    options: tuple[Option, ...]
    gates: tuple[Gate, ...]
    growth: before.Growth
    restaged: Mapping[str, before.Before]
    """By option name, for those that treat before surgery or instead of it."""
    reference_gain: float
    """Mean log volume gain of the usual course: what the published effect on progression belongs to."""

    def with_rates(self, **changes: Any) -> Inputs:
        """The same with some rates set."""
        return replace(self, rates=self.rates.replaced(**changes))


def need_facts(patient: Patient) -> None:
    """Refuse a patient for whom the decision cannot be made: without an age, a young child, a lesion whose primary lies elsewhere.

    Raises
    ------
    InputError
        With what is missing or contradicts.
    """
    found = cannot_decide(patient)
    if found is not None:
        raise found


def cannot_decide(patient: Patient) -> InputError | None:
    """Why nothing can be decided for a patient, or None."""
    if patient.age_y is None:
        return InputError("the decision needs the patient's age", where="[baseline]", remedy="give age_y in years")
    if patient.age_y < YOUNGEST_Y:
        return InputError(
            "the decision is made for adults", expected=f"age_y of {YOUNGEST_Y:g} or more (the label's least age; mortality is that of a "
            "life table from 40 years on)", found=f"age_y = {patient.age_y:g}", where="[baseline]",
            remedy="correct age_y; for a child no option here was studied")
    if patient.origin not in (None, "pancreas") and patient.pancreatic:
        return InputError(
            "primary contradicts a lesion's site", expected='primary = "pancreas" for a tumour that is to be removed from the pancreas',
            found=f'primary = "{patient.origin}", lesion {patient.pancreatic[0].id} in {patient.pancreatic[0].site}', where="[baseline]",
            remedy='leave primary out or write "pancreas" if it is a primary of its own; if it is a metastasis, the operations compared '
                   "here are not meant for it")
    if patient.life_expectancy_months is not None and patient.age_y + patient.life_expectancy_months / 12.0 > OLDEST_Y:
        most = 12 * (OLDEST_Y - patient.age_y)
        return InputError("life_expectancy_months passes the end of the life table", expected=f"at most {most:.0f} months at this age",
                          found=f"{patient.life_expectancy_months:g} at {patient.age_y:g} years", where="[baseline]",
                          remedy="give months, as the clinic judges them without the tumour, or leave it out")
    return None


def fitness_doubts(patient: Patient) -> list[str]:
    """A stated life expectancy that the stated performance status hardly allows: taken as stated, and said."""
    stated, status = patient.life_expectancy_months, patient.performance_status
    if stated is None or status is None or status < 3 or patient.age_y is None:
        return []
    log_ratio = rate_table()["log_hr_background_per_ps"]["parameters"][0] * status
    usual = 12 * residual_life_y(patient.age_y, gompertz(patient.sex), float(np.exp(log_ratio)))
    if stated <= 2 * usual:
        return []
    return [f"Performance status {status} and a life expectancy of {stated:g} months hardly fit: for this age and status the course would "
            f"expect {usual:.0f} months. The stated one is taken; check both."]


Known = dict[Any, Any]
"""What was simulated in one world: growth under ``growth``, rates under ``rates``, restaging by scheme."""


def gather(
    world: World, options: Sequence[Option], gates: Sequence[Gate], rates: Rates | None = None, known: Known | None = None
) -> Inputs:
    """Simulate every treatment once in the world's draws; ``known`` holds what was, and is filled."""
    need_facts(world.patient)
    known = {} if known is None else known
    if rates is None:
        rates = known.setdefault("rates", draw_rates(world.n_draws, world.seed))
    if "growth" not in known:
        known["growth"] = before.untreated(world)
    growth: before.Growth = known["growth"]

    def treated(scheme: Scheme) -> before.Before:
        key = (tuple((c.week, tuple(sorted(c.activity_gbq.items())), c.sensitiser) for c in scheme.cycles), scheme.surgery_weeks_after_last)
        if key not in known:
            known[key] = before.rlt(world, scheme, growth)
        found: before.Before = known[key]
        return found

    restaged = {}
    for option in options:
        if option.scheme is not None:
            restaged[option.name] = treated(option.scheme)
        elif option.kind is Kind.CHEMOTHERAPY_THEN_SURGERY:
            restaged[option.name] = before.captem(world, rates, growth)
    gain = reference_gain(treated(parse_scheme(USUAL[0]))) if any(option.kind.is_rlt for option in options) else 1.0
    gates = [_with_kidneys(gate, world, restaged[option.name]) if option.kind.is_rlt else gate
             for option, gate in zip(options, gates, strict=True)]
    return Inputs(world, rates, tuple(options), tuple(gates), growth, restaged, gain)


def _with_kidneys(gate: Gate, world: World, state: before.Before) -> Gate:
    """The gate of a scheme with a reason to hesitate where its kidney BED, with that of earlier cycles, may pass the limit."""
    limit = kidney_limit_gy(world.patient.kidney_risk_factors)
    share = float(np.mean(state.kidney_bed_gy > limit))
    if share < KIDNEY_SHARE or gate.verdict is Verdict.NO:
        return gate
    earlier = float(world.earlier_kidney_bed_gy.mean())
    before_it = f", {earlier:.0f} Gy of it by earlier cycles" if earlier > 0 else ""
    words = (f"a {100 * share:.0f} % chance of a kidney BED over {limit:g} Gy ({state.kidney_bed_gy.mean():.0f} Gy on average{before_it}); "
             f"{BODEI}")
    return Gate(Verdict.HESITATE, (*gate.reasons, words))


def reference_gain(usual: before.Before) -> float:
    """Mean log volume gain of the usual course, to which the published effect on progression belongs."""
    return max(float(np.mean(usual.log_volume_gain)), 1e-3)


def p_operable(rates: Rates, contact: Floats) -> Floats:
    """Chance that a tumour with this contact (units of :func:`before.contact_units`) can be resected, ``(draw,)``.

    Untouched: stated. At the contact of the published series: the rate at which tumours unresectable by their vessels became
    resectable after RLT, as fitted with a level for the series. Between and beyond: a straight line on the logit.
    """
    top = logit(rates["p_operable_untouched"])
    slope = np.maximum(top - rates["became_resectable_logit"], 0.3) / rates["contact_of_the_series"]
    return np.asarray(expit(top - slope * contact))


def p_in_vain(rates: Rates, contact: Floats) -> Floats:
    """Chance that a tumour judged resectable with this contact is explored and left, ``(draw,)``."""
    return np.asarray(expit(logit(np.clip(rates["p_explored_and_left"], 1e-4, 0.9)) + rates["logit_explored_per_contact"] * contact))


def p_removable(patient: Patient) -> float:
    """Chance that the tumour of the pancreas and all metastases can be removed; 0 where no tumour of the pancreas is given."""
    if patient.primary is None:
        return 0.0
    if patient_facts(patient)["extrahepatic"]:
        return REMOVABLE_BEYOND
    return LIVER_REMOVABLE.get(sum(lesion.is_liver for lesion in patient.lesions), REMOVABLE_BEYOND)


def background_of(patient: Patient, rates: Rates) -> Background:
    """Mortality without the tumour: life table, frailty, or the stated life expectancy."""
    assert patient.age_y is not None
    table = gompertz(patient.sex)
    n = rates.n_draws
    if patient.life_expectancy_months is not None:
        ratio = np.full(n, hazard_ratio_for(patient.life_expectancy_months / 12.0, patient.age_y, table))
    else:
        log_ratio = rates["log_hr_background_per_ps"] * float(patient.performance_status or 0)
        if patient.egfr_ml_min is not None and patient.egfr_ml_min < 45:
            log_ratio = log_ratio + rates["log_hr_background_egfr_below_45"]
        ratio = np.exp(np.broadcast_to(log_ratio, (n,)))
    return Background(float(patient.age_y), table, ratio, rates["neoplasm_latency_months"] / 12.0, fixed("neoplasm_latency_log_sd"),
                      rates["neoplasm_death_per_year"], rates["u_neoplasm"])


@dataclass(frozen=True)
class Built:
    """Inputs of the course and the chances that are not part of it, each ``(draw, option)`` or None where an input is missing."""

    paths: Paths
    background: Background
    weeks_to_surgery: Floats
    """NaN where no operation follows."""
    p_severe: Floats
    """Given that the operation is done."""
    p_any: Floats
    """Any complication, given that the operation is done."""
    p_fistula: Floats
    grade34_blood: Floats | None
    egfr_below_30: Floats | None
    grew: Floats
    """Chance that the primary has grown by a fifth and 5 mm at restaging."""
    operable: Floats
    """Chance of being resectable by contact at restaging."""


def build(inputs: Inputs, operate_at_week: float | None = None) -> Built:
    """Put the inputs of the course together; ``operate_at_week`` puts off the operation of *operate now*, nothing else done."""
    world, rates, patient = inputs.world, inputs.rates, inputs.world.patient
    n = world.n_draws
    facts = patient_facts(patient)
    lesion = patient.lesions[patient.followed]
    size = lesion.longest_diameter_mm
    ki67 = patient.ki67_pct or ASSUMED_KI67_PCT
    head = patient.primary is not None and lies_in_head(lesion.site)
    spread = facts["n_liver"] or facts["extrahepatic"]
    touched = bool(facts["touched"])
    removable = not facts["extrahepatic"] and (facts["n_liver"] or 0) <= 3
    z = np.zeros(n)
    # -- hazards that belong to the baseline tumour
    log_ki67 = np.log(ki67 / fixed("ki67_reference_pct"))
    metastasis = (rates["metastasis_per_year"] * np.exp(rates["metastasis_per_log_size"] * np.log(size / 20.0)
                                                        + rates["metastasis_per_log_ki67"] * log_ki67))
    metastasis = np.minimum(metastasis, 1.5)
    recurrence = (rates["recurrence_per_year"] * np.exp(
        rates["recurrence_per_log_ki67"] * log_ki67 + rates["log_hr_recurrence_per_doubling"] * np.log2(size / fixed("size_reference_mm"))
        + rates["log_hr_recurrence_vessel"] * touched + rates["log_hr_recurrence_liver"] * bool(facts["n_liver"])
        + rates["log_hr_recurrence_nodes"] * bool(facts["nodes"])))
    progression = rates["progression_per_year"] * np.exp(
        rates["progression_per_log_ki67"] * np.log(ki67 / fixed("progression_ki67_reference_pct")))
    death_recurrence = rates["death_after_recurrence_per_year"] * np.exp(rates["death_per_log_ki67"] * np.log(ki67 / 5.0))
    death_progression = rates["death_after_progression_per_year"] * np.exp(rates["death_per_log_ki67"] * np.log(ki67 / 5.0))
    limit = fixed("recurrence_limit_per_year")
    # -- operation
    decades = max((patient.age_y or 0.0) - 60.0, 0.0) / 10.0
    fragile = rates["log_or_death_per_ps"] * float(patient.performance_status or 0) + rates["log_or_death_egfr_below_30"] * float(
        patient.egfr_ml_min is not None and patient.egfr_ml_min < 30)
    p_death = expit(logit(rates["p_operative_death"]) + rates["log_or_death_head"] * head + rates["log_or_death_per_decade"] * decades
                    + fragile)
    p_severe = expit(logit(rates["p_severe_complication"]) + rates["log_or_severe_head"] * head + rates["log_or_severe_vessel"] * touched)
    # Whoever has a severe complication has one.
    p_any = np.maximum(expit(logit(rates["p_any_complication"]) + rates["log_or_any_head"] * head), p_severe)
    insufficiency = rates["u_loss_insufficiency_head" if head else "u_loss_insufficiency_tail"]
    hormone = rates["u_loss_hormone"] * float(patient.functioning or 0)
    fit = _fit_for_surgery(facts)
    rlt_open = any(g.verdict is not Verdict.NO for o, g in zip(inputs.options, inputs.gates, strict=True) if o.kind.is_rlt)
    held = rates["u_stable"] - rates["u_progressing"]
    u_recurrent = rates["u_progressing"] + rates["stable_share_after_recurrence"] * held
    u_progressed = rates["u_progressing"] + rates["stable_share_after_progression"] * held
    u_local = rates["u_disease_free"] - rates["u_loss_watching"]
    u_in_place = (rates["u_stable"] if spread or facts["locally_advanced"] else u_local) - hormone
    contact_now = before.contact_units(lesion, before.contact_seen(world, z))
    resectable_now = p_operable(rates, contact_now) * p_removable(patient) * (1.0 - p_in_vain(rates, contact_now))
    r0_now = expit(rates["logit_r0_untouched"] - rates["logit_r0_per_contact"] * contact_now)
    # What is already seeded shows itself with or without the primary: waiting is never safer than after the operation, with the
    # margins that it would have now.
    seeded = np.minimum(recurrence * (r0_now + (1.0 - r0_now) * np.exp(rates["log_hr_recurrence_r1"])), limit)

    def in_place_hazard(next_hr: Floats, hr: Floats | float) -> Floats:
        """What stays in place does not keep quiet longer than what waits for its operation, or than what has been removed."""
        return np.asarray(np.minimum(np.maximum(np.maximum(progression, metastasis) * np.exp(next_hr), seeded * hr * removable), 3.0))

    columns: dict[str, list[Floats]] = {name: [] for name in (
        *Paths.__dataclass_fields__, "weeks", "p_severe", "blood", "egfr", "grew", "operable")}
    for option in inputs.options:
        state = inputs.restaged.get(option.name)
        kind = option.kind
        meant = kind.has_surgery or (kind is Kind.OBSERVE and fit and not facts["locally_advanced"] and not spread)
        treated_hr, next_hr, log_hr = z, z, z
        if kind is Kind.OPERATE_NOW:
            week = np.full(n, fixed("weeks_to_operation") if operate_at_week is None else operate_at_week)
            ratio, grew = _grown(inputs.growth, week), z
        elif kind is Kind.OBSERVE:
            # Growth is seen first, and the operation is then arranged like any other.
            week = inputs.growth.week_of(float(np.log1p(fixed("observe_growth_mm") / size))) + fixed("weeks_to_operation")
            week = np.where(week <= fixed("observe_latest_months") / 12 * WEEKS_PER_YEAR, week, np.inf)
            ratio, grew = _grown(inputs.growth, week), np.ones(n)
        elif state is not None:
            week, ratio, grew = state.week, state.log_diameter, state.grew.astype(float)
        else:
            week, ratio, grew = z, z, z
        if kind.is_rlt and state is not None:
            share = np.clip(state.log_volume_gain / inputs.reference_gain, 0.0, 2.0)
            treated_hr, log_hr = rates["log_hr_metastasis_rlt"] * np.minimum(share, 1.0), rates["log_hr_unmodelled"]
            next_hr = rates["log_hr_progression_rlt"] * share
        elif kind is Kind.CHEMOTHERAPY_THEN_SURGERY:
            treated_hr, next_hr = rates["log_hr_metastasis_captem"], rates["log_hr_progression_captem"]
        elif kind is Kind.SOMATOSTATIN_ANALOGUE:
            next_hr = rates["log_hr_progression_ssa"]
        elif kind in (Kind.OPERATE_NOW, Kind.OBSERVE) and meant:
            # Who cannot be resected after all gets what is open to him then, whenever it is found out.
            next_hr = rates["log_hr_progression_rlt"] if rlt_open else rates["log_hr_progression_ssa"]
        # -- surgery
        reach = np.isfinite(week)
        contact = before.contact_units(lesion, before.contact_seen(world, ratio))
        operable = p_operable(rates, contact) * p_removable(patient)
        if kind in (Kind.RLT_THEN_SURGERY, Kind.CHEMOTHERAPY_THEN_SURGERY):
            operable_done = operable * (1.0 - rates["p_decline"])
        else:
            operable_done = operable
        if not meant:
            operable_done = z
        left = p_in_vain(rates, contact)
        r0 = expit(rates["logit_r0_untouched"] - rates["logit_r0_per_contact"] * contact)
        resectable = operable_done * (1.0 - left)
        dead, resected = resectable * p_death, resectable * (1.0 - p_death)
        explored = operable_done * left / np.maximum(1.0 - resectable, 1e-9)
        # What cannot be resected now cannot later either, if nothing is done about it; treatment may change that.
        waits_untreated = meant and state is None
        in_place = 1.0 - np.maximum(resectable_now, resectable) if waits_untreated else z
        grown_in = np.maximum(np.log(np.maximum(resectable_now, 1e-9) / np.maximum(resectable, 1e-9)), 0.0) if waits_untreated else z
        # Watching that never ends, and options without an operation: the tumour stays, from the start or for good.
        waits = meant or kind is Kind.RLT_ALONE
        at = np.where(reach, week, 130.0 * WEEKS_PER_YEAR) / WEEKS_PER_YEAR if waits else z
        waiting_hazard = np.minimum(np.maximum(seeded * np.exp(log_hr), metastasis) * np.exp(treated_hr), limit)
        # A tumour in place has one value, whoever left it there.
        u_stable = u_in_place
        during = {Kind.RLT_THEN_SURGERY: "u_loss_rlt", Kind.RLT_ALONE: "u_loss_rlt",
                  Kind.CHEMOTHERAPY_THEN_SURGERY: "u_loss_captem"}.get(kind)
        early = z
        u_waiting = u_in_place - (rates[during] if during else 0.0)
        if kind is Kind.SOMATOSTATIN_ANALOGUE:
            u_stable = u_in_place - rates["u_loss_ssa"]
        toxic = None if state is None else state.grade34_blood
        if toxic is not None:
            early = early + rates["qaly_loss_blood"] * toxic
        egfr = _egfr(patient, world.earlier_kidney_bed_gy if state is None else state.kidney_bed_gy, world.seed)
        marrow = world.earlier_marrow_gy if state is None else state.marrow_gy
        usual = np.asarray(world.marrow_gy_per_gbq[:, 0], float) * USUAL_COURSE_GBQ
        neoplasm = expit(logit(rates["p_second_neoplasm"]) + rates["neoplasm_log_or_per_decade"] * ((patient.age_y or 60.0) - 60.0) / 10.0)
        neoplasm = np.minimum(neoplasm * marrow / usual, 0.9)
        if kind is Kind.CHEMOTHERAPY_THEN_SURGERY:
            neoplasm = 1.0 - (1.0 - neoplasm) * (1.0 - rates["p_captem_neoplasm"])
        hr = np.exp(log_hr)
        hr_r1 = np.exp(rates["log_hr_recurrence_r1"])
        once = rates["qaly_loss_operation"] + rates["qaly_loss_severe"] * p_severe
        values: dict[str, Any] = {
            "surgery_at": at, "metastasis": waiting_hazard, "unresectable": in_place,
            "growing_in": grown_in / np.maximum(np.where(reach, week, LAST_SEEN_WEEK) / WEEKS_PER_YEAR, 1e-3),
            "progression_waiting": in_place_hazard(z, 1.0), "p_r0": resected * r0, "p_r1": resected * (1.0 - r0), "p_dead": dead,
            "p_dead_in_vain": explored * p_death, "qaly_in_vain": explored * once,
            "recurrence_r0": np.minimum(recurrence * hr, limit), "recurrence_r1": np.minimum(recurrence * hr * hr_r1, limit),
            "death_after_recurrence": np.minimum(death_recurrence, 3.0),
            "progression": in_place_hazard(next_hr, hr),
            "death_after_progression": np.minimum(death_progression, 3.0), "u_waiting": u_waiting,
            "u_disease_free": rates["u_disease_free"] - insufficiency, "u_recurrent": u_recurrent, "u_stable": u_stable,
            "u_progressed": u_progressed - hormone, "qaly_at_surgery": once * resectable, "qaly_early": early,
            "kidney_loss": rates["qaly_loss_kidney_per_year"] * (0.0 if egfr is None else egfr), "p_neoplasm": neoplasm,
            "weeks": np.where(reach, week, np.nan) if meant else np.full(n, np.nan), "p_severe": p_severe,
            "blood": z if toxic is None else toxic.astype(float), "egfr": z if egfr is None else egfr, "grew": grew,
            "operable": operable if meant else z,
        }
        for name, value in values.items():
            columns[name].append(np.broadcast_to(np.asarray(value, float), (n,)))

    def stacked(name: str) -> Floats:
        return np.stack(columns[name], axis=1)

    counted = bool(patient.blood_baselines)
    fistula = np.repeat(rates["p_fistula"][:, None], len(inputs.options), axis=1)
    return Built(
        Paths(**{name: stacked(name) for name in Paths.__dataclass_fields__}), background_of(patient, rates), stacked("weeks"),
        stacked("p_severe"), np.repeat(p_any[:, None], len(inputs.options), axis=1), fistula, stacked("blood") if counted else None,
        stacked("egfr") if patient.egfr_ml_min is not None else None, stacked("grew"), stacked("operable"))


def _grown(growth: before.Growth, week: Floats) -> Floats:
    """Log ratio of the diameter when it is operated on, or at the last read-out where it never is."""
    return growth.at(np.where(np.isfinite(week), week, LAST_SEEN_WEEK))


def _fit_for_surgery(facts: Mapping[str, float | None]) -> bool:
    from neorlt.planning.decision.gate import ROWS

    return not any(row.about_fitness and row.verdict is Verdict.NO and row.holds(facts) for row in ROWS)


def _egfr(patient: Patient, bed: Floats, seed: int) -> Floats | None:
    if patient.egfr_ml_min is None:
        return None
    return p_egfr_below(bed, patient.egfr_ml_min, 5.0, 30.0, seed, bool(patient.kidney_risk_factors), patient.age_y)

"""The cycle loop and the prediction: doses of every cycle go into the response model, read-outs come out.

Every scheme of a comparison is predicted in the same worlds: the same parameters, the same lesions, the same doses
per activity. Schemes differ by what they do, not by luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.limits import kidney_bed_limit_gy
from neorlt.clinic.recist import select_targets
from neorlt.clinic.vessels import Resectability, is_head, resectability_code, vessel_codes
from neorlt.core.draws import N_DRAWS, Interval, generator, summarise
from neorlt.core.labels import Label
from neorlt.dosimetry.objects import Dose
from neorlt.planning.doses import Kinetics, cycle_doses_gy, cycle_log_sd, fall_per_cycle, kidney_kinetics, lesion_kinetics
from neorlt.planning.patient import LesionBaseline, Patient
from neorlt.planning.prediction import BloodCourse, Comparison, Prediction, Probability
from neorlt.planning.scheme import Scheme
from neorlt.response import blood
from neorlt.response.arrays import LesionArrays, LesionEffects, Outcome, ScheduleArrays, draw_lesion_effects
from neorlt.response.kidney import kidney_bed_gy
from neorlt.response.parameters import SENSITISERS, Parameters, draw_parameters
from neorlt.response.readouts import grade_change, liver_burden, objective_response
from neorlt.response.simulate import simulate
from neorlt.response.timing import one_more_month
from neorlt.response.vessels import VesselContact, vessel_course

N_REPLICATES = 20
"""Patients simulated within each draw of the parameters, so that a probability has an interval of its own."""
ASSUMED_KI67_PCT = 5.0
"""Where no Ki-67 is known the lesion grows as a G2 (assumption); no Ki-67 or grade is then reported."""
READOUT_STEP_WEEKS = 4.0
BLOOD_REPLICATES = 4
WEEKS_AFTER_SURGERY = 13.0
"""How long blood counts are followed after surgery."""


@dataclass(frozen=True)
class World:
    """All that the schemes of one comparison share."""

    patient: Patient
    parameters: Parameters
    lesions: LesionArrays
    effects: LesionEffects
    kinetics: tuple[Kinetics, ...]
    kidneys: Kinetics
    seed: int

    def take(self, index: NDArray[np.intp]) -> World:
        """The draws at ``index`` (repeats allowed), the first replicate of each."""
        effects, first = self.effects, np.asarray(index) * self.effects.n_replicates
        return replace(
            self, parameters=self.parameters.take(index),
            effects=LesionEffects(effects.alpha_z[first], effects.growth_z[first], effects.baseline_z[first], 1, effects.seed),
            kinetics=tuple(kinetics.take(index) for kinetics in self.kinetics), kidneys=self.kidneys.take(index),
        )


def build_world(
    patient: Patient, lesion_doses: Mapping[str, Dose] | None = None, kidney_doses: Mapping[str, Dose] | None = None, *,
    n_draws: int = N_DRAWS, n_replicates: int = N_REPLICATES, seed: int = 1,
) -> World:
    """Draw everything that does not depend on the scheme.

    Parameters
    ----------
    patient
        The patient at baseline.
    lesion_doses, kidney_doses
        Measured doses by lesion id and by kidney, with as many draws as ``n_draws``; left out, the patient file or
        the population speaks.
    n_draws, n_replicates, seed
        Draws of the parameters, patients within each, seed.
    """
    parameters = draw_parameters(n_draws, seed)
    known = patient.ki67_pct
    lesions = LesionArrays(
        volume_ml=np.array([lesion.volume_ml for lesion in patient.lesions]),
        ki67_pct=np.array([lesion.ki67_pct or known or ASSUMED_KI67_PCT for lesion in patient.lesions]),
        is_liver=np.array([lesion.is_liver for lesion in patient.lesions]),
        diameter_mm=np.array([lesion.longest_diameter_mm for lesion in patient.lesions]),
    )
    effects = draw_lesion_effects(parameters, lesions, n_replicates, seed)
    images = lesion_doses or {}
    kinetics = tuple(
        lesion_kinetics(patient, lesion, images.get(lesion.id), seed, n_draws) for lesion in patient.lesions
    )
    return World(patient, parameters, lesions, effects, kinetics, kidney_kinetics(patient, kidney_doses or {}, seed, n_draws), seed)


def primary_index(patient: Patient) -> int:
    """The pancreatic primary, else the largest lesion."""
    primary = patient.primary
    if primary is not None:
        return patient.lesions.index(primary)
    return int(np.argmax([lesion.longest_diameter_mm for lesion in patient.lesions]))


def schedule_of(world: World, scheme: Scheme, times_week: NDArray[np.float64]) -> ScheduleArrays:
    """Doses of every lesion and cycle: the cycle loop, with the fall of uptake and the scatter between cycles."""
    patient = world.patient
    doses = np.stack(
        [
            cycle_doses_gy(kinetics, scheme, fall=fall_per_cycle(patient, lesion), log_sd=cycle_log_sd(),
                           rng=generator(world.seed, patient.id, lesion.id, "cycles"))
            for lesion, kinetics in zip(patient.lesions, world.kinetics, strict=True)
        ],
        axis=1,
    )
    return ScheduleArrays(
        week=np.array([cycle.week for cycle in scheme.cycles], dtype=np.float32),
        dose_gy=doses.astype(np.float32),
        effective_half_life_h=np.stack([kinetics.half_life_h for kinetics in world.kinetics], axis=1).astype(np.float32),
        times_week=times_week.astype(np.float32),
        sensitiser=np.array([SENSITISERS.index(cycle.sensitiser) for cycle in scheme.cycles], dtype=np.intp),
    )


def to_kidney_limit(world: World, scheme: Scheme) -> Scheme:
    """Scale a scheme's activities to its ``kidney_p_over``; a scheme without one stays as it is.

    BED is dose plus a square of dose: in each draw one scale meets the limit, and the scheme takes the quantile of these
    scales. No cycle exceeds 50 GBq.
    """
    if scheme.kidney_p_over is None or not scheme.cycles:
        return scheme
    dose = cycle_doses_gy(world.kidneys, scheme)
    bed = kidney_bed_gy(world.parameters, dose, world.kidneys.half_life_h, [cycle.week for cycle in scheme.cycles])
    linear = dose.sum(axis=(1, 2))
    square = np.maximum(bed - linear, 1e-12)
    limit = float(kidney_bed_limit_gy(world.patient.kidney_risk_factors))
    scale = (np.sqrt(linear**2 + 4 * square * limit) - linear) / (2 * square)
    factor = float(np.quantile(scale, scheme.kidney_p_over))
    factor = min(factor, *(50.0 / activity for cycle in scheme.cycles for activity in (*cycle.activity_gbq.values(), 1.0)))
    cycles = tuple(replace(cycle, activity_gbq={name: round(activity * factor, 3) for name, activity in cycle.activity_gbq.items()})
                   for cycle in scheme.cycles)
    return replace(scheme, cycles=cycles, kidney_p_over=None)


def predict(world: World, scheme: Scheme, horizon_week: float = 0.0) -> Prediction:
    """Predict one scheme in a world that other schemes share.

    ``horizon_week`` lets schemes of one comparison be read out over the same time, so that the compiled model is
    shared too.
    """
    patient, n = world.patient, world.effects.n_replicates
    scheme = to_kidney_limit(world, scheme)
    surgery = scheme.surgery_week
    horizon = max(horizon_week, surgery)
    times = np.unique(np.concatenate([np.arange(0.0, horizon + 8.1, READOUT_STEP_WEEKS), [surgery]]))
    at = int(np.searchsorted(times, surgery))
    schedule = schedule_of(world, scheme, times)
    # Blood and tumour do not depend on each other: side by side they compile and run in the time of one.
    with ThreadPoolExecutor(max_workers=1) as pool:
        blood_counts = pool.submit(_blood, world, scheme, horizon)
        outcome = simulate(world.parameters, world.lesions, schedule, world.effects)
    primary = primary_index(patient)
    contacts = vessel_contacts(world, outcome.diameter_mm[:, primary, :])
    reasons: dict[str, str] = {}
    response = _objective_response(world, outcome, at, reasons)
    resectable, not_advanced = _resectability(patient, contacts, at, n, reasons)
    kidney_dose = cycle_doses_gy(world.kidneys, scheme)
    bed = kidney_bed_gy(world.parameters, kidney_dose, world.kidneys.half_life_h, [cycle.week for cycle in scheme.cycles])
    limit = float(kidney_bed_limit_gy(patient.kidney_risk_factors))
    counts, rules = blood_counts.result()
    for line, course in counts.items():
        if course is None:
            reasons[f"{line}_nadir"] = f"no baseline count of {line} is given"
    diameter = outcome.diameter_mm[:, primary, :]
    change = 100.0 * (diameter[:, at] / patient.lesions[primary].longest_diameter_mm - 1.0)
    ki67, down, sampling = _grade(world, outcome, primary, at, reasons)
    month = one_more_month(outcome, primary)
    p_over = float(np.mean(bed > limit))
    return Prediction(
        scheme=scheme,
        p_objective_response=response,
        p_resectable=resectable,
        p_not_locally_advanced=not_advanced,
        diameter_change_pct=summarise(change),
        diameter_mm=summarise(diameter[:, at]),
        kidney_bed_gy=summarise(bed),
        kidney_dose_gy=summarise(kidney_dose.sum(axis=(1, 2)) if scheme.cycles else np.zeros(1)),
        kidney_limit_gy=limit,
        p_kidney_over_limit=p_over,
        platelets=counts["platelets"],
        neutrophils=counts["neutrophils"],
        liver_burden_change_pct=_liver_burden(world, outcome, at, reasons),
        ki67_pct=ki67,
        p_downgrading=down,
        p_downgrading_sampling_only=sampling,
        stroma_pct=summarise(100.0 * outcome.stroma_fraction[:, primary, at]),
        contact_deg={contact.name: summarise(contact.seen_deg[:, at]) for contact in contacts},
        lesion_dose_gy={
            lesion.id: summarise(schedule.dose_gy[:, i].sum(axis=(1, 2)) if scheme.cycles else np.zeros(1))
            for i, lesion in enumerate(patient.lesions)
        },
        trajectory_week=times,
        trajectory_mm=np.quantile(diameter, [0.5, 0.05, 0.95], axis=0),
        p_2mm_more=_at_readouts(month.week, month.probability, times),
        limited_by=_limited_by(scheme, p_over, counts, limit),
        doses_derived=any("Y-90" in cycle.activity_gbq for cycle in scheme.cycles),
        labels=_labels(world, scheme),
        reasons=reasons,
        cycle_rules=rules,
    )


def _at_readouts(week: NDArray[np.float64], probability: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(probability[: int(np.searchsorted(week, times[-1], side="right"))])


def compare(world: World, schemes: Sequence[Scheme]) -> Comparison:
    """Predict several schemes in the same world."""
    horizon = max(scheme.surgery_week for scheme in schemes)
    return Comparison(tuple(predict(world, scheme, horizon) for scheme in schemes))


def _objective_response(world: World, outcome: Outcome, at: int, reasons: dict[str, str]) -> Probability | None:
    lesions = world.patient.lesions
    targets = select_targets([lesion.organ for lesion in lesions], [lesion.longest_diameter_mm for lesion in lesions])
    if not targets.any():
        reasons["p_objective_response"] = "no lesion is measurable (10 mm): RECIST 1.1 has nothing to measure"
        return None
    return Probability(objective_response(outcome, world.lesions, targets)[:, at])


def vessel_contacts(world: World, diameter_mm: NDArray[np.float32]) -> tuple[VesselContact, ...]:
    """Contact of the primary with each of its vessels, given its latent diameter ``(world, time)``."""
    lesion = world.patient.lesions[primary_index(world.patient)]
    return tuple(
        vessel_course(world.parameters, vessel.name, vessel.contact_deg, diameter_mm, lesion.longest_diameter_mm, seed=world.seed,
                      n_replicates=world.effects.n_replicates)
        for vessel in lesion.vessels
    )


def resectability_course(patient: Patient, contacts: Sequence[VesselContact]) -> NDArray[np.int_]:
    """Class of resectability of the primary by its vessel contacts, ``(world, time)`` codes of :class:`Resectability`."""
    primary = patient.lesions[primary_index(patient)]
    # An irregular outline is the tumour's doing: it is judged to stay only while the contact keeps its baseline extent.
    irregular = np.stack([vessel.irregular & (contact.seen_deg >= vessel.contact_deg)
                          for vessel, contact in zip(primary.vessels, contacts, strict=True)], axis=-1)
    return np.asarray(resectability_code(
        vessel_codes([vessel.name for vessel in primary.vessels]), np.stack([contact.seen_deg for contact in contacts], axis=-1),
        irregular, np.array([vessel.occluded for vessel in primary.vessels]),
        np.array([vessel.reconstructible for vessel in primary.vessels]), head=is_head(primary.site),
    ))


def _resectability(
    patient: Patient, contacts: tuple[VesselContact, ...], at: int, n_replicates: int, reasons: dict[str, str]
) -> tuple[Probability | None, Probability | None]:
    if not contacts:
        why = "no vessel contact is given for the primary (vessels = [...] in the patient file)"
        reasons["p_resectable"] = reasons["p_not_locally_advanced"] = why
        return None, None
    code = resectability_course(patient, contacts)[:, at]
    return (Probability.of(code == int(Resectability.RESECTABLE), n_replicates),
            Probability.of(code != int(Resectability.LOCALLY_ADVANCED), n_replicates))


def _liver_burden(world: World, outcome: Outcome, at: int, reasons: dict[str, str]) -> Interval | None:
    liver = np.asarray(world.lesions.is_liver)
    if not liver.any():
        reasons["liver_burden_change_pct"] = "no liver metastasis is known"
        return None
    return summarise(100.0 * (liver_burden(outcome, world.lesions)[:, at] - 1.0))


def _grade(
    world: World, outcome: Outcome, primary: int, at: int, reasons: dict[str, str]
) -> tuple[Interval | None, float | None, float | None]:
    lesion: LesionBaseline = world.patient.lesions[primary]
    if lesion.ki67_pct is None and world.patient.ki67_pct is None:
        reasons["ki67_at_surgery_pct"] = "no Ki-67 is given"
        return None, None, None
    change = grade_change(world.parameters, outcome, world.lesions, primary, at, seed=world.seed)
    return summarise(change.ki67_counted_pct), float(change.lower.mean()), float(change.null_lower.mean())


def _blood(
    world: World, scheme: Scheme, horizon_week: float
) -> tuple[dict[str, BloodCourse | None], tuple[Mapping[str, float], ...]]:
    """Platelets and neutrophils to a quarter of a year after surgery, and what the label's rule says before each cycle.

    A line is None where its baseline count is not given.
    """
    patient, n = world.patient, BLOOD_REPLICATES
    dose, half_life = blood.marrow_dose_gy(world.parameters, scheme.activities_gbq, world.seed)
    weeks = 13.0 * np.ceil((horizon_week + WEEKS_AFTER_SURGERY) / 13.0)
    known: dict[str, Any] = dict(patient.blood_baselines)
    course = blood.blood_course(
        world.parameters, dose, half_life, [cycle.week for cycle in scheme.cycles], weeks=weeks, seed=world.seed,
        sensitiser=[SENSITISERS.index(cycle.sensitiser) for cycle in scheme.cycles], n_replicates=n, hold=known or None,
    )
    found: dict[str, BloodCourse | None] = {}
    for line, baseline in (("platelets", patient.platelets_e9_per_l), ("neutrophils", patient.neutrophils_e9_per_l)):
        if baseline is None:
            found[line] = None
            continue
        lowest, day = course.nadir(line)
        grade34 = blood.p_grade34(course, {line: baseline}, n)[line]
        counts = course.counts(line, baseline)[:, ::7]
        found[line] = BloodCourse(summarise(lowest * baseline), float(np.median(day)) / 7.0, float(grade34.mean()),
                                  np.arange(counts.shape[1], dtype=np.float64), np.median(counts, axis=0).astype(np.float64))
    if not known or not scheme.cycles:
        return found, ()
    decided = blood.cycle_decisions(course, n)
    return found, tuple(
        {"week": cycle.week, "p_delay": float(decided["delay"][:, i].mean()), "p_stop": float(decided["stop"][:, i].mean())}
        for i, cycle in enumerate(scheme.cycles))


def _limited_by(scheme: Scheme, p_over: float, counts: Mapping[str, BloodCourse | None], limit_gy: float) -> str:
    """Name the harm that comes closest to forbidding the scheme: kidney (10 % over the limit) or blood (10 % G3-4)."""
    if not scheme.cycles:
        return "no treatment: only growth"
    harms = {f"kidney BED over {limit_gy:g} Gy": p_over}
    harms.update({f"{name} of grade 3-4": course.p_grade34 for name, course in counts.items() if course is not None})
    worst = max(harms, key=lambda name: harms[name])
    return f"{worst} ({100 * harms[worst]:.0f} %)" if harms[worst] >= 0.01 else "nothing above 1 %"


def _labels(world: World, scheme: Scheme) -> dict[str, Label]:
    tumour = Label.CALIBRATED if world.parameters.source == "posterior" and not any(
        "Y-90" in cycle.activity_gbq or cycle.sensitiser != "none" for cycle in scheme.cycles
    ) else Label.ASSUMPTION
    derived = any("Y-90" in cycle.activity_gbq for cycle in scheme.cycles)
    lesion = Label.ASSUMPTION if derived else Label.BY_CONSTRUCTION
    return {
        "p_objective_response": tumour,
        "diameter_mm_at_surgery": tumour,
        "p_not_locally_advanced": Label.ASSUMPTION,
        "p_downgrading": Label.ASSUMPTION,
        "p_downgrading_sampling_only": Label.ASSUMPTION,
        "kidney_dose_gy": Label.ASSUMPTION if derived else world.kidneys.label,
        "lesion_dose_gy": lesion,
        "diameter_change_pct": tumour,
        "p_resectable": Label.ASSUMPTION,
        # Doses of 90Y are derived from those of 177Lu, so a scheme that holds 90Y has no measured kidney dose.
        "kidney_bed_gy": Label.ASSUMPTION if derived else world.kidneys.label,
        "platelets_nadir": Label.BY_CONSTRUCTION,
        "neutrophils_nadir": Label.BY_CONSTRUCTION,
        "liver_burden_change_pct": tumour,
        "ki67_at_surgery_pct": Label.ASSUMPTION,
        "stroma_pct": Label.ASSUMPTION,
        "contact_deg": Label.ASSUMPTION,
    }

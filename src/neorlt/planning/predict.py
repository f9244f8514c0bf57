"""The cycle loop and the prediction: doses of every cycle go into the response model, read-outs come out.

Every scheme of a comparison is predicted in one :class:`~neorlt.planning.world.World`: the same parameters, the same lesions, the
same doses per activity. Schemes differ by what they do, not by luck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import Interval, summarise
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.core.sensitisers import SENSITISERS
from neorlt.documents.patient import Patient
from neorlt.documents.scheme import Scheme
from neorlt.planning import chances
from neorlt.planning.prediction import BloodCourse, Comparison, Prediction, Probability
from neorlt.planning.world import World, build_world, patient_origin
from neorlt.response import blood, course, luck
from neorlt.response.arrays import Outcome
from neorlt.response.kidney import kidney_bed_gy
from neorlt.response.reach import farthest, reach
from neorlt.response.readouts import count_hot_spot, who_grade
from neorlt.response.simulate import PAD, simulate
from neorlt.response.timing import one_month_more

__all__ = ["World", "build_world", "compare", "predict", "primary_index", "to_kidney_limit"]

READOUT_STEP_WEEKS = 4.0
SHOWN, COUNTED = 4, 2
"""One in so many points of luck is taken for quantiles of a read-out, and for a pathologist's count of Ki-67."""
WEEKS_AFTER_SURGERY = 13.0
"""How long blood counts are followed after surgery."""


def primary_index(patient: Patient) -> int:
    """The pancreatic primary, else the largest lesion."""
    return patient.followed


def kidney_bed(world: World, scheme: Scheme) -> NDArray[np.float64]:
    """BED of the kidneys ``(draw,)`` in Gy under a scheme, without that of earlier radioligand therapy."""
    dose = world.kidney_doses_gy(world.given_gbq(scheme))
    return kidney_bed_gy(world.parameters, dose, world.kidneys.half_life_h, [cycle.week for cycle in scheme.cycles])


def to_kidney_limit(world: World, scheme: Scheme) -> Scheme:
    """Scale a scheme's activities to its ``kidney_p_over``; a scheme without one stays as it is.

    BED is dose plus a square of dose: in each draw one scale meets the limit, and the scheme takes the quantile of these
    scales. No cycle exceeds 50 GBq.
    """
    if scheme.kidney_p_over is None or not scheme.cycles:
        return scheme
    linear = world.kidney_doses_gy(world.given_gbq(scheme)).sum(axis=(1, 2))
    square = np.maximum(kidney_bed(world, scheme) - linear, 1e-12)
    limit = np.maximum(course.kidney_limit_gy(world.patient.kidney_risk_factors) - world.earlier_kidney_bed_gy, 0.0)
    scale = (np.sqrt(linear**2 + 4 * square * limit) - linear) / (2 * square)
    factor = float(np.quantile(scale, scheme.kidney_p_over))
    if factor <= 0:
        raise InputError(
            "earlier radioligand therapy has used up the kidneys' limit", found=f"BED {world.earlier_kidney_bed_gy.mean():.0f} Gy",
            expected=f"less than {course.kidney_limit_gy(world.patient.kidney_risk_factors):g} Gy", where=scheme.name,
            remedy="give activities, or correct prior_rlt_cycles, prior_rlt_gbq or prior_kidney_gy of the patient")
    factor = min(factor, *(50.0 / activity for cycle in scheme.cycles for activity in (*cycle.activity_gbq.values(), 1.0)))
    cycles = tuple(replace(cycle, activity_gbq={name: round(activity * factor, 3) for name, activity in cycle.activity_gbq.items()})
                   for cycle in scheme.cycles)
    return replace(scheme, cycles=cycles, kidney_p_over=None)


def predict(world: World, scheme: Scheme, horizon_week: float = 0.0) -> Prediction:
    """Predict one scheme in a world that other schemes share.

    ``horizon_week`` lets schemes of one comparison be read out over the same time, so that the compiled model is
    shared too.
    """
    patient, main = world.patient, world.followed
    scheme = to_kidney_limit(world, scheme)
    surgery = scheme.surgery_week
    horizon = max(horizon_week, surgery)
    times = np.unique(np.concatenate([np.arange(0.0, horizon + 8.1, READOUT_STEP_WEEKS), [surgery]]))
    at = int(np.searchsorted(times, surgery))
    schedule = world.schedule(scheme, times)
    # Blood and tumour do not depend on each other: side by side they compile and run in the time of one.
    with ThreadPoolExecutor(max_workers=1) as pool:
        blood_counts = pool.submit(_blood, world, scheme, horizon)
        outcome = simulate(world.parameters, world.lesions, schedule, world.node_effects, pad=PAD)
        volume = chances.carry_log(world, outcome.relative_volume[:, :, at : at + 1])
        followed = chances.carry_log(world, outcome.relative_volume[:, main : main + 1], [main], world.n_points // SHOWN)[:, :, 0]
        counts, rules = blood_counts.result()
    base = patient.lesions[main].longest_diameter_mm
    # ``(draw, point, time)`` on the points that are shown; all points at surgery.
    diameter = base * np.cbrt(followed)
    at_surgery = base * np.cbrt(volume[:, :, main, 0])
    reasons: dict[str, str] = {}
    response = _objective_response(world, volume, reasons)
    resectable, not_advanced, contact = _resectability(world, at_surgery, reasons)
    bed = kidney_bed(world, scheme) + world.earlier_kidney_bed_gy
    kidney_dose = world.kidney_doses_gy(world.given_gbq(scheme))
    limit = course.kidney_limit_gy(patient.kidney_risk_factors)
    for line, counted in counts.items():
        if counted is None:
            reasons[f"{line}_nadir"] = f"no baseline count of {line} is given"
    ki67, down, sampling = _grade(world, outcome, at, reasons)
    month = one_month_more(times, diameter)
    p_over = float(np.mean(bed > limit))
    doses = {lesion.id: summarise(schedule.dose_gy[:, i].sum(axis=(1, 2)) if scheme.cycles else np.zeros(1))
             for i, lesion in enumerate(patient.lesions)}
    stroma = chances.carry(world, outcome.stroma_fraction[:, main : main + 1, at : at + 1], [main], world.n_points // SHOWN)
    return Prediction(
        scheme=scheme,
        p_objective_response=response,
        p_resectable=resectable,
        p_not_locally_advanced=not_advanced,
        diameter_change_pct=summarise(100.0 * (at_surgery / base - 1.0)),
        diameter_mm=summarise(at_surgery),
        kidney_bed_gy=summarise(bed),
        kidney_dose_gy=summarise(kidney_dose.sum(axis=(1, 2)) if scheme.cycles else np.zeros(1)),
        kidney_limit_gy=limit,
        p_kidney_over_limit=p_over,
        platelets=counts["platelets"],
        neutrophils=counts["neutrophils"],
        liver_burden_change_pct=_liver_burden(world, volume, reasons),
        ki67_pct=ki67,
        p_downgrading=down,
        p_downgrading_sampling_only=sampling,
        stroma_pct=summarise(100.0 * np.clip(stroma, 0.0, 1.0)),
        contact_deg=contact,
        lesion_dose_gy=doses,
        trajectory_week=times,
        trajectory_mm=np.quantile(diameter.reshape(-1, len(times)), [0.5, 0.05, 0.95], axis=0),
        p_2mm_more=_at_readouts(month.week, month.probability, times),
        limited_by=_limited_by(scheme, p_over, counts, limit),
        doses_derived=_derived(world, scheme),
        labels=_labels(world, scheme, {name: dose.median for name, dose in doses.items()}),
        reasons=reasons,
        cycle_rules=rules,
    )


def _derived(world: World, scheme: Scheme) -> bool:
    """Whether the scheme gives a nuclide that is not the one whose dose is known of every lesion and of the kidneys."""
    known = {kinetics.measured for kinetics in (*world.kinetics, world.kidneys)}
    return any({name} != known for name in scheme.nuclides)


def _at_readouts(week: NDArray[np.float64], probability: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(probability[: int(np.searchsorted(week, times[-1], side="right"))])


def compare(world: World, schemes: Sequence[Scheme]) -> Comparison:
    """Predict several schemes in the same world."""
    horizon = max(scheme.surgery_week for scheme in schemes)
    return Comparison(tuple(predict(world, scheme, horizon) for scheme in schemes))


def _objective_response(world: World, volume: NDArray[np.float32], reasons: dict[str, str]) -> Probability | None:
    """From relative volumes ``(draw, point, lesion, 1)``."""
    targets = chances.targets_of(world.patient)
    if not targets.any():
        reasons["p_objective_response"] = chances.NOT_MEASURABLE
        return None
    diameter = world.lesions.diameters_mm[:, None] * np.cbrt(volume)
    return Probability(chances.response_chance(world, world.points, diameter, targets)[:, :, 0].mean(axis=1))


def _resectability(
    world: World, diameter_mm: NDArray[Any], reasons: dict[str, str]
) -> tuple[Probability | None, Probability | None, dict[str, Interval]]:
    """Chances of the classes from diameters ``(draw, point)`` of the followed lesion, and the contact seen by vessel."""
    if not world.vessels:
        reasons["p_resectable"] = reasons["p_not_locally_advanced"] = chances.NO_VESSELS
        return None, None, {}
    latent = chances.latent_contacts(world, diameter_mm[:, :, None])
    found = chances.class_chances(world, world.points, latent)
    scar = world.points.scar_u < np.asarray(world.parameters.fibrotic_residue_probability, np.float64)[:, None, None]
    seen = course.seen_contact_deg(latent[:, :, 0], np.array([vessel.contact_deg for vessel in world.vessels]), scar)
    contact = {vessel.name: summarise(seen[:, :, i]) for i, vessel in enumerate(world.vessels)}
    if found.not_locally_advanced is None:
        reasons["p_not_locally_advanced"] = found.reason
        return Probability(found.resectable[:, :, 0].mean(axis=1)), None, contact
    return (Probability(found.resectable[:, :, 0].mean(axis=1)), Probability(found.not_locally_advanced[:, :, 0].mean(axis=1)), contact)


def _liver_burden(world: World, volume: NDArray[np.float32], reasons: dict[str, str]) -> Interval | None:
    weight = np.asarray(world.lesions.volume_ml) * world.lesions.liver
    if not weight.any():
        reasons["liver_burden_change_pct"] = "no liver metastasis is known"
        return None
    return summarise(100.0 * (volume[:, :, :, 0] @ (weight / weight.sum()) - 1.0))


def _grade(world: World, outcome: Outcome, at: int, reasons: dict[str, str]) -> tuple[Interval | None, float | None, float | None]:
    """Ki-67 that the pathologist would count after surgery, the chance of a lower grade, and that of sampling alone.

    The biopsy's Ki-67 is a sample itself: at each point the lesion's own Ki-67 is the biopsy's value with the sampling error
    undone; the specimen samples it again after treatment or without. Both use the same luck.
    """
    main = world.followed
    if world.patient.ki67_of(world.patient.lesions[main]) is None:
        reasons["ki67_at_surgery_pct"] = "no Ki-67 is given"
        return None, None, None
    biopsy = float(world.lesions.ki67_pct[main])
    counted_at = max(1, world.n_points // COUNTED)
    ki67 = chances.carry_log(world, outcome.ki67_pct[:, main : main + 1, at : at + 1], [main], counted_at)[:, :, 0, 0]
    sd = np.asarray(world.parameters.ki67_sampling_log_sd, np.float64)[:, None]
    specimen = world.points.specimen_z[:, :counted_at]
    own = np.clip(biopsy * np.exp(sd * world.points.ki67_z[:, :counted_at]), 0.01, 100.0)
    counted, alone = (
        count_hot_spot(np.clip(true, 0.01, 100.0), sd, world.generator("specimen count"), z=specimen)
        for true in (own * ki67 / biopsy, own))
    before = int(who_grade(biopsy))
    return summarise(counted), float((who_grade(counted) < before).mean()), float((who_grade(alone) < before).mean())


def _blood(
    world: World, scheme: Scheme, horizon_week: float
) -> tuple[dict[str, BloodCourse | None], tuple[Mapping[str, float], ...]]:
    """Platelets and neutrophils to a quarter of a year after surgery, and what the label's rule says before each cycle.

    A line is None where its baseline count is not given.
    """
    patient = world.patient
    baselines = patient.blood_baselines
    found: dict[str, BloodCourse | None] = dict.fromkeys(("platelets", "neutrophils"))
    if not baselines:
        return found, ()
    given = (world.given_gbq(scheme), [cycle.week for cycle in scheme.cycles],
             [SENSITISERS.index(cycle.sensitiser) for cycle in scheme.cycles],
             float(13.0 * np.ceil((horizon_week + WEEKS_AFTER_SURGERY) / 13.0)))
    marrow = chances.marrow_course(world, *given)
    for line in found:
        if line not in baselines:
            continue
        baseline, fall, nodes = baselines[line], marrow.log_fall(line), marrow.nodes(line)
        lowest = baseline * chances.nadir_at_points(fall, world.points.slope_z[:, : world.n_points // SHOWN, blood.LINES.index(line)])
        middle = nodes[:, len(luck.SLOPE_NODES) // 2]
        counts = np.median(middle[:, ::7], axis=0) * baseline
        found[line] = BloodCourse(summarise(lowest), float(np.median(middle.argmin(axis=1))) / 7.0,
                                  float(chances.grade34_chances({line: fall}, {line: baseline})[line].mean()),
                                  np.arange(len(counts), dtype=np.float64), counts.astype(np.float64))
    if not scheme.cycles:
        return found, ()
    delay, stop = chances.cycle_rules(world, *given, baselines)
    return found, tuple({"week": cycle.week, "p_delay": float(delay[i]), "p_stop": float(stop[i])} for i, cycle in enumerate(scheme.cycles))


def _limited_by(scheme: Scheme, p_over: float, counts: Mapping[str, BloodCourse | None], limit_gy: float) -> str:
    """Name the harm that comes closest to forbidding the scheme: kidney (10 % over the limit) or blood (10 % G3-4)."""
    if not scheme.cycles:
        return "no treatment: only growth"
    harms = {f"kidney BED over {limit_gy:g} Gy": p_over}
    harms.update({f"{name} of grade 3-4": course.p_grade34 for name, course in counts.items() if course is not None})
    worst = max(harms, key=lambda name: harms[name])
    return f"{worst} ({100 * harms[worst]:.0f} %)" if harms[worst] >= 0.01 else "nothing above 1 %"


def _labels(world: World, scheme: Scheme, dose_gy: Mapping[str, float]) -> dict[str, Label]:
    """How each number came to be. A future cycle is never *measured*, and what the calibration did not see never *calibrated*."""
    tumour, target = (
        _label_of(world, scheme, dose_gy, keep)
        for keep in (np.arange(world.lesions.n_lesions) == world.followed, chances.targets_of(world.patient)))
    derived = _derived(world, scheme)
    lesion = Label.ASSUMPTION if derived else Label.BY_CONSTRUCTION
    # A scheme holds cycles that nobody has imaged: even with measured doses its sum is an extrapolation.
    kidneys = Label.ASSUMPTION if derived else Label.BY_CONSTRUCTION
    return {
        "p_objective_response": target,
        "diameter_mm_at_surgery": tumour,
        "p_not_locally_advanced": Label.ASSUMPTION,
        "p_downgrading": Label.ASSUMPTION,
        "p_downgrading_sampling_only": Label.ASSUMPTION,
        "kidney_dose_gy": kidneys,
        "lesion_dose_gy": lesion,
        "diameter_change_pct": tumour,
        "p_resectable": Label.ASSUMPTION,
        "kidney_bed_gy": kidneys,
        "platelets_nadir": Label.BY_CONSTRUCTION,
        "neutrophils_nadir": Label.BY_CONSTRUCTION,
        "liver_burden_change_pct": Label.ASSUMPTION if tumour is Label.ASSUMPTION else target,
        "ki67_at_surgery_pct": Label.ASSUMPTION,
        "stroma_pct": Label.ASSUMPTION,
        "contact_deg": Label.ASSUMPTION,
    }


def _label_of(world: World, scheme: Scheme, dose_gy: Mapping[str, float], keep: NDArray[np.bool_]) -> Label:
    """How far the lesions of ``keep`` under this scheme stand from the data that the response model was fitted to."""
    patient = world.patient
    centre = world.parameters.centre
    fitted = world.parameters.source == "posterior" and (centre is None or centre.trusted)
    if not fitted or not keep.any() or not scheme.cycles:
        return Label.ASSUMPTION
    dose = np.array([dose_gy[lesion.id] for lesion in patient.lesions])
    found = reach(world.lesions, dose, scheme.nuclides, [cycle.week for cycle in scheme.cycles])
    label = farthest([found[i] for i in np.flatnonzero(keep)]).label
    unlike = any(cycle.sensitiser != "none" for cycle in scheme.cycles) or not patient_origin(patient)[1] or any(
        patient.ki67_of(lesion) is None for lesion, kept in zip(patient.lesions, keep, strict=True) if kept)
    return Label.EXTRAPOLATED if unlike and label is Label.CALIBRATED else label

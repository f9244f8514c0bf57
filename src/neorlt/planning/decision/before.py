"""Until restaging: what each treatment does to the tumour, the blood and the kidneys of one patient a draw.

Cycles that the label's rule holds back are not given; what follows follows from that. The tumour is simulated on the planned
weeks with the doses that were given, and read after the delay that the draw had: a delayed cycle acts as if it had been given
in its planned week, and the tumour then waits (an approximation for the few draws that are delayed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.vessels import Vessel, vessel_code
from neorlt.core.sensitisers import SENSITISERS
from neorlt.planning.decision.rates import Rates, fixed
from neorlt.planning.patient import LesionBaseline, Patient
from neorlt.planning.scheme import Scheme
from neorlt.planning.world import World
from neorlt.response import blood
from neorlt.response.arrays import LesionArrays, LesionEffects, Outcome, ScheduleArrays
from neorlt.response.kidney import kidney_bed_gy
from neorlt.response.parameters import Parameters
from neorlt.response.simulate import PAD, simulate

Floats = NDArray[np.float64]
READ_STEP_WEEKS = 8.0
DELAY_WEEKS = 32.0
"""Delays are read up to this many weeks after the planned surgery."""
UNTREATED_WEEKS = np.array([0.0, 26.0, 104.0, 260.0, 520.0])
MAX_FOLLOWED = 3
"""Lesions that are followed: the primary, and the largest others."""


@dataclass(frozen=True)
class Before:
    """State at restaging, each ``(draw,)`` unless said."""

    week: Floats
    """When surgery would follow."""
    log_diameter: Floats
    """Of the primary over its baseline."""
    grew: NDArray[np.bool_]
    """By a fifth and 5 mm since baseline."""
    log_volume_gain: Floats
    """Log of untreated over treated volume at that time, mean over the lesions followed."""
    cycles: NDArray[np.intp]
    """Given."""
    stopped: NDArray[np.bool_]
    """Whether the blood rule ended the treatment early."""
    grade34_blood: NDArray[np.bool_] | Floats | None
    """Whether, or the chance; None where no baseline count is known."""
    kidney_bed_gy: Floats
    marrow_gy: Floats
    """Both with what earlier radioligand therapy gave."""


@dataclass(frozen=True)
class Growth:
    """The untreated course of the primary and of the mean lesion: log ratios at a few weeks, straight lines between."""

    weeks: Floats
    log_diameter: Floats
    """``(draw, time)``."""
    log_volume: Floats
    """``(draw, time)`` mean over the lesions followed."""

    def at(self, week: Floats, volume: bool = False) -> Floats:
        """Log ratio at each draw's own week ``(draw,)``; beyond the last read-out the last slope goes on."""
        table = self.log_volume if volume else self.log_diameter
        i = np.clip(np.searchsorted(self.weeks, week, side="right") - 1, 0, len(self.weeks) - 2)
        rows = np.arange(len(table))
        low, high = table[rows, i], table[rows, i + 1]
        return low + (high - low) * (week - self.weeks[i]) / (self.weeks[i + 1] - self.weeks[i])

    def week_of(self, log_ratio: float) -> Floats:
        """First week at which the diameter has grown by this log ratio ``(draw,)``; infinite where it never does."""
        found = np.full(len(self.log_diameter), np.inf)
        for k in range(len(self.weeks) - 1):
            low, high = self.log_diameter[:, k], self.log_diameter[:, k + 1]
            crosses = np.isinf(found) & (high >= log_ratio) & (high > low)
            with np.errstate(divide="ignore", invalid="ignore"):
                week = self.weeks[k] + (log_ratio - low) / (high - low) * (self.weeks[k + 1] - self.weeks[k])
            found = np.where(crosses, np.maximum(week, self.weeks[k]), found)
        return found


def followed(patient: Patient) -> list[int]:
    """The main lesion first, then the largest others."""
    first = patient.followed
    others = sorted((i for i in range(len(patient.lesions)) if i != first), key=lambda i: -patient.lesions[i].longest_diameter_mm)
    return [first, *others[: MAX_FOLLOWED - 1]]


def _part(world: World, index: list[int]) -> tuple[LesionArrays, LesionEffects]:
    base, effects = world.lesions, world.effects
    lesions = LesionArrays(volume_ml=base.volume_ml[index], ki67_pct=base.ki67_pct[index], is_liver=base.liver[index],
                           diameter_mm=base.diameters_mm[index], origin=base.origins[index])
    return lesions, LesionEffects(effects.alpha_z[:, index], effects.growth_z[:, index], effects.baseline_z[:, index], 1, effects.seed)


def _run(world: World, dose: Floats, week: Sequence[float], times: Floats, sensitiser: Sequence[str]) -> tuple[Floats, Floats]:
    """Log diameter of the main lesion and mean log volume of those followed, ``(draw, time)`` each."""
    index = followed(world.patient)
    lesions, effects = _part(world, index)
    half_life = world.half_life_h[:, index]
    outcome = simulate(
        world.parameters, lesions,
        ScheduleArrays(week=np.asarray(week, np.float32), dose_gy=dose.astype(np.float32),
                       effective_half_life_h=half_life.astype(np.float32), times_week=times.astype(np.float32),
                       sensitiser=np.array([SENSITISERS.index(s) for s in sensitiser], np.intp)),
        effects, pad=PAD)
    diameter, volume = _log_ratios(outcome, lesions)
    return diameter[:, 0], np.asarray(volume.mean(axis=1))


def _log_ratios(outcome: Outcome, lesions: LesionArrays) -> tuple[Floats, Floats]:
    """Log diameter and log volume over baseline, ``(draw, lesion, time)`` each."""
    base = np.asarray(lesions.diameters_mm, float)[None, :, None]
    return _log_ratio(outcome.diameter_mm / base, 30.0), _log_ratio(outcome.relative_volume, 1e4)


def _log_ratio(ratio: NDArray[np.floating[Any]], most: float) -> Floats:
    """Log of a ratio of at most ``most``: ten years of the fastest growth overflow, and nothing is larger than a body."""
    return np.asarray(np.log(np.clip(np.nan_to_num(np.asarray(ratio, float), nan=most, posinf=most), 1e-9, most)))


def grew(log_diameter: Floats, size_mm: float) -> NDArray[np.bool_]:
    """Whether a lesion of this size has grown by a fifth and 5 mm, at a log ratio of its diameter."""
    return (np.exp(log_diameter) >= 1.2) & (np.expm1(log_diameter) * size_mm >= 5.0)


def left_alone(parameters: Parameters, lesions: LesionArrays, effects: LesionEffects) -> tuple[Floats, Floats]:
    """Log diameter and log volume without any treatment, ``(draw, lesion, time)`` each, at :data:`UNTREATED_WEEKS`."""
    n = len(parameters.nuclides)
    nothing = ScheduleArrays(week=np.zeros(1, np.float32), dose_gy=np.zeros((1, 1, 1, n), np.float32),
                             effective_half_life_h=np.ones((1, 1, n), np.float32), times_week=UNTREATED_WEEKS.astype(np.float32))
    diameter, volume = _log_ratios(simulate(parameters, lesions, nothing, effects), lesions)
    # The log ratio at time 0 is 0 by definition; reading it keeps the straight lines honest.
    return diameter - diameter[:, :, :1], volume - volume[:, :, :1]


def untreated(world: World) -> Growth:
    """The course without any treatment, of the main lesion and of those followed."""
    diameter, volume = left_alone(world.parameters, *_part(world, followed(world.patient)))
    return Growth(UNTREATED_WEEKS, diameter[:, 0], volume.mean(axis=1))


def rlt(world: World, scheme: Scheme, growth: Growth) -> Before:
    """Restaging after a scheme, cycles withheld where the counts say so."""
    patient, n = world.patient, world.parameters.n_draws
    weeks = np.array([cycle.week for cycle in scheme.cycles])
    activity = world.given_gbq(scheme)
    counts = patient.blood_baselines
    marrow = world.marrow_gy_per_gbq[:, None, :] * activity
    horizon = 26.0 * np.ceil((weeks[-1] + DELAY_WEEKS + 20.0) / 26.0)
    counted = blood.blood_course(
        world.parameters, marrow, world.marrow_half_life_h, weeks, weeks=horizon, seed=world.seed,
        sensitiser=[SENSITISERS.index(cycle.sensitiser) for cycle in scheme.cycles], slopes=world.slopes,
        persistent=world.persistent, hold=counts or None, keep_days=False)
    given = counted.given_day >= 0
    cycles = given.sum(axis=1)
    any_given = cycles > 0
    last = np.maximum(cycles - 1, 0)
    rows = np.arange(n)
    delay = np.where(any_given, counted.given_day[rows, last] / 7.0 - weeks[last], 0.0)
    gap = scheme.surgery_weeks_after_last
    week = np.where(any_given, weeks[last] + gap + delay, fixed("weeks_to_operation"))
    times = np.unique(np.concatenate([[0.0], np.arange(READ_STEP_WEEKS, scheme.surgery_week + DELAY_WEEKS, READ_STEP_WEEKS),
                                      [scheme.surgery_week + DELAY_WEEKS]]))
    dose = lesion_doses(world, scheme)[:, followed(patient)] * given[:, None, :, None]
    diameter, volume = _run(world, dose, list(weeks), times, [cycle.sensitiser for cycle in scheme.cycles])
    read = Growth(times, diameter - diameter[:, :1], volume - volume[:, :1])
    size = patient.lesions[patient.followed].longest_diameter_mm
    log_diameter = read.at(week)
    grade34 = None
    if counts:
        hit = blood.p_grade34(counted, counts)["any"]
        grade34 = hit > 0.5
    kidney = kidney_doses(world, scheme) * given[:, :, None]
    bed = kidney_bed_gy(world.parameters, kidney, world.kidneys.half_life_h, weeks) + world.earlier_kidney_bed_gy
    return Before(
        week, log_diameter, grew(log_diameter, size),
        growth.at(week, volume=True) - read.at(week, volume=True), cycles, cycles < len(weeks), grade34, bed,
        (marrow.sum(axis=2) * given).sum(axis=1).astype(float) + world.earlier_marrow_gy)


def lesion_doses(world: World, scheme: Scheme) -> Floats:
    """``(draw, lesion, cycle, nuclide)`` in Gy."""
    return np.asarray(world.lesion_doses_gy(world.given_gbq(scheme)), float)


def kidney_doses(world: World, scheme: Scheme) -> Floats:
    """``(draw, cycle, nuclide)`` in Gy."""
    return np.asarray(world.kidney_doses_gy(world.given_gbq(scheme)), float)


def captem(world: World, rates: Rates, growth: Growth) -> Before:
    """Restaging after CAPTEM: published responses, no mechanism."""
    n = world.parameters.n_draws
    luck = world.generator("captem response").standard_normal(n)
    log_diameter = rates["captem_log_diameter"] + rates["captem_log_diameter_sd"] * luck
    size = world.patient.lesions[world.followed].longest_diameter_mm
    week = np.full(n, fixed("captem_weeks"))
    toxic = world.generator("captem blood").uniform(size=n) < rates["p_captem_grade34_blood"]
    return Before(week, log_diameter, grew(log_diameter, size), growth.at(week, volume=True) - 3 * log_diameter,
                  np.zeros(n, np.intp), np.zeros(n, bool), toxic, world.earlier_kidney_bed_gy, world.earlier_marrow_gy)


def contact_units(lesion: LesionBaseline, degrees: Floats) -> Floats:
    """Contact as one number, ``(draw,)``, from degrees ``(draw, vessel)``: half a circumference of an artery is 1.

    Veins count half unless they are said not to be rebuildable, the aorta double; branches and splenic vessels do not decide.
    The weights are an assumption that restates the classes of NCCN, themselves a proxy. Of several vessels the worst counts.
    """
    if not lesion.vessels:
        return np.zeros(len(degrees))
    columns = []
    for j, vessel in enumerate(lesion.vessels):
        code = vessel_code(vessel.name)
        vein = 1.0 if vessel.reconstructible is False else 0.5
        weight = {Vessel.AORTA: 2.0, Vessel.SMV_PV: vein, Vessel.IVC: 0.5, Vessel.OTHER: 0.0}.get(code, 1.0)
        seen = np.full(len(degrees), 360.0) if vessel.occluded else degrees[:, j]
        columns.append(weight * seen / 180.0)
    return np.asarray(np.max(columns, axis=0))


def contact_seen(world: World, log_diameter: Floats, scar: NDArray[np.bool_] | None = None) -> Floats:
    """Degrees of contact ``(draw, vessel)`` of the main lesion at a log ratio of its diameter ``(draw,)``.

    Growth and shrinkage move contact by the same rule, the sphere beside the cylinder; in a world where a vessel is bound by
    scar its contact neither recedes nor is exceeded.
    """
    from neorlt.response.course import latent_contact_deg

    lesion = world.patient.lesions[world.followed]
    if not lesion.vessels:
        return np.zeros((len(log_diameter), 0))
    bound = scarred(world) if scar is None else scar
    size = lesion.longest_diameter_mm
    now = size * np.exp(log_diameter)
    latent = np.stack([latent_contact_deg(vessel.name, vessel.contact_deg, now, size, clip=True) for vessel in lesion.vessels], axis=1)
    baseline = np.array([vessel.contact_deg for vessel in lesion.vessels])
    return np.where(bound, baseline, latent)


def scarred(world: World) -> NDArray[np.bool_]:
    """Whether each vessel's contact is bound by scar, ``(draw, vessel)``."""
    return np.asarray(world.scar_u < np.asarray(world.parameters.fibrotic_residue_probability)[:, None])

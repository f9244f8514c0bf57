"""Many schemes of one patient at once, through the same kernels as one: schemes ride on the lesion axis of ``simulate``.

Every scheme meets the same world (common random numbers), so differences between schemes are paired, and the numbers are those of
:func:`neorlt.planning.predict.predict`. Schemes that differ only in the week of surgery share one simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.sensitisers import SENSITISERS
from neorlt.planning import chances
from neorlt.planning.earlier import USUAL_COURSE_GBQ
from neorlt.planning.search_space import Candidate
from neorlt.planning.world import World
from neorlt.response import blood, course, luck
from neorlt.response.arrays import LesionArrays, LesionEffects, ScheduleArrays
from neorlt.response.kidney import kidney_bed_gy
from neorlt.response.simulate import simulate

Floats = NDArray[np.float64]
CELLS_AT_ONCE = 400_000
"""Lesions times worlds of one call of the model: bounds the memory."""
BLOOD_ROWS = 4096
"""Rows of one call of the blood model; one size, so that it is compiled once."""
BLOOD_WEEKS_AFTER = 26.0
"""Blood is followed this long after the last cycle: the nadir comes about week five."""


@dataclass(frozen=True)
class Outcomes:
    """What candidates do, ``(candidate, draw)`` each; None where the patient's file lacks the input (see ``reasons``)."""

    candidates: tuple[Candidate, ...]
    p_resectable: Floats | None
    p_objective_response: Floats | None
    tumour_left: Floats
    """Mean over replicates of the total tumour volume at surgery over that at baseline, growth counted as all of it left:
    a few worlds of fast growth would otherwise be all that a mean shows."""
    diameter_left: Floats
    """Mean over replicates of the primary's longest diameter at surgery over that at baseline."""
    kidney_bed_gy: Floats
    p_blood_grade34: Floats | None
    p_secondary_neoplasm: Floats
    kidney_limit_gy: float
    reasons: dict[str, str]

    @property
    def surgery_week(self) -> Floats:
        """Week of surgery, ``(candidate,)``."""
        return np.array([candidate.surgery_week for candidate in self.candidates])

    @property
    def kidney_over(self) -> Floats:
        """1 where the kidney BED passes its limit, ``(candidate, draw)``."""
        return np.asarray(self.kidney_bed_gy > self.kidney_limit_gy, np.float64)

    def take(self, index: Sequence[int] | NDArray[np.intp]) -> Outcomes:
        """The candidates at ``index``."""
        at = np.asarray(index, np.intp)
        arrays: dict[str, Any] = {name: None if (values := getattr(self, name)) is None else values[at] for name in ARRAYS}
        return replace(self, candidates=tuple(self.candidates[i] for i in at), **arrays)

    def draws(self, name: str) -> Floats | None:
        """Draws ``(candidate, draw)`` of an objective by its name in :data:`neorlt.planning.decide.OBJECTIVES`."""
        values: Floats | None = self.kidney_over if name == "p_kidney_over" else getattr(self, name)
        return values


ARRAYS = ("p_resectable", "p_objective_response", "tumour_left", "diameter_left", "kidney_bed_gy", "p_blood_grade34",
          "p_secondary_neoplasm")
"""Names of the ``(candidate, draw)`` arrays of :class:`Outcomes`."""


def join(parts: Sequence[Outcomes]) -> Outcomes:
    """Candidates of several evaluations of the same world, one after another."""
    arrays: dict[str, Any] = {
        name: None if getattr(parts[0], name) is None else np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS}
    return replace(parts[0], candidates=tuple(c for part in parts for c in part.candidates), **arrays)


class Evaluator:
    """Predicts candidates in one world.

    ``one_patient`` takes one patient a draw in place of the integral over the patient's luck: cheap, for a screening. ``weight``
    ``(draw, point)`` is what measurements say of each point of luck (see :mod:`neorlt.planning.adaptive`).
    """

    def __init__(self, world: World, *, one_patient: bool = False, weight: Floats | None = None) -> None:
        self.world, self.one_patient, self.weight = world, one_patient, weight
        self.points = world.one if one_patient else world.points
        self.targets = chances.targets_of(world.patient)
        self.limit_gy = course.kidney_limit_gy(world.patient.kidney_risk_factors)
        self.counts = {line: value for line, value in world.patient.blood_baselines.items() if line != "haemoglobin"}

    def __call__(self, candidates: Sequence[Candidate]) -> Outcomes:
        """Predict candidates; the order is kept."""
        by_schedule = {c.schedule: c for c in candidates}
        schedules = list(by_schedule)
        nuclides = self.world.nuclides
        groups: dict[tuple[int, str], list[int]] = {}
        for i, (cycles, _, sensitiser, _) in enumerate(schedules):
            groups.setdefault((-(-max(len(cycles), 1) // 4) * 4, sensitiser), []).append(i)
        gaps = np.unique([c.surgery_weeks_after_last for c in candidates])
        n_draws = self.world.n_draws
        shape = (len(schedules), len(gaps), n_draws)
        response, resectable, left, diameter = (np.full(shape, np.nan) for _ in range(4))
        kidneys = np.zeros((len(schedules), n_draws))
        grade34 = np.zeros((len(schedules), n_draws))
        neoplasm = np.zeros((len(schedules), n_draws))
        reasons: dict[str, str] = {}
        cells = n_draws * self.world.lesions.n_lesions * (1 if self.one_patient else luck.N_NODES)
        block = max(1, CELLS_AT_ONCE // cells)
        with ThreadPoolExecutor(max_workers=1) as pool:
            for (n_cycles, sensitiser), members in groups.items():
                for start in range(0, len(members), block):
                    part = np.array(members[start : start + block])
                    activity = np.zeros((len(part), n_cycles, len(nuclides)))
                    week = np.zeros((len(part), n_cycles))
                    for row, i in enumerate(part):
                        activity[row, : len(schedules[i][1])] = by_schedule[schedules[i]].given_gbq(nuclides)
                        for c, at_week in enumerate(schedules[i][1]):
                            week[row, c:] = at_week
                    blood_counts = pool.submit(self._blood, activity, week, sensitiser)
                    found = self._tumour(activity, week, sensitiser, gaps, reasons)
                    for target, values in zip((response, resectable, left, diameter), found, strict=True):
                        if values is not None:
                            target[part] = values
                    kidneys[part] = self._kidneys(activity, week)
                    marrow = np.einsum("scn,dn->sd", activity, self.world.marrow_gy_per_gbq)
                    usual = USUAL_COURSE_GBQ * self.world.marrow_gy_per_gbq[:, 0]
                    neoplasm[part] = np.minimum(self.world.neoplasm * marrow / usual, 1.0)
                    grade34[part] = blood_counts.result()
        if not self.counts:
            reasons["p_blood_grade34"] = "no baseline count of platelets or neutrophils is given"
        number = {schedule: i for i, schedule in enumerate(schedules)}
        at = np.array([number[c.schedule] for c in candidates], np.intp)
        gap = np.searchsorted(gaps, [c.surgery_weeks_after_last for c in candidates])
        return Outcomes(
            tuple(candidates), None if "p_resectable" in reasons else resectable[at, gap],
            None if "p_objective_response" in reasons else response[at, gap], left[at, gap], diameter[at, gap], kidneys[at],
            grade34[at] if self.counts else None, neoplasm[at], self.limit_gy, reasons,
        )

    def _tumour(
        self, activity: Floats, week: Floats, sensitiser: str, gaps: Floats, reasons: dict[str, str]
    ) -> tuple[Floats | None, Floats | None, Floats, Floats]:
        """Response, resectability, volume left and diameter left, ``(schedule, gap, draw)`` each."""
        world = self.world
        n_schedules, n_cycles = week.shape
        n_lesions, n_gaps = world.lesions.n_lesions, len(gaps)
        dose = np.stack([world.lesion_doses_gy(row) for row in activity], axis=1)
        base, effects = world.lesions, world.effects if self.one_patient else world.node_effects
        outcome = simulate(
            world.parameters,
            LesionArrays(volume_ml=np.tile(base.volume_ml, n_schedules), ki67_pct=np.tile(base.ki67_pct, n_schedules),
                         is_liver=np.tile(base.liver, n_schedules), diameter_mm=np.tile(base.diameters_mm, n_schedules),
                         origin=np.tile(base.origins, n_schedules)),
            ScheduleArrays(
                week=np.repeat(week, n_lesions, axis=0).astype(np.float32),
                dose_gy=dose.reshape(world.n_draws, n_schedules * n_lesions, n_cycles, len(world.nuclides)).astype(np.float32),
                effective_half_life_h=np.tile(world.half_life_h, (1, n_schedules, 1)).astype(np.float32),
                times_week=np.repeat(week[:, -1:] + gaps, n_lesions, axis=0).astype(np.float32),
                sensitiser=np.full(n_cycles, SENSITISERS.index(sensitiser), np.intp),
            ),
            LesionEffects(np.tile(effects.alpha_z, (1, n_schedules)), np.tile(effects.growth_z, (1, n_schedules)),
                          np.tile(effects.baseline_z, (1, n_schedules)), effects.n_replicates, effects.seed),
        )
        # ``(draw · node or one, lesion, schedule · gap)``, then ``(draw, point, lesion, schedule · gap)``.
        moved = np.moveaxis(outcome.relative_volume.reshape(-1, n_schedules, n_lesions, n_gaps), 1, 2)
        by_lesion = moved.reshape(len(moved), n_lesions, n_schedules * n_gaps)
        volume = by_lesion[:, None] if self.one_patient else chances.carry_log(world, by_lesion)
        share = np.asarray(base.volume_ml, np.float64) / float(np.sum(base.volume_ml))
        left = np.minimum(np.einsum("dplk,l->dpk", volume, share), 1.0)
        diameter = base.diameters_mm[:, None] * np.cbrt(volume)
        followed = diameter[:, :, world.followed]
        response = resectable = None
        if self.targets.any():
            found = chances.response_chance(world, self.points, diameter, self.targets, weighted=self.weight is not None)
            response = self._mean(found, n_gaps)
        else:
            reasons["p_objective_response"] = chances.NOT_MEASURABLE
        if world.vessels:
            latent = chances.latent_contacts(world, followed)
            resectable = self._mean(chances.class_chances(world, self.points, latent).resectable, n_gaps)
        else:
            reasons["p_resectable"] = chances.NO_VESSELS
        relative = followed / world.patient.lesions[world.followed].longest_diameter_mm
        return response, resectable, self._mean(left, n_gaps), self._mean(relative, n_gaps)

    def _mean(self, values: NDArray[np.floating[Any]], n_gaps: int) -> Floats:
        """Mean over points ``(draw, point, schedule · gap)`` as ``(schedule, gap, draw)``."""
        means = chances.mean_over_points(values, self.weight)
        return np.moveaxis(means.reshape(len(means), -1, n_gaps), 0, -1)

    def _kidneys(self, activity: Floats, week: Floats) -> Floats:
        """Kidney BED ``(schedule, draw)`` in Gy, with that of earlier radioligand therapy."""
        world, n = self.world, self.world.n_draws
        result = np.zeros((len(week), n))
        for weeks in {tuple(row) for row in week.tolist()}:
            rows = np.flatnonzero((week == weeks).all(axis=1))
            worlds = world.parameters.take(np.tile(np.arange(n), len(rows)))
            dose = np.concatenate([world.kidney_doses_gy(activity[row]) for row in rows])
            bed = kidney_bed_gy(worlds, dose, np.tile(world.kidneys.half_life_h, (len(rows), 1)), weeks)
            result[rows] = bed.reshape(len(rows), n) + world.earlier_kidney_bed_gy
        return result

    def _blood(self, activity: Floats, week: Floats, sensitiser: str) -> Floats:
        """Chance per draw of grade 3 or 4 in any line that has a baseline, ``(schedule, draw)``."""
        world, n = self.world, self.world.n_draws
        result = np.zeros((len(week), n))
        if not self.counts:
            return result
        n_cycles, code = activity.shape[1], SENSITISERS.index(sensitiser)
        slopes = world.slopes[:, None] if self.one_patient else np.exp(
            world.slope_centre[:, None] + world.slope_spread[:, None] * luck.SLOPE_NODES[:, None])
        r = slopes.shape[1]
        # Cycles that a schedule lacks carry no dose, so schedules of one interval run together.
        grids = [_whole_grid(row) for row in week]
        per_block = max(1, BLOOD_ROWS // (n * r))
        world_of = np.repeat(np.arange(n), r)
        for weeks in dict.fromkeys(grids):
            rows = np.array([i for i, grid in enumerate(grids) if grid == weeks])
            horizon = 13.0 * np.ceil((weeks[-1] + BLOOD_WEEKS_AFTER) / 13.0)
            for start in range(0, len(rows), per_block):
                part = rows[start : start + per_block]
                padded = np.concatenate([part, np.repeat(part[-1:], per_block - len(part))])
                dose = world.marrow_gy_per_gbq[None, world_of, None, :] * activity[padded][:, None]
                dose = dose.reshape(-1, n_cycles, len(world.nuclides))
                worlds = world.parameters.take(np.tile(world_of, per_block))
                found = blood.blood_course(
                    worlds, dose, np.tile(world.marrow_half_life_h[world_of], (per_block, 1)), weeks, weeks=horizon, seed=world.seed,
                    sensitiser=[code] * n_cycles, slopes=np.tile(slopes.reshape(n * r, -1).astype(np.float32), (per_block, 1)),
                    persistent=np.tile(world.persistent[world_of], per_block), keep_days=False)
                for k, row in enumerate(part):
                    one = found.take(slice(k * n * r, (k + 1) * n * r))
                    result[row] = self._grade34(one)
        return result

    def _grade34(self, found: blood.BloodCourse) -> Floats:
        if self.one_patient:
            return blood.p_grade34(found, dict(self.counts), 1)["any"]
        marrow = chances.Marrow(found, self.world.n_draws)
        fall = {line: marrow.log_fall(line) for line in self.counts}
        if self.weight is None:
            return chances.grade34_chances(fall, self.counts)["any"]
        hit = [value * chances.nadir_at_points(fall[line], self.points.slope_z[:, :, blood.LINES.index(line)]) < blood.grade_limit(line, 3)
               for line, value in self.counts.items()]
        return chances.mean_over_points(np.any(hit, axis=0), self.weight)


def _whole_grid(week: Floats) -> tuple[float, ...]:
    """Weeks of all cycles where the last given one is repeated to fill the row: those that are lacking follow at equal intervals."""
    given = list(dict.fromkeys(week.tolist()))
    step = given[1] - given[0] if len(given) > 1 else 8.0
    while len(given) < len(week):
        given.append(given[-1] + step)
    return tuple(given)

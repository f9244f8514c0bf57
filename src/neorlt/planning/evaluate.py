"""Many schemes of one patient at once, through the same model as one: schemes ride on the lesion axis of ``simulate``.

Every scheme meets the same worlds, lesions, readings, kidneys and marrows (common random numbers), so differences
between schemes are paired. Schemes that differ only in the week of surgery share one simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.limits import kidney_bed_limit_gy
from neorlt.clinic.recist import Response, classify_recist, select_targets
from neorlt.clinic.vessels import Resectability
from neorlt.core.draws import generator
from neorlt.planning.doses import cycle_log_sd, cycle_scatter_z, fall_per_cycle
from neorlt.planning.predict import BLOOD_REPLICATES, World, primary_index, resectability_course, vessel_contacts
from neorlt.planning.search_space import Candidate
from neorlt.response import blood
from neorlt.response.arrays import LesionArrays, LesionEffects, Outcome, ScheduleArrays
from neorlt.response.kidney import kidney_bed_gy
from neorlt.response.parameters import SENSITISERS
from neorlt.response.simulate import simulate

Floats = NDArray[np.float64]
CELLS_AT_ONCE = 400_000
"""Lesions times worlds of one call of the model: bounds the memory."""
BLOOD_ROWS = 4096
"""Rows of one call of the blood model; one size, so that it is compiled once."""
BLOOD_WEEKS_AFTER = 26.0
"""Blood is followed this long after the last cycle: the nadir comes about week five."""
REFERENCE_GBQ = 4 * 7.4
"""Activity of 177Lu at which the published incidence of secondary neoplasm is taken (the usual course)."""


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


def fewer_draws(world: World, n_draws: int) -> World:
    """The first draws of a world with one replicate each: the common draws of a screening."""
    return world.take(np.arange(n_draws))


class Evaluator:
    """Predicts candidates in one world; what does not depend on the scheme is drawn once."""

    def __init__(self, world: World, blood_replicates: int = BLOOD_REPLICATES) -> None:
        self.world = world
        patient, parameters = world.patient, world.parameters
        n = parameters.n_draws
        self.scatter = np.stack(
            [np.exp(cycle_log_sd() * cycle_scatter_z(generator(world.seed, patient.id, lesion.id, "cycles"), n))
             for lesion in patient.lesions], axis=1)
        for i, kinetics in enumerate(world.kinetics):
            if kinetics.origin == "images":
                self.scatter[:, i, 0] = 1.0
        self.falls = np.array([fall_per_cycle(patient, lesion) for lesion in patient.lesions])
        self.reading = generator(world.seed, patient.id, "planning", "reading").standard_normal(world.effects.alpha_z.shape)
        self.targets = select_targets([lesion.organ for lesion in patient.lesions],
                                      [lesion.longest_diameter_mm for lesion in patient.lesions])
        per_gbq, self.marrow_half_life_h = blood.marrow_dose_gy(parameters, np.eye(2), world.seed)
        self.marrow_gy_per_gbq = np.stack([per_gbq[:, 0, 0], per_gbq[:, 1, 1]], axis=1)
        self.blood_replicates = blood_replicates
        self.slopes = blood.draw_slopes(n, world.seed, blood_replicates)
        self.persistent = blood.persistent_share(n, world.seed, blood_replicates)
        low, high = blood.myeloid_risk()["range"]
        self.neoplasm = generator(world.seed, patient.id, "planning", "neoplasm").uniform(low, high, n)
        self.limit_gy = float(kidney_bed_limit_gy(patient.kidney_risk_factors))

    def take(self, index: NDArray[np.intp]) -> Evaluator:
        """The same evaluator in the worlds at ``index``: everything that belongs to a world goes along.

        For worlds of one replicate and one course of blood each.
        """
        taken = copy(self)
        taken.world = self.world.take(index)
        taken.scatter, taken.reading, taken.slopes = self.scatter[index], self.reading[index], self.slopes[index]
        taken.marrow_gy_per_gbq, taken.marrow_half_life_h = self.marrow_gy_per_gbq[index], self.marrow_half_life_h[index]
        taken.neoplasm, taken.persistent = self.neoplasm[index], self.persistent[index]
        return taken

    def __call__(self, candidates: Sequence[Candidate]) -> Outcomes:
        """Predict candidates; the order is kept."""
        schedules = list(dict.fromkeys(c.schedule for c in candidates))
        groups: dict[tuple[int, str], list[int]] = {}
        for i, (cycles, _, course) in enumerate(schedules):
            groups.setdefault((-(-max(len(cycles), 1) // 4) * 4, course), []).append(i)
        gaps = np.unique([c.surgery_weeks_after_last for c in candidates])
        n_draws = self.world.parameters.n_draws
        shape = (len(schedules), len(gaps), n_draws)
        response, resectable, left, diameter = (np.full(shape, np.nan) for _ in range(4))
        kidneys = np.zeros((len(schedules), n_draws))
        grade34 = np.zeros((len(schedules), n_draws))
        neoplasm = np.zeros((len(schedules), n_draws))
        counts = {line: value for line, value in self.world.patient.blood_baselines.items() if line != "haemoglobin"}
        reasons: dict[str, str] = {}
        cells = self.world.effects.alpha_z.size
        block = max(1, CELLS_AT_ONCE // cells)
        with ThreadPoolExecutor(max_workers=1) as pool:
            for (n_cycles, sensitiser), members in groups.items():
                for start in range(0, len(members), block):
                    part = np.array(members[start : start + block])
                    activity = np.zeros((len(part), n_cycles, 2))
                    week = np.zeros((len(part), n_cycles))
                    for row, i in enumerate(part):
                        for c, (pair, at_week) in enumerate(zip(schedules[i][0], schedules[i][1], strict=True)):
                            activity[row, c] = pair
                            week[row, c:] = at_week
                    blood_counts = pool.submit(self._blood, activity, week, sensitiser, counts)
                    found = self._tumour(activity, week, sensitiser, gaps, reasons)
                    for target, values in zip((response, resectable, left, diameter), found, strict=True):
                        if values is not None:
                            target[part] = values
                    kidneys[part] = self._kidneys(activity, week)
                    marrow = np.einsum("scn,dn->sd", activity, self.marrow_gy_per_gbq)
                    neoplasm[part] = np.minimum(self.neoplasm * marrow / (REFERENCE_GBQ * self.marrow_gy_per_gbq[:, 0]), 1.0)
                    grade34[part] = blood_counts.result()
        if not counts:
            reasons["p_blood_grade34"] = "no baseline count of platelets or neutrophils is given"
        number = {schedule: i for i, schedule in enumerate(schedules)}
        at = np.array([number[c.schedule] for c in candidates], np.intp)
        gap = np.searchsorted(gaps, [c.surgery_weeks_after_last for c in candidates])
        return Outcomes(
            tuple(candidates), None if "p_resectable" in reasons else resectable[at, gap],
            None if "p_objective_response" in reasons else response[at, gap], left[at, gap], diameter[at, gap], kidneys[at],
            grade34[at] if counts else None, neoplasm[at], self.limit_gy, reasons,
        )

    def _tumour(
        self, activity: Floats, week: Floats, sensitiser: str, gaps: Floats, reasons: dict[str, str]
    ) -> tuple[Floats | None, Floats | None, Floats, Floats]:
        """Response, resectability, volume left and diameter left, ``(schedule, gap, draw)`` each."""
        world, patient = self.world, self.world.patient
        n_schedules, n_cycles = week.shape
        n_lesions, effects = len(patient.lesions), world.effects
        n, n_gaps = effects.n_replicates, len(gaps)
        per_gbq = np.stack([k.gy_per_gbq for k in world.kinetics], axis=1)
        half_life = np.stack([k.half_life_h for k in world.kinetics], axis=1)
        factor = (1.0 - self.falls)[:, None] ** np.arange(n_cycles) * self.scatter[:, :, :n_cycles]
        dose = per_gbq[:, None, :, None, :] * activity[None, :, None, :, :] * factor[:, None, :, :, None]
        codes = np.full(n_cycles, SENSITISERS.index(sensitiser), np.intp)
        base = world.lesions
        outcome = simulate(
            world.parameters,
            LesionArrays(volume_ml=np.tile(base.volume_ml, n_schedules), ki67_pct=np.tile(base.ki67_pct, n_schedules),
                         is_liver=np.tile(base.liver, n_schedules), diameter_mm=np.tile(base.diameters_mm, n_schedules),
                         grade=np.tile(base.grades, n_schedules)),
            ScheduleArrays(
                week=np.repeat(week, n_lesions, axis=0).astype(np.float32),
                dose_gy=dose.reshape(len(per_gbq), n_schedules * n_lesions, n_cycles, 2).astype(np.float32),
                effective_half_life_h=np.tile(half_life, (1, n_schedules, 1)).astype(np.float32),
                times_week=np.repeat(week[:, -1:] + gaps, n_lesions, axis=0).astype(np.float32), sensitiser=codes,
            ),
            LesionEffects(np.tile(effects.alpha_z, (1, n_schedules)), np.tile(effects.growth_z, (1, n_schedules)),
                          np.tile(effects.baseline_z, (1, n_schedules)), n, effects.seed),
        )
        shape = (-1, n_schedules, n_lesions, n_gaps)
        diameters = outcome.diameter_mm.reshape(shape)

        def per_draw(values: NDArray[np.floating | np.bool_]) -> Floats:
            means = np.asarray(values, np.float32).reshape(-1, n, n_schedules, n_gaps).mean(axis=1)
            return np.asarray(np.moveaxis(means, 0, -1), np.float64)

        volume = np.asarray(base.volume_ml)
        left = np.minimum(np.einsum("wslg,l->wsg", outcome.relative_volume.reshape(shape), volume / volume.sum()), 1.0)
        first = primary_index(patient)
        primary = diameters[:, :, first, :]
        response = self._response(diameters, reasons)
        resectable = self._resectable(np.ascontiguousarray(primary.reshape(len(primary), -1)), outcome, reasons)
        return (
            None if response is None else per_draw(response),
            None if resectable is None else per_draw(resectable.reshape(-1, n_schedules, n_gaps)),
            per_draw(left), per_draw(primary / patient.lesions[first].longest_diameter_mm),
        )

    def _response(self, diameters: NDArray[np.float32], reasons: dict[str, str]) -> NDArray[np.bool_] | None:
        """RECIST response by size at surgery, read with the reader's error: one reading a lesion, common to all schemes."""
        if not self.targets.any():
            reasons["p_objective_response"] = "no lesion is measurable (10 mm): RECIST 1.1 has nothing to measure"
            return None
        world = self.world
        sd = world.parameters.repeat(world.effects.n_replicates).sigma_d[:, None] / np.sqrt(2.0)
        # The measurement model of ``simulate``, with the reading held fixed so that schemes stay paired.
        error = np.exp(sd * (self.reading - world.effects.baseline_z))[:, None, :, None]
        sums = (diameters * error)[:, :, self.targets].sum(axis=2)
        base = float(world.lesions.diameters_mm[self.targets].sum())
        code = np.asarray(classify_recist(sums, base, base))
        return np.asarray((code == int(Response.CR)) | (code == int(Response.PR)))

    def _resectable(self, primary: NDArray[np.float32], outcome: Outcome, reasons: dict[str, str]) -> NDArray[np.bool_] | None:
        contacts = vessel_contacts(self.world, primary)
        if not contacts:
            reasons["p_resectable"] = "no vessel contact is given for the primary (vessels = [...] in the patient file)"
            return None
        return np.asarray(resectability_course(self.world.patient, contacts) == int(Resectability.RESECTABLE))

    def _kidneys(self, activity: Floats, week: Floats) -> Floats:
        """Kidney BED ``(schedule, draw)`` in Gy."""
        kidneys, n = self.world.kidneys, self.world.parameters.n_draws
        result = np.zeros((len(week), n))
        for weeks in {tuple(row) for row in week.tolist()}:
            rows = np.flatnonzero((week == weeks).all(axis=1))
            worlds = self.world.parameters.take(np.tile(np.arange(n), len(rows)))
            dose = (kidneys.gy_per_gbq[None, :, None, :] * activity[rows][:, None]).reshape(-1, activity.shape[1], 2)
            bed = kidney_bed_gy(worlds, dose, np.tile(kidneys.half_life_h, (len(rows), 1)), weeks)
            result[rows] = bed.reshape(len(rows), n)
        return result

    def _blood(self, activity: Floats, week: Floats, sensitiser: str, counts: dict[str, float]) -> Floats:
        """Chance per draw of grade 3 or 4 in any line that has a baseline, ``(schedule, draw)``."""
        n, r = self.world.parameters.n_draws, self.blood_replicates
        result = np.zeros((len(week), n))
        if not counts:
            return result
        n_cycles = activity.shape[1]
        code = [SENSITISERS.index(sensitiser)] * n_cycles
        # Cycles that a schedule lacks carry no dose, so schedules of one interval run together.
        grids = [_whole_grid(row) for row in week]
        per_block = max(1, BLOOD_ROWS // (n * r))
        world_of = np.repeat(np.arange(n), r)
        baselines: dict[str, Any] = dict(counts)
        for weeks in dict.fromkeys(grids):
            rows = np.array([i for i, grid in enumerate(grids) if grid == weeks])
            horizon = 13.0 * np.ceil((weeks[-1] + BLOOD_WEEKS_AFTER) / 13.0)
            for start in range(0, len(rows), per_block):
                part = rows[start : start + per_block]
                padded = np.concatenate([part, np.repeat(part[-1:], per_block - len(part))])
                dose = (self.marrow_gy_per_gbq[None, world_of, None, :] * activity[padded][:, None]).reshape(-1, n_cycles, 2)
                worlds = self.world.parameters.take(np.tile(world_of, per_block))
                course = blood.blood_course(
                    worlds, dose, np.tile(self.marrow_half_life_h[world_of], (per_block, 1)), weeks, weeks=horizon,
                    seed=self.world.seed, sensitiser=code, slopes=np.tile(self.slopes, (per_block, 1)),
                    persistent=np.tile(self.persistent, per_block), keep_days=False)
                hit = blood.p_grade34(course, baselines, r)["any"].reshape(per_block, n)
                result[part] = hit[: len(part)]
        return result


def _whole_grid(week: Floats) -> tuple[float, ...]:
    """Weeks of all cycles where the last given one is repeated to fill the row: those that are lacking follow at equal intervals."""
    given = list(dict.fromkeys(week.tolist()))
    step = given[1] - given[0] if len(given) > 1 else 8.0
    while len(given) < len(week):
        given.append(given[-1] + step)
    return tuple(given)

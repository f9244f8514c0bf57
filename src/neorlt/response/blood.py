"""Blood counts driven by the marrow's dose rate: platelets, neutrophils, haemoglobin, lymphocytes.

Platelets, neutrophils and haemoglobin follow a transit chain (Friberg 2002): proliferating cells are killed by dose,
pass three compartments and circulate; a fall in circulating cells speeds up proliferation. Lymphocytes are killed
directly and recover slowly. *By construction*: the transit time puts the platelets' nadir after a first 7.4 GBq at
week five, and the slopes repeat the published rates over a usual course (``tools/response/make_tables.py``); the
spread of every rate comes from its own binomial interval. Counts are relative to the patient's baseline.

Not all of the marrow comes back: a share of what dose kills is missing from the level that the counts return to. The
share is set so that platelets return above their lower limit in as many patients as the product label says. Age, eGFR
and white cells move the slopes by assumed amounts in the direction of the published risk factors (Bergsma 2016).

Cycles can be held back *in the course itself*: a cycle that the label's rule forbids on its day is not given until the
counts allow it, later cycles move with it, and after 16 weeks the treatment ends.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import draws as core_draws
from neorlt.core import tables
from neorlt.core.compute import keep_compiled, side_by_side
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.response.parameters import FITTED_NUCLIDES, ROOM, Parameters

Array = Any
"""A jax or numpy array."""
LINES = ("platelets", "neutrophils", "haemoglobin", "lymphocytes")
"""Order of the line axis."""
N_TRANSIT = 3
BATCH = 512
STOP_AFTER_WEEKS = 16.0
"""A delay of this many weeks ends the treatment (US label, read in PMC10133840 table 1)."""
STOP_AFTER_DAYS = int(STOP_AFTER_WEEKS * 7)


class Marrow(NamedTuple):
    """Inputs of :func:`course`, leading axis cell (one patient in one world)."""

    dose_gy: Array
    """``(cell, cycle, nuclide)``."""
    half_life_h: Array
    """``(cell, nuclide)``."""
    toxicity: Array
    """``(cell, cycle)`` factor on the slopes for the cycle's sensitiser (1 without)."""
    slope_per_gy: Array
    """``(cell, line)``."""
    transit_time_d: Array
    """``(cell,)``."""
    persistent: Array
    """``(cell,)`` share of what is killed that stays missing from the level the counts return to."""
    hold_below: Array
    """``(cell, 3)`` count over baseline of platelets, neutrophils and haemoglobin below which a cycle waits; 0 never."""


class Shown(NamedTuple):
    """What :func:`course` returns for the cells."""

    relative: Array
    """``(day, line, cell)`` counts over baseline; empty where ``keep_days`` is false."""
    lowest: Array
    """``(line, cell)`` over all days."""
    last: Array
    """``(line, cell)`` on the last day."""
    given_day: Array
    """``(cycle, cell)`` day on which each cycle was given; -1 where it was not."""
    held: Array
    """``(cycle, cell)`` whether the rule held the cycle back on its day."""


NEVER = 10**6
"""Days before the next cycle where there is none."""


def course(
    marrow: Marrow, gap_day: Array, n_days: Any, feedback: float, life_d: tuple[float, float], keep_days: bool = True
) -> Shown:
    """Follow counts from day 0 to ``n_days`` (a whole number known beforehand where days are kept), giving each cycle when it is due
    and allowed.

    ``gap_day`` ``(cycle,)`` whole days from the cycle before (the first: from baseline), :data:`NEVER` for cycles that do
    not exist; ``life_d`` is the mean life of red cells in the blood and the recovery time of lymphocytes. Daily steps:
    kill by the day's dose exactly, the chain by Heun's rule.
    """
    import jax
    import jax.numpy as jnp

    n_cycles = marrow.dose_gy.shape[1]
    n_cells = marrow.slope_per_gy.shape[0]
    lam = jnp.log(2.0) * 24.0 / marrow.half_life_h.T
    day_decay = jnp.exp(-lam)
    k_tr = (N_TRANSIT + 1) / marrow.transit_time_d
    k_out = jnp.stack([k_tr, k_tr, jnp.full_like(k_tr, 1.0 / life_d[0])])
    rate_given = jnp.moveaxis(marrow.dose_gy, 0, -1) * lam
    slope, toxicity, hold, persist = marrow.slope_per_gy.T, marrow.toxicity.T, marrow.hold_below.T, marrow.persistent
    recover = 1 - np.exp(-1.0 / life_d[1])
    gap = jnp.concatenate([jnp.asarray(gap_day, jnp.int32), jnp.full(1, NEVER, jnp.int32)])
    numbers = jnp.arange(n_cycles)[:, None]

    held_in_a_day = (1 - day_decay) / lam

    def flow(chain: tuple[Array, ...], log_level: Array) -> tuple[Array, ...]:
        cells, t1, t2, t3, blood = chain
        drive = jnp.exp(feedback * (log_level - jnp.log(jnp.maximum(blood, 1e-6))))
        return k_tr * cells * (drive - 1), k_tr * (cells - t1), k_tr * (t1 - t2), k_tr * (t2 - t3), k_out * (t3 - blood)

    def day(carry: Any, today: Any) -> Any:
        chain, lymphocytes, log_level, rate, count, due, lowest, given_day, held = carry
        shown = jnp.concatenate([chain[4], lymphocytes[None]])
        lowest = jnp.minimum(lowest, shown)
        bad = jnp.any(shown[:3] < hold, axis=0)
        late = today - due
        ready = (late >= 0) & ~bad
        held = held | ((numbers == count) & (late == 0) & bad)
        given_day = jnp.where((numbers == count) & ready, today, given_day)
        now = (numbers == count) & ready
        rate = rate + jnp.where(now[:, None], rate_given, 0.0).sum(0)
        count = count + ready.astype(jnp.int32)
        # The gap after this cycle, chosen by comparison: looking it up for each cell would cost more than the rest of the day.
        wait = jnp.int32(NEVER) + jnp.where(numbers + 1 == count, gap[1:, None] - NEVER, 0).sum(0)
        due = jnp.where(ready, today + wait, jnp.where((late >= STOP_AFTER_DAYS) & bad, NEVER, due))
        power = jnp.where(numbers == jnp.maximum(count - 1, 0), toxicity, 0.0).sum(0)
        dose = (rate * held_in_a_day).sum(0) * power
        killed = slope[:3] * dose
        log_level = log_level - persist * killed
        chain = (chain[0] * jnp.exp(-killed), *chain[1:])
        first = flow(chain, log_level)
        second = flow(tuple(x + dx for x, dx in zip(chain, first, strict=True)), log_level)
        chain = tuple(jnp.maximum(x + 0.5 * (d1 + d2), 1e-6) for x, d1, d2 in zip(chain, first, second, strict=True))
        lymphocytes = lymphocytes * jnp.exp(-slope[3] * dose)
        lymphocytes = lymphocytes + (1 - lymphocytes) * recover
        return (chain, lymphocytes, log_level, rate * day_decay, count, due, lowest, given_day, held), shown if keep_days else None

    one = jnp.ones((3, n_cells), lam.dtype)
    start = ((one,) * (N_TRANSIT + 2), one[0], 0 * one, jnp.zeros_like(lam), jnp.zeros(n_cells, jnp.int32),
             jnp.full(n_cells, gap[0], jnp.int32), jnp.ones((4, n_cells), lam.dtype),
             jnp.full((n_cycles, n_cells), -1, jnp.int32), jnp.zeros((n_cycles, n_cells), bool))
    if keep_days:
        end, shown = jax.lax.scan(day, start, jnp.arange(n_days + 1, dtype=jnp.int32))
    else:
        end = jax.lax.fori_loop(0, n_days + 1, lambda today, carry: day(carry, jnp.int32(today))[0], start)
        shown = jnp.zeros((0, len(LINES), n_cells))
    last = jnp.concatenate([end[0][4], end[1][None]])
    return Shown(shown, end[6], last, end[7], end[8])


@functools.cache
def _compiled(kept_days: int | None, feedback: float, life_d: tuple[float, float]) -> Any:
    """The compiled course of one batch. Where days are not kept it serves every length, as compiling costs more than running."""
    import jax

    keep_compiled()

    def run(marrow: Marrow, gap_day: Any, n_days: Any) -> Any:
        found = course(marrow, gap_day, n_days if kept_days is None else kept_days, feedback, life_d, kept_days is not None)
        return Shown(*(x.T for x in found))

    return jax.jit(run)


@dataclass(frozen=True)
class BloodCourse:
    """Relative counts by day ``(draw, line, day)`` and what follows from them."""

    relative: NDArray[np.float32]
    cycle_day: NDArray[np.intp]
    """``(cycle,)`` as planned."""
    given_day: NDArray[np.intp]
    """``(draw, cycle)`` as given; -1 where the cycle was withheld for good."""
    held: NDArray[np.bool_]
    """``(draw, cycle)`` whether the rule held the cycle back on the day it was due."""
    lowest: NDArray[np.float32]
    """``(draw, line)`` over the whole course."""
    last: NDArray[np.float32]
    """``(draw, line)`` at its end."""
    label: Label = Label.BY_CONSTRUCTION

    def take(self, rows: slice) -> BloodCourse:
        """A part of the draws."""
        arrays = {name: getattr(self, name)[rows] for name in ("relative", "given_day", "held", "lowest", "last")}
        return replace(self, **arrays)

    def counts(self, line: str, baseline: ArrayLike) -> NDArray[np.float32]:
        """Counts ``(draw, day)`` in the baseline's unit (10^9/l, haemoglobin g/dl)."""
        base = np.asarray(baseline, np.float32).reshape(-1, 1)
        return np.asarray(self.relative[:, LINES.index(line)] * base, np.float32)

    def nadir(self, line: str) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Lowest relative count over the whole course and its day, ``(draw,)`` each."""
        values = self.relative[:, LINES.index(line)]
        if values.shape[1] == 0:
            raise ValueError("the days of this course were not kept: read `lowest`")
        return values.min(axis=1), values.argmin(axis=1)

    def cycle_nadirs(self, line: str) -> NDArray[np.float32]:
        """Lowest relative count between each cycle and the next (the last: until the end), ``(draw, cycle)``."""
        values = self.relative[:, LINES.index(line)]
        ends = [*self.cycle_day[1:], values.shape[1]]
        spans = zip(self.cycle_day, ends, strict=True)
        return np.stack([values[:, start : max(end, start + 1)].min(axis=1) for start, end in spans], axis=1)


def blood_table() -> dict[str, Any]:
    """The fitted slopes with targets, and the assumptions beside them."""
    table: dict[str, Any] = tables.read_json(ROOM, "blood.json")
    return table


def draw_sensitivity(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Median and spread between patients of the marrow's log sensitivity, ``(n, line)`` each: one fitted pair a line and draw."""
    table = blood_table()
    centre, spread = [], []
    for line in LINES:
        fitted = table["lines"][line]
        index = rng.integers(len(fitted["log_slope"]), size=n)
        centre.append(np.asarray(fitted["log_slope"])[index])
        spread.append(np.asarray(fitted["log_sd"])[index])
    return np.stack(centre, axis=1).astype(np.float32), np.stack(spread, axis=1).astype(np.float32)


def draw_slopes(n: int, seed: int = 0, n_replicates: int = 1) -> NDArray[np.float32]:
    """Marrow sensitivity per patient ``(n * n_replicates, line)`` in 1/Gy.

    Each draw takes one fitted pair (median, log-SD) per line; a patient's lines share part of their deviation.
    """
    rng = core_draws.generator(seed, ROOM, "blood", "slopes")
    shared = float(blood_table()["shared_variance"]["value"])
    centre, spread = (np.repeat(values, n_replicates, axis=0) for values in draw_sensitivity(rng, n))
    common = rng.standard_normal((n * n_replicates, 1))
    own = rng.standard_normal((n * n_replicates, len(LINES)))
    return np.asarray(np.exp(centre + spread * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)), np.float32)


def draw_persistent(rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """Share of the marrow's loss that stays, one fitted value a draw, ``(n,)``."""
    fitted = np.asarray(blood_table()["persistent_share"]["draws"], np.float32)
    return np.asarray(fitted[rng.integers(len(fitted), size=n)], np.float32)


def persistent_share(n: int, seed: int = 0, n_replicates: int = 1) -> NDArray[np.float32]:
    """Share of the marrow's loss that stays, one fitted value a draw, ``(n * n_replicates,)``."""
    return np.repeat(draw_persistent(core_draws.generator(seed, ROOM, "blood", "persistent"), n), n_replicates)


def covariate_factor(
    age_y: float | None = None, egfr_ml_min: float | None = None, white_cells_e9_per_l: float | None = None
) -> float:
    """Factor on the slopes by age, eGFR and white cells; a value that is not known changes nothing.

    Directions are those of the published risk factors (Bergsma 2016, doi 10.1007/s00259-015-3193-4: poor renal function,
    low white cells, age over 70); the sizes are assumptions, since no ratio was read.
    """
    table = blood_table()["covariates"]
    total = 0.0
    if age_y is not None:
        total += table["log_per_decade"]["value"] * (np.clip(age_y, 30.0, 95.0) - table["age_y"]["value"]) / 10.0
    if egfr_ml_min is not None:
        total += table["log_per_log_egfr"]["value"] * np.log(np.clip(egfr_ml_min, 15.0, 120.0) / table["egfr_ml_min"]["value"])
    if white_cells_e9_per_l is not None:
        total += table["log_per_log_white_cells"]["value"] * np.log(
            np.clip(white_cells_e9_per_l, 1.0, 20.0) / table["white_cells_e9_per_l"]["value"])
    return float(np.exp(total))


def marrow_per_gbq(
    rng: np.random.Generator, n: int, nuclides: Sequence[str] = FITTED_NUCLIDES
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Marrow dose per activity ``(n, nuclide)`` in Gy/GBq and effective half-life ``(n, nuclide)`` in hours.

    177Lu, the first nuclide: 0.067 Gy/GBq (SD 0.007; Bergsma 2016, blood-based). Every other one is derived from it: same biology, its
    own decay and electron energy (an assumption that leaves out bone uptake of a free radiometal, such as 90Y, and its photons).
    """
    from neorlt.nuclides.nuclide import get_nuclide

    table = blood_table()
    per_gbq = table["marrow_lu_gy_per_gbq"]
    lu = np.maximum(rng.normal(per_gbq["value"], per_gbq["sd"], n), 0.01)
    decay = np.array([get_nuclide(name).decay_constant_per_h for name in nuclides])
    energy = np.array([get_nuclide(name).electron_energy_mev for name in nuclides])
    rate = np.log(2) / table["marrow_half_life_h"]["value"] - decay[0] + decay
    coefficient = lu[:, None] * (energy / energy[0]) * (rate[0] / rate)
    half_life = np.broadcast_to(np.log(2) / rate, (n, len(nuclides)))
    return coefficient.astype(np.float32), half_life.astype(np.float32)


def marrow_dose_gy(parameters: Parameters, activity_gbq: ArrayLike, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Marrow dose ``(draw, cycle, nuclide)`` and effective half-life ``(draw, nuclide)`` from injected activities."""
    per_gbq, half_life = marrow_per_gbq(core_draws.generator(seed, ROOM, "blood", "marrow"), parameters.n_draws, parameters.nuclides)
    return (per_gbq[:, None, :] * np.asarray(activity_gbq, np.float64)).astype(np.float32), half_life


def blood_course(
    parameters: Parameters, dose_gy: ArrayLike, effective_half_life_h: ArrayLike, week: ArrayLike, *, weeks: float = 52.0,
    seed: int = 0, sensitiser: ArrayLike | None = None, n_replicates: int = 1, slopes: NDArray[np.float32] | None = None,
    persistent: NDArray[np.float32] | None = None, hold: Mapping[str, ArrayLike] | None = None, keep_days: bool = True,
) -> BloodCourse:
    """Predict blood counts.

    Parameters
    ----------
    parameters
        Give the transit time and the sensitiser's factor on toxicity per draw.
    dose_gy
        ``(draw | 1, cycle, nuclide)`` marrow dose.
    effective_half_life_h
        ``(draw | 1, nuclide)`` in the marrow.
    week
        ``(cycle,)`` weeks after baseline (rounded to days).
    weeks
        Length of the course.
    seed, n_replicates
        Patients drawn per draw of the parameters.
    sensitiser
        ``(cycle,)`` codes; 0 is none.
    slopes
        Own slopes ``(draw * replicate, line)`` in place of drawn ones.
    persistent
        Own persistent shares ``(draw * replicate,)`` in place of drawn ones.
    hold
        Baseline counts by line where the label's rule holds cycles back (see :func:`hold_below`); left out, every cycle
        is given on its planned day.
    keep_days
        Whether the counts of every day are kept; without them ``relative`` is empty.
    """
    table = blood_table()
    world = parameters.repeat(n_replicates)
    n = world.n_draws
    dose = np.asarray(dose_gy, np.float32)
    n_cycles = max(4, -(-dose.shape[1] // 4) * 4)
    day = np.round(np.asarray(week, np.float64) * 7).astype(np.int32)
    if np.any(np.diff(day) < 0):
        raise InputError("cycle weeks run backwards", remedy="sort the cycles by week")
    codes = np.zeros(dose.shape[1], np.intp) if sensitiser is None else np.asarray(sensitiser, np.intp)

    def spread(array: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
        if array.shape[0] == parameters.n_draws and n_replicates > 1:
            array = np.repeat(array, n_replicates, axis=0)
        return np.broadcast_to(array, (rows, *array.shape[1:]))

    wide = np.zeros((n, n_cycles, dose.shape[2]), np.float32)
    wide[:, : dose.shape[1]] = spread(dose, n)
    toxicity = np.ones((n, n_cycles), np.float32)
    toxicity[:, : len(codes)] = np.where(codes[None, :] > 0, world.sensitiser_toxicity_factor[:, None], 1.0)
    gaps = np.concatenate([np.diff(day, prepend=0), np.full(n_cycles - len(day), NEVER)]).astype(np.int32)
    if slopes is None:
        slopes = draw_slopes(parameters.n_draws, seed, n_replicates)
    if persistent is None:
        persistent = persistent_share(parameters.n_draws, seed, n_replicates)
    limits = np.zeros((n, 3), np.float32) if hold is None else np.broadcast_to(hold_below(hold), (n, 3)).astype(np.float32)
    marrow = Marrow(wide, spread(np.asarray(effective_half_life_h, np.float32), n), toxicity, slopes, world.platelet_transit_time_d,
                    persistent, limits)
    rows = -(-n // BATCH) * BATCH
    index = np.minimum(np.arange(rows), n - 1)
    n_days = int(np.ceil(weeks * 7))
    run = _compiled(n_days if keep_days else None, float(table["feedback"]["value"]),
                    (float(table["red_cell_life_d"]["value"]), float(table["lymphocyte_recovery_d"]["value"])))
    columns = [np.asarray(x)[index] for x in marrow]

    def part(at: int) -> tuple[NDArray[Any], ...]:
        return tuple(np.asarray(x) for x in run(Marrow(*(x[at : at + BATCH] for x in columns)), gaps, np.int32(n_days)))

    parts = side_by_side(part, range(0, rows, BATCH))
    shown = Shown(*(np.concatenate(x)[:n] for x in zip(*parts, strict=True)))
    given = dose.shape[1]
    return BloodCourse(shown.relative, day.astype(np.intp), shown.given_day[:, :given].astype(np.intp), shown.held[:, :given],
                       shown.lowest, shown.last)


WITHHOLD_FROM = {"platelets": 2, "neutrophils": 3, "haemoglobin": 3}
"""CTCAE grade from which the next cycle waits (same source)."""
HOLD_BELOW = {"platelets": 75.0, "neutrophils": 1.0, "haemoglobin": 8.0}
"""Counts (10^9/l, haemoglobin g/dl) below which the next cycle waits: CTCAE grade 2 of platelets, grade 3 of the others
(US label, read in PMC10133840 table 1: withheld until grade 0-1, and 0-2)."""


def grade_limit(line: str, grade: int) -> float:
    """The count below which a line has this CTCAE grade or worse (2 to 4; haemoglobin to 3)."""
    from neorlt.clinic import ctcae

    found = ctcae.row(line)
    assert found is not None
    return float(found["limits"][grade - 2])


def hold_below(baselines: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """The rule's limits over baseline ``(cell | 1, 3)``; a line without a baseline holds nothing back."""
    columns = [np.atleast_1d(HOLD_BELOW[line] / np.asarray(baselines[line], float)) if line in baselines else np.zeros(1)
               for line in LINES[:3]]
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def p_grade34(course_: BloodCourse, baselines: Mapping[str, ArrayLike], n_replicates: int = 1) -> dict[str, NDArray[np.float64]]:
    """Probability per draw of CTCAE grade 3 or 4 at any time, by line and for ``any`` of the lines given, ``(draw,)``."""
    from neorlt.response.readouts import blood_grade

    hits = {}
    for line, baseline in baselines.items():
        lowest = course_.lowest[:, LINES.index(line)] * np.asarray(baseline, np.float32)
        hits[line] = blood_grade(line, lowest) >= 3
    if hits:
        hits["any"] = np.any(list(hits.values()), axis=0)
    return {line: np.asarray(hit.reshape(-1, n_replicates).mean(axis=1)) for line, hit in hits.items()}


def cycle_decisions(course_: BloodCourse, n_replicates: int = 1) -> dict[str, NDArray[np.float64]]:
    """What the label's rule did to each cycle, per draw: ``delay`` and ``stop`` ``(draw, cycle)``.

    ``delay`` is the chance that the cycle was due and held back, ``stop`` that the treatment had ended before it: both
    follow from a course in which a cycle that is held back is not given.
    """
    shape = (-1, n_replicates, course_.given_day.shape[1])
    return {"delay": course_.held.reshape(shape).mean(axis=1), "stop": (course_.given_day < 0).reshape(shape).mean(axis=1)}


def myeloid_risk() -> dict[str, Any]:
    """Secondary myeloid neoplasm: the range of published incidences, a competing harm shown beside every scheme."""
    table: dict[str, Any] = tables.read_json(ROOM, "myeloid.json")
    return table

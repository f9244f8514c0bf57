"""Blood counts driven by the marrow's dose rate: platelets, neutrophils, haemoglobin, lymphocytes.

Platelets, neutrophils and haemoglobin follow a transit chain (Friberg 2002): proliferating cells are killed by dose,
pass three compartments and circulate; a fall in circulating cells speeds up proliferation. Lymphocytes are killed
directly and recover slowly. *By construction*: the transit time puts the platelets' nadir after a first 7.4 GBq at
week five, and the slopes repeat the published rates over a usual course (``tools/response/make_tables.py``); the
spread of every rate comes from its own binomial interval. Counts are relative to the patient's baseline.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import draws as core_draws
from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.response.parameters import NUCLIDES, ROOM, Parameters

Array = Any
"""A jax or numpy array."""
LINES = ("platelets", "neutrophils", "haemoglobin", "lymphocytes")
"""Order of the line axis."""
N_TRANSIT = 3
BATCH = 512


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


def course(marrow: Marrow, cycle_day: Array, n_days: int, feedback: float, life_d: tuple[float, float]) -> Array:
    """Counts over baseline, ``(day, line, cell)`` for days 0 to ``n_days``.

    ``cycle_day`` ``(cycle,)`` whole days; ``life_d`` is the mean life of red cells in the blood and the recovery time
    of lymphocytes. Daily steps: kill by the day's dose exactly, the chain by Heun's rule.
    """
    import jax
    import jax.numpy as jnp

    n_cycles = marrow.dose_gy.shape[1]
    lam = jnp.log(2.0) * 24.0 / marrow.half_life_h.T
    day_decay = jnp.exp(-lam)
    k_tr = (N_TRANSIT + 1) / marrow.transit_time_d
    k_out = jnp.stack([k_tr, k_tr, jnp.full_like(k_tr, 1.0 / life_d[0])])
    rate_given = jnp.moveaxis(marrow.dose_gy, 0, -1) * lam
    slope, toxicity = marrow.slope_per_gy.T, marrow.toxicity.T
    recover = 1 - np.exp(-1.0 / life_d[1])
    days = jnp.arange(n_days + 1)
    given = (cycle_day[None, :] == days[:, None]).astype(lam.dtype)
    latest = jnp.clip((cycle_day[None, :] <= days[:, None]).sum(1) - 1, 0, None)
    latest = (latest[:, None] == jnp.arange(n_cycles)).astype(lam.dtype)

    def flow(cells: Array, t1: Array, t2: Array, t3: Array, blood: Array) -> tuple[Array, ...]:
        drive = jnp.exp(-feedback * jnp.log(jnp.maximum(blood, 1e-6)))
        return k_tr * cells * (drive - 1), k_tr * (cells - t1), k_tr * (t1 - t2), k_tr * (t2 - t3), k_out * (t3 - blood)

    def day(carry: Any, now: Any) -> Any:
        chain, lymphocytes, rate = carry
        shown = jnp.concatenate([chain[4], lymphocytes[None]])
        rate = rate + sum(now[0][c] * rate_given[c] for c in range(n_cycles))
        power = sum(now[1][c] * toxicity[c] for c in range(n_cycles))
        today = (rate / lam * (1 - day_decay)).sum(0) * power
        chain = (chain[0] * jnp.exp(-slope[:3] * today), *chain[1:])
        first = flow(*chain)
        second = flow(*(x + dx for x, dx in zip(chain, first, strict=True)))
        chain = tuple(jnp.maximum(x + 0.5 * (d1 + d2), 1e-6) for x, d1, d2 in zip(chain, first, second, strict=True))
        lymphocytes = lymphocytes * jnp.exp(-slope[3] * today)
        return (chain, lymphocytes + (1 - lymphocytes) * recover, rate * day_decay), shown

    one = jnp.ones((3, len(k_tr)), lam.dtype)
    start = ((one,) * (N_TRANSIT + 2), one[0], jnp.zeros_like(lam))
    _, shown = jax.lax.scan(day, start, (given, latest))
    return shown


@functools.cache
def _compiled(n_days: int, feedback: float, life_d: tuple[float, float]) -> Any:
    import jax

    from neorlt.core.compute import keep_compiled

    keep_compiled()

    def run(marrow: Marrow, cycle_day: Any) -> Any:
        split = jax.tree.map(lambda x: x.reshape(-1, BATCH, *x.shape[1:]), marrow)
        shown = jax.lax.map(lambda part: course(part, cycle_day, n_days, feedback, life_d), split)
        return shown.transpose(0, 3, 2, 1).reshape(-1, len(LINES), n_days + 1)

    return jax.jit(run)


@dataclass(frozen=True)
class BloodCourse:
    """Relative counts by day ``(draw, line, day)`` and what follows from them."""

    relative: NDArray[np.float32]
    cycle_day: NDArray[np.intp]
    label: Label = Label.BY_CONSTRUCTION

    def counts(self, line: str, baseline: ArrayLike) -> NDArray[np.float32]:
        """Counts ``(draw, day)`` in the baseline's unit (10^9/l, haemoglobin g/dl)."""
        base = np.asarray(baseline, np.float32).reshape(-1, 1)
        return np.asarray(self.relative[:, LINES.index(line)] * base, np.float32)

    def nadir(self, line: str) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Lowest relative count over the whole course and its day, ``(draw,)`` each."""
        values = self.relative[:, LINES.index(line)]
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


def draw_slopes(n: int, seed: int = 0, n_replicates: int = 1) -> NDArray[np.float32]:
    """Marrow sensitivity per patient ``(n * n_replicates, line)`` in 1/Gy.

    Each draw takes one fitted pair (median, log-SD) per line; a patient's lines share part of their deviation.
    """
    table = blood_table()
    rng = core_draws.generator(seed, ROOM, "blood", "slopes")
    shared = float(table["shared_variance"]["value"])
    common = rng.standard_normal(n * n_replicates)
    columns = []
    for line in LINES:
        fitted = table["lines"][line]
        index = rng.integers(len(fitted["log_slope"]), size=n)
        own = rng.standard_normal(n * n_replicates)
        z = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
        centre = np.repeat(np.asarray(fitted["log_slope"])[index], n_replicates)
        spread = np.repeat(np.asarray(fitted["log_sd"])[index], n_replicates)
        columns.append(np.exp(centre + spread * z))
    return np.stack(columns, axis=1).astype(np.float32)


def marrow_dose_gy(parameters: Parameters, activity_gbq: ArrayLike, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Marrow dose ``(draw, cycle, nuclide)`` and effective half-life ``(draw, nuclide)`` from injected activities.

    177Lu: 0.067 Gy/GBq (SD 0.007; Bergsma 2016, blood-based). 90Y is derived from it: same biology, its own decay and
    electron energy (an assumption that leaves out bone uptake of free 90Y).
    """
    from neorlt.nuclides.nuclide import get_nuclide

    table = blood_table()
    activity = np.asarray(activity_gbq, np.float64)
    rng = core_draws.generator(seed, ROOM, "blood", "marrow")
    per_gbq = table["marrow_lu_gy_per_gbq"]
    lu = np.maximum(rng.normal(per_gbq["value"], per_gbq["sd"], parameters.n_draws), 0.01)
    decay = np.array([get_nuclide(name).decay_constant_per_h for name in NUCLIDES])
    energy = np.array([get_nuclide(name).electron_energy_mev for name in NUCLIDES])
    rate = np.log(2) / table["marrow_half_life_h"]["value"] - decay[0] + decay
    coefficient = lu[:, None] * (energy / energy[0]) * (rate[0] / rate)
    half_life = np.broadcast_to(np.log(2) / rate, (parameters.n_draws, len(NUCLIDES)))
    return (coefficient[:, None, :] * activity).astype(np.float32), half_life.astype(np.float32)


def blood_course(
    parameters: Parameters, dose_gy: ArrayLike, effective_half_life_h: ArrayLike, week: ArrayLike, *, weeks: float = 52.0,
    seed: int = 0, sensitiser: ArrayLike | None = None, n_replicates: int = 1, slopes: NDArray[np.float32] | None = None,
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
    days = np.concatenate([day, np.full(n_cycles - len(day), 10**6, np.int32)])
    if slopes is None:
        slopes = draw_slopes(parameters.n_draws, seed, n_replicates)
    marrow = (wide, spread(np.asarray(effective_half_life_h, np.float32), n), toxicity, slopes, world.platelet_transit_time_d)
    rows = -(-n // BATCH) * BATCH
    index = np.minimum(np.arange(rows), n - 1)
    run = _compiled(int(np.ceil(weeks * 7)), float(table["feedback"]["value"]),
                    (float(table["red_cell_life_d"]["value"]), float(table["lymphocyte_recovery_d"]["value"])))
    relative = run(Marrow(*(np.asarray(x)[index] for x in marrow)), days)
    return BloodCourse(np.asarray(relative)[:n], day.astype(np.intp))


def p_grade34(course_: BloodCourse, baselines: dict[str, ArrayLike], n_replicates: int = 1) -> dict[str, NDArray[np.float64]]:
    """Probability per draw of CTCAE grade 3 or 4 at any time, by line and for ``any`` of the lines given, ``(draw,)``."""
    from neorlt.response.readouts import blood_grade

    hits = {}
    for line, baseline in baselines.items():
        lowest = course_.nadir(line)[0] * np.asarray(baseline, np.float32)
        hits[line] = blood_grade(line, lowest) >= 3
    if hits:
        hits["any"] = np.any(list(hits.values()), axis=0)
    return {line: np.asarray(hit.reshape(-1, n_replicates).mean(axis=1)) for line, hit in hits.items()}


WITHHOLD_FROM = {"platelets": 2, "neutrophils": 3, "haemoglobin": 3}
"""CTCAE grade from which the next cycle waits (US label, read in PMC10133840 table 1): platelets until grade 0-1,
the others until grade 0-2."""
STOP_AFTER_WEEKS = 16.0
"""A delay of this many weeks ends the treatment (same source)."""


def cycle_decisions(course_: BloodCourse, baselines: dict[str, ArrayLike], n_replicates: int = 1) -> dict[str, NDArray[np.float64]]:
    """What the label's rule says before each cycle, per draw: ``delay`` and ``stop`` ``(draw, cycle)``.

    A cycle is delayed where a line's grade on its planned day calls for it, and the treatment stopped where the counts
    do not come back within 16 weeks. Counts follow the schedule as planned: each cycle is judged as if all before it
    had been given on time (a delayed course harms less than this says).
    """
    from neorlt.response.readouts import blood_grade

    n_days = course_.relative.shape[2]
    bad: NDArray[np.bool_] = np.zeros((course_.relative.shape[0], n_days), bool)
    for line, baseline in baselines.items():
        if line in WITHHOLD_FROM:
            bad |= blood_grade(line, course_.counts(line, baseline)) >= WITHHOLD_FROM[line]
    delay, stop = [], []
    limit = int(STOP_AFTER_WEEKS * 7)
    for day in course_.cycle_day:
        held = bad[:, day]
        delay.append(held)
        stop.append(held & bad[:, day : day + limit + 1].all(axis=1))
    shape = (-1, n_replicates, len(course_.cycle_day))
    return {"delay": np.stack(delay, 1).reshape(shape).mean(axis=1), "stop": np.stack(stop, 1).reshape(shape).mean(axis=1)}


def myeloid_risk() -> dict[str, Any]:
    """Secondary myeloid neoplasm: the range of published incidences, a competing harm shown beside every scheme."""
    table: dict[str, Any] = tables.read_json(ROOM, "myeloid.json")
    return table

"""``simulate``: the only code that predicts. Takes and returns plain arrays; the equations are in ``tumour``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.compute import keep_compiled, side_by_side
from neorlt.core.errors import InputError
from neorlt.response import tumour
from neorlt.response.arrays import HOURS_PER_WEEK, LesionArrays, LesionEffects, Outcome, ScheduleArrays
from neorlt.response.parameters import KI67_REFERENCE_PCT, Parameters

BATCH = 1024
"""Cells that run together: small enough for a processor's cache."""
AFTER_CYCLE_D = (0.0, 1.5, 4.0, 8.0, 13.0, 20.0, 30.0, 42.0, 56.0)
"""Steps after a cycle, in days: dense where cells die fast."""
FILL_D = 28.0
"""Longest step of the grid, in days: that of the read-outs of a plan, so that a search steps on the same grid."""
PAD = 64
"""Grids are padded to a multiple of this, so that the schemes of a plan and of a decision share one compiled function: it costs more than
they do."""
MANY_CELLS, FINE_PAD = 20_000, 8
"""From this many cells on, a function compiled for a grid of its own length pays for itself where it runs again and again (a search)."""
READOUTS = 12
"""More than four read-outs are padded to a multiple of this, for the same reason."""


def build_grid(
    cycle_h: NDArray[np.float64], times_h: NDArray[np.float64], after_d: tuple[float, ...] = AFTER_CYCLE_D, fill_d: float = FILL_D
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return (grid, segment, read-out index) for one schedule, all in hours; 0 and the read-outs are on the grid."""
    end = max(float(times_h.max(initial=0.0)), 1.0)
    points = [np.array([0.0, end]), times_h, np.arange(0.0, end, fill_d * 24)]
    points += [start + np.array(after_d) * 24 for start in cycle_h]
    grid = np.unique(np.round(np.concatenate(points), 3))
    grid = grid[(grid >= 0) & (grid <= end)]
    # Points closer than half a day to the one before add nothing, unless they are read out or start a cycle.
    wanted = np.round(np.concatenate([times_h, cycle_h, [0.0, end]]), 3)
    keep = np.isin(grid, wanted) | (np.diff(grid, prepend=-100.0) >= 12.0)
    grid = grid[keep]
    readout = np.searchsorted(grid, np.round(times_h, 3))
    segment = np.clip(np.searchsorted(cycle_h, grid, side="right") - 1, 0, None)
    return grid, segment, readout


def _padded(array: NDArray[Any], length: int) -> NDArray[Any]:
    """Repeat the last element of the last axis up to ``length``."""
    missing = length - array.shape[-1]
    return np.concatenate([array, np.repeat(array[..., -1:], missing, axis=-1)], axis=-1) if missing else array


def _up(n: int, step: int) -> int:
    return max(step, -(-n // step) * step)


def choose_pad(n_cells: int) -> int:
    """Multiple to which the grids of this many cells are padded."""
    return FINE_PAD if n_cells >= MANY_CELLS else PAD


def make_grids(
    schedule: ScheduleArrays, n_lesions: int, after_d: tuple[float, ...] = AFTER_CYCLE_D, fill_d: float = FILL_D, pad: int = PAD
) -> tuple[tumour.Grid, NDArray[np.intp], bool]:
    """Grid of a schedule: shared, or stacked ``(lesion, ...)`` where weeks or read-outs differ between lesions."""
    week = np.round(np.asarray(schedule.week, np.float64) * HOURS_PER_WEEK, 3)
    times = np.round(np.asarray(schedule.times_week, np.float64) * HOURS_PER_WEEK, 3)
    shared = week.ndim == 1 and times.ndim == 1
    n_cycles = _up(week.shape[-1], 4)
    if week.shape[-1] == 0:
        week = np.zeros((*week.shape[:-1], 1))
    week = _padded(week, n_cycles)
    rows = 1 if shared else n_lesions
    week_rows = np.broadcast_to(np.atleast_2d(week), (rows, n_cycles))
    time_rows = np.broadcast_to(np.atleast_2d(times), (rows, times.shape[-1]))
    built: dict[bytes, Any] = {}
    parts = []
    for w, t in zip(week_rows, time_rows, strict=True):
        key = w.tobytes() + t.tobytes()
        if key not in built:
            built[key] = build_grid(w, t, after_d, fill_d)
        parts.append(built[key])
    length = _up(max(len(part[0]) for part in parts), pad)
    grid = np.stack([_padded(part[0], length) for part in parts])
    segment = np.stack([_padded(part[1], length) for part in parts])
    n_times = times.shape[-1]
    readout = _padded(np.stack([part[2] for part in parts]), 4 if n_times <= 4 else _up(n_times, READOUTS))
    if shared:
        return tumour.Grid(grid[0], segment[0], week_rows[0]), readout[0], True
    return tumour.Grid(grid, segment, np.array(week_rows)), readout, False


def read_batch(cells: tumour.Cells, grid: tumour.Grid, readout: Any) -> tuple[Any, ...]:
    """Run a batch and return its read-outs, each ``(cell, time)``."""
    import jax.numpy as jnp

    return _read_outs(cells, tumour.course(cells, grid, at=readout), jnp)


def _read_outs(cells: tumour.Cells, result: tumour.Course, xp: Any) -> tuple[Any, ...]:
    """Volume, Ki-67, stroma, surviving and viable share, each ``(cell, time)``."""
    ki67 = tumour.relative_ki67(cells, result.high_clone, xp)
    stroma = (result.fibrosis + result.unresponsive) / result.volume
    return tuple(x.T for x in (result.volume, ki67, stroma, result.surviving, result.viable))


def leave_alone(cells: tumour.Cells, times_week: NDArray[np.floating[Any]], n_lesions: int) -> tuple[NDArray[np.float32], ...]:
    """Read-outs ``(cell, time)`` of lesions that nothing is given, at weeks ``(time,)`` or ``(lesion, time)``."""
    time_h = np.asarray(times_week * HOURS_PER_WEEK, np.float32)
    each = time_h[:, None] if time_h.ndim == 1 else np.tile(time_h, (len(cells.alpha_per_gy) // n_lesions, 1)).T
    return _read_outs(cells, tumour.left_to_grow(cells, each), np)


@functools.cache
def _compiled() -> Callable[..., Any]:
    """The compiled batch. A loop over batches inside the compiled function runs three times slower than calls of it."""
    import jax

    keep_compiled()
    return jax.jit(read_batch)


def expand(
    parameters: Parameters, patients: LesionArrays, schedule: ScheduleArrays, effects: LesionEffects | None
) -> tuple[tumour.Cells, int, int]:
    """Spread everything over (world, lesion) and flatten: returns (cells as numpy arrays, worlds, lesions)."""
    n_replicates = 1 if effects is None else effects.n_replicates
    world = parameters.repeat(n_replicates)
    n_worlds, n_lesions = world.n_draws, patients.n_lesions
    if effects is not None and effects.alpha_z.shape != (n_worlds, n_lesions):
        raise InputError("lesion effects do not belong to these parameters", expected=str((n_worlds, n_lesions)),
                         found=str(effects.alpha_z.shape), remedy="draw them with draw_lesion_effects for these parameters")

    def over_worlds(array: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        if array.shape[1] not in (1, n_lesions):
            raise InputError(f"{name} has another number of lesions", expected=str(n_lesions), found=str(array.shape[1]),
                             remedy="give one row a lesion")
        if array.shape[0] == parameters.n_draws and n_replicates > 1:
            array = np.repeat(array, n_replicates, axis=0)
        if array.shape[0] not in (1, n_worlds):
            raise InputError(f"{name} has another number of draws than the parameters",
                             expected=f"1 or {parameters.n_draws}", found=str(array.shape[0]),
                             remedy="draw doses and parameters with the same number of draws")
        return np.broadcast_to(array, (n_worlds, n_lesions, *array.shape[2:]))

    dose = over_worlds(schedule.dose_gy, "dose_gy")
    n_cycles = _up(dose.shape[2], 4)
    if dose.shape[2] < n_cycles:
        dose = np.concatenate([dose, np.zeros((*dose.shape[:2], n_cycles - dose.shape[2], dose.shape[3]), np.float32)], axis=2)
    half_life = over_worlds(schedule.effective_half_life_h, "effective_half_life_h")
    codes = np.asarray(schedule.sensitiser)
    # Empty cycles that fill a schedule up stand at the last one's week: what is left of its dose acts with its sensitiser.
    codes = np.concatenate([codes, np.full(n_cycles - len(codes), codes[-1] if len(codes) else 0, np.intp)])
    if schedule.dose_gy.shape[-1] != len(parameters.nuclides):
        raise InputError("dose_gy has other nuclides than the parameters", expected=", ".join(parameters.nuclides),
                         found=f"{schedule.dose_gy.shape[-1]} nuclides", remedy="give a column for each nuclide of the parameters")
    # A nuclide that nobody gives costs time and changes nothing; the first column stands for a scheme without any dose.
    nuclides = [0, *(i for i in range(1, len(parameters.nuclides)) if np.any(schedule.dose_gy[..., i]))]

    def per_lesion(values: NDArray[Any]) -> NDArray[np.float32]:
        array = np.asarray(values, np.float32)
        array = array[:, None] if array.ndim == 1 else array
        return np.ascontiguousarray(np.broadcast_to(array, (n_worlds, n_lesions))).reshape(-1)

    def pairs(values: NDArray[Any]) -> NDArray[np.float32]:
        wide = np.broadcast_to(values[:, None, :], (n_worlds, n_lesions, values.shape[1]))
        return np.ascontiguousarray(wide[..., nuclides]).reshape(-1, len(nuclides))

    alpha_z = np.zeros((n_worlds, n_lesions), np.float32) if effects is None else effects.alpha_z
    growth_z = np.zeros((n_worlds, n_lesions), np.float32) if effects is None else effects.growth_z
    log_ki67 = np.log(patients.ki67_pct / np.float32(KI67_REFERENCE_PCT))[None]
    slower = world.doubling_log_sd[:, None] * growth_z - world.ki67_log_growth[:, None] * log_ki67
    doubling_d = world.doubling_time_d[:, None] * np.exp(slower)
    log_alpha = world.study_log_alpha[:, None] + world.origin_log_alpha[:, patients.origins] + world.ki67_log_alpha[:, None] * log_ki67
    n = n_worlds * n_lesions
    cells = tumour.Cells(
        dose_gy=np.ascontiguousarray(dose[..., nuclides]).reshape(n, n_cycles, len(nuclides)),
        half_life_h=np.ascontiguousarray(half_life[..., nuclides]).reshape(n, len(nuclides)),
        potency=np.ascontiguousarray(
            np.broadcast_to(world.dose_modifying_factor[:, None, codes], (n_worlds, n_lesions, n_cycles))
        ).reshape(n, n_cycles),
        alpha_per_gy=per_lesion(world.alpha_per_gy[:, None] * np.exp(log_alpha + world.omega_alpha[:, None] * alpha_z)),
        growth_per_h=per_lesion(np.log(2.0) / (24.0 * doubling_d)),
        clearance_per_h=per_lesion(np.log(2.0) / (24.0 * world.clearance_half_life_d)),
        sigma_h=pairs(world.sigma_h), rho=pairs(world.rho),
        **{name: per_lesion(getattr(world, name)) for name in _PLAIN},
    )
    return cells, n_worlds, n_lesions


_PLAIN = ("alpha_beta_gy", "repair_half_time_h", "residual_fraction", "fibrosis_fraction", "eta", "nu", "clone_fraction",
          "clone_ki67_ratio")


def simulate(
    parameters: Parameters, patients: LesionArrays, schedules: ScheduleArrays, effects: LesionEffects | None = None, *,
    pad: int | None = None,
) -> Outcome:
    """Predict lesions under a schedule.

    Parameters
    ----------
    parameters
        ``draw`` worlds.
    patients
        Lesions at baseline (of one patient or of many).
    schedules
        Doses, kinetics, times of cycles and of read-outs.
    effects
        From :func:`neorlt.response.arrays.draw_lesion_effects`; left out, every lesion is the median lesion and is
        read without error.
    pad
        Multiple to which the grid is padded; by the number of cells where left out. It changes what is compiled, and no result.

    Returns
    -------
    Outcome
        Arrays ``(world, lesion, time)`` in float32; ``world`` is (draw, replicate) flattened.

    Raises
    ------
    InputError
        If axes do not fit together.
    """
    cells, n_worlds, n_lesions = expand(parameters, patients, schedules, effects)
    if schedules.dose_gy.any():
        grid, readout, shared = make_grids(schedules, n_lesions, pad=pad or choose_pad(n_worlds * n_lesions))
        grid = tumour.Grid(np.asarray(grid.time_h, np.float32), np.asarray(grid.segment, np.int32),
                           np.asarray(grid.cycle_h, np.float32))
        volume, ki67, stroma, surviving, viable = run_cells(cells, grid, readout.astype(np.int32), shared, n_lesions)
    else:
        volume, ki67, stroma, surviving, viable = leave_alone(cells, schedules.times_week, n_lesions)
    n_times = schedules.times_week.shape[-1]

    def shape(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(x[:, :n_times].reshape(n_worlds, n_lesions, n_times))

    relative = shape(volume)
    base = patients.diameters_mm[None, :, None]
    diameter = (base * np.cbrt(relative)).astype(np.float32)
    measured = diameter
    if effects is not None:
        sd = parameters.repeat(effects.n_replicates).sigma_d[:, None, None] / np.float32(np.sqrt(2.0))
        rng = core_draws.generator(effects.seed, "response", "lesion", "follow-up")
        reading = rng.standard_normal(relative.shape, dtype=np.float32)
        measured = diameter * np.exp(sd * (reading - effects.baseline_z[..., None]))
    return Outcome(
        times_week=schedules.times_week, relative_volume=relative, diameter_mm=diameter, diameter_measured_mm=measured,
        ki67_pct=np.clip(shape(ki67) * patients.ki67_pct[None, :, None], 0.0, 100.0), stroma_fraction=shape(stroma),
        surviving_fraction=shape(surviving), viable_fraction=shape(viable),
        n_replicates=1 if effects is None else effects.n_replicates,
    )


def run_cells(
    cells: tumour.Cells, grid: tumour.Grid, readout: NDArray[Any], shared: bool, n_lesions: int
) -> tuple[NDArray[np.float32], ...]:
    """Run flattened cells in batches of one shape, on all processors; the result does not depend on their number."""
    n = len(cells.alpha_per_gy)
    function = _compiled()
    lesion = np.arange(n) % n_lesions
    columns = [np.asarray(x) for x in cells]

    def part(array: NDArray[Any], start: int) -> NDArray[Any]:
        """One batch's rows; the last batch is filled up by repeating the last row, so that its shape is the same."""
        rows = array[start : start + BATCH]
        missing = BATCH - len(rows)
        return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows

    def run(start: int) -> tuple[NDArray[np.float32], ...]:
        batch = tumour.Cells(*(part(x, start) for x in columns))
        if shared:
            out = function(batch, grid, readout)
        else:
            rows = part(lesion, start)
            out = function(batch, tumour.Grid(*(np.asarray(x)[rows] for x in grid)), readout[rows])
        return tuple(np.asarray(x)[: n - start] for x in out)

    parts = side_by_side(run, range(0, n, BATCH))
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))

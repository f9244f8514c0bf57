"""The course of a lesion as a smooth surface over its two unknowns, so that thousands of lesions cost a few hundred courses.

Given the population's parameters, a lesion under one schedule is told by the log of its sensitivity times dose and by the log of its
growth. :func:`neorlt.response.tumour.course` is run at Chebyshev nodes of both, afresh for every set of parameters; lesions are read off
the polynomial through them. What the polynomial costs against direct courses is checked with every fit (:func:`surface_error`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.response import tumour
from neorlt.response.arrays import ScheduleArrays
from neorlt.response.parameters import crossfire, dose_log_sd
from neorlt.response.simulate import make_grids

EFFECT_RANGE = (-3.5, 4.0)
"""Log of sensitivity times dose: from a kill of 3 % to one of 55 e-folds; outside next to nothing changes."""
GROWTH_RANGE = (float(np.log(np.log(2) / (24 * 3500))), float(np.log(np.log(2) / (24 * 70))))
"""Log growth per hour: doubling times of 3500 and 70 days."""
N_EFFECT, N_GROWTH = 12, 7
"""Against 28 and 9 nodes the whole log likelihood of draws of a fit moves by 0.3 (SD); with 16 and 5 it moved by 1.0."""
CAP = 3.0
"""Log volumes are pressed below this (smoothly, none of the rules' thresholds lies near), so that polynomials stay tame."""
EFFECTIVE_HALF_LIFE_H = 85.6
"""177Lu in tumour: degradation 0.00375/h (Siebinga 2023) beside physical decay."""
GY_PER_CYCLE = 30.0
"""Size of a cycle's dose at which the quadratic term is taken; off by a few per cent of a small term elsewhere."""
FALL = 0.10
"""Fall of dose from one cycle of 7.4 GBq to the next (6 % in G1, 14 % in G2; PMC8978188)."""


@dataclass(frozen=True)
class Course:
    """One schedule: cycles, weeks between them, weeks of the visits, the fall of dose per cycle."""

    cycles: int
    interval_week: float
    visits_week: tuple[float, ...]
    fall: float = FALL

    @property
    def share(self) -> NDArray[np.float64]:
        """Share of the whole dose in each cycle."""
        left = (1 - self.fall) ** np.arange(self.cycles)
        return np.asarray(left / left.sum())


def nodes(n: int, low: float, high: float) -> NDArray[np.float64]:
    """Chebyshev nodes of an interval."""
    return np.asarray(0.5 * (low + high) + 0.5 * (high - low) * np.cos(np.pi * (np.arange(n) + 0.5) / n))


def _to_coefficients(n: int) -> NDArray[np.float64]:
    k = np.arange(n)
    matrix = 2 / n * np.cos(np.pi * k[:, None] * (k[None, :] + 0.5) / n)
    matrix[0] /= 2
    return np.asarray(matrix)


def basis(value: Any, n: int, low: float, high: float) -> Any:
    """Chebyshev polynomials ``(..., n)`` at values that are held inside the interval."""
    import jax.numpy as jnp

    u = jnp.clip((value - 0.5 * (low + high)) / (0.5 * (high - low)), -1.0, 1.0)
    rows = [jnp.ones_like(u), u]
    for _ in range(n - 2):
        rows.append(2 * u * rows[-1] - rows[-2])
    return jnp.stack(rows, axis=-1)


def press(log_volume: Any) -> Any:
    """Growth far beyond any rule, pressed below :data:`CAP`; what shrinks stays as it is."""
    import jax.numpy as jnp

    return jnp.where(log_volume > 0, CAP * jnp.tanh(jnp.maximum(log_volume, 0.0) / CAP), log_volume)


class Surfaces:
    """The courses of several schedules at the nodes; calling it with parameters gives the polynomials.

    Parameters
    ----------
    courses
        The schedules; all must have as many visits as the longest (fill up by repeating the last).
    n_effect, n_growth, n_nodes
        Nodes of the effect, of the growth, and of the dose pattern in a lesion.
    """

    def __init__(self, courses: tuple[Course, ...], n_effect: int = N_EFFECT, n_growth: int = N_GROWTH, n_nodes: int = 6,
                 after_d: tuple[float, ...] = (0.0, 3.0, 9.0, 20.0, 38.0), fill_d: float = 84.0) -> None:
        self.courses, self.n_effect, self.n_growth, self.n_nodes = courses, n_effect, n_growth, n_nodes
        effect, growth = nodes(n_effect, *EFFECT_RANGE), nodes(n_growth, *GROWTH_RANGE)
        self.log_effect, self.log_growth = (x.ravel() for x in np.meshgrid(effect, growth, indexing="ij"))
        self.n_cells = len(self.log_effect)
        n, most = len(courses), max(course.cycles for course in courses)
        week, share = np.zeros((n, most)), np.zeros((n, most))
        for i, course in enumerate(courses):
            week[i] = np.minimum(np.arange(most), course.cycles - 1) * course.interval_week
            share[i, : course.cycles] = course.share
        self.visits = np.array([course.visits_week for course in courses])
        schedule = ScheduleArrays(week.astype(np.float32), np.zeros((1, n, most, 2), np.float32), np.ones((1, n, 2), np.float32),
                                  self.visits.astype(np.float32))
        grid, readout, _ = make_grids(schedule, n, after_d, fill_d=fill_d, pad=4)
        rows = np.repeat(np.arange(n), self.n_cells)
        wide = np.zeros((n, np.shape(grid.cycle_h)[-1]))
        wide[:, :most] = share
        self.grid = tumour.Grid(np.asarray(grid.time_h, np.float32)[rows], grid.segment[rows], np.asarray(grid.cycle_h, np.float32)[rows])
        self.readout = readout[rows][:, : self.visits.shape[1]]
        self.gy = np.array([GY_PER_CYCLE * course.cycles for course in courses])[rows]
        self.share = wide[rows] * self.gy[:, None]

    def direct(self, free: dict[str, Any], log_effect: Any, log_growth: Any, gy: Any = None, share: Any = None) -> Any:
        """Pressed log relative volumes ``(cell, visit)`` of direct courses; ``free`` holds numbers."""
        import jax.numpy as jnp

        n = len(log_effect)
        own, smoothing = crossfire(free["patch_diameter_mm"], jnp)
        sigma = dose_log_sd(free["activity_log_sd"], smoothing, jnp)
        gy, share = (self.gy if gy is None else gy), (self.share if share is None else share)

        def wide(value: Any) -> Any:
            return jnp.broadcast_to(jnp.asarray(value, jnp.float32), (n,))

        cells = tumour.Cells(
            dose_gy=jnp.asarray(share, jnp.float32)[..., None], half_life_h=jnp.full((n, 1), EFFECTIVE_HALF_LIFE_H, jnp.float32),
            potency=jnp.ones(share.shape, jnp.float32),
            alpha_per_gy=jnp.exp(jnp.asarray(log_effect, jnp.float32)) / jnp.asarray(gy, jnp.float32),
            growth_per_h=jnp.exp(jnp.asarray(log_growth, jnp.float32)),
            clearance_per_h=wide(np.log(2.0) / (24.0 * free["clearance_half_life_d"])),
            sigma_h=jnp.broadcast_to(sigma[..., :1], (n, 1)), rho=jnp.broadcast_to(own[..., :1], (n, 1)),
            **{name: wide(free[name]) for name in ("alpha_beta_gy", "repair_half_time_h", "residual_fraction", "fibrosis_fraction",
                                                   "eta", "nu", "clone_fraction", "clone_ki67_ratio")},
        )
        grid = tumour.Grid(*(jnp.asarray(part) for part in self.grid))
        volume = tumour.course(cells, grid, self.n_nodes, at=jnp.asarray(self.readout)).volume
        return press(jnp.log(volume)).T

    def __call__(self, free: dict[str, Any]) -> Any:
        """Coefficients ``(course, effect, growth, visit)`` for one set of parameters."""
        import jax.numpy as jnp

        n = len(self.courses)
        value = self.direct(free, np.tile(self.log_effect, n), np.tile(self.log_growth, n))
        value = value.reshape(n, self.n_effect, self.n_growth, -1)
        first, second = (jnp.asarray(_to_coefficients(k), jnp.float32) for k in (self.n_effect, self.n_growth))
        return jnp.einsum("ax,bg,sxgt->sabt", first, second, value)

    def read(self, coefficients: Any, course: NDArray[np.intp], log_effect: Any, log_growth: Any) -> Any:
        """Pressed log volumes ``(row, point, visit)`` of lesions ``(row, point)``; ``course`` ``(row,)`` numbers the schedule of a row."""
        every = np.arange(self.visits.shape[1])
        return self.read_at(coefficients, course, np.broadcast_to(every, (len(course), len(every))), log_effect, log_growth)

    def read_at(self, coefficients: Any, course: NDArray[np.intp], column: NDArray[np.intp], log_effect: Any, log_growth: Any) -> Any:
        """:meth:`read` at some visits only: ``(row, point, k)`` for their numbers ``column`` ``(row, k)``.

        Rows that share schedule and visits are one product of matrices: a batch of small ones costs several times as much.
        """

        def part(rows: NDArray[np.intp], chosen: Any) -> Any:
            first = basis(log_effect[rows], self.n_effect, *EFFECT_RANGE)
            second = basis(log_growth[rows], self.n_growth, *GROWTH_RANGE)
            both = (first[..., :, None] * second[..., None, :]).reshape(-1, self.n_effect * self.n_growth)
            return (both @ chosen.reshape(both.shape[1], -1)).reshape(len(rows), -1, chosen.shape[-1])

        return _by_visits(coefficients, course, column, part)

    def read_product(self, coefficients: Any, course: NDArray[np.intp], column: NDArray[np.intp], log_effect: Any, log_growth: Any) -> Any:
        """:meth:`read_at` for every pair of an effect ``(row, point)`` and a growth ``(growth,)`` that all rows share: ``(row, point,
        growth, k)``. Growth is worked into the coefficients once, so that more of it costs next to nothing.
        """
        import jax.numpy as jnp

        second = basis(log_growth, self.n_growth, *GROWTH_RANGE)

        def part(rows: NDArray[np.intp], chosen: Any) -> Any:
            first = basis(log_effect[rows], self.n_effect, *EFFECT_RANGE)
            line = jnp.einsum("gb,abk->agk", second, chosen)
            return (first.reshape(-1, self.n_effect) @ line.reshape(self.n_effect, -1)).reshape(*first.shape[:2], *line.shape[1:])

        return _by_visits(coefficients, course, column, part)


def _by_visits(
    coefficients: Any, course: NDArray[np.intp], column: NDArray[np.intp], part: Callable[[NDArray[np.intp], Any], Any]
) -> Any:
    """``part(rows, coefficients (effect, growth, k))`` of all rows that share schedule and visits, together in the order of the rows."""
    import jax.numpy as jnp

    wanted = np.concatenate([course[:, None], column], axis=1)
    kinds, kind = np.unique(wanted, axis=0, return_inverse=True)
    groups = [np.flatnonzero(kind.ravel() == i) for i in range(len(kinds))]
    parts = [part(rows, coefficients[number][..., np.array(columns)]) for rows, (number, *columns) in zip(groups, kinds, strict=True)]
    return jnp.concatenate(parts)[np.argsort(np.concatenate(groups))]


def untreated(free: dict[str, Any], log_growth: Any, weeks: Any) -> Any:
    """Pressed log volumes ``(..., visit)`` of lesions that are left to grow."""
    import jax.numpy as jnp

    live = 1 - (free["residual_fraction"] - free["fibrosis_fraction"]) / (1 - free["fibrosis_fraction"])
    f, ratio = free["clone_fraction"], free["clone_ki67_ratio"]
    mean = (1 - f) + f * ratio
    rate = jnp.exp(log_growth)[..., None] * 168.0 * jnp.asarray(weeks)
    slow, fast = jnp.minimum(rate / mean, 60.0), jnp.minimum(rate * ratio / mean, 60.0)
    return press(jnp.log(live * ((1 - f) * jnp.exp(slow) + f * jnp.exp(fast)) + (1 - live)))


def surface_error(surfaces: Surfaces, free: dict[str, Any], seed: int = 0) -> dict[str, float]:
    """Largest and root mean square difference of the polynomial's log diameter from direct courses, over random lesions."""
    import jax.numpy as jnp

    rng = np.random.default_rng(seed)
    n = len(surfaces.courses)
    effect = rng.uniform(*EFFECT_RANGE, (n, surfaces.n_cells))
    growth = rng.uniform(*GROWTH_RANGE, (n, surfaces.n_cells))
    read = surfaces.read(surfaces(free), np.arange(n), jnp.asarray(effect, jnp.float32), jnp.asarray(growth, jnp.float32))
    direct = surfaces.direct(free, effect.ravel(), growth.ravel()).reshape(read.shape)
    difference = np.asarray(read - direct, np.float64) / 3
    return {"rms_log_diameter": float(np.sqrt(np.mean(difference**2))), "max_log_diameter": float(np.abs(difference).max())}


def finer(surfaces: Surfaces) -> Surfaces:
    """The same schedules with more nodes and steps: what the coarse ones are checked against."""
    return Surfaces(surfaces.courses, surfaces.n_effect + 12, surfaces.n_growth + 4, 16, (0.0, 2.0, 5.0, 9.0, 14.0, 21.0, 30.0, 42.0), 28.0)


def pad_visits(weeks: tuple[float, ...], n: int) -> tuple[float, ...]:
    """Visits filled up to ``n`` by repeating the last."""
    return weeks + (weeks[-1],) * (n - len(weeks))


SHAPE = ("residual_fraction", "clearance_half_life_d", "activity_log_sd", "fibrosis_q", "clone_fraction", "clone_ki67_ratio",
         "patch_diameter_mm", "eta", "nu")
"""What the surfaces depend on among what the fit samples."""
DEGREE = 4
N_TRAINING = 14000


@dataclass(frozen=True)
class Cloud:
    """Where an emulator is trained: centre and spread ``(shape parameter,)`` of normal draws, in the prior's standard deviations.

    A point outside ``RADIUS`` spreads is held at that distance: a polynomial says nothing where it was not trained, and chains find what
    it makes up there.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]

    RADIUS = 4.1
    """Distance from the centre within which 95 in 100 training draws of nine parameters lie."""

    def standard(self, z: Any) -> Any:
        """Where ``z`` ``(..., shape parameter)`` lies in the cloud, in spreads from its centre, held inside :data:`RADIUS`."""
        import jax.numpy as jnp

        x = (z - jnp.asarray(self.centre, jnp.float32)) / jnp.asarray(self.spread, jnp.float32)
        square = (x**2).sum(axis=-1, keepdims=True)
        outside = square > self.RADIUS**2
        return jnp.where(outside, x * self.RADIUS / jnp.sqrt(jnp.where(outside, square, 1.0)), x)


STUDIES_CLOUD = Cloud((-1.7, 1.0, 0.1, 0.0, 0.3, -0.7, 0.0, 0.0, 0.0), (0.7, 0.86, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2, 1.2))
"""Where the published studies lead: centre and spread of a first run of the chains on an emulator that was trained about the prior
(spread 1.2): its means, and 1.75 of its standard deviations but no more than 1.2. That run left its cloud in
residual and unevenness and diverged there. Patches, eta and nu were not sampled then: theirs is the prior's."""


def exponents() -> NDArray[np.intp]:
    """Degrees ``(feature, shape parameter)`` of the emulator's polynomials: all products up to the fourth degree."""
    from itertools import combinations_with_replacement

    n = len(SHAPE)
    found = {tuple(np.bincount(chosen, minlength=n).tolist()) if chosen else (0,) * n
             for degree in range(DEGREE + 1) for chosen in combinations_with_replacement(range(n), degree)}
    return np.array(sorted(found), np.intp)


def features(z: Any) -> Any:
    """Products of Hermite polynomials ``(..., feature)`` of the shape parameters' standard normals ``(..., shape parameter)``."""
    import jax.numpy as jnp

    hermite = [jnp.ones_like(z), z]
    for k in range(1, DEGREE):
        hermite.append((z * hermite[-1] - np.sqrt(k) * hermite[-2]) / np.sqrt(k + 1.0))
    table = jnp.stack(hermite, axis=-1)
    product: Any = 1.0
    for i, degrees in enumerate(exponents().T):
        product = product * table[..., i, :][..., degrees]
    return product


class Emulator:
    """The surfaces' coefficients as polynomials of the shape parameters: what a gradient of the fit costs falls threefold.

    Trained on direct surfaces at drawn parameters; its error is part of every fit's report, and the fitted draws are re-weighted to the
    direct likelihood.
    """

    def __init__(self, surfaces: Surfaces, constrain: Any, n_population: int, columns: NDArray[np.intp], seed: int = 3) -> None:
        import jax
        import jax.numpy as jnp

        self.columns, self.cloud = columns, STUDIES_CLOUD
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((N_TRAINING, len(columns)))
        z = np.zeros((N_TRAINING, n_population), np.float32)
        z[:, columns] = np.asarray(self.cloud.centre) + np.asarray(self.cloud.spread) * x
        one = jax.jit(lambda row: surfaces(constrain(row)))
        value = np.stack([np.asarray(one(jnp.asarray(row))) for row in z])
        self.shape = value.shape[1:]
        sound = np.isfinite(value.reshape(N_TRAINING, -1)).all(axis=1)  # single precision gives out at a few far corners of the prior
        self.n_dropped = int((~sound).sum())
        design = np.asarray(features(jnp.asarray(x, jnp.float32)), np.float64)
        solved = np.linalg.lstsq(design[sound], value.reshape(N_TRAINING, -1)[sound], rcond=None)[0]
        self.matrix = solved.astype(np.float32)

    def __call__(self, z: Any) -> Any:
        """Coefficients ``(course, effect, growth, visit)`` at the population's standard normals ``(parameter,)``."""
        import jax.numpy as jnp

        return (features(self.cloud.standard(z[self.columns])) @ jnp.asarray(self.matrix)).reshape(self.shape)

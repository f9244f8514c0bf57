r"""The equations of the tumour, written once: calibration, prediction, search and trials all call :func:`course`.

A lesion holds two clones (k) in sub-volumes (h) of unequal dose that stay what they are over the cycles (hot stays
hot), an unresponsive part s, dead cells X and scar F. With ``A_n(t)`` the dose of nuclide n delivered by time t and
``B_nm(t)`` the Lea-Catcheside accumulation ``2 \\int R_n I_m`` (``I' = R - mu I``; cross terms between overlapping cycles and
between nuclides included), a sub-volume with relative dose ``w_n = h_n [1 + rho_n (u_k - 1)]`` keeps

    N_kh(t) = f_k p_h (1 - s) exp(g_k t - E),   E = alpha_k [ sum_n w_n A_n + sum_nm w_n w_m B_nm / (alpha/beta) ]

Killed cells enter X, which clears with a half-life; a share phi of what clears becomes F. ``V = N + X + F + s V0``.
Only X needs a recursion. Functions take arrays with a leading cell axis (one cell is one lesion in one world) and
are differentiable. Precision follows the inputs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = Any
"""A jax or numpy array (numpy where jax.jit is about to take it)."""

N_NODES = 16
"""Gauss-Hermite nodes of the dose pattern in a lesion."""
TINY = 1e-30
"""Added to cell numbers where a ratio of them is shown, so that a dead lesion shows its baseline mix."""


class Cells(NamedTuple):
    """Inputs of :func:`course`; ``(cell, ...)`` each."""

    dose_gy: Array
    """``(cell, cycle, nuclide)``."""
    half_life_h: Array
    """``(cell, nuclide)`` effective half-life."""
    potency: Array
    """``(cell, cycle)`` dose-modifying factor of the cycle's sensitiser (1 without)."""
    alpha_per_gy: Array
    alpha_beta_gy: Array
    repair_half_time_h: Array
    growth_per_h: Array
    residual_fraction: Array
    fibrosis_fraction: Array
    clearance_per_h: Array
    eta: Array
    nu: Array
    clone_fraction: Array
    clone_ki67_ratio: Array
    sigma_h: Array
    """``(cell, nuclide)``."""
    rho: Array
    """``(cell, nuclide)``."""


class Grid(NamedTuple):
    """Times at which the recursion of the dead cells steps; shared ``(time,)`` or per cell ``(cell, time)``."""

    time_h: Array
    segment: Array
    """Index of the cycle that each time follows (0 before the first)."""
    cycle_h: Array
    """``(cycle,)`` or ``(cell, cycle)``."""


class Course(NamedTuple):
    """Outputs of :func:`course` on its grid, each ``(time, cell)`` as a share of the baseline volume.

    Time leads so that neighbouring cells lie side by side in memory.
    """

    volume: Array
    viable: Array
    dead: Array
    fibrosis: Array
    unresponsive: Array
    """``(1, cell)``."""
    high_clone: Array
    """Share of the viable cells that belong to the clone with the higher Ki-67."""
    surviving: Array
    """Viable cells over those of a lesion that was left to grow."""


def quadrature(n_nodes: int = N_NODES) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of a standard normal variable (Gauss-Hermite)."""
    z, w = np.polynomial.hermite_e.hermegauss(n_nodes)
    return z, w / w.sum()


def mixture(cells: Cells, xp: Any) -> tuple[Array, Array]:
    """Fraction and relative Ki-67 of the two clones, each ``(2, cell)``, in ``xp`` (numpy or jax.numpy); ``sum f kappa = 1``."""
    f = xp.stack([1 - cells.clone_fraction, cells.clone_fraction])
    ratio = xp.stack([xp.ones_like(cells.clone_ki67_ratio), cells.clone_ki67_ratio])
    return f, ratio / (f * ratio).sum(0)


def clones(cells: Cells) -> tuple[Array, Array, Array, Array]:
    """Return (fraction, relative Ki-67, relative uptake, relative alpha) of the two clones, each ``(2, cell)``.

    Relative to the whole lesion: ``sum f kappa = 1`` and ``sum f u = 1``, so that mean Ki-67 and mean dose are kept.
    """
    import jax.numpy as jnp

    f, kappa = mixture(cells, jnp)
    uptake = kappa**cells.nu
    return f, kappa, uptake / (f * uptake).sum(0), kappa**cells.eta


def grown(cells: Cells, time_h: Array, xp: Any) -> tuple[Array, list[Array]]:
    """Share of a lesion that can divide, ``(cell,)``, and the two clones' cells were there no radiation, each ``(time, cell)``.

    ``time_h`` ``(time, 1)`` or ``(time, cell)``; both results are shares of the baseline volume.
    """
    f, kappa = mixture(cells, xp)
    live = 1 - (cells.residual_fraction - cells.fibrosis_fraction) / (1 - cells.fibrosis_fraction)
    return live, [live * f[k] * xp.exp(xp.minimum(cells.growth_per_h * kappa[k] * time_h, MOST_E_FOLDS)) for k in range(2)]


class _State(NamedTuple):
    """Dose rate, repairable dose, dose and twice the integral of rate times repairable dose, by nuclide."""

    rate: list[Array]
    held: list[Array]
    dose: list[Array]
    both: dict[tuple[int, int], Array]


def _advance(state: _State, lam: list[Array], mu: Array, tau: Array, power: Array) -> _State:
    """Exact step by ``tau`` of hours without a new cycle; ``power`` weights what is added meanwhile."""
    import jax.numpy as jnp

    nuclides = range(len(lam))
    decay = [jnp.exp(-lam[n] * tau) for n in nuclides]
    repair = jnp.exp(-mu * tau)
    gain = [state.rate[n] / (mu - lam[n]) for n in nuclides]
    both = {}
    for n, m in state.both:
        loose = (state.held[m] - gain[m]) / (lam[n] + mu) * (1 - decay[n] * repair)
        fast = gain[m] / (lam[n] + lam[m]) * (1 - decay[n] * decay[m])
        both[n, m] = state.both[n, m] + power * 2 * state.rate[n] * (loose + fast)
    return _State(
        rate=[state.rate[n] * decay[n] for n in nuclides],
        held=[(state.held[n] - gain[n]) * repair + gain[n] * decay[n] for n in nuclides],
        dose=[state.dose[n] + power * state.rate[n] / lam[n] * (1 - decay[n]) for n in nuclides],
        both=both,
    )


def accumulate(cells: Cells, grid: Grid) -> tuple[list[Array], dict[tuple[int, int], Array]]:
    """Dose ``A_n`` and Lea-Catcheside accumulation ``B_nm`` on the grid, each ``(time, cell)``, potency included.

    The state at each cycle's start is carried from cycle to cycle; within a cycle everything is closed form.
    """
    import jax
    import jax.numpy as jnp

    n_cycles, n_nuclides = cells.dose_gy.shape[1:]
    nuclides = range(n_nuclides)
    lam = [jnp.log(2.0) / cells.half_life_h[:, n] for n in nuclides]
    mu = jnp.log(2.0) / cells.repair_half_time_h
    for n in nuclides:  # the closed form divides by mu - lambda: step aside where the two rates meet
        mu = jnp.where(jnp.abs(mu - lam[n]) < 1e-3 * mu, mu * 1.003, mu)
    zero = jnp.zeros_like(cells.alpha_per_gy)
    pairs = [(n, m) for n in nuclides for m in nuclides]
    cycle_h = grid.cycle_h[:, None] if grid.cycle_h.ndim == 1 else grid.cycle_h.T
    nothing = _State([zero] * n_nuclides, [zero] * n_nuclides, [zero] * n_nuclides, dict.fromkeys(pairs, zero))

    def next_cycle(state: _State, now: tuple[Array, Array, Array]) -> tuple[_State, _State]:
        gap, power, given = now
        state = _advance(state, lam, mu, gap, power)
        state = state._replace(rate=[state.rate[n] + given[:, n] * lam[n] for n in nuclides])
        return state, state

    gaps = jnp.concatenate([jnp.zeros_like(cycle_h[:1]), cycle_h[1:] - cycle_h[:-1]])
    before = jnp.concatenate([cells.potency.T[:1], cells.potency.T[:-1]])
    # Unrolled: cycles are few, and a loop's own cost would exceed what it does.
    _, table = jax.lax.scan(next_cycle, nothing, (gaps, before, jnp.moveaxis(cells.dose_gy, 1, 0)), unroll=True)
    segment = grid.segment[:, None] if grid.segment.ndim == 1 else grid.segment.T

    def at_segment(rows: Array) -> Array:
        # Chosen by comparison, not by index: it fuses with what follows, and cycles are few.
        chosen = rows[0]
        for c in range(1, n_cycles):
            chosen = jnp.where(segment >= c, rows[c], chosen)
        return chosen

    time_h = grid.time_h[:, None] if grid.time_h.ndim == 1 else grid.time_h.T
    tau = jnp.maximum(time_h - at_segment(cycle_h), 0.0)
    end = _advance(jax.tree.map(at_segment, table), lam, mu, tau, at_segment(cells.potency.T))
    # Before the first cycle nothing has been given.
    begun = (time_h >= cycle_h[0]).astype(zero.dtype)
    folded = {(n, m): begun * (end.both[n, m] if n == m else end.both[n, m] + end.both[m, n]) for n, m in pairs if n <= m}
    return [begun * dose for dose in end.dose], folded


_EXP2 = (1.535336188319500e-4, 1.339887440266574e-3, 9.618437357674640e-3, 5.550332471162809e-2, 2.402264791363012e-1,
         6.931472028550421e-1, 1.0)  # fmt: skip
"""2^x on [-1/2, 1/2], highest power first (Cephes, exp2f)."""


def survive(log2: Array) -> Array:
    """``2**log2`` for ``log2 <= 0``: in single precision a polynomial, off by 3e-7 of the value at most.

    With it the whole course runs about an eighth faster than with the library's exponential. Below 2^-126 it stays there;
    double precision goes to the library.
    """
    import jax
    import jax.numpy as jnp

    if log2.dtype != jnp.float32:
        return jnp.exp2(log2)
    log2 = jnp.maximum(log2, -126.0)
    whole = jnp.round(log2)
    rest, value = log2 - whole, jnp.float32(_EXP2[0])
    for coefficient in _EXP2[1:]:
        value = value * rest + jnp.float32(coefficient)
    # A whole power of two is its exponent's bits.
    return value * jax.lax.bitcast_convert_type((whole.astype(jnp.int32) + 127) << 23, jnp.float32)


def survivals(cells: Cells, a: list[Array], b: dict[tuple[int, int], Array], n_nodes: int) -> tuple[Array, Array]:
    """Share of each clone's cells that the radiation has left, ``(time, cell)``, over the dose pattern."""
    import jax
    import jax.numpy as jnp

    nuclides = range(len(a))
    _, _, uptake, sensitivity = clones(cells)
    z_nodes, weights = quadrature(n_nodes)
    dtype = cells.alpha_per_gy.dtype
    z = jnp.asarray(z_nodes, dtype)[:, None, None]
    linear, quadratic = [], []
    w = []
    for n in nuclides:
        patch = 1 + cells.rho[:, n] * (uptake - 1)
        w.append(patch * jnp.exp(cells.sigma_h[:, n] * z - 0.5 * cells.sigma_h[:, n] ** 2))
    alpha = cells.alpha_per_gy * sensitivity * np.log2(np.e).astype(dtype)
    linear = [alpha * w[n] for n in nuclides]
    quadratic = [alpha * w[n] * w[m] / cells.alpha_beta_gy for n, m in b]

    def add(total: tuple[Array, Array], node: Any) -> tuple[tuple[Array, Array], None]:
        p, first, second = node
        both = []
        for k in range(2):
            effect = sum(first[n][k] * a[n] for n in nuclides)
            effect = effect + sum(second[i][k] * accumulated for i, accumulated in enumerate(b.values()))
            both.append(total[k] + p * survive(-effect))
        return (both[0], both[1]), None

    # A loop over nodes keeps the working set in cache; an axis of nodes would be written out to memory.
    zero = jnp.zeros_like(a[0])
    total, _ = jax.lax.scan(add, (zero, zero), (jnp.asarray(weights, dtype), linear, quadratic))
    return total


MOST_E_FOLDS = 80.0
"""Growth past this many e-folds is held there: no lesion is that large, and single precision ends at 88."""
MOST = 1e37
"""Largest product of deaths and undone clearance in a block: eight of them still have a sum."""
BLOCK = 8
"""Grid steps that one reference time serves in :func:`_clear`."""


def _blocks(steps: Array) -> Array:
    """``(step, cell)`` cut into ``(block, BLOCK, cell)``, zeros behind."""
    import jax.numpy as jnp

    missing = -steps.shape[0] % BLOCK
    return jnp.pad(steps, ((0, missing), (0, 0))).reshape(-1, BLOCK, steps.shape[1])


def _running_sum(steps: Array) -> Array:
    """Sum of ``(step, cell)`` up to each time of the grid, ``(step + 1, cell)``."""
    import jax.numpy as jnp

    n = steps.shape[0]
    return jnp.asarray(np.tri(n + 1, n, -1), steps.dtype) @ steps


def _clear(deaths: Array, clearance_per_h: Array, time_h: Array) -> Array:
    """Dead cells on the grid, ``(time, cell)``: those of each step come evenly over it and clear exponentially.

    Within a block of steps the recursion ``X' = X exp(-c dt) + new`` is a running sum of ``new exp(c t)``; blocks are
    short, so the exponent stays small, and what is left is carried from block to block.
    """
    import jax.numpy as jnp

    step = time_h[1:] - time_h[:-1]
    clearance = clearance_per_h * step
    # Deaths of a step are spread evenly over it; this share of them is left at its end.
    stay = jnp.where(clearance > 1e-3, (1 - jnp.exp(-clearance)) / jnp.maximum(clearance, 1e-3), 1 - 0.5 * clearance)
    ends = jnp.concatenate([time_h[1:], jnp.repeat(time_h[-1:], -step.shape[0] % BLOCK, axis=0)])
    ends = ends.reshape(-1, BLOCK, ends.shape[1])
    starts = jnp.concatenate([time_h[:1], ends[:-1, -1]])
    age = jnp.minimum(clearance_per_h * (ends - starts[:, None]), 80.0)
    kept = jnp.exp(-age)
    undone = jnp.minimum(_blocks(deaths * stay) * jnp.exp(age), MOST)  # an infinity would be no number times the zeros below
    local = kept * jnp.einsum("ij,bjc->bic", jnp.asarray(np.tri(BLOCK), deaths.dtype), undone)
    carried = [jnp.zeros_like(clearance_per_h)]
    for i in range(local.shape[0]):
        carried.append(local[i, -1] + kept[i, -1] * carried[-1])
    dead = local + kept * jnp.stack(carried[:-1])[:, None]
    return jnp.concatenate([carried[0][None], dead.reshape(-1, dead.shape[-1])[: step.shape[0]]])


def course(cells: Cells, grid: Grid, n_nodes: int = N_NODES, at: Array | None = None) -> Course:
    """Run the lesions over the grid. Nuclides are those of the dose's last axis (1 or 2).

    ``at`` picks times of the grid, ``(time,)`` or ``(cell, time)``: what is not read out is then not worked out either.
    """
    import jax.numpy as jnp

    def pick(rows: Array) -> Array:
        if at is None:
            return rows
        return rows[at] if at.ndim == 1 else jnp.take_along_axis(rows, at.T, axis=0)

    survival = survivals(cells, *accumulate(cells, grid), n_nodes)
    f, kappa = mixture(cells, jnp)
    time_h = grid.time_h[:, None] if grid.time_h.ndim == 1 else grid.time_h.T
    live, untreated = grown(cells, time_h, jnp)
    step = time_h[1:] - time_h[:-1]
    deaths: Array | float = 0.0
    viable = []
    for k in range(2):
        g = cells.growth_per_h * kappa[k]
        n_k = untreated[k] * survival[k]
        viable.append(pick(n_k))
        # Births of a step: growth times the mean number, (2 geometric + arithmetic)/3, near the mean of an exponential.
        root = jnp.sqrt(n_k + TINY)  # before the product: a fast clone's square would leave single precision
        mean = (2 * root[:-1] * root[1:] + 0.5 * (n_k[:-1] + n_k[1:])) / 3
        deaths = deaths + jnp.maximum(n_k[:-1] - n_k[1:] + g * step * mean, 0.0)
    dead = pick(_clear(deaths, cells.clearance_per_h, time_h))
    fibrosis = cells.fibrosis_fraction * jnp.maximum(pick(_running_sum(deaths)) - dead, 0.0)
    return _of_parts(viable, [pick(n_k) for n_k in untreated], f, dead, fibrosis, (1 - live)[None])


def _of_parts(viable: list[Array], untreated: list[Array], f: Array, dead: Array, fibrosis: Array, unresponsive: Array) -> Course:
    """A lesion's course from its parts, each ``(time, cell)``; those of a clone stand in lists of two."""
    n_all = viable[0] + viable[1]
    mixed = viable[1] + TINY * f[1]
    return Course(
        volume=n_all + dead + fibrosis + unresponsive, viable=n_all, dead=dead, fibrosis=fibrosis,
        unresponsive=unresponsive, high_clone=mixed / (viable[0] + TINY * f[0] + mixed),
        surviving=n_all / (untreated[0] + untreated[1]),
    )


def left_to_grow(cells: Cells, time_h: NDArray[np.float32]) -> Course:
    """:func:`course` of lesions that are given no dose: nothing dies, so every time ``(time, 1)`` or ``(time, cell)`` is closed form.

    In plain numpy: nothing is compiled and nothing steps.
    """
    f, _ = mixture(cells, np)
    live, viable = grown(cells, time_h, np)
    nothing = np.zeros_like(viable[0])
    return _of_parts(viable, viable, f, nothing, nothing, (1 - live)[None])


def relative_ki67(cells: Cells, high_clone: Array, xp: Any) -> Array:
    """Ki-67 of the viable cells over that of the baseline, ``(time, cell)``."""
    _, kappa = mixture(cells, xp)
    return kappa[0] * (1 - high_clone) + kappa[1] * high_clone

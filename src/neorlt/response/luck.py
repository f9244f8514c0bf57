"""What is luck within one draw of the parameters: a patient's own lesions, readings, scars and marrow, and integrals over it.

A chance given the parameters is an integral over this luck. It is not counted out of a few patients: the model runs at a few
fixed nodes of a lesion's sensitivity and growth, its (smooth) result is interpolated to evenly spread points, and what can be
integrated in closed form (a reading error, a scar) is. Points are Sobol's sequence, its digits shifted at random in every draw: what a
net holds evenly it still holds evenly then, which a shift of the points themselves breaks.
"""

from __future__ import annotations

import functools
import io

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.response.parameters import ROOM

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
ALPHA_NODES = 2.8 * np.cos(np.pi * (np.arange(8) + 0.5) / 8)[::-1] / np.cos(np.pi / 16)
"""Nodes of the standard normal deviation of a lesion's sensitivity (Chebyshev): 8 hold a chance within half a point in every draw."""
GROWTH_NODES = np.array([-2.0, 0.0, 2.0])
"""Nodes of the standard normal deviation of a lesion's log doubling time; the result is straight to quadratic in the growth rate."""
N_NODES = len(ALPHA_NODES) * len(GROWTH_NODES)
FAR = 3.2
"""Deviations beyond this are taken as this (one in 700 lesions)."""
N_POINTS = 128
"""Points of luck within every draw of the parameters."""


@functools.cache
def _sobol() -> NDArray[np.uint8]:
    table: NDArray[np.uint8] = np.load(io.BytesIO(tables.read_bytes(ROOM, "points.npz")))["sobol_256ths"]
    return table


def spread_points(shift: Floats, n_points: int, columns: slice) -> Floats:
    """Uniform points ``(draw, point, column)``: evenly spread within every draw; the first of each draw is ``shift`` itself.

    ``columns`` are those of ``shift`` ``(draw, dimension)`` that are wanted. A prefix of more points is the same as fewer.

    Raises
    ------
    InputError
        If there are more points or dimensions than the shipped sequence holds.
    """
    base = _sobol()
    if n_points > base.shape[0] or shift.shape[1] > base.shape[1]:
        raise InputError("more points of luck than the shipped sequence holds",
                         expected=f"up to {base.shape[0]}, {base.shape[1]} dimensions", found=f"{n_points}, {shift.shape[1]} dimensions",
                         remedy="ask for fewer replicates or plan fewer lesions")
    finest = base.shape[0]
    digits, rest = np.divmod(shift[:, None, columns] * finest, 1.0)
    moved = np.bitwise_xor(base[:n_points, columns], digits.astype(np.uint8))
    return np.asarray((moved + rest) / finest)


def strata(rng: np.random.Generator, n_draws: int, n_dimensions: int) -> Floats:
    """Uniform shifts ``(draw, dimension)``, one in each of ``n_draws`` strata of every dimension (a Latin hypercube).

    Each draw by itself is uniform. Together they are even, so that what is counted from a few points of each draw is not left to chance.
    """
    order = rng.permuted(np.tile(np.arange(n_draws), (n_dimensions, 1)), axis=1).T
    return np.asarray((order + rng.uniform(size=(n_draws, n_dimensions))) / n_draws)


def normal(uniform: Floats) -> Floats:
    """Standard normal values at uniform ones."""
    from scipy.special import ndtri

    return np.asarray(ndtri(np.clip(uniform, 1e-6, 1.0 - 1e-6)))


def node_luck() -> tuple[Floats, Floats]:
    """Deviations of sensitivity and of growth at the nodes, ``(node,)`` each."""
    alpha, growth = np.meshgrid(ALPHA_NODES, GROWTH_NODES, indexing="ij")
    return alpha.ravel(), growth.ravel()


def _lagrange(nodes: Floats, x: Floats) -> Singles:
    """Weights ``(..., node)`` of the polynomial through ``nodes`` (``(node,)`` or ``(..., node)``) at ``x`` ``(...)``."""
    n = nodes.shape[-1]
    out = np.ones((*x.shape, n), np.float32)
    for i in range(n):
        for j in range(n):
            if i != j:
                out[..., i] *= (x - nodes[..., j]) / (nodes[..., i] - nodes[..., j])
    return out


def _growth_weights(rates: Floats, x: Floats) -> Singles:
    """:func:`_lagrange` in the rate of growth; straight on from the two fastest nodes beyond them.

    The log of a size that grows is straight in its rate in the end; a parabola's arm would carry a lesion that grows thirty times as fast
    as the median past every number.
    """
    weights = _lagrange(rates, x)
    rates = np.broadcast_to(rates, (*x.shape, rates.shape[-1]))
    beyond = x > rates[..., 0]  # nodes are deviations of the doubling time: the first is the fastest
    share = (x - rates[..., 1]) / (rates[..., 0] - rates[..., 1])
    straight = np.stack([share, 1 - share, np.zeros_like(share)], axis=-1)
    return np.asarray(np.where(beyond[..., None], straight, weights), np.float32)


def node_weights(alpha_z: Floats, growth_z: Floats, doubling_log_sd: Floats) -> Singles:
    """Weights that carry results at the nodes to points: ``(draw, lesion, point, node)``.

    Parameters
    ----------
    alpha_z, growth_z
        ``(draw, point, lesion)`` deviations of a lesion's sensitivity and doubling time.
    doubling_log_sd
        ``(draw, lesion)`` log-SD of the doubling time: growth enters as a rate.
    """
    alpha = np.moveaxis(np.clip(alpha_z, ALPHA_NODES[0], ALPHA_NODES[-1]), 1, 2)
    growth = np.moveaxis(np.clip(growth_z, -FAR, FAR), 1, 2)
    sd = doubling_log_sd[:, :, None].astype(np.float64)
    rates = np.exp(-sd[..., None] * GROWTH_NODES)
    first, second = _lagrange(ALPHA_NODES, alpha), _growth_weights(rates, np.exp(-sd * growth))
    return np.asarray((first[..., :, None] * second[..., None, :]).reshape(*alpha.shape, N_NODES))


def at_points(weights: Singles, at_nodes: NDArray[np.float32]) -> Singles:
    """Carry results ``(draw, lesion, node, k)`` at the nodes to ``(draw, lesion, point, k)``."""
    return np.asarray(np.matmul(weights, at_nodes))


SLOPE_NODES = np.array([-2.0, 0.0, 2.0])
"""Nodes of the standard normal deviation of a marrow's log sensitivity: log(-log nadir) is nearly straight in it."""


def slope_weights(z: Floats) -> Singles:
    """Weights ``(..., node)`` that carry results at :data:`SLOPE_NODES` to deviations ``z``."""
    return _lagrange(SLOPE_NODES, np.clip(z, -4.0, 4.0))

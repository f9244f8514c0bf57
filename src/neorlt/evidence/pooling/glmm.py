"""Logit-normal generalised linear mixed model of proportions, by adaptive Gauss-Hermite quadrature.

``x_i ~ Binomial(n_i, expit(theta_i))``, ``theta_i ~ Normal(mu, tau^2)``; maximum likelihood over ``(mu, tau)``.
No continuity correction is needed, so series of one patient and series without an event stay in
(Stijnen, Hamza, Ozdemir, Stat Med 2010;29:3046, doi 10.1002/sim.4040).

The interval is by profile likelihood with the quantile of t(k - 1) in place of the normal one, which kept
coverage on data shaped like this field's (see ``validation/evidence_pooling_coverage.py``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

Array = NDArray[np.float64]

DEFAULT_NODES = 25
"""Quadrature nodes a study; more do not move the estimate in the sixth digit."""
LOGIT_LIMIT = 30.0
"""Beyond this logit a bound of the interval is reported as 0 or 1."""
TAU_LIMIT = 60.0
"""Largest between-study SD looked at when a profile is taken."""
_CHUNK = 4_000_000


@functools.cache
def _nodes(count: int) -> tuple[Array, Array]:
    """Nodes and log-weights of ``count``-point Gauss-Hermite quadrature, weights with exp(t^2) put back."""
    t, w = special.roots_hermite(count)
    return np.asarray(t), np.log(np.asarray(w)) + np.asarray(t) ** 2


def log_likelihood(
    events: ArrayLike, totals: ArrayLike, mu: ArrayLike, tau: ArrayLike, *, nodes: int = DEFAULT_NODES, constant: bool = True
) -> Array:
    """Marginal log-likelihood, summed over studies.

    ``events`` and ``totals`` have shape ``(study,)``. ``mu`` is of shape ``(...)`` (one value a point) or
    ``(..., study)`` when ``tau`` has one axis fewer; ``tau`` is of shape ``(...)``. Returns shape ``(...)``.
    The function is even in ``tau``. ``constant=False`` leaves the binomial coefficients out.
    """
    return np.asarray(study_log_likelihoods(events, totals, mu, tau, nodes=nodes, constant=constant).sum(axis=-1))


def study_log_likelihoods(
    events: ArrayLike, totals: ArrayLike, mu: ArrayLike, tau: ArrayLike, *, nodes: int = DEFAULT_NODES, constant: bool = True
) -> Array:
    """Marginal log-likelihood of each study: shape ``(..., study)``; arguments as :func:`log_likelihood`."""
    x = np.asarray(events, dtype=np.float64)
    n = np.asarray(totals, dtype=np.float64)
    tau_array = np.abs(np.asarray(tau, dtype=np.float64))
    mu_array = np.asarray(mu, dtype=np.float64)
    if mu_array.ndim <= tau_array.ndim:
        mu_array = mu_array[..., None]
    shape = np.broadcast_shapes(mu_array.shape[:-1], tau_array.shape)
    mu_flat = np.broadcast_to(mu_array, (*shape, x.size)).reshape(-1, x.size)
    tau_flat = np.broadcast_to(tau_array, shape).reshape(-1, 1)
    out = np.empty(mu_flat.shape)
    step = max(1, _CHUNK // max(1, nodes * x.size))
    for start in range(0, len(mu_flat), step):
        part = slice(start, start + step)
        out[part] = _integrate(x, n, mu_flat[part], tau_flat[part], nodes)
    if constant:
        out += special.gammaln(n + 1) - special.gammaln(x + 1) - special.gammaln(n - x + 1)
    return out.reshape(*shape, x.size)


def _integrate(x: Array, n: Array, mu: Array, tau: Array, nodes: int) -> Array:
    u = _mode(x, n, mu, tau)
    p = special.expit(mu + tau * u)
    scale = 1.0 / np.sqrt(n * tau**2 * p * (1 - p) + 1.0)
    t, log_w = _nodes(nodes)
    z = u[..., None] + np.sqrt(2.0) * scale[..., None] * t
    eta = mu[..., None] + tau[..., None] * z
    exponent = x[:, None] * eta - n[:, None] * np.logaddexp(0.0, eta) - 0.5 * z**2 + log_w
    return np.asarray(special.logsumexp(exponent, axis=-1) + np.log(scale) - 0.5 * np.log(np.pi))


def _mode(x: Array, n: Array, mu: Array, tau: Array) -> Array:
    """Mode of the integrand over the standard-normal effect; Newton on a strictly concave function, step-limited."""
    empirical = np.log((x + 0.5) / (n - x + 0.5))
    weight = (x + 0.5) * (n - x + 0.5) / (n + 1.0)
    u = tau * weight * (empirical - mu) / (1.0 + tau**2 * weight)
    limit = 2.0 / np.maximum(tau, 1e-3)
    for _ in range(200):
        p = special.expit(mu + tau * u)
        step = (tau * (x - n * p) - u) / (n * tau**2 * p * (1 - p) + 1.0)
        step = np.clip(step, -limit, limit)
        u = u + step
        if np.max(np.abs(step), initial=0.0) < 1e-10:
            break
    return np.asarray(u)


@dataclass(frozen=True)
class GlmmFit:
    """Maximum-likelihood fit on the logit scale. ``tau`` is 0 at the boundary; ``se`` is that of ``mu``."""

    mu: float
    se: float
    tau: float
    log_likelihood: float
    nodes: int


def fit(events: Array, totals: Array, *, nodes: int = DEFAULT_NODES) -> GlmmFit:
    """Fit by a coarse scan, then Newton; needs at least one event and one non-event in all."""
    scan_mu = np.linspace(-1.0, 1.0, 21) * 2.5 + special.logit(np.clip(events.sum() / totals.sum(), 0.01, 0.99))
    scan_tau = np.concatenate([[0.0], np.geomspace(0.05, 6.0, 18)])
    grid_mu, grid_tau = np.meshgrid(scan_mu, scan_tau, indexing="ij")
    values = log_likelihood(events, totals, grid_mu, grid_tau, nodes=nodes)
    best = np.unravel_index(int(np.argmax(values)), values.shape)
    start = np.array([grid_mu[best], grid_tau[best]])

    crude = float(special.logit(events.sum() / totals.sum()))
    at_zero = float(log_likelihood(events, totals, crude, 0.0, nodes=nodes))
    if start[1] == 0.0:
        start = np.array([crude, 0.05])

    def objective(point: Array) -> Array:
        return log_likelihood(events, totals, point[..., 0], point[..., 1], nodes=nodes)

    point, hessian = newton(objective, start)
    value = float(objective(point))
    tau = abs(float(point[1]))
    if tau < 1e-3 or value <= at_zero + 1e-9:
        p = events.sum() / totals.sum()
        return GlmmFit(crude, float(1.0 / np.sqrt(totals.sum() * p * (1 - p))), 0.0, at_zero, nodes)
    se = float(np.sqrt(np.linalg.inv(-hessian)[0, 0]))
    return GlmmFit(float(point[0]), se, tau, value, nodes)


def newton(objective: Callable[[Array], Array], start: Array, *, step: float = 5e-4) -> tuple[Array, Array]:
    """Maximise a smooth function of few variables; derivatives by a central stencil in one vectorised call.

    ``objective`` takes points of shape ``(..., dimension)``. Returns the maximum and the Hessian there.
    """
    dimension = len(start)
    pairs = [(i, j) for i in range(dimension) for j in range(i)]
    basis = np.eye(dimension) * step
    offsets = [np.zeros(dimension)]
    offsets += [sign * basis[i] for i in range(dimension) for sign in (1, -1)]
    offsets += [s * basis[i] + r * basis[j] for i, j in pairs for s in (1, -1) for r in (1, -1)]
    stencil = np.array(offsets)
    point = np.array(start, dtype=np.float64)
    hessian = -np.eye(dimension)
    for _ in range(200):
        values = objective(point + stencil)
        centre = float(values[0])
        plus, minus = values[1 : 1 + 2 * dimension : 2], values[2 : 2 + 2 * dimension : 2]
        gradient = (plus - minus) / (2 * step)
        hessian = np.diag((plus - 2 * centre + minus) / step**2)
        for index, (i, j) in enumerate(pairs):
            four = values[1 + 2 * dimension + 4 * index : 5 + 2 * dimension + 4 * index]
            hessian[i, j] = hessian[j, i] = (four[0] - four[1] - four[2] + four[3]) / (4 * step**2)
        eigenvalues, vectors = np.linalg.eigh(hessian)
        # Where the surface is not concave, walk uphill along it instead of towards a saddle.
        move = -vectors @ ((vectors.T @ gradient) / -np.maximum(np.abs(eigenvalues), 1e-3)) if dimension else gradient
        size = float(np.max(np.abs(move)))
        if size > 1.0:
            move = move / size
        factors = 0.5 ** np.arange(12)
        trial = objective(point + factors[:, None] * move)
        pick = int(np.argmax(trial))
        if trial[pick] <= centre or size < 1e-8:
            break
        point = point + factors[pick] * move
    return point, hessian


def profile(events: Array, totals: Array, mu: float, *, nodes: int = DEFAULT_NODES) -> float:
    """Log-likelihood at ``mu``, maximised over ``tau`` by zooming in on a scan."""
    grid = np.concatenate([[0.0], np.geomspace(0.02, TAU_LIMIT, 28)])
    best = -np.inf
    for _ in range(8):
        values = log_likelihood(events, totals, np.full(grid.shape, mu), grid, nodes=nodes)
        pick = int(np.argmax(values))
        gain, best = float(values[pick]) - best, float(values[pick])
        low, high = grid[max(pick - 1, 0)], grid[min(pick + 1, len(grid) - 1)]
        if gain < 1e-10 or high - low < 1e-6:
            break
        grid = np.linspace(low, high, 9)
    return best


def profile_interval(events: Array, totals: Array, fitted: GlmmFit, quantile: float) -> tuple[float, float]:
    """Bounds of ``mu`` where twice the fall of the profile reaches ``quantile**2``; infinite where it never does."""

    def excess(mu: float) -> float:
        fall = fitted.log_likelihood - profile(events, totals, mu, nodes=fitted.nodes)
        return 2.0 * fall - quantile**2

    bounds = []
    for direction in (-1.0, 1.0):
        inside, width = fitted.mu, max(quantile * fitted.se, 0.05)
        outside = inside + direction * width
        while excess(outside) < 0 and abs(outside) < LOGIT_LIMIT:
            inside, width = outside, 1.5 * width
            outside = inside + direction * width
        if abs(outside) >= LOGIT_LIMIT and excess(outside) < 0:
            bounds.append(direction * np.inf)
        else:
            bounds.append(float(optimize.brentq(excess, inside, outside, xtol=1e-7)))
    return bounds[0], bounds[1]


def heterogeneity(events: Array, totals: Array, tau: float) -> dict[str, float]:
    """Likelihood-ratio and Wald statistics of equal proportions, and I^2 against the typical sampling variance.

    As R's ``metafor::rma.glmm``: the Wald statistic and the typical variance take the plain logit variance, with
    half a patient added only to a study without events or without non-events.
    """
    k = len(events)
    p = events.sum() / totals.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        saturated = special.xlogy(events, events / totals) + special.xlogy(totals - events, 1 - events / totals)
    common = special.xlogy(events, p) + special.xlogy(totals - events, 1 - p)
    edge = (events == 0) | (events == totals)
    half = np.where(edge, 0.5, 0.0)
    variance = 1 / (events + half) + 1 / (totals - events + half)
    weight = 1 / variance
    typical = (k - 1) / (weight.sum() - (weight**2).sum() / weight.sum()) if k > 1 else float("nan")
    inner = ~edge
    logit = np.log(events[inner] / (totals - events)[inner])
    inner_weight = weight[inner]
    wald = 0.0
    if inner.sum() > 1:
        wald = float(np.sum(inner_weight * (logit - np.average(logit, weights=inner_weight)) ** 2))
    q_lrt = float(max(0.0, 2 * np.sum(saturated - common)))
    return {
        "q_lrt": q_lrt,
        "q_wald": wald,
        "q_p": float(stats.chi2.sf(q_lrt, k - 1)) if k > 1 else float("nan"),
        "i2_pct": float(100 * tau**2 / (tau**2 + typical)) if tau > 0 else 0.0,
    }

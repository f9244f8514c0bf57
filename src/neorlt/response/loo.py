"""Leave-one-out scores by Pareto-smoothed importance sampling, on likelihoods with the lesions' own effects integrated.

Population draws stay fixed; a lesion's sensitivity, growth and dose error are integrated over new lesions, so a score
says how well the *next* lesion is predicted. Other assumptions are judged by re-weighting the same draws, with the
Pareto k of the weights shown: above 0.7 the re-weighting is not to be trusted.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.response.calibration import Assumptions, Lesions, best_log_density, simulate_best

Floats = NDArray[np.float64]
K_LIMIT = 0.7


@dataclass(frozen=True)
class Marginal:
    """Per draw and lesion ``(draw, lesion)``: log density of what was seen, probability of less; and a predictive sample.

    ``sample`` ``(draw, point, lesion)`` of log relative volumes at best response.
    """

    log_density: Floats
    below: Floats
    sample: Floats


def marginal(free: dict[str, NDArray[Any]], lesions: Lesions, assumed: Assumptions, seed: int, n_points: int = 128) -> Marginal:
    """Integrate the lesions' effects out of the likelihood, for each draw of the population."""
    import jax
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    rng = np.random.default_rng(seed)
    volumes = simulate_best(free, lesions.dose_gy, assumed, rng, n_points)
    y = jnp.asarray(lesions.log_volume, jnp.float32)

    @jax.jit
    def score(v: Any, sigma_d: Any) -> tuple[Any, Any]:
        by_follow_up = jnp.moveaxis(v, 1, 0)
        density = best_log_density(y, by_follow_up, sigma_d)
        above = best_log_density(y, by_follow_up, sigma_d, density=False)
        return logsumexp(density, axis=0) - np.log(n_points), 1 - jnp.exp(logsumexp(above, axis=0) - np.log(n_points))

    scores = [score(jnp.asarray(v), sd) for v, sd in zip(volumes, np.asarray(free["sigma_d"], np.float32), strict=True)]
    s = 3.0 * np.asarray(free["sigma_d"])[:, None, None] / np.sqrt(2.0)
    best = np.full(volumes[:, :, 0].shape, np.inf)
    base = rng.standard_normal(best.shape)
    for j in range(volumes.shape[2]):
        best = np.minimum(best, volumes[:, :, j] + s * (rng.standard_normal(best.shape) - base))
    return Marginal(np.array([a for a, _ in scores], np.float64), np.array([b for _, b in scores], np.float64), best)


@dataclass(frozen=True)
class Loo:
    """Expected log predictive density and what it is made of; ``weight`` ``(draw, lesion)`` sums to 1 over draws."""

    elpd_pointwise: Floats
    pareto_k: Floats
    weight: Floats

    @property
    def elpd(self) -> float:
        """Sum over lesions."""
        return float(self.elpd_pointwise.sum())

    def as_json(self, other: Loo | None = None) -> dict[str, Any]:
        """JSON form, with the difference (and its standard error) to another model."""
        n = len(self.elpd_pointwise)
        out = {
            "elpd": self.elpd,
            "se": float(np.sqrt(n) * self.elpd_pointwise.std()),
            "pareto_k_max": float(self.pareto_k.max()),
            "n_pareto_k_above_0_7": int((self.pareto_k > K_LIMIT).sum()),
        }
        if other is not None:
            difference = self.elpd_pointwise - other.elpd_pointwise
            out["difference"] = float(difference.sum())
            out["difference_se"] = float(np.sqrt(n) * difference.std())
        return out


def psis_loo(log_density: Floats, log_base: Floats | None = None) -> Loo:
    """PSIS-LOO of ``(draw, lesion)`` log densities; ``log_base`` ``(draw,)`` re-weights draws of another posterior."""
    arviz: Any = importlib.import_module("arviz")
    base = np.zeros(len(log_density)) if log_base is None else log_base
    smoothed, k = arviz.psislw((base[:, None] - log_density).T)
    weight = np.exp(np.asarray(smoothed).T)
    weight = weight / weight.sum(axis=0)
    return Loo(np.log((weight * np.exp(log_density)).sum(axis=0)), np.atleast_1d(np.asarray(k)), weight)


def reweight(log_density: Floats, log_density_base: Floats) -> tuple[Floats, float]:
    """Weights ``(draw,)`` that turn draws of the base posterior into draws under other assumptions, and their Pareto k."""
    arviz: Any = importlib.import_module("arviz")
    smoothed, k = arviz.psislw((log_density - log_density_base).sum(axis=1))
    weight = np.exp(np.asarray(smoothed))
    return weight / weight.sum(), float(k)


def weighted_quantile(values: Floats, weight: Floats, q: Floats) -> Floats:
    """Quantiles of weighted values."""
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return np.asarray(np.interp(q, (total - 0.5 * weight[order]) / total[-1], values[order]))


def stacking_weights(elpd_pointwise: Floats) -> Floats:
    """Weights of models ``(model,)`` that maximise the summed log score of their mixture; input ``(model, lesion)``."""
    from scipy.optimize import minimize

    density = np.exp(elpd_pointwise - elpd_pointwise.max(axis=0))

    def loss(free: Floats) -> float:
        w = np.exp(free - free.max())
        return -float(np.log((w / w.sum()) @ density).sum())

    best = min(
        (minimize(loss, start, method="BFGS") for start in np.vstack([np.zeros(len(density)), 2 * np.eye(len(density))])),
        key=lambda result: result.fun,
    )
    w = np.exp(best.x - best.x.max())
    return np.asarray(w / w.sum())


def predictive_report(lesions: Lesions, found: Marginal, loo: Loo) -> dict[str, Any]:
    """Leave-one-out 90 % intervals, PIT, widths and residual spread below and above 100 Gy."""
    pit = (loo.weight * found.below).sum(axis=0)
    n_points = found.sample.shape[1]
    intervals = []
    for i in range(len(lesions.dose_gy)):
        weight = np.repeat(loo.weight[:, i], n_points) / n_points
        intervals.append(weighted_quantile(found.sample[:, :, i].ravel(), weight, np.array([0.05, 0.5, 0.95])))
    change = 100 * np.expm1(np.array(intervals))
    seen = 100 * np.expm1(lesions.log_volume)
    low = lesions.dose_gy < 100
    width = change[:, 2] - change[:, 0]
    inside = (pit >= 0.05) & (pit <= 0.95)
    return {
        "n": len(seen),
        "n_inside_90": int(inside.sum()),
        "right_model_range_98": [18, 23],
        "pit": [round(float(p), 4) for p in pit],
        "lesions": [
            {
                "dose_gy": float(d),
                "seen_pct": round(float(s), 1),
                "loo90_pct": [round(float(c[0]), 1), round(float(c[2]), 1)],
                "loo_median_pct": round(float(c[1]), 1),
                "inside": bool(i),
                "pareto_k": round(float(k), 2),
            }
            for d, s, c, i, k in zip(lesions.dose_gy, seen, change, inside, loo.pareto_k, strict=True)
        ],
        "width_pct_below_100gy": float(np.median(width[low])),
        "width_pct_above_100gy": float(np.median(width[~low])),
        "residual_sd_pct_below_100gy": float(np.std((seen - change[:, 1])[low])),
        "residual_sd_pct_above_100gy": float(np.std((seen - change[:, 1])[~low])),
    }

"""Beta-binomial model of proportions, maximum likelihood: the check that does not lean on a normal effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from neorlt.evidence.pooling.glmm import newton

Array = NDArray[np.float64]

COMMON_PRECISION = 1e5
"""A fitted ``a + b`` above this means no heterogeneity beyond the binomial: the boundary is reported instead."""


@dataclass(frozen=True)
class BetaBinomialFit:
    """Fit on ``(logit mean, a + b)``; ``precision`` is infinite at the binomial boundary."""

    logit_mean: float
    se_logit_mean: float
    precision: float
    log_likelihood: float

    @property
    def overdispersion(self) -> float:
        """Correlation of two patients of one study, ``1 / (a + b + 1)``."""
        return 0.0 if np.isinf(self.precision) else 1.0 / (self.precision + 1.0)


def log_likelihood(events: Array, totals: Array, logit_mean: Array, log_precision: Array) -> Array:
    """Log-likelihood at points of shape ``(...)``."""
    mean = special.expit(np.asarray(logit_mean))[..., None]
    precision = np.exp(np.asarray(log_precision))[..., None]
    a, b = mean * precision, (1 - mean) * precision
    coefficient = special.gammaln(totals + 1) - special.gammaln(events + 1) - special.gammaln(totals - events + 1)
    values = coefficient + special.betaln(events + a, totals - events + b) - special.betaln(a, b)
    return np.asarray(values.sum(axis=-1))


def fit(events: Array, totals: Array) -> BetaBinomialFit:
    """Fit; needs at least one event and one non-event in all."""
    crude = events.sum() / totals.sum()
    logit = float(special.logit(crude))
    binomial = float(
        np.sum(
            special.gammaln(totals + 1)
            - special.gammaln(events + 1)
            - special.gammaln(totals - events + 1)
            + special.xlogy(events, crude)
            + special.xlogy(totals - events, 1 - crude)
        )
    )
    grid_mean, grid_log = np.meshgrid(logit + np.linspace(-2, 2, 21), np.linspace(-2, np.log(COMMON_PRECISION), 30), indexing="ij")
    values = log_likelihood(events, totals, grid_mean, grid_log)
    best = np.unravel_index(int(np.argmax(values)), values.shape)
    point, hessian = newton(lambda p: log_likelihood(events, totals, p[..., 0], p[..., 1]), np.array([grid_mean[best], grid_log[best]]))
    value = float(log_likelihood(events, totals, point[0], point[1]))
    if point[1] > np.log(COMMON_PRECISION) - 0.5 or value <= binomial + 1e-9:
        return BetaBinomialFit(logit, float(1 / np.sqrt(totals.sum() * crude * (1 - crude))), float("inf"), binomial)
    se = float(np.sqrt(np.linalg.inv(-hessian)[0, 0]))
    return BetaBinomialFit(float(point[0]), se, float(np.exp(point[1])), value)

"""Two-stage pooling of transformed proportions, kept for comparison with published meta-analyses.

Each study becomes one number and a variance (raw, logit, arcsine, Freeman-Tukey), then an inverse-variance pool
follows with tau^2 by DerSimonian-Laird, REML or Paule-Mandel. On series as small as this field's these methods
lose coverage (logit with Hartung-Knapp: 70 % at worst), so none of them is the default. Conventions as in R's
``metafor`` (Viechtbauer, J Stat Softw 2010;36(3), doi 10.18637/jss.v036.i03).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

Array = NDArray[np.float64]

TRANSFORMS = ("raw", "logit", "arcsine", "freeman-tukey")
ESTIMATORS = ("fixed", "dl", "reml", "pm")
TESTS = ("z", "knha", "adhoc")


@dataclass(frozen=True)
class TwoStageFit:
    """A pool on the transformed scale. ``prediction`` is None for the fixed-effect model."""

    mu: float
    se: float
    tau2: float
    interval: tuple[float, float]
    prediction: tuple[float, float] | None
    i2_pct: float
    q: float
    q_p: float


def transform(events: Array, totals: Array, kind: str) -> tuple[Array, Array]:
    """Effect and variance of each study; half a patient is added only to studies with no event or only events."""
    if kind == "arcsine":
        return np.arcsin(np.sqrt(events / totals)), 1 / (4 * totals)
    if kind == "freeman-tukey":
        value = 0.5 * (np.arcsin(np.sqrt(events / (totals + 1))) + np.arcsin(np.sqrt((events + 1) / (totals + 1))))
        return value, 1 / (4 * totals + 2)
    half = np.where((events == 0) | (events == totals), 0.5, 0.0)
    x, m = events + half, totals - events + half
    if kind == "logit":
        return np.log(x / m), 1 / x + 1 / m
    p = x / (x + m)
    return p, p * (1 - p) / (x + m)


def back_transform(value: float, totals: Array, kind: str) -> float:
    """Return a proportion from the transformed scale (Freeman-Tukey: Miller's inverse at the harmonic mean size)."""
    if kind == "raw":
        return value
    if kind == "logit":
        return float(special.expit(value))
    if kind == "arcsine":
        return float(np.sin(np.clip(value, 0.0, np.pi / 2)) ** 2)
    n = 1.0 / np.mean(1.0 / totals)
    lowest = 0.5 * np.arcsin(np.sqrt(1 / (n + 1)))
    highest = 0.5 * (np.arcsin(np.sqrt(n / (n + 1))) + np.pi / 2)
    if value <= lowest:
        return 0.0
    if value >= highest:
        return 1.0
    sine = np.sin(2 * value)
    inner = max(0.0, 1 - (sine + (sine - 1 / sine) / n) ** 2)
    return float(0.5 * (1 - np.sign(np.cos(2 * value)) * np.sqrt(inner)))


def between_variance(effect: Array, variance: Array, estimator: str) -> float:
    """tau^2, never below zero."""
    if estimator == "fixed":
        return 0.0
    if estimator == "dl":
        weight = 1 / variance
        c = weight.sum() - (weight**2).sum() / weight.sum()
        return float(max(0.0, (_q(effect, variance, 0.0) - (len(effect) - 1)) / c))
    upper = 10.0 * (np.var(effect) + variance.max()) + 1.0
    if estimator == "pm":
        df = len(effect) - 1
        if _q(effect, variance, 0.0) <= df:
            return 0.0
        while _q(effect, variance, upper) > df:
            upper *= 2
        return float(optimize.brentq(lambda t: _q(effect, variance, t) - df, 0.0, upper, xtol=1e-12))

    def negative_restricted_likelihood(tau2: float) -> float:
        weight = 1 / (variance + tau2)
        mean = np.average(effect, weights=weight)
        return float(0.5 * (-np.log(weight).sum() + np.log(weight.sum()) + (weight * (effect - mean) ** 2).sum()))

    grid = np.concatenate([[0.0], np.geomspace(1e-6, upper, 200)])
    values = [negative_restricted_likelihood(t) for t in grid]
    pick = int(np.argmin(values))
    if pick == 0:
        return 0.0
    found = optimize.minimize_scalar(
        negative_restricted_likelihood,
        bounds=(grid[pick - 1], grid[min(pick + 1, len(grid) - 1)]),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(found.x)


def _q(effect: Array, variance: Array, tau2: float) -> float:
    weight = 1 / (variance + tau2)
    return float((weight * (effect - np.average(effect, weights=weight)) ** 2).sum())


def fit(events: Array, totals: Array, *, kind: str, estimator: str, test: str, level: float = 0.95) -> TwoStageFit:
    """Pool on the transformed scale.

    ``test``: ``z`` normal; ``knha`` Hartung-Knapp with t(k - 1); ``adhoc`` the same, never narrower than ``z``'s SE.
    """
    effect, variance = transform(events, totals, kind)
    k = len(effect)
    tau2 = between_variance(effect, variance, estimator)
    weight = 1 / (variance + tau2)
    mu = float(np.average(effect, weights=weight))
    se = float(1 / np.sqrt(weight.sum()))
    quantile = float(stats.norm.ppf(0.5 + level / 2))
    if test != "z":
        scale = float((weight * (effect - mu) ** 2).sum() / (k - 1))
        se *= float(np.sqrt(max(scale, 1.0) if test == "adhoc" else scale))
        quantile = float(stats.t.ppf(0.5 + level / 2, k - 1))
    reach = quantile * float(np.sqrt(se**2 + tau2))
    q = _q(effect, variance, 0.0)
    plain = 1 / variance
    typical = (k - 1) / (plain.sum() - (plain**2).sum() / plain.sum())
    i2 = max(0.0, 100 * (q - (k - 1)) / q) if estimator == "fixed" and q > 0 else 100 * tau2 / (tau2 + typical)
    return TwoStageFit(
        mu=mu,
        se=se,
        tau2=tau2,
        interval=(mu - quantile * se, mu + quantile * se),
        prediction=None if estimator == "fixed" else (mu - reach, mu + reach),
        i2_pct=float(i2),
        q=q,
        q_p=float(stats.chi2.sf(q, k - 1)),
    )

"""Two arms, one rate each: superiority and non-inferiority, with the exact level and power of the test by enumeration.

Sources: Farrington & Manning 1990, Stat Med 9:1447, doi 10.1002/sim.4780091208 (constrained estimate, margins);
Fisher's exact test; Boschloo 1970 for the unconditional exact test.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from neorlt.core.errors import InputError
from neorlt.trials.designs._binomial import Floats, pmf_row

Test = Literal["score", "fisher", "boschloo"]


@dataclass(frozen=True)
class TwoArm:
    """Sizes of a two-arm comparison; ``n_total_exact`` is the formula's real number, the arms are rounded up."""

    n_experimental: int
    n_control: int
    n_total: int
    n_total_exact: float
    alpha: float
    power: float
    margin: float

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def _check(p_experimental: float, p_control: float, alpha: float, beta: float, ratio: float) -> None:
    if not (0.0 < p_experimental < 1.0 and 0.0 < p_control < 1.0):
        raise InputError(
            "a rate is out of range",
            expected="0 < rate < 1",
            found=f"{p_experimental:g}, {p_control:g}",
            remedy="give both rates as probabilities",
        )
    if not (0.0 < alpha <= 0.5 and 0.0 < beta <= 0.5 and ratio > 0):
        raise InputError(
            "an error level or the allocation is out of range",
            expected="0 < alpha, beta <= 0.5, ratio above 0",
            found=f"alpha {alpha:g}, beta {beta:g}, ratio {ratio:g}",
            remedy="correct the options",
        )


def constrained_rates(p_experimental: Any, p_control: Any, difference: float, ratio: float = 1.0) -> tuple[Any, Any]:
    """Maximum-likelihood rates under ``p_experimental - p_control = difference`` (Farrington & Manning, closed form).

    ``ratio`` is the size of the experimental arm over that of the control arm.
    """
    p1, p2 = np.asarray(p_experimental, float), np.asarray(p_control, float)
    if difference == 0.0:
        pooled = (ratio * p1 + p2) / (ratio + 1.0)
        return pooled, pooled
    theta = 1.0 / ratio  # control over experimental
    d = difference
    a = 1.0 + theta
    b = -(1.0 + theta + p1 + theta * p2 + d * (theta + 2.0))
    c = d * d + d * (2.0 * p1 + theta + 1.0) + p1 + theta * p2
    e = -p1 * d * (1.0 + d)
    v = b**3 / (3.0 * a) ** 3 - b * c / (6.0 * a * a) + e / (2.0 * a)
    u = np.where(v >= 0, 1.0, -1.0) * np.sqrt(np.maximum(b * b / (3.0 * a) ** 2 - c / (3.0 * a), 0.0))
    cosine = np.clip(np.divide(v, u**3, out=np.ones_like(v), where=np.abs(u) > 1e-12), -1.0, 1.0)
    w = (math.pi + np.arccos(cosine)) / 3.0
    first = np.clip(2.0 * u * np.cos(w) - b / (3.0 * a), max(0.0, d), min(1.0, 1.0 + d))
    return first, first - d


def two_arm(
    p_experimental: float, p_control: float, *, alpha: float = 0.025, beta: float = 0.2, margin: float = 0.0, ratio: float = 1.0
) -> TwoArm:
    """Size of a comparison of two rates by the one-sided score test.

    Parameters
    ----------
    p_experimental, p_control
        Rates that are expected; higher is better.
    alpha, beta
        One-sided level and type II error.
    margin
        0 for superiority. Above 0, non-inferiority: the experimental rate may be lower by less than this.
    ratio
        Experimental over control patients.

    Raises
    ------
    InputError
        If a value is out of range, or the expected difference does not lie on the right side of the margin.
    """
    from scipy.special import ndtri

    _check(p_experimental, p_control, alpha, beta, ratio)
    if not 0.0 <= margin < 1.0:
        raise InputError(
            "the margin is out of range", expected="0 to below 1", found=f"{margin:g}", remedy="give a difference of rates"
        )
    gain = p_experimental - p_control + margin
    if gain <= 0.0:
        raise InputError(
            "the expected difference does not beat the margin",
            found=f"{p_experimental:g} against {p_control:g}",
            remedy="expect a better experimental arm, or widen the margin",
        )
    null1, null2 = constrained_rates(p_experimental, p_control, -margin, ratio)
    at_null = math.sqrt(float(null1 * (1 - null1)) / ratio + float(null2 * (1 - null2)))
    expected = math.sqrt(p_experimental * (1 - p_experimental) / ratio + p_control * (1 - p_control))
    control = ((float(ndtri(1 - alpha)) * at_null + float(ndtri(1 - beta)) * expected) / gain) ** 2
    n2 = math.ceil(control - 1e-9)
    n1 = math.ceil(ratio * control - 1e-9)
    return TwoArm(n1, n2, n1 + n2, control * (1 + ratio), alpha, 1 - beta, margin)


def rejection_region(n_experimental: int, n_control: int, alpha: float, *, test: Test = "fisher", margin: float = 0.0) -> Any:
    """``(n_experimental + 1, n_control + 1)`` outcomes in which the test calls the experimental arm better.

    ``"score"``: one-sided score test (Farrington–Manning with a margin); ``"fisher"``: one-sided Fisher test;
    ``"boschloo"``: Fisher's P as the statistic of an unconditional exact test (margin 0 only).
    """
    from scipy.special import ndtri

    x = np.arange(n_experimental + 1)[:, None]
    y = np.arange(n_control + 1)[None, :]
    if test == "score":
        p1, p2 = x / n_experimental + 0.0 * y, y / n_control + 0.0 * x
        null1, null2 = constrained_rates(p1, p2, -margin, n_experimental / n_control)
        variance = null1 * (1 - null1) / n_experimental + null2 * (1 - null2) / n_control
        gain = p1 - p2 + margin
        z = np.where(variance > 0, gain / np.sqrt(np.maximum(variance, 1e-300)), np.where(gain > 0, np.inf, -np.inf))
        return z >= float(ndtri(1 - alpha)) - 1e-12
    if margin != 0.0:
        raise InputError(
            "this exact test has no margin", found=f"{test}, margin {margin:g}", remedy='use test="score" with a margin'
        )
    p_value = fisher_p(n_experimental, n_control)
    if test == "fisher":
        return p_value <= alpha + 1e-12
    # The largest threshold whose level, over every common rate, stays within alpha.
    candidates = np.unique(np.round(p_value[p_value < min(1.0, 5 * alpha)], 14))
    low, high = 0, len(candidates)
    while low < high:
        middle = (low + high) // 2
        region = p_value <= candidates[middle] * (1 + 1e-12) + 1e-15
        if largest_level(region)[0] <= alpha:
            low = middle + 1
        else:
            high = middle
    return p_value <= candidates[low - 1] * (1 + 1e-12) + 1e-15 if low else np.zeros_like(p_value, bool)


def fisher_p(n_experimental: int, n_control: int) -> Floats:
    """One-sided Fisher P of every outcome ``[x, y]``: chance of x or more given the total."""
    from scipy.special import gammaln

    def choose(n: int, k: Any) -> Any:
        inside = (k >= 0) & (k <= n)
        kk = np.where(inside, k, 0)
        return np.where(inside, gammaln(n + 1) - gammaln(kk + 1) - gammaln(n - kk + 1), -np.inf)

    total = np.arange(n_experimental + n_control + 1)[:, None]
    x = np.arange(n_experimental + 1)[None, :]
    log = choose(n_experimental, x) + choose(n_control, total - x) - choose(n_experimental + n_control, total)
    upper = np.cumsum(np.exp(log)[:, ::-1], axis=1)[:, ::-1]
    xs, ys = np.indices((n_experimental + 1, n_control + 1))
    found: Floats = np.minimum(upper[xs + ys, xs], 1.0)
    return found


def reject_probability(region: Any, p_experimental: float, p_control: float) -> float:
    """Exact chance that an outcome falls into a rejection region."""
    n1, n2 = region.shape[0] - 1, region.shape[1] - 1
    first, second = _pmf(p_experimental, n1), _pmf(p_control, n2)
    return float(first @ region @ second)


def largest_level(region: Any, *, margin: float = 0.0, points: int = 200) -> tuple[float, float]:
    """Exact level of a region over the boundary of the null: (level, control rate where it is reached)."""
    best = (0.0, 0.0)
    for p in np.linspace(margin, 1.0, points + 2)[1:-1]:
        level = reject_probability(region, float(p) - margin, float(p))
        if level > best[0]:
            best = (level, float(p))
    return best


def _pmf(p: float, n: int) -> Floats:
    if p <= 0.0 or p >= 1.0:
        edge = np.zeros(n + 1)
        edge[0 if p <= 0 else n] = 1.0
        return edge
    return pmf_row(p, n)


def exact_two_arm(
    p_experimental: float, p_control: float, *, alpha: float = 0.025, beta: float = 0.2, test: Test = "fisher", limit: int = 600
) -> tuple[TwoArm, float]:
    """Smallest equal arms whose exact power reaches the goal: (design, exact level of the test).

    Raises
    ------
    InputError
        If it needs more than ``limit`` patients an arm.
    """
    start = max(4, int(0.7 * two_arm(p_experimental, p_control, alpha=alpha, beta=beta).n_control))
    for n in range(start, limit + 1):
        region = rejection_region(n, n, alpha, test=test)
        power = reject_probability(region, p_experimental, p_control)
        if power >= 1 - beta:
            level, _ = largest_level(region)
            return TwoArm(n, n, 2 * n, float(2 * n), alpha, power, 0.0), level
    raise InputError(
        "no exact design was found",
        expected=f"at most {limit} patients an arm",
        found=f"{p_experimental:g} against {p_control:g}",
        remedy="set the rates further apart or use the score test",
    )

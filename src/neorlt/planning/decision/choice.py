"""Which option, and whether two are told apart: one rule, used everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DELTA_MONTHS = 0.5
"""Expected loss, in quality-adjusted months, up to which two options are tied (a setting)."""
RESOLVED_AT = 3.0
"""A statistic within so many Monte Carlo errors of its threshold is not resolved by simulation."""
RULE = ("An option is tied with the best where its expected loss is at most {delta:g} quality-adjusted months. Among the tied the mildest "
        "stands first: no treatment, fewer cycles, 177Lu before 90Y or chemotherapy. Choices use means over the draws; a loss within three "
        "Monte Carlo errors of that width is not resolved by simulation.")


class Verdict(StrEnum):
    """What a comparison of two options says."""

    APART = "told apart"
    TIED = "cannot be told apart"
    NOT_RESOLVED = "not resolved by simulation"


@dataclass(frozen=True)
class Loss:
    """Expected loss of one option against another over common draws, in the unit of the utilities."""

    mean: float
    low: float
    """5 % quantile over the draws."""
    high: float
    share: float
    """Of the draws in which the other is worse; equal values count half."""
    mc_error: float
    threshold: float

    @property
    def tied(self) -> bool:
        """Whether the loss is at most the threshold."""
        return self.mean <= self.threshold

    @property
    def resolved(self) -> bool:
        """Whether the loss is far enough from the threshold, on either side of zero, for the number of draws."""
        return abs(abs(self.mean) - self.threshold) > RESOLVED_AT * self.mc_error

    @property
    def verdict(self) -> Verdict:
        """Whether the two are told apart, whichever is the better."""
        if not self.resolved:
            return Verdict.NOT_RESOLVED
        return Verdict.TIED if abs(self.mean) <= self.threshold else Verdict.APART

    def as_json(self) -> dict[str, Any]:
        """In quality-adjusted months, where the utilities are years."""
        return {"mean": 12 * self.mean, "ci90": [12 * self.low, 12 * self.high], "p_better": self.share, "mc_error": 12 * self.mc_error,
                "verdict": str(self.verdict)}


def expected_loss(best: Floats, other: Floats, delta: float) -> Loss:
    """Loss of ``other`` against ``best``, both ``(draw,)`` in the same worlds: the one comparison of two options in the house."""
    difference = np.asarray(best, float) - np.asarray(other, float)
    low, high = np.quantile(difference, [0.05, 0.95])
    share = float(np.mean((difference > 0) + 0.5 * (difference == 0)))
    return Loss(float(difference.mean()), float(low), float(high), share,
                float(difference.std(ddof=1) / np.sqrt(len(difference))), delta)


def tied_pairs(utility: Floats, members: Sequence[int], delta: float, verdict: Verdict = Verdict.TIED) -> list[tuple[int, int]]:
    """Pairs of options ``(draw, option)`` of which this is the verdict."""
    return [(a, b) for i, a in enumerate(members) for b in members[i + 1 :]
            if expected_loss(utility[:, a], utility[:, b], delta).verdict is verdict]


@dataclass(frozen=True)
class Choice:
    """The best option by expectation, the ones tied with it, and the mildest of these."""

    best: int
    mildest: int
    tied: tuple[int, ...]
    """Options tied with the best, without it."""
    losses: tuple[Loss, ...]
    """Of every option against the best."""
    p_best: Floats
    """Share of worlds in which each option has the highest utility; 0 for those not eligible."""
    regret: Floats
    """Mean loss of each option against the best of each world."""
    resolved: bool
    """False where a verdict lies within three Monte Carlo errors of its threshold."""
    unresolved: tuple[int, ...]

    @property
    def price_of_mildest(self) -> float:
        """What the rule that puts the mildest first may cost, in the unit of the utilities."""
        return self.losses[self.mildest].mean


def choose(utility: Floats, eligible: Sequence[bool], mildness: Sequence[tuple[float, ...]], delta: float) -> Choice:
    """Choose among the eligible by expected utility.

    Parameters
    ----------
    utility
        ``(draw, option)``.
    eligible, mildness
        Of each option; the milder has the lower tuple.
    delta
        Loss up to which options are tied, in the unit of ``utility``.

    Raises
    ------
    ValueError
        If no option is eligible.
    """
    pool = [i for i, open_ in enumerate(eligible) if open_]
    if not pool:
        raise ValueError("no option is eligible")
    mean = utility.mean(axis=0)
    best = max(pool, key=lambda i: (mean[i], [-m for m in mildness[i]]))
    losses = tuple(expected_loss(utility[:, best], utility[:, i], delta) for i in range(utility.shape[1]))
    tied = tuple(i for i in pool if i != best and losses[i].tied)
    mildest = min((best, *tied), key=lambda i: (mildness[i], losses[i].mean))
    unresolved = tuple(i for i in pool if i != best and not losses[i].resolved)
    top = utility[:, pool].max(axis=1)
    at_top = utility[:, pool] >= top[:, None]
    p_best, regret = np.zeros(utility.shape[1]), np.full(utility.shape[1], np.nan)
    p_best[pool] = (at_top / at_top.sum(axis=1, keepdims=True)).mean(axis=0)
    regret[pool] = (top[:, None] - utility[:, pool]).mean(axis=0)
    return Choice(best, mildest, tied, losses, p_best, regret, not unresolved, unresolved)

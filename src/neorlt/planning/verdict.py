"""Whether two options are told apart: one rule for the plan, the page, the search, the update and the decision.

Options are compared in the same draws. A statistic that lies within three Monte Carlo errors of its threshold is not resolved by
simulation: it is neither called a tie nor a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neorlt.core.draws import summarise

LEVEL = 0.95
"""Two options are told apart where one is better in more than this share of the draws (so the central 90 % interval of the paired
difference leaves zero out)."""
MC_ERRORS = 3.0
RULE = ("Two schemes are told apart when one is better in more than 95 % of the common draws (the 90 % interval of the paired difference "
        "leaves zero out), cannot be told apart when neither is, and are not resolved by simulation when that share lies within three "
        "Monte Carlo errors of 95 %.")


class Verdict(StrEnum):
    """What a comparison of two options says."""

    APART = "told apart"
    TIED = "cannot be told apart"
    NOT_RESOLVED = "not resolved by simulation"


def resolve(
    statistic: float, threshold: float, mc_error: float, *, above: Verdict = Verdict.APART, below: Verdict = Verdict.TIED
) -> Verdict:
    """The verdict of a statistic against its threshold, given its Monte Carlo standard error."""
    if abs(statistic - threshold) <= MC_ERRORS * mc_error:
        return Verdict.NOT_RESOLVED
    return above if statistic > threshold else below


@dataclass(frozen=True)
class PairedDifference:
    """First minus second over common draws: mean, 90 % interval, share of the draws in which the first is better, verdict."""

    mean: float
    low: float
    high: float
    share: float
    mc_error: float
    """Monte Carlo standard error of the share at the threshold."""
    verdict: Verdict

    @property
    def told_apart(self) -> bool:
        """Whether the two are told apart."""
        return self.verdict is Verdict.APART

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return str(self.verdict)

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"mean": self.mean, "ci90": [self.low, self.high], "p_better": self.share, "verdict": self.sentence}


def paired_difference(first: ArrayLike, second: ArrayLike) -> PairedDifference:
    """Difference of two options' values ``(draw,)`` in the same worlds; equal values count half for each."""
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    interval = summarise(difference)
    share = float(np.mean((difference > 0) + 0.5 * (difference == 0)))
    error = float(np.sqrt(LEVEL * (1.0 - LEVEL) / difference.size))
    return PairedDifference(float(difference.mean()), interval.low, interval.high, share, error,
                            resolve(max(share, 1.0 - share), LEVEL, error))

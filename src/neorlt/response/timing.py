"""When to look, when to operate: the chance that one more month takes off at least so many millimetres.

Timing is never a single best date: what the model can say is a probability, with its interval, for each week.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.response.arrays import Outcome
from neorlt.response.studies import WEEKS_PER_MONTH

ENOUGH_MM = 2.0
"""What a further month must take off to be called worth it (an assumption of the read-out, shown with it)."""


@dataclass(frozen=True)
class OneMoreMonth:
    """Probability by week, ``(time,)`` each: mean, and the central 90 % interval over parameter draws."""

    week: NDArray[np.float64]
    probability: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    enough_mm: float


def one_more_month(outcome: Outcome, lesion: int, enough_mm: float = ENOUGH_MM, weeks: float = WEEKS_PER_MONTH) -> OneMoreMonth:
    """Chance that waiting ``weeks`` longer takes ``enough_mm`` off the latent diameter of a lesion.

    The outcome's read-out times are joined by straight lines, so they should be about weekly.

    Raises
    ------
    InputError
        If the read-outs end before a month has passed.
    """
    diameter = outcome.diameter_mm[:, lesion, :]
    return one_month_more(outcome.times_week, diameter.reshape(-1, outcome.n_replicates, diameter.shape[1]), enough_mm, weeks)


def one_month_more(
    times_week: NDArray[Any], diameter_mm: NDArray[Any], enough_mm: float = ENOUGH_MM, weeks: float = WEEKS_PER_MONTH
) -> OneMoreMonth:
    """:func:`one_more_month` from latent diameters ``(draw, point, time)``."""
    times = np.asarray(times_week, np.float64)
    if times.ndim != 1 or len(times) < 2 or times[-1] - times[0] < weeks:
        raise InputError("the read-outs are too short to look a month ahead", remedy="ask for read-outs over a longer time")
    start = times[times + weeks <= times[-1] + 1e-9]
    later = start + weeks
    right = np.clip(np.searchsorted(times, later), 1, len(times) - 1)
    share = ((later - times[right - 1]) / (times[right] - times[right - 1])).astype(np.float32)
    ahead = diameter_mm[..., right - 1] * (1 - share) + diameter_mm[..., right] * share
    per_draw = (diameter_mm[..., : len(start)] - ahead >= enough_mm).mean(axis=1)
    low, high = np.quantile(per_draw, [0.05, 0.95], axis=0)
    return OneMoreMonth(start, per_draw.mean(axis=0), low, high, enough_mm)

"""Analytic time-activity curves: sums of exponentials with a closed integral."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Kinetics:
    """Activity of a region per administered activity, as a sum of exponentials.

    ``A(t) / A_injected = Σ fraction_i · 2^(-t / half_life_i)`` with *effective* half-lives (physical decay
    included). A negative fraction describes uptake after the injection.

    Parameters
    ----------
    fractions
        Fraction of the administered activity of each term; their sum (the value at t = 0) is not negative.
    half_lives_h
        Effective half-life of each term in hours; the longest carries a positive fraction.

    """

    fractions: tuple[float, ...]
    half_lives_h: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.fractions) != len(self.half_lives_h) or not self.fractions:
            raise ValueError("kinetics need as many fractions as half-lives, and at least one")
        if min(self.half_lives_h) <= 0:
            raise ValueError(f"effective half-lives must be above 0 h, found {self.half_lives_h}")
        if sum(self.fractions) < -1e-12:
            raise ValueError("the activity at the injection is negative")
        if self.fractions[int(np.argmax(self.half_lives_h))] <= 0:
            raise ValueError("the slowest term must have a positive fraction, or the activity turns negative")

    def activity_mbq(self, time_h: ArrayLike, administered_mbq: float) -> NDArray[np.float64]:
        """Activity in MBq at ``time_h`` hours after the injection; any shape."""
        time = np.asarray(time_h, dtype=np.float64)
        total = np.zeros_like(time)
        for fraction, half_life in zip(self.fractions, self.half_lives_h, strict=True):
            total = total + fraction * np.exp2(-time / half_life)
        return administered_mbq * total

    def tia_mbq_h(self, administered_mbq: float) -> float:
        """Time-integrated activity from the injection to infinity in MBq h: ``Σ a_i T_i / ln 2``."""
        terms = (f * t for f, t in zip(self.fractions, self.half_lives_h, strict=True))
        return administered_mbq * sum(terms) / math.log(2)

    def as_json(self) -> dict[str, Any]:
        """The terms, for ``truth.json``."""
        return {"fractions_of_administered": list(self.fractions), "effective_half_lives_h": list(self.half_lives_h)}


def washout(slow_fraction: float, slow_h: float, fast_share: float, fast_h: float) -> Kinetics:
    """Organ curve: a slow term and a fast one of ``fast_share`` times its amplitude."""
    return Kinetics((slow_fraction, slow_fraction * fast_share), (slow_h, fast_h))


def uptake(slow_fraction: float, slow_h: float, rise_share: float = 0.9, rise_h: float = 2.0) -> Kinetics:
    """Tumour curve: washout after an uptake phase that starts at ``1 - rise_share`` of the slow amplitude."""
    return Kinetics((slow_fraction, -rise_share * slow_fraction), (slow_h, rise_h))

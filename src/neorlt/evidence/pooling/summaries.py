"""Pooling of what is printed when no counts are: ratios with intervals, and medians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from neorlt.core.errors import InputError
from neorlt.evidence.pooling.pool import MINIMUM_SERIES
from neorlt.evidence.pooling.twostage import between_variance


@dataclass(frozen=True)
class Ratio:
    """A printed ratio (hazard, odds, risk) with its 95 % interval."""

    study: str
    ratio: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.ratio <= self.high:
            raise InputError(
                "a ratio outside its interval, or not above zero",
                found=f"{self.ratio} ({self.low} to {self.high})",
                where=f"study {self.study!r}",
                remedy="check the printed numbers",
            )
        if self.low == self.high:
            raise InputError("an interval without width", where=f"study {self.study!r}", remedy="check the printed numbers")


@dataclass(frozen=True)
class Median:
    """A printed median of ``n`` patients, in one unit for all studies."""

    study: str
    median: float
    n: int


def pool_ratios(ratios: Sequence[Ratio]) -> dict[str, Any]:
    """Random-effects pool of log ratios: REML, Hartung-Knapp never narrower than the plain interval, prediction interval.

    The standard error comes from the printed interval, taken as symmetric on the log scale. Below three studies there
    is no pooled number but a reason. Method: Rover, Knapp, Friede, BMC Med Res Methodol 2015;15:99.
    """
    shown = [{"study": item.study, "ratio": item.ratio, "ci95": [item.low, item.high]} for item in ratios]
    empty = {"k": len(ratios), "pooled": None, "ci95": None, "prediction95": None, "tau": None, "studies": shown}
    if len(ratios) < MINIMUM_SERIES:
        return empty | {"reason": f"{len(ratios)} studies: no pooled number below three"}
    effect = np.log([item.ratio for item in ratios])
    error = (np.log([item.high for item in ratios]) - np.log([item.low for item in ratios])) / (2 * stats.norm.ppf(0.975))
    tau2 = between_variance(effect, error**2, "reml")
    weight = 1 / (error**2 + tau2)
    mean = float(np.average(effect, weights=weight))
    scale = float((weight * (effect - mean) ** 2).sum() / (len(ratios) - 1))
    se = float(np.sqrt(max(1.0, scale) / weight.sum()))
    quantile = float(stats.t.ppf(0.975, len(ratios) - 1))
    reach = quantile * float(np.sqrt(se**2 + tau2))
    return empty | {
        "pooled": float(np.exp(mean)),
        "ci95": [float(np.exp(mean - quantile * se)), float(np.exp(mean + quantile * se))],
        "prediction95": [float(np.exp(mean - reach)), float(np.exp(mean + reach))],
        "tau": float(np.sqrt(tau2)),
        "reason": None,
    }


def median_of_medians(medians: Sequence[Median]) -> dict[str, Any]:
    """Median of the printed medians weighted by patients, with the range.

    Medians carry no variance, so there is no interval; the range of the studies stands in its place. Below three
    studies there is no summary but a reason. Method: McGrath et al., Stat Med 2019;38:969-984.
    """
    shown = [dict(item.__dict__) for item in medians]
    if len(medians) < MINIMUM_SERIES:
        reason = f"{len(medians)} studies: no summary below three"
        return {"k": len(medians), "median": None, "range": None, "studies": shown, "reason": reason}
    if any(item.n < 1 for item in medians):
        raise InputError("a median of no patient", remedy="give the number of patients of each study")
    ordered = sorted(medians, key=lambda item: item.median)
    cumulative = np.cumsum([item.n for item in ordered]) / sum(item.n for item in ordered)
    place = int(np.searchsorted(cumulative, 0.5))
    value = ordered[place].median
    if np.isclose(cumulative[place], 0.5):
        value = 0.5 * (value + ordered[place + 1].median)
    return {
        "k": len(medians),
        "median": float(value),
        "range": [ordered[0].median, ordered[-1].median],
        "studies": shown,
        "reason": None,
    }

"""Pooling of what is printed when no counts are: ratios with intervals, and medians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from neorlt.core.errors import InputError
from neorlt.core.written import read_rows
from neorlt.evidence.pooling.pool import MINIMUM_SERIES
from neorlt.evidence.pooling.twostage import between_variance

Array = NDArray[np.float64]
RATIO_TAU_SCALE = 0.5
"""Scale of the half-normal prior of tau for log ratios (Rover et al. 2021)."""
RATIO_MEAN_SD = 2.0
"""SD of the normal prior of the mean log ratio: a ratio is thought to lie between 0.02 and 50 (assumption)."""


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


def pool_ratios(ratios: Sequence[Ratio], *, tau_scale: float = RATIO_TAU_SCALE) -> dict[str, Any]:
    """Random-effects pool of log ratios, Bayesian first: tau half-normal(0.5), mean normal(0, 2), integrated on a grid.

    The standard error comes from the printed interval, taken as symmetric on the log scale. Beside it stands REML with
    Hartung-Knapp, never narrower than the plain interval. Below three studies there is no pooled number but a reason.
    Priors: Rover et al., Res Synth Methods 2021;12:448 (doi 10.1002/jrsm.1475), section 4; Hartung-Knapp as Rover, Knapp,
    Friede, BMC Med Res Methodol 2015;15:99.
    """
    shown = [{"study": item.study, "ratio": item.ratio, "ci95": [item.low, item.high]} for item in ratios]
    names = ("pooled", "ci95", "prediction95", "tau", "method_text", "likelihood")
    empty: dict[str, Any] = {"k": len(ratios), **dict.fromkeys(names), "studies": shown}
    if len(ratios) < MINIMUM_SERIES:
        counted = f"{len(ratios)} {'study' if len(ratios) == 1 else 'studies'}"
        return empty | {"reason": f"not estimable: {counted}, no pooled number below three"}
    effect = np.log([item.ratio for item in ratios])
    error = (np.log([item.high for item in ratios]) - np.log([item.low for item in ratios])) / (2 * stats.norm.ppf(0.975))
    tau2 = between_variance(effect, error**2, "reml")
    weight = 1 / (error**2 + tau2)
    mean = float(np.average(effect, weights=weight))
    scale = float((weight * (effect - mean) ** 2).sum() / (len(ratios) - 1))
    reach = float(stats.t.ppf(0.975, len(ratios) - 1) * np.sqrt(max(1.0, scale) / weight.sum()))
    median, low, high, new_low, new_high, tau = _normal_bayes(effect, error, tau_scale)
    return empty | {
        "pooled": float(np.exp(median)),
        "ci95": [float(np.exp(low)), float(np.exp(high))],
        "prediction95": [float(np.exp(new_low)), float(np.exp(new_high))],
        "tau": tau,
        "method_text": f"Bayesian; priors: tau half-normal({tau_scale:g}), mean log ratio normal(0, {RATIO_MEAN_SD:g})",
        "likelihood": {
            "pooled": float(np.exp(mean)),
            "ci95": [float(np.exp(mean - reach)), float(np.exp(mean + reach))],
            "tau": float(np.sqrt(tau2)),
        },
        "reason": None,
    }


def _normal_bayes(effect: Array, error: Array, tau_scale: float) -> tuple[float, float, float, float, float, float]:
    """Median and 95 % interval of the mean, prediction interval of a new study, median tau.

    Given tau the mean is normal in closed form, so its posterior and the prediction are mixtures of normals over tau.
    """
    tau = np.linspace(0.0, 5.0 * tau_scale, 401)
    variance = error[None] ** 2 + tau[:, None] ** 2
    precision = 1 / RATIO_MEAN_SD**2 + (1 / variance).sum(axis=1)
    centre = (effect / variance).sum(axis=1) / precision
    log_density = -0.5 * (tau / tau_scale) ** 2 - 0.5 * np.log(variance).sum(axis=1) - 0.5 * np.log(precision)
    log_density += 0.5 * precision * centre**2 - 0.5 * (effect**2 / variance).sum(axis=1)
    weight = np.exp(log_density - log_density.max())
    weight[[0, -1]] *= 0.5
    weight /= weight.sum()

    def quantile(tail: float, spread: Array) -> float:
        low, high = float((centre - 12 * spread).min()), float((centre + 12 * spread).max())
        return float(optimize.brentq(lambda x: float(weight @ stats.norm.cdf((x - centre) / spread)) - tail, low, high, xtol=1e-10))

    own, new = np.sqrt(1 / precision), np.sqrt(1 / precision + tau**2)
    middle = float(np.interp(0.5, np.cumsum(weight), tau))
    return quantile(0.5, own), quantile(0.025, own), quantile(0.975, own), quantile(0.025, new), quantile(0.975, new), middle


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


RATIO_COLUMNS = ("study", "ratio", "low", "high")


def holds_ratios(path: Path) -> bool:
    """Whether a CSV file names the columns ``study,ratio,low,high``."""
    path = Path(path)
    if not path.is_file():
        return False
    try:
        return set(RATIO_COLUMNS) <= set(read_rows(path, "the table").columns)
    except InputError:  # said by whoever reads it for its counts
        return False


def read_ratios(path: Path) -> list[Ratio]:
    """Read printed ratios with their 95 % intervals from ``study,ratio,low,high``.

    Raises:
        InputError: a row that is no ratio inside its interval, a study twice, or no row; names the line.

    """
    found: list[Ratio] = []
    table = read_rows(path, "the table of ratios", needs=RATIO_COLUMNS)
    for row in table:
        where = table.where(row)
        try:
            values = [row.number(name) for name in RATIO_COLUMNS[1:]]
        except ValueError as error:
            raise InputError("a ratio and its interval must be numbers", found=str(error), where=where,
                             remedy="give ratio, low, high as printed") from error
        name = row.text("study") or f"line {row.line}"
        if any(item.study == name for item in found):
            raise InputError(f"study {name!r} stands in more than one row", where=where, remedy="keep one row a study")
        found.append(Ratio(name, *values))
    if not found:
        raise InputError("no study in the file", where=str(path), remedy="add one row a study")
    return found

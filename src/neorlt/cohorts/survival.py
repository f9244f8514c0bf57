"""Survival curves: Kaplan–Meier with delayed entry, Aalen–Johansen with competing risks, restricted mean, log-rank.

What is taken from lifelines and what is our own, and why (tests hold both against R):

* log-rank test: lifelines, which agrees with R's ``survdiff``.
* Kaplan–Meier: our own. Where a curve rests on one half, R's median is the middle of the rest and lifelines' is its start; and
  weighted curves are needed many times in a bootstrap.
* Aalen–Johansen: our own. lifelines moves tied times apart at random, so that its estimate changes with the seed. The
  standard error is R's (infinitesimal jackknife).
* Cox: our own, see :mod:`neorlt.cohorts.hazards`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core.errors import InputError

Floats = NDArray[np.float64]
Interval = Literal["log", "log-log", "plain"]
Z95 = 1.959963984540054
TIE = 1e-9
"""A curve within this of one half lies at it: products of fractions miss it by rounding."""


def checked_times(time: ArrayLike, event: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Times and events as arrays.

    Raises
    ------
    InputError
        If a time is missing, negative, or they do not fit.
    """
    t, e = np.asarray(time, float), np.asarray(event, bool)
    if t.ndim != 1 or t.shape != e.shape or t.size == 0 or not np.all(np.isfinite(t)) or np.any(t < 0):
        raise InputError(
            "survival times are not usable",
            expected="finite times of 0 or more, one event flag each",
            found=f"{t.size} times, {e.size} events",
            remedy="leave out patients without a time, and say how many",
        )
    return t, e


@dataclass(frozen=True)
class KaplanMeier:
    """Survival at each event time; ``variance`` is Greenwood's sum (of log S)."""

    time: Floats
    survival: Floats
    variance: Floats
    at_risk: Floats
    events: Floats
    n: int
    n_events: int

    def at(self, when: float) -> float:
        """S(when)."""
        k = int(np.searchsorted(self.time, when, side="right"))
        return 1.0 if k == 0 else float(self.survival[k - 1])

    def interval(self, when: float, kind: Interval = "log-log") -> tuple[float, float]:
        """95 % interval of S(when)."""
        k = int(np.searchsorted(self.time, when, side="right"))
        if k == 0:
            return 1.0, 1.0
        low, high = self._band(kind)
        return float(low[k - 1]), float(high[k - 1])

    def _band(self, kind: Interval) -> tuple[Floats, Floats]:
        s, se = self.survival, np.sqrt(self.variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            if kind == "plain":
                low, high = s - Z95 * se * s, s + Z95 * se * s
            elif kind == "log":
                low, high = s * np.exp(-Z95 * se), s * np.exp(Z95 * se)
            else:
                spread = Z95 * se / np.log(s)
                low, high = s ** np.exp(-spread), s ** np.exp(spread)
        zero = s <= 0
        low = np.where(zero, 0.0, np.clip(np.nan_to_num(low), 0.0, 1.0))
        high = np.where(zero, 0.0 if kind == "plain" else np.nan, np.clip(high, 0.0, 1.0))
        return np.minimum(low, high), np.maximum(low, high)

    def median(self) -> float | None:
        """Median survival (the mean of the two ends where the curve rests on one half), None if not reached."""
        return _crossing(self.time, self.survival)

    def rests_at_half(self) -> tuple[float, float] | None:
        """Ends of the stretch on which the curve lies at exactly one half; None where it does not, or lies there to its end.

        The median is the middle of that stretch by R's rule (``survival::survfit``); lifelines gives its start, and others its end.
        """
        return _rest(self.time, self.survival)

    def median_interval(self, kind: Interval = "log-log") -> tuple[float | None, float | None]:
        """Times at which the bounds of the curve cross one half."""
        low, high = self._band(kind)
        return _crossing(self.time, low), _crossing(self.time, np.where(np.isnan(high), 1.0, high))

    def rmst(self, tau: float) -> tuple[float, float]:
        """Restricted mean until ``tau`` and its standard error (Greenwood)."""
        inside = self.time < tau
        edges = np.concatenate([[0.0], self.time[inside], [tau]])
        steps = np.concatenate([[1.0], self.survival[inside]]) * np.diff(edges)
        left = np.cumsum(steps[::-1])[::-1][1:]  # area right of each event time
        d, n = self.events[inside], self.at_risk[inside]
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(n > d, d / (n * (n - d)), 0.0)
        return float(steps.sum()), float(np.sqrt(np.sum(left**2 * terms)))


def _rest(time: Floats, curve: Floats) -> tuple[float, float] | None:
    """The stretch on which a falling curve lies at one half."""
    below = np.flatnonzero(curve <= 0.5 + TIE)
    if below.size == 0 or abs(curve[below[0]] - 0.5) > TIE:
        return None
    lower = np.flatnonzero(curve < 0.5 - TIE)
    return None if lower.size == 0 else (float(time[below[0]]), float(time[lower[0]]))


def _crossing(time: Floats, curve: Floats) -> float | None:
    rest = _rest(time, curve)
    if rest is not None:
        return (rest[0] + rest[1]) / 2
    below = np.flatnonzero(curve <= 0.5 + TIE)
    return None if below.size == 0 else float(time[below[0]])


def kaplan_meier(
    time: ArrayLike, event: ArrayLike, weights: ArrayLike | None = None, *, entry: ArrayLike | None = None
) -> KaplanMeier:
    """Kaplan–Meier estimate.

    Parameters
    ----------
    time, event
        End of follow-up and whether the event happened then.
    weights
        Make it a weighted estimate (its variance is then not Greenwood's).
    entry
        Start of follow-up (left truncation): a patient is at risk *after* it.
    """
    t, e = checked_times(time, event)
    w = np.ones(t.size) if weights is None else np.asarray(weights, float)
    times = np.unique(t[e])
    at_risk = _later(t, w, times)
    if entry is not None:
        at_risk = at_risk - _later(np.asarray(entry, float), w, times)
    events = np.bincount(np.searchsorted(times, t[e]), weights=w[e], minlength=len(times)).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1.0 - events / at_risk)
        variance = np.cumsum(np.where(at_risk > events, events / (at_risk * (at_risk - events)), np.inf))
    return KaplanMeier(times, np.asarray(survival, float), variance, at_risk, events, int(t.size), int(e.sum()))


def _later(when: Floats, weight: Floats, times: Floats) -> Floats:
    """Sum of weights with ``when`` at or after each time."""
    order = np.argsort(when, kind="stable")
    from_here = np.append(np.cumsum(weight[order][::-1])[::-1], 0.0)
    return np.asarray(from_here[np.searchsorted(when[order], times, side="left")])


def reverse_kaplan_meier(time: ArrayLike, event: ArrayLike) -> KaplanMeier:
    """Follow-up: the same estimate with events and censorings exchanged."""
    return kaplan_meier(time, ~np.asarray(event, bool))


def logrank(time: ArrayLike, event: ArrayLike, group: ArrayLike) -> tuple[float, float, int]:
    """Log-rank test over groups (lifelines): (chi-squared, P, degrees of freedom).

    Raises
    ------
    InputError
        If there is only one group.
    """
    from lifelines.statistics import multivariate_logrank_test

    t, e = checked_times(time, event)
    labels = np.asarray(group)
    k = len(np.unique(labels))
    if k < 2:
        raise InputError("a comparison needs two groups", found=str(k), remedy="give patients of both groups")
    if not e.any():
        raise InputError("a comparison of survival needs events", found="0", remedy="compare again after more follow-up")
    found = multivariate_logrank_test(t, labels, e)
    return float(found.test_statistic), float(found.p_value), k - 1


@dataclass(frozen=True)
class CumulativeIncidence:
    """Aalen–Johansen estimate: the chance of each cause by each time, others competing; rows of ``incidence`` are the causes."""

    causes: tuple[str, ...]
    time: Floats
    incidence: Floats
    at_risk: Floats
    n: int
    events: tuple[int, ...]
    _stop: Floats
    _cause: NDArray[np.int_]

    def at(self, cause: str, when: float) -> float:
        """Chance of a cause by a time."""
        k = int(np.searchsorted(self.time, when, side="right"))
        return 0.0 if k == 0 else float(self.incidence[self.causes.index(cause), k - 1])

    def standard_error(self, cause: str, when: float) -> float:
        """Standard error by the infinitesimal jackknife (that of R's ``survfit``)."""
        index = self.causes.index(cause)
        inside = self.time <= when
        if not inside.any():
            return 0.0
        total = np.bincount(np.searchsorted(self.time, self._stop[self._cause > 0]), minlength=len(self.time)).astype(float)
        hazard = total / self.at_risk
        steps = np.diff(np.concatenate([[0.0], self.incidence[index]]))
        survival = np.cumprod(1.0 - hazard)
        before = np.concatenate([[1.0], survival[:-1]])
        with np.errstate(divide="ignore", invalid="ignore"):
            leave = np.where(hazard < 1.0, 1.0 / (self.at_risk * (1.0 - hazard)), 0.0)
        lag = np.cumsum(hazard * leave)
        lag_before = np.concatenate([[0.0], lag[:-1]])
        drift = np.concatenate([[0.0], np.cumsum(np.where(inside, steps * lag_before, 0.0))])
        cost = np.concatenate([[0.0], np.cumsum(np.where(inside, steps / self.at_risk, 0.0))])
        until = np.searchsorted(self.time, np.minimum(self._stop, when), side="right")
        own = np.clip(np.searchsorted(self.time, self._stop), 0, len(self.time) - 1)
        happened = (self._cause > 0) & (self._stop <= when)
        after = self.at(self.causes[index], when) - np.concatenate([[0.0], self.incidence[index]])[until]
        lagged = np.concatenate([[0.0], lag])[until]
        influence = drift[until] + np.where(self._stop < when, (lagged - np.where(happened, leave[own], 0.0)) * after, 0.0) - cost[until]
        influence = influence + np.where(happened & (self._cause == index + 1), before[own] / self.at_risk[own], 0.0)
        return float(np.sqrt(np.sum(influence**2)))

    def interval(self, cause: str, when: float) -> tuple[float, float]:
        """95 % interval on the scale of log(−log(1 − F)), which keeps it within 0 and 1."""
        f, se = self.at(cause, when), self.standard_error(cause, when)
        if f <= 0.0 or f >= 1.0:
            return f, f
        spread = Z95 * se / ((1.0 - f) * np.log(1.0 - f))
        low, high = 1.0 - (1.0 - f) ** np.exp(spread), 1.0 - (1.0 - f) ** np.exp(-spread)
        return float(min(low, high)), float(max(low, high))


def aalen_johansen(time: ArrayLike, cause: ArrayLike, causes: tuple[str, ...]) -> CumulativeIncidence:
    """Cumulative incidence of competing causes, exact with ties.

    Parameters
    ----------
    time
        End of follow-up.
    cause
        0 censored, 1 the first of ``causes``, …
    causes
        Names.
    """
    code = np.asarray(cause, int)
    t, e = checked_times(time, code > 0)
    times = np.unique(t[e])
    at_risk = _later(t, np.ones(t.size), times)
    counts = np.stack([
        np.bincount(np.searchsorted(times, t[code == k]), minlength=len(times)).astype(float) for k in range(1, len(causes) + 1)
    ])
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1.0 - counts.sum(axis=0) / at_risk)
        before = np.concatenate([[1.0], survival[:-1]])[: len(times)]
        incidence = np.cumsum(before * counts / at_risk, axis=1)
    return CumulativeIncidence(causes, times, incidence, at_risk, int(t.size), tuple(int(c.sum()) for c in counts), t, code)

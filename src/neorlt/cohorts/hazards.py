"""Cox regression: Efron and Breslow ties, delayed entry, time-varying covariates, weights, robust variance; test of proportionality.

Our own code, and why: lifelines agrees with R's survival on plain Efron fits to five figures only (it stops iterating there;
tests hold both), has no Breslow ties, gives a test of proportional hazards that is R's older approximation, and takes 40 s for
the robust variance of a weighted fit of 100 000 patients. Sums over risk sets are cumulative here, so a fit costs a sort.
Formulas: Therneau & Grambsch 2000, chapters 3, 6 and 7; the test is the score test of R's ``cox.zph`` since version 3. Tests
hold every number against R.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.cohorts.survival import Z95, Floats, checked_times
from neorlt.core.errors import InputError

Ties = Literal["efron", "breslow"]
VAGUE = 50.0
"""Standard error of a coefficient (per standard deviation) above which the data say nothing of it."""
SEPARATED = "leave it out or merge its groups"


@dataclass(frozen=True)
class Cox:
    """A fitted proportional-hazards model; ``covariance`` is robust where weights or clusters were given."""

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    log_likelihood_null: float
    n: int
    n_events: int
    ties: str

    @property
    def standard_errors(self) -> Floats:
        """Standard errors of the coefficients."""
        return np.sqrt(np.diag(self.covariance))

    def as_json(self) -> dict[str, Any]:
        """Hazard ratios with 95 % intervals."""
        rows = []
        for name, b, se in zip(self.names, self.coefficients, self.standard_errors, strict=True):
            rows.append(
                {
                    "name": name,
                    "coef": float(b),
                    "se": float(se),
                    "hazard_ratio": float(np.exp(b)),
                    "ci95": [float(np.exp(b - Z95 * se)), float(np.exp(b + Z95 * se))],
                }
            )
        return {"terms": rows, "n": self.n, "events": self.n_events, "log_likelihood": self.log_likelihood, "ties": self.ties}


@dataclass(frozen=True)
class _Sorted:
    """Intervals in the order of their ends, with what does not depend on the coefficients."""

    stop: Floats
    event: NDArray[np.bool_]
    z: Floats
    weight: Floats
    start: Floats | None
    by_start: NDArray[np.intp] | None
    times: Floats
    first: NDArray[np.intp]
    """First row at risk by its end, for each event time."""
    entered: NDArray[np.intp] | None
    """Rows (in the order of their starts) that have not started, for each event time: those from here on."""
    dead: NDArray[np.intp]
    at: NDArray[np.intp]
    """Event time of each dead row."""
    deaths: NDArray[np.intp]


def _sorted(time: Floats, event: NDArray[np.bool_], z: Floats, weight: Floats, entry: Floats | None) -> tuple[_Sorted, NDArray[np.intp]]:
    order = np.argsort(time, kind="stable")
    stop, hit, start = time[order], event[order], None if entry is None else entry[order]
    times = np.unique(stop[hit])
    by_start = None if start is None else np.argsort(start, kind="stable")
    entered = None if start is None or by_start is None else np.searchsorted(start[by_start], times, side="left")
    dead = np.flatnonzero(hit)
    at = np.searchsorted(times, stop[dead])
    first, deaths = np.searchsorted(stop, times, side="left"), np.bincount(at, minlength=len(times))
    return _Sorted(stop, hit, z[order], weight[order], start, by_start, times, first, entered, dead, at, deaths), order


def _at_risk(data: _Sorted, values: Floats) -> Floats:
    """Sum of ``values`` ``(row, …)`` over the rows at risk at each event time: ended not before it, started before it."""
    def from_here(ordered: Floats, first: NDArray[np.intp]) -> Floats:
        # One sum a stretch between event times, then a running sum of those: far fewer numbers than rows.
        padded = np.concatenate([ordered, np.zeros((1, *ordered.shape[1:]))])
        return np.cumsum(np.add.reduceat(padded, first, axis=0)[::-1], axis=0)[::-1]

    if data.by_start is None or data.entered is None:
        return np.asarray(from_here(values, data.first))
    inside = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values[data.by_start][::-1], axis=0, out=inside[1:])
    return np.asarray(from_here(values, data.first) - inside[::-1][data.entered])


def _of_dead(data: _Sorted, values: Floats) -> Floats:
    """Sum of ``values`` of the rows that died, at each event time."""
    first = np.concatenate([[0], np.cumsum(data.deaths)[:-1]])
    return np.asarray(np.add.reduceat(values[data.dead], first, axis=0))


@dataclass(frozen=True)
class _Steps:
    """One row for each event (Efron: the tied deaths leave one by one): risk-set mean, upper triangle of the second moment, hazard."""

    at: NDArray[np.intp]
    share: Floats
    weight: Floats
    total: Floats
    mean: Floats
    second: Floats


def _steps(data: _Sorted, beta: Floats, ties: str) -> tuple[_Steps, Floats, float]:
    """Steps of the partial likelihood, the relative risk of every row, and the shift that keeps it finite."""
    eta = data.z @ beta
    shift = float(eta.max())
    risk = np.exp(eta - shift)
    weighted = data.weight * risk
    first = data.z * weighted[:, None]
    rows, columns = np.triu_indices(data.z.shape[1])
    outer = data.z[:, rows] * first[:, columns]
    s0, s1, s2 = _at_risk(data, weighted), _at_risk(data, first), _at_risk(data, outer)
    d0, d1, d2 = _of_dead(data, weighted), _of_dead(data, first), _of_dead(data, outer)
    w_mean = _of_dead(data, data.weight) / data.deaths
    at = np.repeat(np.arange(len(data.times)), data.deaths)
    starts = np.concatenate([[0], np.cumsum(data.deaths)[:-1]])
    share = (np.arange(len(at)) - starts[at]) / data.deaths[at] if ties == "efron" else np.zeros(len(at))
    total = s0[at] - share * d0[at]
    mean = (s1[at] - share[:, None] * d1[at]) / total[:, None]
    second = (s2[at] - share[:, None] * d2[at]) / total[:, None]
    return _Steps(at, share, w_mean[at], total, mean, second), risk, shift


def _variances(steps: _Steps, p: int) -> Floats:
    """Variance of the covariates in the risk set of each event ``(event, p, p)``."""
    rows, columns = np.triu_indices(p)
    upper = steps.second - steps.mean[:, rows] * steps.mean[:, columns]
    found = np.empty((len(upper), p, p))
    found[:, rows, columns] = upper
    found[:, columns, rows] = upper
    return found


def _information(steps: _Steps, p: int) -> Floats:
    rows, columns = np.triu_indices(p)
    upper = steps.weight @ steps.second - np.einsum("k,ki,kj->ij", steps.weight, steps.mean, steps.mean, optimize=True)[rows, columns]
    found = np.empty((p, p))
    found[rows, columns] = upper
    found[columns, rows] = upper
    return found


def _partial(data: _Sorted, beta: Floats, ties: str) -> tuple[float, Floats, Floats]:
    """Log partial likelihood, its gradient, and the information."""
    steps, _, shift = _steps(data, beta, ties)
    z, w = data.z[data.dead], data.weight[data.dead]
    value = float(w @ (z @ beta)) - float(steps.weight @ (np.log(steps.total) + shift))
    gradient = w @ z - steps.weight @ steps.mean
    return value, gradient, _information(steps, z.shape[1])


def cox(
    time: ArrayLike, event: ArrayLike, covariates: ArrayLike, names: tuple[str, ...] | None = None, *, ties: Ties = "efron",
    entry: ArrayLike | None = None, weights: ArrayLike | None = None, cluster: ArrayLike | None = None, robust: bool = False,
    start_at: ArrayLike | None = None,
) -> Cox:
    """Fit a Cox model by Newton's method.

    Parameters
    ----------
    time, event
        End of each interval and whether the event happened then.
    covariates
        ``(row, covariate)``.
    names
        Of the covariates.
    ties
        How ties are handled.
    entry
        Start of each interval (open: a row is at risk *after* its start): delayed entry, or time-varying covariates as
        several rows. An interval that ends when an event happens, and the next one that starts then, count once.
    weights
        Case weights; the covariance is then the robust (sandwich) one.
    cluster
        Patient of each row, for the robust covariance of several rows a patient.
    robust
        Robust covariance without weights or clusters.
    start_at
        Coefficients to start from (those of a fit to nearly the same data).

    Raises
    ------
    InputError
        If there is no event, a covariate does not vary, or one separates the events.
    """
    t, e = checked_times(time, event)
    x = np.asarray(covariates, float)
    x = x[:, None] if x.ndim == 1 else x
    w = np.ones(t.size) if weights is None else np.asarray(weights, float)
    start = None if entry is None else np.asarray(entry, float)
    if start is not None and np.any(start >= t):
        raise InputError("an interval does not end after it starts", found=f"{int(np.sum(start >= t))} intervals",
                         remedy="leave out intervals of length zero")
    if not np.all(np.isfinite(x)):
        raise InputError("a covariate is missing", found=f"{int(np.sum(~np.isfinite(x).all(axis=1)))} rows",
                         remedy="impute it or leave the rows out")
    names = names or tuple(f"x{j}" for j in range(x.shape[1]))
    constant = [name for name, spread in zip(names, np.ptp(x, axis=0), strict=True) if spread == 0]
    if not e.any() or constant:
        same = f", {', '.join(constant)} the same in all" if constant else ""
        raise InputError("a Cox model cannot be fitted", found=f"{int(e.sum())} events{same}",
                         remedy="it needs events and covariates that vary")
    scale = x.std(axis=0)
    data, order = _sorted(t, e, (x - np.average(x, axis=0, weights=w)) / scale, w, start)
    beta = np.zeros(x.shape[1])
    now = _partial(data, beta, ties)
    null = now[0]
    if start_at is not None:
        beta = np.asarray(start_at, float) * scale
        now = _partial(data, beta, ties)
    for _ in range(60):
        try:
            move = np.linalg.solve(now[2], now[1])
        except np.linalg.LinAlgError:
            raise InputError("a covariate separates the events, or is a sum of others", found=", ".join(names),
                             remedy=SEPARATED) from None
        then = _partial(data, beta + move, ties)
        while then[0] < now[0] - 1e-9 * (1 + abs(now[0])) and float(np.max(np.abs(move))) > 1e-6:
            move = move / 2.0
            then = _partial(data, beta + move, ties)
        beta, now = beta + move, then
        if float(np.max(np.abs(beta))) > 15:
            raise InputError("a covariate separates the events", found=", ".join(names), remedy=SEPARATED)
        # Newton's error falls as its square: a move of 1e-7 leaves less than rounding.
        if float(np.max(np.abs(move))) < 1e-7:
            break
    else:
        raise InputError("a covariate separates the events, or nearly", found=", ".join(names), remedy=SEPARATED)
    value, _, information = now
    inverse = np.linalg.inv(information)
    if not float(np.max(np.diag(inverse))) < VAGUE**2:
        raise InputError("a covariate separates the events, or nearly", found=", ".join(names), remedy=SEPARATED)
    if weights is not None or cluster is not None or robust:
        scores = _score_residuals(data, beta, ties) * data.weight[:, None]
        if cluster is not None:
            _, index = np.unique(np.asarray(cluster)[order], return_inverse=True)
            grouped = np.zeros((int(index.max()) + 1, scores.shape[1]))
            np.add.at(grouped, index, scores)
            scores = grouped
        inverse = inverse @ (scores.T @ scores) @ inverse
    covariance = inverse / np.outer(scale, scale)
    return Cox(names, beta / scale, np.asarray(covariance, float), value, null, int(t.size), int(e.sum()), ties)


def _score_residuals(data: _Sorted, beta: Floats, ties: str) -> Floats:
    """Score residuals of each row (sorted), for the sandwich."""
    steps, risk, _ = _steps(data, beta, ties)
    m, p = len(data.times), data.z.shape[1]
    hazard = steps.weight / steps.total

    def by_time(values: Floats) -> Floats:
        found = np.zeros((m, *values.shape[1:]))
        np.add.at(found, steps.at, values)
        return found

    h0, h1 = by_time(hazard), by_time(hazard[:, None] * steps.mean)
    cum0, cum1 = np.concatenate([[0.0], np.cumsum(h0)]), np.concatenate([np.zeros((1, p)), np.cumsum(h1, axis=0)])
    until = np.searchsorted(data.times, data.stop, side="right")
    since = np.zeros(len(until), int) if data.start is None else np.searchsorted(data.times, data.start, side="right")
    a0, a1 = cum0[until] - cum0[since], cum1[until] - cum1[since]
    found = -risk[:, None] * (data.z * a0[:, None] - a1)
    mean_of_dead = by_time(steps.mean) / data.deaths[:, None]
    late0, late1 = by_time(steps.share * hazard), by_time((steps.share * hazard)[:, None] * steps.mean)
    z_dead, r_dead = data.z[data.dead], risk[data.dead][:, None]
    found[data.dead] += z_dead - mean_of_dead[data.at] + r_dead * (z_dead * late0[data.at][:, None] - late1[data.at])
    return np.asarray(found)


def proportional_hazards_check(
    time: ArrayLike, event: ArrayLike, covariates: ArrayLike, fit: Cox, *, entry: ArrayLike | None = None,
    transform: Literal["km", "identity"] = "km",
) -> dict[str, tuple[float, float]]:
    """Score test of proportional hazards of each covariate, and of all (``GLOBAL``): (chi-squared, P), as R's ``cox.zph``."""
    from scipy.special import chdtrc

    t, e = checked_times(time, event)
    x = np.asarray(covariates, float)
    x = x[:, None] if x.ndim == 1 else x
    start = None if entry is None else np.asarray(entry, float)
    scale = x.std(axis=0)
    data, _ = _sorted(t, e, (x - x.mean(axis=0)) / scale, np.ones(t.size), start)
    steps, _, _ = _steps(data, fit.coefficients * scale, fit.ties)
    p = x.shape[1]
    risk = _at_risk(data, np.ones(t.size))
    if transform == "km":
        after = np.cumprod(1.0 - data.deaths / risk)
        g = 1.0 - np.concatenate([[1.0], after[:-1]])
    else:
        g = data.times.astype(float)
    g = g - np.average(g, weights=data.deaths)
    variances = _variances(steps, p)
    score = (g[data.at][:, None] * data.z[data.dead]).sum(axis=0) - (g[steps.at][:, None] * steps.mean).sum(axis=0)
    i11 = variances.sum(axis=0)
    i21 = np.einsum("k,kij->ij", g[steps.at], variances)
    i22 = np.einsum("k,kij->ij", g[steps.at] ** 2, variances)
    left = i22 - i21 @ np.linalg.solve(i11, i21.T)
    found = {}
    for j, name in enumerate(fit.names):
        row = i21[j]
        chi2 = float(score[j] ** 2 / (i22[j, j] - row @ np.linalg.solve(i11, row)))
        found[name] = (chi2, float(chdtrc(1, chi2)))
    chi2 = float(score @ np.linalg.solve(left, score))
    return {**found, "GLOBAL": (chi2, float(chdtrc(p, chi2)))}

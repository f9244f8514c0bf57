"""Survival: Kaplan–Meier, log-rank and Peto, Cox (Efron and Breslow ties, entry times), restricted mean, Weibull.

Written out rather than taken from a library because entry times, Breslow ties and the weighted log-rank are needed in one
place; tests hold every number against R's survival and against lifelines. Formulas: Kalbfleisch & Prentice 2002; Therneau
& Grambsch 2000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core.errors import InputError

Floats = NDArray[np.float64]
Interval = Literal["log", "log-log", "plain"]
Z95 = 1.959963984540054


def _checked(time: ArrayLike, event: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
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
        return np.minimum(low, high) if kind != "log-log" else np.minimum(low, high), np.maximum(low, high)

    def median(self) -> float | None:
        """Median survival (the mean of the two ends where the curve rests on one half), None if not reached."""
        return _crossing(self.time, self.survival)

    def median_interval(self, kind: Interval = "log") -> tuple[float | None, float | None]:
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


def _crossing(time: Floats, curve: Floats) -> float | None:
    below = np.flatnonzero(curve <= 0.5 + 1e-9)
    if below.size == 0:
        return None
    k = int(below[0])
    if abs(curve[k] - 0.5) <= 1e-9 and k + 1 < len(time):
        return float((time[k] + time[k + 1]) / 2)
    return float(time[k])


def kaplan_meier(time: ArrayLike, event: ArrayLike, weights: ArrayLike | None = None) -> KaplanMeier:
    """Kaplan–Meier estimate; ``weights`` make it a weighted one (its variance is then not Greenwood's)."""
    t, e = _checked(time, event)
    w = np.ones(t.size) if weights is None else np.asarray(weights, float)
    times = np.unique(t[e])
    order = np.argsort(t, kind="stable")
    from_here = np.append(np.cumsum(w[order][::-1])[::-1], 0.0)
    at_risk = from_here[np.searchsorted(t[order], times, side="left")]
    events = np.bincount(np.searchsorted(times, t[e]), weights=w[e], minlength=len(times)).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1.0 - events / at_risk)
        variance = np.cumsum(np.where(at_risk > events, events / (at_risk * (at_risk - events)), np.inf))
    return KaplanMeier(times, survival, variance, at_risk, events, int(t.size), int(e.sum()))


def reverse_kaplan_meier(time: ArrayLike, event: ArrayLike) -> KaplanMeier:
    """Follow-up: the same estimate with events and censorings exchanged."""
    return kaplan_meier(time, ~np.asarray(event, bool))


def logrank(time: ArrayLike, event: ArrayLike, group: ArrayLike, rho: float = 0.0) -> tuple[float, float, int]:
    """G-rho test over groups: (chi-squared, P, degrees of freedom); rho 0 is log-rank, 1 Peto–Peto."""
    from scipy.special import chdtrc

    t, e = _checked(time, event)
    labels, index = np.unique(np.asarray(group), return_inverse=True)
    k = len(labels)
    if k < 2:
        raise InputError("a comparison needs two groups", found=str(k), remedy="give patients of both groups")
    difference, variance, survival = np.zeros(k), np.zeros((k, k)), 1.0
    for x in np.unique(t[e]):
        risk = np.bincount(index[t >= x], minlength=k).astype(float)
        dead = np.bincount(index[(t == x) & e], minlength=k).astype(float)
        n, d = risk.sum(), dead.sum()
        weight = survival**rho
        difference += weight * (dead - risk * d / n)
        if n > 1:
            share = risk / n
            variance += weight**2 * d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
        survival *= 1.0 - d / n
    u, v = difference[:-1], variance[:-1, :-1]
    chi2 = float(u @ np.linalg.solve(v, u)) if np.linalg.matrix_rank(v) == k - 1 else 0.0
    return chi2, float(chdtrc(k - 1, chi2)), k - 1


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


def cox(
    time: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    names: tuple[str, ...] | None = None,
    *,
    ties: Literal["efron", "breslow"] = "efron",
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
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
        Start of each interval (open): delayed entry or time-varying covariates as several rows.
    weights
        Case weights; the covariance is then the robust (sandwich) one.

    Raises
    ------
    InputError
        If there is no event, or a covariate separates the events.
    """
    t, e = _checked(time, event)
    x = np.asarray(covariates, float)
    x = x[:, None] if x.ndim == 1 else x
    w = np.ones(t.size) if weights is None else np.asarray(weights, float)
    start = np.full(t.size, -np.inf) if entry is None else np.asarray(entry, float)
    if not e.any() or np.any(np.ptp(x, axis=0) == 0):
        raise InputError(
            "a Cox model cannot be fitted", found=f"{int(e.sum())} events", remedy="it needs events and covariates that vary"
        )
    centre = np.average(x, axis=0, weights=w)
    z = x - centre
    names = names or tuple(f"x{j}" for j in range(x.shape[1]))
    beta = np.zeros(x.shape[1])
    previous = beta
    null, current = 0.0, -np.inf
    for step in range(60):
        value, gradient, hessian = _partial(beta, t, e, z, w, start, ties)
        null = value if step == 0 else null
        if step > 0 and value < current - 1e-9 * abs(current):
            beta = (beta + previous) / 2.0
            continue
        try:
            move = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            raise InputError("a covariate separates the events", remedy="leave it out or merge its groups") from None
        if abs(value - current) < 1e-12 * (1 + abs(value)) and float(np.max(np.abs(move))) < 1e-10:
            break
        previous, current = beta, value
        beta = beta + move
        if float(np.max(np.abs(beta * z.std(axis=0)))) > 30:
            raise InputError("a covariate separates the events", remedy="leave it out or merge its groups")
    inverse = np.linalg.inv(hessian)
    covariance = inverse
    if weights is not None:
        scores = _score_residuals(beta, t, e, z, w, start) * w[:, None]
        covariance = inverse @ (scores.T @ scores) @ inverse
    return Cox(names, beta, np.asarray(covariance, float), float(value), float(null), int(t.size), int(e.sum()), ties)


def _partial(
    beta: Floats, t: Floats, e: NDArray[np.bool_], z: Floats, w: Floats, start: Floats, ties: str
) -> tuple[float, Floats, Floats]:
    """Log partial likelihood, its gradient, and the information."""
    risk = w * np.exp(z @ beta)
    value, gradient = 0.0, np.zeros(z.shape[1])
    hessian = np.zeros((z.shape[1], z.shape[1]))
    for x in np.unique(t[e]):
        member = (t >= x) & (start < x)
        dead = (t == x) & e
        zs, rs = z[member], risk[member]
        s0, s1 = rs.sum(), rs @ zs
        s2 = (zs * rs[:, None]).T @ zs
        zd, rd = z[dead], risk[dead]
        d0, d1, d2 = rd.sum(), rd @ zd, (zd * rd[:, None]).T @ zd
        d = int(dead.sum())
        wd = w[dead]
        value += float(wd @ (zd @ beta))
        gradient = gradient + wd @ zd
        for k in range(d):
            share = k / d if ties == "efron" else 0.0
            a0, a1, a2 = s0 - share * d0, s1 - share * d1, s2 - share * d2
            mean = a1 / a0
            weight = wd.mean()
            value -= weight * float(np.log(a0))
            gradient = gradient - weight * mean
            hessian = hessian + weight * (a2 / a0 - np.outer(mean, mean))
    return value, gradient, hessian


def _score_residuals(beta: Floats, t: Floats, e: NDArray[np.bool_], z: Floats, w: Floats, start: Floats) -> Floats:
    """Score residuals (Breslow form), for the sandwich."""
    risk = np.exp(z @ beta)
    found = np.zeros_like(z)
    for x in np.unique(t[e]):
        member = (t >= x) & (start < x)
        dead = (t == x) & e
        s0 = (w * risk)[member].sum()
        mean = (w * risk)[member] @ z[member] / s0
        found[dead] += z[dead] - mean
        found[member] -= (risk[member] * w[dead].sum() / s0)[:, None] * (z[member] - mean)
    return found


def concordance(time: ArrayLike, event: ArrayLike, risk: ArrayLike) -> float:
    """Harrell's C: chance that the patient with the higher risk fails first (ties in risk count half)."""
    t, e = _checked(time, event)
    r = np.asarray(risk, float)
    good = same = total = 0.0
    for i in np.flatnonzero(e):
        later = (t > t[i]) | ((t == t[i]) & ~e)
        total += later.sum()
        good += (r[later] < r[i]).sum()
        same += (r[later] == r[i]).sum()
    return float((good + 0.5 * same) / total)


def proportional_hazards_check(time: ArrayLike, event: ArrayLike, covariates: ArrayLike, fit: Cox) -> dict[str, float]:
    """P of each covariate's test of proportional hazards (Schoenfeld residuals against the rank of time; simple form)."""
    from scipy.special import chdtrc

    t, e = _checked(time, event)
    x = np.asarray(covariates, float)
    x = x[:, None] if x.ndim == 1 else x
    risk = np.exp(x @ fit.coefficients)
    residuals, when = [], []
    for i in np.flatnonzero(e):
        member = t >= t[i]
        mean = risk[member] @ x[member] / risk[member].sum()
        residuals.append(x[i] - mean)
        when.append(t[i])
    order = np.argsort(np.argsort(when)).astype(float)
    g = order - order.mean()
    d = len(when)
    scaled = d * np.asarray(residuals) @ fit.covariance
    chi2 = (g @ scaled) ** 2 / (d * np.diag(fit.covariance) * (g @ g))
    return {name: float(chdtrc(1, value)) for name, value in zip(fit.names, chi2, strict=True)}


def weibull(time: ArrayLike, event: ArrayLike) -> tuple[float, float, float]:
    """Weibull by maximum likelihood as R's survreg: (intercept, scale, log-likelihood) with log T = intercept + scale · W."""
    from scipy.optimize import minimize

    t, e = _checked(time, event)
    log_t = np.log(np.maximum(t, 1e-12))

    def minus(theta: Floats) -> float:
        u = (log_t - theta[0]) / np.exp(theta[1])
        return float(-np.sum(e * (u - theta[1] - log_t)) + np.sum(np.exp(u)))

    best = minimize(minus, np.array([log_t.mean() + 0.5, 0.0]), method="BFGS", options={"gtol": 1e-10})
    best = minimize(minus, best.x, method="Nelder-Mead", options={"xatol": 1e-12, "fatol": 1e-12, "maxiter": 4000})
    return float(best.x[0]), float(np.exp(best.x[1])), float(-best.fun)

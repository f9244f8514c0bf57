"""Missing covariates: multiple imputation by chained equations, pooled by Rubin's rules.

Numbers are imputed by predictive mean matching (five donors), flags by Bayesian logistic regression, as R's mice does by
default (van Buuren & Groothuis-Oudshoorn 2011, doi 10.18637/jss.v045.i03). The model of each covariate holds all others, the
event and the Nelson–Aalen cumulative hazard (White & Royston 2009, doi 10.1002/sim.3618). A value of which an interval is known
(such as ``<3``) takes its donors from that interval. Pooling: Rubin 1987; degrees of freedom by Barnard & Rubin 1999,
doi 10.1093/biomet/86.4.948. Imputation is right where what is missing depends only on what was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.cohorts.survival import Floats, checked_times
from neorlt.core.draws import generator
from neorlt.core.errors import InputError
from neorlt.core.fitting import require_moved

DONORS = 5
ITERATIONS = 10
RIDGE = 1e-5


@dataclass(frozen=True)
class Pooled:
    """Estimates over imputations, by Rubin's rules, each ``(parameter,)``; ``fmi`` is the fraction of missing information."""

    estimate: Floats
    variance: Floats
    within: Floats
    between: Floats
    df: Floats
    fmi: Floats
    m: int

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Interval by Student's t."""
        from scipy.special import stdtrit

        half = stdtrit(self.df, 0.5 + level / 2.0) * np.sqrt(self.variance)
        return self.estimate - half, self.estimate + half


def pool(estimates: ArrayLike, variances: ArrayLike, df_complete: float) -> Pooled:
    """Pool ``(imputation, parameter)`` estimates and variances; ``df_complete`` are the degrees of freedom without missing values.

    Raises
    ------
    InputError
        With fewer than two imputations.
    """
    q, u = np.atleast_2d(np.asarray(estimates, float)), np.atleast_2d(np.asarray(variances, float))
    m = len(q)
    if m < 2:
        raise InputError("multiple imputation needs two imputations or more", found=str(m), remedy="raise --imputations")
    within, between = u.mean(axis=0), q.var(axis=0, ddof=1)
    total = within + (1.0 + 1.0 / m) * between
    share = (1.0 + 1.0 / m) * between / total
    with np.errstate(divide="ignore", invalid="ignore"):
        old = np.where(share > 0, (m - 1) / share**2, np.inf)
        observed = (df_complete + 1.0) / (df_complete + 3.0) * df_complete * (1.0 - share)
        df = np.where(np.isfinite(old), old * observed / (old + observed), observed)
        ratio = (1.0 + 1.0 / m) * between / within
        fmi = (ratio + 2.0 / (df + 3.0)) / (1.0 + ratio)
    return Pooled(q.mean(axis=0), total, within, between, df, np.where(between > 0, fmi, 0.0), m)


def nelson_aalen(time: ArrayLike, event: ArrayLike) -> Floats:
    """Cumulative hazard at each patient's own time."""
    t, e = checked_times(time, event)
    times = np.unique(t[e])
    at_risk = len(t) - np.searchsorted(np.sort(t), times, side="left")
    events = np.bincount(np.searchsorted(times, t[e]), minlength=len(times))
    return np.asarray(np.concatenate([[0.0], np.cumsum(events / at_risk)])[np.searchsorted(times, t, side="right")])


def impute(
    columns: Mapping[str, Floats], auxiliary: Floats, m: int, seed: int, *, flags: frozenset[str] = frozenset(),
    intervals: Mapping[str, tuple[Floats, Floats]] | None = None, iterations: int = ITERATIONS,
) -> list[dict[str, Floats]]:
    """Completed copies of the columns.

    Parameters
    ----------
    columns
        Name → ``(patient,)``, NaN where missing.
    auxiliary
        ``(patient, k)`` complete columns of the imputation model: event, cumulative hazard, treatment.
    m, seed
        Number of copies, seed.
    flags
        Columns of 0 and 1.
    intervals
        Name → lowest and highest value of each patient, NaN where nothing is known.
    iterations
        Rounds of the chain; one is enough where a single column has gaps.

    Raises
    ------
    InputError
        If a column has no value at all.
    """
    empty = [name for name, values in columns.items() if np.isnan(values).all()]
    if empty:
        raise InputError("a covariate has no value to impute from", found=", ".join(empty), remedy="leave it out")
    gaps = sorted((name for name, v in columns.items() if np.isnan(v).any()), key=lambda name: int(np.isnan(columns[name]).sum()))
    rounds = 1 if len(gaps) == 1 else iterations
    copies = []
    for copy in range(m):
        rng = generator(seed, "cohort", "impute", str(copy))
        filled = {name: values.copy() for name, values in columns.items()}
        for name in gaps:
            missing = np.isnan(columns[name])
            filled[name][missing] = rng.choice(columns[name][~missing], int(missing.sum()))
        for _ in range(rounds if gaps else 0):
            for name in gaps:
                others = [filled[other] for other in columns if other != name]
                design = np.column_stack([np.ones(len(auxiliary)), auxiliary, *others])
                missing = np.isnan(columns[name])
                if name in flags:
                    filled[name][missing] = _logistic(design, columns[name], missing, rng)
                else:
                    filled[name][missing] = _matched(design, columns[name], missing, rng, (intervals or {}).get(name))
        copies.append(filled)
    return copies


def _standard(design: Floats) -> Floats:
    """The design with its columns (but the first) centred and scaled, so that one ridge fits all."""
    spread = design.std(axis=0)
    scaled = (design - design.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    scaled[:, 0] = 1.0
    return np.asarray(scaled)


def _matched(
    design: Floats, values: Floats, missing: NDArray[np.bool_], rng: np.random.Generator, interval: tuple[Floats, Floats] | None
) -> Floats:
    """Predictive mean matching: predicted by drawn coefficients, the donor's own value by the fitted ones."""
    x, seen = _standard(design), ~missing
    xs, ys = x[seen], values[seen]
    cross = xs.T @ xs
    inverse = np.linalg.inv(cross + RIDGE * np.diag(np.diag(cross)))
    fitted = inverse @ xs.T @ ys
    residual = ys - xs @ fitted
    sigma = np.sqrt(residual @ residual / rng.chisquare(max(len(ys) - x.shape[1], 1)))
    drawn = fitted + sigma * np.linalg.cholesky((inverse + inverse.T) / 2.0) @ rng.standard_normal(x.shape[1])
    donors, wanted = xs @ fitted, x[missing] @ drawn
    if interval is None:
        return _donate(donors, ys, wanted, rng)
    low, high = (end[missing] for end in interval)
    bounded = ~np.isnan(low)
    found = np.empty(len(wanted))
    found[~bounded] = _donate(donors, ys, wanted[~bounded], rng)
    for a, b in {(float(a), float(b)) for a, b in zip(low[bounded], high[bounded], strict=True)}:
        here, inside = bounded & (low == a) & (high == b), (ys >= a) & (ys <= b)
        if inside.any():
            found[here] = _donate(donors[inside], ys[inside], wanted[here], rng)
        else:  # nobody was measured in this interval: any value of it, evenly
            found[here] = rng.uniform(a, min(b, float(ys.max()) if b == np.inf else b), int(here.sum()))
    return found


def _donate(donors: Floats, values: Floats, wanted: Floats, rng: np.random.Generator) -> Floats:
    """The value of one of the nearest donors, drawn evenly."""
    if len(wanted) == 0:
        return np.empty(0)
    order = np.argsort(donors, kind="stable")
    ranked = donors[order]
    k = min(DONORS, len(ranked))
    place = np.searchsorted(ranked, wanted)
    window = np.clip(place[:, None] + np.arange(-k, k)[None, :], 0, len(ranked) - 1)
    distance = np.abs(ranked[window] - wanted[:, None])
    # A place at the edge repeats its end: a repeated donor is counted once.
    repeated = np.concatenate([np.zeros((len(wanted), 1), bool), window[:, 1:] == window[:, :-1]], axis=1)
    nearest = np.argsort(np.where(repeated, np.inf, distance), axis=1, kind="stable")[:, :k]
    chosen = nearest[np.arange(len(wanted)), rng.integers(0, k, len(wanted))]
    return np.asarray(values[order][window[np.arange(len(wanted)), chosen]])


def _logistic(design: Floats, values: Floats, missing: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Draws of a flag from a logistic regression with drawn coefficients."""
    x, seen = _standard(design), ~missing
    fitted, covariance = logistic(x[seen], values[seen], ridge=1e-2)
    drawn = fitted + np.linalg.cholesky(covariance) @ rng.standard_normal(len(fitted))
    return (rng.random(int(missing.sum())) < 1.0 / (1.0 + np.exp(-x[missing] @ drawn))).astype(float)


def logistic(design: Floats, outcome: Floats, ridge: float = 1e-6) -> tuple[Floats, Floats]:
    """Coefficients and covariance of a logistic regression (Newton); the ridge keeps a separated fit finite.

    Raises
    ------
    InputError
        If the fit never left its start values or gave no finite one.
    """

    def loss(at: Floats) -> float:
        eta = design @ at
        return float(np.sum(np.logaddexp(0.0, eta) - outcome * eta) + 0.5 * ridge * at @ at)

    beta = np.zeros(design.shape[1])
    information = np.eye(len(beta))
    for _ in range(60):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -35, 35)))
        information = (design * (p * (1 - p))[:, None]).T @ design + ridge * np.eye(len(beta))
        move = np.linalg.solve(information, design.T @ (outcome - p) - ridge * beta)
        beta = beta + move
        if np.max(np.abs(move)) < 1e-10:
            break
    require_moved(np.zeros(design.shape[1]), beta, loss, what="a logistic regression",
                  remedy="look for a covariate that is missing, constant or out of scale")
    return beta, np.asarray(np.linalg.inv(information), float)


def e_value(ratio: float, low: float, high: float, *, common: bool) -> dict[str, float | None]:
    """E-value of a hazard ratio and of the end of its interval nearer to 1 (VanderWeele & Ding 2017, doi 10.7326/M16-2607).

    The least association, on the scale of risk ratios, that an unrecorded cause must have with both the treatment and the
    outcome to explain the ratio away. ``common``: over 15 % had the event, so that the ratio is first taken to a risk ratio.
    """

    def of(value: float) -> float:
        risk = (1.0 - 0.5 ** np.sqrt(value)) / (1.0 - 0.5 ** np.sqrt(1.0 / value)) if common else value
        risk = 1.0 / risk if risk < 1.0 else risk
        return float(risk + np.sqrt(risk * (risk - 1.0)))

    nearer = 1.0 if low <= 1.0 <= high else high if high < 1.0 else low
    return {"estimate": of(ratio), "interval": 1.0 if nearer == 1.0 else of(nearer)}

"""Models without a mechanism, each given the other studies: what the synthesis has to beat to be of use.

*Pooled*: the random-effects rate of the other studies. *Constant*: one rate, as if studies did not differ. *Log-linear*: a line in the log
of activity (arms) or of dose (lesions), with random effects. All are integrated on grids: nothing is sampled, nothing fails to converge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp
from scipy.stats import betabinom, binom, norm

from neorlt.response.studies import Term

Floats = NDArray[np.float64]
TAU = np.array([0.02, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.4])
"""Grid of the spread between studies."""
TAU_SCALE = 1.0
"""Scale of its half-normal prior (logit or log scale)."""
_Z, _W = np.polynomial.hermite_e.hermegauss(15)
_W = _W / _W.sum()


def _log_prior_tau() -> Floats:
    """Of the grid's points: the half-normal prior times the stretch that a point stands for."""
    return np.asarray(-0.5 * (TAU / TAU_SCALE) ** 2 + np.log(np.gradient(TAU)))


def rate_predictive(events: NDArray[np.intp], totals: NDArray[np.intp], x: Floats, x_new: float, n_new: int, slope: bool
                    ) -> Floats:
    """Chance ``(count,)`` of 0 to ``n_new`` responders in a new arm, given arms ``(arm,)``: logit-normal, a line in ``x`` where asked."""
    centre = float(x.mean()) if len(x) else 0.0
    levels = np.linspace(-3.5, 2.5, 49)
    slopes = np.linspace(-3.0, 3.0, 25) if slope else np.zeros(1)
    a, b, tau = np.meshgrid(levels, slopes, TAU, indexing="ij")
    log_weight = -0.5 * (b / 1.0) ** 2 + _log_prior_tau()[None, None, :]
    for r, n, at in zip(events, totals, x, strict=True):
        p = expit((a + b * (at - centre))[..., None] + tau[..., None] * _Z)
        log_weight = log_weight + np.log((binom.pmf(r, n, p) * _W).sum(axis=-1) + 1e-300)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    keep = weight.ravel() > 1e-6
    p = expit((a + b * (x_new - centre)).ravel()[keep, None] + tau.ravel()[keep, None] * _Z)
    w = weight.ravel()[keep, None] * _W
    chances = [float((w * binom.pmf(k, n_new, p)).sum() / w.sum()) for k in range(n_new + 1)]
    return np.array(chances)


def constant_predictive(events: NDArray[np.intp], totals: NDArray[np.intp], n_new: int) -> Floats:
    """The same with one rate for all (beta-binomial, Jeffreys' prior)."""
    return np.asarray(betabinom.pmf(np.arange(n_new + 1), n_new, events.sum() + 0.5, (totals - events).sum() + 0.5))


def linear_predictive(x: Floats, y: Floats, group: NDArray[np.intp], x_new: Floats, y_new: Floats, slope: bool, effects: bool) -> Floats:
    """Log density ``(lesion,)`` of each new lesion of a new study: a line (or a level) with a study effect and a normal rest."""
    design = np.stack([np.ones_like(x), x - x.mean()], axis=1)[:, : 2 if slope else 1]
    new = np.stack([np.ones_like(x_new), x_new - x.mean()], axis=1)[:, : 2 if slope else 1]
    same = (group[:, None] == group[None]).astype(float)
    logs, densities = [], []
    for sigma in np.exp(np.linspace(np.log(0.15), np.log(2.0), 25)):
        for tau, log_prior in zip(*((TAU, _log_prior_tau()) if effects else (np.zeros(1), np.zeros(1))), strict=True):
            inverse = np.linalg.inv(sigma**2 * np.eye(len(y)) + tau**2 * same)
            information = design.T @ inverse @ design
            spread = np.linalg.inv(information)
            beta = spread @ design.T @ inverse @ y
            rest = y - design @ beta
            log_marginal = 0.5 * (np.linalg.slogdet(inverse)[1] - np.linalg.slogdet(information)[1] - float(rest @ inverse @ rest))
            sd = np.sqrt(np.einsum("ij,jk,ik->i", new, spread, new) + sigma**2 + tau**2)
            logs.append(log_marginal + log_prior)
            densities.append(norm.logpdf(y_new, new @ beta, sd))
    weight = np.array(logs) - logsumexp(logs)
    return np.asarray(logsumexp(np.array(densities) + weight[:, None], axis=0))


def curve_score(others: Sequence[Term], term: Term, effects: bool) -> float:
    """Log density of a point of a curve (logit scale) from the pooled hazard of other curves, exponential in time."""
    def hazard(t: Term) -> tuple[float, float]:
        return float(np.log(-np.log(t.free) / t.month)), t.log_se * (1 - t.free) / -np.log(t.free)

    values, errors = (np.array(part) for part in zip(*[hazard(t) for t in others], strict=True))
    seen, error = hazard(term)
    logs, densities = [], []
    for tau, log_prior in zip(*((TAU, _log_prior_tau()) if effects else (np.zeros(1), np.zeros(1))), strict=True):
        variance = errors**2 + tau**2
        mean, spread = float((values / variance).sum() / (1 / variance).sum()), float(1 / (1 / variance).sum())
        logs.append(float(-0.5 * np.log(variance).sum() + 0.5 * np.log(spread) - 0.5 * ((values - mean) ** 2 / variance).sum())
                    + log_prior)
        densities.append(float(norm.logpdf(seen, mean, np.sqrt(spread + tau**2 + error**2))))
    change = np.log((1 - term.free) / -np.log(term.free))
    return float(logsumexp(np.array(densities) + np.array(logs) - logsumexp(logs)) + change)


def total_gbq(term: Term) -> float:
    """Activity of an arm in GBq of 177Lu that gives the same dose."""
    return term.cycles * term.activity_gbq * term.dose_ratio


def score_baselines(term: Term, fitted: Sequence[Term]) -> dict[str, float]:
    """Log scores of the models without mechanism for one term, given the fitted terms of the other studies.

    Counts are scored by their responders; lesions by the sum over lesions; curves on the logit scale. Empty where no other study helps.
    """
    treated = term.treatment == "rlt"
    others = [t for t in fitted if t.study != term.study and t.kind == term.kind and (t.treatment == "rlt") == treated]
    if term.kind == "counts" and len(others) > 1:
        events, totals = np.array([t.counts[0] for t in others]), np.array([t.n for t in others])
        x = np.log([total_gbq(t) for t in others]) if treated else np.zeros(len(others))
        x_new = float(np.log(total_gbq(term))) if treated else 0.0
        seen = term.counts[0]
        found = {"pooled": rate_predictive(events, totals, x, x_new, term.n, slope=False)[seen],
                 "constant": constant_predictive(events, totals, term.n)[seen]}
        if treated:
            found["log-linear"] = rate_predictive(events, totals, x, x_new, term.n, slope=True)[seen]
        return {name: float(np.log(value)) for name, value in found.items()}
    if term.kind == "pfs" and term.statistic != "hazard_ratio":
        others = [t for t in others if t.statistic != "hazard_ratio"]
        return {"pooled": curve_score(others, term, True), "constant": curve_score(others, term, False)} if len(others) > 1 else {}
    if term.kind == "lesions" and others:
        return {name: float(value.sum()) for name, value in lesion_baselines(term, others).items()}
    return {}


def lesion_baselines(term: Term, others: Sequence[Term]) -> dict[str, Floats]:
    """Log densities ``(lesion,)`` of one figure's lesions under the models without mechanism, given other figures."""
    assert term.dose_gy is not None and term.log_volume is not None
    x = np.concatenate([np.log(t.dose_gy) for t in others if t.dose_gy is not None])
    y = np.concatenate([t.log_volume for t in others if t.log_volume is not None])
    group = np.concatenate([np.full(t.n, i) for i, t in enumerate(others)])
    x_new, y_new = np.log(term.dose_gy), term.log_volume
    return {"pooled": linear_predictive(x, y, group, x_new, y_new, slope=False, effects=True),
            "constant": linear_predictive(x, y, group, x_new, y_new, slope=False, effects=False),
            "log-linear": linear_predictive(x, y, group, x_new, y_new, slope=True, effects=True)}

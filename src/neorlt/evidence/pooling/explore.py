"""What moves a pooled rate: leave-one-out, subgroups, meta-regression; each only when the number of series allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special, stats

from neorlt.core.errors import InputError
from neorlt.core.fitting import require_best
from neorlt.evidence.pooling import glmm
from neorlt.evidence.pooling.counts import StudyCounts, as_arrays
from neorlt.evidence.pooling.pool import MINIMUM_SERIES, pool

SERIES_PER_COVARIATE = 10
"""Meta-regression needs ten series a covariate (the usual rule; Cochrane Handbook, section 10.11.5.1)."""


def leave_one_out(studies: Sequence[StudyCounts], method: str = "auto") -> list[dict[str, Any]]:
    """The pool without each series in turn; an entry without a number carries its reason."""
    series = [study for study in studies if not study.is_case_report]
    rows = []
    for left in series:
        rest = pool([study for study in series if study is not left], method) if len(series) > 1 else None
        rows.append(
            {
                "without": left.study,
                "pooled": None if rest is None else rest.pooled,
                "ci95": None if rest is None or rest.ci95 is None else list(rest.ci95),
                "reason": "nothing is left" if rest is None else rest.reason,
            }
        )
    return rows


def by_subgroup(studies: Sequence[StudyCounts], method: str = "auto") -> dict[str, Any]:
    """One pool per subgroup, and a likelihood-ratio test of the difference when two groups have three series each."""
    named = [study for study in studies if study.subgroup is not None and not study.is_case_report]
    levels = sorted({str(study.subgroup) for study in named})
    pools = {level: pool([study for study in named if study.subgroup == level], method) for level in levels}
    large = [level for level in levels if pools[level].k >= MINIMUM_SERIES]
    document: dict[str, Any] = {"groups": {level: result.as_json() for level, result in pools.items()}, "p_difference": None}
    if len(large) < 2:
        document["reason"] = "fewer than two subgroups hold three series: no test of a difference"
        return document
    kept = [study for study in named if study.subgroup in large]
    indicator = {level: [float(study.subgroup == level) for study in kept] for level in large[1:]}
    try:
        document["p_difference"] = regress(kept, indicator, minimum_per_covariate=MINIMUM_SERIES)["p"]
        document["reason"] = None
    except InputError as error:
        document["reason"] = str(error)
    return document


def regress(
    studies: Sequence[StudyCounts],
    covariates: Mapping[str, Sequence[float]],
    *,
    minimum_per_covariate: int = SERIES_PER_COVARIATE,
) -> dict[str, Any]:
    """Meta-regression in the logit-normal GLMM: ``logit p_i ~ Normal(beta_0 + X beta, tau^2)``.

    ``covariates`` maps a name to one value a study (units in the name, such as ``cumulative_activity_gbq``).
    Returns coefficients with Wald t intervals on ``k - p`` degrees of freedom and the likelihood-ratio p value.

    Raises:
        InputError: too few series, a covariate without spread, or counts at the boundary.

    """
    k, wanted = len(studies), minimum_per_covariate * max(1, len(covariates))
    if not covariates or k < wanted:
        raise InputError(
            "too few series for a meta-regression",
            expected=f"at least {wanted}",
            found=str(k),
            remedy="show the subgroups side by side without a test",
        )
    columns = np.column_stack([np.asarray(values, dtype=np.float64) for values in covariates.values()])
    if columns.shape[0] != k or not np.all(np.isfinite(columns)) or np.any(np.ptp(columns, axis=0) == 0):
        raise InputError("a covariate is missing for a study or has no spread", remedy="leave out that study or covariate")
    events, totals = as_arrays(studies)
    if events.sum() in (0.0, totals.sum()):
        raise InputError("no event at all, or only events", remedy="a regression has nothing to explain here")
    centre, scale = columns.mean(axis=0), columns.std(axis=0)
    design = np.column_stack([np.ones(k), (columns - centre) / scale])

    def objective(point: np.ndarray) -> np.ndarray:
        return glmm.log_likelihood(events, totals, point[..., :-1] @ design.T, point[..., -1])

    base = glmm.fit(events, totals)
    start = np.concatenate([[base.mu], np.zeros(len(covariates)), [max(base.tau, 0.1)]])
    point, hessian = glmm.newton(objective, start)
    at_zero, zero_hessian = glmm.newton(lambda p: glmm.log_likelihood(events, totals, p @ design.T, np.zeros(p.shape[:-1])), start[:-1])
    value = float(objective(point))
    value_zero = float(objective(np.append(at_zero, 0.0)))
    if value_zero >= value - 1e-9:
        point, hessian, value = np.append(at_zero, 0.0), zero_hessian, value_zero
    require_best(point, lambda p: -float(objective(p)), what="the meta-regression", names=("logit mean", *covariates, "tau"),
                 remedy="leave out a covariate that hardly varies or is out of scale")
    covariance = np.linalg.inv(-hessian)
    df = k - 1 - len(covariates)
    quantile = float(stats.t.ppf(0.975, df))
    coefficients = {}
    for index, name in enumerate(covariates, start=1):
        slope = float(point[index] / scale[index - 1])
        se = float(np.sqrt(covariance[index, index]) / scale[index - 1])
        coefficients[name] = {
            "log_odds_per_unit": slope,
            "ci95": [slope - quantile * se, slope + quantile * se],
            "se": se,
        }
    ratio = max(0.0, 2 * (value - base.log_likelihood))
    return {
        "k": k,
        "coefficients": coefficients,
        "rate_at_mean": float(special.expit(point[0])),
        "tau": abs(float(point[-1])),
        "likelihood_ratio": ratio,
        "p": float(stats.chi2.sf(ratio, len(covariates))),
        "note": "between-study associations: never causal, and prone to ecological bias",
    }

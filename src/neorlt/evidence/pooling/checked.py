"""A pool whose likelihood fit is checked at its answer, and the limits of its small series said in both ways.

The check stands apart from the methods: it takes what a pool answers and tries small steps round it on the likelihood itself, so a
search that stayed at its start or stopped beside its best cannot pass, whatever it reports of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neorlt.core.fitting import require_best
from neorlt.core.proportions import limits_differ
from neorlt.evidence.pooling import betabinomial, glmm
from neorlt.evidence.pooling.choice import AUTO
from neorlt.evidence.pooling.counts import StudyCounts, as_arrays
from neorlt.evidence.pooling.pool import MINIMUM_SERIES, PooledRate
from neorlt.evidence.pooling.pool import pool as _pool

OTHERWISE = "look for a study whose counts are out of scale, or pool by method bayes, which searches a grid"


def pool(studies: Sequence[StudyCounts], method: str = AUTO, *, minimum_series: int = MINIMUM_SERIES) -> PooledRate:
    """Pool proportions as :func:`neorlt.evidence.pooling.pool.pool`, with the likelihood checked at the answer.

    Raises:
        InputError: as there; or the fit never left its start values or stopped beside its best.

    """
    found = _pool(studies, method, minimum_series=minimum_series)
    _require_best(found)
    return found


def _require_best(found: PooledRate) -> None:
    """Refuse a likelihood fit that small steps can still improve; other methods integrate or have closed forms."""
    if "mu" not in found.link or "se" not in found.link:
        return
    x, n = as_arrays(found.studies)
    if found.method in ("glmm", "glmm-wald-t", "glmm-wald-z"):
        at = [found.link["mu"], found.link["tau2"] ** 0.5]
        require_best(at, lambda p: -float(glmm.log_likelihood(x, n, p[0], p[1])), what="the pooling model",
                     names=("logit mean", "tau"), remedy=OTHERWISE)
    elif found.method == "beta-binomial" and "a_plus_b" in found.link:
        at = [found.link["mu"], np.log(found.link["a_plus_b"])]
        require_best(at, lambda p: -float(betabinomial.log_likelihood(x, n, p[0], p[1])), what="the beta-binomial model",
                     names=("logit mean", "log precision"), remedy=OTHERWISE)


def with_limits(document: dict[str, Any], found: PooledRate) -> dict[str, Any]:
    """The document of a pool with the likelihood's limits beside the exact ones, and in words where they lie apart."""
    rows = {study.study: list(study.likelihood_interval()) for study in (*found.studies, *found.case_reports)}
    crude = dict(document["crude"])
    if found.n:
        crude["likelihood95"] = list(StudyCounts("sum", found.events, found.n).likelihood_interval())
    shown = {key: [row | {"likelihood95": rows[row["study"]]} for row in document[key]] for key in ("studies", "case_reports")}
    return document | shown | {"crude": crude, "limits": [_sentence(s) for s in found.studies if limits_differ(*_limits(s))]}


def _limits(study: StudyCounts) -> tuple[tuple[float, float], tuple[float, float]]:
    return study.exact_interval(), study.likelihood_interval()


def _sentence(study: StudyCounts) -> str:
    """Both kinds of limits of a small series: other programs print either, without saying which."""
    exact, likelihood = (f"{100 * low:.1f} to {100 * high:.1f} %" for low, high in _limits(study))
    return f"{study.study}, {study.events} of {study.total}: exact limits {exact}, likelihood limits {likelihood}"

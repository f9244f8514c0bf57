"""The response rate after a two-stage trial: what is found is not what is true, since trials that started badly were stopped.

Among trials that are called promising the plain rate is too high; over all trials it is a little too low (those stopped early count
as they stood). Two estimates mend it: the uniformly minimum-variance unbiased one (Jung and Kim 2004, Stat Med 23:881, doi
10.1002/sim.1653), and the median-unbiased one by the same order of outcomes (stage reached, then responses). Both are right over all
trials; neither is made to take off what looking at promising trials alone adds, and after the second stage the unbiased rate lies above the
plain one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.trials.designs._binomial import Floats, pmf_row
from neorlt.trials.designs.simon import TwoStage

NOTE = (
    "Unbiased and median-unbiased over all trials, those that stop early among them: after the second stage the unbiased rate lies above "
    "the plain one. Neither takes off what looking at promising trials alone adds (plain rate if promising)."
)


@dataclass(frozen=True)
class Estimate:
    """What a trial that ended with ``responses`` in ``n`` patients says of the response rate."""

    responses: int
    n: int
    plain: float
    unbiased: float
    median_unbiased: float

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def _paths(design: TwoStage, responses: int) -> tuple[Floats, Floats]:
    """Ways ``(x1,)`` to reach ``responses`` after both stages, and those with the first patient a responder, each on a common scale."""
    from scipy.special import gammaln

    n2 = design.n - design.n1
    first = np.arange(max(design.r1 + 1, responses - n2), min(responses, design.n1) + 1)

    def log_choose(n: int, k: Floats) -> Floats:
        return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))

    x = first.astype(float)
    log = log_choose(design.n1, x) + log_choose(n2, responses - x)
    ways = np.exp(log - log.max())
    # C(n1 - 1, x1 - 1) = C(n1, x1) x1 / n1
    return ways, ways * x / design.n1


def outcome_probabilities(design: TwoStage, p: float) -> list[tuple[int, int, float]]:
    """Every way the trial can end at response rate ``p``: ``(responses, patients, probability)``, worst outcome first."""
    early = pmf_row(p, design.n1)
    ended = [(x, design.n1, float(early[x])) for x in range(design.r1 + 1)]
    later = np.zeros(design.n + 1)
    second = pmf_row(p, design.n - design.n1)
    for x in range(design.r1 + 1, design.n1 + 1):
        later[x : x + len(second)] += early[x] * second
    return [*ended, *((s, design.n, float(later[s])) for s in range(design.r1 + 1, design.n + 1))]


def estimate(design: TwoStage, responses: int, n: int) -> Estimate:
    """The response rate after ``responses`` in ``n`` patients.

    Raises
    ------
    InputError
        If the trial cannot have ended so.
    """
    early = n == design.n1 and 0 <= responses <= design.r1
    if not early and not (n == design.n and design.r1 < responses <= design.n):
        raise InputError(
            "the trial cannot have ended so",
            expected=f"0 to {design.r1} responses in {design.n1} patients, or {design.r1 + 1} to {design.n} in {design.n}",
            found=f"{responses} in {n}", remedy="give the responses of all patients when the trial ended")
    if early:
        unbiased = responses / n
    else:
        ways, with_first = _paths(design, responses)
        unbiased = float(with_first.sum() / ways.sum())
    return Estimate(responses, n, responses / n, unbiased, _median_unbiased(design, responses, n))


def _median_unbiased(design: TwoStage, responses: int, n: int) -> float:
    """The rate at which a result as good or better, and one as bad or worse, are equally far from one half."""
    from scipy.optimize import brentq

    def better(p: float) -> float:
        rows = outcome_probabilities(design, p)
        place = next(i for i, (s, m, _) in enumerate(rows) if (s, m) == (responses, n))
        # Half of the result itself to each side (mid-p), so that no and all responses have a finite answer too.
        return sum(q for *_, q in rows[place + 1 :]) + 0.5 * rows[place][2] - 0.5

    low, high = 1e-9, 1.0 - 1e-9
    if better(low) >= 0.0:
        return 0.0
    return 1.0 if better(high) <= 0.0 else float(brentq(better, low, high, xtol=1e-10))


def plain_rate_if_promising(design: TwoStage, p: float) -> float:
    """Mean of the plain rate over trials that are called promising, at the true rate ``p``."""
    rows = [(s / n, q) for s, n, q in outcome_probabilities(design, p) if n == design.n and s > design.r]
    return float(sum(rate * q for rate, q in rows) / sum(q for _, q in rows))


def estimates_document(design: TwoStage, p0: float, p1: float) -> dict[str, Any]:
    """What a design's report says of the rate that it will find: the plain rate's error, and the corrected rates of its results."""
    return {
        "plain_rate_if_promising": [{"true": p, "mean": plain_rate_if_promising(design, p)} for p in (p0, p1)],
        "after": [estimate(design, s, design.n).as_json() for s in range(design.r + 1, min(design.r + 6, design.n) + 1)],
        "note": NOTE, "source": "Jung and Kim 2004, doi 10.1002/sim.1653",
    }

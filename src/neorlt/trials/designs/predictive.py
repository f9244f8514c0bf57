"""Bayesian designs of one arm that stop by predictive probability.

Source: Lee & Liu 2008, Clin Trials 5:93, doi 10.1177/1740774508089279. The trial succeeds when the posterior chance that
the rate beats p0 is above ``theta_success``; a look stops for futility when the predictive probability of that success is
below ``theta_futility``. Priors are beta; operating characteristics are exact sums, not simulations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.trials.designs._binomial import SLACK, Floats, check_rates, pmf_table


@dataclass(frozen=True)
class PredictiveDesign:
    """Looks after ``looks`` patients; stop at a look with ``stop_at`` or fewer responses; success with more than ``r`` of n."""

    looks: tuple[int, ...]
    stop_at: tuple[int, ...]
    r: int
    n: int
    theta_success: float
    theta_futility: float
    prior: tuple[float, float]
    en_p0: float
    en_p1: float
    pet_p0: float
    pet_p1: float
    alpha: float
    power: float

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def success_cutoff(p0: float, n: int, theta: float, prior: tuple[float, float]) -> int:
    """Largest number of responses that is **not** a success: posterior P(p > p0) at most theta."""
    from scipy.special import betaincc

    x = np.arange(n + 1)
    posterior = betaincc(prior[0] + x, prior[1] + n - x, p0)
    return int(np.sum(posterior <= theta)) - 1


def predictive_probability(x: int, n_now: int, n: int, r: int, prior: tuple[float, float]) -> float:
    """Chance that more than r of n respond, after x of n_now: a beta-binomial tail."""
    from scipy.special import betaln, gammaln

    m = n - n_now
    y = np.arange(m + 1)
    a, b = prior[0] + x, prior[1] + n_now - x
    log = gammaln(m + 1) - gammaln(y + 1) - gammaln(m - y + 1) + betaln(a + y, b + m - y) - betaln(a, b)
    return float(np.sum(np.exp(log)[x + y > r]))


def operating_characteristics(
    p: float, looks: Sequence[int], stop_at: Sequence[int], r: int, n: int
) -> tuple[float, float, float]:
    """Exact (chance of success, expected patients, chance of stopping early) at response rate p."""
    pmf = pmf_table(p, n)
    state: Floats = np.array([1.0])
    seen, expected, stopped = 0, 0.0, 0.0
    for look, bound in zip(looks, stop_at, strict=True):
        state = np.convolve(state, pmf[look - seen, : look - seen + 1])
        seen = look
        lost = float(state[: bound + 1].sum())
        expected += lost * look
        stopped += lost
        state[: bound + 1] = 0.0
    state = np.convolve(state, pmf[n - seen, : n - seen + 1])
    return float(state[r + 1 :].sum()), expected + (1.0 - stopped) * n, stopped


def predictive_design(
    p0: float,
    p1: float,
    *,
    n: int,
    looks: Sequence[int],
    theta_success: float = 0.95,
    theta_futility: float = 0.05,
    prior: tuple[float, float] = (0.5, 0.5),
) -> PredictiveDesign:
    """The design for given thresholds.

    Raises
    ------
    InputError
        If rates, looks or thresholds are out of range.
    """
    check_rates(p0, p1, 0.5, 0.5)
    looks = tuple(int(v) for v in looks)
    if any(b <= a for a, b in zip((0, *looks), (*looks, n), strict=True)):
        raise InputError(
            "the looks are not usable",
            expected="increasing numbers of patients below n",
            found=f"{looks}, n = {n}",
            remedy="correct the looks",
        )
    if not (0 < theta_success < 1 and 0 <= theta_futility < 1 and min(prior) > 0):
        raise InputError(
            "a threshold or the prior is out of range",
            expected="thresholds in (0, 1), prior parameters above 0",
            found=f"{theta_success:g}, {theta_futility:g}, {prior}",
            remedy="correct the options",
        )
    r = success_cutoff(p0, n, theta_success, prior)
    stop_at = []
    for look in looks:
        chances = [predictive_probability(x, look, n, r, prior) for x in range(look + 1)]
        stop_at.append(int(np.sum(np.asarray(chances) < theta_futility)) - 1)
    alpha, en0, pet0 = operating_characteristics(p0, looks, stop_at, r, n)
    power, en1, pet1 = operating_characteristics(p1, looks, stop_at, r, n)
    return PredictiveDesign(looks, tuple(stop_at), r, n, theta_success, theta_futility, prior, en0, en1, pet0, pet1, alpha, power)


def two_stage_predictive(
    p0: float, p1: float, alpha: float = 0.05, beta: float = 0.2, *, prior: tuple[float, float] = (0.5, 0.5), n_limit: int = 200
) -> PredictiveDesign:
    """The smallest two-stage predictive design (one look, half-way) that holds both errors.

    For each n the cut-off is the smallest that holds the level, theta_success follows from it, and theta_futility is the
    largest of a fine grid that keeps the power: it stops as often as the power allows.

    Raises
    ------
    InputError
        If the rates make no design, or it needs more than ``n_limit`` patients.
    """
    from scipy.special import betaincc

    check_rates(p0, p1, alpha, beta)
    for n in range(4, n_limit + 1):
        look = n // 2
        tails = np.cumsum(pmf_table(p0, n)[n, ::-1])[::-1]
        r = int(np.argmax(np.append(tails[1:], 0.0) <= alpha + SLACK))
        power, _, _ = operating_characteristics(p1, (), (), r, n)
        if power < 1 - beta - SLACK:
            continue
        best = -1
        for stop in range(look + 1):
            if operating_characteristics(p1, (look,), (stop,), r, n)[0] < 1 - beta - SLACK:
                break
            best = stop
        posterior = betaincc(prior[0] + np.array([r, r + 1]), prior[1] + n - np.array([r, r + 1]), p0)
        theta = float(posterior.mean())
        chances = [predictive_probability(x, look, n, r, prior) for x in (max(best, 0), best + 1)]
        futility = 0.0 if best < 0 else float(np.mean(chances))
        return predictive_design(p0, p1, n=n, looks=(look,), theta_success=theta, theta_futility=futility, prior=prior)
    raise InputError(
        "no predictive design was found",
        expected=f"at most {n_limit} patients",
        found=f"p0 = {p0:g}, p1 = {p1:g}",
        remedy="set the two rates further apart or relax alpha and beta",
    )

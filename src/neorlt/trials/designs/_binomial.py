"""Binomial tables and checks shared by the exact designs."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError

Floats = NDArray[np.float64]
SLACK = 1e-12
"""Slack of ``size <= alpha``: rounding of a sum of products, not a relaxed level."""


def check_rates(p0: float, p1: float, alpha: float, beta: float) -> None:
    """Refuse rates and error levels that make no design.

    Raises
    ------
    InputError
        Unless 0 < p0 < p1 < 1 and both levels lie in (0, 0.5].
    """
    if not 0.0 < p0 < p1 < 1.0:
        raise InputError(
            "the two rates do not make a design",
            expected="0 < p0 < p1 < 1",
            found=f"p0 = {p0:g}, p1 = {p1:g}",
            remedy="give the uninteresting rate as p0 and the hoped-for rate as p1",
        )
    for name, level in (("alpha", alpha), ("beta", beta)):
        if not 0.0 < level <= 0.5:
            raise InputError(
                f"{name} is out of range",
                expected="above 0 and up to 0.5",
                found=f"{level:g}",
                remedy=f"give {name} as a probability, for example 0.05",
            )


@functools.lru_cache(maxsize=16)
def pmf_table(p: float, n_max: int) -> Floats:
    """``(n_max + 1, n_max + 1)`` binomial probabilities ``P(X = x | n, p)`` at ``[n, x]``; 0 for x above n."""
    from scipy.special import gammaln

    count = np.arange(n_max + 1)
    factorial = gammaln(count + 1.0)
    x, n = count[None, :], count[:, None]
    successes, failures = factorial - count * np.log(p), factorial - count * np.log1p(-p)
    log = failures[np.maximum(n - x, 0)]
    log += successes
    np.subtract(factorial[:, None], log, out=log)
    table: Floats = np.exp(log, out=np.zeros_like(log), where=x <= n)
    table.setflags(write=False)
    return table


def pmf_row(p: float, n: int) -> Floats:
    """Binomial probabilities of 0 … n successes."""
    from scipy.special import gammaln

    x = np.arange(n + 1)
    row: Floats = np.exp(gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0) + x * np.log(p) + (n - x) * np.log1p(-p))
    return row


@functools.lru_cache(maxsize=16)
def sf_table(p: float, n_max: int) -> Floats:
    """``(n_max + 1, n_max + 3)`` upper tails ``P(X > k | n, p)`` at ``[n, k + 1]`` for k = −1 … n_max + 1."""
    pmf = pmf_table(p, n_max)
    tail = np.cumsum(pmf[:, ::-1], axis=1)[:, ::-1]
    table = np.zeros((n_max + 1, n_max + 3))
    table[:, : n_max + 1] = np.minimum(tail, 1.0)
    table[:, 0] = 1.0
    table.setflags(write=False)
    return table


def tail(p: float, n: int, k: int) -> float:
    """``P(X > k)`` for one binomial."""
    from scipy.special import bdtrc

    if k < 0:
        return 1.0
    return 0.0 if k >= n else float(bdtrc(k, n, p))

"""Limits of one proportion: exact ones, and those of the likelihood beside them.

Of 0 in 23 the exact upper limit is 14.8 % and the likelihood's 8.0 %: one promises to hold the truth in at least 95 of 100 series
whatever it is, the other holds every rate under which the counts are not much less likely than at their best. In small series both are
shown, so that a reader of either is not surprised by the other.
"""

from __future__ import annotations

from math import log

from neorlt.core.errors import InputError

SMALL_GAP = 0.01
"""Ends that lie further apart than one percentage point are printed both."""


def _checked(events: int, total: int) -> None:
    if not 0 <= events <= total or total <= 0:
        raise InputError(
            "a count is not a proportion",
            expected="0 <= events <= total, total above 0",
            found=f"{events}/{total}",
            remedy="correct the counts",
        )


def exact_interval(events: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval (Clopper and Pearson, Biometrika 1934;26:404), as R's ``binom.test``.

    Raises
    ------
    InputError
        If the counts are no proportion.
    """
    from scipy.special import betaincinv  # scipy.stats would cost every prediction half a second

    _checked(events, total)
    tail = (1.0 - level) / 2.0
    low = 0.0 if events == 0 else float(betaincinv(events, total - events + 1, tail))
    high = 1.0 if events == total else float(betaincinv(events + 1, total - events, 1.0 - tail))
    return low, high


def likelihood_interval(events: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Rates whose log likelihood lies at most half a chi-squared quantile below the best.

    Without events the upper limit is ``1 - exp(-q / 2n)``, ``q`` 3.84 at 95 % (Wilks 1938, doi 10.1214/aoms/1177732360).

    Raises
    ------
    InputError
        If the counts are no proportion.
    """
    from scipy.special import chdtri

    _checked(events, total)
    best = events / total
    fall = 0.5 * float(chdtri(1, 1.0 - level))

    def loss(rate: float) -> float:
        seen = events * log(rate) if events else 0.0
        return -(seen + ((total - events) * log(1.0 - rate) if events < total else 0.0))

    def end(outer: float) -> float:
        # The loss rises from the best rate to the end of the scale, where it is infinite: halving always finds the limit.
        inner, limit = best, (loss(best) if 0 < best < 1 else 0.0) + fall
        for _ in range(80):
            middle = 0.5 * (inner + outer)
            inner, outer = (middle, outer) if loss(middle) <= limit else (inner, middle)
        return 0.5 * (inner + outer)

    return (0.0 if events == 0 else end(0.0)), (1.0 if events == total else end(1.0))


def limits_differ(exact: tuple[float, float], likelihood: tuple[float, float]) -> bool:
    """Whether the two intervals are far enough apart (:data:`SMALL_GAP`) to be printed beside each other."""
    return max(abs(a - b) for a, b in zip(exact, likelihood, strict=True)) > SMALL_GAP


def in_words(chance: float) -> str:
    """A chance in whole per cent, for a sentence; never a certainty.

    >>> in_words(0.256), in_words(0.001), in_words(1.0)
    ('26 %', 'under 1 %', 'over 99 %')
    """
    return "under 1 %" if chance < 0.01 else "over 99 %" if chance > 0.99 else f"{100 * chance:.0f} %"

"""Stopping for safety: when complications (or pancreatic fistulas) are too many to go on.

Sources: posterior rule after Thall & Simon 1994, Biometrics 50:337; the Pocock-type boundary of Ivanova, Qaqish & Schell
2005, Biometrics 61:540, doi 10.1111/j.1541-0420.2005.00311.x. Chances are exact sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.trials.designs._binomial import Floats, tail


@dataclass(frozen=True)
class SafetyBoundary:
    """Stop when ``bounds[k]`` or more of the first ``looks[k]`` patients have the event (a bound above its look never stops)."""

    looks: tuple[int, ...]
    bounds: tuple[int, ...]
    acceptable_rate: float
    rule: str
    threshold: float
    stop_probability_acceptable: float
    expected_n_acceptable: float

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def stopping(rate: float, looks: Sequence[int], bounds: Sequence[int]) -> tuple[float, float]:
    """Exact (chance of ever stopping, expected patients) at an event rate."""
    state: Floats = np.array([1.0])
    step: Floats = np.array([1.0 - rate, rate])
    stopped, expected = 0.0, 0.0
    seen = 0
    for look, bound in zip(looks, bounds, strict=True):
        for _ in range(look - seen):
            state = np.convolve(state, step)
        seen = look
        over = float(state[bound:].sum()) if bound < len(state) else 0.0
        stopped += over
        expected += over * look
        state[bound:] = 0.0
    return stopped, expected + (1.0 - stopped) * looks[-1]


def safety_boundary(
    acceptable_rate: float,
    n: int,
    *,
    rule: str = "pocock",
    alpha: float = 0.05,
    posterior: float = 0.95,
    prior: tuple[float, float] = (0.5, 0.5),
    every: int = 1,
    first: int = 2,
) -> SafetyBoundary:
    """Boundary for up to n patients.

    Parameters
    ----------
    acceptable_rate
        Event rate that is still accepted.
    n
        Patients of the trial.
    rule
        ``"pocock"``: the most cautious pointwise level that keeps the chance of stopping at the acceptable rate within
        ``alpha``. ``"posterior"``: stop when P(rate > acceptable | data) exceeds ``posterior`` with a beta prior.
    alpha, posterior, prior
        As above.
    every, first
        A look after ``first`` patients, then every so many.

    Raises
    ------
    InputError
        If a value is out of range.
    """
    if not (0 < acceptable_rate < 1 and n >= 1 and every >= 1 and 1 <= first <= n and 0 < alpha < 1 and 0 < posterior < 1):
        raise InputError(
            "the safety rule is out of range",
            expected="0 < rate < 1, 1 <= first <= n, levels in (0, 1)",
            found=f"rate {acceptable_rate:g}, n {n}, first {first}",
            remedy="correct the options",
        )
    looks = tuple(sorted({*range(first, n + 1, every), n}))
    if rule == "posterior":
        from scipy.special import betaincc

        bounds = []
        for look in looks:
            x = np.arange(look + 1)
            over = betaincc(prior[0] + x, prior[1] + look - x, acceptable_rate) > posterior
            bounds.append(int(np.argmax(over)) if over.any() else look + 1)
        threshold = posterior
    elif rule == "pocock":
        # Every pointwise level that can matter is one of the attainable tails: the largest that keeps alpha wins.
        tails = {look: [tail(acceptable_rate, look, x - 1) for x in range(look + 1)] for look in looks}
        levels = sorted({value for row in tails.values() for value in row if value <= alpha})

        def at(level: float) -> list[int]:
            return [next((x for x, value in enumerate(tails[k]) if value <= level * (1 + 1e-12)), k + 1) for k in looks]

        low, high = 0, len(levels)
        while low < high:
            middle = (low + high) // 2
            if stopping(acceptable_rate, looks, at(levels[middle]))[0] <= alpha:
                low = middle + 1
            else:
                high = middle
        threshold = levels[low - 1] if low else 0.0
        bounds = at(threshold) if low else [k + 1 for k in looks]
    else:
        raise InputError("unknown safety rule", expected='"pocock" or "posterior"', found=rule, remedy="use one of these")
    chance, expected = stopping(acceptable_rate, looks, bounds)
    return SafetyBoundary(looks, tuple(bounds), acceptable_rate, rule, threshold, chance, expected)

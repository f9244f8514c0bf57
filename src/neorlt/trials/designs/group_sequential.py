"""Group-sequential boundaries and power by recursive numerical integration.

Sources: O'Brien & Fleming 1979; Pocock 1977; Lan & DeMets 1983 (spending); Hwang, Shih & DeCani 1990; the recursion of
Armitage, McPherson & Rowe 1969. One-sided tests of efficacy; the score statistic has unit variance at each look and
correlation sqrt(t_i / t_j).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from neorlt.core.errors import InputError
from neorlt.trials.designs._binomial import Floats

Kind = Literal["obrien-fleming", "pocock", "spending-obrien-fleming", "spending-pocock", "spending-hsd"]
KINDS: tuple[Kind, ...] = ("obrien-fleming", "pocock", "spending-obrien-fleming", "spending-pocock", "spending-hsd")
NODES = 64
"""Gauss–Legendre nodes of each of the panels that cover the continuation region."""
PANELS = 6
REACH = 9.0


@dataclass(frozen=True)
class GroupSequential:
    """Boundaries of a one-sided group-sequential test.

    ``z`` are critical values at each look, ``cumulative_alpha`` the level spent until then, ``drift`` the mean of the
    final statistic that gives the power, and ``inflation`` the largest information over that of a fixed design.
    """

    kind: str
    information: tuple[float, ...]
    z: tuple[float, ...]
    cumulative_alpha: tuple[float, ...]
    alpha: float
    power: float
    drift: float
    inflation: float
    expected_information_h0: float
    expected_information_h1: float
    stop_probability_h1: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


class _Recursion:
    """Density of the statistic over the region where the trial goes on, carried from look to look."""

    def __init__(self, information: Sequence[float], drift: float = 0.0) -> None:
        self.t = np.asarray(information, float)
        self.drift = drift
        self.look = 0
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        self.nodes = (np.arange(PANELS)[:, None] + (nodes + 1.0) / 2.0).ravel() / PANELS
        self.weights = np.tile(weights / 2.0, PANELS) / PANELS
        self.score: Floats = np.zeros(0)
        self.mass: Floats = np.zeros(0)

    def exceed(self, z: float) -> float:
        """Chance of going on until the next look and then lying above z."""
        from scipy.special import ndtr

        k = self.look
        cut = z * np.sqrt(self.t[k])
        if k == 0:
            return float(ndtr(-(cut - self.drift * self.t[0]) / np.sqrt(self.t[0])))
        step = self.t[k] - self.t[k - 1]
        return float(np.sum(self.mass * ndtr(-(cut - self.score - self.drift * step) / np.sqrt(step))))

    def go_on(self, z: float) -> None:
        """Continue below z at this look."""
        k = self.look
        t = self.t[k]
        low = self.drift * t - REACH * np.sqrt(t)
        high = min(z * np.sqrt(t), self.drift * t + REACH * np.sqrt(t))
        score = low + (high - low) * self.nodes
        weights = (high - low) * self.weights
        if k == 0:
            density = np.exp(-((score - self.drift * t) ** 2) / (2 * t)) / np.sqrt(2 * np.pi * t)
        else:
            step = t - self.t[k - 1]
            gap = score[:, None] - self.score[None, :] - self.drift * step
            density = (np.exp(-(gap**2) / (2 * step)) / np.sqrt(2 * np.pi * step)) @ self.mass
        self.score, self.mass = score, weights * density
        self.look += 1


def crossing_probabilities(information: Sequence[float], z: Sequence[float], drift: float = 0.0) -> tuple[float, ...]:
    """Chance of first crossing at each look; the final statistic has mean ``drift`` (information ends at 1)."""
    recursion = _Recursion(information, drift)
    chances = []
    for k, bound in enumerate(z):
        chances.append(recursion.exceed(bound))
        if k < len(z) - 1:
            recursion.go_on(bound)
    return tuple(chances)


def spending(kind: Kind, t: float, alpha: float, gamma: float = -4.0) -> float:
    """Level spent at information fraction t."""
    from scipy.special import ndtr, ndtri

    if kind == "spending-obrien-fleming":
        return float(2.0 * ndtr(-ndtri(1.0 - alpha / 2.0) / np.sqrt(t)))
    if kind == "spending-pocock":
        return float(alpha * np.log1p((math.e - 1.0) * t))
    if kind == "spending-hsd":
        return float(alpha * t) if gamma == 0 else float(alpha * np.expm1(-gamma * t) / np.expm1(-gamma))
    raise InputError("this boundary has no spending function", found=kind, remedy="use one of the spending kinds")


def _solve(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-13, rtol=1e-14))


def boundaries(kind: Kind, information: Sequence[float], alpha: float, gamma: float = -4.0) -> tuple[float, ...]:
    """Critical values at each look."""
    t = np.asarray(information, float)
    if kind in ("obrien-fleming", "pocock"):
        shape = 1.0 / np.sqrt(t) if kind == "obrien-fleming" else np.ones_like(t)
        c = _solve(lambda x: sum(crossing_probabilities(t.tolist(), (x * shape).tolist())) - alpha, 0.3, 8.0)
        return tuple(float(v) for v in c * shape)
    recursion = _Recursion(t.tolist())
    z: list[float] = []
    spent = 0.0
    for k in range(len(t)):
        target = spending(kind, float(t[k]), alpha, gamma) - spent
        bound = _solve(lambda x, goal=target: recursion.exceed(x) - goal, -2.0, 8.5)  # type: ignore[misc]
        spent += target
        z.append(bound)
        if k < len(t) - 1:
            recursion.go_on(bound)
    return tuple(z)


def group_sequential(
    kind: Kind = "obrien-fleming",
    *,
    looks: int = 3,
    information: Sequence[float] | None = None,
    alpha: float = 0.025,
    beta: float = 0.2,
    gamma: float = -4.0,
) -> GroupSequential:
    """Boundaries, and what they cost.

    Parameters
    ----------
    kind
        One of :data:`KINDS`.
    looks
        Number of looks, equally spaced, where ``information`` is not given.
    information
        Increasing fractions of the information, ending at 1.
    alpha, beta
        One-sided level and type II error.
    gamma
        Parameter of the Hwang–Shih–DeCani family.

    Raises
    ------
    InputError
        If a value is out of range.
    """
    from scipy.special import ndtri

    if kind not in KINDS:
        raise InputError("unknown boundary", expected=", ".join(KINDS), found=str(kind), remedy="use one of these")
    t = tuple((k + 1) / looks for k in range(looks)) if information is None else tuple(float(v) for v in information)
    if not t or abs(t[-1] - 1.0) > 1e-9 or t[0] <= 0 or any(b <= a for a, b in zip(t, t[1:], strict=False)):
        raise InputError(
            "the information fractions are not usable",
            expected="increasing numbers above 0 that end at 1",
            found=str(t),
            remedy="correct the fractions",
        )
    if not (0 < alpha < 0.5 and 0 < beta < 0.5):
        raise InputError(
            "an error level is out of range",
            expected="0 < alpha, beta < 0.5",
            found=f"{alpha:g}, {beta:g}",
            remedy="correct alpha and beta",
        )
    z = boundaries(kind, t, alpha, gamma)
    spent = np.cumsum(crossing_probabilities(t, z))
    fixed = float(ndtri(1 - alpha) + ndtri(1 - beta))
    drift = _solve(lambda d: sum(crossing_probabilities(t, z, d)) - (1 - beta), 0.5 * fixed, 2.5 * fixed)
    stop1 = crossing_probabilities(t, z, drift)
    stop0 = crossing_probabilities(t, z)

    def expected(stop: tuple[float, ...]) -> float:
        return float(sum(p * i for p, i in zip(stop, t, strict=True)) + (1 - sum(stop)) * t[-1])

    return GroupSequential(
        kind,
        t,
        z,
        tuple(float(v) for v in spent),
        alpha,
        1 - beta,
        drift,
        (drift / fixed) ** 2,
        expected(stop0),
        expected(stop1),
        stop1,
    )

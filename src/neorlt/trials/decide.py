"""The trial's verdict: each simulated trial is analysed as the protocol says, all trials of a block at once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.trials.design import BINARY, LOWER_IS_BETTER, TIMES, TrialDesign
from neorlt.trials.designs._binomial import SLACK, tail
from neorlt.trials.designs.simon import reject_probability
from neorlt.trials.designs.two_arm import largest_level, rejection_region

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Verdict:
    """How one arm is judged: positive with more than ``r`` of ``n``, unless stage 1 saw ``r1`` or fewer of ``n1``."""

    r: int
    n: int
    level: float
    stage1: tuple[int, int] | None


def single_arm_rule(design: TrialDesign) -> Verdict:
    """The exact single-arm rule and its enumerated level at ``p0``.

    Raises
    ------
    InputError
        If stage 1 is not smaller than the trial.
    """
    test, n = design.test, design.arms[0].n
    assert test.p0 is not None
    null = test.p0 if test.higher_is_better else 1.0 - test.p0
    if test.stage1 is not None and not 0 <= test.stage1[0] < test.stage1[1] < n:
        raise InputError(
            "stage 1 does not fit the trial",
            expected=f"0 <= r1 < n1 < {n}",
            found=f"{test.stage1[0]}/{test.stage1[1]}",
            remedy="correct r1 and n1",
        )
    if test.cutoff is not None:
        r = test.cutoff - 1
    else:
        r = next(k for k in range(n + 1) if tail(null, n, k) <= test.alpha + SLACK)
    if test.stage1 is None:
        level = tail(null, n, r)
    else:
        level = reject_probability(min(max(null, 1e-12), 1 - 1e-12), *test.stage1, max(r, test.stage1[0]), n)
    return Verdict(r, n, level, test.stage1)


def single_arm(rule: Verdict, events: Flags, higher_is_better: bool = True) -> Flags:
    """Verdict of trials ``(..., patient)`` in order of enrolment; where lower is better, events are failures to count."""
    counted = events if higher_is_better else ~events
    positive = counted.sum(axis=-1) > rule.r
    if rule.stage1 is not None:
        r1, n1 = rule.stage1
        positive &= counted[..., :n1].sum(axis=-1) > r1
    return np.asarray(positive)


def two_arm_region(design: TrialDesign, n_control: int, n_experimental: int) -> tuple[Flags, float]:
    """Rejection region ``[experimental, control]`` of a binary test, and its exact level."""
    kind: Literal["fisher", "score"] = "fisher" if design.test.kind == "fisher" else "score"
    return _region(kind, n_experimental, n_control, design.test.alpha, design.test.margin)


@functools.lru_cache(maxsize=64)
def _region(kind: Literal["fisher", "score"], n1: int, n2: int, alpha: float, margin: float) -> tuple[Flags, float]:
    region = np.asarray(rejection_region(n1, n2, alpha, test=kind, margin=margin))
    region.setflags(write=False)
    return region, largest_level(region, margin=margin, points=60)[0]


def logrank_z(time: Floats, event: Flags, experimental: Flags) -> Floats:
    """Log-rank statistics of trials ``(..., patient)``, positive where the experimental arm lives longer.

    Simulated times are continuous, so there are no ties to weigh.
    """
    order = np.argsort(time, axis=-1)
    e = np.take_along_axis(event, order, axis=-1).astype(float)
    x = np.take_along_axis(np.broadcast_to(experimental, time.shape), order, axis=-1).astype(float)
    at_risk = np.arange(time.shape[-1], 0, -1)
    share = np.cumsum(x[..., ::-1], axis=-1)[..., ::-1] / at_risk
    difference = (e * (x - share)).sum(axis=-1)
    variance = (e * share * (1 - share)).sum(axis=-1)
    return np.asarray(-difference / np.sqrt(np.maximum(variance, 1e-12)))


def welch_z(control: Floats, experimental: Floats) -> Floats:
    """Welch statistics of trials ``(..., patient)``, positive where the experimental mean is higher."""
    se2 = control.var(axis=-1, ddof=1) / control.shape[-1] + experimental.var(axis=-1, ddof=1) / experimental.shape[-1]
    return np.asarray((experimental.mean(axis=-1) - control.mean(axis=-1)) / np.sqrt(np.maximum(se2, 1e-12)))


def compare(
    design: TrialDesign, endpoint: str, control: dict[str, Any], experimental: dict[str, Any], n: int
) -> tuple[Flags, Flags]:
    """Verdicts with the first ``n`` patients of each arm: (experimental better, control better), one-sided alpha each.

    ``control`` and ``experimental`` hold ``flags``, ``time``, ``event`` and ``values`` as ``(..., patient)`` arrays.
    """
    from scipy.special import ndtri, stdtrit

    test = design.test
    higher = test.higher_is_better if endpoint == test.endpoint else endpoint not in LOWER_IS_BETTER
    sign = 1.0 if higher else -1.0
    if endpoint in BINARY:
        a, b = control["flags"][endpoint][..., :n], experimental["flags"][endpoint][..., :n]
        if not higher:
            a, b = ~a, ~b
        n1, n2 = a.shape[-1], b.shape[-1]
        region, _ = two_arm_region(design, n1, n2)
        other, _ = two_arm_region(design, n2, n1) if test.margin == 0 else (np.zeros((n1 + 1, n2 + 1), bool), 0.0)
        x, y = a.sum(axis=-1), b.sum(axis=-1)
        return region[y, x], other[x, y]
    if endpoint in TIMES:
        time = np.concatenate([control["time"][endpoint][..., :n], experimental["time"][endpoint][..., :n]], axis=-1)
        event = np.concatenate([control["event"][endpoint][..., :n], experimental["event"][endpoint][..., :n]], axis=-1)
        first = min(n, control["time"][endpoint].shape[-1])
        z = logrank_z(time, event, np.arange(time.shape[-1]) >= first)
        limit = float(ndtri(1 - test.alpha))
    else:
        a, b = control["values"][endpoint][..., :n], experimental["values"][endpoint][..., :n]
        z = sign * welch_z(a, b)
        limit = float(stdtrit(a.shape[-1] + b.shape[-1] - 2, 1 - test.alpha))
    return np.asarray(z > limit), np.asarray(z < -limit)

"""Two time points: the exact mono-exponential through them, bounded by physical decay, as a named classical method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.dosimetry.objects import TimeActivity

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TwoPoint:
    """``tia_mbq_h`` and ``effective_half_life_h`` ``(draw,)``; ``bounded`` the part of draws held at physical decay."""

    tia_mbq_h: Floats
    effective_half_life_h: Floats
    bounded: float


def two_point(curve: TimeActivity, *, half_life_h: float, n_draws: int = core_draws.N_DRAWS, seed: int) -> TwoPoint:
    """Mono-exponential through two points, extrapolated to the injection.

    Raises
    ------
    InputError
        If the curve does not hold two points with activity above 0.
    """
    if len(curve.time_h) != 2 or np.any(curve.activity_mbq <= 0):
        raise InputError(
            "two points with activity are needed",
            found=f"{len(curve.time_h)} points",
            where=f"region {curve.name}",
            remedy="use fit_curve",
        )
    rng = core_draws.generator(seed, "two-point", curve.name)
    log_sd = np.sqrt(np.log1p((curve.sd_mbq / curve.activity_mbq) ** 2))
    y = curve.activity_mbq * np.exp(log_sd * rng.standard_normal((n_draws, 2)))
    decay = np.log(2.0) / half_life_h
    t0, t1 = curve.time_h
    slope = np.log(y[:, 0] / y[:, 1]) / (t1 - t0)
    bound = slope < decay
    rate = np.where(bound, decay, slope)
    # Where decay is the bound, the curve passes through the mean of the logs.
    middle = 0.5 * (np.log(y[:, 0]) + np.log(y[:, 1]) + rate * (t0 + t1))
    return TwoPoint(np.exp(middle) / rate, np.log(2.0) / rate, float(np.mean(bound)))

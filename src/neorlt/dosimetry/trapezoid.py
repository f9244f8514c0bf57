"""Trapezoid and tail: the named fallback where no curve is believed.

From injection to the first point the activity rises linearly from 0; between points it is linear; after the last point
it falls with the slope of the last two points, and never more slowly than physical decay.
"""

from __future__ import annotations

import numpy as np

from neorlt.core import draws as core_draws
from neorlt.dosimetry.objects import FitStatus, TimeActivity, TimeIntegratedActivity

NAME = "trapezoid and tail"


def trapezoid_with_tail(
    curve: TimeActivity, *, half_life_h: float, n_draws: int = core_draws.N_DRAWS, seed: int
) -> TimeIntegratedActivity:
    """Integrate by trapezoids with an exponential tail.

    The result is stored as one exponential with the tail's rate and the same integral, so that BED uses the tail's
    half-life; the shape before the tail is not kept.
    """
    rng = core_draws.generator(seed, "time-activity", curve.name)
    decay = float(np.log(2.0) / half_life_h)
    y = curve.activity_mbq + curve.sd_mbq * rng.standard_normal((n_draws, len(curve.time_h)))
    y = np.maximum(y, 1e-6 * float(np.max(curve.activity_mbq)))
    time = curve.time_h
    area = 0.5 * time[0] * y[:, 0] + np.sum(0.5 * (y[:, 1:] + y[:, :-1]) * np.diff(time), axis=1)
    rate = np.full(n_draws, decay)
    if len(time) > 1:
        rate = np.maximum(np.log(y[:, -2] / y[:, -1]) / (time[-1] - time[-2]), decay)
    tail = y[:, -1] / rate
    total = area + tail
    shared = core_draws.generator(seed, "calibration").standard_normal(n_draws)
    total = total * np.exp(np.log1p(curve.shared_cv) * shared) * curve.own_factor(seed, n_draws)
    status: list[FitStatus] = []
    if len(time) == 1:
        status.append(FitStatus.SINGLE_TIME_POINT)
    if float(np.median(tail / (area + tail))) > 0.30:
        status.append(FitStatus.TAIL_NOT_SAMPLED)
    return TimeIntegratedActivity(
        name=curve.name,
        nuclide=curve.nuclide,
        curve=curve,
        model=NAME,
        amplitude_mbq=(total * rate)[:, None],
        rate_per_h=rate[:, None],
        status=tuple(status) or (FitStatus.OK,),
    )

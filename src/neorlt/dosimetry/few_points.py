"""What stands beside a fit with few points: the classical methods with their windows, and which next image would help most.

The classical methods say what a colleague would have computed; they replace nothing. The value of a further image is what it would
take off the interval of the time-integrated activity: the worlds that the points leave open differ in the ratio of the activity then
to that at the last point, and the part of their spread which that ratio explains is what the image would remove.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.dosimetry.objects import TimeActivity, TimeIntegratedActivity
from neorlt.dosimetry.population import log_biological_half_life
from neorlt.dosimetry.priors import CurvePrior
from neorlt.dosimetry.single_time_point import Validity, haenscheid, madsen
from neorlt.dosimetry.trapezoid import trapezoid_with_tail
from neorlt.dosimetry.two_point import two_point

Floats = NDArray[np.float64]
CANDIDATES_H = (4.0, 24.0, 48.0, 72.0, 96.0, 120.0, 144.0, 168.0, 192.0, 240.0)
"""Times after injection at which a further image is tried."""
POINT_CV = 0.06
"""Uncertainty of the further image that its own region does not share with the others (assumption, as that of the images)."""
APART_H = 6.0
"""A further image nearer than this to one that exists is not tried."""
WORTH = 0.05
"""Less than this part of an interval is not worth a sentence."""


@dataclass(frozen=True)
class ClassicalEstimate:
    """A named method beside the fit: time-integrated activity, whether it lies in its window, and what it says."""

    method: str
    tia_mbq_h: float
    validity: Validity | None
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "method": self.method,
            "tia_mbq_h": self.tia_mbq_h,
            "validity": None if self.validity is None else self.validity.value,
            "sentence": self.sentence,
        }


def usual_half_life_h(prior: CurvePrior, half_life_h: float) -> float | None:
    """Effective half-life that the population gives a region; None for a prior that knows no organ."""
    if not prior.knows_shape:
        return None
    return 1.0 / (1.0 / prior.slow_half_life_h[0] + 1.0 / half_life_h)


def classical(curve: TimeActivity, prior: CurvePrior, *, half_life_h: float, seed: int) -> tuple[ClassicalEstimate, ...]:
    """Haenscheid and Madsen for one point, the two-point method for two, trapezoids with a tail for more.

    Parameters
    ----------
    curve
        Points of one region.
    prior
        Its population: the window of a single point is told by the usual half-life.
    half_life_h
        Physical half-life.
    seed
        Of the draws of the methods that have any.
    """
    usual = usual_half_life_h(prior, half_life_h)
    n = len(curve.time_h)
    if n == 1:
        activity, time = float(curve.activity_mbq[0]), float(curve.time_h[0])
        found = [haenscheid(activity, time, usual)]
        if usual is not None:
            found.append(madsen(activity, time, usual))
        return tuple(
            ClassicalEstimate(one.method, float(one.tia_mbq_h), one.validity, " ".join(one.warnings) or "Inside its validity window.")
            for one in found
        )
    if n == 2 and np.all(curve.activity_mbq > 0):
        two = two_point(curve, half_life_h=half_life_h, seed=seed)
        bounded = f"; held at physical decay in {100 * two.bounded:.0f} % of draws" if two.bounded > 0.01 else ""
        sentence = f"One exponential through both points, {np.median(two.effective_half_life_h):.0f} h{bounded}; nothing before the first."
        return (ClassicalEstimate("two points", float(np.median(two.tia_mbq_h)), None, sentence),)
    fit = trapezoid_with_tail(curve, half_life_h=half_life_h, seed=seed)
    tail = ", ".join(status.value for status in fit.status)
    sentence = f"Trapezoids and the slope of the last two points: {tail}."
    return (ClassicalEstimate(fit.model, float(np.median(fit.draws_mbq_h)), None, sentence),)


def value_of_time_points(tia: TimeIntegratedActivity, *, seed: int, candidates_h: Sequence[float] = CANDIDATES_H) -> dict[float, float]:
    """Part of the interval's width (log scale) that a further image at each time would take off, 0 … 1.

    Regression of the log time-integrated activity on the log ratio of the activity then to that at the last point, cubic, with the
    noise of one more point: calibration and recovery are shared by all points, and no further image removes them.
    """
    log_total = np.log(np.maximum(tia.draws_mbq_h, 1e-12))
    spread = float(np.var(log_total))
    last = _log_activity(tia, float(tia.curve.time_h[-1]))
    found = {}
    for time in candidates_h:
        if np.min(np.abs(tia.curve.time_h - time)) < APART_H or spread <= 0:
            continue
        noise = POINT_CV * core_draws.generator(seed, "further image", tia.name, f"{time:g}").standard_normal(len(log_total))
        seen = _log_activity(tia, time) - last + noise
        width = float(np.std(seen))
        if width <= 0:
            continue
        design = np.vander((seen - seen.mean()) / width, 4)
        residual = log_total - design @ np.linalg.lstsq(design, log_total, rcond=None)[0]
        found[float(time)] = float(np.clip(1.0 - np.sqrt(np.var(residual) / spread), 0.0, 1.0))
    return found


def _log_activity(tia: TimeIntegratedActivity, time_h: float) -> Floats:
    activity = (tia.amplitude_mbq * np.exp(-tia.rate_per_h * time_h)).sum(axis=1)
    return np.asarray(np.log(np.maximum(activity, 1e-12)))


def next_time_point(tias: Sequence[TimeIntegratedActivity], *, seed: int) -> dict[str, Any]:
    """Which further image would narrow the intervals most: ``{"best_h", "sentence", "times": [{"time_h", "narrower", …}]}``."""
    values = {tia.name: value_of_time_points(tia, seed=seed) for tia in tias}
    times = sorted(set.intersection(*(set(v) for v in values.values()))) if values else []
    rows: list[dict[str, Any]] = [
        {"time_h": time, "mean": float(np.mean([v[time] for v in values.values()])), "narrower": {n: v[time] for n, v in values.items()}}
        for time in times
    ]
    best = max(rows, key=lambda row: row["mean"], default=None)
    if best is None or best["mean"] < WORTH:
        return {"best_h": None, "sentence": "No further image would narrow the intervals by more than 5 %.", "times": rows}
    most = sorted(best["narrower"].items(), key=lambda item: -item[1])[:3]
    parts = ", ".join(f"{name} by {100 * part:.0f} %" for name, part in most)
    sentence = f"A further image at {best['time_h']:.0f} h would narrow intervals most: by {100 * best['mean']:.0f} % on average ({parts})."
    return {"best_h": best["time_h"], "sentence": sentence, "times": rows}


def biological_half_life(tia: TimeIntegratedActivity, half_life_h: float) -> dict[str, float]:
    """Slow biological half-life of the draws for the next cycle's prior: median in hours and log-SD."""
    logs = log_biological_half_life(tia, half_life_h)
    return {"median_h": float(np.exp(np.median(logs))), "log_sd": float(np.std(logs))}


"""Priors of the time–activity curve's parameters: what is believed before a point is seen.

With three points or more they only keep the fit from running to absurd rates; with one or two they carry the answer,
and :mod:`neorlt.dosimetry.population` then gives them per organ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neorlt.core.labels import Label


@dataclass(frozen=True)
class CurvePrior:
    """Independent log-normal beliefs ``(median, log-SD)`` about one region's curve.

    ``slow_half_life_h``, ``fast_half_life_h`` and ``uptake_half_time_h`` are *biological* (decay apart);
    ``fast_ratio`` is the amplitude of the fast washout over that of the slow one. ``amplitude_log_sd`` is wide: the
    images say how much there is.
    """

    slow_half_life_h: tuple[float, float]
    uptake_half_time_h: tuple[float, float]
    fast_ratio: tuple[float, float]
    fast_half_life_h: tuple[float, float]
    amplitude_log_sd: float = 3.0
    knows_shape: bool = False
    """Whether uptake and fast washout are those of an organ: then one or two points get the whole curve, not its last part."""
    label: Label = Label.ASSUMPTION
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("slow_half_life_h", "uptake_half_time_h", "fast_ratio", "fast_half_life_h"):
            median, log_sd = getattr(self, name)
            if not (median > 0 and log_sd > 0 and np.isfinite(median) and np.isfinite(log_sd)):
                raise ValueError(f"{name}: median and log-SD must be above 0, found {median} and {log_sd}")

    def moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and SD of the five log parameters of :mod:`neorlt.dosimetry.exponentials`; the amplitude's mean is 0."""
        log2 = np.log(2.0)
        mean = [
            0.0,
            np.log(log2 / self.slow_half_life_h[0]),
            np.log(log2 / self.uptake_half_time_h[0]),
            np.log(self.fast_ratio[0]),
            np.log(log2 / self.fast_half_life_h[0]),
        ]
        sd = [
            self.amplitude_log_sd,
            self.slow_half_life_h[1],
            self.uptake_half_time_h[1],
            self.fast_ratio[1],
            self.fast_half_life_h[1],
        ]
        return np.array(mean), np.array(sd)

    def with_slow_half_life(self, median_h: float, log_sd: float) -> CurvePrior:
        """The same prior with another belief about the slow biological half-life."""
        return replace(self, slow_half_life_h=(median_h, log_sd))


WEAK = CurvePrior(
    slow_half_life_h=(150.0, 1.5),
    uptake_half_time_h=(2.0, 1.0),
    fast_ratio=(0.5, 1.0),
    fast_half_life_h=(10.0, 1.0),
    source="assumption: 90 % of slow biological half-lives between 13 and 1770 h (a lesion may keep all it took up), "
    "of uptake half-times between 0.4 and 24 h",
)
"""Weak prior of every fit that is given no other: wide enough to be overruled by three points."""

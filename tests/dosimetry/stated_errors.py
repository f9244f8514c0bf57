"""Truths that are off by what the intervals say they may be off by: each cause drawn once a study, by numpy alone.

The sizes are those of :class:`~neorlt.dosimetry.uncertainty.UncertaintySettings`, read and not copied; nothing else of the program is
asked. What the intervals take as a factor on activity or volume happens to the study itself here: the images are scaled, the contours are
drawn elsewhere, the blur is stated wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import small_study as small
from numpy.typing import NDArray

from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings
from neorlt.imaging.region import Region

Floats = NDArray[np.float64]
DECAY = np.log(2.0) / small.HALF_LIFE_H["Lu-177"]


@dataclass(frozen=True)
class StudyErrors:
    """What one study is off by.

    ``calibration`` factor on every image; ``images`` ``(image,)`` factor on each; ``blur_mm`` stated less true width; ``s_value`` factor of
    the true dose on that of the model; ``step_mm`` and ``shift_mm`` ``(3,)`` by region: its surface outwards, its place along each axis.
    """

    calibration: float
    images: Floats
    blur_mm: float
    s_value: float
    step_mm: dict[str, float]
    shift_mm: dict[str, Floats]


def draw_errors(
    rng: np.random.Generator, names: Sequence[str], n_images: int, sizes: UncertaintySettings = DEFAULT
) -> StudyErrors:
    """One study's errors: calibration, blur and S-values once, an image's factor an image, surface and place a region."""
    return StudyErrors(
        calibration=1.0 + sizes.calibration_cv * rng.standard_normal(),
        images=1.0 + sizes.per_image_cv * rng.standard_normal(n_images),
        blur_mm=sizes.psf_fwhm_sd_mm * rng.standard_normal(),
        s_value=1.0 + sizes.s_value_cv * rng.standard_normal(),
        step_mm={name: sizes.contour_sd_mm * rng.standard_normal() for name in names},
        shift_mm={name: sizes.contour_shift_sd_mm * rng.standard_normal(3) for name in names},
    )


def drawn_contour(organ: small.Organ, errors: StudyErrors, also_mm: Sequence[float] = (0.0, 0.0, 0.0)) -> small.Organ:
    """The ellipsoid as somebody drew it; ``also_mm`` moves it besides (breathing)."""
    x, y, z = np.array(organ.centre) + errors.shift_mm[organ.name] + np.array(also_mm)
    a, b, c = np.array(organ.axes) + errors.step_mm[organ.name]
    return replace(organ, centre=(float(x), float(y), float(z)), axes=(float(a), float(b), float(c)))


def contour_region(organ: small.Organ, like: Region) -> Region:
    """``like`` with the ellipsoid's occupancy of image voxels."""
    n, mask = small.N_COARSE, small.inside(organ, small.grid(small.FINE))
    return replace(like, occupancy=mask.reshape(n[0], 2, n[1], 2, n[2], 2).mean(axis=(1, 3, 5)).astype(np.float32))


@dataclass(frozen=True)
class Kinetics:
    """One region's curve as a sum of exponentials: amplitudes in MBq, effective rates in 1/h, ``(3,)`` each."""

    amplitude_mbq: Floats
    rate_per_h: Floats

    def at(self, hour: float) -> float:
        """Activity in MBq."""
        return float((self.amplitude_mbq * np.exp(-self.rate_per_h * hour)).sum())

    @property
    def tia_mbq_h(self) -> float:
        """Time-integrated activity."""
        return float((self.amplitude_mbq / self.rate_per_h).sum())


def draw_kinetics(
    rng: np.random.Generator, start_mbq: float, beliefs: Sequence[tuple[float, float]]
) -> Kinetics:
    """A patient of a population: slow half-life, uptake half-time, share and half-life of the fast wash-out, each ``(median, log-SD)``.

    Half-lives in h and biological; ``start_mbq`` is the amplitude of the slow term.
    """
    slow_h, uptake_h, ratio, fast_h = (median * float(np.exp(log_sd * rng.standard_normal())) for median, log_sd in beliefs)
    slow = DECAY + np.log(2.0) / slow_h
    fast = slow + np.log(2.0) / fast_h
    rise = fast + np.log(2.0) / uptake_h
    return Kinetics(start_mbq * np.array([1.0, ratio, -1.0 - ratio]), np.array([slow, fast, rise]))


def nominal(organ: small.Organ, injected_mbq: float) -> Kinetics:
    """An organ of the small study as it stands there."""
    amplitude, rate = organ.terms("Lu-177")
    return Kinetics(injected_mbq * amplitude, rate)

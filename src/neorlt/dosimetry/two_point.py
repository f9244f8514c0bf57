"""Two time points: the exact mono-exponential through them, bounded by physical decay, as a named classical method."""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True)
class SecondImage:
    """When the second of two images is best: ``best_h``, within ``from_h`` to ``to_h`` nearly as good (SD at most 10 % larger).

    ``log_sd`` is the log-SD of the time-integrated activity at ``best_h`` over that of one image's reading.
    """

    first_h: float
    effective_half_life_h: float
    best_h: float
    from_h: float
    to_h: float
    log_sd: float


NEARLY = 1.1
"""A second image is nearly as good where its standard deviation is at most this many times the least."""


def second_image_log_sd(first_h: float, second_h: float, effective_half_life_h: float, noise_ratio: float = 1.0) -> float:
    """Log-SD of the two-point estimate over that of the first reading, to first order.

    With ``k`` the effective rate, ``log TIA = log y1 + k t1 - log k`` and ``k = log(y1 / y2) / (t2 - t1)``. A relative error of the first
    reading moves it by ``1 + u`` and one of the second by ``-u``, ``u = (k t1 - 1) / (k (t2 - t1))``.
    """
    rate = np.log(2.0) / effective_half_life_h
    u = (rate * first_h - 1.0) / (rate * (second_h - first_h))
    return float(np.hypot(1.0 + u, noise_ratio * u))


def second_image(first_h: float, effective_half_life_h: float, noise_ratio: float = 1.0) -> SecondImage:
    """Best time of the second of two images of a mono-exponential: ``t2 = t1 + (1 + r**2) (1 / k - t1)``.

    With equal relative errors (``r = 1``) that is ``2 / k - t1``: as far behind the mean life ``1 / k = T_eff / ln 2`` as the first image
    lies before it. It is the minimum of :func:`second_image_log_sd`: ``u = -1 / (1 + r**2)``.

    Parameters
    ----------
    first_h
        Hours after injection of the first image, before the mean life.
    effective_half_life_h
        Of the region, hours.
    noise_ratio
        Relative error of the second reading over that of the first.

    Raises
    ------
    InputError
        If a number is not above 0, or the first image lies at or after the mean life: then there is no best time, and the later the
        better.
    """
    if not all(v > 0 and np.isfinite(v) for v in (first_h, effective_half_life_h, noise_ratio)):
        raise InputError("a time, half-life or ratio is not above 0", found=f"{first_h}, {effective_half_life_h}, {noise_ratio}",
                         remedy="give hours after injection, hours, and a ratio above 0")
    mean_life = effective_half_life_h / np.log(2.0)
    if first_h >= mean_life:
        raise InputError(
            "the first image is too late for a best second one", expected=f"before the mean life, {mean_life:.0f} h",
            found=f"{first_h:g} h", remedy="take an earlier first image; after so late a first one, every later image helps a little more",
        )
    best = first_h + (1.0 + noise_ratio**2) * (mean_life - first_h)
    least = second_image_log_sd(first_h, best, effective_half_life_h, noise_ratio)
    # (1 + u)**2 + (r u)**2 = s**2 is a quadratic in u; the time behind the first goes with -1 / u.
    a, c = 1.0 + noise_ratio**2, 1.0 - (NEARLY * least) ** 2
    root = np.sqrt(1.0 - a * c)
    gap = mean_life - first_h
    early, late = a / (1.0 + root), a / (1.0 - root) if root < 1.0 else np.inf
    return SecondImage(first_h, effective_half_life_h, float(best), float(first_h + gap * early), float(first_h + gap * late), least)


def second_image_for_all(first_h: float, effective_half_lives_h: Sequence[float], noise_ratio: float = 1.0) -> float:
    """The one second time that serves several regions best: least for the worst of them, each against its own best time.

    Raises
    ------
    InputError
        If there is no region, or one has no best second time (:func:`second_image`).
    """
    if not len(effective_half_lives_h):
        raise InputError("a second image for no region", expected="one effective half-life or more", found="none", remedy="name a region")
    own = [second_image(first_h, half_life, noise_ratio) for half_life in effective_half_lives_h]

    def worst(time: float) -> float:
        return max(second_image_log_sd(first_h, time, one.effective_half_life_h, noise_ratio) / one.log_sd for one in own)

    times = np.linspace(min(one.best_h for one in own), max(one.best_h for one in own), 401)
    return float(times[int(np.argmin([worst(t) for t in times]))])

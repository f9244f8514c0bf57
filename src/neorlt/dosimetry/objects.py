"""The objects on the road from images to dose. The leading axis of every ``draws`` array is the draw (one world)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import generator, summarise


def described(draws: NDArray[np.float64]) -> dict[str, Any]:
    """``{"median", "ci90", "mean", "sd"}`` of draws: the median is the headline, mean and SD stand beside it."""
    return {**summarise(draws).as_json(), "mean": float(np.mean(draws)), "sd": float(np.std(draws))}


class FitStatus(StrEnum):
    """Outcome of a time–activity fit; ``sentence`` says what it means and ``advice`` what to do."""

    OK = "ok"
    TOO_FEW_POINTS = "too few points"
    TAIL_NOT_SAMPLED = "tail not sampled"
    RISING_LAST_POINT = "rising last point"
    PHYSICAL_DECAY_BOUND = "bounded by physical decay"
    POOR_FIT = "poor fit"
    SINGLE_TIME_POINT = "single time point"
    TOO_EARLY = "time points too early"
    TOO_LATE = "time points too late"
    NOT_AT_BEST = "fit not at its best"

    @property
    def sentence(self) -> str:
        """What the status means."""
        return _STATUS[self][0]

    @property
    def advice(self) -> str:
        """What to do about it."""
        return _STATUS[self][1]

    @property
    def outside_window(self) -> bool:
        """Whether the result lies outside a stated validity window (status 3 with ``--strict``)."""
        return self in (FitStatus.TOO_EARLY, FitStatus.TOO_LATE, FitStatus.RISING_LAST_POINT, FitStatus.NOT_AT_BEST)

    def as_json(self) -> dict[str, str]:
        """Name, sentence and advice."""
        return {"name": self.value, "sentence": self.sentence, "advice": self.advice}


_STATUS = {
    FitStatus.OK: ("The curve describes the points within their uncertainty.", "Nothing to do."),
    FitStatus.TOO_FEW_POINTS: ("Fewer points than the curve has parameters.", "Add a time point or accept a simpler curve."),
    FitStatus.TAIL_NOT_SAMPLED: (
        "More than 30 % of the time-integrated activity lies after the last point.",
        "Add a later time point (about two to three effective half-lives after injection).",
    ),
    FitStatus.RISING_LAST_POINT: (
        "The activity still rises at the last point.",
        "Check registration and scaling of the last image; add a later time point.",
    ),
    FitStatus.PHYSICAL_DECAY_BOUND: (
        "The fitted decay would be slower than physical decay and was bounded there.",
        "Check scaling between time points; the region may keep its activity.",
    ),
    FitStatus.POOR_FIT: (
        "The curve misses points by more than their uncertainty.",
        "Look at the curve: motion or a wrong region.",
    ),
    FitStatus.SINGLE_TIME_POINT: (
        "One time point: the half-life is not measured but that of the population, and the interval holds its spread.",
        "Use within the validity window only.",
    ),
    FitStatus.TOO_EARLY: (
        "The last of these few points lies before 0.75 effective half-lives: outside the validity window, the late curve is the "
        "population's.",
        "Image later (0.75 to 1.9 effective half-lives after injection for a single image).",
    ),
    FitStatus.TOO_LATE: (
        "A single point after 1.9 effective half-lives, or the first of a few after 2.5: outside the validity window, most of the curve is "
        "the population's.",
        "Image earlier (0.75 to 1.9 effective half-lives after injection for a single image).",
    ),
    FitStatus.NOT_AT_BEST: (
        "The iteration ended before the curve that fits best.",
        "Check the times after injection, the unit and the standard deviations of the points.",
    ),
}


@dataclass(frozen=True)
class TimeActivity:
    """Activity in a region over time after injection.

    ``time_h`` ``(t,)``; ``activity_mbq`` ``(t,)`` at those times (decay *not* corrected away), ``sd_mbq`` ``(t,)``;
    ``uncorrected_mbq`` before partial-volume correction; ``recovery`` the ratio of the two at each time.
    """

    name: str
    nuclide: str
    volume_ml: float
    time_h: NDArray[np.float64]
    activity_mbq: NDArray[np.float64]
    sd_mbq: NDArray[np.float64]
    uncorrected_mbq: NDArray[np.float64]
    shared_cv: float = 0.0
    """Relative uncertainty that every region of the study shares in one world (calibration of the camera)."""
    own_cv: float = 0.0
    """Relative uncertainty that all points of this region share (recovery: blur and place of the contour)."""
    own_draws: NDArray[np.float64] | None = None
    """``(n,)`` factors on all points of this region, one a world of blur and contours; the same place in every region of the
    study is the same world. In the place of ``own_cv`` where given."""
    volume_cv: float = 0.0
    """Relative uncertainty of the region's volume by the place of its surface."""
    contour_power: float = 0.0
    """Power of the contour's volume with which the activity found in it goes (see ``uncertainty.contour_power``)."""

    def __post_init__(self) -> None:
        n = len(self.time_h)
        for field_name in ("time_h", "activity_mbq", "sd_mbq", "uncorrected_mbq"):
            value = np.array(getattr(self, field_name), dtype=np.float64)
            if value.shape != (n,) or not np.all(np.isfinite(value)):
                raise ValueError(f"{self.name}: {field_name} must be {n} finite values")
            value.setflags(write=False)
            object.__setattr__(self, field_name, value)
        if n < 1 or np.any(np.diff(self.time_h) <= 0) or self.time_h[0] < 0:
            raise ValueError(f"{self.name}: times after injection must rise from 0 or later, found {self.time_h.tolist()}")
        if not self.volume_ml > 0:
            raise ValueError(f"{self.name}: volume must be above 0 ml")
        if np.any(self.sd_mbq <= 0):
            raise ValueError(f"{self.name}: the standard deviation of every point must be above 0 MBq")
        if self.shared_cv < 0 or self.own_cv < 0 or self.volume_cv < 0:
            raise ValueError(f"{self.name}: relative uncertainties must be 0 or more")
        if self.own_draws is not None:
            own = np.array(self.own_draws, dtype=np.float64)
            if own.ndim != 1 or own.size == 0 or not np.all(np.isfinite(own)) or np.any(own <= 0):
                raise ValueError(f"{self.name}: own_draws must be factors above 0 with one axis (draw)")
            own.setflags(write=False)
            object.__setattr__(self, "own_draws", own)

    def volume_factor(self, seed: int, n_draws: int) -> NDArray[np.float64]:
        """Factor ``(n_draws,)`` on the region's volume: one contour a world, for its mass and for the activity found in it."""
        return np.asarray(np.exp(np.log1p(self.volume_cv) * generator(seed, "contour", self.name).standard_normal(n_draws)))

    def own_factor(self, seed: int, n_draws: int) -> NDArray[np.float64]:
        """Factor ``(n_draws,)`` of what all points of this region share alone: its recovery, by blur and contour."""
        contour = self.volume_factor(seed, n_draws) ** self.contour_power
        if self.own_draws is None:
            return np.asarray(np.exp(np.log1p(self.own_cv) * generator(seed, "recovery", self.name).standard_normal(n_draws)) * contour)
        # drawn by the seed alone: every region takes the same worlds
        return np.asarray(self.own_draws[generator(seed, "recovery worlds").integers(0, self.own_draws.size, n_draws)] * contour)

    @property
    def recovery(self) -> float:
        """Measured over corrected activity, averaged over time points: 1 means that nothing was lost to blur."""
        return float(self.uncorrected_mbq.sum() / self.activity_mbq.sum())


@dataclass(frozen=True)
class TimeIntegratedActivity:
    """Time-integrated activity of a region as a sum of exponentials.

    ``amplitude_mbq`` and ``rate_per_h`` ``(draw, term)``: A(t) = Σ amplitude · exp(−rate · t), physical decay included.
    ``draws_mbq_h`` ``(draw,)`` is its integral from injection to infinity.
    """

    name: str
    nuclide: str
    curve: TimeActivity
    model: str
    amplitude_mbq: NDArray[np.float64]
    rate_per_h: NDArray[np.float64]
    status: tuple[FitStatus, ...]
    model_weights: tuple[tuple[str, float], ...] = ()
    """Akaike weight of every curve that was tried, best first; empty where there was no choice."""
    flags: tuple[str, ...] = ()
    """Words the report must show beside the number, for example ``"derived"``."""

    def __post_init__(self) -> None:
        for field_name in ("amplitude_mbq", "rate_per_h"):
            value = np.array(getattr(self, field_name), dtype=np.float64)
            if value.ndim != 2 or not np.all(np.isfinite(value)):
                raise ValueError(f"{self.name}: {field_name} must be finite with axes (draw, term)")
            value.setflags(write=False)
            object.__setattr__(self, field_name, value)
        if np.any(self.rate_per_h <= 0):
            raise ValueError(f"{self.name}: every rate must be above 0 per hour")

    @property
    def draws_mbq_h(self) -> NDArray[np.float64]:
        """Time-integrated activity of each draw, MBq·h, ``(draw,)``."""
        return np.asarray((self.amplitude_mbq / self.rate_per_h).sum(axis=1))

    @property
    def effective_half_life_h(self) -> float:
        """Median over draws of the half-life of the slowest term with a positive amplitude, in hours."""
        slowest = np.where(self.amplitude_mbq > 0, self.rate_per_h, np.inf).min(axis=1)
        return float(np.median(np.log(2) / slowest))


@dataclass(frozen=True)
class Dose:
    """Absorbed dose of a region for the injected activity of one cycle.

    ``draws_gy`` ``(draw,)``; ``bed_gy`` ``(draw,)`` for this cycle alone with the region's own kinetics.
    """

    name: str
    nuclide: str
    mass_g: float
    tia: TimeIntegratedActivity
    draws_gy: NDArray[np.float64]
    bed_gy: NDArray[np.float64]
    method: str
    injected_mbq: float
    self_fraction: float = 1.0
    """Part of the mean dose that comes from activity in the region itself."""
    flags: tuple[str, ...] = ()
    others: tuple[Dose, ...] = ()
    """The same region's dose for other therapy nuclides, per activity injected here, in the same worlds."""
    local: Dose | None = None
    """The same dose by local deposition, where it was asked for."""

    def __post_init__(self) -> None:
        for field_name in ("draws_gy", "bed_gy"):
            value = np.array(getattr(self, field_name), dtype=np.float64)
            if value.ndim != 1 or not np.all(np.isfinite(value)):
                raise ValueError(f"{self.name}: {field_name} must be finite with one axis (draw)")
            value.setflags(write=False)
            object.__setattr__(self, field_name, value)
        if not self.mass_g > 0 or not self.injected_mbq > 0:
            raise ValueError(f"{self.name}: mass and injected activity must be above 0")

    @property
    def gy_per_gbq(self) -> NDArray[np.float64]:
        """Absorbed dose per injected activity, Gy/GBq, ``(draw,)``."""
        return np.asarray(self.draws_gy / (self.injected_mbq / 1000.0))

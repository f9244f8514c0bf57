"""Kidneys: biologically effective dose of mixed nuclides with the organ's own kinetics, and the course of eGFR.

The thresholds (28 Gy with risk factors, 40 Gy without) are a convention read from one series of 28 patients, 23 of
whom had 90Y (Bodei 2008). The eGFR course is *by construction*: it repeats the mean annual change of one series of
177Lu (Sabet 2014, PMID 24196919, 74 patients), scaled by BED, which is an assumption. Most of that series' spread between
patients is the error of two measurements: only the true slope, set by how many patients ended below 30 ml/min, is
extrapolated. Age moves the slope as published; so does the eGFR at the start, by where it starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import draws as core_draws
from neorlt.core import tables
from neorlt.core.labels import Label
from neorlt.response.parameters import ROOM, Parameters

DAYS_PER_YEAR = 365.25


def kidney_bed_gy(
    parameters: Parameters, dose_gy: ArrayLike, effective_half_life_h: ArrayLike, week: ArrayLike
) -> NDArray[np.float64]:
    """Biologically effective dose of the kidneys in Gy, ``(draw,)``.

    Parameters
    ----------
    parameters
        Give alpha/beta (2.6 Gy) and repair half-time (2.8 h), the conventions of the field, per draw.
    dose_gy
        ``(draw | 1, cycle, nuclide)`` absorbed dose.
    effective_half_life_h
        ``(draw | 1, nuclide)``.
    week
        ``(cycle,)`` weeks after baseline; overlapping cycles and nuclides interact through unrepaired damage.
    """
    from neorlt.dosimetry.bed import DoseRate, bed_gy

    dose = np.asarray(dose_gy, np.float64)
    if dose.shape[1] == 0:
        return np.zeros(parameters.n_draws)
    rate = np.log(2.0) / np.broadcast_to(np.asarray(effective_half_life_h, np.float64), (parameters.n_draws, dose.shape[2]))
    cycles = [DoseRate(float(start), dose[:, c] * rate, rate) for c, start in enumerate(np.asarray(week, np.float64))]
    bed = bed_gy(cycles, parameters.kidney_alpha_beta_gy.astype(np.float64), parameters.kidney_repair_half_time_h.astype(np.float64))
    return np.asarray(bed, np.float64)


@dataclass(frozen=True)
class KidneyCourse:
    """eGFR over time ``(draw, time)`` in ml/min and what follows from it; labels by name."""

    week: NDArray[np.float64]
    egfr_ml_min: NDArray[np.float64]
    p_grade3: NDArray[np.float64]
    """``(time,)`` probability of eGFR below 30 ml/min (CTCAE 5.0 chronic kidney disease grade 3 or more)."""
    label: Label = Label.BY_CONSTRUCTION


def _slope(
    bed_gy: NDArray[np.float64], seed: int, risk_factor: bool, age_y: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and SD between patients of the true log change of eGFR a year, ``(draw,)`` each."""
    table: dict[str, Any] = tables.read_json(ROOM, "kidney.json")
    scale = bed_gy / table["reference_bed_gy"]["value"]
    if risk_factor:
        scale = scale * table["limit_no_risk_gy"]["value"] / table["limit_risk_gy"]["value"]
    spread = table["true_sd_per_year"]
    rng = core_draws.generator(seed, ROOM, "kidney", "slope")
    sd = spread["value"] * np.exp(spread["log_sd"] * rng.standard_normal(len(bed_gy)))
    mean = np.log1p(np.clip(table["relative_change_per_year"]["value"] * scale, -0.95, None))
    if age_y is not None:
        by_age = table["sd_per_year_of_age"]
        mean = mean + by_age["value"] * sd * (np.clip(age_y, 30.0, 95.0) - by_age["age_y"])
    return mean, sd


def egfr_course(
    bed_gy: ArrayLike, egfr_ml_min: float, times_week: ArrayLike, seed: int = 0, risk_factor: bool = False,
    age_y: float | None = None,
) -> KidneyCourse:
    """Predict the true eGFR after treatment, one patient a draw.

    The yearly change of a patient is normal on the log scale: its mean that of the series, scaled by BED over the BED of
    its usual course; risk factors lower the tolerated BED, and so raise the fall by 40/28 (assumption). An age that is not
    known changes nothing.
    """
    table: dict[str, Any] = tables.read_json(ROOM, "kidney.json")
    weeks = np.asarray(times_week, np.float64)
    mean, sd = _slope(np.asarray(bed_gy, np.float64), seed, risk_factor, age_y)
    yearly = mean + sd * core_draws.generator(seed, ROOM, "kidney").standard_normal(len(mean))
    course = egfr_ml_min * np.exp(yearly[:, None] * weeks * 7 / DAYS_PER_YEAR)
    return KidneyCourse(weeks, course, np.asarray((course < table["grade3_below_ml_min"]["value"]).mean(axis=0)))


def p_egfr_below(
    bed_gy: ArrayLike, egfr_ml_min: float, years: float, limit_ml_min: float = 30.0, seed: int = 0, risk_factor: bool = False,
    age_y: float | None = None,
) -> NDArray[np.float64]:
    """Chance that the true eGFR lies below a limit after some years, ``(draw,)``: integrated over patients, not counted."""
    from scipy.special import ndtr

    mean, sd = _slope(np.asarray(bed_gy, np.float64), seed, risk_factor, age_y)
    return np.asarray(ndtr((np.log(limit_ml_min / egfr_ml_min) - mean * years) / (sd * years)))

"""Kidneys: biologically effective dose of mixed nuclides with the organ's own kinetics, and the course of eGFR.

The thresholds (28 Gy with risk factors, 40 Gy without) are a convention read from one series of 28 patients, 23 of
whom had 90Y (Bodei 2008). The eGFR course is *by construction*: it repeats the mean annual change of one series of
177Lu (Sabet 2014, PMID 24196919, 74 patients), scaled by BED, which is an assumption.
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


def egfr_course(
    bed_gy: ArrayLike, egfr_ml_min: float, times_week: ArrayLike, seed: int = 0, risk_factor: bool = False
) -> KidneyCourse:
    """Predict eGFR after treatment.

    The yearly relative change of a patient is normal with the mean and SD of the series, the mean scaled by BED over
    the BED of its usual course; risk factors lower the tolerated BED, and so raise the fall by 40/28 (assumption).
    """
    table: dict[str, Any] = tables.read_json(ROOM, "kidney.json")
    bed_draws = np.asarray(bed_gy, np.float64)
    weeks = np.asarray(times_week, np.float64)
    rng = core_draws.generator(seed, ROOM, "kidney")
    scale = bed_draws / table["reference_bed_gy"]["value"]
    if risk_factor:
        scale = scale * table["limit_no_risk_gy"]["value"] / table["limit_risk_gy"]["value"]
    mean, sd = table["relative_change_per_year"]["value"], table["relative_change_per_year"]["sd"]
    yearly = mean * scale + sd * rng.standard_normal(len(bed_draws))
    years = weeks * 7 / DAYS_PER_YEAR
    course = egfr_ml_min * np.exp(np.log1p(np.clip(yearly, -0.95, None))[:, None] * years)
    return KidneyCourse(weeks, course, np.asarray((course < table["grade3_below_ml_min"]["value"]).mean(axis=0)))

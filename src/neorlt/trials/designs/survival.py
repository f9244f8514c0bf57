"""Events and patients of a survival comparison, with accrual, follow-up and drop-out.

Source: Schoenfeld 1981, Biometrika 68:316 (events); Lachin & Foulkes 1986, Biometrics 42:507 (exponential times, uniform
accrual, drop-out). Times share one unit (months by default).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from neorlt.core.errors import InputError


@dataclass(frozen=True)
class SurvivalDesign:
    """Size of a log-rank comparison. ``events`` and ``n_total_exact`` are real numbers, ``n_total`` is rounded up."""

    hazard_ratio: float
    events: float
    event_probability_experimental: float
    event_probability_control: float
    n_total_exact: float
    n_total: int
    accrual: float
    follow_up: float
    alpha: float
    power: float

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def schoenfeld_events(hazard_ratio: float, *, alpha: float = 0.025, beta: float = 0.2, ratio: float = 1.0) -> float:
    """Events of a log-rank test with one-sided alpha; ``ratio`` is experimental over control patients."""
    from scipy.special import ndtri

    if not (hazard_ratio > 0 and hazard_ratio != 1.0 and 0 < alpha < 0.5 and 0 < beta < 0.5 and ratio > 0):
        raise InputError(
            "the survival comparison is out of range",
            expected="hazard ratio above 0 and not 1, 0 < alpha, beta < 0.5",
            found=f"hazard ratio {hazard_ratio:g}, alpha {alpha:g}, beta {beta:g}",
            remedy="correct the options",
        )
    share = ratio / (1.0 + ratio)
    return float((ndtri(1 - alpha) + ndtri(1 - beta)) ** 2 / (share * (1 - share) * math.log(hazard_ratio) ** 2))


def event_probability(hazard: float, accrual: float, follow_up: float, dropout_hazard: float = 0.0) -> float:
    """Chance that a patient's event is seen: uniform accrual, then follow-up of the last patient, exponential times."""
    total = hazard + dropout_hazard
    if total <= 0:
        return 0.0
    if accrual <= 0:
        return hazard / total * -math.expm1(-total * follow_up)
    unseen = math.exp(-total * follow_up) * -math.expm1(-total * accrual) / (total * accrual)
    return hazard / total * (1.0 - unseen)


def dropout_hazard(fraction: float, by_time: float) -> float:
    """Hazard under which ``fraction`` of patients has dropped out by ``by_time``."""
    if not 0.0 <= fraction < 1.0 or by_time <= 0:
        raise InputError(
            "the drop-out is out of range",
            expected="a fraction from 0 to below 1 by a time above 0",
            found=f"{fraction:g} by {by_time:g}",
            remedy="correct the options",
        )
    return -math.log1p(-fraction) / by_time


def survival_design(
    hazard_ratio: float,
    control_median: float,
    *,
    accrual: float,
    follow_up: float,
    alpha: float = 0.025,
    beta: float = 0.2,
    ratio: float = 1.0,
    dropout_fraction: float = 0.0,
    dropout_by: float = 12.0,
) -> SurvivalDesign:
    """Size of a two-arm comparison of survival.

    Parameters
    ----------
    hazard_ratio
        Experimental over control.
    control_median
        Median survival of the control arm.
    accrual, follow_up
        Time of uniform accrual, and follow-up of the last patient.
    alpha, beta
        One-sided level and type II error.
    ratio
        Experimental over control patients.
    dropout_fraction, dropout_by
        Fraction of patients lost by a time, in both arms.

    Raises
    ------
    InputError
        If a value is out of range.
    """
    if control_median <= 0 or accrual < 0 or follow_up < 0 or accrual + follow_up <= 0:
        raise InputError(
            "the times are out of range",
            expected="a median above 0, times not below 0, some observation time",
            found=f"median {control_median:g}, accrual {accrual:g}, follow-up {follow_up:g}",
            remedy="correct the times",
        )
    events = schoenfeld_events(hazard_ratio, alpha=alpha, beta=beta, ratio=ratio)
    hazard = math.log(2.0) / control_median
    lost = dropout_hazard(dropout_fraction, dropout_by)
    control = event_probability(hazard, accrual, follow_up, lost)
    experimental = event_probability(hazard * hazard_ratio, accrual, follow_up, lost)
    n = events / ((ratio * experimental + control) / (1.0 + ratio))
    return SurvivalDesign(
        hazard_ratio, events, experimental, control, n, math.ceil(n - 1e-9), accrual, follow_up, alpha, 1 - beta
    )

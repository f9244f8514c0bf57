"""Single-time-point dosimetry, with its validity window: outside it the result warns by name.

Haenscheid 2018 (doi 10.2967/jnumed.117.193706): TIA ≈ A(t) · 2 t / ln 2, which needs no half-life because 2^(−t/T) · t/T is
flat around its maximum at t/T = 1/ln 2 = 1.44. Madsen 2018 (Med Phys 45:2318): TIA = A(t) · e^{k̄ t} / k̄ with the
population's mean effective rate k̄.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core.citations import Citation, register

register(
    Citation(
        "madsen2018",
        "Madsen MT et al. Technical note: Single time point dose estimate for exponential clearance. Med Phys 2018;45:2318-2324",
        "10.1002/mp.12886",
    )
)

Floats = NDArray[np.float64]
WINDOW = (0.75, 2.5)
"""t / T_eff within which Haenscheid's estimate is −11 … +6 % off for a mono-exponential (calculated, see the tests)."""
POPULATION_WINDOW = (0.75, 1.9)
"""The same for the population's half-life with one image: within it a population whose effective half-lives are 20 % longer or shorter
moves a mono-exponential by at most 10 % (1.25 · 2^(−r/4) and its mirror; calculated, see the tests)."""

_WHEN = "(0.75 to 2.5 effective half-lives)"


class Validity(StrEnum):
    """Whether a single time point was taken when it can carry the estimate."""

    INSIDE = "inside the validity window"
    TOO_EARLY = "single time point too early"
    TOO_LATE = "single time point too late"
    UNKNOWN = "effective half-life unknown"

    @property
    def advice(self) -> str:
        """What to do."""
        return {
            Validity.INSIDE: "Nothing to do.",
            Validity.TOO_EARLY: f"The dose is underestimated; image later {_WHEN} or use the population model.",
            Validity.TOO_LATE: f"The dose is underestimated; image earlier {_WHEN} or use the population model.",
            Validity.UNKNOWN: "State the organ's usual effective half-life to have the window checked.",
        }[self]


@dataclass(frozen=True)
class SingleTimePoint:
    """``tia_mbq_h`` with the window's verdict and the bias that a mono-exponential of that half-life would give."""

    method: str
    tia_mbq_h: Floats
    validity: Validity
    expected_bias: float | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the report."""
        if self.validity is Validity.INSIDE:
            return ()
        bias = "" if self.expected_bias is None else f" (about {100 * self.expected_bias:+z.0f} %)"
        return (f"{self.method}: {self.validity.value}{bias}. {self.validity.advice}",)


def validity(time_h: float, effective_half_life_h: float | None) -> Validity:
    """Where a time lies against the window."""
    if effective_half_life_h is None:
        return Validity.UNKNOWN
    ratio = time_h / effective_half_life_h
    if ratio < WINDOW[0]:
        return Validity.TOO_EARLY
    return Validity.TOO_LATE if ratio > WINDOW[1] else Validity.INSIDE


def haenscheid_bias(ratio: ArrayLike) -> Floats:
    """Relative error for a mono-exponential at t/T_eff: 2 r · 2^(−r) − 1."""
    r = np.asarray(ratio, dtype=np.float64)
    return np.asarray(2.0 * r * np.exp2(-r) - 1.0)


def haenscheid(activity_mbq: ArrayLike, time_h: float, expected_half_life_h: float | None = None) -> SingleTimePoint:
    """Haenscheid's estimate: A(t) · 2 t / ln 2.

    Parameters
    ----------
    activity_mbq
        Activity at the time (not decay-corrected), any shape.
    time_h
        Hours after injection, above 0.
    expected_half_life_h
        The region's usual effective half-life; only the window uses it.
    """
    if not time_h > 0:
        raise ValueError(f"the time must be above 0 h, found {time_h}")
    verdict = validity(time_h, expected_half_life_h)
    bias = None if expected_half_life_h is None else float(haenscheid_bias(time_h / expected_half_life_h))
    return SingleTimePoint("Haenscheid", np.asarray(activity_mbq, np.float64) * 2.0 * time_h / np.log(2.0), verdict, bias)


def madsen(activity_mbq: ArrayLike, time_h: float, population_half_life_h: float) -> SingleTimePoint:
    """Madsen's estimate with the population's mean effective half-life: A(t) · exp(k̄ t) / k̄."""
    if not time_h > 0 or not population_half_life_h > 0:
        raise ValueError("time and half-life must be above 0 h")
    rate = np.log(2.0) / population_half_life_h
    tia = np.asarray(activity_mbq, np.float64) * np.exp(rate * time_h) / rate
    return SingleTimePoint("Madsen", tia, validity(time_h, population_half_life_h), None)

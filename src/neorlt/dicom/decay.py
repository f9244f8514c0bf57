"""Decay constants for the DICOM objects, from the nuclide tables where they hold the nuclide, else from the header."""

from __future__ import annotations

import math
from datetime import datetime

from neorlt.core.errors import InputError
from neorlt.dicom.header import where
from neorlt.nuclides.nuclide import get_nuclide

_MOST_EXPONENT = 700.0
"""Beyond it e^x is no number: dates that far apart are refused where they are compared."""


def table_half_life_s(nuclide: str) -> float | None:
    """Half-life in seconds from the nuclide tables, or None where they do not hold the nuclide."""
    try:
        return math.log(2.0) / float(get_nuclide(nuclide).decay_constant_per_h) * 3600.0
    except (ValueError, KeyError):
        return None


def half_life_s(nuclide: str) -> float:
    """Half-life in seconds.

    Raises
    ------
    ValueError
        If the nuclide tables do not hold the nuclide.

    """
    found = table_half_life_s(nuclide)
    if found is None:
        raise ValueError(f"no half-life is known for {nuclide!r}")
    return found


def decay_factor(half_life: float, start: datetime, end: datetime) -> float:
    """Fraction left at ``end`` of what was there at ``start`` (above 1 if ``end`` is the earlier), half-life in seconds."""
    return math.exp(min(-math.log(2.0) * (end - start).total_seconds() / half_life, _MOST_EXPONENT))


def average_time_s(half_life: float, duration_s: float) -> float:
    """Seconds after the start of a frame at which the activity equals its average over the frame.

    Source: PS3.3 C.8.9.4.1.5 (Frame Reference Time): (1/λ)·ln(λT/(1 − exp(−λT))).
    """
    x = math.log(2.0) * duration_s / half_life
    if x < 1e-9:
        return duration_s / 2.0
    return math.log(x / -math.expm1(-x)) / (math.log(2.0) / half_life)


def comparable(one: datetime, other: datetime) -> tuple[datetime, datetime]:
    """Two moments that can be subtracted: where only one states its zone, the other is taken to be in it."""
    return one.replace(tzinfo=one.tzinfo or other.tzinfo), other.replace(tzinfo=other.tzinfo or one.tzinfo)


def check_decayed_to(stated: datetime, meant: datetime, said: str, name: str, within_s: float) -> None:
    """Refuse a Decay Correction DateTime (0018,9701) that is not the moment which the rest of the header means.

    ``said`` tells what means it. Moments are compared as instants; where only one states its zone, the other is taken to be in it.

    Raises
    ------
    InputError
        If they lie more than ``within_s`` apart.

    """
    stated, meant = comparable(stated, meant)
    if abs((stated - meant).total_seconds()) > within_s:
        raise InputError(
            "the header contradicts itself about decay correction",
            expected=f"{meant:%Y-%m-%d %H:%M}, {said}",
            found=f"{stated:%Y-%m-%d %H:%M}",
            where=where(name, "DecayCorrectionDateTime"),
            remedy="export the series again",
        )

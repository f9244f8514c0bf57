"""What reading and counting do alone: "progression" of a tumour that does not change, and a "lower grade" of one that stays the same.

Both are computed, not quoted: from a reader's error over the visits against the nadir, and from the binomial count of cells in one field
or in the hottest of several. They are the nulls that a progression rate and a downgrading rate stand against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.clinic.grade import G2_KI67_PCT, G3_KI67_ABOVE_PCT
from neorlt.clinic.recist import PD_CHANGE, PD_INCREASE_MM
from neorlt.core.errors import InputError

Floats = NDArray[np.float64]
READER_SD = (0.07, 0.10)
"""Relative SD of one reading of a diameter for which chances are shown. The response model's prior has 7 % and its fit 9.5 % (``sigma_d``
over the root of 2); both are assumptions or fits of this program, not a reader study."""
CELLS = 500
"""Cells that are counted for a Ki-67 (WHO 2022: at least)."""
FIELDS = 10
"""Fields of which the hottest is counted: the hot spot is looked for, and how many places are looked at is rarely said (assumption)."""
TRUE_KI67_PCT = 2.0
"""The tumour of the example: clearly grade 1, one percentage point below grade 2."""
_GRID = 2001


def sum_log_sd(reader_sd: float, diameters_mm: ArrayLike) -> float:
    """Log-SD of a sum of diameters whose readings err independently, each by ``reader_sd`` (relative).

    Raises
    ------
    InputError
        If no diameter is above 0.
    """
    sizes = np.asarray(diameters_mm, float)
    if sizes.size == 0 or not np.all(sizes > 0):
        raise InputError("a sum of diameters needs diameters above 0 mm", found=str(sizes.tolist()), remedy="give the targets' diameters")
    return float(reader_sd * np.sqrt(np.sum(sizes**2)) / np.sum(sizes))


def progression_by_noise(readings: int, log_sd: float, sum_mm: float | None = None) -> Floats:
    """Chance that an unchanged sum is called progressive (RECIST 1.1: 20 % and 5 mm over the nadir) by each follow-up.

    The density of the lowest reading so far, among patients not yet called, is carried forward from visit to visit; nothing is drawn.

    Parameters
    ----------
    readings
        Baseline and follow-ups together, 2 or more.
    log_sd
        Log-SD of one reading of the sum; readings are log-normal round the same truth and independent.
    sum_mm
        True sum; below 25 mm the 5 mm rule binds. Left out, only the 20 % count.

    Returns
    -------
    Array
        ``(readings - 1,)`` cumulative chances.

    Raises
    ------
    InputError
        If there is no follow-up, or the error is not above 0.
    """
    from scipy.special import ndtr

    if readings < 2 or not (log_sd > 0 and np.isfinite(log_sd)) or (sum_mm is not None and not sum_mm > 0):
        raise InputError("noise over the visits cannot be computed", expected="2 or more readings, an SD and a sum above 0",
                         found=f"{readings} readings, SD {log_sd}, sum {sum_mm}", remedy="correct the numbers")
    nadir = np.linspace(-8.0 * log_sd, 8.0 * log_sd, _GRID)
    step = nadir[1] - nadir[0]
    rise = np.full(_GRID, np.log1p(PD_CHANGE))
    if sum_mm is not None:
        rise = np.maximum(rise, np.log1p(PD_INCREASE_MM / (sum_mm * np.exp(nadir))))
    density = np.exp(-0.5 * (nadir / log_sd) ** 2) / (log_sd * np.sqrt(2.0 * np.pi))
    stays = ndtr((nadir + rise) / log_sd) - ndtr(nadir / log_sd)
    free = density
    called = []
    for _ in range(readings - 1):
        # Trapezoid from each nadir upwards: whoever had a higher one may fall to this.
        above = np.concatenate([np.cumsum((0.5 * step * (free[1:] + free[:-1]))[::-1])[::-1], [0.0]])
        free = free * stays + density * above
        called.append(1.0 - float(np.trapezoid(free, nadir)))
    return np.clip(called, 0.0, 1.0)


def noise_document(readings: int, diameters_mm: Sequence[float] = (), reader_sds: Sequence[float] = READER_SD) -> dict[str, Any]:
    """Chance of progression by noise alone for some readers: of the given targets, or of one large target."""
    targets = list(diameters_mm)
    total = float(np.sum(targets)) if targets else None
    rows = []
    for sd in reader_sds:
        chance = progression_by_noise(readings, sum_log_sd(sd, targets) if targets else sd, total)
        rows.append({"reader_sd_pct": 100.0 * sd, "by_follow_up": chance.tolist(), "chance": float(chance[-1])})
    what = f"an unchanged sum of {total:.0f} mm ({len(targets)} targets)" if targets else "an unchanged large target (the 20 % alone count)"
    shown = ", ".join(f"{100 * row['chance']:.1f} % with a reader's SD of {row['reader_sd_pct']:.0f} %" for row in rows)
    return {
        "readings": readings, "diameters_mm": targets, "readers": rows,
        "sentence": f"Progression by noise alone: of {readings} readings of {what}, one lies 20 % and 5 mm over the lowest before it in "
                    f"{shown}.",
    }


def counted_grades(true_pct: ArrayLike, cells: int = CELLS, fields: int = 1) -> Floats:
    """Chance of grade 1, 2 and 3 ``(..., 3)`` by the count of ``cells`` in one field, or in the hottest of ``fields`` alike.

    Cells are positive independently and every field has the tumour's own share: what lies between fields beyond that makes the hottest
    hotter still.
    """
    from scipy.special import bdtr

    p = np.asarray(true_pct, float)[..., None] / 100.0
    # Most positive cells that are still grade 1 (below 3 %), and grade 2 (20 % or less).
    most = np.array([np.ceil(G2_KI67_PCT / 100.0 * cells - 1e-9) - 1.0, np.floor(G3_KI67_ABOVE_PCT / 100.0 * cells + 1e-9)])
    below = np.asarray(bdtr(most, cells, p), float) ** fields
    return np.diff(np.concatenate([np.zeros_like(p), below, np.ones_like(p)], axis=-1), axis=-1)


def lower_by_counting(true_pct: ArrayLike, cells: int = CELLS, before: int = 1, after: int = 1) -> Floats:
    """Chance ``(...)`` of a lower grade after than before, the tumour unchanged; ``before`` and ``after`` are fields looked at."""
    first, second = counted_grades(true_pct, cells, before), counted_grades(true_pct, cells, after)
    return np.asarray(first[..., 1] * second[..., 0] + first[..., 2] * (second[..., 0] + second[..., 1]))


def grade_document(true_pct: float = TRUE_KI67_PCT, cells: int = CELLS, fields: int = FIELDS) -> dict[str, Any]:
    """The null of a lower grade, one field beside the hottest of several, in numbers and in a sentence."""
    one, hottest = (float(counted_grades(true_pct, cells, n)[1:].sum()) for n in (1, fields))
    both = {name: float(lower_by_counting(true_pct, cells, a, b)) for name, a, b in (
        ("one_field_twice", 1, 1), ("hottest_twice", fields, fields), ("hottest_then_one_field", fields, 1),
        ("one_field_then_hottest", 1, fields))}
    return {
        "true_ki67_pct": true_pct, "cells": cells, "fields": fields, "grade_2_in_one_field": one, "grade_2_in_the_hottest": hottest,
        "lower_after": both, "label": "assumption",
        "sentence": f"A tumour of true Ki-67 {true_pct:.1f} % is counted as grade 2 or more in {100 * one:.0f} % of single fields of "
                    f"{cells} cells and in {100 * hottest:.0f} % where the hottest of {fields} fields counts. Counted in the "
                    f"hottest field before and in one after, it has a lower grade in {100 * both['hottest_then_one_field']:.0f} % without "
                    "any change.",
    }

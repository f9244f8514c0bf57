"""Several cycles of one course: per-cycle and cumulated dose, BED over the real intervals, and the fall from cycle to cycle.

Every cycle is measured with its own images and contours. Causes that the cycles share (camera, S-values) are the same draws in all of
them, so that sums are taken world by world; noise of the images and the curve's fit are each cycle's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.dosimetry.bed import HOURS_PER_WEEK, bed_gy, eqd2_gy, repair_parameters
from neorlt.dosimetry.derive import dose_rate
from neorlt.dosimetry.objects import Dose

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CumulatedDose:
    """One region over the cycles in which it was measured.

    ``cycles`` are their numbers from 1; ``dose_gy``, ``bed_gy`` and ``eqd2_gy`` ``(draw,)`` are of these together. ``fall``
    ``(draw,)`` is the part of the dose per activity that is lost from one cycle to the next (None with one cycle).
    """

    name: str
    is_lesion: bool
    cycles: tuple[int, ...]
    dose_gy: Floats
    bed_gy: Floats
    eqd2_gy: Floats
    per_cycle: tuple[Dose, ...]
    fall: Floats | None


def start_weeks(injections: Sequence[datetime]) -> list[float]:
    """Weeks of every injection after the first.

    Raises
    ------
    InputError
        If they do not rise.
    """
    weeks = [(moment - injections[0]).total_seconds() / 3600.0 / HOURS_PER_WEEK for moment in injections]
    if any(b <= a for a, b in zip(weeks, weeks[1:], strict=False)):
        raise InputError(
            "the cycles are not in the order of their injections", found=", ".join(f"{m:%Y-%m-%d %H:%M}" for m in injections),
            expected="one injection a cycle, each later than the one before", remedy="give the folders in their order, each once",
        )  # fmt: skip
    return weeks


def cumulate(cycles: Sequence[Sequence[Dose]], injections: Sequence[datetime], lesions: Sequence[str]) -> tuple[CumulatedDose, ...]:
    """Cumulate region doses, draw by draw.

    Parameters
    ----------
    cycles
        Region doses of each cycle, all with the same draws of shared causes.
    injections
        Time of each injection.
    lesions
        Names of regions that are lesions.

    Raises
    ------
    InputError
        For injections that do not rise, or cycles with different numbers of draws.
    """
    weeks = start_weeks(injections)
    if len({len(dose.draws_gy) for doses in cycles for dose in doses}) != 1:
        raise InputError("the cycles have different numbers of draws", remedy="compute all with the same --draws")
    names = list(dict.fromkeys(dose.name for doses in cycles for dose in doses))
    found = []
    for name in names:
        present = [(k, dose) for k, doses in enumerate(cycles) for dose in doses if dose.name == name]
        repair = repair_parameters(name, name in lesions)
        rates = [dose_rate(dose, weeks[k]) for k, dose in present]
        bed = np.asarray(bed_gy(rates, repair.alpha_beta_gy, repair.repair_half_time_h))
        total = np.sum([dose.draws_gy for _, dose in present], axis=0)
        found.append(
            CumulatedDose(
                name, name in lesions, tuple(k + 1 for k, _ in present), total, bed, np.asarray(eqd2_gy(bed, repair.alpha_beta_gy)),
                tuple(dose for _, dose in present), _fall([k for k, _ in present], [dose.gy_per_gbq for _, dose in present]),
            )  # fmt: skip
        )
    return tuple(found)


def _fall(numbers: Sequence[int], per_gbq: Sequence[Floats]) -> Floats | None:
    """Part lost from a cycle to the next ``(draw,)``: the slope of the log dose per activity over the cycles."""
    if len(numbers) < 2:
        return None
    x = np.asarray(numbers, dtype=np.float64)
    x = x - x.mean()
    slope = (x @ np.log(np.stack(per_gbq))) / float(x @ x)
    return np.asarray(1.0 - np.exp(slope))


def mean_fall(rows: Sequence[CumulatedDose], *, lesions: bool) -> Floats | None:
    """Mean fall of all lesions, or of all organs, world by world ``(draw,)``; None where no region has two cycles."""
    falls = [row.fall for row in rows if row.fall is not None and row.is_lesion is lesions]
    return np.mean(falls, axis=0) if falls else None

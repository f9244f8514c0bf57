"""Counts to activity: a camera's sensitivity and dead time from scans of a phantom that holds a known activity.

Each scan gives a count rate and the activity at its time. Without loss the rate is sensitivity · activity; a paralysable camera (Sorenson
1975) loses exp(−rate · τ), so that the log of rate over activity falls linearly with the activity: scans of one phantom while it
decays give both. The standard uncertainty joins counting, the scatter of the scans about the line, and the dose calibrator's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.core.written import read_rows

LEAST_FOR_DEAD_TIME = 3
SPAN_FOR_DEAD_TIME = 2.0
"""Activities must span at least this factor before a slope is read as dead time."""
FAR = 0.05
"""A scan that lies further than this from the line is named."""


@dataclass(frozen=True)
class CalibrationScan:
    """One scan: activity in the phantom at its time, counts, and seconds."""

    name: str
    activity_mbq: float
    counts: float
    seconds: float

    def __post_init__(self) -> None:
        if not (self.activity_mbq > 0 and self.counts > 0 and self.seconds > 0):
            raise InputError(
                "a scan is out of range", expected="activity, counts and seconds above 0", where=self.name,
                remedy="correct or leave it out", found=f"{self.activity_mbq:g} MBq, {self.counts:g} counts, {self.seconds:g} s",
            )  # fmt: skip

    @property
    def rate_cps(self) -> float:
        """Counts per second."""
        return self.counts / self.seconds


@dataclass(frozen=True)
class CameraCalibration:
    """``cps_per_mbq`` at no loss, its relative standard uncertainty, dead time (None where the scans cannot tell it)."""

    cps_per_mbq: float
    relative_sd: float
    dead_time_us: float | None
    dead_time_sd_us: float | None
    residuals: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]

    def loss(self, activity_mbq: float) -> float:
        """Part of the counts that dead time takes at an activity in the field of view, 0 … 1."""
        if not self.dead_time_us:
            return 0.0
        return float(1.0 - np.exp(-self.cps_per_mbq * activity_mbq * self.dead_time_us * 1e-6))

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "cps_per_mbq": self.cps_per_mbq, "relative_sd": self.relative_sd, "dead_time_us": self.dead_time_us,
            "dead_time_sd_us": self.dead_time_sd_us,
            "scans": [{"name": name, "relative_residual": part} for name, part in self.residuals],
            "loss": [{"activity_mbq": a, "part": self.loss(a)} for a in (1000.0, 3000.0, 7400.0)],
            "notes": list(self.notes),
        }  # fmt: skip


def calibrate_camera(scans: Sequence[CalibrationScan], *, activity_relative_sd: float) -> CameraCalibration:
    """Sensitivity and, where three scans span a factor of two in activity, dead time.

    Parameters
    ----------
    scans
        One or more.
    activity_relative_sd
        Relative standard uncertainty of the phantom's activity (dose calibrator, volumes), common to all scans.

    Raises
    ------
    InputError
        Without scans, or for an uncertainty that is not between 0 and 0.5.
    """
    if not scans:
        raise InputError("there is no scan to calibrate with", remedy="give at least one scan of a phantom of known activity")
    if not 0 < activity_relative_sd < 0.5:
        raise InputError(
            "the uncertainty of the activity is out of range", expected="above 0 and below 0.5, relative",
            found=f"{activity_relative_sd:g}", remedy="give that of the dose calibrator, for example 0.02",
        )  # fmt: skip
    activity = np.array([scan.activity_mbq for scan in scans])
    y = np.log(np.array([scan.rate_cps for scan in scans]) / activity)
    weight = np.array([scan.counts for scan in scans])
    notes = []
    tau = tau_sd = None
    spans = float(activity.max() / activity.min()) >= SPAN_FOR_DEAD_TIME
    if len(scans) >= LEAST_FOR_DEAD_TIME and spans:
        design = np.stack([np.ones_like(activity), -activity], axis=1)
        level, slope, fitted, covariance = _line(design, y, weight)
        sensitivity, spread = float(np.exp(level)), float(np.sqrt(covariance[0, 0]))
        tau, tau_sd = 1e6 * slope / sensitivity, 1e6 * float(np.sqrt(covariance[1, 1])) / sensitivity
        if tau < 0:
            notes.append(f"The rate per activity rises with activity ({tau:.2f} µs of dead time): taken as none; check the activities.")
            tau = tau_sd = None
    if tau is None:
        design = np.ones((len(scans), 1))
        level, _, fitted, covariance = _line(design, y, weight)
        sensitivity, spread = float(np.exp(level)), float(np.sqrt(covariance[0, 0]))
        if len(scans) < LEAST_FOR_DEAD_TIME or not spans:
            notes.append("Dead time is not known: it needs three scans or more whose activities span a factor of two.")
    counting = float(weight.sum() ** -0.5)
    relative = float(np.sqrt(spread**2 + counting**2 + activity_relative_sd**2))
    residuals = tuple((scan.name, float(np.expm1(part))) for scan, part in zip(scans, y - fitted, strict=True))
    notes += [f"{name} lies {100 * part:+z.1f} % from the fit." for name, part in residuals if abs(part) > FAR]
    return CameraCalibration(sensitivity, relative, tau, tau_sd, residuals, tuple(notes))


def _line(design: Any, y: Any, weight: Any) -> tuple[float, float, Any, Any]:
    """Weighted line: level, slope (0 without one), fitted values, covariance from counting or, where larger, from the scatter."""
    normal = design.T @ (weight[:, None] * design)
    beta = np.linalg.solve(normal, design.T @ (weight * y))
    fitted = design @ beta
    freedom = len(y) - design.shape[1]
    birge = max(1.0, float((weight * (y - fitted) ** 2).sum()) / freedom) if freedom > 0 else 1.0
    return float(beta[0]), float(beta[1]) if len(beta) > 1 else 0.0, fitted, np.linalg.inv(normal) * birge


def read_scans(path: Path) -> list[CalibrationScan]:
    """Scans from a CSV of ``activity_mbq,counts,seconds`` (activity at the time of the scan), optionally ``name``.

    Raises
    ------
    InputError
        For a file that cannot be read, a column that lacks, or a number that is none.
    """
    needed = ("activity_mbq", "counts", "seconds")
    table = read_rows(path, "the table of scans", needs=needed)
    scans = []
    for row in table:
        try:
            values = [row.number(name) for name in needed]
        except ValueError as error:
            raise InputError("a cell is not a number", found=str(error), where=table.where(row), remedy="correct it") from error
        scans.append(CalibrationScan(row.text("name") or f"line {row.line}", *values))
    return scans

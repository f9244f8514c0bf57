"""From the stored numbers of a SPECT to Bq/ml at the start of its acquisition: every step that stands between, in order.

stored → (real-world-value map, or Rescale Slope and Intercept) → counts or Bq/ml → (seconds per voxel, calibration, volume) →
Bq/ml at the moment of the decay correction → Bq/ml at the start of the acquisition (the last two: :mod:`neorlt.dicom.spect_time`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.dicom.header import number, tag_text, text, where
from neorlt.dicom.plausible import check
from neorlt.dicom.real_world import Quantity, real_world_map
from neorlt.dicom.scan import Instance
from neorlt.dicom.settings import CALIBRATION, Calibration, Settings
from neorlt.dicom.spect_time import duration_or_none, duration_s
from neorlt.dicom.vendor_scale import private_scale
from neorlt.imaging.ledger import NOT_USED, USED, Row
from neorlt.imaging.volume import Grid

Scaler = Callable[[NDArray[np.generic]], NDArray[np.float32]]
BREMSSTRAHLUNG = frozenset({"Y-90", "P-32", "Sr-89"})
"""Nuclides without photons of their own worth imaging: a gamma camera sees the bremsstrahlung of their electrons."""
SAME = 1e-4
"""Two statements of one factor may differ by this much: decimal strings are rounded."""
_MAP = f"RealWorldValueMappingSequence {tag_text('RealWorldValueMappingSequence')}"


@dataclass(frozen=True)
class SpectScale:
    """How to turn stored values into Bq/ml, the sentence that says so, warnings, and ledger rows."""

    apply: Scaler
    note: str
    warnings: tuple[str, ...]
    rows: tuple[Row, ...]
    calibrated: bool = False


def spect_scale(instance: Instance, nuclide: str, grid: Grid, settings: Settings) -> SpectScale:
    """Judge how a SPECT is scaled.

    Raises
    ------
    InputError
        If its values have no way to Bq/ml, or two statements of the scale contradict each other.

    """
    if nuclide in BREMSSTRAHLUNG:
        found = _scale_of(instance, nuclide, grid, settings)
        said = (
            f"SPECT of {nuclide} shows bremsstrahlung: a wide spectrum without a peak, with scatter and septal penetration that usual"
            f" corrections do not know. Its blur and scale hold only if they were measured with {nuclide}, on this collimator and window."
        )
        return replace(found, warnings=(*found.warnings, said))
    return _scale_of(instance, nuclide, grid, settings)


def _scale_of(instance: Instance, nuclide: str, grid: Grid, settings: Settings) -> SpectScale:
    header, name = instance.header, instance.name
    mapping = real_world_map(header, name)
    slope, intercept = number(header, "RescaleSlope", name), number(header, "RescaleIntercept", name) or 0.0
    units = text(header, "Units", name).upper()
    rescaled = slope is not None and (slope, intercept) != (1.0, 0.0)
    if slope is not None and not slope > 0:
        raise InputError(
            "the rescale slope must be above 0",
            found=f"{slope:g}",
            where=where(name, "RescaleSlope"),
            remedy="export the series again; its scale was changed",
        )
    if mapping is not None and mapping.quantity is Quantity.ACTIVITY:
        if units in ("CNTS", "CPS", "GML"):
            raise InputError(
                "Units and the real-world-value map contradict each other",
                expected="BQML",
                found=units,
                where=where(name, "Units"),
                remedy="export the series with one scale",
            )
        warnings: tuple[str, ...] = ()
        rows: tuple[Row, ...] = (("map", _MAP, f"{mapping.shown}", "Bq/ml per stored value", USED),)
        if rescaled and slope is not None:
            rows += (("rescale", "RescaleSlope (0028,1053)", f"{slope:g} x + {intercept:g}", "", NOT_USED),)
            if abs(slope / mapping.slope - 1) > SAME:
                warnings = (
                    f"SPECT: the real-world-value map ({mapping.slope:g}) applies to stored values; Rescale Slope {slope:g}"
                    " (0028,1053) was not used.",
                )
        return SpectScale(lambda v: mapping.apply(v, name), "Scale: real-world-value map (0040,9096) to Bq/ml.", warnings, rows)
    if units == "BQML" and slope is not None:
        return SpectScale(
            lambda v: (np.asarray(v, np.float64) * slope + intercept).astype(np.float32),
            f"Scale: the vendor's Units (0054,1001) BQML with Rescale Slope {slope:g}.",
            (),
            (("rescale", "RescaleSlope (0028,1053)", f"{slope:g} x + {intercept:g}", "Bq/ml per stored value", USED),),
        )
    if units not in ("", "CNTS", "CPS"):
        _refuse(name, "the SPECT is in a unit that has no scale to activity", units, "Units")
    return _from_counts(instance, nuclide, grid, settings, units, slope if rescaled else None, intercept)


def _from_counts(
    instance: Instance, nuclide: str, grid: Grid, settings: Settings, units: str, slope: float | None, intercept: float
) -> SpectScale:
    """Counts, or counts per second, to Bq/ml by the camera's calibration."""
    name = instance.name
    calibration = settings.calibration
    if calibration is None:
        _refuse(name, "the SPECT has no scale to activity", units or "counts only", "RealWorldValueMappingSequence")
    assert calibration is not None
    if calibration.nuclide != nuclide:
        raise InputError(
            "the calibration is for another nuclide",
            expected=nuclide,
            found=calibration.nuclide,
            where=CALIBRATION,
            remedy="give the calibration of this nuclide",
        )
    mapping = real_world_map(instance.header, name)
    rows: list[Row] = []
    per_second = units == "CPS"
    if mapping is not None and mapping.quantity is Quantity.OTHER:
        _refuse(name, "the real-world-value map leads to a unit that is no activity", mapping.unit, "RealWorldValueMappingSequence")
    if mapping is not None:
        if slope is not None and (abs(slope / mapping.slope - 1) > SAME or abs(intercept - mapping.intercept) > SAME):
            raise InputError(
                "Rescale Slope and the real-world-value map contradict each other",
                expected=f"{mapping.slope:g}",
                found=f"{slope:g}",
                where=where(name, "RescaleSlope"),
                remedy="export the series with one scale",
            )
        per_second = mapping.quantity is Quantity.COUNT_RATE
        rows.append(("map", _MAP, mapping.shown, f"{mapping.unit} per stored value", USED))
        scaled = f" of {mapping.slope:g} {mapping.unit} per stored value (0040,9096)"
    elif slope is not None:
        rows.append(("rescale", "RescaleSlope (0028,1053)", f"{slope:g} x + {intercept:g}", "counts per stored value", USED))
        scaled = f" of {slope:g} counts per stored value (0028,1053)"
    else:
        slope, intercept, scaled = _by_camera(instance, calibration, rows)

    def counts(stored: NDArray[np.generic]) -> NDArray[np.float64]:
        if mapping is not None:
            return np.asarray(mapping.apply(stored, name), np.float64)
        return np.asarray(stored, np.float64) * (1.0 if slope is None else slope) + (0.0 if slope is None else intercept)

    seconds, source = 1.0, ""
    warnings: tuple[str, ...] = ()
    if not per_second:
        seconds, source, warnings = _seconds(instance, calibration.seconds)
        rows.append(("duration", source, f"{seconds:g}", "s per voxel", USED if "(" in source else CALIBRATION))
    factor = 1e6 / (calibration.cps_per_mbq * seconds * grid.voxel_ml)
    rows += [
        ("calibration", f"{CALIBRATION} cps_per_mbq", f"{calibration.cps_per_mbq:g}", "cps/MBq", calibration.source),
        ("volume", "PixelSpacing (0028,0030), SpacingBetweenSlices (0018,0088)", f"{grid.voxel_ml:.6g}", "ml per voxel", USED),
        ("factor", "", f"{factor:.6g}", "Bq/ml per count", "worked out"),
    ]
    timed = "" if per_second else f", {seconds:g} s"
    note = (
        f"Scale: {CALIBRATION}, {calibration.cps_per_mbq:g} cps/MBq ± {100 * calibration.relative_sd:g} % ({calibration.source})"
        f"{timed}{scaled}."
    )
    return SpectScale(
        lambda v: (counts(v) * factor).astype(np.float32), note, warnings, tuple(rows), calibrated=True
    )


def _by_camera(instance: Instance, calibration: Calibration, rows: list[Row]) -> tuple[float | None, float, str]:
    """Slope, intercept and words of the camera's private factor; none where it has none or the calibration was made without it.

    Raises
    ------
    InputError
        If there is one and the calibration does not say whether it was measured with it.
    """
    private = private_scale(instance.header, instance.name)
    if private is None:
        return None, 0.0, ""
    if not calibration.pixel_scale:
        raise InputError(
            "the camera keeps a factor between stored numbers and counts in a private attribute",
            expected=f'pixel_scale = "apply" or "ignore" in {CALIBRATION}: whether cps_per_mbq was measured with it',
            found=private.value,
            where=f"{instance.name}, {private.tag}",
            remedy=f'write pixel_scale = "apply" in {CALIBRATION} if its value came from images read with the factor (as neorlt'
            ' calibrate-camera reads them), "ignore" if from the stored numbers',
        )
    used = calibration.pixel_scale == "apply"
    rows.append(("private scale", private.tag, private.value, "counts per stored value", USED if used else NOT_USED))
    if not used:
        return None, 0.0, ""
    return private.slope, private.intercept, f" of {private.slope:g} counts per stored value ({private.tag})"


def _refuse(name: str, problem: str, found: str, keyword: str) -> None:
    raise InputError(
        problem,
        expected="a real-world-value map in Bq/ml, or counts with a calibration",
        found=found,
        where=where(name, keyword),
        remedy="export it with quantitative values in Bq/ml, or as counts with calibration.toml beside it",
    )


def _seconds(instance: Instance, stated: float | None) -> tuple[float, str, tuple[str, ...]]:
    """Time that every voxel was seen for, where it is from, and what does not fit.

    Raises
    ------
    InputError
        If nothing states it, or the header's rotations do not say which voxels they saw.

    """
    header_s = duration_s(instance) if stated is None else duration_or_none(instance)
    if stated is not None:
        warnings: tuple[str, ...] = ()
        if header_s is not None and abs(header_s / stated - 1) > 0.01:
            warnings = (f"SPECT: {CALIBRATION} states {stated:g} s per voxel, the header's rotations {header_s:g} s; the first counts.",)
        return stated, f"{CALIBRATION} seconds", warnings
    if header_s is None:
        raise InputError(
            "counts need the duration of the acquisition",
            where=where(instance.name, "ActualFrameDuration"),
            remedy=f"export the series with its rotation information, or state seconds (per voxel) in {CALIBRATION}",
        )
    check("ActualFrameDuration", header_s, instance.name, f"state seconds (per voxel) in {CALIBRATION}")
    return header_s, "RotationInformationSequence (0054,0052)", ()

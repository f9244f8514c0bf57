"""Read reconstructed SPECT in Bq/ml from Nuclear Medicine Image Storage objects (PS3.3 A.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.codes import nuclide_of_item
from neorlt.dicom.decay import average_time_s, table_half_life_s
from neorlt.dicom.geometry import axes_of
from neorlt.dicom.header import moment, number, numbers, parse_date, parse_datetime, parse_seconds, raw, required, text, where
from neorlt.dicom.pixels import check_finite, decode, size
from neorlt.dicom.real_world import activity_mapping
from neorlt.dicom.scan import Instance
from neorlt.dicom.settings import Settings
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Grid, Unit, Volume

LEAST_MBQ, MOST_MBQ = 1.0, 1e5
"""An injected activity in MBq; this IOD states MBq (PS3.3 C.8.4.10), a number above 10⁶ is in Bq against the standard."""
LEAST_BQ = 1e6
ODD_TIME_S = 60.0
"""Acquisition and series are named where they start further apart; a minute is nothing to a half-life of days."""

Scaler = Callable[[NDArray[np.generic]], NDArray[np.float32]]


@dataclass(frozen=True)
class Injection:
    """What one object says about the injection: the day may be missing (this IOD holds a time only)."""

    nuclide: str
    activity_mbq: float
    time: datetime | None
    seconds_of_day: float | None
    agent: str


@dataclass(frozen=True)
class SpectObject:
    """One SPECT object whose header has been judged; pixels are not read yet."""

    instance: Instance
    grid: Grid
    frame_order: NDArray[np.intp]
    time: datetime
    injection: Injection
    scale: Scaler
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def is_reconstructed(instance: Instance) -> bool:
    """Whether Image Type value 3 is RECON TOMO; raw projections and planar views are something else."""
    kinds = raw(instance.header, "ImageType", instance.name) or []
    return len(kinds) > 2 and str(kinds[2]).strip().upper() == "RECON TOMO"


def judge_nm(instance: Instance, settings: Settings) -> SpectObject:
    """Judge a reconstructed SPECT by its header alone.

    Raises
    ------
    InputError
        If it has no map to activity and no calibration, no position, no time, or no injected activity.

    """
    grid, order, warnings = nm_grid(instance)
    header, name = instance.header, instance.name
    start = moment(header, "Acquisition", name)
    start = required(
        start,
        "AcquisitionTime",
        name,
        "export the series with date and time of acquisition",
        "the time of acquisition is missing",
    )
    injection = _injection(instance, settings)
    scale, note = _scaler(instance, injection.nuclide, grid, settings)
    time, time_note, assumed = _value_time(instance, start, injection.nuclide)
    warnings = (*warnings, *assumed, *_odd_times(instance, start))
    return SpectObject(instance, grid, order, time, injection, scale, (note, time_note), warnings)


def _odd_times(instance: Instance, start: datetime) -> tuple[str, ...]:
    """Say where acquisition and series state different times: the acquisition's counts, and a slip in it would not show else."""
    series = moment(instance.header, "Series", instance.name)
    if series is None or abs((series - start).total_seconds()) <= ODD_TIME_S:
        return ()
    return (
        f"SPECT: Acquisition and Series Date and Time differ ({start:%Y-%m-%d %H:%M:%S} and {series:%Y-%m-%d %H:%M:%S}); the"
        " acquisition's were taken, (0008,0022) and (0008,0032).",
    )


def _detector(instance: Instance) -> Dataset:
    items = raw(instance.header, "DetectorInformationSequence", instance.name) or []
    placed = [item for item in items if raw(item, "ImagePositionPatient", instance.name) is not None]
    if len({text(item, "ImagePositionPatient", instance.name) for item in placed}) > 1:
        raise InputError(
            "the detectors state different positions",
            where=where(instance.name, "DetectorInformationSequence"),
            remedy="give the reconstructed slices",
        )
    return placed[0] if placed else instance.header


def nm_grid(instance: Instance) -> tuple[Grid, NDArray[np.intp], tuple[str, ...]]:
    """Return grid, order of frames and warnings of a reconstructed NM object.

    Position and orientation of the first slice stand in the Detector Information Sequence (PS3.3 C.8.4.11); slices
    follow along the normal of rows and columns at Spacing Between Slices (0018,0088), which may be negative
    (PS3.3 C.8.4.15.1).

    Raises
    ------
    InputError
        If position, orientation or spacing is missing.

    """
    header, name = instance.header, instance.name
    remedy = "export the reconstructed slices with their position"
    detector = _detector(instance)
    position = required(numbers(detector, "ImagePositionPatient", 3, name), "ImagePositionPatient", name, remedy)
    angles = required(numbers(detector, "ImageOrientationPatient", 6, name), "ImageOrientationPatient", name, remedy)
    pixel = required(numbers(header, "PixelSpacing", 2, name), "PixelSpacing", name, remedy)
    if min(pixel) <= 0:
        raise InputError("pixel spacing must be above 0", where=where(name, "PixelSpacing"), remedy=remedy)
    frame = required(text(header, "FrameOfReferenceUID", name), "FrameOfReferenceUID", name, remedy)
    frames = int(required(number(header, "NumberOfFrames", name), "NumberOfFrames", name, remedy))
    warnings: tuple[str, ...] = ()
    step = number(header, "SpacingBetweenSlices", name)
    if step is None:
        step = number(header, "SliceThickness", name)
        step = required(step, "SpacingBetweenSlices", name, remedy)
        warnings = ("SPECT: the spacing between slices is missing; the slice thickness was taken.",)
    if step == 0 or frames < 1:
        raise InputError("the slices have no distance", where=where(name, "SpacingBetweenSlices"), remedy=remedy)
    row, column, normal = axes_of(angles, name)
    rows, columns = size(instance)
    order = _frame_order(instance, frames)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = row * pixel[1], column * pixel[0], normal * abs(step)
    affine[:3, 3] = position
    if step < 0:  # the last frame comes first along the normal
        affine[:3, 3] = np.asarray(position) + normal * step * (frames - 1)
        order = order[::-1]
    return Grid((columns, rows, frames), affine, frame), order, warnings


def _frame_order(instance: Instance, frames: int) -> NDArray[np.intp]:
    vector = raw(instance.header, "SliceVector", instance.name)
    if vector is None:
        return np.arange(frames)
    numbers_ = np.atleast_1d(np.asarray(vector if isinstance(vector, (list, tuple)) else list(np.atleast_1d(vector)), dtype=int))
    if len(numbers_) != frames or len(set(numbers_.tolist())) != frames:
        raise InputError(
            "the frames are not one per slice",
            found=f"{len(set(numbers_.tolist()))} slices in {frames} frames",
            where=where(instance.name, "SliceVector"),
            remedy="give one time frame and one energy window",
        )
    return np.argsort(numbers_, kind="stable")


def _injection(instance: Instance, settings: Settings) -> Injection:
    header, name = instance.header, instance.name
    items = raw(header, "RadiopharmaceuticalInformationSequence", name) or []
    if len(items) != 1:
        raise InputError(
            "the SPECT must name one radiopharmaceutical",
            found=f"{len(items)}",
            where=where(name, "RadiopharmaceuticalInformationSequence"),
            remedy="export the series with its radiopharmaceutical information",
        )
    item = items[0]
    nuclide = required(
        nuclide_of_item(item, instance.name),
        "RadionuclideCodeSequence",
        name,
        "export the series with its radionuclide",
        "the radionuclide is missing or unknown",
    )
    activity = number(item, "RadionuclideTotalDose", name)
    if settings.injected_activity_mbq is not None:
        activity = settings.injected_activity_mbq
    activity = required(
        activity,
        "RadionuclideTotalDose",
        name,
        "state injected_activity_mbq with a reason under [correction] in settings.toml",
        "the injected activity is missing",
    )
    if not LEAST_MBQ <= activity <= MOST_MBQ:
        found = f"{activity:g}" + (" (Bq?)" if activity >= LEAST_BQ else "")
        raise InputError(
            "the injected activity is not in MBq",
            expected="MBq, as the standard demands for NM",
            found=found,
            where=where(name, "RadionuclideTotalDose"),
            remedy="state injected_activity_mbq with a reason under [correction] in settings.toml",
        )
    start, when = text(item, "RadiopharmaceuticalStartTime", name), text(item, "RadiopharmaceuticalStartDateTime", name)
    seconds = parse_seconds(start) if start else None
    time = parse_datetime(when, text(header, "TimezoneOffsetFromUTC", name)) if when else None
    if settings.injection_time is not None:
        time, seconds = settings.injection_time, None
    if time is None and seconds is None:
        raise InputError(
            "the time of injection is missing" if not (start or when) else "the time of injection cannot be read",
            where=where(name, "RadiopharmaceuticalStartTime"),
            remedy="state injection_time with a reason under [correction] in settings.toml",
        )
    return Injection(nuclide, float(activity), time, seconds, text(item, "Radiopharmaceutical", name))


def _scaler(instance: Instance, nuclide: str, grid: Grid, settings: Settings) -> tuple[Scaler, str]:
    header, name = instance.header, instance.name
    mapping = activity_mapping(header, name)
    if mapping is not None:
        return (lambda stored: mapping.apply(stored, name)), "Scale: real-world-value map (0040,9096) to Bq/ml."
    slope, intercept = number(header, "RescaleSlope", name), number(header, "RescaleIntercept", name)
    if text(header, "Units", name).upper() == "BQML" and slope:
        offset = intercept or 0.0
        return (
            lambda stored: (np.asarray(stored, np.float64) * slope + offset).astype(np.float32),
            f"Scale: the vendor's Units (0054,1001) BQML with Rescale Slope {slope:g}.",
        )
    calibration = settings.calibration
    if calibration is None:
        raise InputError(
            "the SPECT has no scale to activity",
            expected="a real-world-value map in Bq/ml",
            found=text(header, "Units", name) or "counts only",
            where=where(name, "RealWorldValueMappingSequence"),
            remedy="export it with quantitative values, or put calibration.toml beside it",
        )
    if calibration.nuclide != nuclide:
        raise InputError(
            "the calibration is for another nuclide",
            expected=nuclide,
            found=calibration.nuclide,
            where="calibration.toml",
            remedy="give the calibration of this nuclide",
        )
    seconds = _duration_s(instance)
    if seconds is None:
        raise InputError(
            "counts need the duration of the acquisition",
            where=where(name, "ActualFrameDuration"),
            remedy="export the series with its rotation information",
        )
    factor = 1e6 / (calibration.cps_per_mbq * seconds * grid.voxel_ml)
    note = (
        f"Scale: calibration.toml, {calibration.cps_per_mbq:g} cps/MBq ± {100 * calibration.relative_sd:g} % "
        f"({calibration.source}), {seconds:g} s."
    )
    return (lambda stored: (np.asarray(stored, np.float64) * factor).astype(np.float32)), note


def _duration_s(instance: Instance) -> float | None:
    """Time spent at each point of the orbit, summed: frame duration × frames of one detector's rotation."""
    total = 0.0
    for item in raw(instance.header, "RotationInformationSequence", instance.name) or []:
        frame_ms = number(item, "ActualFrameDuration", instance.name)
        count = number(item, "NumberOfFramesInRotation", instance.name)
        if frame_ms is None or count is None:
            return None
        total += frame_ms * count / 1000.0
    return total or None


def _value_time(instance: Instance, start: datetime, nuclide: str) -> tuple[datetime, str, tuple[str, ...]]:
    """Moment that the values hold for, how it was found, and what was assumed for want of a statement."""
    corrected = raw(instance.header, "CorrectedImage", instance.name) or []
    listed = [corrected] if isinstance(corrected, str) else [str(c) for c in corrected]
    if "DECY" in listed:
        return start, "Values hold for the start of acquisition (decay corrected).", ()
    seconds, half_life = _duration_s(instance), table_half_life_s(nuclide)
    if seconds is None or half_life is None:
        note = "Values taken to hold for the start of acquisition; its duration is not stated."
        return start, note, (f"SPECT: {note}",)
    assumed = "SPECT: no decay correction is stated (0028,0051); values taken to hold for the average of the acquisition."
    return start + timedelta(seconds=average_time_s(half_life, seconds)), "Values hold for the average of the acquisition.", (assumed,)


def read_nm(spect: SpectObject) -> Volume:
    """Return the SPECT volume in Bq/ml, valid for ``time``.

    Raises
    ------
    InputError
        If the pixels cannot be read or do not fit the header.

    """
    nx, ny, nz = spect.grid.shape
    stored = decode(spect.instance.path, spect.instance.name)
    if stored.ndim == 2:
        stored = stored[np.newaxis]
    if stored.shape != (nz, ny, nx):
        raise InputError(
            "the frames do not fit the header",
            expected=f"{nz} x {ny} x {nx}",
            found=" x ".join(str(v) for v in stored.shape),
            where=where(spect.instance.name, "PixelData"),
            remedy="copy the file again",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        values = spect.scale(stored)[spect.frame_order]
    check_finite(values, spect.instance.name)
    return Volume(values.transpose(2, 1, 0), spect.grid, Unit.BQ_PER_ML, "NM", spect.time, spect.injection.nuclide, "SPECT", spect.notes)


def administrations_of(spects: list[SpectObject]) -> tuple[list[Administration], list[str]]:
    """Return the injections behind SPECT objects, and what had to be assumed.

    This IOD states the time of day of the injection, not its day. Objects that state the same nuclide, activity and
    time of day show one injection; its day is that of the first acquisition, or the day before where the time of day
    is later.

    Raises
    ------
    InputError
        If an acquisition is earlier than its injection.

    """
    groups: dict[tuple[str, float, float | datetime | None, str], list[SpectObject]] = {}
    for spect in spects:
        i = spect.injection
        groups.setdefault((i.nuclide, i.activity_mbq, i.time or i.seconds_of_day, i.agent), []).append(spect)
    found, notes = [], []
    for (nuclide, activity, _, agent), members in groups.items():
        first = min(members, key=lambda s: s.time)
        time = first.injection.time
        if time is None:
            midnight = first.time.replace(hour=0, minute=0, second=0, microsecond=0)
            time = midnight + timedelta(seconds=float(first.injection.seconds_of_day or 0.0))
            if time > first.time:
                time -= timedelta(days=1)
            _refuse_unknown_day(first)
            day = "day before" if time.date() < first.time.date() else "day of"
            notes.append(
                f"SPECT states the time of injection without its day: the {day}"
                " the first SPECT was taken; state injection_time in settings.toml if that is wrong."
            )
        elif (time.tzinfo is None) != (first.time.tzinfo is None):
            time = time.replace(tzinfo=first.time.tzinfo)
        if time > first.time:
            raise InputError(
                "times run backwards: the SPECT is earlier than the injection",
                found=f"by {time - first.time}",
                where=where(first.instance.name, "RadiopharmaceuticalStartDateTime"),
                remedy="correct the time of injection, or state it with a reason in settings.toml",
            )
        found.append(Administration(nuclide, activity, time, agent))
    return found, notes


def _refuse_unknown_day(first: SpectObject) -> None:
    """Refuse where the study began days before its first SPECT: an earlier one is missing, and with it the day.

    Raises
    ------
    InputError
        If the Study Date (0008,0020) is earlier than the first acquisition's day.
    """
    began = parse_date(text(first.instance.header, "StudyDate", first.instance.name))
    if began is not None and began < first.time.date():
        raise InputError(
            "the day of the injection is not known: the study began before the day of its first SPECT",
            where=where(first.instance.name, "RadiopharmaceuticalStartTime"),
            remedy="give the earlier SPECT too, or state injection_time with a reason under [correction] in settings.toml",
        )


def in_zone(spect: SpectObject, time: datetime) -> SpectObject:
    """Return the object with another time of its values (used to bring all series to one time zone)."""
    return replace(spect, time=time)

"""Read reconstructed SPECT in Bq/ml from Nuclear Medicine Image Storage objects (PS3.3 A.5)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.attributes import stated_rows
from neorlt.dicom.codes import check_nuclide
from neorlt.dicom.cut_peaks import at_the_top, cut_peaks
from neorlt.dicom.decay import check_decayed_to
from neorlt.dicom.geometry import axes_of
from neorlt.dicom.header import moment, number, numbers, raw, required, text, where
from neorlt.dicom.injections import SAME_TIME_S, Injection, injection_of
from neorlt.dicom.pixels import check_byte_order, check_depth, decode_instance, size
from neorlt.dicom.plausible import check, check_grid
from neorlt.dicom.scan import Instance
from neorlt.dicom.settings import NONE, Correction, Settings
from neorlt.dicom.spect_scale import BREMSSTRAHLUNG, SpectScale, spect_scale
from neorlt.dicom.spect_time import ValueTime, back_to_start, value_time
from neorlt.dicom.stack import check_finite
from neorlt.imaging.ledger import Row, rows_of
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.nuclides.nuclide import get_nuclide

ODD_TIME_S = 60.0
"""Acquisition and series are named where they start further apart; a minute is nothing to a half-life of days."""
LEAST_GAMMA = 0.01
"""Gammas in fewer decays than this are not imaged."""


@dataclass(frozen=True)
class SpectObject:
    """One SPECT object whose header has been judged; pixels are not read yet."""

    instance: Instance
    grid: Grid
    frame_order: NDArray[np.intp]
    start: datetime
    value: ValueTime
    injection: Injection
    scale: SpectScale
    warnings: tuple[str, ...]

    @property
    def time(self) -> datetime:
        """Moment that the volume will hold for."""
        return self.value.time


def kind_of(instance: Instance) -> str:
    """``"RECON TOMO"``, or what else an NM object is, by Image Type values 3 and 4 (PS3.3 C.8.4.9.1.1)."""
    kinds = [str(k).strip().upper() for k in _listed(instance, "ImageType")]
    third = kinds[2] if len(kinds) > 2 else "no Image Type"
    if third == "RECON TOMO" and len(kinds) > 3 and kinds[3] == "TRANSMISSION":
        return "transmission (an attenuation map)"
    if third == "RECON TOMO" and (number(instance.header, "NumberOfEnergyWindows", instance.name) or 1.0) > 1.0:
        return "RECON TOMO of several energy windows"
    if third == "WHOLE BODY":
        return "WHOLE BODY (planar)"
    return third


def _listed(instance: Instance, keyword: str) -> list[str]:
    values = raw(instance.header, keyword, instance.name) or []
    return [values] if isinstance(values, str) else [str(v) for v in values]


def is_reconstructed(instance: Instance) -> bool:
    """Whether the object is reconstructed emission slices; raw projections and planar views are something else."""
    return kind_of(instance) == "RECON TOMO"


def judge_nm(instance: Instance, settings: Settings, correction: Correction = NONE) -> SpectObject:
    """Judge a reconstructed SPECT by its header alone.

    Raises
    ------
    InputError
        If it has no way to activity, no position, no time, or no injected activity.

    """
    check_depth(instance)
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
    injection = injection_of(instance, correction)
    scale = spect_scale(instance, injection.nuclide, grid, settings)
    value = value_time(instance, start, injection.nuclide)
    nuclide_said = check_nuclide(raw(header, "RadiopharmaceuticalInformationSequence", name)[0], name, "SPECT")
    said = (*nuclide_said, *window_of_another(instance, injection.nuclide))
    warnings = (*warnings, *said, *scale.warnings, *value.warnings, *_odd_times(instance, start))
    return SpectObject(instance, grid, order, start, value, injection, scale, warnings)


def window_of_another(instance: Instance, nuclide: str) -> tuple[str, ...]:
    """Say where no energy window (0054,0012) holds a gamma line of the nuclide: the header names what another study was set up for."""
    try:
        lines = [float(kev) for kev, part in get_nuclide(nuclide).gamma * np.array([1e3, 1.0]) if part >= LEAST_GAMMA]
    except InputError:
        return ()
    windows = []
    for window in raw(instance.header, "EnergyWindowInformationSequence", instance.name) or []:
        for item in raw(window, "EnergyWindowRangeSequence", instance.name) or []:
            low, high = number(item, "EnergyWindowLowerLimit", instance.name), number(item, "EnergyWindowUpperLimit", instance.name)
            if low is not None and high is not None and 0 < low < high:
                windows.append((low, high))
    if not lines or not windows or nuclide in BREMSSTRAHLUNG or any(low <= kev <= high for kev in lines for low, high in windows):
        return ()
    shown = ", ".join(f"{low:g}-{high:g}" for low, high in windows)
    return (
        f"SPECT: the energy windows ({shown} keV, (0054,0012)) hold no gamma line of {nuclide} ({', '.join(f'{kev:.0f}' for kev in lines)}"
        " keV): is the radionuclide (0054,0300) that of another examination? Half-life and dose follow it.",
    )


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
    thick = number(header, "SliceThickness", name)
    if thick is not None and abs(abs(step) / thick - 1.0 if thick else 1.0) > 0.01:
        warnings += (f"SPECT: slices are {thick:g} mm thick and {abs(step):g} mm apart (0018,0050), (0018,0088); the distance counts.",)
    if step == 0 or frames < 1:
        raise InputError("the slices have no distance", where=where(name, "SpacingBetweenSlices"), remedy=remedy)
    row, column, normal = axes_of(angles, name)
    rows, columns = size(instance)
    order = _frame_order(instance, frames)
    check_grid((pixel[1], pixel[0], abs(step)), (columns, rows, frames), name)
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


def read_nm(spect: SpectObject, injected: datetime) -> tuple[Volume, tuple[str, ...]]:
    """Return the SPECT volume in Bq/ml, valid for ``spect.time``, and what its pixels say.

    Raises
    ------
    InputError
        If the pixels cannot be read or do not fit the header.

    """
    nx, ny, nz = spect.grid.shape
    instance, nuclide = spect.instance, spect.injection.nuclide
    stored = decode_instance(instance)
    if stored.ndim == 2:
        stored = stored[np.newaxis]
    if stored.shape != (nz, ny, nx):
        raise InputError(
            "the frames do not fit the header",
            expected=f"{nz} x {ny} x {nx}",
            found=" x ".join(str(v) for v in stored.shape),
            where=where(instance.name, "PixelData"),
            remedy="copy the file again",
        )
    check_byte_order(stored[nz // 2], instance.name)
    decayed_to = _decayed_to(spect, injected)
    back = 1.0 if decayed_to is None else back_to_start(nuclide, decayed_to, spect.start)
    with np.errstate(over="ignore", invalid="ignore"):
        values = spect.scale.apply(stored)[spect.frame_order] * np.float32(back)
    check_finite(values, instance.name)
    for edge in (float(values.min()), float(values.max())):
        check("Bq/ml", edge, instance.name, "export the series again; its scale was changed", tag="RescaleSlope")
    image = f"SPECT {nuclide} {spect.time:%Y-%m-%d %H:%M}"
    rows: tuple[Row, ...] = (*spect.scale.rows, *spect.value.rows, *spect.injection.rows)
    if decayed_to is not None:
        rows += (("decay", "", f"{back:.6g}", "back to the start of acquisition", "worked out"),)
    ledger = (*rows_of(image, rows), *stated_rows([instance], image))
    notes = (spect.scale.note, spect.value.note)
    volume = Volume(values.transpose(2, 1, 0), spect.grid, Unit.BQ_PER_ML, "NM", spect.time, nuclide, "SPECT", notes, ledger=ledger)
    return volume, cut_peaks("SPECT", [at_the_top(frame, instance) for frame in stored])


def _decayed_to(spect: SpectObject, injected: datetime) -> datetime | None:
    """The moment that the stored values were decayed to, None where it is the start of the acquisition.

    Raises
    ------
    InputError
        If they are said to hold for the injection and for another moment.

    """
    stated = spect.value.decayed_to
    if stated is None or not spect.value.to_injection:
        return injected if spect.value.to_injection else stated
    said = "the injection, as Decay Correction (0054,1102) is ADMIN"
    check_decayed_to(stated, injected, said, spect.instance.name, SAME_TIME_S)
    return injected


def in_zone(spect: SpectObject, zone: tzinfo) -> SpectObject:
    """Return the object with its times in another zone, without it."""

    def there(time: datetime) -> datetime:
        return time if time.tzinfo is None else time.astimezone(zone).replace(tzinfo=None)

    injection = spect.injection
    moved = replace(injection, time=None if injection.time is None else there(injection.time))
    if injection.seconds_of_day is not None:  # a bare time of day is on the clock of its file
        ahead = (there(spect.start) - spect.start.replace(tzinfo=None)).total_seconds()
        moved = replace(moved, seconds_of_day=(injection.seconds_of_day + ahead) % 86400.0)
    to = spect.value.decayed_to
    value = replace(spect.value, time=there(spect.value.time), decayed_to=None if to is None else there(to))
    return replace(spect, start=there(spect.start), value=value, injection=moved)

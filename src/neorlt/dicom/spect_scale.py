"""From the stored numbers of a SPECT to Bq/ml at the start of its acquisition: every step that stands between, in order.

stored → (real-world-value map, or Rescale Slope and Intercept) → counts or Bq/ml → (seconds per voxel, calibration, volume) →
Bq/ml at the moment of the decay correction → Bq/ml at the start of the acquisition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.dicom.decay import average_time_s, check_decayed_to, decay_factor, table_half_life_s
from neorlt.dicom.header import number, parse_datetime, raw, tag_text, text, where
from neorlt.dicom.plausible import check
from neorlt.dicom.real_world import Quantity, decay_in_words, real_world_map
from neorlt.dicom.scan import Instance
from neorlt.dicom.settings import CALIBRATION, Calibration, Settings
from neorlt.dicom.vendor_scale import private_scale
from neorlt.imaging.ledger import NOT_USED, USED, LedgerRow
from neorlt.imaging.volume import Grid

Scaler = Callable[[NDArray[np.generic]], NDArray[np.float32]]
Row = tuple[str, str, str, str, str]
"""Step, tag, value, unit, source: a ledger row before its image has a name."""
BREMSSTRAHLUNG = frozenset({"Y-90", "P-32", "Sr-89"})
"""Nuclides without photons of their own worth imaging: a gamma camera sees the bremsstrahlung of their electrons."""
SAME = 1e-4
"""Two statements of one factor may differ by this much: decimal strings are rounded."""
STARTED_S = 3600.0
"""What objects call the start of one acquisition (its series, first bed, first projection) lies within this of one another."""
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
    header_s = duration_s(instance) if stated is None else _or_none(instance)
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


def _or_none(instance: Instance) -> float | None:
    try:
        return duration_s(instance)
    except InputError:
        return None


def duration_s(instance: Instance) -> float | None:
    """Time that one bed position was seen for: frame duration × frames of a rotation, summed over rotations of that bed.

    Rotations at another Table Traverse (0018,1131) saw other voxels (PS3.3 C.8.4.13). None where nothing is stated.

    Raises
    ------
    InputError
        If beds were seen for different times, or several rotations do not state their bed.

    """
    name = instance.name
    items = list(raw(instance.header, "RotationInformationSequence", name) or [])
    beds: dict[float | None, float] = {}
    for item in items:
        frame_ms, count = number(item, "ActualFrameDuration", name), number(item, "NumberOfFramesInRotation", name)
        if frame_ms is None or count is None:
            return None
        bed = number(item, "TableTraverse", name)
        beds[bed] = beds.get(bed, 0.0) + frame_ms * count / 1000.0
    if len(items) > 1 and None in beds:
        raise InputError(
            "several rotations do not say which bed position they saw",
            found=f"{len(items)} rotations",
            where=where(name, "TableTraverse"),
            remedy=f"state seconds (per voxel) in {CALIBRATION}",
        )
    times = sorted(beds.values())
    if times and times[-1] - times[0] > 0.01 * times[-1]:
        raise InputError(
            "the bed positions were seen for different times",
            found=" and ".join(f"{t:g} s" for t in times),
            where=where(name, "RotationInformationSequence"),
            remedy="export every bed position as its own series with its own calibration",
        )
    return times[-1] if times and times[-1] > 0 else None


@dataclass(frozen=True)
class ValueTime:
    """Moment that the values hold for once they are read.

    ``to_injection`` where they were decayed to the injection, ``decayed_to`` where to a moment that the file states: from either
    they must be brought back to the start of the acquisition.
    """

    time: datetime
    to_injection: bool
    note: str
    warnings: tuple[str, ...]
    rows: tuple[Row, ...]
    decayed_to: datetime | None = None


def value_time(instance: Instance, start: datetime, nuclide: str) -> ValueTime:
    """Judge what moment the values of a SPECT hold for.

    From Corrected Image (0028,0051), Decay Correction (0054,1102), Decay Correction DateTime (0018,9701) and Decay Factor (0054,1321).

    Raises
    ------
    InputError
        If they contradict each other.

    """
    name = instance.name
    corrected = raw(instance.header, "CorrectedImage", name) or []
    listed = {str(c).strip().upper() for c in ([corrected] if isinstance(corrected, str) else corrected)}
    kind = text(instance.header, "DecayCorrection", name).upper()
    undone = kind == "NONE" and "DECY" in listed
    unlisted = kind in ("START", "ADMIN") and bool(listed) and "DECY" not in listed
    if kind not in ("", "START", "ADMIN", "NONE") or undone or unlisted:
        raise InputError(
            "the header contradicts itself about decay correction",
            expected="DECY among the corrections exactly if Decay Correction is START or ADMIN",
            found=f"{kind} with {', '.join(sorted(listed)) or 'no correction'}",
            where=where(name, "DecayCorrection"),
            remedy="export the series again",
        )
    tag = "CorrectedImage (0028,0051)" if not kind else "DecayCorrection (0054,1102)"
    warnings: tuple[str, ...] = ()
    factor = number(instance.header, "DecayFactor", name)
    if factor is not None and factor != 1.0 and kind != "ADMIN" and "DECY" not in listed:
        warnings = (f"SPECT: a Decay Factor of {factor:g} (0054,1321) is stated, but no decay correction; it was not used.",)
    if "ATTN" not in listed:
        warnings += ("SPECT: attenuation correction is not stated (0028,0051); without it the activity is too low.",)
    if "SCAT" not in listed:
        warnings += ("SPECT: scatter correction is not stated (0028,0051); without it the activity is too high.",)
    to = _stated_moment(instance, start, kind)
    warnings += _compare_with_words(instance, _meant(kind, listed), to)
    if to is not None and not (kind or "DECY" in listed):
        warnings += ("SPECT: a moment of decay correction is stated (0018,9701), but no decay correction; it was not used.",)
    elif to is not None:
        note = f"Values hold for {to:%Y-%m-%d %H:%M:%S} (decay corrected) and were brought to the start of acquisition."
        row = ("decay", f"DecayCorrectionDateTime {tag_text('DecayCorrectionDateTime')}", to.isoformat(), "holds for", USED)
        return ValueTime(start, kind == "ADMIN", note, warnings, (row,), to)
    if kind == "ADMIN":
        note = "Values hold for the injection (decay corrected) and were brought to the start of acquisition."
        return ValueTime(start, True, note, warnings, (("decay", tag, "ADMIN", "", USED),))
    if kind == "START" or "DECY" in listed:
        _check_factor(instance, factor, nuclide)
        note = "Values hold for the start of acquisition (decay corrected)."
        return ValueTime(start, False, note, warnings, (("decay", tag, start.isoformat(), "holds for", USED),))
    seconds, half_life = _or_none(instance), table_half_life_s(nuclide)
    if seconds is None or half_life is None:
        note = "Values taken to hold for the start of acquisition; its duration is not stated."
        return ValueTime(start, False, note, (*warnings, f"SPECT: {note}"), (("decay", tag, start.isoformat(), "holds for", "assumed"),))
    assumed = "SPECT: no decay correction is stated (0028,0051); values taken to hold for the average of the acquisition."
    at = start + timedelta(seconds=average_time_s(half_life, seconds))
    row = ("decay", tag, at.isoformat(), "holds for", "assumed")
    return ValueTime(at, False, "Values hold for the average of the acquisition.", (*warnings, assumed), (row,))


def _meant(kind: str, listed: set[str]) -> str:
    if kind == "ADMIN":
        return "injection"
    return "start" if kind == "START" or "DECY" in listed else "none"


def _compare_with_words(instance: Instance, meant: str, to: datetime | None) -> tuple[str, ...]:
    """Hold what the words beside the map say of decay against what the header's attributes mean.

    Raises
    ------
    InputError
        If only one of them means the injection: days of decay lie between.
    """
    told = decay_in_words(instance.header, instance.name)
    if told is None or told[0] == meant or (to is not None and told[0] != "none"):
        return ()
    words = {"injection": "decay correction to the injection", "start": "decay correction to the start", "none": "no decay correction"}
    tag = where(instance.name, "DecayCorrection")
    if "injection" in (told[0], meant):
        raise InputError(
            "the words beside the scale and the header differ about decay correction",
            expected=f"{words[told[0]]}, as LUT Explanation (0028,3003) or Label (0040,9210) says: {told[1]!r}",
            found=f"{words[meant]}, by Decay Correction (0054,1102) and Corrected Image (0028,0051)",
            where=tag,
            remedy="export the series with Decay Correction stated, ADMIN where values hold for the injection",
        )
    return (
        f"SPECT: the words beside the scale say {words[told[0]]} ({told[1]!r}, (0028,3003) or (0040,9210)), the header {words[meant]}"
        " (0054,1102), (0028,0051); the header counts.",
    )


def _stated_moment(instance: Instance, start: datetime, kind: str) -> datetime | None:
    """Decay Correction DateTime (0018,9701), in the zone of the acquisition where only one of them states its zone."""
    header, name = instance.header, instance.name
    stated = text(header, "DecayCorrectionDateTime", name)
    if not stated:
        return None
    to = parse_datetime(stated, text(header, "TimezoneOffsetFromUTC", name))
    if to is None:
        raise InputError(
            "the moment of decay correction cannot be read",
            found=stated,
            where=where(name, "DecayCorrectionDateTime"),
            remedy="export the series again",
        )
    if (to.tzinfo is None) != (start.tzinfo is None):
        to = to.replace(tzinfo=start.tzinfo)  # on the clock of the image, as its other times
    if kind == "START":
        check_decayed_to(to, start, "as Decay Correction (0054,1102) is START", name, STARTED_S)
    return to


def _check_factor(instance: Instance, factor: float | None, nuclide: str) -> None:
    """Refuse a decay factor that is too large for values that hold for the start: they were decayed to another moment."""
    half_life, seconds = table_half_life_s(nuclide), _or_none(instance) or 0.0
    if factor is None or half_life is None:
        return
    most = 2.0 ** ((seconds + STARTED_S) / half_life)
    if factor > most:
        raise InputError(
            "the decay factor does not fit values that hold for the start of the acquisition",
            expected=f"at most {most:.4g} for {nuclide}, or the moment that they were decayed to",
            found=f"{factor:g}",
            where=where(instance.name, "DecayFactor"),
            remedy="export the series with Decay Correction (0054,1102) stated, ADMIN where values hold for the injection",
        )


def back_to_start(nuclide: str, decayed_to: datetime, start: datetime) -> float:
    """Factor from values that hold for the moment that they were decayed to, to values at the start of the acquisition."""
    half_life = table_half_life_s(nuclide)
    if half_life is None:
        raise InputError(
            "values hold for another moment than the acquisition, and the nuclide's half-life is not known",
            found=nuclide,
            remedy="export the series decay-corrected to the start of its acquisition",
        )
    return decay_factor(half_life, decayed_to, start)


def rows_of(image: str, rows: tuple[Row, ...]) -> tuple[LedgerRow, ...]:
    """Ledger rows with their image's name."""
    return tuple(LedgerRow(image, *row) for row in rows)

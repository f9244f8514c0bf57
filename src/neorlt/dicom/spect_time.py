"""Times of a SPECT: how long its voxels were seen, and the moment that its values hold for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from neorlt.core.errors import InputError
from neorlt.dicom.decay import average_time_s, check_decayed_to, decay_factor, table_half_life_s
from neorlt.dicom.header import number, parse_datetime, raw, tag_text, text, where
from neorlt.dicom.real_world import decay_in_words
from neorlt.dicom.scan import Instance
from neorlt.dicom.settings import CALIBRATION
from neorlt.imaging.ledger import USED, Row

STARTED_S = 3600.0
"""What objects call the start of one acquisition (its series, first bed, first projection) lies within this of one another."""


def duration_or_none(instance: Instance) -> float | None:
    """As :func:`duration_s`; None too where the rotations do not say which voxels they saw."""
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
    seconds, half_life = duration_or_none(instance), table_half_life_s(nuclide)
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
    half_life, seconds = table_half_life_s(nuclide), duration_or_none(instance) or 0.0
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

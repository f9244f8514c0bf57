"""What a PET header means: unit, decay reference, injection (PS3.3 C.8.9; the QIBA vendor-neutral SUV rules)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from neorlt.core.errors import InputError
from neorlt.dicom import plausible
from neorlt.dicom.decay import average_time_s, check_decayed_to, decay_factor, table_half_life_s
from neorlt.dicom.header import where
from neorlt.dicom.injections import SAME_TIME_S, check_zone, clock_apart_s, on_clock
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Unit
from neorlt.nuclides.imaged import joins_a_curve

LEAST_BQ, MOST_BQ = 1e6, 1e11
"""An injected activity in Bq lies between 1 MBq and 100 GBq; a smaller number is in MBq, against the standard."""
MOST_HALF_LIVES = 10.0
"""Images later than this after the injection show a thousandth of the activity: a date is wrong."""
LATEST_THERAPY = 4.0
"""A therapy image later than this many half-lives after its injection shows another cycle."""
DAY_MATTERS_H = 2.4
"""From this half-life on an image can be of the day after its injection or later (10 half-lives are a day): no day is guessed."""
LONGEST_SCAN_S = 86400.0
"""Series, scan and slices of one PET lie within a day of one another."""
SAME_HALF_LIFE = 0.02
"""Header and table may differ by this much: vendors round 67.71 min to 68 min."""


class NotUsableError(InputError):
    """The series is another kind of image than can be measured: left out by name where the study holds one that can."""


@dataclass(frozen=True)
class PetSlice:
    """Times of one slice: acquisition, frame reference (0054,1300) and duration (0018,1242)."""

    acquisition: datetime
    frame_reference_s: float | None
    duration_s: float | None


@dataclass(frozen=True)
class PetHeader:
    """What the files of one PET series say, as numbers with units; None where they say nothing."""

    file: str
    units: str
    suv_type: str
    decay_correction: str
    corrected: tuple[str, ...]
    series_time: datetime | None
    slices: tuple[PetSlice, ...]
    nuclide: str | None
    half_life_s: float | None
    dose_bq: float | None
    injection: datetime | None
    injection_time_only_s: float | None
    agent: str
    weight_kg: float | None
    philips_suv: float | None = None
    philips_bq_per_ml: float | None = None
    ge_scan_time: datetime | None = None
    image_kind: tuple[str, ...] = ()
    """Series Type (0054,1000) values, and Counts Source (0054,1002)."""
    age_y: float | None = None
    size_m: float | None = None
    is_test: bool = False
    """Quality Control Image (0028,0300)."""
    decayed_to: datetime | None = None
    """Decay Correction DateTime (0018,9701), where the files state it."""


@dataclass(frozen=True)
class PetScale:
    """How to turn rescaled values into ``unit``: one factor a slice, valid for ``reference``."""

    unit: Unit
    factors: tuple[float, ...]
    reference: datetime
    administration: Administration | None
    nuclide: str
    half_life_s: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def quantify(header: PetHeader) -> PetScale:
    """Apply the rules to a header.

    Raises
    ------
    InputError
        If the unit cannot be used, a correction is missing, or injection, activity, times or half-life are missing or
        contradict one another. The pixels are never needed to say so.

    """
    unit, factor, note = _unit(header)
    _check_kind(header)
    _check_corrections(header)
    nuclide, half_life = _half_life(header)
    start, start_note, warnings = _start(header, half_life)
    try:
        injection = _injection_time(header, start, half_life)
        administration = _administration(header, nuclide, injection)
    except InputError as error:
        if unit is not Unit.SUV_BW:
            raise
        injection = administration = None
        warnings = (*warnings, f"PET: {error.problem}{f' ({error.found})' if error.found else ''}; not needed, the file holds SUV already.")
    if unit is Unit.BQ_PER_ML and administration is None:
        raise InputError(
            "the injected activity is missing",
            where=where(header.file, "RadionuclideTotalDose"),
            remedy=_remedy(header, "injected_activity_mbq"),
        )
    kind = header.decay_correction
    _check_moment(header, start if kind == "START" else injection if kind == "ADMIN" else None)
    ones = (factor,) * len(header.slices)
    if unit is Unit.SUV_BW or kind == "START":
        return PetScale(unit, ones, start, administration, nuclide, half_life, (note, start_note), warnings)
    if kind == "ADMIN":
        if injection is None:
            raise InputError(
                "values are decay-corrected to the injection, but its time is missing",
                where=where(header.file, "RadiopharmaceuticalStartDateTime"),
                remedy=_remedy(header, "injection_time"),
            )
        text = "Decay Correction ADMIN: values hold for the time of injection."
        if joins_a_curve(nuclide):  # a curve needs what was there when the image was taken
            back = decay_factor(half_life, injection, start)
            text = f"{text[:-1]}, and were brought to the start of acquisition (x {back:.6g})."
            return PetScale(unit, tuple(f * back for f in ones), start, administration, nuclide, half_life, (note, text), warnings)
        return PetScale(unit, ones, injection, administration, nuclide, half_life, (note, text), warnings)
    return _uncorrected(header, PetScale(unit, ones, start, administration, nuclide, half_life, (note,), warnings))


def _remedy(header: PetHeader, key: str) -> str:
    """What to state, with the address that it corrects."""
    return f'state {key} with a reason under [correction."{header.nuclide or "PT"}"] in settings.toml'


def _check_kind(header: PetHeader) -> None:
    """Refuse what is no whole image of emission: transmission, projections of a volume, frames and gates, a phantom's test."""
    kind = {k.upper() for k in header.image_kind}
    for word, problem, keyword in (
        ("TRANSMISSION", "the PET shows transmission, not emission", "CountsSource"),
        ("REPROJECTION", "the PET holds projections of a volume (MIP)", "SeriesType"),
        ("DYNAMIC", "the PET holds several time frames", "SeriesType"),
        ("GATED", "the PET holds gates of a movement", "SeriesType"),
    ):
        if word in kind:
            raise NotUsableError(problem, found=word, where=where(header.file, keyword), remedy="give the static, corrected series")
    if header.is_test:
        raise NotUsableError(
            "the PET is an image of quality control", where=where(header.file, "QualityControlImage"), remedy="give the patient's series"
        )


def _check_moment(header: PetHeader, meant: datetime | None) -> None:
    """Refuse a stated moment of decay correction that is not the one that START or ADMIN means."""
    if header.decayed_to is None or meant is None:
        return
    said = f"as Decay Correction (0054,1102) is {header.decay_correction}"
    check_decayed_to(header.decayed_to, meant, said, header.file, SAME_TIME_S)


def _uncorrected(header: PetHeader, scale: PetScale) -> PetScale:
    """Decay Correction NONE: every slice shows the average of its own frame; bring all to the first acquisition."""
    reference = min(s.acquisition for s in header.slices)
    factors = []
    for part, factor in zip(header.slices, scale.factors, strict=True):
        if part.duration_s is None:
            raise InputError(
                "values are not decay-corrected and the frame's duration is missing",
                where=where(header.file, "ActualFrameDuration"),
                remedy="export the series again",
            )
        middle = part.acquisition + timedelta(seconds=average_time_s(scale.half_life_s, part.duration_s))
        factors.append(factor * decay_factor(scale.half_life_s, middle, reference))
    note = "Decay Correction NONE: every frame's average was brought to the start of the first."
    return PetScale(
        scale.unit,
        tuple(factors),
        reference,
        scale.administration,
        scale.nuclide,
        scale.half_life_s,
        (*scale.notes, note),
        scale.warnings,
    )


def _unit(header: PetHeader) -> tuple[Unit, float, str]:
    units = header.units.upper()
    if units == "BQML":
        return Unit.BQ_PER_ML, 1.0, "Units BQML: rescaled values are Bq/ml."
    if units == "GML":
        if header.suv_type not in ("", "BW"):
            raise NotUsableError(
                "the PET holds a SUV of another kind",
                expected="SUV by body weight (BW)",
                found=header.suv_type,
                where=where(header.file, "SUVType"),
                remedy="export the series in Bq/ml",
            )
        return Unit.SUV_BW, 1.0, "Units GML: rescaled values are SUVbw already."
    if units == "CNTS" and header.philips_bq_per_ml:
        factor = header.philips_bq_per_ml
        return Unit.BQ_PER_ML, factor, f"Units CNTS: counts times {factor:g} (7053,1009) are Bq/ml."
    if units == "CNTS" and header.philips_suv:
        return Unit.SUV_BW, header.philips_suv, f"Units CNTS: counts times {header.philips_suv:g} (7053,1000) are SUVbw."
    raise NotUsableError(
        "the PET's unit has no scale to activity" if units else "the PET has no unit",
        expected="BQML, GML, or CNTS with a scale factor (7053,1009) or (7053,1000)",
        found=units or "no value",
        where=where(header.file, "Units"),
        remedy="export the series in Bq/ml (BQML), attenuation corrected",
    )


def _check_corrections(header: PetHeader) -> None:
    corrected = {c.upper() for c in header.corrected}
    tag = where(header.file, "CorrectedImage")
    if "ATTN" not in corrected:
        raise NotUsableError(
            "the PET is not attenuation corrected",
            expected="ATTN among the corrections",
            found=", ".join(sorted(corrected)) or "none",
            where=tag,
            remedy="give the corrected series",
        )
    if header.decay_correction not in ("START", "ADMIN", "NONE"):
        raise InputError(
            "the decay correction is not stated",
            expected="START, ADMIN or NONE",
            found=header.decay_correction or "no value",
            where=where(header.file, "DecayCorrection"),
            remedy="export the series with it",
        )
    if ("DECY" in corrected) != (header.decay_correction != "NONE"):
        raise InputError(
            "the header contradicts itself about decay correction",
            expected="DECY among the corrections exactly if Decay Correction is START or ADMIN",
            found=header.decay_correction,
            where=tag,
            remedy="export the series again",
        )


def _half_life(header: PetHeader) -> tuple[str, float]:
    if header.nuclide is None:
        raise InputError(
            "the radionuclide is missing",
            where=where(header.file, "RadionuclideCodeSequence"),
            remedy="export the series with its radiopharmaceutical information",
        )
    table = table_half_life_s(header.nuclide)
    if header.half_life_s is None and table is None:
        raise InputError(
            "the half-life is missing",
            where=where(header.file, "RadionuclideHalfLife"),
            remedy="export the series with its radiopharmaceutical information",
        )
    if header.half_life_s is not None and not header.half_life_s > 0:
        raise InputError(
            "the half-life must be above 0 s", where=where(header.file, "RadionuclideHalfLife"), remedy="export the series again"
        )
    if header.half_life_s is not None and table is not None and abs(header.half_life_s / table - 1) > SAME_HALF_LIFE:
        raise InputError(
            "half-life and radionuclide contradict each other",
            expected=f"{table:.1f} s for {header.nuclide}",
            found=f"{header.half_life_s:g} s",
            where=where(header.file, "RadionuclideHalfLife"),
            remedy="correct the radiopharmaceutical on the scanner and export again",
        )
    return header.nuclide, table if table is not None else float(header.half_life_s or 0)


def _check_near(header: PetHeader, earliest: PetSlice) -> None:
    """Refuse series, scan, and slices that lie further apart than a scan can last: a date is wrong."""
    last = max(s.acquisition for s in header.slices)
    others = [("SeriesDate", header.series_time), ("AcquisitionDate", header.ge_scan_time), ("AcquisitionDate", last)]
    for keyword, other in others:
        if other is None:
            continue
        apart = abs((other.replace(tzinfo=None) - earliest.acquisition.replace(tzinfo=None)).total_seconds())
        if apart > LONGEST_SCAN_S:
            raise InputError(
                "series and acquisition lie too far apart",
                expected=f"less than {LONGEST_SCAN_S / 3600:g} h",
                found=f"{apart / 3600:.1f} h",
                where=where(header.file, keyword),
                remedy="correct the date in the archive and export the series again",
            )
    for part in header.slices:
        if part.frame_reference_s is not None and not abs(part.frame_reference_s) <= LONGEST_SCAN_S:
            raise InputError(
                "the frame reference time is longer than a scan",
                found=f"{part.frame_reference_s:g} s",
                where=where(header.file, "FrameReferenceTime"),
                remedy="export the series again",
            )
        if part.duration_s is not None:
            remedy = "export the series again"
            plausible.check("ActualFrameDuration", part.duration_s, header.file, remedy)


def _start(header: PetHeader, half_life: float) -> tuple[datetime, str, tuple[str, ...]]:
    """Moment that START refers to, by the QIBA rules, and how it was found."""
    earliest = min(header.slices, key=lambda s: s.acquisition)
    _check_near(header, earliest)
    if header.series_time is not None and header.series_time <= earliest.acquisition:
        start, how = header.series_time, "series time (0008,0031)"
    elif header.ge_scan_time is not None:
        start, how = header.ge_scan_time, "scan time (0009,100D)"
    elif earliest.frame_reference_s and earliest.duration_s:
        average = average_time_s(half_life, earliest.duration_s)
        start = earliest.acquisition + timedelta(seconds=average - earliest.frame_reference_s)
        how = "acquisition and frame reference time (0054,1300); the series time is later than the acquisition"
    else:
        start, how = earliest.acquisition, "first acquisition time (0008,0032)"
    warnings: tuple[str, ...] = ()
    if header.decay_correction == "START" and earliest.frame_reference_s and earliest.duration_s:
        average = average_time_s(half_life, earliest.duration_s)
        other = earliest.acquisition + timedelta(seconds=average - earliest.frame_reference_s)
        change = decay_factor(half_life, other, start) - 1.0
        if abs(change) > 0.01:
            warnings = (
                f"PET: the frame reference time points to another decay reference than the {how.split(';')[0]}; "
                f"values would change by {100 * change:+z.1f} %.",
            )
    return start, f"Decay reference: {start:%H:%M:%S}, from the {how}.", warnings


def _injection_time(header: PetHeader, start: datetime, half_life: float) -> datetime | None:
    injection = header.injection
    if injection is None and header.injection_time_only_s is not None:
        if half_life > DAY_MATTERS_H * 3600.0:
            raise InputError(
                "the day of the injection is not known",
                expected="the day too, for a nuclide that lives for days",
                found="only the time of day",
                where=where(header.file, "RadiopharmaceuticalStartDateTime"),
                remedy=_remedy(header, "injection_time"),
            )
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        injection = midnight + timedelta(seconds=header.injection_time_only_s)
        if injection > start:  # injected before midnight, imaged after
            injection -= timedelta(days=1)
    if injection is None:
        return None
    check_zone(injection, start, header.injection_time_only_s is not None, header.file, _remedy(header, "injection_time"))
    if (injection.tzinfo is None) != (start.tzinfo is None):
        injection, start = injection.replace(tzinfo=start.tzinfo), start
    tag = where(header.file, "RadiopharmaceuticalStartDateTime" if header.injection else "RadiopharmaceuticalStartTime")
    first = min(s.acquisition for s in header.slices)
    if injection > start or injection > first:
        raise InputError(
            "times run backwards: the image is earlier than the injection",
            found=f"by {injection - min(start, first)}",
            where=tag,
            remedy="correct the time of injection, or state it with a reason in settings.toml",
        )
    most = LATEST_THERAPY if joins_a_curve(header.nuclide) else MOST_HALF_LIVES
    if (start - injection).total_seconds() > most * half_life:
        raise InputError(
            "injection and image lie too far apart",
            expected=f"less than {most:g} half-lives",
            found=f"{(start - injection).total_seconds() / 3600:.1f} h",
            where=tag,
            remedy="correct the time of injection, or state it with a reason in settings.toml",
        )
    if header.injection and header.injection_time_only_s is not None:
        apart = clock_apart_s(on_clock(header.injection, start.tzinfo), header.injection_time_only_s)
        if apart > SAME_TIME_S:
            raise InputError(
                "two times of injection contradict each other",
                where=tag,
                found=f"{apart / 60:.0f} min apart",
                remedy="correct (0018,1072) and (0018,1078), or state the time with a reason in settings.toml",
            )
    return injection


def _administration(header: PetHeader, nuclide: str, injection: datetime | None) -> Administration | None:
    if header.dose_bq is None or injection is None:
        if header.dose_bq is not None and header.units.upper() != "GML":
            raise InputError(
                "the time of injection is missing",
                where=where(header.file, "RadiopharmaceuticalStartTime"),
                remedy=_remedy(header, "injection_time"),
            )
        return None
    tag = where(header.file, "RadionuclideTotalDose")
    if not header.dose_bq > 0:
        raise InputError(
            "the injected activity must be above 0",
            found=f"{header.dose_bq:g} Bq",
            where=tag,
            remedy=_remedy(header, "injected_activity_mbq"),
        )
    if header.dose_bq < LEAST_BQ or header.dose_bq > MOST_BQ:
        raise InputError(
            "the injected activity is not in Bq" if header.dose_bq < LEAST_BQ else "the injected activity is impossible",
            expected="Bq, as the standard demands for PET",
            found=f"{header.dose_bq:g} (MBq?)",
            where=tag,
            remedy=f"if it is {header.dose_bq:g} MBq, {_remedy(header, 'injected_activity_mbq')}",
        )
    return Administration(nuclide, header.dose_bq / 1e6, injection, header.agent)


def check_weight(header: PetHeader) -> None:
    """Refuse a PET in Bq/ml without a believable weight: SUV could not be made.

    Raises
    ------
    InputError
        If the weight is missing or not that of a person.

    """
    tag = where(header.file, "PatientWeight")
    if header.weight_kg is None:
        raise InputError(
            "the patient's weight is missing",
            where=tag,
            remedy="state weight_kg with a reason under [correction] in settings.toml",
        )
    plausible.check_weight(header.weight_kg, header.age_y, header.size_m, header.file)

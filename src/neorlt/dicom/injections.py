"""What SPECT objects say about their injection, and which of them belong to one.

The NM IOD states the time of day of an injection (0018,1072), not its day. A day is stated (0018,1078), proven by another object
that states it for the same time of day, or given by the user; it is never guessed: a first SPECT on the next day would be dated a
day late, and kidneys lose a quarter of their dose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

from neorlt.core.errors import InputError
from neorlt.dicom.codes import nuclide_of_item
from neorlt.dicom.decay import table_half_life_s
from neorlt.dicom.header import number, parse_datetime, parse_seconds, raw, required, tag_text, text, where
from neorlt.dicom.scan import Instance
from neorlt.dicom.settings import NONE, SETTINGS, Correction
from neorlt.imaging.ledger import USED
from neorlt.imaging.study import Administration

LEAST_MBQ, MOST_MBQ = 1.0, 1e5
"""An injected activity in MBq; this IOD states MBq (PS3.3 C.8.4.10), a number above 10⁶ is in Bq against the standard."""
LEAST_BQ = 1e6
MOST_HALF_LIVES = 4.0
"""A SPECT later than this after its injection belongs to another cycle: 27 days for 177Lu, and cycles lie eight weeks apart."""
SAME_TIME_S = 60.0
"""Two statements of one time of injection may differ by this much."""
REMEDY = "give --injected-at, or state injection_time with a reason under [correction] in settings.toml"


@dataclass(frozen=True)
class Injection:
    """What one object says about the injection: the day may be missing."""

    nuclide: str
    activity_mbq: float
    time: datetime | None
    seconds_of_day: float | None
    agent: str
    rows: tuple[tuple[str, str, str, str, str], ...] = ()
    by_user: bool = False
    """Whether the user stated the time."""


class Timed(Protocol):
    """An object with an injection and the start of its acquisition."""

    @property
    def instance(self) -> Instance: ...  # noqa: D102
    @property
    def start(self) -> datetime: ...  # noqa: D102
    @property
    def time(self) -> datetime: ...  # noqa: D102
    @property
    def injection(self) -> Injection: ...  # noqa: D102


def injection_of(instance: Instance, correction: Correction = NONE) -> Injection:
    """Return what an NM object says about its injection, after a user's correction.

    Raises
    ------
    InputError
        If nuclide or activity are missing or impossible, no time is stated, or two times contradict each other.

    """
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
        nuclide_of_item(item, name),
        "RadionuclideCodeSequence",
        name,
        "export the series with its radionuclide",
        "the radionuclide is missing or unknown",
    )
    _check_half_life(number(item, "RadionuclideHalfLife", name), nuclide, name)
    remedy = f'state injected_activity_mbq with a reason under [correction."{nuclide}"] in settings.toml'
    stated = number(item, "RadionuclideTotalDose", name)
    activity = correction.injected_activity_mbq if correction.injected_activity_mbq is not None else stated
    activity = required(activity, "RadionuclideTotalDose", name, remedy, "the injected activity is missing")
    if not LEAST_MBQ <= activity <= MOST_MBQ:
        raise InputError(
            "the injected activity is not in MBq",
            expected="MBq, as the standard demands for NM",
            found=f"{activity:g}" + (" (Bq?)" if activity >= LEAST_BQ else ""),
            where=where(name, "RadionuclideTotalDose"),
            remedy=remedy,
        )
    bare, full = text(item, "RadiopharmaceuticalStartTime", name), text(item, "RadiopharmaceuticalStartDateTime", name)
    seconds = parse_seconds(bare) if bare else None
    time = parse_datetime(full, text(header, "TimezoneOffsetFromUTC", name)) if full else None
    if correction.injection_time is not None:
        time, seconds, source = correction.injection_time, None, f"{SETTINGS}: {correction.reason}"
    else:
        source = USED
        if (bare and seconds is None) or (full and time is None):
            raise InputError("the time of injection cannot be read", where=where(name, "RadiopharmaceuticalStartTime"), remedy=REMEDY)
        here = parse_datetime("19700101000000", text(header, "TimezoneOffsetFromUTC", name))
        _check_two_times(time, seconds, here.tzinfo if here else None, name)
    if time is None and seconds is None:
        raise InputError("the time of injection is missing", where=where(name, "RadiopharmaceuticalStartTime"), remedy=REMEDY)
    corrected = correction.injected_activity_mbq is not None
    rows = (
        ("injection", f"RadionuclideTotalDose {tag_text('RadionuclideTotalDose')}", f"{activity:g}", "MBq",
         f"{SETTINGS}: {correction.reason}" if corrected else USED),
        ("injection", "RadiopharmaceuticalStartDateTime (0018,1078)" if time else "RadiopharmaceuticalStartTime (0018,1072)",
         time.isoformat() if time else bare, "injected at", source),
    )  # fmt: skip
    stated_by_user = correction.injection_time is not None
    return Injection(nuclide, float(activity), time, seconds, text(item, "Radiopharmaceutical", name), rows, stated_by_user)


def _check_half_life(stated_s: float | None, nuclide: str, name: str) -> None:
    table = table_half_life_s(nuclide)
    if stated_s is None or table is None:
        return
    if not abs(stated_s / table - 1) < 0.02:
        raise InputError(
            "half-life and radionuclide contradict each other",
            expected=f"{table:.1f} s for {nuclide}",
            found=f"{stated_s:g} s",
            where=where(name, "RadionuclideHalfLife"),
            remedy="correct the radiopharmaceutical on the scanner and export again",
        )


def _check_two_times(time: datetime | None, seconds: float | None, zone: tzinfo | None, name: str) -> None:
    """Refuse two times of day of one injection: dates that were moved without the bare time, or a slip."""
    if time is None or seconds is None:
        return
    apart = clock_apart_s(on_clock(time, zone), seconds)
    if apart > SAME_TIME_S:
        raise InputError(
            "two times of injection contradict each other",
            found=f"{apart / 60:.0f} min apart",
            where=where(name, "RadiopharmaceuticalStartDateTime"),
            remedy=f"correct (0018,1072) and (0018,1078), or {REMEDY}",
        )


def check_zone(time: datetime, image: datetime, on_its_clock: bool, name: str, remedy: str) -> None:
    """Refuse an injection with a time zone beside an image without one, unless the image's clock shows it too (0018,1072).

    Raises
    ------
    InputError
        Naming the offset: an hour is not to be guessed.
    """
    if time.tzinfo is None or image.tzinfo is not None or on_its_clock:
        return
    raise InputError(
        "the injection states its time zone and the image does not",
        expected="a time zone of the image (0008,0201), or the time of day on its clock (0018,1072)",
        found=f"{time:%H:%M%z}",
        where=where(name, "RadiopharmaceuticalStartDateTime"),
        remedy=remedy,
    )


def stated_moments(instances: Sequence[Instance], zone: tzinfo | None = None) -> dict[str, set[datetime]]:
    """Moments of injection that any object of the study states in full, by nuclide: they prove the day for a bare time.

    They are told on the clock of ``zone`` where the files state theirs, else on that of their file. A moment whose zone is stated and
    whose file shows neither its zone nor the time of day on its clock proves nothing.
    """
    found: dict[str, set[datetime]] = {}
    for instance in instances:
        items = instance.header.get("RadiopharmaceuticalInformationSequence")
        for item in items or []:
            full = text(item, "RadiopharmaceuticalStartDateTime", instance.name)
            of_file = text(instance.header, "TimezoneOffsetFromUTC", instance.name)
            time = parse_datetime(full, of_file) if full else None
            nuclide = nuclide_of_item(item, instance.name)
            if time is None or nuclide is None:
                continue
            if time.tzinfo is None or zone is not None or of_file or text(item, "RadiopharmaceuticalStartTime", instance.name):
                here = parse_datetime("19700101000000", of_file)
                clock = zone or (here.tzinfo if here else None)
                found.setdefault(nuclide, set()).add(on_clock(time, clock).replace(tzinfo=None))
    return found


def date_injections(
    objects: Sequence[Timed], stated: dict[str, set[datetime]], injected_at: Sequence[datetime] = ()
) -> tuple[list[datetime], list[str]]:
    """Return the moment of injection of every object, and what proved it.

    Parameters
    ----------
    objects
        SPECT of one or more injections.
    stated
        From :func:`stated_moments`.
    injected_at
        Moments that the user states: each object belongs to the last one before it.

    Raises
    ------
    InputError
        If a day is neither stated nor proven, an image is earlier than its injection, or so late that it belongs to another.

    """
    moments, notes = [], []
    for one in objects:
        time = one.injection.time
        if injected_at:
            before = [t for t in (_as(t, one.start) for t in injected_at) if t <= one.start]
            if not before:
                raise InputError(
                    "a SPECT is earlier than every injection that was stated",
                    found=f"{one.start:%Y-%m-%d %H:%M}",
                    where=one.instance.name,
                    remedy="give --injected-at for its cycle too",
                )
            time = max(before)
        elif time is None:
            time = _proven(one, stated.get(one.injection.nuclide, set()))
            notes.append("SPECT: the day of the injection is proven by another object that states it in full (0018,1078).")
        elif not one.injection.by_user:
            check_zone(time, one.start, one.injection.seconds_of_day is not None, one.instance.name, REMEDY)
        time = _as(time, one.start)
        _check_order(one, time)
        moments.append(time)
    return moments, list(dict.fromkeys(notes))


def _as(time: datetime, like: datetime) -> datetime:
    """The time in the zone of another where only one of them states its zone."""
    return time if (time.tzinfo is None) == (like.tzinfo is None) else time.replace(tzinfo=like.tzinfo)


def _proven(one: Timed, stated: set[datetime]) -> datetime:
    """The one stated moment whose time of day is this object's bare time.

    Raises
    ------
    InputError
        If there is none, or more than one: the day is not known.

    """
    seconds = float(one.injection.seconds_of_day or 0.0)
    start = one.start.replace(tzinfo=None)
    fitting = [t for t in stated if t <= start and clock_apart_s(t, seconds) <= SAME_TIME_S]
    near = [t for t in fitting if (start - t).total_seconds() <= _longest_s(one.injection.nuclide)]
    if len(near) == 1 and not _moved(one.instance):
        return near[0]
    clock = f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}"
    raise InputError(
        "the day of the injection is not known",
        expected="a day that is stated (0018,1078) or proven",
        found=f"only the time of day, {clock}" + (", in a file that was de-identified" if _moved(one.instance) else ""),
        where=where(one.instance.name, "RadiopharmaceuticalStartTime"),
        remedy=REMEDY,
    )


def _moved(instance: Instance) -> bool:
    """Whether a file says that its dates may have been moved: a bare time of day may not have moved with them."""
    header, name = instance.header, instance.name
    changed = text(header, "LongitudinalTemporalInformationModified", name).upper()
    return changed not in ("", "UNMODIFIED") or text(header, "PatientIdentityRemoved", name).upper() == "YES"


def clock_apart_s(time: datetime, seconds: float) -> float:
    """Seconds between the time of day of a moment and a bare time of day, the short way round midnight."""
    of_day = (time - time.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    apart = abs(of_day - seconds) % 86400.0
    return min(apart, 86400.0 - apart)


def on_clock(time: datetime, zone: tzinfo | None) -> datetime:
    """A moment as the clock of its file shows it: a bare time of day is in the zone of the file (0008,0201)."""
    return time if zone is None or time.tzinfo is None else time.astimezone(zone)


def _longest_s(nuclide: str) -> float:
    return MOST_HALF_LIVES * (table_half_life_s(nuclide) or timedelta(days=7).total_seconds())


def _check_order(one: Timed, time: datetime) -> None:
    if time > one.start:
        raise InputError(
            "times run backwards: the SPECT is earlier than the injection",
            found=f"by {time - one.start}",
            where=where(one.instance.name, "RadiopharmaceuticalStartDateTime"),
            remedy=f"correct the time of injection: {REMEDY}",
        )
    late = (one.start - time).total_seconds()
    if late <= SAME_TIME_S:
        raise InputError(
            "the time of injection is that of the scan: the SPECT starts when it says that the activity was injected",
            expected="the moment of the injection",
            found=f"{time:%Y-%m-%d %H:%M}, and the SPECT at {one.start:%Y-%m-%d %H:%M}",
            where=where(one.instance.name, "RadiopharmaceuticalStartDateTime"),
            remedy=REMEDY,
        )
    if late > _longest_s(one.injection.nuclide):
        raise InputError(
            "a SPECT is too late to belong to its injection: it shows another cycle, or a date is wrong",
            expected=f"at most {_longest_s(one.injection.nuclide) / 86400.0:.0f} days, {MOST_HALF_LIVES:g} half-lives",
            found=f"{late / 86400.0:.1f} days",
            where=where(one.instance.name, "AcquisitionDate"),
            remedy="give --injected-at once for every cycle, or one folder a cycle",
        )


def administrations_of(objects: Sequence[Timed], moments: Sequence[datetime]) -> list[Administration]:
    """Every injection behind the objects once, in order of time.

    Raises
    ------
    InputError
        If objects of one moment state different activities.

    """
    found: dict[tuple[str, datetime], tuple[Administration, Timed]] = {}
    for one, time in zip(objects, moments, strict=True):
        said = one.injection
        made = Administration(said.nuclide, said.activity_mbq, time, said.agent)
        for (nuclide, other), (there, first) in found.items():
            if nuclide == said.nuclide and abs((other - time).total_seconds()) <= SAME_TIME_S:
                if abs(there.activity_mbq / said.activity_mbq - 1) > 1e-3:
                    raise InputError(
                        "two SPECT of one injection state different activities",
                        expected=f"{there.activity_mbq:g} MBq, as in {first.instance.name}",
                        found=f"{said.activity_mbq:g} MBq",
                        where=where(one.instance.name, "RadionuclideTotalDose"),
                        remedy=f'state injected_activity_mbq with a reason under [correction."{nuclide}"] in settings.toml',
                    )
                break
        else:
            found[said.nuclide, time] = (made, one)
    return sorted((a for a, _ in found.values()), key=lambda a: a.time)

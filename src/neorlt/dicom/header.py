"""Typed access to header values, with errors that name file, tag and remedy."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta, timezone
from pathlib import PurePath
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError


def tag_text(keyword: str) -> str:
    """``(gggg,eeee)`` of a DICOM keyword."""
    tag = tag_for_keyword(keyword)
    return "(????,????)" if tag is None else f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def where(file: str | PurePath, keyword: str) -> str:
    """File and tag, as errors show them."""
    return f"{file}, {keyword} {tag_text(keyword)}"


def raw(dataset: Dataset, keyword: str, file: str) -> Any:
    """Value of an attribute or None where it is absent or empty.

    Raises
    ------
    InputError
        If the bytes cannot be read as what the attribute should hold.

    """
    try:
        value = dataset.get(keyword)
    except Exception as error:  # pydicom raises many kinds for broken bytes
        raise InputError(
            f"{keyword} cannot be read",
            found=type(error).__name__,
            where=where(file, keyword),
            remedy="export the file again; it is damaged",
        ) from error
    if value is None or (isinstance(value, str) and not value.strip()) or (hasattr(value, "__len__") and len(value) == 0):
        return None
    return value


def text(dataset: Dataset, keyword: str, file: str) -> str:
    """Text value, stripped; empty where absent."""
    value = raw(dataset, keyword, file)
    try:  # the text of a sequence reads every element inside it
        return "" if value is None else str(value).strip()
    except Exception as error:  # pydicom raises many kinds for broken bytes
        raise InputError(
            f"{keyword} cannot be read",
            found=type(error).__name__,
            where=where(file, keyword),
            remedy="export the file again; it is damaged",
        ) from error


def number(dataset: Dataset, keyword: str, file: str) -> float | None:
    """One finite number, or None where absent.

    Raises
    ------
    InputError
        If the value is not one finite number.

    """
    value = raw(dataset, keyword, file)
    if value is None:
        return None
    try:
        result = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{keyword} is not a number", where=where(file, keyword), remedy="export the file again") from error
    if not math.isfinite(result):
        raise InputError(f"{keyword} is not finite", where=where(file, keyword), remedy="export the file again")
    return result


def numbers(dataset: Dataset, keyword: str, count: int, file: str) -> list[float] | None:
    """``count`` finite numbers, or None where absent.

    Raises
    ------
    InputError
        If there is another count, or one is not finite.

    """
    value = raw(dataset, keyword, file)
    if value is None:
        return None
    try:
        result = [float(v) for v in value]
    except (TypeError, ValueError) as error:
        raise InputError(f"{keyword} is not a list of numbers", where=where(file, keyword), remedy="export the file again") from error
    if len(result) != count or not all(math.isfinite(v) for v in result):
        raise InputError(
            f"{keyword} must be {count} finite numbers",
            found=f"{len(result)} values",
            where=where(file, keyword),
            remedy="export the file again",
        )
    return result


def required(value: Any, keyword: str, file: str, remedy: str, problem: str | None = None) -> Any:
    """Return ``value`` or raise because it is missing."""
    if value is None or value == "":
        raise InputError(problem or f"{keyword} is missing", where=where(file, keyword), remedy=remedy)
    return value


_OFFSET = re.compile(r"^([+-])(\d{2})(\d{2})$")


def _zone(offset: str) -> timezone | None:
    match = _OFFSET.match(offset)
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))


_FIRST_YEAR, _LAST_YEAR = 1850, 2200
"""Years of a patient's life and images; others are placeholders (0001, 9999)."""


def parse_date(value: str) -> date | None:
    """Date of a DA value (``YYYYMMDD``, also the old ``YYYY.MM.DD``), or None."""
    flat = value.strip().replace(".", "")
    if not re.fullmatch(r"\d{8}", flat):
        return None
    if not _FIRST_YEAR <= int(flat[:4]) <= _LAST_YEAR:
        return None
    try:
        return date(int(flat[:4]), int(flat[4:6]), int(flat[6:]))
    except ValueError:
        return None


def parse_seconds(value: str) -> float | None:
    """Seconds after midnight of a TM value (``HHMMSS.ffffff``, shortened forms, old ``HH:MM:SS``), or None."""
    match = re.fullmatch(r"(\d{2})(\d{2})?(\d{2})?(\.\d{1,6})?", value.strip().replace(":", ""))
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return hours * 3600 + minutes * 60 + seconds + float(match[4] or 0)


def moment(dataset: Dataset, stem: str, file: str) -> datetime | None:
    """``<stem>Date`` with ``<stem>Time`` (zone from (0008,0201) where given), or None where either is absent.

    Raises
    ------
    InputError
        If one is there but is not a date or a time.

    """
    day_text, time_text = text(dataset, f"{stem}Date", file), text(dataset, f"{stem}Time", file)
    if not day_text or not time_text:
        return None
    day, seconds = parse_date(day_text), parse_seconds(time_text)
    if day is None or seconds is None:
        keyword = f"{stem}Date" if day is None else f"{stem}Time"
        raise InputError(
            f"{keyword} is not a {'date' if day is None else 'time'}", where=where(file, keyword), remedy="export the file again"
        )
    zone = _zone(text(dataset, "TimezoneOffsetFromUTC", file))
    return datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(seconds=seconds)


def parse_datetime(value: str, fallback: str = "") -> datetime | None:
    """Moment of a DT value (``YYYYMMDDHHMMSS.ffffff&ZZXX``); without its zone, ``fallback`` counts. None if unreadable."""
    match = re.fullmatch(r"(\d{8})(\d{2,6}(?:\.\d{1,6})?)([+-]\d{4})?", value.strip())
    if match is None:
        return None
    day, seconds = parse_date(match[1]), parse_seconds(match[2])
    if day is None or seconds is None:
        return None
    zone = _zone(match[3] or fallback)
    return datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(seconds=seconds)

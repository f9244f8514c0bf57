"""A table cell of the report, and how the values of the plan document become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neorlt.core.labels import Label
from neorlt.reporting.rounding import given, interval, is_number, number, percent, percent_span

KNOWN_LABELS = tuple(str(label) for label in Label)


@dataclass(frozen=True)
class Cell:
    """One cell: the value in bold, what belongs to it below, and where the number comes from."""

    main: str = ""
    sub: str = ""
    notes: tuple[str, ...] = ()
    label: str | None = None
    absent: bool = False
    strip: tuple[float, float, float] | None = None
    """Low, value and high in percent of a strip's width, where the cell shows a probability."""


@dataclass(frozen=True)
class Column:
    """A column head: title, unit or explanation below, and the label where the whole column shares one."""

    title: str
    sub: str = ""
    label: str | None = None


def maps(value: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list; anything else gives an empty list."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [item for item in value if isinstance(item, Mapping)]
    return []


def texts(value: Any) -> list[str]:
    """The items of a list as text; a single text gives a list of one."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, Sequence):
        return [str(item) for item in value]
    return [str(value)]


def block(value: Any) -> Mapping[str, Any]:
    """The mapping, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def label_of(row: Mapping[str, Any], *keys: str) -> str | None:
    """The label of the first of these keys that has one."""
    labels = block(row.get("labels"))
    for key in keys:
        if key in labels:
            return str(labels[key])
    return None


def reason_for(row: Mapping[str, Any], key: str) -> str:
    """Why a value is absent: ``KEY_reason``, or the row's ``reason`` (text, or a mapping by key), or nothing."""
    specific = row.get(f"{key}_reason")
    if specific:
        return str(specific)
    reasons = block(row.get("reasons"))
    if key in reasons:
        return str(reasons[key])
    reason = row.get("reason")
    if isinstance(reason, Mapping):
        return str(reason.get(key, ""))
    return str(reason) if reason else ""


def absent(row: Mapping[str, Any], key: str) -> Cell:
    """The cell of a value that is not there, with the reason."""
    return Cell("not available", reason_for(row, key), absent=True)


def probability_cell(row: Mapping[str, Any], key: str, *, ci_key: str | None = None, strip: bool = True) -> Cell:
    """A probability with its interval."""
    value = row.get(key)
    main = percent(value)
    if main is None or not is_number(value):
        return absent(row, key)
    ends = row.get(ci_key or f"{key}_ci90")
    drawn = None
    if strip:
        low, high = ends if isinstance(ends, Sequence) and len(ends) == 2 and all(map(is_number, ends)) else (value, value)
        drawn = (_clip(100 * low), _clip(100 * value), _clip(100 * high))
    return Cell(main, percent_span(ends), label=label_of(row, key), strip=drawn)


def _clip(value: float) -> float:
    return round(min(100.0, max(0.0, value)), 1)


def interval_cell(row: Mapping[str, Any], key: str, unit: str, *, digits: int = 2, notes: Sequence[str] = ()) -> Cell:
    """A ``{"median", "ci90"}`` block with its unit; a plain number is shown without an interval."""
    value = row.get(key)
    if is_number(value):
        return Cell(with_unit(number(value, digits), unit), notes=tuple(notes), label=label_of(row, key))
    shown = interval(value, digits)
    if shown is None:
        reason = block(value).get("reason")
        return Cell("not available", str(reason), absent=True) if reason else absent(row, key)
    return Cell(with_unit(shown[0], unit), shown[1], tuple(notes), label_of(row, key))


def dose_cell(row: Mapping[str, Any], key: str, unit: str) -> Cell:
    """A dose-like block: median with interval where there is one, else mean with one standard deviation."""
    value = block(row.get(key))
    if interval(value) is not None and is_number(value.get("median")):
        return interval_cell(row, key, unit)
    if not is_number(value.get("mean")):
        return interval_cell(row, key, unit)
    sub = f"± {number(value['sd'])}" if is_number(value.get("sd")) else ""
    return Cell(with_unit(number(value["mean"]), unit), sub, label=label_of(row, key))


def given_cell(row: Mapping[str, Any], key: str, unit: str) -> Cell:
    """A value as it was measured or typed in."""
    value = row.get(key)
    if value is None:
        return absent(row, key)
    return Cell(with_unit(given(value), unit), label=label_of(row, key))


def with_unit(text: str, unit: str) -> str:
    """Join number and unit by a space that does not break; degrees stand close."""
    return f"{text}{unit}" if unit == "°" else f"{text}\u00a0{unit}" if unit else text


def share_label(column: Column, cells: Sequence[Cell]) -> tuple[Column, list[Cell]]:
    """Lift a label that all cells share into the head, so that the table stays quiet."""
    labels = {cell.label for cell in cells if not cell.absent}
    if len(labels) != 1 or None in labels:
        return column, list(cells)
    (label,) = labels
    quiet = [Cell(c.main, c.sub, c.notes, None, c.absent, c.strip) for c in cells]
    return Column(column.title, column.sub, label), quiet


_UNITS = {
    "g_dl": "g/dl",
    "e9_per_l": "× 10⁹/l",
    "ml_min": "ml/min",
    "mbq_h": "MBq·h",
    "mbq": "MBq",
    "gbq": "GBq",
    "gy": "Gy",
    "ml": "ml",
    "mm": "mm",
    "kg": "kg",
    "pct": "%",
    "deg": "°",
    "h": "h",
    "g": "g",
    "y": "years",
}


def key_words(key: str) -> str:
    """A key of the plan document in words, its unit in brackets: ``longest_diameter_mm`` gives ``Longest diameter (mm)``."""
    for ending, unit in _UNITS.items():
        if key.endswith(f"_{ending}"):
            return f"{key.removesuffix(f'_{ending}').replace('_', ' ').capitalize()} ({unit})"
    return key.replace("_", " ").capitalize()

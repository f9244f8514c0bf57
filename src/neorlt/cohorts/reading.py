"""Reading a cohort table: every problem is named with its row and column, and nothing is dropped in silence."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.cohorts.dictionary import BY_NAME, FIELDS, FOLLOW_UPS, Field
from neorlt.core.errors import InputError

DAYS_PER_MONTH = 365.25 / 12
MISSING = frozenset({"", "na", "n/a", "nan", ".", "unknown", "missing"})
EARLIEST, LATEST = date(1980, 1, 1), date(2100, 1, 1)
SHOWN = 20
"""Problems printed in one error; the rest are counted."""


class TableError(InputError):
    """A table with wrong rows; ``problems`` holds all of them, each as one sentence."""

    def __init__(self, problems: Sequence[str], where: str) -> None:
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:SHOWN])
        more = f"; and {len(self.problems) - SHOWN} more" if len(self.problems) > SHOWN else ""
        super().__init__(
            f"{len(self.problems)} problem(s) in the table: {shown}{more}",
            where=where,
            remedy="correct these rows; no row is left out",
        )


@dataclass(frozen=True)
class Cohort:
    """A validated table, column by column.

    Numbers and flags are float arrays ``(patient,)`` with NaN where missing (flags 0 and 1), dates are days since 1970-01-01
    with NaN, choices and texts are object arrays with ``""``. Absent columns are absent keys.
    """

    columns: Mapping[str, NDArray[Any]]
    warnings: tuple[str, ...] = ()
    name: str = ""
    unused: tuple[str, ...] = field(default=())

    @property
    def n(self) -> int:
        """Number of patients."""
        return len(self.columns["patient_id"])

    def has(self, *names: str) -> bool:
        """Whether columns are there with at least one value."""
        return all(name in self.columns and bool(np.any(self._known(name))) for name in names)

    def _known(self, name: str) -> NDArray[np.bool_]:
        values = self.columns[name]
        return np.asarray(values != "", bool) if values.dtype == object else ~np.isnan(values)

    def number(self, name: str) -> NDArray[np.float64]:
        """A number, flag or date column; all NaN where it is absent."""
        return np.asarray(self.columns.get(name, np.full(self.n, np.nan)), float)

    def text(self, name: str) -> NDArray[Any]:
        """A choice or text column; all empty where it is absent."""
        return np.asarray(self.columns.get(name, np.full(self.n, "", object)), object)

    def months(self, start: str, end: str) -> NDArray[np.float64]:
        """Months between two dates."""
        return (self.number(end) - self.number(start)) / DAYS_PER_MONTH


def read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file (comma, semicolon or tab; UTF-8 with or without a mark).

    Raises
    ------
    InputError
        If the file is missing, not text, empty, or a row has another number of cells.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise InputError("the table does not exist", where=path.name, remedy="check the path") from None
    except UnicodeDecodeError:
        raise InputError("the table is not UTF-8 text", where=path.name, remedy="save it as CSV UTF-8") from None
    first = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t", key=first.count)
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise InputError("the table has no rows", where=path.name, remedy="give a header and one row a patient")
    header = [cell.strip() for cell in rows[0]]
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise InputError("a column appears twice", found=", ".join(repeated), where=path.name, remedy="remove one of them")
    wrong = [
        f"row {i}: {len(row)} cells under {len(header)} columns" for i, row in enumerate(rows[1:], 2) if len(row) != len(header)
    ]
    if wrong:
        raise TableError(wrong, path.name)
    return header, [[cell.strip() for cell in row] for row in rows[1:]]


def parse_number(text: str, spec: Field) -> float:
    """A number within the field's range.

    Raises
    ------
    ValueError
        With what is wrong, a unit that the value betrays included.
    """
    unit = re.fullmatch(r"([-+]?[\d.,]+)\s*([^\d\s.,+-].*)", text)
    if unit:
        raise ValueError(f"{text!r} carries a unit: give plain numbers in {spec.unit or 'plain counts'} (mixed units)")
    if "," in text:
        raise ValueError(f"{text!r} is not a number: write a decimal point")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not np.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    if spec.low is not None and value < 0 <= spec.low:
        raise ValueError(f"{value:g} is negative")
    low, high = spec.low, spec.high
    if (low is not None and value < low) or (high is not None and value > high):
        for factor, name in spec.look_alikes:
            if (low is None or low <= value * factor) and (high is None or value * factor <= high):
                raise ValueError(f"{value:g} looks like {name} where {spec.unit} is due (mixed units)")
        raise ValueError(f"{value:g} is outside {low:g} to {high:g} {spec.unit}".rstrip())
    if spec.kind == "integer" and value != round(value):
        raise ValueError(f"{value:g} is not a whole number")
    return value


def _parse(text: str, spec: Field) -> Any:
    if spec.kind in ("number", "integer"):
        return parse_number(text, spec)
    if spec.kind == "flag":
        known = {"1": 1.0, "0": 0.0, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
        if text.lower() not in known:
            raise ValueError(f"{text!r} is not yes or no")
        return known[text.lower()]
    if spec.kind == "date":
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a date YYYY-MM-DD that exists") from None
        if not EARLIEST <= day <= LATEST:
            raise ValueError(f"{text} is not a likely date")
        return float((day - date(1970, 1, 1)).days)
    if spec.kind == "choice":
        found = {choice.lower(): choice for choice in spec.choices}.get(text.lower())
        if found is None:
            raise ValueError(f"{text!r} is not one of {', '.join(spec.choices)}")
        return found
    return text


def read_cohort(path: Path) -> Cohort:
    """Read and check a table.

    Raises
    ------
    TableError
        With every wrong cell, impossible order of dates, and duplicated patient, by row (the header is row 1).
    InputError
        If a required column is missing or the file is not a table.
    """
    header, rows = read_rows(path)
    return build_cohort(header, rows, Path(path).name)


def build_cohort(header: Sequence[str], rows: Sequence[Sequence[str]], name: str, first_row: int = 2) -> Cohort:
    """Check parsed rows; see :func:`read_cohort`."""
    missing = [spec.name for spec in FIELDS if spec.required and spec.name not in header]
    if missing:
        raise InputError(
            "required columns are missing",
            expected=", ".join(missing),
            found=", ".join(header),
            where=name,
            remedy="add them; the data dictionary lists every column and its unit",
        )
    problems: list[str] = []
    columns: dict[str, NDArray[Any]] = {}
    for index, column in enumerate(header):
        spec = BY_NAME.get(column)
        if spec is None:
            continue
        text = spec.kind in ("id", "choice", "text")
        values: list[Any] = []
        for offset, row in enumerate(rows):
            cell, where = row[index], f"row {first_row + offset}, {column}"
            value: Any = "" if text else np.nan
            if cell.lower() in MISSING and not (spec.kind == "choice" and cell.lower() in {c.lower() for c in spec.choices}):
                if spec.required:
                    problems.append(f"{where}: is empty")
            else:
                try:
                    value = _parse(cell, spec)
                except ValueError as error:
                    problems.append(f"{where}: {error}")
            values.append(value)
        columns[column] = np.array(values, dtype=object if text else float)
    problems += _duplicates(columns["patient_id"], first_row)
    problems += _order_of_dates(columns, first_row)
    problems += _contradictions(columns, first_row)
    if problems:
        raise TableError(sorted(problems, key=_row_number), name)
    unused = tuple(column for column in header if column not in BY_NAME)
    warnings = (f"columns without a meaning here were not used: {', '.join(unused)}",) if unused else ()
    return Cohort(columns, warnings, name, unused)


def _row_number(problem: str) -> int:
    found = re.match(r"row (\d+)", problem)
    return int(found.group(1)) if found else 0


def _duplicates(ids: NDArray[Any], first_row: int) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for offset, patient in enumerate(ids.tolist()):
        key = patient.strip().lower()
        if key and key in seen:
            found.append(f"row {first_row + offset}, patient_id: the patient of row {seen[key]} appears again")
        seen.setdefault(key, first_row + offset)
    return found


def _order_of_dates(columns: Mapping[str, NDArray[Any]], first_row: int) -> list[str]:
    pairs = [
        ("baseline_date", "rlt_start_date"),
        ("rlt_start_date", "rlt_end_date"),
        ("rlt_end_date", "surgery_date"),
        ("baseline_date", "surgery_date"),
        ("baseline_date", "last_date"),
        ("surgery_date", "last_date"),
        ("rlt_end_date", "last_date"),
        ("baseline_date", "recurrence_date"),
        ("recurrence_date", "last_date"),
    ]
    scans = [f"fu{k}_date" for k in range(1, FOLLOW_UPS + 1) if f"fu{k}_date" in columns]
    pairs += [("baseline_date", scan) for scan in scans] + [(scan, "last_date") for scan in scans]
    pairs += list(zip(scans, scans[1:], strict=False))
    found = []
    for first, second in pairs:
        if first in columns and second in columns:
            for offset in np.flatnonzero(columns[second] < columns[first]):
                found.append(f"row {first_row + int(offset)}, {second}: lies before {first}")
    return found


def _contradictions(columns: Mapping[str, NDArray[Any]], first_row: int) -> list[str]:
    found = []
    n = len(columns["patient_id"])
    surgery = ~np.isnan(columns.get("surgery_date", np.full(n, np.nan)))
    for name in ("margin", "clavien_dindo", "popf", "ki67_after_pct"):
        if name in columns and "surgery_date" in columns:
            known = np.asarray(columns[name] != "", bool) if columns[name].dtype == object else ~np.isnan(columns[name])
            for offset in np.flatnonzero(known & ~surgery):
                found.append(f"row {first_row + int(offset)}, {name}: given without a surgery_date")
    if "margin" in columns:
        rule = columns.get("margin_rule_mm", np.full(n, np.nan))
        for offset in np.flatnonzero((columns["margin"] != "") & np.isnan(rule)):
            found.append(
                f"row {first_row + int(offset)}, margin_rule_mm: is empty where a margin is given (0 and 1 mm rules differ)"
            )
    if "group" in columns and "rlt_start_date" in columns:
        for offset in np.flatnonzero((columns["group"] == "upfront_surgery") & ~np.isnan(columns["rlt_start_date"])):
            found.append(f"row {first_row + int(offset)}, rlt_start_date: given for upfront surgery")
    for k in range(1, FOLLOW_UPS + 1):
        total, day = columns.get(f"fu{k}_sum_mm"), columns.get(f"fu{k}_date")
        if total is not None:
            dated = np.zeros(n, bool) if day is None else ~np.isnan(day)
            for offset in np.flatnonzero(~np.isnan(total) & ~dated):
                found.append(f"row {first_row + int(offset)}, fu{k}_date: is empty where fu{k}_sum_mm is given")
    return found

"""A checked cohort, column by column: every problem is named with its row and column, and nothing is dropped in silence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.cohorts.dictionary import FIELDS, FOLLOW_UPS
from neorlt.core.errors import InputError

DAYS_PER_MONTH = 365.25 / 12
EPOCH = date(1970, 1, 1)
EARLIEST, LATEST = float((date(1980, 1, 1) - EPOCH).days), float((date(2100, 1, 1) - EPOCH).days)
SHOWN = 20
"""Problems printed in one error; the rest are counted."""


class TableError(InputError):
    """A table with wrong rows; ``problems`` holds all of them, each as one sentence."""

    def __init__(self, problems: Sequence[str], where: str, remedy: str = "correct these rows; no row is left out") -> None:
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:SHOWN])
        more = f"; and {len(self.problems) - SHOWN} more" if len(self.problems) > SHOWN else ""
        super().__init__(f"{len(self.problems)} problem(s) in the table: {shown}{more}", where=where, remedy=remedy)


@dataclass(frozen=True)
class Cohort:
    """A validated table, column by column.

    Numbers and flags are float arrays ``(patient,)`` with NaN where missing (flags 0 and 1), dates are days since 1970-01-01
    with NaN, choices and texts are object arrays with ``""``. Absent columns are absent keys. ``intervals`` holds, for columns
    with cells such as ``<3`` or ``10-15``, the lowest and highest value of each patient; their number is NaN.
    """

    columns: Mapping[str, NDArray[Any]]
    warnings: tuple[str, ...] = ()
    name: str = ""
    unused: tuple[str, ...] = field(default=())
    intervals: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of patients."""
        return len(self.columns["patient_id"])

    def has(self, *names: str) -> bool:
        """Whether columns are there with at least one value."""
        return all(name in self.columns and bool(np.any(self.known(name))) for name in names)

    def known(self, name: str) -> NDArray[np.bool_]:
        """Where a column that is there has a value."""
        values = self.columns[name]
        return np.asarray(values != "", bool) if values.dtype == object else ~np.isnan(values)

    def number(self, name: str) -> NDArray[np.float64]:
        """A number, flag or date column; all NaN where it is absent."""
        return np.asarray(self.columns.get(name, np.full(self.n, np.nan)), float)

    def bounds(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest value of a number column: both the number where it is exact, NaN where nothing is known."""
        low, high = self.intervals.get(name, (self.number(name), self.number(name)))
        return low, high

    def text(self, name: str) -> NDArray[Any]:
        """A choice or text column; all empty where it is absent."""
        return np.asarray(self.columns.get(name, np.full(self.n, "", object)), object)

    def months(self, start: str, end: str) -> NDArray[np.float64]:
        """Months between two dates."""
        return (self.number(end) - self.number(start)) / DAYS_PER_MONTH


def checked(
    columns: dict[str, NDArray[Any]], rows_at: Sequence[int], problems: list[str], *, name: str, found: Sequence[str],
    warnings: Sequence[str] = (), unused: Sequence[str] = (), called: Mapping[str, str] | None = None,
    intervals: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None, remedy: str | None = None,
) -> Cohort:
    """A cohort of parsed columns, or the list of everything that is wrong; ``called`` names each column as the table does."""
    _derive(columns)
    missing = [spec.name for spec in FIELDS if spec.required and spec.name not in columns]
    if missing:
        raise InputError(
            "required columns are missing", expected=", ".join(missing), found=", ".join(found), where=name,
            remedy="add them, or let `neorlt cohort map` find them under other names; the data dictionary lists every column",
        )
    names = called or {}
    for spec in FIELDS:
        if spec.required:
            values = columns[spec.name]
            empty = values == "" if values.dtype == object else np.isnan(values)
            said = {int(m.group(1)) for p in problems if (m := re.match(rf"row (\d+), {re.escape(names.get(spec.name, spec.name))}:", p))}
            problems += [f"row {rows_at[i]}, {names.get(spec.name, spec.name)}: is empty" for i in map(int, np.flatnonzero(empty))
                         if rows_at[i] not in said]
    checks = (_duplicates, _order_of_dates, _contradictions)
    for check in checks:
        problems += [f"row {rows_at[offset]}, {names.get(column, column)}: {words}" for offset, column, words in check(columns, rows_at)]
    if problems:
        raise TableError(sorted(problems, key=_row_number), name, *(() if remedy is None else (remedy,)))
    ahead = [f"row {rows_at[offset]}, {names.get(column, column)}: {words}" for offset, column, words in _ahead(columns)]
    if ahead:
        more = f"; and {len(ahead) - SHOWN} more" if len(ahead) > SHOWN else ""
        warnings = (*warnings, f"{'; '.join(ahead[:SHOWN])}{more}: correct them, unless the clock of this computer is wrong")
    return Cohort(columns, tuple(warnings), name, tuple(unused), dict(intervals or {}))


def _derive(columns: dict[str, NDArray[Any]]) -> None:
    """``last_date`` and ``died`` from the day of death and the day last seen alive, where only these are given, in a column or a row."""
    death, seen = columns.get("death_date"), columns.get("last_seen_date")
    if "died" not in columns and death is not None and (seen is not None or "last_date" in columns):
        columns["died"] = np.where(np.isnan(death), 0.0, 1.0)
    if "last_date" not in columns and seen is not None:
        columns["last_date"] = seen if death is None else np.where(np.isnan(death), seen, death)
    if death is not None and "last_date" in columns:
        columns["last_date"] = np.where(np.isnan(columns["last_date"]), death, columns["last_date"])
    if death is not None and "died" in columns:
        columns["died"] = np.where(np.isnan(columns["died"]) & ~np.isnan(death), 1.0, columns["died"])


def _row_number(problem: str) -> int:
    found = re.match(r"row (\d+)", problem)
    return int(found.group(1)) if found else 0


Finding = tuple[int, str, str]
"""Offset of the patient, column, what is wrong."""


def _duplicates(columns: Mapping[str, NDArray[Any]], rows_at: Sequence[int]) -> list[Finding]:
    seen: dict[str, int] = {}
    found = []
    for offset, patient in enumerate(columns["patient_id"].tolist()):
        key = patient.strip().lower()
        if key and key in seen:
            found.append((offset, "patient_id", f"the patient of row {rows_at[seen[key]]} appears again"))
        seen.setdefault(key, offset)
    return found


def _iso(day: float) -> str:
    return (EPOCH + timedelta(days=int(day))).isoformat()


def _order_of_dates(columns: Mapping[str, NDArray[Any]], rows_at: Sequence[int]) -> list[Finding]:
    pairs = [
        ("baseline_date", "rlt_start_date"), ("rlt_start_date", "rlt_end_date"), ("rlt_end_date", "surgery_date"),
        ("baseline_date", "surgery_date"), ("baseline_date", "last_date"), ("surgery_date", "last_date"), ("rlt_end_date", "last_date"),
        ("baseline_date", "recurrence_date"), ("recurrence_date", "last_date"), ("baseline_date", "death_date"),
        ("surgery_date", "discharge_date"), ("discharge_date", "last_date"), ("last_imaging_date", "last_date"),
        ("death_date", "last_date"),
    ]
    scans = [f"fu{k}_date" for k in range(1, FOLLOW_UPS + 1) if f"fu{k}_date" in columns]
    pairs += [("baseline_date", scan) for scan in scans] + [(scan, "last_date") for scan in scans]
    pairs += list(zip(scans, scans[1:], strict=False))
    found = []
    for first, second in pairs:
        if first in columns and second in columns:
            for offset in np.flatnonzero(columns[second] < columns[first]):
                late, early = (_iso(columns[name][offset]) for name in (second, first))
                found.append((int(offset), second, f"{late} lies before {first} {early}"))
    if "died" in columns and "death_date" in columns:
        for offset in np.flatnonzero((columns["died"] == 0) & ~np.isnan(columns["death_date"])):
            found.append((int(offset), "died", "says alive where a death_date is given"))
    for name, values in columns.items():
        if name.endswith("_date"):
            for offset in np.flatnonzero((values < EARLIEST) | (values > LATEST)):
                found.append((int(offset), name, "is not a likely date (1980 to 2100)"))
    return found


def _ahead(columns: Mapping[str, NDArray[Any]]) -> list[Finding]:
    """Dates in the future. They are said and not refused, so that whether a table is read does not hang on a clock."""
    today = float((date.today() - EPOCH).days) + 1.0  # the day may have begun east of here
    return [(int(offset), name, f"{_iso(values[offset])} lies in the future")
            for name, values in columns.items() if name.endswith("_date") for offset in np.flatnonzero(values > today)]


def _contradictions(columns: Mapping[str, NDArray[Any]], rows_at: Sequence[int]) -> list[Finding]:
    found = []
    n = len(columns["patient_id"])
    surgery = ~np.isnan(columns.get("surgery_date", np.full(n, np.nan)))
    for name in ("margin", "clavien_dindo", "popf", "ki67_after_pct", "discharge_date", "length_of_stay_d"):
        if name in columns and "surgery_date" in columns:
            known = np.asarray(columns[name] != "", bool) if columns[name].dtype == object else ~np.isnan(columns[name])
            found += [(int(offset), name, "given without a surgery_date") for offset in np.flatnonzero(known & ~surgery)]
    if "margin" in columns:
        rule = columns.get("margin_rule_mm", np.full(n, np.nan))
        words = "is empty where a margin is given (0 and 1 mm rules differ)"
        found += [(int(offset), "margin_rule_mm", words) for offset in np.flatnonzero((columns["margin"] != "") & np.isnan(rule))]
    if "group" in columns and "rlt_start_date" in columns:
        wrong = (columns["group"] == "upfront_surgery") & ~np.isnan(columns["rlt_start_date"])
        found += [(int(offset), "rlt_start_date", "given for upfront surgery") for offset in np.flatnonzero(wrong)]
    for k in range(1, FOLLOW_UPS + 1):
        total, day = columns.get(f"fu{k}_sum_mm"), columns.get(f"fu{k}_date")
        if total is not None:
            dated = np.zeros(n, bool) if day is None else ~np.isnan(day)
            words = f"is empty where fu{k}_sum_mm is given"
            found += [(int(offset), f"fu{k}_date", words) for offset in np.flatnonzero(~np.isnan(total) & ~dated)]
    return found

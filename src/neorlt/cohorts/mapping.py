"""The map of a table: which column means what, its codes, units, decimal mark, dates and missing codes; kept in a TOML file.

A map is proposed by :mod:`neorlt.cohorts.guessing` and belongs to the person who reads it: what it does not settle stands as
``"?"`` and is refused until it is filled in.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from neorlt.cohorts import words
from neorlt.cohorts.cells import Censored, DateOrder, Value, read_date, read_number
from neorlt.cohorts.cohort import EPOCH, Cohort, TableError, checked
from neorlt.cohorts.dictionary import Field, spec_for
from neorlt.cohorts.grid import Grid
from neorlt.core.errors import InputError
from neorlt.core.toml_file import read_toml

OPEN = "?"
ROW_NUMBER = "row number"
REMEDY = "correct these cells, or say in the map what they mean (codes, missing, dates, decimal, factor of the column)"
PLAIN_REMEDY = "correct these rows, or make a map of the table as it is with `neorlt cohort map`; no row is left out"
PLAIN_MISSING = ("", "na", "n/a", "nan", ".", "unknown", "missing")
DATE_ORDERS = ("dmy", "mdy", "ymd", "excel", "excel1904")
PLAIN_FLAGS = {"1": "yes", "0": "no", "yes": "yes", "no": "no", "true": "yes", "false": "no"}


@dataclass(frozen=True)
class ColumnMap:
    """One column: its name in the table and in the dictionary, and how its cells are read.

    ``missing`` are cells that mean "not known" in this column only (None: none were decided on, so that look-alikes such as 99
    are refused); a ``decimal`` of its own also settles that the other mark separates thousands (``29.600``); ``codes`` map cells
    to the dictionary's words; ``censored`` says what ``<3`` gives: its interval (``bounds``), the limit, half of it, or a refusal.
    """

    source: str
    target: str
    factor: float = 1.0
    decimal: str | None = None
    dates: str | None = None
    missing: tuple[str, ...] | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    censored: Censored = "bounds"
    note: str = ""


@dataclass(frozen=True)
class TableMap:
    """How a table is read; ``constants`` are columns that the table does not have and that are the same for all rows."""

    columns: tuple[ColumnMap, ...]
    decimal: str = "."
    dates: str = "ymd"
    missing: tuple[str, ...] = PLAIN_MISSING
    constants: Mapping[str, str] = field(default_factory=dict)
    file: Mapping[str, Any] = field(default_factory=dict)
    strict: bool = False
    """A table of the dictionary's own names: plain numbers and dates only, no unit in a cell."""


def identity_map(grid: Grid) -> TableMap:
    """The map of a table whose columns bear the dictionary's names."""
    columns = tuple(ColumnMap(name, name if spec_for(name) is not None else "") for name in grid.header)
    return TableMap(columns, strict=True)


def apply_map(grid: Grid, table_map: TableMap) -> Cohort:
    """The cohort that a grid holds by a map.

    Raises
    ------
    TableError
        With every cell that is not understood, by row and column.
    InputError
        If the map leaves a question open, or names a column that the table does not have.
    """
    _settled(grid, table_map)
    columns: dict[str, NDArray[Any]] = {}
    intervals: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    problems: list[str] = []
    identified = next((c.source for c in table_map.columns if c.target == "patient_id"), None)
    odd = no_patients(grid, identified)
    if odd:
        raise TableError([f"row {row}: {why}" for row, why in odd.items()], grid.name,
                         "delete these rows, or make a map of the table and write skip_rows = "
                         f"{list(odd)} into its [file]")
    notes: list[str] = list(grid.notes)
    called: dict[str, str] = {}
    for column in table_map.columns:
        if not column.target:
            continue
        spec = cast(Field, spec_for(column.target))
        called[spec.name] = spec.name if column.source == spec.name else f"{column.source} ({spec.name})"
        cells = grid.column(column.source)
        values, low, high, wrong = _read(cells, spec, column, table_map)
        places: dict[str, list[int]] = {}
        if wrong:
            for offset, cell in enumerate(cells):
                if cell in wrong:
                    places.setdefault(cell, []).append(grid.rows_at[offset])
        problems += [f"row {row}, {called[spec.name]}: {wrong[cell]}" for cell, rows in places.items() for row in rows]
        if column.missing is None and spec.kind in ("number", "integer"):
            problems += [f"{where}, {called[spec.name]}: {said}" for where, said in _codes_for_missing(values, grid.rows_at)]
        if table_map.strict and looks_like_fractions(values, spec):
            problems.append(f"row {grid.rows_at[0]}, {called[spec.name]}: all {int(np.sum(~np.isnan(values)))} values are below 1 and look "
                            "like fractions where % is due: make a map of the table, with factor = 100 where they are")
        columns[spec.name] = values
        if low is not None and high is not None:
            intervals[spec.name] = (low, high)
            count = int(np.sum(np.isnan(values) & ~np.isnan(low)))
            notes.append(f"{called[spec.name]}: {count} cell(s) give only an interval (such as <3); it is kept as one")
    for name, text in table_map.constants.items():
        columns[name] = _constant(name, text, len(grid.rows), grid.rows_at)
        called.setdefault(name, name)
    unused = tuple(c.source for c in table_map.columns if not c.target)
    if unused:
        notes.append(f"columns without a meaning here were not used: {', '.join(unused)}")
    return checked(columns, grid.rows_at, problems, name=grid.name, found=grid.header, warnings=notes, unused=unused, called=called,
                   intervals=intervals, remedy=PLAIN_REMEDY if table_map.strict else REMEDY)


def _is_total(text: str) -> bool:
    """Whether a cell says total or mean: ``Mean``, ``Total (n = 24)``; a pseudonym such as ``N 24`` does not."""
    if text[-1].isdigit() and " " not in text:
        return False
    parts = words.plain(text).split()
    numbers = any(part.isdigit() for part in parts)
    return bool(parts) and parts[0] in words.TOTALS and all(part in words.TOTALS or part.isdigit() for part in parts) and (
        not numbers or len(parts[0]) > 2)


def no_patients(grid: Grid, identified: str | None) -> dict[int, str]:
    """Rows that are no patients, with the reason: totals and means, the header again, lines of text (one cell in a wide table)."""
    found: dict[int, str] = {}
    at = grid.header.index(identified) if identified in grid.header else 0
    for row, cells in zip(grid.rows_at, grid.rows, strict=True):
        first = cells[at]
        if cells == grid.header:
            found[row] = "repeats the header"
        elif first[:1].isalpha() and _is_total(first):
            found[row] = f"{first!r} is a total or a mean"
        elif len(cells) > 3 and cells[0] and not any(cells[1:]):
            found[row] = f"{cells[0][:60]!r} stands alone"
    return found


def _settled(grid: Grid, table_map: TableMap) -> None:
    questions = [f"constants.{name}" for name, text in table_map.constants.items() if text == OPEN]
    specs = ((c, spec_for(c.target)) for c in table_map.columns)
    dates = any(spec is not None and spec.kind == "date" and c.dates is None for c, spec in specs)
    questions += ["dates (dmy, mdy or ymd)"] if table_map.dates == OPEN and dates else []
    for column in table_map.columns:
        if column.target == OPEN:
            questions.append(f"{column.source}: to")
        questions += [f"{column.source}: code {code!r}" for code, text in column.codes.items() if text == OPEN]
        questions += [f"{column.source}: dates"] if column.dates == OPEN else []
        questions += [f"{column.source}: decimal"] if column.decimal == OPEN else []
    if questions:
        raise InputError("the map leaves questions open", found="; ".join(questions), where=grid.name,
                         remedy='fill in each "?" of the map (see its comments)')
    absent = [c.source for c in table_map.columns if c.source not in grid.header]
    if absent:
        raise InputError("the map names columns that the table does not have", found=", ".join(absent), where=grid.name,
                         remedy="make the map anew with `neorlt cohort map`, or correct the names")
    strange = [c.target for c in table_map.columns if c.target not in ("", OPEN) and spec_for(c.target) is None]
    strange += [name for name in table_map.constants if spec_for(name) is None]
    if strange:
        raise InputError("the map names columns that the dictionary does not have", found=", ".join(strange), where=grid.name,
                         remedy="see the data dictionary (`neorlt cohort map` lists it in the map's comments)")
    targets = [c.target for c in table_map.columns if c.target] + list(table_map.constants)
    twice = sorted({name for name in targets if targets.count(name) > 1})
    if twice:
        raise InputError("the map gives a column twice", found=", ".join(twice), where=grid.name, remedy='set one of them to ""')


def _read(
    cells: Sequence[str], spec: Field, column: ColumnMap, table_map: TableMap
) -> tuple[NDArray[Any], NDArray[np.float64] | None, NDArray[np.float64] | None, dict[str, str]]:
    """Values of a column, the ends of their intervals where there are some, and what is wrong with which cell (each cell read once)."""
    parse = reader(spec, column, table_map)
    known: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    text = spec.kind in ("id", "choice", "text")
    empty: Any = "" if text else math.nan
    interval = False
    for cell in dict.fromkeys(cells):
        try:
            known[cell] = parse(cell)
        except ValueError as error:
            wrong[cell] = str(error)
            known[cell] = None
        if known[cell] is None:
            known[cell] = empty if text or spec.kind in ("flag", "date") else Value(math.nan, math.nan, math.nan)
        elif isinstance(known[cell], Value):
            interval = interval or math.isnan(known[cell].exact)
    if text or spec.kind in ("flag", "date"):
        return np.array([known[cell] for cell in cells], dtype=object if text else float), None, None, wrong
    values = np.array([known[cell].exact for cell in cells], float)
    if not interval:
        return values, None, None, wrong
    low, high = (np.array([getattr(known[cell], end) for cell in cells], float) for end in ("low", "high"))
    return values, low, high, wrong


def reader(spec: Field, column: ColumnMap, table_map: TableMap) -> Callable[[str], Any]:
    """What reads one cell of a column: None where it is missing.

    The function that is returned raises ValueError with what is wrong.
    """
    missing = {text.lower() for text in table_map.missing}
    own = {text.strip().lower() for text in column.missing or ()}
    codes = {code.strip().lower(): word for code, word in column.codes.items()}
    decimal = column.decimal or table_map.decimal
    order = cast(DateOrder, column.dates or table_map.dates)
    choices = {choice.lower(): choice for choice in spec.choices}

    def read(cell: str) -> Any:
        key = cell.strip().lower()
        if key in own:
            return None
        if key in codes:
            cell, key = codes[key], codes[key].lower()
            if key == "":
                return None
        elif key in missing and key not in choices:
            return None
        if spec.kind in ("number", "integer"):
            return read_number(cell, spec, decimal=decimal, factor=column.factor, censored=column.censored,
                               units_in_cells=not table_map.strict, grouped=column.decimal is not None)
        if spec.kind == "date":
            return float((read_date(cell, order) - EPOCH).days)
        if spec.kind == "flag":
            if key not in PLAIN_FLAGS:
                raise ValueError(f"{cell!r} is not yes or no")
            return float(PLAIN_FLAGS[key] == "yes")
        if spec.kind == "choice":
            if key not in choices:
                raise ValueError(f"{cell!r} is not one of {', '.join(spec.choices)}")
            return choices[key]
        return cell.strip()

    return read


def _codes_for_missing(values: NDArray[np.float64], rows_at: tuple[int, ...]) -> list[tuple[str, str]]:
    """Values that look like codes for "missing": (rows, sentence)."""
    found = []
    for code in suspicious_codes(values):
        rows = [rows_at[i] for i in np.flatnonzero(values == code)]
        shown = ", ".join(map(str, rows[:12])) + (" …" if len(rows) > 12 else "")
        found.append((
            f"row {rows[0]}",
            f"{code:g} stands in {len(rows)} rows ({shown}) and looks like a code for missing: leave these cells empty, or make a map "
            f'and set missing = ["{code:g}"] for this column, or missing = [] if the value is real',
        ))
    return found


def suspicious_codes(values: NDArray[np.float64]) -> list[float]:
    """Values 9, 99, −1, … that appear again and again far from all others: more than twice the largest other, or below 0."""
    seen = values[~np.isnan(values)]
    found = []
    for code in words.CODES_FOR_MISSING:
        others, count = seen[~np.isin(seen, words.CODES_FOR_MISSING)], int(np.sum(seen == code))
        if count < 2:
            continue
        if others.size == 0:
            continue
        apart = code < 0 <= others.min() or code > 2.0 * others.max()
        _, counts = np.unique(others[others > np.median(others)], return_counts=True)
        crowded = code >= 88 and count >= 3 and count > 3 * (int(counts.max()) if counts.size else 0) and code > others.max()
        if apart or crowded:
            found.append(code)
    return found


def looks_like_fractions(values: NDArray[np.float64], spec: Field) -> bool:
    """Whether a column of per cent holds fractions of 1 by the look of it: three values or more, all below 1."""
    known = values[~np.isnan(values)] if spec.unit == "%" else np.empty(0)
    return known.size >= 3 and 0.0 < float(known.max()) < 1.0


def _constant(name: str, text: str, n: int, rows_at: tuple[int, ...]) -> NDArray[Any]:
    spec = cast(Field, spec_for(name))
    if name == "patient_id":
        if text != ROW_NUMBER:
            raise InputError("a patient_id cannot be the same for all", expected=ROW_NUMBER, found=text, where="constants.patient_id",
                             remedy=f'write "{ROW_NUMBER}", or map the column that identifies the patient')
        return np.array([f"row {row}" for row in rows_at], dtype=object)
    try:
        value = reader(spec, ColumnMap(name, name), TableMap(()))(text)
    except ValueError as error:
        raise InputError("a constant of the map is not understood", found=str(error), where=f"constants.{name}",
                         remedy="correct it") from None
    exact = value.exact if isinstance(value, Value) else value
    return np.full(n, "" if exact is None else exact, dtype=object if spec.kind in ("id", "choice", "text") else float)


def _quoted(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_quoted(part) for part in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)


def map_text(table_map: TableMap, comments: Mapping[str, str], head: tuple[str, ...] = ()) -> str:
    """The map as TOML, with a comment above each column."""
    lines = [f"# {line}" for line in head]
    lines += ["", f"decimal = {_quoted(table_map.decimal)}        # decimal mark: \".\" or \",\"",
              f"dates = {_quoted(table_map.dates)}          # dmy 24/01/2013, mdy 01/24/2013, ymd 2013-01-24, excel 41298",
              f"missing = {_quoted(list(table_map.missing))}   # cells that mean: not known, in every column", ""]
    lines += ["[file]", *(f"{key} = {_quoted(value)}" for key, value in table_map.file.items()), ""]
    lines += ["[constants]   # columns that the table does not have, the same for every row"]
    lines += [f"{key} = {_quoted(value)}" for key, value in table_map.constants.items()] + [""]
    for column in table_map.columns:
        lines += [f"# {comments[column.source]}"] if comments.get(column.source) else []
        lines += ["[[column]]", f"from = {_quoted(column.source)}", f"to = {_quoted(column.target)}"]
        if column.factor != 1.0:
            lines.append(f"factor = {_quoted(column.factor)}   # times this gives {cast(Field, spec_for(column.target)).unit}")
        lines += [f"decimal = {_quoted(column.decimal)}"] if column.decimal else []
        lines += [f"dates = {_quoted(column.dates)}"] if column.dates else []
        lines += [f"missing = {_quoted(list(column.missing))}"] if column.missing is not None else []
        lines += [f"censored = {_quoted(column.censored)}   # <3: bounds keeps the interval; limit, half or refuse"] \
            if column.censored != "bounds" or "interval" in column.note else []
        if column.codes:
            lines += [f"codes = {{ {', '.join(f'{_quoted(code)} = {_quoted(word)}' for code, word in column.codes.items())} }}"]
        lines.append("")
    return "\n".join(lines)


def read_map(path: Path) -> TableMap:
    """Read a map.

    Raises
    ------
    InputError
        If the file is missing or is no map; names the entry.
    """
    path = Path(path)
    content = read_toml(path, "the map of the table", "make one with `neorlt cohort map`")
    known = {"decimal", "dates", "missing", "file", "constants", "column"}
    strange = sorted(set(content) - known)
    if strange or not isinstance(content.get("column"), list):
        raise InputError("this is no map of a table", expected="decimal, dates, missing, [file], [constants], [[column]]",
                         found=", ".join(strange) or "no [[column]]", where=path.name, remedy="make one with `neorlt cohort map`")
    columns = []
    for number, entry in enumerate(content["column"], 1):
        where = f"{path.name}, column {number}"
        wrong = sorted(set(entry) - {"from", "to", "factor", "decimal", "dates", "missing", "codes", "censored"})
        if wrong or "from" not in entry or "to" not in entry:
            raise InputError("a column of the map is not understood", expected="from, to, factor, decimal, dates, missing, codes, censored",
                             found=", ".join(wrong) or "from or to is missing", where=where, remedy="correct it")
        if entry.get("censored", "bounds") not in ("bounds", "limit", "half", "refuse"):
            raise InputError("censored is not understood", expected="bounds, limit, half or refuse", found=str(entry["censored"]),
                             where=where, remedy="use one of these")
        _among(entry.get("dates"), (*DATE_ORDERS, OPEN, None), "dates", where)
        _among(entry.get("decimal"), (".", ",", OPEN, None), "decimal", where)
        missing = entry.get("missing")
        columns.append(ColumnMap(
            str(entry["from"]), str(entry["to"]), float(entry.get("factor", 1.0)), entry.get("decimal"), entry.get("dates"),
            None if missing is None else tuple(map(str, missing)), {str(k): str(v) for k, v in entry.get("codes", {}).items()},
            entry.get("censored", "bounds"),
        ))
    _among(content.get("dates", "ymd"), (*DATE_ORDERS, OPEN), "dates", path.name)
    _among(content.get("decimal", "."), (".", ","), "decimal", path.name)
    constants = {str(k): str(v) for k, v in content.get("constants", {}).items()}
    return TableMap(tuple(columns), content.get("decimal", "."), content.get("dates", "ymd"),
                    tuple(map(str, content.get("missing", PLAIN_MISSING))), constants, content.get("file", {}))


def _among(value: Any, allowed: tuple[Any, ...], what: str, where: str) -> None:
    if value not in allowed:
        raise InputError(f"{what} is not understood", expected=", ".join(str(a) for a in allowed if a is not None), found=str(value),
                         where=where, remedy="use one of these")

"""How the cells of a table are written: decimal mark, order of day and month, unit, codes, what is missing; each guess with its reason."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neorlt.cohorts import words
from neorlt.cohorts.cells import MARKS, date_parts, plain_number
from neorlt.cohorts.dictionary import Field, spec_for
from neorlt.cohorts.grid import Grid
from neorlt.cohorts.mapping import OPEN, ColumnMap, TableMap, looks_like_fractions, reader, suspicious_codes

MISSING_WORDS = {words.plain(text) for text in words.MISSING if words.plain(text)}
GROUPED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}([.,])\d{3}(?![\d.,])")
"""Digits that are a decimal number by one mark and thousands by the other: ``29.600``."""
UNIT_WORDS = {
    "mm": (("cm", 10.0),), "GBq": (("mbq", 0.001),), "g/dl": (("g l", 0.1), ("gl", 0.1)),
    "µmol/l": (("mg dl", 88.4), ("mgdl", 88.4)), "10^9/l": (("ul", 0.001), ("mmc", 0.001), ("mm3", 0.001), ("mcl", 0.001)),
}


def filled(grid: Grid, name: str) -> list[str]:
    """Cells of a column that hold something."""
    declared = {code.lower() for code in grid.missing.get(name, ())}
    return [cell for cell in grid.column(name) if cell.lower() not in words.MISSING and cell.lower() not in declared]


def _mark(cell: str) -> str:
    """The decimal mark that a cell shows beyond doubt, "" where it has none or could be read either way."""
    body = cell.translate(MARKS)
    marks: list[str] = re.findall(r"(?<=\d)[.,](?=\d)|(?<!\d)[.,](?=\d)", body)
    if not marks or (len(marks) == 1 and GROUPED.search(body)):
        return ""
    if len(marks) > 1 and len(set(marks)) == 1 and not re.search(r"\d\s*[-–—]\s*\d", body):
        return "," if marks[0] == "." else "."
    return marks[-1]


def find_decimal(grid: Grid, targets: Mapping[str, str]) -> tuple[str, bool]:
    """The decimal mark of the file, and whether a cell shows it beyond doubt."""
    votes: Counter[str] = Counter()
    for name, target in targets.items():
        spec = spec_for(target)
        if spec is not None and spec.kind == "number":
            votes.update(filter(None, map(_mark, filled(grid, name))))
    return ("," if votes[","] > votes["."] else "."), bool(votes)


def _own_decimal(cells: Sequence[str], spec: Field, decimal: str, *, shown: bool, factor: Callable[[str], float]) -> tuple[str | None, str]:
    """The decimal mark of a column where it must be said, and what it rests on; ``?`` where nothing tells."""
    votes = Counter(filter(None, map(_mark, cells)))
    grouped = [cell for cell in cells if GROUPED.search(cell.translate(MARKS)) and not _mark(cell)]
    if len(votes) > 1:
        return None, ""
    if votes or shown:
        mark = next(iter(votes), decimal)
        other = "." if mark == "," else ","
        thousands = any(other in cell for cell in grouped)
        why = f"{other!r} separates thousands here, as {mark!r} is the decimal mark of the {'column' if votes else 'table'}"
        return (mark if thousands or mark != decimal else None), why if thousands else ""
    if not grouped:
        return None, ""
    fitting = []
    for mark in ".,":
        times = factor(mark)
        values = [plain_number(cell, mark, grouped=True) * times for cell in grouped if re.fullmatch(r"[\d.,]+", cell)]
        if values and all((spec.low is None or v >= spec.low) and (spec.high is None or v <= spec.high) for v in values):
            fitting.append(mark)
    if len(fitting) == 1:
        return fitting[0], f"{grouped[0]!r} is likely only with {fitting[0]!r} as the decimal mark"
    return OPEN, f"is {grouped[0]!r} a decimal number or thousands?"


def find_dates(grid: Grid, targets: Mapping[str, str]) -> tuple[str, dict[str, str], list[str]]:
    """Order of day and month in the file, columns that differ from it, and what cannot be told."""
    votes: dict[str, Counter[str]] = {}
    for name, target in targets.items():
        spec = spec_for(target)
        if spec is None or spec.kind != "date":
            continue
        vote = votes.setdefault(name, Counter())
        for cell in filled(grid, name):
            parts = date_parts(cell)
            if re.fullmatch(r"\d{5}(\.0+)?", cell):
                vote["excel"] += 1
            elif parts is None:
                vote["none"] += 1
            elif parts[0] > 31 or re.search(r"[^\W\d]{3}", cell.split("T")[0]):
                vote["ymd"] += 1
            elif parts[0] > 12:
                vote["dmy"] += 1
            elif parts[1] > 12:
                vote["mdy"] += 1
            else:
                vote["open"] += 1
    total = sum(votes.values(), Counter())
    if not total["dmy"] and not total["mdy"] and not total["open"]:
        order = "ymd"
    elif total["dmy"] and total["mdy"]:
        order = "dmy" if total["dmy"] >= total["mdy"] else "mdy"
    else:
        order = "dmy" if total["dmy"] else "mdy" if total["mdy"] else OPEN
    problems, own = [], {}
    if order == OPEN:
        where = ", ".join(repr(name) for name, vote in votes.items() if vote["open"])
        problems.append(f"columns {where}: no date tells day from month (no number above 12): set dates to dmy or mdy")
    for name, vote in votes.items():
        if vote["excel"] and vote["excel"] >= 0.5 * sum(vote.values()):
            own[name] = "excel1904" if grid.settings.get("date_system") == 1904 else "excel"
        elif vote["dmy"] and vote["mdy"]:
            own[name] = OPEN
            problems.append(f"column {name!r}: some dates are day first ({_example(grid, name, 0)}) and some month first "
                            f"({_example(grid, name, 1)}): make them one in the table, and set dates of the column")
        elif total["dmy"] and total["mdy"] and vote["open"] and not vote["dmy"] and not vote["mdy"]:
            own[name] = OPEN
            problems.append(f"column {name!r}: other columns have days first and months first, and no date here tells which: "
                            "set dates of the column to dmy or mdy")
        elif order in ("dmy", "mdy") and vote["dmy" if order == "mdy" else "mdy"]:
            own[name] = "mdy" if order == "dmy" else "dmy"
    return order, own, problems


def _example(grid: Grid, name: str, place: int) -> str:
    """The first date of a column whose number at this place can only be a day."""
    for row, cell in zip(grid.rows_at, grid.column(name), strict=True):
        parts = date_parts(cell)
        if parts is not None and 12 < parts[place] <= 31 and parts[0] <= 31 and not re.search(r"[^\W\d]{3}", cell):
            return f"row {row}, {cell!r}"
    return ""


def find_column(
    grid: Grid, name: str, spec: Field, decimal: str, dates: str | None, *, order: str, decimal_shown: bool
) -> tuple[ColumnMap, str, list[str]]:
    """The map of one column, what it rests on, and its open questions."""
    declared = grid.missing.get(name, ())
    if spec.kind in ("flag", "choice"):
        return _coded(grid, name, spec, declared)
    if spec.kind not in ("number", "integer"):
        why = "Excel's day numbers" if (dates or "").startswith("excel") else ""
        column = ColumnMap(name, spec.name, dates=dates, missing=declared or None)
        asked = spec.kind != "date" or (dates or order) == OPEN
        return column, why, [] if asked else _unread(grid, name, spec, column, decimal, order)
    cells = filled(grid, name)

    def by(mark: str) -> Any:
        return np.array([_number_or_nan(cell, mark) for cell in cells], float)

    def scale(mark: str) -> float:
        return _factor(name, grid.labels.get(name, ""), spec, by(mark))[0]

    own, by_mark = _own_decimal(cells, spec, decimal, shown=decimal_shown, factor=scale)
    if own == OPEN:
        question = f"column {name!r} ({spec.name}): {by_mark} Write \".\" or \",\" into decimal of the column"
        return ColumnMap(name, spec.name, scale(decimal), OPEN), by_mark, [question]
    values = by(own or decimal)
    if looks_like_fractions(values, spec):
        why = "every value is below 1, as fractions are"
        question = f'column {name!r}: {why}: write {spec.name} into `to`, and factor = 100 below it where they are fractions'
        return ColumnMap(name, OPEN, decimal=own), why, [question]
    suspects = [code for code in suspicious_codes(values)]
    missing = tuple(dict.fromkeys((*declared, *(f"{code:g}" for code in suspects))))
    factor, why = _factor(name, grid.labels.get(name, ""), spec, values[~np.isin(values, suspects)])
    said = [part for part in (why, by_mark) if part]
    if suspects:
        counts = ", ".join(f"{code:g} in {int(np.sum(values == code))} rows" for code in suspects)
        said.append(f"{counts} taken as missing (set missing = [] if real)")
    censored = sum(bool(re.match(r"^[<>≤≥]", c)) or bool(re.match(r"^[\d.,]+\s*[-–]\s*[\d.,]+$", c)) for c in cells)
    if censored:
        said.append(f"{censored} cells give an interval")
    note = "interval" if censored else ""
    column = ColumnMap(name, spec.name, factor, own, None, missing if (missing or suspects) else None, note=note)
    return column, "; ".join(said), _unread(grid, name, spec, column, decimal)


def _number_or_nan(cell: str, decimal: str) -> float:
    try:
        return plain_number(re.sub(r"\s*[^\d.,+-]+$", "", cell), decimal, grouped=True)
    except ValueError:
        return math.nan


def _unread(grid: Grid, name: str, spec: Field, column: ColumnMap, decimal: str, order: str = "ymd") -> list[str]:
    read = reader(spec, column, TableMap((), decimal, order, missing=words.MISSING))
    wrong: dict[str, tuple[str, list[int]]] = {}
    for row, cell in zip(grid.rows_at, grid.column(name), strict=True):
        if cell in wrong:
            wrong[cell][1].append(row)
            continue
        try:
            read(cell)
        except ValueError as error:
            wrong[cell] = (str(error), [row])
    return [
        f"column {name!r} ({spec.name}), row {rows[0]}{f' and {len(rows) - 1} more' if len(rows) > 1 else ''}: {why}: correct the cell, "
        "or add it to missing of the column"
        for why, rows in wrong.values()
    ]


def _factor(name: str, label: str, spec: Field, values: Any) -> tuple[float, str]:
    """Factor to the dictionary's unit, from words in the header, else from values that fit only another unit."""
    text = f" {words.plain(name.replace('_', ' '))} {words.plain(label.replace('_', ' '))} "
    thousands = re.search(r" (10\+?3|10 3|x10|k) ", text) is not None or "10 9" in text or "e9" in text
    for word, factor in UNIT_WORDS.get(spec.unit, ()):
        if f" {word} " in text and not (spec.unit == "10^9/l" and thousands):
            return factor, f"the header says {word}"
    known = values[~np.isnan(values)]
    if known.size == 0 or spec.low is None or spec.high is None:
        return 1.0, ""
    outside = (known < spec.low) | (known > spec.high)
    for factor, unit in spec.look_alikes:
        scaled = known * factor
        if outside.mean() > 0.2 and np.mean((scaled >= spec.low) & (scaled <= spec.high)) > 0.98:
            return factor, f"{outside.mean():.0%} of the values fit only {unit}: a guess, look at it"
    return 1.0, ""


def _coded(grid: Grid, name: str, spec: Field, declared: tuple[str, ...]) -> tuple[ColumnMap, str, list[str]]:
    labels = grid.values.get(name, {})
    codes: dict[str, str] = {}
    problems, ignored = [], []
    column = grid.column(name)
    numbers = {cell for cell in column if re.fullmatch(r"\d+", cell) and cell not in declared and cell not in labels}
    coded = spec.kind == "flag" and not numbers <= {"0", "1"}  # 1 and 2: which of them is yes differs between programs
    for cell in dict.fromkeys(column):
        if cell in declared or cell == "":
            continue
        meaning = _meaning(labels.get(cell, ""), spec) if cell in labels else _meaning(cell, spec)
        if coded and cell in numbers:
            meaning = None
        text = labels.get(cell, cell).lower()
        if meaning is None and (text in words.MISSING or (cell in labels and words.plain(text) in MISSING_WORDS)):
            ignored.append(cell)
            if cell.lower() not in words.MISSING:
                declared = (*declared, cell)
            continue
        if meaning is None:
            rows = [row for row, other in zip(grid.rows_at, column, strict=True) if other == cell]
            codes[cell] = OPEN
            wanted = "yes or no" if spec.kind == "flag" else ", ".join(spec.choices)
            said = f" ({labels[cell]})" if cell in labels else ""
            more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
            problems.append(f"column {name!r} ({spec.name}), row {rows[0]}{more}: what does {cell!r}{said} mean? Write {wanted}, "
                            'or "" for not known, into codes')
        elif meaning.lower() != cell.lower():
            codes[cell] = meaning
    why = "codes by the file's value labels" if labels else ""
    return ColumnMap(name, spec.name, missing=declared or None, codes=codes), why, problems


def _meaning(text: str, spec: Field) -> str | None:
    """The dictionary's word that a cell means, None if it is not known."""
    key = words.plain(text)
    raw = text.strip().lower()
    if spec.kind == "flag":
        if spec.name == "died":
            joined = key.replace(" ", "_")
            if joined in words.DEAD:
                return "yes"
            if joined in words.ALIVE:
                return "no"
        first = key.split(" ")[0] if key else raw
        if key in words.YES or raw in words.YES or (first in words.YES and len(key) <= 12 and first not in ("1", "x", "+")):
            return "yes"
        if key in words.NO or raw in words.NO or (first in words.NO and len(key) <= 12 and first not in ("0", "-")):
            return "no"
        return None
    for choice in spec.choices:
        if raw == choice.lower():
            return choice
    for choice, known in words.CHOICES.get(spec.name, {}).items():
        if key in known or key.replace("grado ", "").replace("grade ", "") in known:
            return choice
    return None

"""A table as it comes: rows of text with their row numbers, from CSV of any dialect, Excel, SPSS, Stata, SAS transport.

Nothing is interpreted here beyond the container: which character set, which delimiter, where the header stands, which
columns and rows are empty. What was passed over is said in :attr:`Grid.notes`.
"""

from __future__ import annotations

import csv
import functools
import io
import itertools
import math
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from neorlt.cohorts.cells import date_parts
from neorlt.cohorts.cohort import TableError
from neorlt.core.errors import InputError, MissingExtraError

DELIMITERS = ",;\t|"
STATISTICS = {".sav": "spss", ".zsav": "spss", ".por": "spss", ".dta": "stata", ".xpt": "sas"}
SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[³¹¿¼¾¥£¢](?=[^\W\d_])|\b[³£¿¯Œ](?=[^\W\d_]{2})|[œŸ³¹](?=[æê³¹])")
"""Signs inside a word of Windows-1252: Polish, Czech or Hungarian letters of Windows-1250."""


@dataclass(frozen=True)
class Grid:
    """Cells as text, stripped, one tuple a row; ``rows_at`` are row numbers in the file, the first being 1.

    ``labels`` maps a column to its long name, ``values`` a column to its value labels (code → words), ``missing`` a column to
    the codes that the file itself declares missing.
    """

    name: str
    kind: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    rows_at: tuple[int, ...]
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @functools.cached_property
    def _columns(self) -> dict[str, tuple[str, ...]]:
        return dict(zip(self.header, zip(*self.rows, strict=True), strict=True))

    def column(self, name: str) -> tuple[str, ...]:
        """Cells of a column."""
        return self._columns[name]


def read_grid(path: Path, settings: Mapping[str, Any] | None = None) -> Grid:
    """Read a table file; ``settings`` (encoding, delimiter, sheet, header_row, skip_rows) overrule what is found.

    Raises
    ------
    InputError
        If the file is missing, holds no table, or a column name appears twice.
    MissingExtraError
        For SPSS, Stata and SAS files without the extra ``tables``.
    """
    path, wanted = Path(path), dict(settings or {})
    if not path.is_file():
        raise InputError("the table does not exist", where=path.name, remedy="check the path")
    suffix = path.suffix.lower()
    if suffix in STATISTICS:
        return _statistics(path, STATISTICS[suffix])
    if suffix in (".xlsx", ".xlsm"):
        return _excel(path, wanted)
    if suffix in (".xls", ".ods", ".numbers"):
        raise InputError(f"tables of type {suffix} are not read", where=path.name, remedy="save it as .xlsx or CSV")
    return _text(path, wanted)


def _decoded(path: Path, wanted: Mapping[str, Any]) -> tuple[str, str]:
    content = path.read_bytes()
    if "encoding" in wanted:
        try:
            return content.decode(str(wanted["encoding"])).removeprefix("\ufeff"), str(wanted["encoding"])
        except (UnicodeDecodeError, LookupError) as error:
            raise InputError("the table is not in this character set", found=str(wanted["encoding"]), where=path.name,
                             remedy="correct encoding in the map, or leave it out") from error
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16"), "utf-16"
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        pass
    try:
        western = content.decode("cp1252")
        central = _readable(content, "cp1250")
        if central and len(SIGN_IN_WORD.findall(western)) > len(SIGN_IN_WORD.findall(central)):
            return central, "cp1250"
        return western, "cp1252"
    except UnicodeDecodeError:
        raise InputError("the table is no text that is known", expected="UTF-8 or Windows-1252", where=path.name,
                         remedy="save it as CSV UTF-8, or give encoding in the map") from None


def _readable(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _text(path: Path, wanted: Mapping[str, Any]) -> Grid:
    text, encoding = _decoded(path, wanted)
    if "\0" in text:
        raise InputError("the table is not text", where=path.name, remedy="save it as CSV or .xlsx")
    notes, skipped = [], 0
    first, _, rest = text.partition("\n")
    delimiter = str(wanted.get("delimiter", ""))
    if first.strip().strip('"').lower().startswith("sep=") and len(first.strip().strip('"')) <= 5:
        hint = first.strip().strip('"')[4:]
        delimiter, text, skipped = delimiter or hint or "\t", rest, 1
        notes.append(f"row 1 is Excel's hint {first.strip()!r}: passed over")
    delimiter = delimiter or _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    records = [(n, [*map(str.strip, record)]) for n, record in enumerate(reader, 1 + skipped)]
    if encoding in ("cp1252", "cp1250") and "encoding" not in wanted:
        notes.append(f"the characters are read as Windows-{encoding[2:]}: where letters look wrong, correct encoding in the map")
    settings = {"encoding": encoding, "delimiter": delimiter, "strict_width": True}
    return _framed(path.name, "csv", records, notes, settings, wanted)


def _delimiter(text: str) -> str:
    """The delimiter that cuts the first lines most evenly."""
    sample = text[:200_000]
    best, score = ",", (-1.0, 0)
    for candidate in DELIMITERS:
        head = itertools.islice(csv.reader(io.StringIO(sample, newline=""), delimiter=candidate), 60)
        widths = [len(record) for record in head if any(cell.strip() for cell in record)]
        if not widths:
            continue
        usual = max(set(widths), key=widths.count)
        found = (widths.count(usual) / len(widths) if usual > 1 else -0.5, usual)
        if found > score:
            best, score = candidate, found
    return best


def _excel(path: Path, wanted: Mapping[str, Any]) -> Grid:
    import openpyxl  # type: ignore[import-untyped]

    try:
        book = openpyxl.load_workbook(path, data_only=True, read_only=False)
    except Exception as error:
        raise InputError("the Excel file cannot be opened", found=type(error).__name__, where=path.name,
                         remedy="open it in Excel and save it again as .xlsx") from error
    filled = [sheet for sheet in book.worksheets if sheet.max_row > 1 and sheet.max_column > 1]
    names = [sheet.title for sheet in filled]
    hidden_sheets = [sheet.title for sheet in filled if sheet.sheet_state != "visible"]
    if not filled:
        raise InputError("the Excel file holds no table", where=path.name, remedy="give a sheet with a header and one row a patient")
    notes = []
    if "sheet" in wanted:
        if wanted["sheet"] not in names:
            raise InputError("the sheet does not exist", expected=", ".join(names), found=str(wanted["sheet"]), where=path.name,
                             remedy="correct sheet in the map")
        sheet = filled[names.index(str(wanted["sheet"]))]
    else:
        seen = [sheet for sheet in filled if sheet.title not in hidden_sheets]
        if not seen:
            raise InputError("every table of the Excel file is on a hidden sheet", found=", ".join(hidden_sheets), where=path.name,
                             remedy="show the sheet in Excel and save the file, or name it as sheet in the map")
        sheet = max(seen, key=lambda s: s.max_row * s.max_column)
        if len(seen) > 1:
            notes.append(f"sheets: {', '.join(s.title for s in seen)}; {sheet.title!r}, the largest, is read")
    if set(hidden_sheets) - {sheet.title}:
        notes.append(f"hidden sheets are not read: {', '.join(name for name in hidden_sheets if name != sheet.title)}")
    _no_formula_without_result(path, sheet)
    percents: set[int] = set()
    records = []
    for number, row in enumerate(sheet.iter_rows(), 1):
        records.append((number, [_excel_cell(cell, percents) for cell in row]))
    if percents:
        notes.append("cells that Excel shows as per cent were taken times 100, as shown")
    hidden = [str(n) for n, dimension in sheet.row_dimensions.items() if dimension.hidden]
    if hidden:
        notes.append(f"hidden rows are read too: {', '.join(hidden[:10])}{' …' if len(hidden) > 10 else ''}")
    settings: dict[str, Any] = {"sheet": sheet.title}
    if book.epoch.year == 1904:
        settings["date_system"] = 1904
        notes.append("the book counts days from 1904, as old Excel for Mac did: day numbers in plain cells are read so")
    return _framed(path.name, "xlsx", records, notes, settings, wanted)


FORMULA_WITHOUT_RESULT = re.compile(rb"</f>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>|<f[^>]*/>\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")


def _no_formula_without_result(path: Path, sheet: Any) -> None:
    """Refuse formulas whose result was not saved: they would be read as empty cells."""
    import openpyxl

    with zipfile.ZipFile(path) as archive:
        parts = [name for name in archive.namelist() if name.startswith("xl/worksheets/") and name.endswith(".xml")]
        if not any(FORMULA_WITHOUT_RESULT.search(archive.read(name)) for name in parts):
            return
    written = openpyxl.load_workbook(path, data_only=False)[sheet.title]
    bare = [cell.coordinate for row in written.iter_rows() for cell in row
            if cell.data_type == "f" and sheet[cell.coordinate].value is None and sheet[cell.coordinate].data_type == "n"]
    if bare:
        raise TableError([f"row {re.sub('[^0-9]', '', at)}, column {re.sub('[^A-Z]', '', at)}: the result of the formula was not saved"
                          for at in bare], path.name, "open the file in Excel and save it, or paste the values in place of the formulas")


def _excel_cell(cell: Any, percents: set[int]) -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (int, float)):
        if "%" in str(cell.number_format) and '"' not in str(cell.number_format):
            percents.add(cell.column)
            value = round(value * 100, 10)
        return _plain(float(value))
    return str(value).strip()


def _plain(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _statistics(path: Path, kind: str) -> Grid:
    try:
        import pyreadstat
    except ImportError as error:
        raise MissingExtraError("the reader of SPSS, Stata and SAS tables", extra="tables") from error
    try:
        if kind == "spss":
            portable = path.suffix.lower() == ".por"
            frame, meta = pyreadstat.read_por(str(path)) if portable else pyreadstat.read_sav(str(path), user_missing=True)
        elif kind == "stata":
            frame, meta = pyreadstat.read_dta(str(path), user_missing=True)
        else:
            frame, meta = pyreadstat.read_xport(str(path))
    except Exception as error:
        raise InputError(f"the {kind} file cannot be read", found=str(error)[:120], where=path.name,
                         remedy="open it in its program and save it again, or export CSV") from error
    header = tuple(str(name) for name in frame.columns)
    columns = [[_statistics_cell(value) for value in frame[name].tolist()] for name in frame.columns]
    values = {
        name: {_statistics_cell(code): str(words) for code, words in labels.items()}
        for name, labels in (meta.variable_value_labels or {}).items()
    }
    missing: dict[str, tuple[str, ...]] = {}
    for name, ranges in (getattr(meta, "missing_ranges", None) or {}).items():
        present = {cell for cell in columns[header.index(name)] if cell}
        missing[name] = tuple(sorted(cell for cell in present if any(_within(cell, r) for r in ranges)))
    for name, codes in (getattr(meta, "missing_user_values", None) or {}).items():
        missing[name] = tuple(sorted({*missing.get(name, ()), *(_statistics_cell(code) for code in codes)}))
    labels = {name: str(words) for name, words in (meta.column_names_to_labels or {}).items() if words}
    rows = tuple(zip(*columns, strict=True)) if columns else ()
    if not rows:
        raise InputError("the table has no rows", where=path.name, remedy="give a header and one row a patient")
    notes = tuple(f"{name}: {', '.join(codes)} declared missing by the file" for name, codes in missing.items() if codes)
    return Grid(path.name, kind, header, rows, tuple(range(1, len(rows) + 1)), notes, {}, labels, values,
                {name: codes for name, codes in missing.items() if codes})


def _within(cell: str, limits: Mapping[str, Any]) -> bool:
    try:
        return float(limits["lo"]) <= float(cell) <= float(limits["hi"])
    except (ValueError, TypeError):
        return cell in (str(limits["lo"]), str(limits["hi"]))


def _statistics_cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in ("NaT", "<NA>"):
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _plain(float(value))
    return str(value).strip()


def _framed(
    name: str, kind: str, records: Sequence[tuple[int, list[str]]], notes: list[str], settings: dict[str, Any], wanted: Mapping[str, Any]
) -> Grid:
    """Find the header, cut off what is empty, and make every row as wide as the header."""
    filled = [(number, row) for number, row in records if row and (row[0] or any(row))]
    if len(filled) < 2:
        raise InputError("the table has no rows", where=name, remedy="give a header and one row a patient")
    skipped = {int(row) for row in wanted.get("skip_rows", ())}
    if skipped:
        notes.append(f"rows left out by the map: {', '.join(map(str, sorted(skipped)))}")
        filled = [(number, row) for number, row in filled if number not in skipped]
        settings["skip_rows"] = sorted(skipped)
        if len(filled) < 2:
            raise InputError("the table has no rows", where=name, remedy="correct skip_rows in the map")
    header_row = int(wanted.get("header_row", 0)) or _header_row(filled)
    above = [number for number, _ in filled if number < header_row]
    if above:
        notes.append(f"rows above the header were passed over: {', '.join(map(str, above))}")
    body = [(number, row) for number, row in filled if number > header_row]
    top = next(([cell.strip() for cell in row] for number, row in filled if number == header_row), None)
    if top is None or not body:
        raise InputError("the table has no rows", where=name, remedy="give a header and one row a patient (header_row in the map)")
    if above:
        top = _completed(top, filled, header_row)
    width = max(len(top), max(len(row) for _, row in body))
    if settings.pop("strict_width", False):
        uneven = [(number, row) for number, row in body
                  if len(row) != len(top) and (len(row) < len(top) or any(cell.strip() for cell in row[len(top):]))]
        if uneven:
            raise TableError([f"row {number}: {len(row)} cells under {len(top)} columns" for number, row in uneven], name,
                             "put quotes around cells that hold the delimiter, or fill up the rows")
    top = top + [""] * (width - len(top))
    body = [(number, row if len(row) == width else row + [""] * (width - len(row))) for number, row in body]
    keep = [k for k in range(width) if top[k] or any(row[k] for _, row in body)]
    if len(keep) < width:
        notes.append(f"{width - len(keep)} empty column(s) without a name were passed over")
    nameless = [k for k in keep if not top[k]]
    if nameless:
        cells = [f"row {number}, column {k + 1}: {row[k]!r}" for k in nameless for number, row in body if row[k].strip()]
        raise InputError(f"{len(cells)} cell(s) stand under no column name", found="; ".join(cells[:5]), where=name,
                         remedy="name the column, or clear the cells")
    header = tuple(top[k] for k in keep)
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise InputError("a column appears twice", found=", ".join(repeated), where=name, remedy="rename or remove one of them")
    settings["header_row"] = header_row
    rows = tuple(tuple(row) if len(keep) == width else tuple(row[k] for k in keep) for _, row in body)
    return Grid(name, kind, header, rows, tuple(number for number, _ in body), tuple(notes), settings)


def _header_row(filled: Sequence[tuple[int, list[str]]]) -> int:
    """The first row that is filled at least half as wide as the widest of the first rows."""
    counts = [(number, sum(bool(cell.strip()) for cell in row)) for number, row in filled[:30]]
    widest = max(count for _, count in counts)
    if widest <= 1:
        return counts[0][0]
    at = next(k for k, (_, count) in enumerate(counts) if count >= max(2, 0.5 * widest))
    if at + 2 < len(filled) and _is_title(filled[at][1], filled[at + 1][1], filled[at + 2][1]):
        at += 1
    return counts[at][0]


def _is_title(upper: Sequence[str], lower: Sequence[str], first: Sequence[str]) -> bool:
    """Whether a row only groups the names below it (merged cells): it leaves gaps that the next row, all words, fills."""
    gaps = [k for k, cell in enumerate(first) if cell and not (upper[k] if k < len(upper) else "")]
    names = [cell for cell in lower if cell]
    return bool(gaps) and all(k < len(lower) and lower[k] for k in gaps) and not any(
        date_parts(cell) is not None or re.fullmatch(r"[-+<>]?\s*[\d.,]+\s*%?", cell) for cell in names)


def _completed(top: list[str], filled: Sequence[tuple[int, list[str]]], header_row: int) -> list[str]:
    """Names of a header in two rows: a name that stands twice, or only in the row above, takes the title over it."""
    over = next((row for number, row in reversed(filled) if number < header_row), [])
    if sum(map(bool, over)) < 2:
        return top
    titles: list[str] = []
    for k in range(len(top)):
        titles.append((over[k] if k < len(over) else "") or (titles[-1] if titles else ""))
    twice = {cell for cell in top if cell and top.count(cell) > 1}
    return [f"{titles[k]} {cell}".strip() if cell in twice else cell or (over[k] if k < len(over) else "") for k, cell in enumerate(top)]


def merged(grid: Grid, header: Sequence[str], rows: Sequence[Sequence[str]], rows_at: Sequence[int], notes: Sequence[str] = ()) -> Grid:
    """The grid with other columns and rows, its container and labels kept."""
    return replace(grid, header=tuple(header), rows=tuple(tuple(row) for row in rows), rows_at=tuple(rows_at), notes=(*grid.notes, *notes))

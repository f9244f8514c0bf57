"""Files that people write, by kind: text with or without a byte-order mark, CSV with either delimiter and either decimal sign, JSON.

TOML stands in :mod:`neorlt.core.toml_file`; a centre's own table, of which nothing is known beforehand, in ``neorlt.cohorts.grid``.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError

_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""``1,234``: a thousand and more, or one and a little."""
_POINTED = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
_GROUPED_POINT = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\.\d+|[+-]?\d{1,3}(?:,\d{3}){2,}")
_GROUPED_COMMA = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+|[+-]?\d{1,3}(?:\.\d{3}){2,}")


def read_text(path: Path, what: str, remedy: str = "check the path") -> str:
    """Read a text file: UTF-8, or what its byte-order mark says (editors of Windows write one).

    Parameters
    ----------
    path
        The file.
    what
        What it is in the messages, such as ``"the patient file"``.
    remedy
        What to do where it does not exist.

    Raises
    ------
    InputError
        If it does not exist, or is in another character set.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except IsADirectoryError as error:
        raise InputError(f"{what} is a folder", expected="a file", where=path.name, remedy=remedy) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{what} does not exist", where=path.name, remedy=remedy) from error
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{what} is not text in UTF-8", found=f"byte {content[error.start]:02X} in line {line}", where=path.name,
                         remedy="save it again as UTF-8 (in Excel: CSV UTF-8)") from error
    if "\0" in text:
        raise InputError(f"{what} is not text", where=path.name, remedy="save it as plain text, in UTF-8")
    return text


def read_json(path: Path, what: str, remedy: str = "check the path") -> Any:
    """Read a JSON file.

    Raises
    ------
    InputError
        If it does not exist, is in another character set, or is not JSON; names the line, and a decimal comma as such.
    """
    text = read_text(path, what, remedy)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = (text.splitlines() or [""])[min(error.lineno, len(text.splitlines()) or 1) - 1]
        raise InputError(f"{what} is not valid JSON ({error.msg})", found=line.strip()[:60] or "nothing",
                         where=f"{Path(path).name}, line {error.lineno}", remedy=decimal_remedy(line) or "correct the line") from error


def decimal_remedy(line: str) -> str | None:
    """What to do about a line in which a number is written with a decimal comma; None where it is not the reason."""
    value = re.search(r"[=:\[{,]\s*([+-]?\d+),(\d+)\b", line)
    return None if value is None else f"write the number with a point: {value[1]}.{value[2]}"


def number(text: str, decimal_comma: bool = False) -> float:
    """A number as people write it: ``7.4``, ``7,4``, ``1,234.5``, ``1.234,5``.

    Parameters
    ----------
    text
        The cell.
    decimal_comma
        Whether its file is known to use the comma (then ``1,234`` is 1.234).

    Raises
    ------
    ValueError
        If it is no finite number, or could be two.
    """
    plain = text.strip().replace("\u2212", "-").replace("\u00a0", "").replace("\u202f", "")
    if "_" in plain:
        raise ValueError(f"{text.strip()!r} is not a number")
    if _GROUPED_COMMA.fullmatch(plain) and (decimal_comma or "," in plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif _GROUPED_POINT.fullmatch(plain) and not decimal_comma:
        plain = plain.replace(",", "")
    elif _COMMA.fullmatch(plain):
        if _EITHER.fullmatch(plain) and not decimal_comma:
            whole, _, rest = plain.partition(",")
            raise ValueError(f"{plain!r} may be {whole}{rest} or {whole}.{rest}: write it with a point, or without a mark for thousands")
        plain = plain.replace(",", ".")
    elif decimal_comma and _POINTED.fullmatch(plain):
        raise ValueError(f"{plain!r} may be {plain.replace('.', '')} or {plain}: the file writes other numbers with a comma")
    try:
        value = float(plain)
    except ValueError:
        raise ValueError(f"{text.strip()!r} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text.strip()!r} is not a number")
    return value


@dataclass(frozen=True)
class Row:
    """One row of a CSV file: its cells by column, and where it stands."""

    line: int
    cells: dict[str, str]
    decimal_comma: bool

    def number(self, column: str) -> float:
        """The number in a column.

        Raises
        ------
        ValueError
            If the cell is empty or holds no number.
        """
        return number(self.cells.get(column, ""), self.decimal_comma)

    def text(self, column: str) -> str:
        """The text in a column; empty where the column is absent."""
        return self.cells.get(column, "")


@dataclass(frozen=True)
class Rows:
    """A CSV file with a line of names; iterating gives its rows."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def where(self, row: Row) -> str:
        """How errors name a row."""
        return f"{self.name}, line {row.line}"


def read_rows(path: Path, what: str, remedy: str = "check the path", needs: Sequence[str] = ()) -> Rows:
    """Read a CSV file: comma, semicolon or tab between cells, either decimal sign, Excel's ``sep=`` line, blank lines.

    Column names are taken in lower case, without blanks around them.

    Parameters
    ----------
    path, what, remedy
        As :func:`read_text` has them.
    needs
        Columns that must be there.

    Raises
    ------
    InputError
        If it cannot be read, lacks a column, or a row has more cells than there are columns.
    """
    text, name = read_text(path, what, remedy), Path(path).name
    lines = text.splitlines(keepends=True)
    skipped, hint = 0, ""
    if lines and (found := re.fullmatch(r"\"?sep=(.)\"?", lines[0].strip(), re.IGNORECASE)):
        skipped, hint = 1, found[1]
    head = next((line for line in lines[skipped:] if line.strip()), "")
    delimiter = hint or max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO("".join(lines[skipped:]), newline=""), delimiter=delimiter)
    records: list[tuple[int, list[str]]] = []
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                records.append((reader.line_num + skipped, [cell.strip() for cell in record]))
    except csv.Error as error:
        raise InputError(f"{what} is not valid CSV ({error})", where=f"{name}, line {reader.line_num + skipped}",
                         remedy="save it again as CSV") from error
    if not records:
        raise InputError(f"{what} is empty", where=name, remedy=f"give the columns {', '.join(needs)}" if needs else "give its rows")
    columns = [cell.lower() for cell in records[0][1]]
    if missing := [column for column in needs if column not in columns]:
        raise InputError(f"{what} lacks a column", expected=",".join(needs), found=delimiter.join(columns), where=name,
                         remedy=f"add {', '.join(missing)}")
    if doubled := sorted({column for column in columns if column and columns.count(column) > 1}):
        raise InputError(f"{what} has a column twice", found=doubled[0], where=name, remedy="keep one of them")
    rows = [(line, dict(zip(columns, cells, strict=False))) for line, cells in records[1:]]
    for line, cells in records[1:]:
        if any(cells[len(columns):]):
            inside = delimiter == "," and any(re.fullmatch(r"\d+", cell) for cell in cells)
            raise InputError(f"{what} has a row with more cells than columns", expected=f"{len(columns)} cells", found=str(len(cells)),
                             where=f"{name}, line {line}",
                             remedy="write numbers with a point, or separate cells by semicolons" if inside else "put such cells in quotes")
    decimal_comma = any(_COMMA.fullmatch(cell) and not _EITHER.fullmatch(cell) for _, cells in rows for cell in cells.values())
    return Rows(name, tuple(columns), tuple(Row(line, cells, decimal_comma) for line, cells in rows))

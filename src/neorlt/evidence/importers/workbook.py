"""Excel workbooks (.xlsx): the first sheet that has a title column is read as a table."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.zips import DAMAGED
from neorlt.evidence.importers.table import NAMES, read_rows
from neorlt.evidence.records import Record

LARGEST_BYTES = 300_000_000
"""A workbook that unpacks to more than this is not opened."""


def is_workbook(content: bytes) -> bool:
    """Whether the content is a zipped office file."""
    return content.startswith(b"PK\x03\x04")


def read_workbook(content: bytes, where: str) -> list[Record]:
    """Records of a workbook.

    Raises:
        InputError: not a workbook, one that unpacks to more than :data:`LARGEST_BYTES`, or no sheet with a title column.

    """
    from openpyxl import load_workbook  # type: ignore[import-untyped]

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(item.file_size for item in archive.infolist())
            if size > LARGEST_BYTES:
                raise InputError("the workbook is too large", found=f"{size / 1e6:.0f} MB unpacked", where=where, remedy="export CSV")
            if "[Content_Types].xml" not in archive.namelist():
                raise InputError("a zipped file that is no Excel workbook", where=where, remedy="unpack it, or export .xlsx or CSV")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (*DAMAGED, KeyError, OSError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the workbook cannot be read", found=type(error).__name__, where=where, remedy="save it again as .xlsx") from error
    for sheet in book.worksheets:
        rows = [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
        header = next((row for row in rows if any(row)), [])
        if any(" ".join(cell.lower().split()) in NAMES["title"] for cell in header):
            return read_rows(rows, f"{where}, sheet {sheet.title!r}")
    raise InputError(
        "no sheet has a title column", found=", ".join(book.sheetnames), where=where, remedy="name the columns in the first line"
    )


def _text(value: Any) -> str:
    """A cell as text; Excel keeps a PMID as a number, a date as a date."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.date().isoformat() if hasattr(value, "date") else str(value)

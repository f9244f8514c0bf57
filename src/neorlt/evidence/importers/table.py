"""CSV and TSV tables of records: PubMed's and ClinicalTrials.gov's own exports, ASReview, Rayyan, a hand-made list."""

from __future__ import annotations

import csv
import io

from neorlt.core.errors import InputError
from neorlt.evidence.identifiers import clean_doi, find_nct, find_pmc
from neorlt.evidence.records import Record, find_year

_NAMES = {
    "title": ("title", "primary_title", "article title", "study title", "brief title"),
    "abstract": ("abstract", "notes_abstract", "brief summary"),
    "authors": ("authors", "author", "author names"),
    "year": ("year", "publication year", "publication_year", "py", "start date", "date"),
    "journal": ("journal", "journal/book", "source title", "secondary_title"),
    "doi": ("doi",),
    "pmid": ("pmid", "pubmed_id", "pubmed id"),
    "pmcid": ("pmcid", "pmc"),
    "nct": ("nct number", "nct", "nct id", "nctid"),
    "url": ("url", "study url"),
    "volume": ("volume",),
    "pages": ("pages",),
    "language": ("language",),
}


def read_table(text: str, where: str) -> list[Record]:
    """Records of a table whose first line names its columns.

    Raises:
        InputError: no column that holds a title, or a quote that is never closed.

    """
    first = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(10_000_000)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        header = [name.strip().lower().lstrip("\ufeff") for name in next(rows, [])]
        where_is = {field: next((header.index(name) for name in names if name in header), None) for field, names in _NAMES.items()}
        if where_is["title"] is None:
            raise InputError(
                "no column holds a title", expected="title", found=", ".join(header[:8]), where=where, remedy="name the columns"
            )
        return [_record(row, where_is, header) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(
            "the table is broken", found=str(error), where=f"{where}, line {rows.line_num}", remedy="export it again"
        ) from error


def _record(row: list[str], where_is: dict[str, int | None], header: list[str]) -> Record:
    def get(field: str) -> str | None:
        index = where_is[field]
        return (row[index].strip() or None) if index is not None and index < len(row) else None

    nct = find_nct(get("nct"))
    authors = get("authors") or ""
    splitter = ";" if ";" in authors else (" and " if " and " in authors else ",")
    used = {index for index in where_is.values() if index is not None}
    return Record(
        title=get("title") or "",
        source="clinicaltrials-csv" if nct and where_is["journal"] is None else "csv",
        abstract=get("abstract"),
        authors=tuple(name.strip() for name in authors.split(splitter) if name.strip()),
        year=find_year(get("year")),
        journal=get("journal"),
        volume=get("volume"),
        pages=get("pages"),
        doi=clean_doi(get("doi")),
        pmid=get("pmid"),
        pmcid=find_pmc(get("pmcid")),
        nct=nct,
        url=get("url"),
        language=get("language"),
        extra={header[i]: value for i, value in enumerate(row) if i < len(header) and i not in used and value.strip()},
    )

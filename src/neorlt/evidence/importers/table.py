"""Tables of records: exports of PubMed, Embase, Scopus, Web of Science, Zotero, Covidence, Rayyan, ASReview, registries, or by hand.

Columns are known by name, whatever their order. What no field takes is kept in ``extra``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping

from neorlt.core.errors import InputError
from neorlt.evidence.identifiers import accession, find_eudract, find_nct, find_pmc
from neorlt.evidence.records import Record, find_year

NAMES = {
    "title": ("title", "article title", "primary_title", "study title", "brief title", "public title", "scientific title", "ti"),
    "abstract": ("abstract", "abstract note", "notes_abstract", "brief summary", "ab"),
    "authors": ("authors", "author", "author names", "author(s)", "author full names", "au", "creator"),
    "year": (
        "year", "publication year", "publication_year", "published year", "year published", "pubyear", "py", "start date", "date",
        "date of publication", "date registration", "publication date",
    ),
    "journal": ("journal", "journal/book", "source title", "publication title", "secondary_title", "journal title", "so", "source"),
    "doi": ("doi", "di", "doi link"),
    "pmid": ("pmid", "pubmed_id", "pubmed id", "medline pmid", "pm"),
    "pmcid": ("pmcid", "pmc", "pmc_id"),
    "nct": ("nct number", "nct", "nct id", "nctid", "trialid", "trial id"),
    "url": ("url", "study url", "link", "full text link"),
    "volume": ("volume", "vl"),
    "pages": ("pages", "page range"),
    "first_page": ("page start", "first page", "start page", "bp"),
    "last_page": ("page end", "last page", "end page", "ep"),
    "language": ("language", "language of original document", "article language", "la"),
    "kind": ("document type", "publication type", "item type", "type", "dt"),
    "accession": (
        "embase accession id", "pui", "ut (unique wos id)", "ut (unique id)", "ut", "eid", "accession number", "unique wos id",
    ),
    "database": ("database", "db", "source database"),
}  # fmt: skip
"""Field → names of its column, the best one first."""
_VERTICAL = ("author names", "source", "source title", "publication year", "abstract", "date of publication", "doi")
_INITIALS = re.compile(r"^[^\s,]+(?:[ '-][^\s,]+)*\s+(?:[A-Z]\.?-?){1,5}$")
_GIVEN = re.compile(r"^(?:[A-Z]\.?[ -]?){1,4}$|^[A-Z][^\s,]+(?: [A-Z]\.?| [A-Z][^\s,]+)*$")


def read_table(text: str, where: str) -> list[Record]:
    """Records of a table whose first line names its columns, or of Embase's blocks of one field a line.

    Raises:
        InputError: no column that holds a title, or a quote that is never closed.

    """
    text = re.sub(r"\A\ufeff?sep=.[^\n]*\n", "", text)
    first = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(10_000_000)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        return read_rows(rows, where, whole=text.endswith(("\n", "\r")))
    except csv.Error as error:
        raise InputError(
            "the table is broken", found=str(error), where=f"{where}, line {rows.line_num}", remedy="export it again"
        ) from error


def read_rows(rows: Iterable[list[str]], where: str, *, whole: bool = True) -> list[Record]:
    """As :func:`read_table`, from rows of cells; not ``whole`` is a text whose last line does not end.

    Raises:
        InputError: a row with more cells than there are columns, or a last line that is cut short.

    """
    found = [list(row) for row in rows]
    start = next((index for index, row in enumerate(found) if any(cell.strip() for cell in row)), 0)
    body = found[start:]
    if _is_vertical(body):
        return _vertical(body)
    header = [_name(cell) for cell in body[0]] if body else []
    if not any(name in header for name in NAMES["title"]):
        raise InputError(
            "no column holds a title",
            expected="title",
            found=", ".join(header[:8]),
            where=where,
            remedy="name the columns in the first line",
        )
    for number, row in enumerate(body[1:], start=start + 2):
        if any(cell.strip() for cell in row[len(header) :]):
            raise InputError(
                "a row has more cells than there are columns",
                expected=str(len(header)),
                found=str(len(row)),
                where=f"{where}, row {number}",
                remedy="put cells that hold a comma in quotes, or export it again",
            )
    if not whole and len(body) > 1 and 0 < len(body[-1]) < len(header):
        raise InputError(
            "the last line is cut short",
            expected=f"{len(header)} cells",
            found=str(len(body[-1])),
            where=f"{where}, row {start + len(body)}",
            remedy="export it again",
        )
    return [_record(dict(zip(header, row, strict=False))) for row in body[1:] if any(cell.strip() for cell in row)]


def _name(cell: str) -> str:
    return " ".join(cell.strip().lstrip("\ufeff").lower().split())


def _is_vertical(rows: list[list[str]]) -> bool:
    """Embase's other shape: each line holds the name of a field and its values; a blank line ends a record."""
    first = [_name(row[0]) for row in rows[:40] if row and row[0].strip()]
    return (
        bool(rows)
        and len(rows[0]) > 1
        and first[0] == "title"
        and sum(name in _VERTICAL for name in first) >= 2
        and _name(rows[0][1]) not in _VERTICAL
    )


def _vertical(rows: list[list[str]]) -> list[Record]:
    found: list[Record] = []
    fields: dict[str, str] = {}
    for row in [*rows, []]:
        values = [cell.strip() for cell in row if cell.strip()]
        if len(values) > 1:
            if _name(values[0]) == "title" and "title" in fields:
                found.append(_record(fields))
                fields = {}
            fields.setdefault(_name(values[0]), "; ".join(values[1:]))
        elif not values and fields:
            found.append(_record(fields))
            fields = {}
    return found


def _record(row: Mapping[str, str]) -> Record:
    used: set[str] = set()

    def get(field: str) -> str | None:
        for name in NAMES[field]:
            value = (row.get(name) or "").strip()
            if value and value.lower() not in ("na", "n/a", "none", "-"):
                used.add(name)
                return value
        return None

    number, database = get("nct"), get("database")
    nct, eudract = find_nct(number), find_eudract(number)
    names = [row.get(name, "") for name in NAMES["accession"]]
    numbers = [found for value in names if (found := accession(value, database)) is not None]
    # "Embase accession id" and "pui" name their database themselves.
    numbers += [
        found
        for name in ("embase accession id", "pui")
        if (found := accession(row.get(name, ""), "embase")) is not None and found not in numbers
    ]
    used.update(NAMES["accession"])
    pmid = get("pmid") or next((value for kind, value in numbers if kind == "pmid"), None)
    pages = get("pages") or "-".join(part for part in (get("first_page"), get("last_page")) if part) or None
    journal = get("journal")
    is_registration = bool(nct or eudract) and journal is None
    title = get("title") or ""
    kind = get("kind")
    return Record(
        title=title.removesuffix("."),
        source="clinicaltrials-csv" if is_registration else "csv",
        abstract=get("abstract"),
        authors=split_authors(get("authors") or ""),
        year=find_year(get("year")),
        journal=journal,
        volume=get("volume"),
        pages=pages,
        doi=get("doi"),
        pmid=pmid,
        pmcid=find_pmc(get("pmcid")),
        nct=nct,
        eudract=eudract,
        accessions=tuple(dict.fromkeys(f"{kind}:{value}" for kind, value in numbers if kind != "pmid")),
        url=get("url"),
        language=get("language"),
        kinds=(kind,) if kind else (),
        extra={name: value for name, value in row.items() if name and name not in used and isinstance(value, str) and value.strip()},
    )


def split_authors(text: str) -> tuple[str, ...]:
    """Names of a cell: parted by semicolons, bars, lines or ``and``; by commas where each part is a family name with initials.

    ``Urso L, Nieri A.`` are two, ``Urso, Luca, Nieri, Alberto`` too, ``Urso, Luca`` is one.
    """
    text = re.sub(r"\(\d{6,}\)", "", text).strip().rstrip(";")
    for mark in (";", "|", "\n"):
        if mark in text:
            return _clean(text.split(mark))
    if re.search(r"\s+(?:and|&)\s+", text) and "," not in re.sub(r"\s+(?:and|&)\s+.*", "", text):
        return _clean(re.split(r"\s+(?:and|&)\s+", text))
    parts = _clean(re.sub(r",?\s+(?:and|&)\s+", ", ", text).split(","))
    if len(parts) > 1 and all(_INITIALS.match(part.rstrip(".")) for part in parts):
        return parts
    if len(parts) % 2 == 0 and all(_GIVEN.match(part) for part in parts[1::2]) and not any(_INITIALS.match(part) for part in parts):
        return tuple(f"{family}, {given}" for family, given in zip(parts[::2], parts[1::2], strict=True))
    return parts


def _clean(names: Iterable[str]) -> tuple[str, ...]:
    found = (
        " ".join(name.split()).strip(" .,") if not re.search(r"\b[A-Z]\.$", name.strip()) else " ".join(name.split()) for name in names
    )
    return tuple(name for name in found if name and name.lower() not in ("et al", "[no author name available]"))

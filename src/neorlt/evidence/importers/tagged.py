"""Tagged text: PubMed ``nbib`` (MEDLINE) and RIS.

Both are read here: rispy takes a PubMed export for RIS and returns no record without a word, and it stops at
files of which a single record lacks ``ER``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from neorlt.core.errors import InputError
from neorlt.evidence.identifiers import accession, clean_doi, find_nct, find_pmc
from neorlt.evidence.records import Record, find_year

_NBIB_LINE = re.compile(r"^([A-Z][A-Z0-9]{1,3}) *- (.*)$")
_RIS_LINE = re.compile(r"^([A-Z][A-Z0-9])  ?- ?(.*)$")
Fields = dict[str, list[str]]


def read_nbib(text: str, where: str) -> list[Record]:
    """Records of a PubMed (MEDLINE) text: a record begins with ``PMID-``, lines with six blanks continue.

    Raises:
        InputError: a last record without the line that ends all others (a file cut short).

    """
    found = []
    blocks = list(_nbib_records(text))
    if not text.endswith(("\n", "\r")) and len(blocks) > 1 and "SO" not in blocks[-1] and all("SO" in fields for fields in blocks[:-1]):
        raise InputError(
            "the last record has no SO line, which ends every other: the file was cut short",
            found=f"PMID {_first(blocks[-1], 'PMID')}",
            where=where,
            remedy="export it again",
        )
    for fields in blocks:
        ids = fields.get("AID", []) + fields.get("LID", [])
        kinds = tuple(fields.get("PT", []))
        found.append(
            Record(
                title=" ".join(fields.get("TI", []) or fields.get("TT", []) or fields.get("BTI", [])),
                source="pubmed",
                abstract=" ".join(fields.get("AB", [])) or None,
                authors=tuple(fields.get("AU", []) or fields.get("FAU", []) or fields.get("CN", [])),
                year=find_year(_first(fields, "DP")),
                journal=_first(fields, "JT") or _first(fields, "TA"),
                volume=_first(fields, "VI"),
                pages=_first(fields, "PG"),
                doi=next((clean_doi(value) for value in ids if "[doi]" in value), None),
                pmid=_first(fields, "PMID"),
                pmcid=find_pmc(_first(fields, "PMC")),
                nct=next((number for value in fields.get("SI", []) if (number := find_nct(value))), None),
                language=_first(fields, "LA"),
                kinds=kinds,
                retracted="Retracted Publication" in kinds or "RIN" in fields,
            )
        )
    return found


def _nbib_records(text: str) -> Iterator[Fields]:
    fields: Fields = {}
    tag = ""
    for line in text.splitlines():
        match = _NBIB_LINE.match(line)
        if match is not None:
            tag, value = match.group(1), match.group(2).strip()
            if tag == "PMID" and fields:
                yield fields
                fields = {}
            fields.setdefault(tag, []).append(value)
        elif line.startswith("      ") and tag:
            fields[tag][-1] += " " + line.strip()
    if fields:
        yield fields


def read_ris(text: str, where: str) -> list[Record]:
    """Records of an RIS text: ``TY`` opens, ``ER`` closes.

    Raises:
        InputError: a record that is not closed (a file cut short), with the line where it began.

    """
    found: list[Record] = []
    fields: Fields = {}
    tag, opened = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        match = _RIS_LINE.match(line)
        if match is None:
            if line.strip() and tag:
                fields[tag][-1] += " " + line.strip()
            continue
        tag, value = match.group(1), match.group(2).strip()
        if tag == "TY":
            if fields:
                raise _unclosed(where, opened)
            fields, opened = {"TY": [value]}, number
        elif tag == "ER":
            if fields:
                found.append(_ris_record(fields))
            fields, tag = {}, ""
        elif fields:
            fields.setdefault(tag, []).append(value)
        else:
            tag = ""
    if fields:
        raise _unclosed(where, opened)
    return found


def _unclosed(where: str, line: int) -> InputError:
    return InputError("an RIS record is not closed by ER: the file was cut short", where=f"{where}, line {line}", remedy="export it again")


def _ris_record(fields: Fields) -> Record:
    pages = "-".join(part for part in (_first(fields, "SP"), _first(fields, "EP")) if part)
    notes = " ".join(fields.get("N1", []) + fields.get("C2", []) + fields.get("AN", []) + fields.get("UR", []) + fields.get("L2", []))
    database = " ".join(fields.get("DB", []) + fields.get("DP", []))
    numbers = [found for value in fields.get("AN", []) + fields.get("UT", []) if (found := accession(value, database)) is not None]
    pmid = next((value for kind, value in numbers if kind == "pmid"), None) or _first(fields, "PM")
    registry = fields["TY"][0] in ("CTLI", "CLINTRIAL") or any(name in database.lower() for name in ("clinicaltrials", "ictrp"))
    nct = next(
        (number for value in fields.get("AN", []) + fields.get("ID", []) + fields.get("C1", []) if (number := find_nct(value))), None
    )
    return Record(
        title=_first(fields, "TI") or _first(fields, "T1") or _first(fields, "CT") or _first(fields, "BT") or "",
        source="clinicaltrials-ris" if registry and nct else "ris",
        abstract=_first(fields, "AB") or _first(fields, "N2"),
        authors=tuple(fields.get("AU", []) + fields.get("A1", [])),
        year=find_year(_first(fields, "PY") or _first(fields, "Y1") or _first(fields, "DA")),
        journal=next((name for tag in ("T2", "JF", "JO", "JA", "BT") if (name := _first(fields, tag))), None),
        volume=_first(fields, "VL"),
        pages=pages or None,
        doi=next((doi for tag in ("DO", "DI", "M3", "UR", "L3") for value in fields.get(tag, []) if (doi := clean_doi(value))), None),
        pmid=pmid,
        pmcid=find_pmc(notes),
        nct=nct,
        accessions=tuple(f"{kind}:{value}" for kind, value in numbers if kind != "pmid"),
        url=_first(fields, "UR"),
        language=_first(fields, "LA"),
        kinds=tuple(fields["TY"]),
        retracted=any(value.strip().lower() == "retracted publication" for tag in ("KW", "M1", "M3") for value in fields.get(tag, [])),
        extra={"notes": fields["N1"]} if "N1" in fields else {},
    )


def _first(fields: Fields, tag: str) -> str | None:
    values = fields.get(tag)
    return values[0] if values and values[0] else None

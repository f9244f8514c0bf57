"""Exports of Web of Science (plain text), RefWorks (tagged), EndNote (XML, and ``%``-tagged .enw)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from neorlt.core.errors import InputError
from neorlt.evidence.identifiers import accession, clean_doi, find_nct, find_pmc
from neorlt.evidence.importers.markup import parse_xml, text_of
from neorlt.evidence.records import Record, find_year

Fields = dict[str, list[str]]
_WOS = re.compile(r"^([A-Z][A-Z0-9])(?: (.*))?$")
_REFWORKS = re.compile(r"^([A-Z][A-Z0-9]) (.*)$")
_ENW = re.compile(r"^%(\S) (.*)$")


def read_wos(text: str, where: str) -> list[Record]:
    """Records of a Web of Science text: ``PT`` opens, ``ER`` closes, lines with three blanks go on.

    Raises:
        InputError: a record that is not closed (a file cut short).

    """
    found: list[Record] = []
    fields: Fields = {}
    tag = ""
    for line in text.splitlines():
        if line.startswith("   ") and tag:
            fields[tag].append(line.strip())
            continue
        match = _WOS.match(line.rstrip())
        if match is None:
            continue
        tag, value = match.group(1), (match.group(2) or "").strip()
        if tag == "ER":
            if "PT" in fields:
                found.append(_wos_record(fields))
            fields, tag = {}, ""
        elif tag in ("FN", "VR", "EF"):
            tag = ""
        else:
            fields.setdefault(tag, []).append(value)
    if "PT" in fields:
        raise InputError("a record is not closed by ER: the file was cut short", where=where, remedy="export it again")
    return found


def _wos_record(fields: Fields) -> Record:
    numbers = [found for value in fields.get("UT", []) if (found := accession(value, "Web of Science")) is not None]
    kind = _joined(fields, "DT")
    return Record(
        title=_joined(fields, "TI") or "",
        source="wos",
        abstract=_joined(fields, "AB"),
        authors=tuple(fields.get("AU", []) or fields.get("AF", []) or fields.get("CA", [])),
        year=find_year(_joined(fields, "PY") or _joined(fields, "EA")),
        journal=_joined(fields, "SO") or _joined(fields, "JI"),
        volume=_joined(fields, "VL"),
        pages="-".join(part for part in (_joined(fields, "BP"), _joined(fields, "EP")) if part) or _joined(fields, "AR"),
        doi=_joined(fields, "DI"),
        pmid=_joined(fields, "PM"),
        accessions=tuple(f"{kind}:{value}" for kind, value in numbers),
        language=_joined(fields, "LA"),
        kinds=(kind,) if kind else (),
    )


def read_refworks(text: str, where: str) -> list[Record]:
    """Records of a RefWorks tagged text: ``RT`` opens a record."""
    found = []
    for fields in _blocks(text, _REFWORKS, "RT"):
        numbers = [known for value in fields.get("AN", []) if (known := accession(value, _joined(fields, "DB"))) is not None]
        found.append(
            Record(
                title=_joined(fields, "T1") or "",
                source="refworks",
                abstract=_joined(fields, "AB"),
                authors=tuple(re.sub(r",(?=\S)", ", ", name) for name in fields.get("A1", [])),
                year=find_year(_joined(fields, "YR") or _joined(fields, "FD")),
                journal=_joined(fields, "JF") or _joined(fields, "JO") or _joined(fields, "T2"),
                volume=_joined(fields, "VO"),
                pages="-".join(part for part in (_joined(fields, "SP"), _joined(fields, "OP")) if part) or None,
                doi=_joined(fields, "DO") or clean_doi(_joined(fields, "LK") or _joined(fields, "UL")),
                pmid=next((value for kind, value in numbers if kind == "pmid"), None),
                accessions=tuple(f"{kind}:{value}" for kind, value in numbers if kind != "pmid"),
                url=_joined(fields, "UL"),
                language=_joined(fields, "LA"),
                kinds=tuple(fields["RT"]),
            )
        )
    return found


def read_enw(text: str, where: str) -> list[Record]:
    """Records of an EndNote tagged text: ``%0`` opens a record."""
    found = []
    for fields in _blocks(text, _ENW, "0"):
        number = accession(_joined(fields, "M"), _joined(fields, "~") or _joined(fields, "W"))
        found.append(
            Record(
                title=_joined(fields, "T") or "",
                source="endnote",
                abstract=_joined(fields, "X"),
                authors=tuple(fields.get("A", [])),
                year=find_year(_joined(fields, "D")),
                journal=_joined(fields, "J") or _joined(fields, "B"),
                volume=_joined(fields, "V"),
                pages=_joined(fields, "P"),
                doi=clean_doi(_joined(fields, "R") or _joined(fields, "U")),
                pmid=number[1] if number and number[0] == "pmid" else None,
                accessions=(f"{number[0]}:{number[1]}",) if number and number[0] != "pmid" else (),
                url=_joined(fields, "U"),
                language=_joined(fields, "G"),
                kinds=tuple(fields["0"]),
            )
        )
    return found


def _blocks(text: str, line_pattern: re.Pattern[str], opener: str) -> Iterator[Fields]:
    fields: Fields = {}
    tag = ""
    for line in text.splitlines():
        match = line_pattern.match(line.rstrip())
        if match is not None:
            tag, value = match.group(1), match.group(2).strip()
            if tag == opener and opener in fields:
                yield fields
                fields = {}
            if value:
                fields.setdefault(tag, []).append(value)
        elif line.strip() and tag in fields:
            fields[tag][-1] += " " + line.strip()
    if opener in fields:
        yield fields


def read_endnote_xml(text: str, where: str) -> list[Record]:
    """Records of an EndNote XML document (``xml/records/record``).

    Raises:
        InputError: malformed or hostile XML.

    """
    root = parse_xml(text, where)
    found = []
    for node in root.iter("record"):
        database = text_of(node.find("remote-database-name"))
        number = accession(text_of(node.find("accession-num")), database)
        links = [text_of(item) for item in node.iter("url")]
        doi = text_of(node.find("electronic-resource-num")) or next((link for link in links if clean_doi(link)), None)
        kind = node.find("ref-type")
        journal = text_of(node.find("periodical/full-title")) or text_of(node.find("titles/secondary-title"))
        notes = " ".join([text_of(node.find("custom2")), *links])
        found.append(
            Record(
                title=text_of(node.find("titles/title")),
                source="endnote",
                abstract=text_of(node.find("abstract")) or None,
                authors=tuple(name for item in node.findall("contributors/authors/author") if (name := text_of(item))),
                year=find_year(text_of(node.find("dates/year"))),
                journal=journal or None,
                volume=text_of(node.find("volume")) or None,
                pages=text_of(node.find("pages")) or None,
                doi=doi or None,
                pmid=number[1] if number and number[0] == "pmid" else None,
                pmcid=find_pmc(notes),
                nct=find_nct(text_of(node.find("accession-num"))),
                accessions=(f"{number[0]}:{number[1]}",) if number and number[0] != "pmid" else (),
                url=links[0] if links else None,
                language=text_of(node.find("language")) or None,
                kinds=(str(kind.get("name")),) if kind is not None and kind.get("name") else (),
            )
        )
    return found


def _joined(fields: Fields, tag: str) -> str | None:
    return " ".join(value for value in fields.get(tag, []) if value) or None

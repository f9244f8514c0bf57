"""The format sniffer and the one door for every file of records."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.importers.bibtex import read_bibtex
from neorlt.evidence.importers.ctgov import read_ctgov_json
from neorlt.evidence.importers.decoding import decode
from neorlt.evidence.importers.managers import read_endnote_xml, read_enw, read_refworks, read_wos
from neorlt.evidence.importers.pubmed_xml import read_pubmed_xml
from neorlt.evidence.importers.table import NAMES, read_table
from neorlt.evidence.importers.tagged import read_nbib, read_ris
from neorlt.evidence.importers.workbook import is_workbook, read_workbook
from neorlt.evidence.records import Record

FORMATS: dict[str, Callable[[str, str], list[Record]]] = {
    "pubmed-xml": read_pubmed_xml,
    "endnote-xml": read_endnote_xml,
    "nbib": read_nbib,
    "ris": read_ris,
    "bibtex": read_bibtex,
    "ctgov-json": read_ctgov_json,
    "csv": read_table,
    "wos": read_wos,
    "refworks": read_refworks,
    "endnote": read_enw,
}


def sniff(text: str, where: str) -> str:
    """Name of the format that the content has.

    Raises:
        InputError: an empty file, an HTML page (an error page saved as an export), or nothing that is known.

    """
    head = text.lstrip("\ufeff \t\r\n")[:4000]
    if not head:
        raise InputError("the file is empty", where=where, remedy="export it again")
    lower = head[:600].lower()
    if lower.startswith("<!doctype html") or lower.startswith("<html") or "<html" in lower[:300]:
        title = re.search(r"<title[^>]*>(.*?)</title>", head, re.IGNORECASE | re.DOTALL)
        raise InputError(
            "the content is an HTML page, not records",
            found=" ".join(title.group(1).split())[:80] if title else None,
            where=where,
            remedy="the source answered with a page (an error or a login): download or search again later",
        )
    if head.startswith("<"):
        return "endnote-xml" if re.search(r"<(?:xml|records)\b[^>]*>", head) else "pubmed-xml"
    if head[0] in "{[":
        return "ctgov-json"
    if re.search(r"^PMID ?- ", head, re.MULTILINE):
        return "nbib"
    if re.search(r"^(?:FN (?:Clarivate|Thomson|ISI)|VR 1\.0|PT [JBSPC]$)", head, re.MULTILINE) and re.search(r"^PT ", head, re.MULTILINE):
        return "wos"
    if re.search(r"^RT [A-Z]", head, re.MULTILINE) and re.search(r"^[AT]1 ", head, re.MULTILINE):
        return "refworks"
    if re.search(r"^%0 \S", head, re.MULTILINE):
        return "endnote"
    if re.search(r"^TY  ?- ", head, re.MULTILINE):
        return "ris"
    if re.search(r"^\s*@\s*\w+\s*[{(]", head, re.MULTILINE):
        return "bibtex"
    lines = [line for line in head.splitlines()[:3] if not line.lower().startswith("sep=")]
    names = {cell.strip().strip('"').lower() for cell in re.split(r"[,;\t]", lines[0])} if lines else set()
    if names & set(NAMES["title"]) and any(mark in lines[0] for mark in ",;\t"):
        return "csv"
    raise InputError(
        "the format is not known",
        expected=", ".join(FORMATS),
        found=head.splitlines()[0][:60],
        where=where,
        remedy="export as PubMed, RIS, BibTeX, EndNote, RefWorks, Web of Science, CSV or .xlsx with a title column, or "
        "ClinicalTrials.gov JSON",
    )


def import_bytes(content: bytes, where: str = "input") -> tuple[str, list[Record]]:
    """Format and records of a file's content.

    Raises:
        InputError: wrong encoding, HTML, hostile or malformed content, or **no record at all**; never a partial list.

    """
    try:
        return _read(content, where)
    except InputError as error:
        if error.where is not None:
            raise
        raise InputError(error.problem, expected=error.expected, found=error.found, where=where, remedy=error.remedy) from error


def _read(content: bytes, where: str) -> tuple[str, list[Record]]:
    if is_workbook(content):
        records = read_workbook(content, where)
        if not records:
            raise InputError("no record in the workbook", where=where, remedy="check the export: an empty result is not stored")
        return "xlsx", records
    text = decode(content, where)
    kind = sniff(text, where)
    records = FORMATS[kind](text, where)
    if not records:
        raise InputError(
            "no record in the file",
            found=f"read as {kind}",
            where=where,
            remedy="check the export: an empty result is not stored",
        )
    return kind, records


def import_file(path: Path) -> tuple[str, list[Record]]:
    """As :func:`import_bytes`, from a file."""
    path = Path(path)
    if not path.is_file():
        raise InputError("no such file", where=str(path), remedy="name an exported file")
    return import_bytes(path.read_bytes(), str(path))


def lacking(records: list[Record]) -> dict[str, Any]:
    """What records of a file do not carry: how many have no author, year, journal or identifier, and what was no identifier.

    Registrations have no journal; what a file gave under an identifier's name and does not parse as one is listed.
    """
    papers = [record for record in records if not record.is_registry]
    found: dict[str, Any] = {
        "authors": sum(not record.authors for record in papers),
        "year": sum(record.year is None for record in papers),
        "journal": sum(not record.journal for record in papers),
        "identifier": sum(not record.identifiers for record in records),
    }
    refused = [f"{kind} {value}" for record in records for kind, value in record.refused.items()]
    return {key: count for key, count in found.items() if count} | ({"not_an_identifier": refused[:20]} if refused else {})

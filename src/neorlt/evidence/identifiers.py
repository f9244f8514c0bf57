"""Identifiers of papers and registrations, each parsed by its own grammar; what does not parse is no identifier.

A number in a field called "accession number" is one of the database that the file came from: it is a PMID only when
that database is PubMed or MEDLINE. Grammars: DOI (ISO 26324; DOI Handbook, section 2.2), PMID (1 to 8 digits, no
leading zero), PMCID (``PMC`` and digits), ClinicalTrials.gov (``NCT`` and 8 digits), EudraCT (``YYYY-NNNNNN-CC``), EU CT
(``YYYY-5NNNNN-CC-VV``), ISRCTN (8 digits), Embase (``L`` and digits, or 9 to 10 digits by Ovid), Web of Science (``WOS:`` and
15 letters or digits), Scopus (``2-s2.0-`` and digits).
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_DOI = re.compile(r"(?<![\w.])10\.\d{4,9}(?:\.\d+)*/[^\s\"“”|]+", re.IGNORECASE)
_OPEN = {")": "(", "]": "[", "}": "{", ">": "<"}
_PMID = re.compile(r"^(?:PMID[: ]*)?([1-9]\d{0,7})(?:\.0)?$", re.IGNORECASE)
_PMCID = re.compile(r"(?<![A-Za-z0-9])PMC([1-9]\d{1,8})(?!\d)", re.IGNORECASE)
_NCT = re.compile(r"(?<![A-Za-z0-9])NCT(\d{8})(?!\d)", re.IGNORECASE)
_EUDRACT = re.compile(r"(?<![\d-])(20[012]\d-\d{6}-\d{2})(?![\d-])")
_EUCT = re.compile(r"(?<![\d-])(20[234]\d-5\d{5}-\d{2}(?:-\d{2})?)(?![\d-])")
_ISRCTN = re.compile(r"(?<![A-Za-z0-9])ISRCTN(\d{8})(?!\d)", re.IGNORECASE)
_EMBASE = re.compile(r"^(?:L|EMBASE:?\s*)?(\d{5,10})$", re.IGNORECASE)
_WOS = re.compile(r"(?<![A-Za-z0-9])(?:WOS|MEDLINE|BCI|CCC|SCIELO):?([A-Z0-9]{8,16})(?![A-Z0-9])", re.IGNORECASE)
_SCOPUS = re.compile(r"(?<![\w.])(2-s2\.0-\d{8,12})(?!\d)", re.IGNORECASE)


def clean_doi(text: str | None) -> str | None:
    """The first DOI inside a text, lower case and without a resolver, or None.

    Brackets and angle brackets belong to a DOI while they are balanced (``10.1016/s0140-6736(24)00701-3``); an unbalanced
    closing one, and a full stop, comma or semicolon at the end, belong to the sentence around it.
    """
    if not text:
        return None
    match = _DOI.search(unquote(text) if "%2" in text.lower() else text)
    if match is None:
        return None
    found = re.sub(r"(?i)(\[doi\]|</?[a-z]+/?>|&[lg]t;.*)$", "", match.group(0))
    while found:
        last = found[-1]
        if last in ".,;:'’" or (last in _OPEN and found.count(last) > found.count(_OPEN[last])):
            found = found[:-1]
        else:
            break
    for closing, opening in _OPEN.items():
        # "(doi:10.1000/1) and so on": an unbalanced bracket in the middle ends the DOI too.
        depth = 0
        for place, letter in enumerate(found):
            depth += (letter == opening) - (letter == closing)
            if depth < 0:
                found = found[:place]
                break
    return found.lower() if found.partition("/")[2] else None


def clean_pmid(text: str | int | None) -> str | None:
    """A PMID that is the whole of a text (``12345678``, ``PMID: 12345678``), or None: it is never cut out of a longer number."""
    match = _PMID.match(str(text).strip()) if text is not None else None
    return None if match is None else match.group(1)


def find_pmc(text: str | None) -> str | None:
    """The first PubMed Central number inside a text, or None."""
    match = _PMCID.search(text or "")
    return None if match is None else f"PMC{match.group(1)}"


def find_nct(text: str | None) -> str | None:
    """The first ClinicalTrials.gov number inside a text, or None; a number with a digit too many is none."""
    match = _NCT.search(text or "")
    return None if match is None else f"NCT{match.group(1)}"


def find_eudract(text: str | None) -> str | None:
    """The first EudraCT or EU CT number inside a text, or None; a number with a digit too many is none."""
    match = _EUDRACT.search(text or "") or _EUCT.search(text or "")
    return None if match is None else match.group(1)


def find_isrctn(text: str | None) -> str | None:
    """The first ISRCTN number inside a text, or None."""
    match = _ISRCTN.search(text or "")
    return None if match is None else f"ISRCTN{match.group(1)}"


def is_pubmed(database: str | None) -> bool:
    """Whether a database's name means PubMed or MEDLINE (``Ovid MEDLINE(R)``, ``NLM``), whose accession numbers are PMIDs."""
    name = (database or "").strip().lower()
    return "embase" not in name and (name in ("nlm", "pmc") or "medline" in name or "pubmed" in name)


def accession(text: str | None, database: str | None = None) -> tuple[str, str] | None:
    """``(kind, value)`` of an accession number: ``pmid``, ``embase``, ``wos``, ``scopus``, or None where its database is not known.

    ``database`` is what the record says of its origin. A number of Embase is never taken for a PMID.
    """
    value = (text or "").strip()
    if not value:
        return None
    if (match := _SCOPUS.search(value)) is not None:
        return "scopus", match.group(1).lower()
    if (match := _WOS.search(value)) is not None:
        return "wos", match.group(1).upper()
    if is_pubmed(database) and (pmid := clean_pmid(value)) is not None:
        return "pmid", pmid
    name = (database or "").lower()
    if (match := _EMBASE.match(value)) is not None and (value[0] in "lL" or "embase" in name):
        return "embase", match.group(1)
    return None

"""A review written for other programs: RIS, BibTeX, RevMan 5, and the CSV of R's PRISMA2020."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from neorlt.evidence.prisma import Flow
from neorlt.evidence.records import Record
from neorlt.evidence.studies import ReviewTable

_PRISMA_TEXT = {
    "previous_studies": "Studies included in previous version of review",
    "previous_reports": "Reports of studies included in previous version",
    "database_results": "Databases",
    "register_results": "Registers",
    "website_results": "Websites",
    "organisation_results": "Organisations",
    "citations_results": "Citation searching",
    "duplicates": "Duplicate records removed",
    "excluded_automatic": "Records marked as ineligible by automation",
    "excluded_other": "Records removed for other reasons",
    "records_screened": "Records screened",
    "records_excluded": "Records excluded",
    "dbr_sought_reports": "Reports sought for retrieval",
    "dbr_notretrieved_reports": "Reports not retrieved",
    "other_sought_reports": "Reports sought for retrieval (other methods)",
    "other_notretrieved_reports": "Reports not retrieved (other methods)",
    "dbr_assessed": "Reports assessed for eligibility",
    "dbr_excluded": "Reports excluded",
    "other_assessed": "Reports assessed (other methods)",
    "other_excluded": "Reports excluded (other methods)",
    "new_studies": "New studies included in review",
    "new_reports": "Reports of new included studies",
    "total_studies": "Total studies included in review",
    "total_reports": "Reports of total included studies",
}


def ris(records: Mapping[str, Record]) -> str:
    """RIS; our id stands in ``ID`` and comes back as a note, identifiers in their own fields."""
    lines: list[str] = []
    for key, r in records.items():
        first, _, last = (r.pages or "").partition("-")
        number = r.nct or (next(iter(r.accessions), "").partition(":")[2] or None)
        pairs: list[tuple[str, object]] = [
            ("TY", "CTLI" if r.is_registry else "JOUR"),
            ("ID", key),
            ("TI", r.title),
            *(("AU", name) for name in r.authors),
        ]
        pairs += [
            ("PY", r.year),
            ("T2", r.journal),
            ("VL", r.volume),
            ("SP", first),
            ("EP", last),
            ("DO", r.doi),
            ("AB", _line(r.abstract)),
        ]
        pairs += [
            ("AN", r.pmid or number),
            ("DB", "PubMed" if r.pmid else _database(r)),
            ("C2", r.pmcid),
            ("LA", r.language),
            ("UR", r.url),
        ]
        lines += [f"{tag}  - {value}" for tag, value in pairs if value] + ["ER  - ", ""]
    return "\n".join(lines)


def bibtex(records: Mapping[str, Record]) -> str:
    """BibTeX with one entry a work."""
    entries, keys = [], set()
    for r in records.values():
        base = re.sub(r"[^a-z0-9]", "", f"{r.first_author}{r.year or ''}") or "work"
        key = next(
            name for name in (base, *(f"{base}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"), r.fingerprint) if name not in keys
        )
        keys.add(key)
        fields = {"author": " and ".join(r.authors), "title": r.title, "journal": r.journal, "year": r.year, "volume": r.volume}
        fields |= {
            "pages": (r.pages or "").replace("-", "--"),
            "doi": r.doi,
            "pmid": r.pmid,
            "pmcid": r.pmcid,
            "url": r.url,
            "abstract": _line(r.abstract),
        }
        body = ",\n".join(f"  {name} = {{{_tex(str(value))}}}" for name, value in fields.items() if value)
        entries.append(f"@article{{{key},\n{body}\n}}\n")
    return "\n".join(entries)


def revman(table: ReviewTable) -> str:
    """The included studies with their references as RevMan 5 XML (``.rm5``); analyses stay in ``pooled.json``."""
    studies = []
    for study in table.of_table():
        known = study.bibliography
        year = str(known.get("year") or "")
        ids = "".join(
            f"<IDENTIFIER TYPE={quoteattr(kind)} VALUE={quoteattr(str(known[key]))}/>"
            for key, kind in (("doi", "DOI"), ("pmid", "PUBMED"))
            if known.get(key)
        )
        number = str(known.get("registry") or "")
        registration = (
            f'<IDENTIFIERS><IDENTIFIER TYPE="CTGOV" VALUE={quoteattr(number)}/></IDENTIFIERS>'
            if number.startswith("NCT")
            else "<IDENTIFIERS/>"
        )
        reference = (
            f'<REFERENCE PRIMARY="YES" TYPE="JOURNAL_ARTICLE"><AU>{escape(str(known.get("first_author") or ""))}</AU>'
            f"<TI>{escape(str(known.get('title') or ''))}</TI><SO>{escape(str(known.get('journal') or ''))}</SO><YR>{year}</YR>"
            f"<IDENTIFIERS>{ids}</IDENTIFIERS></REFERENCE>"
        )
        name = quoteattr(study.name)
        studies.append(f'<STUDY DATA_SOURCE="PUB" ID="STD-{escape(study.id)}" NAME={name} YEAR="{year}">{reference}{registration}</STUDY>')
    title = f"<TITLE>{escape(table.question)}</TITLE>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<COCHRANE_REVIEW TYPE="FLEXIBLE" STATUS="DRAFT" VERSION_NO="1.0">'
        f"<COVER_SHEET>{title}</COVER_SHEET><STUDIES_AND_REFERENCES><STUDIES><INCLUDED_STUDIES>\n"
        + "\n".join(studies)
        + "\n</INCLUDED_STUDIES></STUDIES></STUDIES_AND_REFERENCES></COCHRANE_REVIEW>\n"
    )


def prisma_csv(flow: Flow) -> str:
    """The flow as R's PRISMA2020 reads it (``PRISMA_data``): one row a number, reasons of exclusion joined by semicolons."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["data", "node", "box", "description", "boxtext", "tooltips", "url", "n"])
    for number, (key, value) in enumerate(flow.numbers.items(), start=1):
        count: object = "NA" if value is None else value
        if key == "dbr_excluded" and flow.reasons:
            count = "; ".join(f"{reason.replace(';', ',').replace(',', ' ')}, {count}" for reason, count in flow.reasons.items())
        text = _PRISMA_TEXT[key]
        writer.writerow([key, f"node{number}", f"box{number}", text, text, text, f"{key}.html", count])
    return stream.getvalue()


def _database(record: Record) -> str | None:
    kind = next(iter(record.accessions), "").partition(":")[0]
    return {"embase": "Embase", "wos": "Web of Science", "scopus": "Scopus"}.get(kind)


def _line(text: str | None) -> str | None:
    return " ".join(text.split()) if text else None


_TEX = {letter: f"\\{letter}" for letter in "&%$#_"} | {
    "{": "(", "}": ")", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def _tex(text: str) -> str:
    return re.sub(r"[\\&%$#_~^{}]", lambda match: _TEX[match.group(0)], text)

"""Exchange with ASReview and Rayyan: out with our ids, back in as decisions of a named reviewer."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.importers.decoding import decode
from neorlt.evidence.review.folder import ReviewFolder

ASREVIEW_COLUMNS = (
    "record_id",
    "neorlt_id",
    "title",
    "abstract",
    "authors",
    "year",
    "journal",
    "doi",
    "pmid",
    "url",
    "included",
    "neorlt_label",
)
RAYYAN_COLUMNS = (
    "key", "title", "year", "month", "day", "journal", "issn", "volume", "issue", "pages", "authors", "url", "language",
    "publisher", "location", "abstract", "notes", "doi", "keywords", "pubmed_id", "pmc_id",
)  # fmt: skip
_RAYYAN = re.compile(r"RAYYAN-INCLUSION:\s*\{(.*?)\}")
_RAYYAN_REASONS = re.compile(r"RAYYAN-EXCLUSION-REASONS:\s*([^|]*)")
_PAIR = re.compile(r"\"([^\"]*)\"\s*=>\s*\"([^\"]*)\"")
_RAYYAN_VERDICTS = {"included": "include", "excluded": "exclude", "maybe": "unsure"}
_LABELS = {"1": "include", "1.0": "include", "0": "exclude", "0.0": "exclude"}


def export_asreview(review: ReviewFolder, stage: str = "title") -> str:
    """CSV for ASReview: ``included`` 1, 0, or empty where undecided or in conflict.

    ``neorlt_label`` repeats it and comes back as it went out: what equals it was not decided in ASReview.
    """
    outcome = review.outcome(stage)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(ASREVIEW_COLUMNS)
    for number, (key, record) in enumerate(review.records().items()):
        label = {"include": "1", "exclude": "0"}.get(outcome.get(key, ""), "")
        row = (number, key, record.title, record.abstract, "; ".join(record.authors), record.year, record.journal)
        writer.writerow([*row, record.doi, record.pmid, record.url, label, label])
    return stream.getvalue()


def export_rayyan(review: ReviewFolder) -> str:
    """CSV for Rayyan; our id stands in ``key`` and again in ``notes``, since Rayyan renumbers keys."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(RAYYAN_COLUMNS)
    for key, r in review.records().items():
        row = {
            "key": key, "title": r.title, "year": r.year, "journal": r.journal, "volume": r.volume, "pages": r.pages,
            "authors": " and ".join(r.authors), "url": r.url, "language": r.language, "abstract": r.abstract,
            "notes": f"NEORLT-ID: {key}", "doi": r.doi, "pubmed_id": r.pmid, "pmc_id": r.pmcid,
        }  # fmt: skip
        writer.writerow([row.get(column) or "" for column in RAYYAN_COLUMNS])
    return stream.getvalue()


def import_decisions(review: ReviewFolder, content: bytes, *, who: str, stage: str = "title", where: str = "input") -> dict[str, Any]:
    """Take decisions back from an ASReview or Rayyan CSV, all or none; what is already decided so is left alone.

    ASReview's labels become decisions of ``who``; Rayyan's become those of the reviewer whose Rayyan name they carry
    if the protocol knows it, else of ``who`` when the file holds one name only.

    Raises:
        InputError: neither format, an unknown record, or no decision in the file.

    """
    rows = list(csv.DictReader(io.StringIO(decode(content, where))))
    columns = set(rows[0]) if rows else set()
    if "notes" in columns and any("RAYYAN" in (row.get("notes") or "") for row in rows):
        found = _from_rayyan(review, rows, who)
        kind = "rayyan"
    elif label := next((c for c in ("asreview_label", "label_included", "included") if c in columns), None):
        found = _from_asreview(rows, label, who, review.outcome(stage))
        kind = "asreview"
        if not found:
            return {"format": kind, "decisions": 0, "added": 0}
    else:
        raise InputError(
            "neither an ASReview nor a Rayyan export with decisions",
            found=", ".join(sorted(str(column) for column in columns)[:8]),
            where=where,
            remedy="export with decisions: ASReview CSV, or Rayyan CSV with notes",
        )
    if not found:
        raise InputError("the file holds no decision", where=where, remedy="screen some records first")
    added = 0
    with review.store.transaction():
        current = review.verdicts(stage)
        for key, name, verdict, why in found:
            if current.get(review.work_of(key), {}).get(name) != verdict:
                review.decide(key, verdict, who=name, why=why, stage=stage)
                added += 1
    return {"format": kind, "decisions": len(found), "added": added}


def _from_asreview(rows: list[dict[str, str]], label: str, who: str, outcome: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """Decisions that were made in ASReview: not the labels that it was given (``asreview_prior``), nor those that came from here.

    A file of our own export of version 0.1 has no ``neorlt_label``: there a label equal to where the work stands is none.
    """
    found = []
    for row in rows:
        verdict = _LABELS.get((row.get(label) or "").strip())
        key = row.get("neorlt_id") or ""
        given = (
            (row.get("neorlt_label") or "").strip()
            if "neorlt_label" in row
            else {"include": "1", "exclude": "0"}.get(outcome.get(key, ""), "")
        )
        prior = (row.get("asreview_prior") or "").strip() in ("1", "1.0", "True")
        if verdict is not None and not prior and verdict != _LABELS.get(given):
            found.append((key, who, verdict, "decided in ASReview"))
    return found


def _from_rayyan(review: ReviewFolder, rows: list[dict[str, str]], who: str) -> list[tuple[str, str, str, str]]:
    found = []
    names = {name for row in rows for match in _RAYYAN.findall(row.get("notes") or "") for name, _ in _PAIR.findall(match)}
    for row in rows:
        notes = row.get("notes") or ""
        match = _RAYYAN.search(notes)
        if match is None:
            continue
        key = re.search(r"NEORLT-ID: (\S+)", notes)
        reasons = _RAYYAN_REASONS.search(notes)
        for name, word in _PAIR.findall(match.group(1)):
            verdict = _RAYYAN_VERDICTS.get(word.lower())
            if verdict is None:
                continue
            reviewer = name if name in review.protocol.reviewers else who
            if reviewer != name and len(names) > 1:
                raise InputError(
                    "a Rayyan reviewer is not in the protocol",
                    found=name,
                    expected=", ".join(review.protocol.reviewers),
                    remedy="use the protocol's names in Rayyan or add this one",
                )
            why = (reasons.group(1).strip() if reasons else "") or "decided in Rayyan"
            found.append((key.group(1) if key else row.get("key") or "", reviewer, verdict, why))
    return found

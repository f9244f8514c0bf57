"""Which study of the shipped review a work is: by identifier, else as two copies of one paper are told."""

from __future__ import annotations

import re
from collections.abc import Mapping

from neorlt.evidence.alike import Features, journals_agree, same_paper
from neorlt.evidence.records import Record
from neorlt.evidence.studies import ReviewTable, Study

_CITATION = re.compile(r"^(?P<journal>[^0-9;]+?)[ ;]+(?:\d{4};)?(?P<volume>\d+)\s*(?:\([^)]*\))?\s*:\s*(?P<pages>[A-Za-z]?\w+(?:[-–]\w+)?)")


def as_record(study: Study) -> Record | None:
    """What a study table knows of a paper, as a record; None for a paper that was not read."""
    known = study.bibliography
    if study.is_placeholder or not (known.get("title") or known.get("first_author")):
        return None
    printed = str(known.get("journal") or "")
    match = _CITATION.match(printed)
    return Record(
        title=str(known.get("title") or f"untitled {study.id}"),
        source="shipped",
        authors=(str(known["first_author"]),) if known.get("first_author") else (),
        year=known.get("year"),
        journal=match["journal"].strip() if match else re.sub(r"\(.*?\)|,.*", "", printed).strip() or None,
        volume=match["volume"] if match else None,
        pages=match["pages"] if match else None,
        doi=known.get("doi"),
        pmid=known.get("pmid"),
    )


class ShippedPapers:
    """The papers of a study table, ready to be looked up."""

    def __init__(self, table: ReviewTable) -> None:
        self._titled = {study.id: bool(study.bibliography.get("title")) for study in table.studies}
        self._features = {study.id: Features(study.id, record) for study in table.studies if (record := as_record(study)) is not None}
        self._by_reference = {study.review_reference: study.id for study in table.studies if study.review_reference and study.in_review}

    def find(self, record: Record, cells: Mapping[str, Mapping[str, object]] | None = None) -> str | None:
        """Id of the study that a work is, or None.

        A registration is no paper. Where nothing else can tell (the shipped row was not read), the extracted cell
        ``review_reference`` says which reference of the review a paper is.
        """
        stated = (cells or {}).get("review_reference", {}).get("value")
        if isinstance(stated, int) and stated in self._by_reference:
            return self._by_reference[stated]
        if record.is_registry:
            return None
        mine = Features("work", record)
        for kind in ("pmid", "doi"):
            value = getattr(record, kind)
            found = next((key for key, other in self._features.items() if value and getattr(other.record, kind) == value), None)
            if found is not None:
                return found
        return next((key for key, other in self._features.items() if self._same(mine, other)), None)

    def _same(self, mine: Features, other: Features) -> bool:
        if self._titled[other.key]:
            return same_paper(mine, other) is not None
        # A row whose page did not print the title: author, year, journal, volume and first page name a paper.
        a, b = mine.record, other.record
        alike = mine.author == other.author and a.year == b.year and a.volume == b.volume and mine.first_page == other.first_page
        return bool(alike and b.volume and b.pages and journals_agree(a.journal, b.journal))

"""Retracted papers are blocked, with the reason."""

from __future__ import annotations

from neorlt.evidence.records import Record, fold
from neorlt.evidence.studies import shipped_review


def retraction_of(record: Record) -> str | None:
    """Why a record is blocked, or None.

    Blocked are: records that the source marks as retracted, records whose title says so, and the list that ships
    with the review (PMC11970540).
    """
    if record.pmcid is not None:
        for item in shipped_review().blocked:
            if record.pmcid == item["pmcid"]:
                return f"{item['pmcid']}: {item['why']}"
    if record.retracted:
        return "the source marks it as retracted"
    if record.title[:1].upper() in "RW[" and fold(record.title).startswith(("retracted ", "retracted article", "withdrawn ")):
        return "its title says that it is retracted"
    return None

"""Retracted papers are blocked, with the reason."""

from __future__ import annotations

import re

from neorlt.evidence.records import Record
from neorlt.evidence.studies import shipped_review

_RETRACTED_KIND = re.compile(r"\bretracted\b", re.IGNORECASE)
"""``Retracted Publication`` of PubMed and Web of Science, ``Retracted`` of Scopus; a notice (``Retraction of Publication``) is none."""
_RETRACTED_TITLE = re.compile(
    r"^\W*(?:RETRACTED|WITHDRAWN)(?!\w)"
    r"|^\W*(?i:retracted|withdrawn)(?i: article| paper)?\s*[:\])–—.-]"
    r"|[(\[]\s*(?i:retracted)(?i: article| paper)?\b"
)
"""``RETRACTED: …``, ``[Retracted] …``, ``… (Retracted article. See vol. 5)``."""


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
    if any(_RETRACTED_KIND.search(kind) for kind in record.kinds):
        return "the source marks it as retracted"
    if _RETRACTED_TITLE.search(record.title):
        return "its title says that it is retracted"
    return None

"""ClinicalTrials.gov API v2 (https://clinicaltrials.gov/data-api/api): search by pages, and single studies."""

from __future__ import annotations

import json
from typing import Any

from neorlt.evidence.importers.ctgov import study_record
from neorlt.evidence.loose import text
from neorlt.evidence.review.folder import ReviewFolder
from neorlt.evidence.search.http import Answer, Polite, ServiceError
from neorlt.evidence.search.runs import open_run

BASE_URL = "https://clinicaltrials.gov/api/v2"
PAGE_SIZE = 200
MAX_PAGES = 500
"""Stops a server that hands out page tokens for ever."""


class ClinicalTrials:
    """A client of the registry."""

    def __init__(self, *, base_url: str = BASE_URL, per_second: float = 3.0, page_size: int = PAGE_SIZE, pause_s: float = 1.0) -> None:
        self._http = Polite("ClinicalTrials.gov", base_url, per_second=per_second, pause_s=pause_s)
        self.page_size = page_size

    def __enter__(self) -> ClinicalTrials:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.__exit__()

    def page(self, query: str, token: str | None) -> tuple[Answer, dict[str, Any]]:
        """One page of a search."""
        params = {"query.term": query, "pageSize": str(self.page_size), "countTotal": "true", "format": "json"}
        answer = self._http.get("studies", params | ({"pageToken": token} if token else {}))
        document = _json(answer)
        if not isinstance(document.get("studies"), list):
            raise ServiceError("ClinicalTrials.gov", "answered without a list of studies", remedy="try again later; nothing was stored")
        return answer, document

    def study(self, nct: str) -> dict[str, Any]:
        """The current version of one registration."""
        document = _json(self._http.get(f"studies/{nct}", {"format": "json"}))
        study_record(document, nct)
        return document


def _json(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except ValueError as error:
        raise ServiceError("ClinicalTrials.gov", "answered with malformed JSON", remedy="try again later; nothing was stored") from error
    if not isinstance(document, dict):
        raise ServiceError("ClinicalTrials.gov", "answered with something else than a result", remedy="try again later")
    return document


def search_ctgov(review: ReviewFolder, client: ClinicalTrials, query: str) -> dict[str, Any]:
    """Run or go on with a registry search.

    A page token that the server no longer knows makes the listing start over; stored records are met again and neither
    lost nor doubled. A page without studies, or a repeated token, ends the listing.
    """
    run = open_run(review, "clinicaltrials.gov", query, {})
    cursor = run.cursor or {"token": None, "used": [], "end": False}
    while not cursor["end"] and run.pages < MAX_PAGES:
        token = cursor["token"]
        try:
            answer, document = client.page(query, token)
        except ServiceError as error:
            if error.status != 400 or token is None:
                raise
            cursor = {"token": None, "used": [], "end": False}
            continue
        if run.total is None:
            total = document.get("totalCount")
            run.set_total(total if isinstance(total, int) else len(document["studies"]), None, cursor)
        following = text(document.get("nextPageToken"))
        used = [*cursor["used"], token] if token else cursor["used"]
        end = not following or not document["studies"] or following in used
        cursor = {"token": following, "used": used, "end": end}
        run.store_page(answer, [study_record(study, "ClinicalTrials.gov") for study in document["studies"]], cursor)
    run.finish()
    return run.summary()

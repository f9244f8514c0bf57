"""Citation chasing of a review: from every included record, backward and forward."""

from __future__ import annotations

from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.review.folder import ReviewFolder
from neorlt.evidence.search.citations import Crossref, OpenAlex
from neorlt.evidence.search.http import ServiceError


def chase(review: ReviewFolder, *, openalex: OpenAlex | None, crossref: Crossref | None, ids: list[str] | None = None) -> dict[str, Any]:
    """Follow the citations of the named records, or of all that are included.

    What is found is stored with the source ``citations`` and goes through screening like everything else. A paper
    that a service does not know is named in ``failed`` and does not stop the others. Crossref is also asked whether a
    paper was retracted since.
    """
    if openalex is None and crossref is None:
        raise InputError("no service to ask", remedy="give OpenAlex or Crossref")
    chosen = ids or [key for key, verdict in review.outcome("title").items() if verdict == "include"]
    if not chosen:
        raise InputError("nothing to chase from", remedy="include a record first, or name ids")
    totals = {"backward": 0, "forward": 0, "unnamed": 0, "new": 0}
    failed: dict[str, str] = {}
    retracted: dict[str, str] = {}
    for key in chosen:
        record = review.require(key)
        try:
            if openalex is not None:
                work = openalex.work(doi=record.doi, pmid=record.pmid)
                back, forward = openalex.backward(work), openalex.forward(work)
                totals["backward"] += len(back)
                totals["forward"] += len(forward)
                if work.get("is_retracted"):
                    retracted[key] = "OpenAlex marks it as retracted"
                if back or forward:
                    totals["new"] += review.add_records([*back, *forward], "citations")["new"]
            if crossref is not None and record.doi is not None:
                message = crossref.work(record.doi)
                cited, unnamed = crossref.backward(message)
                totals["unnamed"] += unnamed
                if openalex is None:
                    totals["backward"] += len(cited)
                if cited:
                    totals["new"] += review.add_records(cited, "citations")["new"]
                why = crossref.retraction(message)
                if why is not None:
                    retracted[key] = why
        except (ServiceError, InputError) as error:
            failed[key] = str(error)
    for key, why in retracted.items():
        if not review.store.events("retracted", key):
            review.store.add_event("neorlt", "retracted", key, {"blocked": True}, why)
    return {"from": chosen, **totals, "failed": failed, "retracted": retracted}

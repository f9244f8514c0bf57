"""PubMed by NCBI E-utilities (https://www.ncbi.nlm.nih.gov/books/NBK25499/).

The list of PMIDs is taken first and frozen in the run; records then come in batches by id. A search that is
interrupted at any batch goes on with the next one, and no record is lost or doubled when PubMed grows meanwhile.
PubMed gives at most 10 000 PMIDs a search: larger ones are split by entry date.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.importers.decoding import decode
from neorlt.evidence.importers.pubmed_xml import read_pubmed_xml
from neorlt.evidence.review.folder import ReviewFolder
from neorlt.evidence.search.http import Answer, Polite, ServiceError
from neorlt.evidence.search.runs import open_run

BASE_URL = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
CAP = 10_000
BATCH = 200
PER_SECOND, PER_SECOND_WITH_KEY = 3.0, 10.0


class PubMed:
    """A client of E-utilities. ``api_key`` raises the pace that NCBI allows; it is never stored."""

    def __init__(
        self,
        *,
        base_url: str = BASE_URL,
        api_key: str | None = None,
        email: str | None = None,
        per_second: float | None = None,
        cap: int = CAP,
        batch: int = BATCH,
        pause_s: float = 1.0,
    ) -> None:
        pace = per_second or (PER_SECOND_WITH_KEY if api_key else PER_SECOND)
        self._http = Polite("PubMed", base_url, per_second=pace, pause_s=pause_s, secret={"api_key": api_key} if api_key else None)
        self._common = {"db": "pubmed", "tool": "neorlt"} | ({"email": email} if email else {})
        self.cap, self.batch = cap, batch

    def __enter__(self) -> PubMed:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.__exit__()

    def ids(self, query: str, date_from: str, date_to: str) -> tuple[list[str], str | None]:
        """All PMIDs of a query entered between two ISO dates, and the server's translation of the query.

        Raises:
            ServiceError: the server refuses the query or answers with something else than a result.

        """
        count, found, translation = self._search(query, date_from, date_to)
        if count <= self.cap:
            if len(found) != count:
                raise ServiceError(
                    "PubMed",
                    f"promised {count} records and listed {len(found)}",
                    remedy="run the search again; nothing was stored",
                )
            return found, translation
        first, last = date.fromisoformat(date_from), date.fromisoformat(date_to)
        if first >= last:
            raise InputError(f"over {self.cap} records entered on one day", found=str(count), where=date_from, remedy="narrow the query")
        middle = first + (last - first) // 2
        left, _ = self.ids(query, date_from, middle.isoformat())
        right, _ = self.ids(query, (middle + timedelta(days=1)).isoformat(), date_to)
        return list(dict.fromkeys(left + right)), translation

    def _search(self, query: str, date_from: str, date_to: str) -> tuple[int, list[str], str | None]:
        answer = self._http.post(
            "esearch.fcgi",
            self._common
            | {
                "term": query, "retmode": "json", "retmax": str(self.cap), "datetype": "edat",
                "mindate": date_from.replace("-", "/"), "maxdate": date_to.replace("-", "/"),
            },
        )  # fmt: skip
        try:
            result = json.loads(answer.body)["esearchresult"]
            if "ERROR" in result:
                raise ServiceError("PubMed", f"refused the query ({result['ERROR']})", remedy="check the query")
            return int(result["count"]), [str(pmid) for pmid in result["idlist"]], result.get("querytranslation")
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceError(
                "PubMed", "answered with something else than a result", remedy="try again later; nothing was stored"
            ) from error

    def fetch(self, ids: list[str]) -> Answer:
        """Raw PubMed XML of up to a few hundred PMIDs."""
        return self._http.post("efetch.fcgi", self._common | {"id": ",".join(ids), "retmode": "xml"})


def search_pubmed(review: ReviewFolder, client: PubMed, query: str, *, date_from: str, date_to: str) -> dict[str, Any]:
    """Run or go on with a PubMed search; returns the summary of the run.

    PMIDs that the server lists and then does not deliver are asked for once more and then named in ``missing``.
    """
    options = {"date_from": date_from, "date_to": date_to, "datetype": "edat"}
    run = open_run(review, "pubmed", query, options)
    if "ids" not in run.cursor:
        ids, translation = client.ids(query, date_from, date_to)
        run.set_total(len(ids), translation, {"ids": ids, "done": 0, "missing": []})
    while run.cursor["done"] < len(run.cursor["ids"]):
        done = run.cursor["done"]
        wanted = run.cursor["ids"][done : done + client.batch]
        answer = client.fetch(wanted)
        where = f"PubMed, records {done + 1} to {done + len(wanted)}"
        records = [record for record in read_pubmed_xml(decode(answer.body, where), where) if record.pmid in set(wanted)]
        unique = {record.pmid: record for record in records}
        absent = [pmid for pmid in wanted if pmid not in unique]
        if absent and len(absent) == len(wanted):
            raise ServiceError("PubMed", "delivered none of the records that it listed", remedy="run the search again: it goes on here")
        if absent:
            again = read_pubmed_xml(decode(client.fetch(absent).body, where), where)
            unique |= {record.pmid: record for record in again if record.pmid in set(absent)}
            absent = [pmid for pmid in wanted if pmid not in unique]
        cursor = run.cursor | {"done": done + len(wanted), "missing": run.cursor["missing"] + absent}
        run.store_page(answer, unique.values(), cursor)
    run.finish()
    return run.summary()

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
from neorlt.evidence.loose import mapping, text, texts
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
        self.warnings: list[str] = []
        """What the server said of the last query: phrases that it did not find and therefore left out change its meaning."""

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
        """Count, PMIDs (all of them where they are not over the cap) and translation; asks on while a page brings news."""
        dates = {"mindate": date_from.replace("-", "/"), "maxdate": date_to.replace("-", "/"), "datetype": "edat"}
        found: dict[str, None] = {}
        count, translation = 0, None
        while True:
            params = {"term": query, "retmode": "json", "retmax": str(self.cap), "retstart": str(len(found)), **dates}
            result = self._result(self._http.post("esearch.fcgi", self._common | params))
            known = len(found)
            if known == 0:
                count, translation = int(result["count"]), text(result.get("querytranslation"))
                self.warnings = [
                    f"{kind}: {phrase}"
                    for part in ("errorlist", "warninglist")
                    for kind, phrases in mapping(result, part).items()
                    for phrase in texts(phrases)
                ]
            found |= dict.fromkeys(str(pmid) for pmid in result["idlist"])
            if count > self.cap or len(found) >= count or len(found) == known:
                return count, list(found), translation

    @staticmethod
    def _result(answer: Answer) -> dict[str, Any]:
        try:
            result: dict[str, Any] = json.loads(answer.body)["esearchresult"]
            if "ERROR" in result:
                raise ServiceError("PubMed", f"refused the query ({result['ERROR']})", remedy="check the query")
            int(result["count"]), list(result["idlist"])
        except (ValueError, KeyError, TypeError) as error:
            raise ServiceError(
                "PubMed", "answered with something else than a result", remedy="try again later; nothing was stored"
            ) from error
        return result

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
        run.set_total(len(ids), translation, {"ids": ids, "done": 0, "missing": [], "warnings": client.warnings})
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

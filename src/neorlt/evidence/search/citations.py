"""Citation chasing: backward (what a paper cites) and forward (what cites it), by OpenAlex and Crossref."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from neorlt.core.errors import InputError
from neorlt.evidence.identifiers import clean_doi, find_pmc
from neorlt.evidence.loose import mapping, mappings, text, texts
from neorlt.evidence.records import Record, find_year
from neorlt.evidence.search.http import Answer, Polite, ServiceError

OPENALEX_URL = "https://api.openalex.org"
CROSSREF_URL = "https://api.crossref.org"
PAGE_SIZE = 200
ID_BATCH = 50
"""OpenAlex takes at most 100 values in one filter."""
MAX_PAGES = 50


class OpenAlex:
    """Works and their links in both directions (https://docs.openalex.org)."""

    def __init__(self, *, base_url: str = OPENALEX_URL, email: str | None = None, per_second: float = 5.0, pause_s: float = 1.0) -> None:
        self._http = Polite("OpenAlex", base_url, per_second=per_second, pause_s=pause_s)
        self._common = {"mailto": email} if email else {}

    def __enter__(self) -> OpenAlex:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.__exit__()

    def work(self, *, doi: str | None = None, pmid: str | None = None) -> dict[str, Any]:
        """One work by DOI or PMID."""
        if not (doi or pmid):
            raise InputError("a paper without DOI and PMID cannot be chased", remedy="add one of them to the record")
        key = f"doi:{doi}" if doi else f"pmid:{pmid}"
        return _json("OpenAlex", self._http.get(f"works/{quote(key, safe=':/')}", self._common))

    def backward(self, work: dict[str, Any]) -> list[Record]:
        """Works that this one cites."""
        ids = [url.rsplit("/", 1)[-1] for url in texts(work.get("referenced_works"))]
        found: list[Record] = []
        for start in range(0, len(ids), ID_BATCH):
            found += self._list("openalex:" + "|".join(ids[start : start + ID_BATCH]))
        return found

    def forward(self, work: dict[str, Any]) -> list[Record]:
        """Works that cite this one."""
        return self._list(f"cites:{(text(work.get('id')) or '').rsplit('/', 1)[-1]}")

    def _list(self, filter_text: str) -> list[Record]:
        found: list[Record] = []
        cursor: str | None = "*"
        for _ in range(MAX_PAGES):
            params = self._common | {"filter": filter_text, "per-page": str(PAGE_SIZE), "cursor": cursor}
            document = _json("OpenAlex", self._http.get("works", params))
            results = document.get("results")
            if not isinstance(results, list):
                raise ServiceError("OpenAlex", "answered without results", remedy="try again later; nothing was stored")
            found += [record for item in results if (record := openalex_record(item)) is not None]
            cursor = text(mapping(document, "meta").get("next_cursor"))
            if not cursor or not results:
                break
        return found


def openalex_record(work: Any) -> Record | None:
    """A work of OpenAlex as a record; None for a work without title and identifier."""
    ids, biblio = mapping(work, "ids"), mapping(work, "biblio")
    work = mapping(work)
    doi = clean_doi(text(work.get("doi")))
    pmid = (text(ids.get("pmid")) or "").rsplit("/", 1)[-1] or None
    title = text(work.get("display_name")) or text(work.get("title")) or ""
    if not title and not doi and not pmid:
        return None
    pages = "-".join(page for page in (text(biblio.get("first_page")), text(biblio.get("last_page"))) if page)
    pmc = (text(ids.get("pmcid")) or "").rsplit("/", 1)[-1].upper().removeprefix("PMC")
    names = (text(mapping(item, "author").get("display_name")) for item in mappings(work.get("authorships")))
    kind = text(work.get("type"))
    return Record(
        title=title,
        source="openalex",
        abstract=_uninvert(work.get("abstract_inverted_index")),
        authors=tuple(name for name in names if name),
        year=find_year(text(work.get("publication_year"))),
        journal=text(mapping(work, "primary_location", "source").get("display_name")),
        volume=text(biblio.get("volume")),
        pages=pages or None,
        doi=doi,
        pmid=pmid,
        pmcid=find_pmc(f"PMC{pmc}") if pmc else None,
        language=text(work.get("language")),
        kinds=(kind,) if kind else (),
        retracted=work.get("is_retracted") is True,
    )


def _uninvert(index: Any) -> str | None:
    placed = [
        (place, word)
        for word, places in mapping(index).items()
        for place in (places if isinstance(places, list) else [])
        if isinstance(place, int)
    ]
    return " ".join(word for _, word in sorted(placed)) or None


class Crossref:
    """Reference lists and retraction notices (https://api.crossref.org)."""

    def __init__(self, *, base_url: str = CROSSREF_URL, email: str | None = None, per_second: float = 5.0, pause_s: float = 1.0) -> None:
        self._http = Polite("Crossref", base_url, per_second=per_second, pause_s=pause_s)
        self._common = {"mailto": email} if email else {}

    def __enter__(self) -> Crossref:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.__exit__()

    def work(self, doi: str) -> dict[str, Any]:
        """One work by DOI."""
        document = _json("Crossref", self._http.get(f"works/{quote(doi, safe='/')}", self._common))
        message = document.get("message")
        if not isinstance(message, dict):
            raise ServiceError("Crossref", "answered without a work", remedy="check the DOI")
        return message

    def backward(self, work: dict[str, Any]) -> tuple[list[Record], int]:
        """Cited works that carry a DOI or a title, and how many references carry neither."""
        found, unnamed = [], 0
        for item in mappings(work.get("reference")):
            title = text(item.get("article-title")) or text(item.get("volume-title")) or ""
            doi = clean_doi(text(item.get("DOI")))
            if not title and not doi:
                unnamed += 1
                continue
            author = text(item.get("author"))
            found.append(
                Record(
                    title=title,
                    source="crossref",
                    authors=(author,) if author else (),
                    year=find_year(text(item.get("year"))),
                    journal=text(item.get("journal-title")),
                    volume=text(item.get("volume")),
                    pages=text(item.get("first-page")),
                    doi=doi,
                )
            )
        return found, unnamed

    @staticmethod
    def retraction(work: dict[str, Any]) -> str | None:
        """Why Crossref holds the work for retracted (``update-to``/``updated-by`` of a retraction), or None."""
        for update in mappings(work.get("updated-by")):
            if (text(update.get("type")) or "").lower() in ("retraction", "withdrawal", "removal"):
                return f"Crossref: {update['type']} by {update.get('DOI')}"
        if any(title.upper().startswith("RETRACTED") for title in texts(work.get("title"))):
            return "Crossref: the title says that it is retracted"
        return None


def _json(service: str, answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except ValueError as error:
        raise ServiceError(service, "answered with malformed JSON", remedy="try again later; nothing was stored") from error
    if not isinstance(document, dict):
        raise ServiceError(service, "answered with something else than a result", remedy="try again later")
    return document

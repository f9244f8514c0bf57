"""A local HTTP server that answers in the shapes of E-utilities, ClinicalTrials.gov, OpenAlex and Crossref.

It keeps its own small database, counts what it is asked, and can be told to fail at a given request.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ARTICLE = """<PubmedArticle><MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="1">{pmid}</PMID><Article>
<Journal><JournalIssue><Volume>1</Volume><PubDate><Year>2020</Year></PubDate></JournalIssue>
<Title>Invented Journal</Title></Journal>
<ArticleTitle>Invented paper number {pmid}</ArticleTitle><Pagination><MedlinePgn>{pmid}-9</MedlinePgn></Pagination>
<AuthorList><Author><LastName>Author</LastName><Initials>A</Initials></Author></AuthorList><Language>eng</Language>
<PublicationTypeList><PublicationType>Journal Article</PublicationType></PublicationTypeList></Article></MedlineCitation>
<PubmedData><ArticleIdList><ArticleId IdType="pubmed">{pmid}</ArticleId></ArticleIdList></PubmedData></PubmedArticle>"""
HEAD = (
    '<?xml version="1.0" ?>\n<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2025//EN" '
    '"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">\n<PubmedArticleSet>'
)
HTML = b"<!DOCTYPE html><html><head><title>Service unavailable</title></head><body>come back later</body></html>"


class FakeServices:
    """State of the server: PMIDs by entry date, studies, works; ``fault`` decides what happens to a request."""

    def __init__(self) -> None:
        self.pubmed: dict[str, str] = {str(70_000_000 + i): f"2020/{1 + i % 12:02d}/{1 + i % 28:02d}" for i in range(25)}
        self.matches: Callable[[str, str], bool] = lambda term, pmid: True
        self.cap = 10_000
        self.hidden: set[str] = set()
        self.not_found: list[str] = []
        self.studies: list[dict[str, Any]] = []
        self.works: dict[str, dict[str, Any]] = {}
        self.crossref: dict[str, dict[str, Any]] = {}
        self.fault: Callable[[int, str], bytes | int | str | None] = lambda number, path: None
        self.requests: list[tuple[float, str, dict[str, str]]] = []
        self.dead_tokens: set[str] = set()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._serve(urlsplit(self.path).query)

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

            def _serve(self, query: str) -> None:
                path = unquote(urlsplit(self.path).path)
                params = {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}
                with outer._lock:
                    outer.requests.append((time.monotonic(), path, params))
                    number = len(outer.requests)
                fault = outer.fault(number, path)
                if fault == "drop":
                    self.close_connection = True
                    self.connection.close()
                    return
                if isinstance(fault, int):
                    self._send(fault, b"busy", "text/plain", {"Retry-After": "0"} if fault == 429 else {})
                    return
                if isinstance(fault, bytes):
                    self._send(200, fault, "text/html" if fault.startswith(b"<!DOCTYPE html") else "application/json", {})
                    return
                status, body, kind = outer.answer(path, params)
                self._send(status, body, kind, {})

            def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, params: dict[str, str]) -> tuple[int, bytes, str]:
        if path.endswith("esearch.fcgi"):
            return self._esearch(params)
        if path.endswith("efetch.fcgi"):
            wanted = [pmid for pmid in params["id"].split(",") if pmid in self.pubmed and pmid not in self.hidden]
            body = HEAD + "".join(ARTICLE.format(pmid=pmid) for pmid in wanted) + "</PubmedArticleSet>"
            return 200, body.encode(), "text/xml; charset=UTF-8"
        if path.endswith("/studies"):
            return self._studies(params)
        if "/studies/" in path:
            nct = path.rsplit("/", 1)[-1]
            found = [s for s in self.studies if s["protocolSection"]["identificationModule"]["nctId"] == nct]
            return (200, json.dumps(found[-1]).encode(), "application/json") if found else (404, b"not found", "text/plain")
        if path.startswith("/oa/works/"):
            work = self.works.get(path.removeprefix("/oa/works/"))
            return (200, json.dumps(work).encode(), "application/json") if work else (404, b"{}", "application/json")
        if path == "/oa/works":
            return self._openalex(params)
        if path.startswith("/cr/works/"):
            message = self.crossref.get(path.removeprefix("/cr/works/"))
            body = json.dumps({"status": "ok", "message-type": "work", "message": message}).encode()
            return (200, body, "application/json") if message else (404, b"Resource not found.", "text/plain")
        return 404, b"not found", "text/plain"

    def _esearch(self, params: dict[str, str]) -> tuple[int, bytes, str]:
        low, high = params["mindate"], params["maxdate"]
        found = [p for p, day in self.pubmed.items() if low <= day <= high and self.matches(params["term"], p)]
        shown = found[: min(int(params["retmax"]), self.cap)]
        result = {
            "header": {"type": "esearch", "version": "0.3"},
            "esearchresult": {
                "count": str(len(found)),
                "retmax": str(len(shown)),
                "retstart": "0",
                "idlist": shown,
                "translationset": [],
                "warninglist": {"phrasesignored": [], "quotedphrasesnotfound": self.not_found, "outputmessages": []},
                "querytranslation": f"translated: {params['term']}",
            },
        }
        return 200, json.dumps(result).encode(), "application/json"

    def _studies(self, params: dict[str, str]) -> tuple[int, bytes, str]:
        token = params.get("pageToken")
        if token in self.dead_tokens:
            return 400, b"invalid page token", "text/plain"
        start = int(token.removeprefix("page-")) if token else 0
        size = int(params["pageSize"])
        page = {"studies": self.studies[start : start + size]}
        if not token:
            page["totalCount"] = len(self.studies)  # type: ignore[assignment]
        if start + size < len(self.studies):
            page["nextPageToken"] = f"page-{start + size}"  # type: ignore[assignment]
        return 200, json.dumps(page).encode(), "application/json"

    def _openalex(self, params: dict[str, str]) -> tuple[int, bytes, str]:
        kind, _, value = params["filter"].partition(":")
        unique = {work["id"]: work for work in self.works.values()}
        if kind == "cites":
            found = [w for w in unique.values() if f"https://openalex.org/{value}" in w.get("referenced_works", [])]
        else:
            found = [w for w in unique.values() if w["id"].rsplit("/", 1)[-1] in value.split("|")]
        start = 0 if params["cursor"] == "*" else int(params["cursor"])
        page = found[start : start + 2]
        following = str(start + 2) if start + 2 < len(found) else None
        document = {"meta": {"count": len(found), "next_cursor": following}, "results": page}
        return 200, json.dumps(document).encode(), "application/json"

"""Searches against a local server that answers in the real shapes and fails on demand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evidence_server import HTML, FakeServices

from neorlt.core.errors import InputError
from neorlt.evidence.chase import chase
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.search.citations import Crossref, OpenAlex
from neorlt.evidence.search.ctgov import ClinicalTrials, search_ctgov
from neorlt.evidence.search.http import ServiceError
from neorlt.evidence.search.pubmed import PubMed, search_pubmed
from neorlt.evidence.search.query import compare, readings, tokens
from neorlt.evidence.update import search, update

DATA = Path(__file__).parents[1] / "data" / "evidence"
PRINTED = '"neoadjuvant" OR "preoperative" AND "radioligand therapy" OR "Peptide Receptor Radionuclide Therapy"'


@pytest.fixture
def server() -> Iterator[FakeServices]:
    fake = FakeServices()
    yield fake
    fake.close()


@pytest.fixture
def review(tmp_path: Path) -> Iterator[ReviewFolder]:
    with ReviewFolder.create(tmp_path / "review") as folder:
        yield folder


def _pubmed(server: FakeServices, **more: Any) -> PubMed:
    return PubMed(**({"base_url": server.url, "per_second": 1000, "batch": 4, "pause_s": 0.001} | more))


def _run(review: ReviewFolder, client: PubMed, **more: str) -> dict[str, Any]:
    return search_pubmed(review, client, "prrt", **({"date_from": "2020-01-01", "date_to": "2020-12-31"} | more))


def _study(number: int) -> dict[str, Any]:
    study = json.loads((DATA / "nct_v1.json").read_text())
    study["protocolSection"]["identificationModule"]["nctId"] = f"NCT9{number:07d}"
    return study


def test_a_search_stores_raw_pages_the_time_and_the_translation(server: FakeServices, review: ReviewFolder) -> None:
    found = _run(review, _pubmed(server))
    assert (found["total"], found["records"], found["pages"], found["missing"]) == (25, 25, 7, [])
    assert found["query_translation"] == "translated: prrt"
    assert found["finished"]
    rows = review.store.connection.execute("SELECT fetched, url, sha256, body FROM page ORDER BY number").fetchall()
    assert len(rows) == 7
    assert all(b"PubmedArticleSet" in row[3] for row in rows)


FAULTS = [("drop", request) for request in range(1, 9)]
FAULTS += [(fault, 3 + 4 * late) for fault in (500, 429, HTML, b'{"truncated": ', b"<PubmedArticleSet><Pub") for late in (0, 1)]


@pytest.mark.parametrize(("fault", "broken"), FAULTS)
def test_interrupted_anywhere_it_goes_on_without_loss(
    server: FakeServices, review: ReviewFolder, broken: int, fault: bytes | int | str
) -> None:
    # From request `broken` on, every answer fails: the run stops there, and is run again against a healthy server.
    server.fault = lambda number, path: fault if number >= broken else None
    with pytest.raises((ServiceError, InputError)):
        _run(review, _pubmed(server))
    stored = len(review.records())
    assert stored == max(0, broken - 2) * 4
    server.fault = lambda number, path: None
    server.pubmed["79999999"] = "2020/06/15"  # PubMed grows meanwhile
    found = _run(review, _pubmed(server))
    expected = 26 if broken == 1 else 25
    assert found["records"] == expected == len(review.records())
    assert found["run"] == 1
    numbers = [row[0] for row in review.store.connection.execute("SELECT number FROM page ORDER BY number")]
    assert numbers == list(range(7))


def test_a_busy_server_is_asked_again_and_the_pace_is_kept(server: FakeServices, review: ReviewFolder) -> None:
    server.fault = lambda number, path: {2: 429, 4: 503, 6: "drop"}.get(number)
    started = time.monotonic()
    assert _run(review, _pubmed(server, per_second=50))["records"] == 25
    assert len(server.requests) == 11
    # Ten pauses of a fiftieth: a lower bound that a busy machine cannot break, as it can the gaps seen by the server.
    assert time.monotonic() - started >= 10 / 50


def test_a_refused_query_is_not_asked_again(server: FakeServices, review: ReviewFolder) -> None:
    server.fault = lambda number, path: 400
    with pytest.raises(ServiceError, match="status 400"):
        _run(review, _pubmed(server))
    assert len(server.requests) == 1
    assert review.records() == {}


def test_more_than_the_cap_is_split_by_date(server: FakeServices, review: ReviewFolder) -> None:
    server.cap = 10
    found = _run(review, _pubmed(server, cap=10))
    assert found["total"] == found["records"] == 25
    assert sum(path.endswith("esearch.fcgi") for _, path, _ in server.requests) > 2
    server.pubmed = {str(80_000_000 + i): "2020/05/05" for i in range(11)}
    with pytest.raises(InputError, match="over 10 records entered on one day"):
        _run(review, _pubmed(server, cap=10), date_from="2020-05-01")


def test_records_that_are_listed_and_not_delivered_are_named(server: FakeServices, review: ReviewFolder) -> None:
    server.hidden = {"70000003", "70000010"}
    found = _run(review, _pubmed(server))
    assert found["missing"] == ["70000003", "70000010"]
    assert found["records"] == 23


def test_phrases_that_the_server_leaves_out_are_told(server: FakeServices, review: ReviewFolder) -> None:
    server.not_found = ['"radioligand therapy"']
    assert _run(review, _pubmed(server))["warnings"] == ['quotedphrasesnotfound: "radioligand therapy"']


def test_the_key_is_sent_and_never_stored(server: FakeServices, review: ReviewFolder) -> None:
    _run(review, _pubmed(server, api_key="topsecret"))
    assert all(params.get("api_key") == "topsecret" for _, _, params in server.requests)
    review.store.connection.execute("VACUUM")
    assert b"topsecret" not in (review.folder / "review.sqlite").read_bytes()


def test_registry_pages_go_on_past_a_dead_token(server: FakeServices, review: ReviewFolder) -> None:
    server.studies = [_study(i) for i in range(11)]
    client = ClinicalTrials(base_url=server.url, per_second=1000, page_size=3, pause_s=0.001)
    server.fault = lambda number, path: 500 if number > 2 else None
    with pytest.raises(ServiceError):
        search_ctgov(review, client, "prrt")
    assert len(review.records()) == 6
    server.fault, server.dead_tokens = lambda number, path: None, {"page-6"}
    # The token died meanwhile: the listing starts over, and must not run into the same token for ever.
    server.requests.clear()
    healed = {"count": 0}

    def heal(number: int, path: str) -> None:
        healed["count"] += 1
        if healed["count"] == 2:
            server.dead_tokens = set()

    server.fault = heal
    found = search_ctgov(review, client, "prrt")
    assert found["records"] == 11 == len(review.records())
    assert found["total"] == 11


def test_registry_errors_are_named(server: FakeServices, review: ReviewFolder) -> None:
    client = ClinicalTrials(base_url=server.url, per_second=1000, pause_s=0.001)
    for body, match in ((HTML, "HTML page"), (b'{"message": "?"}', "without a list"), (b"[1", "malformed")):
        server.fault = lambda number, path, body=body: body
        with pytest.raises(ServiceError, match=match):
            search_ctgov(review, client, "prrt")
    assert review.records() == {}


def test_readings_of_the_printed_query() -> None:
    found = readings(PRINTED)
    assert found == {
        "grouped": '("neoadjuvant" OR "preoperative") AND ("radioligand therapy" OR "Peptide Receptor Radionuclide Therapy")',
        "and-first": '"neoadjuvant" OR ("preoperative" AND "radioligand therapy") OR "Peptide Receptor Radionuclide Therapy"',
        "left-to-right": '(("neoadjuvant" OR "preoperative") AND "radioligand therapy") OR "Peptide Receptor Radionuclide Therapy"',
    }
    assert readings("a OR b OR c") == {"grouped": "a OR b OR c"}
    with_and = readings("a AND b OR c")
    assert with_and == {"grouped": "a AND (b OR c)", "and-first": "(a AND b) OR c"}  # left-to-right says the same as AND-first
    assert tokens("“neoadjuvant” OR x y AND z") == ['"neoadjuvant"', "OR", "x y", "AND", "z"]
    for bad in ("(a OR b) AND c", "a OR", "AND b"):
        with pytest.raises(InputError):
            readings(bad)


def test_both_readings_are_run_and_compared(server: FakeServices, review: ReviewFolder) -> None:
    def matches(term: str, pmid: str) -> bool:
        number = int(pmid) % 100
        neo, prrt = number < 10, 5 <= number
        return neo and prrt if term.startswith('(("neoadjuvant" OR "preoperative") AND (') else neo or prrt

    server.matches = matches
    found = search(review, pubmed=_pubmed(server), ctgov=None)
    runs = {run["reading"]: run for run in found["runs"]}
    assert runs["grouped"]["total"] == 5
    assert runs["and-first"]["total"] == 25
    assert found["readings"]["found"]["grouped"] == 5
    assert found["readings"]["in_any"] == 25
    assert found["readings"]["in_all"] == 5
    assert found["readings"]["only_in"]["grouped"] == []
    assert all("eng[la]" in run["query"] for run in found["runs"])
    assert compare({}) == {"found": {}, "in_any": 0, "in_all": 0, "only_in": {}}
    with pytest.raises(InputError, match="no such reading"):
        search(review, pubmed=_pubmed(server), ctgov=None, reading="sideways")


def _work(number: int, cites: tuple[int, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "id": f"https://openalex.org/W{number}",
        "doi": f"https://doi.org/10.5555/w{number}",
        "ids": {"openalex": f"https://openalex.org/W{number}", "pmid": f"https://pubmed.ncbi.nlm.nih.gov/{number}"},
        "display_name": f"Invented work {number}",
        "publication_year": 2015,
        "authorships": [{"author": {"display_name": "Ann Author"}}],
        "primary_location": {"source": {"display_name": "Invented Journal"}},
        "biblio": {"volume": "3", "first_page": str(number), "last_page": None},
        "abstract_inverted_index": {"words": [1], "Some": [0]},
        "referenced_works": [f"https://openalex.org/W{other}" for other in cites],
        "is_retracted": False,
        **more,
    }


def test_chasing_runs_both_ways_and_names_what_fails(server: FakeServices, review: ReviewFolder) -> None:
    from neorlt.evidence.records import Record

    works = [_work(1, (2, 3, 4)), _work(2), _work(3), _work(4), _work(5, (1,)), _work(6, (1,)), _work(7, (1,), is_retracted=True)]
    server.works = {work["doi"].removeprefix("https://doi.org/").join(("doi:", "")): work for work in works}
    server.crossref = {
        "10.5555/w1": {
            "title": ["Invented work 1"],
            "reference": [
                {"DOI": "10.5555/w2"},
                {"article-title": "Only a title", "author": "Kim", "year": "2001"},
                {"key": "x"},
            ],
            "updated-by": [{"type": "retraction", "DOI": "10.5555/notice"}],
        }
    }
    review.add_records(
        [Record(title="Invented work 1", source="x", doi="10.5555/w1"), Record(title="Lost", source="x", doi="10.5555/lost")],
        "pubmed",
    )
    for key in list(review.records()):
        review.decide(key, "include", who="first", why="fits")
    openalex = OpenAlex(base_url=f"{server.url}/oa", per_second=1000, pause_s=0.001)
    crossref = Crossref(base_url=f"{server.url}/cr", per_second=1000, pause_s=0.001)
    found = chase(review, openalex=openalex, crossref=crossref)
    assert (found["backward"], found["forward"], found["unnamed"]) == (3, 3, 1)
    assert found["new"] == 7
    assert list(found["failed"]) == ["doi:10.5555/lost"]
    assert found["retracted"] == {"doi:10.5555/w1": "Crossref: retraction by 10.5555/notice"}
    assert review.require("pmid:2").abstract == "Some words"
    assert "pmid:7" in {event["subject"] for event in review.store.events("retracted")}
    assert review.found_by()["pmid:2"] == ["citations"]


def test_an_update_shows_what_is_new_and_keeps_decisions(server: FakeServices, review: ReviewFolder) -> None:
    v1, v2 = (json.loads((DATA / f"nct_v{i}.json").read_text()) for i in (1, 2))
    server.studies = [v1]
    ctgov = ClinicalTrials(base_url=server.url, per_second=1000, pause_s=0.001)
    first = update(review, pubmed=_pubmed(server), ctgov=ctgov, today="2022-04-30")
    assert len(first["new"]) == 26
    assert first["since"] is None
    assert first["moved"] == []
    key = "pmid:70000001"
    review.decide(key, "include", who="first", why="fits")
    review.extract(key, "n_total", 40, who="first", where="p. 1", how="fulltext")
    review.extract(key, "n_operated", 38, who="first", where="p. 1", how="fulltext")
    review.extract(key, "cohort", "invented centre", who="first", where="methods", how="fulltext")
    server.studies = [v2]
    server.pubmed["79999999"] = "2023/02/02"
    second = update(review, pubmed=_pubmed(server), ctgov=ctgov, today="2023-12-31")
    assert [entry["id"] for entry in second["new"]] == ["pmid:79999999"]
    assert second["since"]
    assert review.outcome() == {key: "include"}
    assert second["registry"][0]["nct"] == "NCT04385992"
    assert second["registry"][0]["changes"][0]["weight"] == "endpoint"
    assert "surgery" in second["moved"]
    assert second["conclusions"]["surgery"]["after"]["k"] == 5
    assert second["conclusions"]["r0"]["moved"] is False
    third = update(review, pubmed=None, ctgov=None, today="2024-01-01")
    assert third["new"] == []
    assert third["moved"] == []

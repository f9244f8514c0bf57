"""Screening and extraction in the browser: decisions are events, blinding holds, two browsers lose no write."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evidence"))

from evidence_corpus import distinct

from neorlt.evidence.records import Record
from neorlt.evidence.review import ReviewFolder
from neorlt.web import evidence_review
from neorlt.web.app import create_app
from neorlt.web.evidence_review import marked
from neorlt.web.settings import Settings

from .conftest import Browser


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The order is learned by a process of its own; here works come in the order of their import.
    monkeypatch.setattr(evidence_review.Order, "_learn", lambda self, stage, decisions: self._running.discard(stage))
    with ReviewFolder.create(tmp_path / "review") as review:
        paper = Record(title="Neoadjuvant <b>therapy</b>", source="pubmed", pmid="1", abstract="A neoadjuvant series.")
        review.add_records([paper], "pubmed")
        review.add_records(distinct(30, 2), "pubmed")
    return tmp_path / "review"


@pytest.fixture
def browser(tmp_path: Path, folder: Path) -> Browser:
    return Browser(create_app(Settings(tmp_path / "root", review=folder))).open()


def _decide(browser: Browser, who: str, work: str, verdict: str, why: str = "", **more: str) -> str:
    data = {"work": work, "verdict": verdict, "why": why, **more}
    answer = browser.client.post(f"/review/{who}/decide", data=data, headers=browser.headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_page_leads_from_a_name_to_the_first_work_and_on(browser: Browser, folder: Path) -> None:
    assert 'href="/review"' in browser.client.get("/").text
    assert "first" in browser.client.get("/review").text
    text = browser.client.get("/review/first").text
    assert "31 of 31 left to first" in text
    assert "<mark>Neoadjuvant</mark> &lt;b&gt;" in text
    assert 'data-key="1"' in text
    text = _decide(browser, "first", "pmid:1", "include")
    assert "30 of 31 left to first" in text
    with ReviewFolder(folder) as review:
        assert review.outcome() == {"pmid:1": "include"}
        assert review.store.events("screen")[0]["who"] == "first"
    assert "without a reason" not in _decide(browser, "first", list_works(folder)[2], "exclude", "letter")


def list_works(folder: Path) -> list[str]:
    with ReviewFolder(folder) as review:
        return list(review.works().members)


def test_nobody_decides_under_a_name_that_the_protocol_does_not_know(browser: Browser, folder: Path) -> None:
    assert browser.client.get("/review/stranger").status_code == 404
    data = {"work": "pmid:1", "verdict": "include"}
    assert browser.client.post("/review/stranger/decide", data=data, headers=browser.headers).status_code == 404
    assert browser.client.post("/review/first/decide", data=data).status_code == 403  # no form token
    assert "not a reviewer" in _decide(browser, "third", "pmid:1", "include")
    with ReviewFolder(folder) as review:
        assert review.store.events("screen") == []


def test_a_conflict_is_settled_by_an_arbiter(browser: Browser, folder: Path) -> None:
    _decide(browser, "first", "pmid:1", "include")
    _decide(browser, "second", "pmid:1", "exclude", "letter")
    text = browser.client.get("/review/third", params={"work": "pmid:1"}).text
    assert "first: include." in text
    assert "settle the conflict" in text
    _decide(browser, "third", "pmid:1", "include", "an original article", settle="true")
    with ReviewFolder(folder) as review:
        assert review.conflicts() == []
        assert review.outcome() == {"pmid:1": "include"}


def test_blind_reviewers_see_the_others_after_their_own_verdict(browser: Browser, folder: Path) -> None:
    path = folder / "protocol.toml"
    path.write_text(path.read_text().replace("blind = false", "blind = true"))
    _decide(browser, "first", "pmid:1", "exclude", "letter")
    assert "first: exclude" not in browser.client.get("/review/second", params={"work": "pmid:1"}).text
    _decide(browser, "second", "pmid:1", "include")
    assert "first: exclude" in browser.client.get("/review/second", params={"work": "pmid:1"}).text


def test_cells_are_extracted_beside_the_abstract_and_checked(browser: Browser, folder: Path) -> None:
    def extract(who: str, field: str, value: str, **more: str) -> str:
        data = {"work": "pmid:1", "field": field, "value": value, "where": "table 1", "how": "fulltext", **more}
        return str(browser.client.post(f"/review/{who}/extract", data=data, headers=browser.headers).text)

    assert "table 1" in extract("first", "n_total", "5")
    assert "n_operated is larger than n_total" in extract("first", "n_operated", "9")
    assert "Read differently: n_total" in extract("second", "n_total", "6")
    assert "stands:" not in browser.client.get("/review/first", params={"work": "pmid:1"}).text
    text = extract("third", "n_total", "6", consensus="one was missed")
    assert "<td>stands: third</td><td>6</td>" in text
    assert "several values" in extract("first", "toxicity", "none")
    with ReviewFolder(folder) as review:
        assert review.cells("pmid:1")["n_total"]["value"] == 6
        assert "n_operated" not in review.cells("pmid:1")


def test_two_browsers_at_once_lose_no_write(tmp_path: Path, folder: Path) -> None:
    app = create_app(Settings(tmp_path / "root", review=folder))
    works = list_works(folder)
    browsers = {who: Browser(app).open() for who in ("first", "second")}

    def screen(who: str) -> None:
        for work in works:
            _decide(browsers[who], who, work, "include" if who == "first" else "exclude", "letter")

    threads = [threading.Thread(target=screen, args=(who,)) for who in browsers]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with ReviewFolder(folder) as review:
        review.store.verify_history()
        assert len(review.store.events("screen")) == 2 * len(works)
        assert len(review.conflicts()) == len(works)


def test_a_thousand_works_without_lag(tmp_path: Path, folder: Path) -> None:
    with ReviewFolder(folder) as review:
        review.add_records(distinct(1000, 5), "pubmed")
    browser = Browser(create_app(Settings(tmp_path / "root", review=folder))).open()
    works = list_works(folder)
    assert len(works) > 1000
    started = time.process_time()
    for work in works[:5]:
        _decide(browser, "first", work, "include")
    # Processor time of a decision with the next work drawn, so that a busy machine does not fail the test.
    assert (time.process_time() - started) / 5 < 0.5


def test_no_review_no_pages(tmp_path: Path) -> None:
    browser = Browser(create_app(Settings(tmp_path / "root"))).open()
    assert browser.client.get("/review").status_code == 404
    assert 'href="/review"' not in browser.client.get("/").text


def test_keywords_are_marked_and_text_is_escaped() -> None:
    assert marked("PRRT & <i>prrt</i>", ("prrt",)) == "<mark>PRRT</mark> &amp; &lt;i&gt;<mark>prrt</mark>&lt;/i&gt;"
    assert marked("a < b", ()) == "a &lt; b"


def test_what_is_stored_as_a_reason_is_what_was_done(browser: Browser, folder: Path) -> None:
    _decide(browser, "first", "pmid:1", "include")
    _decide(browser, "first", "pmid:1", "include", stage="fulltext")
    assert "without a reason" in _decide(browser, "second", "pmid:1", "exclude")
    with ReviewFolder(folder) as review:
        assert [event["why"] for event in review.store.events("screen")] == ["by title and abstract", "by the full text"]


def test_a_report_that_was_not_retrieved_is_said_on_the_page(browser: Browser, folder: Path) -> None:
    _decide(browser, "first", "pmid:1", "include")
    assert "Not retrieved" not in browser.client.get("/review/first", params={"work": "pmid:1"}).text
    assert "Not retrieved" in browser.client.get("/review/first", params={"work": "pmid:1", "stage": "fulltext"}).text
    assert "needs a reason" in _decide(browser, "first", "pmid:1", "not-retrieved", stage="fulltext")
    _decide(browser, "first", "pmid:1", "not-retrieved", "asked the library and the author", stage="fulltext")
    with ReviewFolder(folder) as review:
        assert review.not_found_reports() == {"pmid:1"}


def test_a_reviewer_settles_a_conflict_by_an_exclusion_too(browser: Browser) -> None:
    _decide(browser, "first", "pmid:1", "include")
    _decide(browser, "second", "pmid:1", "exclude", "letter")
    text = browser.client.get("/review/first", params={"work": "pmid:1"}).text
    assert 'id="settle"' in text
    assert text.count('hx-include="#settle"') == text.count('value="exclude"')

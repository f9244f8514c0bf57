"""A review keeps every decision: against re-imports, against a killed process, against hands that edit the file."""

from __future__ import annotations

import csv
import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from evidence_corpus import distinct

from neorlt.core.errors import InputError
from neorlt.evidence.records import Record
from neorlt.evidence.review import ReviewFolder, read_protocol
from neorlt.evidence.review.exchange import export_asreview, export_rayyan, import_decisions
from neorlt.evidence.review.report import folder_table, included, review_flow, status


@pytest.fixture
def review(tmp_path: Path) -> ReviewFolder:
    folder = ReviewFolder.create(tmp_path / "review")
    folder.add_records(distinct(12, 1), "pubmed")
    return folder


def test_a_new_folder_holds_one_database_and_one_protocol(tmp_path: Path) -> None:
    with ReviewFolder.create(tmp_path / "review"):
        pass
    assert sorted(path.name for path in (tmp_path / "review").iterdir()) == ["protocol.toml", "review.sqlite"]
    assert read_protocol(tmp_path / "review").date_to == "2022-04-30"
    with pytest.raises(InputError, match="not empty"):
        ReviewFolder.create(tmp_path / "review")


def test_two_reviewers_conflict_and_resolution(review: ReviewFolder) -> None:
    a, b, c = list(review.records())[:3]
    for key, first, second in ((a, "include", "include"), (b, "include", "exclude"), (c, "exclude", "exclude")):
        review.decide(key, first, who="first", why="fits")
        review.decide(key, second, who="second", why="letter")
    assert review.conflicts() == [b]
    assert review.outcome()[b] == "conflict"
    state = status(review)["screening"]["title"]
    assert state["agreement"]["n"] == 3
    assert state["agreement"]["kappa"] == pytest.approx(0.4)
    with pytest.raises(InputError, match="no conflict"):
        review.resolve(a, "include", who="third", why="sure")
    review.resolve(b, "exclude", who="third", why="letter after all")
    assert review.conflicts() == []
    assert review.outcome()[b] == "exclude"
    review.decide(b, "include", who="first", why="looked again")
    assert review.conflicts() == [b]  # a later decision reopens what was settled
    assert len(review.store.events("screen")) == 7  # every earlier word is still there
    assert included(review) == [a]


@pytest.mark.parametrize(
    ("verdict", "who", "why", "match"),
    [
        ("exclude", "first", " ", "without a reason"),
        ("include", "stranger", "x", "not a reviewer"),
        ("maybe", "first", "x", "unknown stage or verdict"),
    ],
)
def test_bad_decisions_are_refused(review: ReviewFolder, verdict: str, who: str, why: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        review.decide(next(iter(review.records())), verdict, who=who, why=why)


def test_history_cannot_be_changed_and_edits_show(review: ReviewFolder) -> None:
    key = next(iter(review.records()))
    review.decide(key, "include", who="first", why="fits")
    connection = review.store.connection
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE event SET why = 'other'")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("DELETE FROM event")
    review.store.verify_history()
    connection.execute("DROP TRIGGER event_no_update")
    connection.execute("UPDATE event SET payload = replace(payload, 'include', 'exclude') WHERE kind = 'screen'")
    with pytest.raises(InputError, match="history was altered"):
        status(review)


def test_a_reimport_keeps_decisions_and_fills_gaps(review: ReviewFolder) -> None:
    key, record = next(iter(review.records().items()))
    review.decide(key, "include", who="first", why="fits")
    before = review.store.events()
    again = [replace(r, source="ris", pmid=None, language="eng", abstract=None) for r in distinct(12, 1)]
    assert review.add_records(again, "ris") == {"read": 12, "new": 0, "known": 12, "retracted": 0, "versions": 0}
    assert review.outcome() == {key: "include"}
    assert review.store.events()[: len(before)] == before
    merged = review.require(key)
    assert merged.language == "eng"
    assert merged.abstract == record.abstract
    assert merged.pmid == record.pmid


def test_records_without_identifiers_keep_their_id(review: ReviewFolder) -> None:
    plain = Record(title="No number at all", source="csv", authors=("Kim J",), year=2011)
    assert review.add_records([plain], "csv")["new"] == 1
    assert review.add_records([replace(plain, title="No Number at all ")], "csv")["new"] == 0


def test_a_retracted_paper_is_blocked_with_the_reason(review: ReviewFolder) -> None:
    paper = Record(title="A pooled analysis", source="pubmed", pmcid="PMC11970540")
    assert review.add_records([paper], "pubmed")["retracted"] == 1
    with pytest.raises(InputError, match="retracted.*PMC11970540"):
        review.decide("pmcid:PMC11970540", "include", who="first", why="large")
    with pytest.raises(InputError, match="retracted"):
        review.extract("pmcid:PMC11970540", "n_total", 5, who="first", where="p. 1", how="fulltext")
    review.decide("pmcid:PMC11970540", "exclude", who="first", why="retracted")
    assert status(review)["retracted"] == ["pmcid:PMC11970540"]


def test_a_later_retraction_takes_an_included_paper_out(review: ReviewFolder) -> None:
    key, record = next(iter(review.records().items()))
    review.decide(key, "include", who="first", why="fits")
    assert included(review) == [key]
    review.add_records([replace(record, retracted=True)], "pubmed")
    assert included(review) == []


def test_extraction_feeds_the_table_with_its_source(review: ReviewFolder) -> None:
    key = next(iter(review.records()))
    with pytest.raises(InputError, match="no such field"):
        review.extract(key, "shoe_size", 42, who="first", where="p. 2", how="fulltext")
    with pytest.raises(InputError, match="without a source"):
        review.extract(key, "n_total", 42, who="first", where="", how="fulltext")
    review.decide(key, "include", who="first", why="fits")
    review.extract(key, "n_total", 20, who="first", where="table 1", how="fulltext")
    review.extract(key, "n_total", 21, who="second", where="table 1", how="fulltext")
    assert "second reads 21; no consensus yet" in folder_table(review).study(key).conflicts[0]
    review.agree(key, "n_total", 21, who="third", why="one was counted twice", where="table 1", how="fulltext")
    review.extract(key, "n_operated", 7, who="second", where="page 4", how="fulltext")
    study = folder_table(review).study(key)
    assert study.fields == {"n_total": 21, "n_operated": 7}
    assert study.cell("n_operated").sources[0].url == "page 4"
    assert "fulltext, by second" in study.cell("n_operated").how


def test_the_flow_adds_up(review: ReviewFolder) -> None:
    keys = list(review.records())
    review.add_records([replace(r, source="ris", pmid=None) for r in distinct(12, 1)[:5]], "ris")
    for key in keys[:8]:
        review.decide(key, "exclude", who="first", why="letter")
    review.decide(keys[8], "include", who="first", why="fits")
    review.decide(keys[8], "include", who="first", why="fits", stage="fulltext")
    numbers = review_flow(review).numbers
    assert numbers["database_results"] == 17
    assert numbers["duplicates"] == 5
    assert numbers["records_screened"] == 9
    assert numbers["records_excluded"] == 8
    assert numbers["new_studies"] == 1
    assert review_flow(review).pending == 3
    assert len(numbers) == 24


def test_asreview_and_rayyan_round_trips(review: ReviewFolder) -> None:
    keys = list(review.records())
    rows = list(csv.DictReader(io.StringIO(export_asreview(review))))
    assert [row["neorlt_id"] for row in rows] == keys
    assert {row["included"] for row in rows} == {""}
    rows[0]["included"], rows[1]["included"] = "1", "0"
    stream = io.StringIO()
    writer = csv.DictWriter(stream, rows[0])
    writer.writeheader(), writer.writerows(rows)
    taken = import_decisions(review, stream.getvalue().encode(), who="first")
    assert taken == {"format": "asreview", "decisions": 2, "added": 2}
    assert import_decisions(review, stream.getvalue().encode(), who="first")["added"] == 0
    assert review.outcome() == {keys[0]: "include", keys[1]: "exclude"}

    rows = list(csv.DictReader(io.StringIO(export_rayyan(review))))
    rows[2]["notes"] += ' | RAYYAN-INCLUSION: {"first"=>"Included", "second"=>"Excluded"} | RAYYAN-EXCLUSION-REASONS: letter'
    rows[2]["key"] = "renumbered"
    stream = io.StringIO()
    writer = csv.DictWriter(stream, rows[0])
    writer.writeheader(), writer.writerows(rows)
    assert import_decisions(review, stream.getvalue().encode(), who="first")["added"] == 2
    assert review.conflicts() == [keys[2]]
    with pytest.raises(InputError, match="neither"):
        import_decisions(review, b"a,b\n1,2\n", who="first")
    bad = stream.getvalue().replace("NEORLT-ID: " + keys[2], "NEORLT-ID: pmid:1").replace("Included", "Excluded")
    events = len(review.store.events())
    with pytest.raises(InputError, match="no such record"):
        import_decisions(review, bad.encode(), who="first")
    assert len(review.store.events()) == events


WRITER = """
import sys
from pathlib import Path
from neorlt.evidence.review import ReviewFolder
review = ReviewFolder(Path(sys.argv[1]))
keys = list(review.records())
for number in range(100000):
    event = review.decide(keys[number % len(keys)], ("include", "exclude")[number % 2], who="first", why=f"round {number}")
    print(event, flush=True)
"""


def test_a_decision_survives_kill_9(review: ReviewFolder) -> None:
    folder = review.folder
    review.store.connection.close()
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(25)]
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout.read().splitlines() if line.strip()]
    process.wait(), process.stdout.close()
    with ReviewFolder(folder) as again:
        stored = {event["id"] for event in again.store.events("screen")}
        assert set(acknowledged) <= stored
        again.store.verify_history()
        again.decide(next(iter(again.records())), "unsure", who="second", why="still works")

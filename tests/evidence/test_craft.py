"""The craft of a review: amendments, reports not retrieved, other sources, appraisal, writers, a killed process, two reviewers."""

from __future__ import annotations

import csv
import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from evidence_corpus import distinct

from neorlt.core.errors import InputError
from neorlt.evidence.appraisal import folder_judgements
from neorlt.evidence.figures import traffic_svg
from neorlt.evidence.importers import import_bytes
from neorlt.evidence.prisma import KEYS
from neorlt.evidence.records import Record
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.review.report import review_flow, status
from neorlt.evidence.watch import history
from neorlt.jobs.evidence.pool import pool_command
from neorlt.jobs.evidence.review import export_command
from neorlt.jobs.evidence.table import table_command


@pytest.fixture
def review(tmp_path: Path) -> ReviewFolder:
    folder = ReviewFolder.create(tmp_path / "review")
    folder.add_records(distinct(12, 1), "pubmed")
    return folder


def test_amendments_are_dated_and_say_what_changed(review: ReviewFolder) -> None:
    with pytest.raises(InputError, match="needs a changed protocol"):
        review.amend(who="first", why="x")
    path = review.folder / "protocol.toml"
    path.write_text(path.read_text().replace('date_to = "2022-04-30"', 'date_to = "2026-11-28"'))
    with ReviewFolder(review.folder) as again:
        assert status(again)["protocol_changed_since"]
        with pytest.raises(InputError, match="not a reviewer"):
            again.amend(who="nobody", why="x")
        again.amend(who="first", why="the search goes on")
        (entry,) = status(again)["amendments"]
        assert entry["changed"] == ['-date_to = "2022-04-30"', '+date_to = "2026-11-28"']
        assert entry["at"]
        assert not status(again)["protocol_changed_since"]


def test_only_named_people_resolve_and_reports_can_be_lost(review: ReviewFolder) -> None:
    a, b = list(review.records())[:2]
    review.decide(a, "include", who="first", why="fits")
    review.decide(a, "exclude", who="second", why="letter")
    with pytest.raises(InputError, match="not a reviewer"):
        review.resolve(a, "include", who="passer-by", why="sure")
    review.resolve(a, "include", who="third", why="fits")
    review.decide(b, "include", who="first", why="fits")
    review.not_retrieved(b, who="first", why="asked the library and the author")
    numbers = review_flow(review).numbers
    assert (numbers["dbr_sought_reports"], numbers["dbr_notretrieved_reports"]) == (2, 1)
    review.decide(b, "include", who="first", why="it came", stage="fulltext")
    assert review_flow(review).numbers["dbr_notretrieved_reports"] == 0


def test_other_sources_are_counted_as_other_ways(review: ReviewFolder) -> None:
    review.add_records([Record(title="From a page", source="csv", doi="10.5555/page")], "website enets.org")
    review.add_records([Record(title="From a society", source="csv", doi="10.5555/society")], "organisation")
    numbers = review_flow(review).numbers
    assert (numbers["database_results"], numbers["website_results"], numbers["organisation_results"]) == (12, 1, 1)


def test_appraisals_become_a_plot_that_reads_without_colour(review: ReviewFolder, tmp_path: Path) -> None:
    key = next(iter(review.records()))
    review.decide(key, "include", who="first", why="fits")
    review.extract(key, "cohort", "own", who="first", where="methods", how="fulltext")
    for item, judgement in (("1", "yes"), ("2", "no"), ("3", "unclear")):
        review.appraise(key, "jbi", item, judgement, who="first", why="as printed")
    review.appraise(key, "jbi", "2", "yes", who="second", why="looked again")
    with pytest.raises(InputError, match="without a reason"):
        review.appraise(key, "jbi", "4", "yes", who="first", why=" ")
    made = {(item.study, item.item): item.judgement for item in folder_judgements(review.appraisals())}
    assert made == {(key, "1"): "yes", (key, "2"): "unclear", (key, "3"): "unclear"}
    svg = traffic_svg(folder_judgements(review.appraisals()), "jbi", {key: "Invented 2019"}, "Risk of bias")
    root = ElementTree.fromstring(svg)
    texts = [node.text for node in root.iter() if node.tag.endswith("text")]
    assert "Invented 2019" in texts
    assert texts.count("+") == 1
    files = table_command(review.folder, out=tmp_path / "out")["files"]
    assert {"bias-jbi.svg", "bias-robins-i.svg", "prisma.csv", "claims.csv"} <= set(files)
    assert "Invented" not in (tmp_path / "out" / "bias-robins-i.svg").read_text()


def test_what_is_written_for_others_comes_back_as_the_same_works(review: ReviewFolder, tmp_path: Path) -> None:
    review.add_records([Record(title="Registered & running", source="clinicaltrials.gov", nct="NCT90000009")], "clinicaltrials.gov")
    before = set(review.works().members)
    for kind in ("ris", "bibtex"):
        out = tmp_path / f"review.{kind}"
        export_command(review.folder, kind, out)
        _, records = import_bytes(out.read_bytes())
        assert len(records) == 13
        review.add_records([record for record in records if record.doi or record.pmid or record.is_registry], "again")
        assert set(review.works().members) == before
    export_command(review.folder, "revman", tmp_path / "review.rm5")
    root = ElementTree.parse(tmp_path / "review.rm5").getroot()
    assert len(root.findall(".//STUDY")) == 14
    export_command(review.folder, "prisma", tmp_path / "prisma.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "prisma.csv").read_text())))
    assert [row["data"] for row in rows] == list(KEYS)
    assert next(row["n"] for row in rows if row["data"] == "database_results") == "24"  # found again by another source


WRITER = """
import sys, json
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from evidence_corpus import distinct
from neorlt.evidence.records import Record
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.update import update
review = ReviewFolder(Path(sys.argv[1]))
keys = list(review.records())
mode = sys.argv[2]
for number in range(100000):
    key = keys[number % len(keys)]
    if mode == "import":
        names = [f"{sys.argv[4]}.{number}.{i}" for i in range(20)]
        review.add_records([Record(title=f"New {name}", source="ris", doi=f"10.5555/{name}") for name in names], "ris")
    elif mode == "screen":
        review.decide(key, ("include", "unsure")[number % 2], who="first", why=f"round {number}")
    elif mode == "extract":
        review.extract(key, "n_total", number, who="first", where="table 1", how="fulltext")
    else:
        update(review, pubmed=None, ctgov=None)
    print(review.store.connection.execute("SELECT COALESCE(MAX(id), 0) FROM event").fetchone()[0], flush=True)
"""


KILLED = [("import", 2), ("screen", 2), ("extract", 1), pytest.param("update", 2, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("mode", "rounds"), KILLED)
def test_a_killed_process_loses_nothing(mode: str, rounds: int, review: ReviewFolder) -> None:
    """kill -9 at random moments: whatever was acknowledged is there, imports are whole, the history is unbroken.

    ``NEORLT_KILLS`` sets the number of kills of each kind; 25 of each were run for the release.
    """
    folder, draw = review.folder, random.Random(mode)
    review.store.connection.close()
    here = str(Path(__file__).parent)
    for kill in range(int(os.environ.get("NEORLT_KILLS", rounds))):
        command = [sys.executable, "-c", WRITER, str(folder), mode, here, f"{mode}{kill}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        acknowledged = [process.stdout.readline()]
        time.sleep(draw.uniform(0.0, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.readlines()
        process.wait(), process.stdout.close()
        last = max(int(line) for line in acknowledged if line.endswith("\n"))
        with ReviewFolder(folder) as again:
            again.store.verify_history()
            assert again.store.events()[-1]["id"] >= last
            if mode == "import":
                ids = list(again.works().of)
                counts = [sum(key.startswith(f"doi:10.5555/{mode}{kill}.{n}.") for key in ids) for n in range(len(acknowledged))]
                assert set(counts) <= {0, 20}
                assert counts[: len(acknowledged) - 1] == [20] * (len(acknowledged) - 1)


def test_two_reviewers_at_once_lose_no_write(review: ReviewFolder) -> None:
    code = """
import sys
from pathlib import Path
from neorlt.evidence.review import ReviewFolder
with ReviewFolder(Path(sys.argv[1])) as review:
    for key in review.records():
        review.decide(key, "include" if sys.argv[2] == "first" else "exclude", who=sys.argv[2], why="at once")
"""
    folder = review.folder
    review.store.connection.close()
    processes = [subprocess.Popen([sys.executable, "-c", code, str(folder), who]) for who in ("first", "second")]
    assert [process.wait() for process in processes] == [0, 0]
    with ReviewFolder(folder) as again:
        again.store.verify_history()
        assert len(again.store.events("screen")) == 24
        assert len(again.conflicts()) == 12


def test_rows_of_a_registry_are_versions_too(review: ReviewFolder) -> None:
    def row(endpoint: str, updated: str) -> bytes:
        head = "NCT Number,Study Title,Study Status,Primary Outcome Measures,Enrollment,Start Date,Last Update Posted"
        return f"{head}\nNCT90000009,An invented trial,RECRUITING,{endpoint},30,2020-03,{updated}\n".encode()

    for content, new in ((row("mRECIST", "2020-05-10"), 1), (row("mRECIST", "2020-05-10"), 0), (row("RECIST 1.1", "2023-06-01"), 1)):
        assert review.add_records(import_bytes(content)[1], "clinicaltrials.gov")["versions"] == new
    state = history(review, "NCT90000009")
    assert state["versions"] == ["2020-05-10", "2023-06-01"]
    assert state["endpoint_changed"]
    assert [change["before"] for change in state["steps"][0]["changes"] if change["weight"] == "endpoint"] == ["mRECIST"]
    assert review_flow(review).numbers["register_results"] == 1


def test_hazard_ratios_are_pooled_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ratios.csv"
    path.write_text("study,ratio,low,high\na,0.28,0.18,0.42\nb,0.70,0.45,1.09\nc,0.84,0.60,1.17\n")
    document = pool_command(path)
    assert document["k"] == 3
    assert document["ci95"][0] < document["pooled"] < document["ci95"][1]
    assert "half-normal(0.5)" in document["method_text"]
    path.write_text("study,ratio,low,high\na,0.28,0.18,0.42\nb,0.70,0.45,1.09\n")
    assert "not estimable" in pool_command(path)["reason"]
    path.write_text("study,ratio,low,high\na,0.28,x,0.42\n")
    with pytest.raises(InputError, match="must be numbers"):
        pool_command(path)


def test_what_came_since_the_review_is_weighed() -> None:
    outcomes = table_command()["pooled"]["outcomes"]
    then = outcomes["objective_response"]["without_what_came_since"]
    assert then["k"] == outcomes["objective_response"]["k"] - 1  # NEOLUPANET
    assert "percentage points" in then["why"]

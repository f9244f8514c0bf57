"""The commands: one JSON document on stdout, files whole, figures as SVG."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from neorlt.cli import app
from neorlt.core.errors import InputError
from neorlt.evidence.figures import funnel_svg
from neorlt.evidence.outcomes import OUTCOMES
from neorlt.evidence.pooling import StudyCounts, pool
from neorlt.jobs.evidence.pool import pool_command
from neorlt.jobs.registry import COMMANDS as REGISTERED

DATA = Path(__file__).parents[1] / "data" / "evidence"
COMMANDS = {"search", "import", "dedupe", "screen", "chase", "extract", "appraise", "amend", "export", "table", "pool", "watch", "update"}
COMMANDS |= {"status", "claims", "trials"}


def _json(*arguments: str) -> dict:
    result = CliRunner().invoke(app, ["evidence", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_command_is_there_and_takes_json() -> None:
    result = CliRunner().invoke(app, ["evidence", "--help"])
    assert {row.words.removeprefix("evidence ") for row in REGISTERED if row.group == "evidence"} == COMMANDS
    assert result.exit_code == 0
    for name in COMMANDS:
        assert "--json" in CliRunner().invoke(app, ["evidence", name, "--help"], env={"COLUMNS": "200"}).output


def test_the_app_imports_nothing_heavy() -> None:
    heavy = "('scipy', 'httpx', 'sklearn', 'matplotlib', 'pandas')"
    code = f"import sys, neorlt.cli; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_pool_has_its_fixed_keys(tmp_path: Path) -> None:
    counts = tmp_path / "counts.csv"
    counts.write_text("study,events,total,design\na,16,17,series\nb,10,12,series\nc,4,8,series\nd,43,58,series\ne,1,1,case_report\n")
    document = _json("pool", str(counts), "--out", str(tmp_path / "forest.svg"))
    assert {"k", "n", "events", "pooled", "ci95", "prediction95", "tau", "method", "studies"} <= set(document)
    assert (document["k"], document["n"], document["events"]) == (4, 95, 73)
    assert (document["method"], document["second"]["method"]) == ("bayes", "glmm")
    assert [study["study"] for study in document["case_reports"]] == ["e"]
    assert ElementTree.parse(tmp_path / "forest.svg").getroot().tag.endswith("svg")
    counts.write_text("study,events,total\na,1,2\nb,1,3\n")
    assert pool_command(counts)["pooled"] is None
    assert pool_command(counts)["reason"]


def test_one_command_rebuilds_the_review(tmp_path: Path) -> None:
    out = tmp_path / "evidence"
    document = _json("table", "--out", str(out))
    assert len(document["flow"]) == 24
    assert document["pooled"]["printed_crude"]["events"] == 72
    files = {path.name for path in out.iterdir()}
    assert files == set(document["files"])
    assert {"table1.html", "table1.csv", "prisma.svg", "map.svg", "forest-surgery.svg", "pooled.json", "run.json"} <= files
    page = (out / "index.html").read_text(encoding="utf-8")
    words = re.sub(r"<style.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not [outcome.key for outcome in OUTCOMES if "_" in outcome.key and re.search(rf"\b{outcome.key}\b", words)]
    assert "72/148" in page
    assert "results withheld" not in page
    assert "The review, claim by claim" in page
    assert "<script" not in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) | set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    for path in out.glob("*.svg"):
        ElementTree.parse(path)
    before = (out / "forest-surgery.svg").read_bytes()
    _json("table", "--out", str(out))
    assert (out / "forest-surgery.svg").read_bytes() == before


def test_a_review_from_start_to_table(tmp_path: Path) -> None:
    folder = str(tmp_path / "review")
    assert _json("status", folder, "--new")["records"] == 0
    imported = _json("import", folder, str(DATA / "pubmed.nbib"), str(DATA / "export.ris"), str(DATA / "ctgov_page.json"))
    assert [entry["format"] for entry in imported["files"]] == ["nbib", "ris", "ctgov-json"]
    assert imported["files"][1]["known"] == 1  # the DOI is known
    assert _json("dedupe", folder)["duplicates"] == 1
    following = _json("screen", folder, "--next", "3")
    assert len(following["next"]) == 3
    assert following["stopping"]["may_stop"] is False
    decided = _json("screen", folder, "--record", "pmid:36018539", "--verdict", "exclude", "--who", "first", "--why", "review")
    assert decided["outcome"] == "exclude"
    _json("screen", folder, "--record", "nct:NCT90000001", "--verdict", "include", "--who", "first", "--why", "fits")
    cells = _json(
        "extract", folder, "nct:NCT90000001", "n_total", "30", "--who", "first", "--where", "registry", "--how", "registry"
    )  # fmt: skip
    assert cells["cells"]["n_total"]["value"] == 30
    assert _json("screen", folder, "--export", "asreview", "--out", str(tmp_path / "a.csv"))["records"] == 4
    assert any(row["id"] == "nct:NCT90000001" for row in _json("table", folder)["rows"])
    first = _json("update", folder, "--pubmed-url", "none", "--ctgov-url", "none")
    assert len(first["new"]) == 4  # what came in files is new too
    assert _json("update", folder, "--pubmed-url", "none", "--ctgov-url", "none")["new"] == []
    state = _json("status", folder)
    assert state["history"] == "unbroken"
    assert state["flow"]["total_studies"] == 12


def test_errors_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no protocol"):
        CliRunner().invoke(app, ["evidence", "status", str(tmp_path)], catch_exceptions=False)


def test_a_funnel_needs_ten_series() -> None:
    series = [StudyCounts(f"s{i}", 3 + i, 20) for i in range(10)]
    assert ElementTree.fromstring(funnel_svg(pool(series))).tag == "{http://www.w3.org/2000/svg}svg"
    with pytest.raises(InputError, match="too few series"):
        funnel_svg(pool(series[:9]))

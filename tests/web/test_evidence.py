from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from neorlt.evidence.page import write_evidence
from neorlt.evidence.prisma import shipped_flow
from neorlt.evidence.studies import shipped_review
from neorlt.web.app import create_app
from neorlt.web.evidence import Evidence, EvidenceError, for_the_page
from neorlt.web.settings import Settings

from .conftest import Browser


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's folder in which the evidence stands already."""
    root = tmp_path_factory.mktemp("evidence")
    table = shipped_review()
    write_evidence(table, shipped_flow(table), Evidence(root)._folder)
    return root


@pytest.fixture
def visitor(made: Path) -> Browser:
    return Browser(create_app(Settings(made))).open()


def test_crude_sum_stands_beside_the_pooled_rate_with_its_explanation(visitor: Browser) -> None:
    text = visitor.client.get("/evidence").text
    assert "72 of 148" in text
    assert "48.6 %" in text
    assert "some are the same patients" in text
    for title in ("Operated, or judged resectable, after RLT", "R0 among the operated", "Objective response (CR or PR)"):
        assert title in text
    pooled = visitor.client.get("/evidence/pooled.json").json()["outcomes"]["surgery"]
    assert f"{100 * pooled['pooled']:.0f} %" in text
    assert pooled["pooled"] != pytest.approx(72 / 148, abs=0.02)


def test_table_flow_and_figures_are_on_the_page(visitor: Browser) -> None:
    text = visitor.client.get("/evidence").text
    for study in shipped_review().of_table():
        assert f'id="{study.id}"' in text
    assert "PRISMA 2020 flow" in text
    assert text.count("<svg") == 10  # flow, map, six outcomes that somebody prints, bias by two tools
    for n in (1, 58, 83):
        assert f'id="claim-{n}"' in text
    for trial in ("NCT05610826", "NCT07150546"):
        assert trial in text
    assert "not estimable" in text


def test_page_holds_nothing_that_its_policy_forbids(visitor: Browser) -> None:
    text = visitor.client.get("/evidence").text
    assert "<style" not in text
    assert "<script>" not in text
    assert 'src="http' not in text


def test_table_as_csv_names_the_source_of_a_cell(visitor: Browser) -> None:
    rows = list(csv.DictReader(io.StringIO(visitor.client.get("/evidence/table1.csv").text)))
    assert len(rows) == len(shipped_review().of_table())
    assert any(row["patients_source"] for row in rows)


@pytest.mark.parametrize("name", ["run.json", "index.html", "..%2f.secret", "nothing"])
def test_other_files_of_the_folder_are_not_served(visitor: Browser, name: str) -> None:
    assert visitor.client.get(f"/evidence/{name}").status_code == 404


def test_case_list_leads_to_the_evidence(browser: Browser) -> None:
    assert 'href="/evidence"' in browser.client.get("/").text


def test_first_visit_shows_that_it_is_being_computed(app: ASGIApp) -> None:
    text = Browser(app).client.get("/evidence").text
    assert 'hx-get="/evidence/body"' in text


def test_failure_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(EvidenceError, match="could not be computed"):
        Evidence(tmp_path).fragment()
    assert list(tmp_path.iterdir()) == []


def test_wide_tables_scroll_by_keyboard() -> None:
    assert for_the_page('<table class="evidence-table"><tr></tr></table>') == (
        '<div class="table" role="region" aria-label="Table 1" tabindex="0">'
        '<table class="evidence-table"><tr></tr></table></div>'
    )


@pytest.mark.slow
def test_own_process_computes_the_shipped_review(tmp_path: Path) -> None:
    evidence = Evidence(tmp_path)
    assert not evidence.is_made
    assert "PRISMA" in evidence.fragment()
    assert json.loads(evidence.file("pooled.json").read_text())["printed_crude"]["events"] == 72

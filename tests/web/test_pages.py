from __future__ import annotations

import concurrent.futures
import json
import re
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from neorlt.reporting import render_report
from neorlt.web import audit, whatif
from neorlt.web.app import create_app
from neorlt.web.settings import Settings

from .conftest import PLAN, Browser

CASE = "/cases/shared-example"
SLIDERS = {
    "nuclide": "Lu-177",
    "cycles": "4",
    "activity_gbq": "7.4",
    "interval_weeks": "8",
    "surgery_weeks": "12",
    "sensitiser": "none",
    "beside": "0",
}


def test_case_page_shows_answer_table_and_doors(browser: Browser) -> None:
    text = browser.client.get(CASE).text
    for part in (
        "One sentence about 177Lu.",
        "4 × 177Lu",
        "no contact is given",
        "SMV 220° (irregular)",
        "Read this.",
        "Synthetic data",
        "What if",
        "/report.html",
        "/report.pdf",
        "/fhir.json",
        "Nobody has signed",
    ):
        assert part in text, part


DECISION = {
    "sentences": ["Operate now: <b>+1</b> month.", "Harm: none.", "Sure."],
    "options": [{"name": "operate now", "eligible": "yes", "p_operated": 0.9, "loss_months": 0.0}],
    "best": "operate now", "mildest": "operate now", "rule": "A rule.", "meaning": "A meaning.",
    "flips": [{"assumption": "scar", "quantity": "scar", "unit": "", "from": 0.5, "to": 0.7, "new_best": "watch", "p_beyond": 0.2}],
    "trials": {"sd": [0.1], "rows": [{"name": "2 x 100", "n": 200, "months": [0.1]}], "note": "A note."},
}  # fmt: skip


def test_case_page_opens_with_the_decision_as_the_report_does(tmp_path: Path) -> None:
    warnings = ["Lesion primary is odd.", "Lesion kidney-left is odd."]
    plan = PLAN | {"decision": DECISION, "warnings": warnings}
    folder = tmp_path / "example"
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "report.html").write_text(render_report(plan))
    page = Browser(create_app(Settings(tmp_path / "root", shared=(("example", folder),)))).open().client.get(CASE).text
    section = re.compile(r'<section class="answer" id="decision".*?</section>', re.DOTALL)
    found = [section.findall(text) for text in (page, render_report(plan))]
    assert len(found[0]) == 1 and found[0] == found[1]
    assert "What would change the answer" in found[0][0] and "Which trial would tell" in found[0][0] and "&lt;b&gt;" in found[0][0]
    places = [page.index(f'id="{name}"') for name in ("decision", "answer", "warnings", "schemes")]
    assert places == sorted(places)
    assert "Warnings (2)" in page and page.count("is odd.") == 1 and "Likewise: kidney-left." in page


def test_case_page_says_why_there_is_no_decision(browser: Browser) -> None:
    assert "No decision stands here: this plan was made by" in browser.client.get(CASE).text


def test_no_page_refers_to_anything_outside(browser: Browser) -> None:
    for address in ("/", CASE):
        text = browser.client.get(address).text
        assert 'src="http' not in text
        assert "<script>" not in text
        assert "onclick" not in text
    for name in (
        "htmx-2.0.11.min.js",
        "niivue-0.69.0.js",
        "uplot-1.6.32.iife.min.js",
        "niivue.LICENSE.txt",
        "htmx.LICENSE.txt",
        "uplot.LICENSE.txt",
    ):
        assert browser.client.get(f"/static/vendor/{name}").status_code == 200


def test_documents_of_a_case(browser: Browser) -> None:
    assert browser.client.get(f"{CASE}/plan.json").json() == PLAN
    report = browser.client.get(f"{CASE}/report.html")
    assert report.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "script-src" not in report.headers["content-security-policy"]
    assert browser.client.get(f"{CASE}/fhir.json").json()["resourceType"] == "Bundle"
    assert browser.client.get(f"{CASE}/volumes/dose.nii.gz").status_code == 404


def test_signing_is_kept_with_name_time_and_hashes(browser: Browser) -> None:
    answer = browser.client.post(f"{CASE}/sign", headers=browser.headers, data={"signer": "Dr <b>Example</b>"})
    assert answer.status_code == 200
    assert "Dr &lt;b&gt;Example&lt;/b&gt;" in answer.text
    (entry,) = browser.client.get(f"{CASE}/audit.json").json()
    assert entry["event"] == "signed"
    assert len(entry["plan_sha256"]) == 64
    assert entry["time"].endswith("+00:00")


def test_altered_trail_is_noticed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "audit.jsonl"
    for name in ("A", "B", "C"):
        audit.append(path, "signed", name=name)
    assert [entry["name"] for entry in audit.read(path)] == ["A", "B", "C"]
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[2])
    with pytest.raises(audit.AuditError, match="line 2"):
        audit.read(path)
    path.write_text(lines[0] + lines[1].replace('"B"', '"X"') + lines[2])
    with pytest.raises(audit.AuditError, match="altered"):
        audit.read(path)
    path.write_text("".join(lines) + '{"cut by a cra')
    assert len(audit.read(path)) == 3


def test_slider_words_are_scheme_words() -> None:
    assert whatif.scheme_text("Lu-177", 4, 7.4, 8, 12, "CAPTEM") == "4 x 7.4 GBq Lu-177 every 8 weeks with CAPTEM, surgery 12 weeks after"
    assert whatif.scheme_text("Y-90", 1, 2.8, 8, 10, "none") == "1 x 2.8 GBq Y-90, surgery 10 weeks after"
    assert whatif.scheme_text("Y-90", 0, 2.8, 8, 10, "none") == "no RLT"


@pytest.mark.parametrize(
    ("field", "value"), [("cycles", "99"), ("nuclide", "Ra-223"), ("activity_gbq", "nan"), ("surgery_weeks", "-1"), ("sensitiser", "x")]
)
def test_slider_out_of_range_is_refused(browser: Browser, field: str, value: str) -> None:
    answer = browser.client.post(f"{CASE}/predict", headers=browser.headers, data={**SLIDERS, field: value})
    assert answer.status_code == 422


def test_slider_predicts_with_the_measured_dose(browser: Browser, shared_folder: Path) -> None:
    answer = browser.client.post(f"{CASE}/predict", headers=browser.headers, data=SLIDERS)
    assert answer.status_code == 200, answer.text
    assert "What if" in answer.text
    predicted = whatif.predict_scheme(shared_folder, "4 x 7.4 GBq Lu-177 every 8 weeks")
    # 4.2 Gy/GBq, four cycles of 7.4 GBq, uptake falling by 14 % a cycle (grade 2), widened by the scatter between cycles.
    expected = 4.2 * 7.4 * sum(0.86**i for i in range(4))
    assert predicted["lesion_dose_gy"]["primary"]["median"] == pytest.approx(expected, rel=0.08)
    assert 0.0 <= predicted["p_objective_response"] <= 1.0


def test_fifty_readers_at_once_see_their_own_case(app: ASGIApp) -> None:
    def read(number: int) -> tuple[int, int]:
        visitor = Browser(app).open()
        wanted = visitor.client.get(CASE)
        plan = visitor.client.get(f"{CASE}/plan.json")
        assert json.loads(plan.text)["patient"]["id"] == "shared-example"
        return wanted.status_code, plan.status_code

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        assert set(pool.map(read, range(50))) == {(200, 200)}


def test_a_plan_without_its_world_says_so_in_place_of_sliders(tmp_path: Path, shared_folder: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("plan.json", "report.html"):
        (folder / name).write_bytes((shared_folder / name).read_bytes())
    page = Browser(create_app(Settings(tmp_path / "root", shared=(("out", folder),)))).client.get("/cases/shared-out").text
    assert "did not keep its world" in page
    assert 'hx-trigger="input delay:150ms, load"' not in page


def test_an_address_that_nothing_serves_is_answered_as_a_page(browser: Browser) -> None:
    answer = browser.client.get("/nothing", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no such page." in answer.text and 'href="/"' in answer.text
    assert browser.client.get("/nothing").json() == {"error": "There is no such page."}


def test_an_empty_patient_file_is_offered_and_is_the_one_that_is_read(browser: Browser) -> None:
    import tomllib

    assert 'href="/patient.toml" download' in browser.client.get("/").text
    given = browser.client.get("/patient.toml")
    assert given.status_code == 200
    assert {"baseline", "lesion"} <= set(tomllib.loads(given.text))

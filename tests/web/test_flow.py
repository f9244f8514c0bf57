"""A tumour board's meeting from end to end in a real browser, by the keyboard alone: upload, plan, look, what if, decide, sign, print."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from neorlt.web.app import create_app
from neorlt.web.settings import Settings

from .browser import Watched, axe
from .live import running
from .small import write_small

pytestmark = pytest.mark.needs_chromium


def _reach(page: Any, selector: str, key: str = "Tab", limit: int = 160) -> None:
    """Press Tab, or Shift and Tab, until the focus stands on the element."""
    for _ in range(limit):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {selector}")


def _type(page: Any, selector: str, text: str) -> None:
    _reach(page, selector)
    page.keyboard.type(text)


def _choose_file(page: Any, selector: str, path: Path, chosen: list[Any]) -> None:
    """Open the field's chooser by the keyboard and give it the file; ``chosen`` gathers the choosers of the page."""
    n = len(chosen)
    for _ in range(6):  # a page that is busy drawing can swallow a key: a person presses it again
        _reach(page, selector)
        page.keyboard.press("Space")
        for _ in range(100):
            if len(chosen) > n:
                chosen[-1].set_files(path)
                return
            page.wait_for_timeout(100)
    raise AssertionError(f"the space bar opens no chooser on {selector}; the focus is on "
                         + page.evaluate("() => document.activeElement.outerHTML.slice(0, 200)"))


def _press(page: Any, selector: str) -> None:
    _reach(page, selector)
    page.keyboard.press("Enter")


def test_a_board_meets_by_keyboard_alone(chromium: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    study, patient = write_small(tmp_path)
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(study.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(study))
    with running(create_app(Settings(tmp_path / "root"))) as address:
        watched = Watched(chromium, bypass_csp=True)
        page = watched.page
        # One listener for the whole meeting: a chooser that opens while listening starts or stops is lost.
        chosen: list[Any] = []
        page.on("filechooser", lambda one: chosen.append(one))
        page.goto(address)
        # Upload and plan: the whole job, in its own process.
        _type(page, "#title", "Board of Monday")
        _choose_file(page, "#patient", patient, chosen)
        _choose_file(page, "#study", archive, chosen)
        _press(page, "form[action='/cases'] button")
        page.wait_for_selector("#viewer[data-ready=true]", timeout=600_000)
        case = page.url

        # Look at tumour against vein: the picture is there, its words say the contact, and a scheme is chosen.
        picture = page.locator("#vessels img")
        assert picture.evaluate("one => one.complete && one.naturalWidth > 300")
        assert re.search(r"touches \d+° of the vessel's wall", picture.get_attribute("alt"))
        assert "Patient file: 200°." in page.locator("#vessels").inner_text()
        _reach(page, "#after-scheme")
        page.keyboard.press("Home")
        shown = page.locator("#vessels .after:visible").inner_text()
        assert shown.startswith("After A: ")
        page.keyboard.press("ArrowDown")
        assert page.locator("#vessels .after:visible").inner_text().startswith("After B: ")
        _press(page, "#vessels .jump")
        assert "The cross is on the contact with SMV" in page.locator("#viewer-said").inner_text()

        # Each SPECT is chosen by its time and read in Bq/ml.
        _reach(page, ".pane:first-child [data-part=over]", "Shift+Tab")
        options = page.locator(".pane:first-child optgroup[label=SPECT] option")
        assert [re.sub(r"^.*, ", "", text) for text in options.all_inner_texts()] == ["4 h", "24 h", "96 h"]
        page.keyboard.type("SPECT")
        page.locator(".pane:first-child [data-part=read]", has_text=re.compile(r"SPECT Lu-177, 4 h: [\d.,]+ Bq/ml")).wait_for()

        # Measure by keys: two ends ten millimetres apart, and the length is said.
        _reach(page, "#measure", "Shift+Tab")
        page.keyboard.press("Space")
        _reach(page, ".pane:first-child canvas.planes")
        page.keyboard.press("Enter")
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert re.search(r"is 10\.0 mm long", page.locator("#viewer-said").inner_text())

        # What if: two cycles less.
        page.locator("#predicted table").wait_for()
        _reach(page, "input[name=cycles]", "Shift+Tab")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        page.locator("#predicted caption", has_text="2 × 7.4 GBq Lu-177").wait_for()
        assert re.search(r"Contact with SMV: now 200°, after this \d+°", page.locator("#predicted").inner_text())

        # Decide and sign.
        _type(page, "#signer", "Dr Synthetic")
        page.keyboard.press("Enter")
        page.locator("#trail li", has_text="Dr Synthetic").wait_for()
        _type(page, "#choice", "Two cycles, then restage")
        _type(page, "#reasons", "SMV contact of 200 degrees")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.locator("#trail li", has_text="Two cycles, then restage").wait_for()
        told = page.request.get(f"{case}/audit.json").json()
        assert [entry["event"] for entry in told] == ["uploaded", "signed", "decided"]

        # Nothing wrong for those who cannot see it, and the contrast of every node is decided.
        for details in page.locator("details").all():
            details.evaluate("one => { one.open = true; }")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert axe(page, contrast_decided=True) == []

        # Print: the report from the browser, and the paper with its pictures.
        paper = page.request.get(f"{case}/report.pdf", timeout=180_000)
        if paper.status == 501:  # the extra for paper is not installed here
            assert "weasyprint" in paper.text().lower()
        else:
            assert paper.body().startswith(b"%PDF")
            assert paper.body().count(b"/Subtype /Image") >= 2 or paper.body().count(b"/Image") >= 2
        page.goto(f"{case}/report.html")
        page.emulate_media(media="print")
        printed = page.pdf(format="A4")
        (tmp_path_factory.getbasetemp() / "board.pdf").write_bytes(printed)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 3
        watched.close()

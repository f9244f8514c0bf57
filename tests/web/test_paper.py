"""The pages as they come out of the browser's printer."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neorlt.evidence.page import write_evidence
from neorlt.evidence.prisma import shipped_flow
from neorlt.evidence.studies import shipped_review
from neorlt.evidence.table1 import COLUMNS

from .browser import Watched, off_the_sheet
from .live import example_site

pytestmark = pytest.mark.needs_chromium


@pytest.fixture(scope="module")
def address(chromium: Any, shared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with example_site(tmp_path_factory.mktemp("server"), shared_folder) as found:
        yield found


def _sheets(page: Any, folder: Path) -> list[str]:
    """The words of each sheet, as another program reads them from the PDF."""
    pdftotext = shutil.which("pdftotext")
    if pdftotext is None:
        pytest.skip("pdftotext is not installed (apt-get install poppler-utils)")
    page.pdf(path=folder / "printed.pdf", prefer_css_page_size=True)
    done = subprocess.run([pdftotext, "-layout", folder / "printed.pdf", "-"], capture_output=True, text=True, check=True)
    return done.stdout.removesuffix("\f").split("\f")


@pytest.mark.parametrize("which", ["page", "file"])
def test_every_column_of_the_evidence_is_on_the_paper(chromium: Any, address: str, tmp_path: Path, which: str) -> None:
    watched = Watched(chromium)
    page = watched.page
    if which == "page":
        page.goto(f"{address}/evidence")
    else:  # the same words as a file of its own, which is printed too
        table = shipped_review()
        write_evidence(table, shipped_flow(table), tmp_path / "out")
        page.set_content((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert off_the_sheet(page) == []
    printed = " ".join(" ".join(_sheets(page, tmp_path)).split())
    for column in COLUMNS:  # each value stands beside the name of its column
        assert f"{column.heading}: " in printed
    assert printed.count("Country: ") == len(shipped_review().of_table())
    # The measure sees what it looks for: as a table of columns the same words run over the edge.
    page.evaluate("() => { for (const one of document.querySelectorAll('.stacked')) one.classList.remove('stacked'); }")
    assert len(off_the_sheet(page)) > 20
    watched.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_printed_case_has_no_controls_and_says_of_whom_and_when_on_every_sheet(
    chromium: Any, address: str, tmp_path: Path, scheme: str
) -> None:
    watched = Watched(chromium, color_scheme=scheme)
    page = watched.page
    page.goto(f"{address}/cases/shared-example")
    page.locator("#charts, #sign").first.wait_for()
    assert off_the_sheet(page) == []
    shown = page.evaluate("""() => [...document.querySelectorAll("button, input, select, textarea, form, nav, label, .bar a")]
      .filter((one) => one.checkVisibility()).map((one) => one.outerHTML.slice(0, 80))""")
    assert shown == []
    # Ink on white, whatever the screen is.
    colours = page.evaluate("() => ['--paper', '--ink'].map((key) => getComputedStyle(document.documentElement).getPropertyValue(key))")
    assert colours == ["#fefefe", "#18202a"]
    sheets = _sheets(page, tmp_path)
    assert len(sheets) >= 2
    for number, text in enumerate(sheets, 1):
        assert "example" in text and "report of 2 March 2026, 09:30 UTC" in text
        assert re.search(rf"{number} ?/ ?{len(sheets)}", text) and "neorlt" in text and "not a medical device" in text
    whole = " ".join(" ".join(sheets).split())
    assert "0.1.0" in whole  # the version that made the plan, which need not be the server's
    assert "Something." in whole  # an assumption, folded on the screen
    assert "Signature" in whole and "Your name" not in whole
    watched.context.close()

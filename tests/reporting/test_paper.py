"""The report on paper, read back from the pages that a browser prints: no lost gap, no heading alone at a foot, no word cut."""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from neorlt.reporting import render_report

from .synthetic_plan import synthetic_pictures, synthetic_plan

pytestmark = pytest.mark.needs_chromium
_FOOTER_PT = 45.0
_SPACE = "{http://www.w3.org/1999/xhtml}"


class _Texts(HTMLParser):
    """Texts of a document, and those of its headings, captions and column heads."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.heads: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "img", "br"}:
            self._open.append(tag)
        if tag in {"h1", "h2", "h3", "caption", "thead"}:
            self.heads.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" in self._open or "title" in self._open:
            return
        self.texts.append(data)
        if {"h1", "h2", "h3", "caption", "thead"} & set(self._open):
            self.heads[-1] += f" {data}"


@dataclass
class Word:
    text: str
    left: float
    right: float
    top: float
    bottom: float


@dataclass
class Paper:
    width: float
    height: float
    words: list[Word]

    def body(self) -> list[Word]:
        """The words above the footer, in reading order."""
        return [word for word in self.words if word.bottom < self.height - _FOOTER_PT]


def _printed(html: str, folder: Path) -> list[Paper]:
    chromium, pdftotext = shutil.which("chromium"), shutil.which("pdftotext")
    if chromium is None or pdftotext is None:
        pytest.skip("chromium or pdftotext is not installed (apt-get install chromium poppler-utils)")
    (folder / "report.html").write_text(html, encoding="utf-8")
    subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--user-data-dir={folder / 'profile'}",
         f"--print-to-pdf={folder / 'report.pdf'}", (folder / "report.html").as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return _read(folder / "report.pdf", pdftotext)


def _read(pdf: Path, pdftotext: str) -> list[Paper]:
    said = subprocess.run([pdftotext, "-bbox", str(pdf), "-"], check=True, capture_output=True, timeout=60).stdout
    pages = []
    for page in ElementTree.fromstring(said).iter(f"{_SPACE}page"):
        words = [
            Word(word.text or "", *(float(word.get(key, "nan")) for key in ("xMin", "xMax", "yMin", "yMax")))
            for word in page.iter(f"{_SPACE}word")
        ]
        pages.append(Paper(float(page.get("width", "nan")), float(page.get("height", "nan")), words))
    return pages


def lost_gaps(html: str, pages: list[Paper]) -> list[str]:
    """Printed words that the document does not hold but that are two texts of it run together."""
    reader = _Texts()
    reader.feed(html)
    whole = {word for text in reader.texts for word in text.split()}
    # Only the seam between two texts can lose its gap.
    seams = {(a.split()[-1], b.split()[0]) for a, b in pairwise([text for text in reader.texts if text.strip()])}
    joined = {a + b for a, b in seams if a[-1].isalnum() and b[0].isalnum()} - whole
    return sorted({word.text for page in pages for word in page.words} & joined)


def orphans(html: str, pages: list[Paper]) -> list[str]:
    """Headings, captions and heads of tables with which a page ends."""
    reader = _Texts()
    reader.feed(html)
    heads = [_letters(head) for head in reader.heads]
    ends = [_letters("".join(word.text for word in page.body())) for page in pages[:-1]]
    return sorted({head for end in ends for head in heads if head and end.endswith(head)})


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text)


def cut(html: str, pages: list[Paper]) -> list[str]:
    """Words of cells of tables that are not on paper, or not whole."""
    printed = "".join(word.text for page in pages for word in page.words)
    visible = re.sub(r"(?s)<(style|details|nav|svg)\b.*?</\1>", " ", html)
    cells = [unescape(cell) for cell in re.findall(r"<t[dh]\b[^>]*>([^<>]+)", visible)]
    return [word for cell in cells for word in cell.split() if word not in printed]


@pytest.fixture(scope="module")
def html() -> str:
    option = {
        "eligible": "hesitate", "p_operated": 0.57, "p_r0": 0.41, "p_operative_death": 0.01, "p_severe_complication": 0.28,
        "p_grade34_blood": 0.04, "p_egfr_below_30_5y": 0.001, "p_second_neoplasm_10y": 0.03, "p_progressed_before_surgery": 0.23,
        "weeks_to_surgery": {"median": 36.0}, "loss_months": 3.0,
        **{key: {"mean": 8.0, "ci90": [7.0, 9.0]} for key in ("event_free_years_5", "event_free_years_10", "qaly_10", "qaly_lifetime")},
    }  # fmt: skip
    names = ["operate now", "observe, operate if it grows", *(f"{n} x 7.4 GBq Lu-177 every 8 weeks, then surgery" for n in range(1, 9))]
    flips = [{"quantity": f"assumption {n}", "from": n, "to": 2 * n, "new_best": names[2], "p_beyond": 0.1} for n in range(1, 8)]
    decision = {
        "sentences": ["Operate now: +1 month.", "Harm: none.", "Sure."], "options": [option | {"name": name} for name in names],
        "best": names[0], "mildest": names[0], "rule": "A rule.", "meaning": "A meaning.", "flips": flips,
        "evppi": [{"assumption": f"assumption {n}", "months": 0.1 * n, "mc_error": 0.01} for n in range(12)],
        "trials": {"sd": [0.1], "rows": [{"name": "2 x 100", "n": 200, "months": [0.1]}], "note": "A note."},
    }  # fmt: skip
    return render_report(synthetic_plan() | {"decision": decision}, synthetic_pictures(48))


@pytest.fixture(scope="module")
def pages(html: str, tmp_path_factory: pytest.TempPathFactory) -> list[Paper]:
    return _printed(html, tmp_path_factory.mktemp("paper"))


def test_no_gap_is_lost(html: str, pages: list[Paper]) -> None:
    assert lost_gaps(html, pages) == []
    words = [word.text for word in pages[0].words]
    assert words[words.index("Patient") + 1] in html


def test_no_heading_stands_alone_at_the_foot_of_a_page(html: str, pages: list[Paper]) -> None:
    assert len(pages) > 5
    assert orphans(html, pages) == []


def test_no_table_is_cut_and_the_first_page_is_full(html: str, pages: list[Paper]) -> None:
    assert html.count("<td") > 200
    assert cut(html, pages) == []
    assert max(word.bottom for word in pages[0].body()) > 0.6 * pages[0].height


def test_faults_are_found(tmp_path: Path) -> None:
    page = "<!doctype html><title>t</title><style>@page { size: A4; margin: 11mm 13mm 15mm }</style>"
    html = (f'{page}<dl style="display: flex"><dt>Age</dt><dd style="margin: 0">58 years</dd></dl>'
            '<table style="margin-left: -20mm"><tr><td>outside</td><td>inside</td></tr></table>'
            '<div style="height: 222mm"></div><h2>Alone here</h2><p style="break-before: page">Next.</p>')  # fmt: skip
    pages = _printed(html, tmp_path)
    assert lost_gaps(html, pages) == ["Age58"]
    assert orphans(html, pages) == ["Alonehere"]
    assert cut(html, pages) == ["outside"]

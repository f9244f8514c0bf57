from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest

from neorlt.core.unbroken import LONGEST, UNBROKEN_CLASS, UNBROKEN_CSS, for_weasyprint, unbroken


class _Reader(HTMLParser):
    """What a reader of a page gets: its text, and the texts of the elements that do not wrap."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.whole, self._inside = "", [], 0
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("class", UNBROKEN_CLASS) in attrs:
            self._inside += 1
            self.whole.append("")
        else:
            self.tags.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag == "bdi" and self._inside > 0

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._inside:
            self.whole[-1] += data


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Ki-67 of 8 %", ["Ki-67", "8 %"]),
        ("bi-exponential fit, Lu-177", ["Lu-177"]),
        ("eGFR 85 mL/min, 230 × 10⁹/l", ["85 mL/min", "230 × 10⁹/l"]),
        ("2 × 177Lu + 2 × 90Y, then 4 × 7.4 GBq", ["2 × 177Lu", "2 × 90Y", "4 × 7.4 GBq"]),
        ("5-FU and energy by S-values", ["5-FU", "S-values"]),
        ("neutrophils of grade 3–4 (1 %) in week −2", ["3–4", "1 %", "week −2"]),
        ("3.8 Gy/GBq (3.3–4.2), 36 Gy", ["3.8 Gy/GBq", "3.3–4.2", "36 Gy"]),
        ("'5-FU' & 177Lu-DOTATATE < 3-4", ["5-FU", "177Lu-DOTATATE", "3-4"]),
        # What may wrap: words of a sentence, and what is too long for a telephone.
        ("a well-known half-life and so on", []),
        ("https://doi.org/10.1007/s00259-008-0778-1", []),
        ("aaaaaaaaaa-1-bbbbbbbbbbbb", []),
    ],
)
def test_terms_are_whole_and_every_letter_stays(text: str, whole: list[str]) -> None:
    read = _Reader(unbroken(f"<p>{html.escape(text)}</p>"))
    assert read.whole == whole
    assert read.text == text
    assert all(len(term) <= LONGEST for term in read.whole)


def test_tags_attributes_figures_and_scripts_stay_as_they_are() -> None:
    kept = [
        "<input value='Ki-67' title=\"a > 3-4\">", "<script>x = 3-4;</script>", "<style>a-1 {}</style>", "<title>Lu-177</title>",
        "<svg><text>Lu-177</text></svg>", "<select><option>Lu-177</option></select>", "<!-- Lu-177 -->", "<code>a-1</code>",
    ]
    page = "<div>" + "".join(kept) + "<b>Lu-177</b></div>"
    made = unbroken(page)
    assert all(part in made for part in kept)
    assert made.count(UNBROKEN_CLASS) == 1
    assert re.sub(r"</?bdi[^>]*>", "", made) == page
    # A part that was made so before, inside a page: nothing is wrapped twice.
    assert unbroken(made) == made


def test_a_line_of_the_pdf_is_filled_before_a_term() -> None:
    """WeasyPrint ended lines after their first word: "The", and the rest of the sentence on the next."""
    weasyprint = pytest.importorskip("weasyprint")
    text = ("The highest predicted chance of an objective response before surgery is 49 % (16 % to 85 %), with 2 × 177Lu + 2 × 90Y. "
            "A neutrophil of Ki-67, Lu-177 and more than 30 % of words which follow.")

    def short_lines(page: str) -> list[tuple[int, str]]:
        found = []
        for width in range(180, 420, 9):
            style = f"<style>{UNBROKEN_CSS} @page {{ size: 600px 500px }} p {{ width: {width}px; font: 14px sans-serif }}</style>"
            lines: dict[float, str] = {}
            for box in weasyprint.HTML(string=style + page).render().pages[0]._page_box.descendants():
                if hasattr(box, "text"):
                    lines[round(box.position_y)] = lines.get(round(box.position_y), "") + box.text
            *full, _ = [lines[at].strip() for at in sorted(lines)]
            found += [(width, line) for line in full if len(line) < 0.45 * max(map(len, full))]
            assert not [line for line in full if line.endswith(("Ki-", "Lu-", "×", "(")) or line[0] in "),."]
        return found

    page = unbroken(f"<p>{text}</p>")
    assert short_lines(for_weasyprint(page)) == []
    assert short_lines(page)  # where this is empty, WeasyPrint needs no help any more

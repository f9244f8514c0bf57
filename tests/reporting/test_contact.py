"""The tumour and its vessels, as the report shows them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neorlt.drawing.palette import OUTLINES
from neorlt.reporting import render_report
from neorlt.reporting.drawn import draw, read_drawn, write_drawn
from neorlt.reporting.figures.contact import contact_degrees
from neorlt.reporting.figures.dose_picture import describe, draw_picture
from neorlt.reporting.picture import Line, Picture
from neorlt.reporting.views import contact as views
from neorlt.reporting.views.schemes import letters_for

from .page import read
from .synthetic_plan import synthetic_plan

MEASURED = {"lesion": "primary", "region": "SMV", "degrees": 209.0, "doubt_deg": 19.4, "gap_mm": 0.0, "plane": "axial", "length_mm": 39.8,
            "at_mm": [-9.0, -38.0, 24.0]}
ROWS = [{"vessel": "SMV", "stated_deg": 220.0, "reason": "", "measured": MEASURED},
        {"vessel": "SMA", "stated_deg": 90.0, "reason": "no region of this vessel was drawn", "measured": None}]


def _plan(**changes: Any) -> dict[str, Any]:
    return {**synthetic_plan(), "vessel_contacts": ROWS, **changes}


def _circle(radius: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 200)
    return np.stack([30 + radius * np.sin(angle), 30 + radius * np.cos(angle)], axis=1)


def _picture() -> Picture:
    wall = _circle(10.0)
    lines = (Line("lesion", "primary", _circle(20.0)), Line("vessel", "SMV", wall), Line("contact", "", wall[:100]))
    return Picture("SMV and primary", "axial", np.full((120, 120), 40.0), None, "HU", (0.5, 0.5), ("R", "L", "A", "P"), lines=lines,
                   vessel="SMV", words="The lesion touches 209° of the vessel's wall.")


def test_every_vessel_has_its_degrees_now_and_after_each_scheme() -> None:
    found = views.contact_section(_plan())
    vein, artery = found["vessels"]
    assert vein["now"] == ["Patient file: 220°.", "Drawn regions: 209° (± 19°) in the axial plane, along 40\u00a0mm of the vessel."]
    assert vein["at"] == [9.0, 38.0, 24.0]  # right, front and head, as the viewer counts
    assert artery["now"][1] == "Not drawn: no region of this vessel was drawn."
    schemes = [scheme for scheme in synthetic_plan()["schemes"] if scheme.get("contact_deg")]
    assert len(vein["after"]) == len([s for s in schemes if any(row["vessel"] == "SMV" for row in s["contact_deg"])]) > 0


def test_no_vessel_is_not_no_contact() -> None:
    plan = _plan(vessel_contacts=[])
    plan["answer"]["resectability_baseline"]["vessels"] = []
    found = views.contact_section(plan)
    assert found["vessels"] == []
    assert "not known" in found["missing"]
    text = read(render_report(plan)).text
    assert views.NOT_KNOWN in text


def test_a_plan_without_drawn_vessels_says_so() -> None:
    undrawn = _plan(vessel_contacts=[ROWS[1]])
    assert views.contact_section(undrawn)["note"] == views.NOT_DRAWN
    assert views.contact_section(synthetic_plan())["note"] == views.NO_IMAGES


def test_the_figure_says_what_it_shows() -> None:
    plan = _plan()
    svg = contact_degrees(ROWS[0], plan["schemes"], letters_for(len(plan["schemes"])), "contact-0")
    assert svg is not None
    said = re.search(r"<desc[^>]*>(.*?)</desc>", svg)
    assert said is not None
    assert "now, file 220°" in said[1]
    assert "now, drawn 209° ± 19°" in said[1]
    assert "after B" in said[1]
    texts = re.findall(r"<text [^>]*>(.*?)</text>", svg)
    assert "now, drawn" in texts
    assert contact_degrees({"vessel": "X", "stated_deg": None, "measured": None}, [], [], "contact-1") is None


def test_marks_stand_at_their_degrees() -> None:
    svg = contact_degrees(ROWS[0], [], [], "contact-0")
    assert svg is not None
    ticks = {text: float(x) for x, text in re.findall(r'<text x="([\d.]+)"[^>]*>(\d+°)</text>', svg)}
    file_mark, drawn_mark = (float(x) for x in re.findall(r'<path d="M([\d.]+) ', svg))
    for mark, degrees in ((file_mark, 220.0), (drawn_mark, 209.0)):
        assert (mark - ticks["0°"]) / (ticks["360°"] - ticks["0°"]) == pytest.approx(degrees / 360, abs=0.002)


def test_the_arc_is_drawn_where_the_vessel_is_touched() -> None:
    image = np.asarray(Image.open(io.BytesIO(draw_picture(_picture()))).convert("RGB")).astype(int)

    def place(name: str) -> np.ndarray:
        wanted = [int(OUTLINES[name][i : i + 2], 16) for i in (1, 3, 5)]
        rows, columns = np.nonzero(np.abs(image - wanted).max(-1) < 24)
        assert rows.size > 20, name
        return np.stack([rows, columns], axis=1) * 60.0 / image.shape[0]

    contact, vessel = place("contact"), place("vessel")
    # The first half of the circle, from the right round the lower side (rows grow downwards).
    assert contact[:, 0].min() > 29.0
    assert np.abs(np.hypot(*(contact - 30).T) - 10).max() < 1.5
    on_wall = vessel[np.abs(np.hypot(*(vessel - 30).T) - 10) < 1.0]
    assert on_wall[:, 0].max() < 31.0
    assert "touches 209°" in describe(_picture())


def test_pictures_are_kept_and_read_back(tmp_path: Path) -> None:
    drawn = draw([_picture(), _picture()])
    assert [one.name for one in drawn] == ["contact-1", "contact-2"]
    write_drawn(drawn, tmp_path / "pictures")
    assert read_drawn(tmp_path / "pictures") == drawn
    assert read_drawn(tmp_path / "nowhere") == []


def test_the_report_shows_the_picture_with_its_words() -> None:
    page = read(render_report(_plan(), draw([_picture()])))
    (image,) = [attributes for tag, attributes in page.elements if tag == "img"]
    assert "touches 209°" in image["alt"]
    assert "Tumour and vessels" in page.text


def test_lines_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(ValueError, match="kind"):
        Line("nerve", "x", np.zeros((2, 2)))
    with pytest.raises(ValueError, match="shape"):
        Line("vessel", "x", np.zeros((2, 3)))

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from neorlt.core import tables
from neorlt.drawing.palette import DARK, LIGHT
from neorlt.drawing.svg import in_page, with_page_colours
from neorlt.reporting.figures import curves, dose_picture, dvh, schemes, tornado, trajectory
from neorlt.reporting.picture import Picture

from .synthetic_plan import synthetic_plan


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast_meets_wcag_aa(palette: dict[str, str]) -> None:
    for text in ("ink", "muted", "accent", "warn", "good", "c8"):
        for ground in ("paper", "panel"):
            assert _contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
    assert _contrast(palette["warn"], palette["warn-tint"]) >= 4.5
    assert _contrast(palette["muted"], palette["tint"]) >= 4.5
    for line in ("lu", "y", "rule", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"):
        assert _contrast(palette[line], palette["paper"]) >= 3.0, line


def test_palettes_name_the_same_colours_and_drawing_colours_are_unique() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)


def _svg(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def test_bars_end_where_the_probability_is() -> None:
    plan = synthetic_plan()
    text = schemes.probability_bars(plan["schemes"], list("ABCDEF"), [])
    assert len(_svg(text).findall(".//title")) == 1
    # Bars are the only shapes filled with this colour; width / panel width = probability / the axis' 112 %.
    bars = re.findall(r'd="M ([\d.]+) [\d.]+ ?\nL ([\d.]+)[^"]*"[^>]*fill: ' + LIGHT["bar"], text)
    widths = [float(right) - float(left) for left, right in bars]
    expected = [s["p_objective_response"] for s in plan["schemes"]] + [
        s["p_resectable"] for s in plan["schemes"] if s["p_resectable"] is not None
    ]
    assert np.allclose(np.array(widths) / widths[2], np.array(expected) / expected[2], atol=0.01)


def test_published_band_is_drawn_only_where_the_endpoint_matches() -> None:
    plan = synthetic_plan()
    with_band = schemes.probability_bars(plan["schemes"], list("ABCDEF"), plan["baseline_rates"])
    without = schemes.probability_bars(plan["schemes"], list("ABCDEF"), [{"endpoint": "survival", "events": 1, "n": 2, "ci95": [0.1, 0.9]}])
    assert with_band.count(LIGHT["tint"]) == 2
    assert LIGHT["tint"] not in without


def test_every_figure_is_well_formed_and_has_no_outside_name() -> None:
    plan = synthetic_plan()
    letters = list("ABCDEF")
    for text in (
        schemes.kidney_bed(plan["schemes"], letters),
        trajectory.trajectories(plan["schemes"], letters, "platelets"),
        trajectory.waiting(plan["timing"]),
        curves.time_activity(plan["curves"][0], "curve-0"),
        dvh.dose_volume(plan["dvh"], "dvh-0", "Dose and volume"),
    ):
        assert text is not None
        root = _svg(text)
        assert root.find("desc") is not None
        assert len(root.find("desc").text or "") > 10
        assert "http" not in text
        assert "metadata" not in text


def test_names_with_markup_and_dollars_stay_names() -> None:
    curve = {**synthetic_plan()["curves"][0], "name": "$\\frac <b>"}
    root = _svg(curves.time_activity(curve, "c"))
    assert "$\\frac <b>" in (root.find("title").text or "")  # type: ignore[union-attr]
    name = '$x_1$ <b>& id="q" 1.23456 #17598a'
    histogram = [{**synthetic_plan()["dvh"][0], "name": name}]
    assert name in "".join(_svg(with_page_colours(dvh.dose_volume(histogram, "d", "t") or "")).itertext())


def test_figures_without_data_are_absent() -> None:
    bare = [{"name": "X", "kidney_bed_gy": None}]
    assert schemes.kidney_bed(bare, ["A"]) is None
    assert trajectory.trajectories(bare, ["A"], "diameter_mm") is None
    assert trajectory.waiting({"week": [1], "p_2mm_more": [0.5]}) is None
    assert dvh.dose_volume([{"name": "x", "mean_gy": 1.0}], "d", "t") is None


def test_tornado_has_a_bar_for_each_part_and_says_them() -> None:
    name, bars = next(iter(synthetic_plan()["uncertainty"].items()))
    text = tornado.tornado_bars(name, bars, "tornado-0")
    assert text is not None
    words = "".join(_svg(text).itertext())
    for part in ("contour", "S-value", "What the dose of primary hangs on", "18 to 30 Gy", "60"):
        assert part in words, part
    assert tornado.tornado_bars("x", [{"part": "contour"}], "tornado-1") is None


def _marker(row: int, column: int, **more: object) -> Picture:
    ct_hu = np.full((40, 60), -1000.0)
    dose = np.zeros((40, 60))
    dose[row - 2 : row + 3, column - 2 : column + 3] = 10.0
    return Picture("marker", "axial", ct_hu, dose, "Gy", (2.0, 2.0), ("R", "L", "A", "P"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("row", "column"), [(8, 50), (8, 8), (32, 50), (32, 8)])
def test_marker_appears_where_the_letters_say(row: int, column: int) -> None:
    image = np.asarray(Image.open(io.BytesIO(dose_picture.draw_picture(_marker(row, column)))).convert("RGB")).astype(float)
    height = image.shape[0]
    width = int(round(height * 60 / 40))
    # Inferno's bright end is yellow with far more red than blue; nothing else there is.
    hot = (image[:, :width, 0] > 120) & (image[:, :width, 2] < image[:, :width, 0] - 40)
    hot &= ~_letter_zone(hot.shape)
    rows, columns = np.nonzero(hot)
    assert rows.mean() / height == pytest.approx((row + 0.5) / 40, abs=0.02)
    assert columns.mean() / width == pytest.approx((column + 0.5) / 60, abs=0.02)


def _letter_zone(shape: tuple[int, ...]) -> np.ndarray:
    zone = np.zeros(shape, dtype=bool)
    height, width = shape
    zone[:, : width // 18] = zone[:, -width // 18 :] = True
    zone[: height // 11] = zone[-height // 11 :] = True
    return zone


def test_alternative_text_names_the_sides() -> None:
    text = dose_picture.describe(_marker(8, 50))
    assert "patient's right is on the left edge" in text
    assert "front at the top" in text
    assert "10 Gy" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"overlay": np.zeros((3, 3))}, "overlay has shape"),
        ({"letters": ("R", "A", "A", "P")}, "opposite"),
        ({"letters": ("R", "L", "A", "X")}, "letters must be"),
        ({"spacing_mm": (0.0, 1.0)}, "spacing_mm"),
        ({"ct_hu": np.full((40, 60), np.nan)}, "finite"),
        ({"contours": {"a": np.zeros((2, 2), dtype=bool)}}, "contour"),
        ({"overlay_max": -1.0}, "overlay_max"),
    ],
)
def test_picture_that_cannot_be_right_is_refused(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {
        "title": "t",
        "plane": "axial",
        "ct_hu": np.zeros((40, 60)),
        "overlay": np.zeros((40, 60)),
        "unit": "Gy",
        "spacing_mm": (2.0, 2.0),
        "letters": ("R", "L", "A", "P"),
    }
    with pytest.raises(ValueError, match=message):
        Picture(**{**good, **change})  # type: ignore[arg-type]


def test_rank_histograms_name_what_is_rejected():
    from neorlt.reporting.figures.calibration import draw_sbc
    from neorlt.response.ranks import uniformity

    rng = np.random.default_rng(0)
    ranks = {"eta": rng.integers(0, 100, 200).tolist(), "nu": rng.integers(0, 50, 200).tolist()}
    svg = draw_sbc({"ranks": ranks, "n": 200, "n_ranked": 99, **uniformity(ranks)})
    assert svg.count("rejected") == 1 and "p = " in svg


def test_studies_left_out_are_drawn_arm_by_arm():
    from neorlt.reporting.figures.calibration import draw_studies_left_out, draw_studies_pit
    from neorlt.response.studies import titles

    report = tables.read_json("response", "posterior.json")
    rows = report["left_out"]["rows"]
    svg = draw_studies_left_out(report, titles())
    for kind in ("counts", "pfs"):
        some = [row for row in rows if row["kind"] == kind and row.get("statistic") != "hazard_ratio"]
        assert f"{sum(row['inside_90'] for row in some)} of {len(some)} inside 90 %" in svg
    assert "NETTER-2, RLT, pancreas" in svg and "netter2" not in svg
    assert f"{sum(row['kind'] == 'counts' for row in rows)} values" in draw_studies_pit(report, titles())


def test_a_wide_figure_stands_in_a_box_that_the_keyboard_reaches():
    """On a telephone its letters were 4 pixels high."""
    wide = '<svg viewBox="0 0 880 310" width="880" height="310" role="img" aria-labelledby="flow-t flow-d"></svg>'
    box = ElementTree.fromstring(in_page(wide))
    assert box.tag == "div" and box.attrib == {"class": "wide", "role": "region", "tabindex": "0", "aria-labelledby": "flow-t"}
    assert in_page(wide.replace("880", "440")).startswith("<svg")

"""One workshop: what it makes is well formed, and nobody else makes SVG."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from neorlt.drawing import drawing, new_figure, to_svg
from neorlt.drawing.axes import span
from neorlt.drawing.elements import arrow, box, diamond, disc, line, sheet, strip, text
from neorlt.drawing.palette import DARK, LIGHT, as_css

ROOT = Path(__file__).parents[2]
MARKUP = re.compile(r"(?<!\?P)<(svg|text|tspan|line|rect|circle|ellipse|path|polyline|polygon|marker)[\s/>]")
LIBRARY = re.compile(r"backend_svg|FigureCanvasSVG")


def made_by_hand(path: Path) -> list[str]:
    """Strings with SVG elements, and writers of SVG by matplotlib, in one file; docstrings only speak of them."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".j2":
        return [found.group(0) for found in MARKUP.finditer(content)]
    if path.suffix == ".js":
        return re.findall(r"createElementNS|<svg", content)
    tree = ast.parse(content)
    spoken = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [node.value for node in ast.walk(tree)
             if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in spoken and MARKUP.search(node.value)]
    found += [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and LIBRARY.search(ast.unparse(node))]
    found += [ast.unparse(node) for node in ast.walk(tree)
              if isinstance(node, ast.keyword) and node.arg == "format" and ast.unparse(node.value) == "'svg'"]
    return found


def sources() -> list[Path]:
    files = [path for folder in ("src", "tools", "validation") for path in (ROOT / folder).rglob("*")
             if path.suffix in (".py", ".j2", ".js")]
    return [path for path in files if "vendor" not in path.parts and "drawing" not in path.parts]


def test_nobody_else_makes_svg() -> None:
    files = sources()
    assert {"pages.py", "traffic.py", "plots.py", "case.html.j2", "dosimetry_single_time_point.py"} <= {path.name for path in files}
    assert {str(path.relative_to(ROOT)): made for path in files if (made := made_by_hand(path))} == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.py", 'x = f"<text x={1}>"'),
        ("a.py", "x = '<svg viewBox=\"0 0 1 1\">'"),
        ("a.py", "figure.savefig(stream, format='svg')"),
        ("a.py", "from matplotlib.backends.backend_svg import FigureCanvasSVG"),
        ("a.j2", '<p><svg width="3"></svg></p>'),
        ("a.js", 'document.createElementNS("x", "svg")'),
    ],
)
def test_a_second_workshop_would_be_seen(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert made_by_hand(tmp_path / name)


def test_words_that_look_like_markup_stay_words() -> None:
    words = '<b>&"quoted"\' $x$'
    body = text(1, 2, words, turn_deg=-40) + box(0, 0, 3, 4, "panel", "accent") + disc(1, 1, 2, "good") + line(0, 0, 1, 1, "rule")
    root = ElementTree.fromstring(sheet(body, "name", words, words, "0 0 10 10", (10, 10)))
    assert [root.find(tag).text for tag in ("text", "title", "desc")] == [words] * 3  # type: ignore[union-attr]
    assert ElementTree.fromstring(strip([(12.5, "lu")], words)).get("aria-label") == words


@pytest.mark.parametrize(("start", "end"), [((0, 0), (0, 40)), ((0, 0), (40, 0)), ((40, 0), (0, 0)), ((0, 40), (0, 0))])
def test_an_arrow_ends_where_it_points(start: tuple[float, float], end: tuple[float, float]) -> None:
    root = ElementTree.fromstring(f"<g>{arrow([start, end], 'muted')}</g>")
    places = {tag: [tuple(map(float, pair.split(","))) for pair in root.find(tag).get("points", "").split()]  # type: ignore[union-attr]
              for tag in ("polyline", "polygon")}
    assert places["polyline"][0] == start
    assert places["polygon"][0] == end
    back = [sum(corner[axis] for corner in places["polygon"][1:]) / 2 for axis in (0, 1)]
    assert places["polyline"][-1] == pytest.approx(back)
    assert sum(abs(a - b) for a, b in zip(back, end, strict=True)) == pytest.approx(7)


def test_a_diamond_stands_round_its_middle() -> None:
    found = re.search(r'd="M([\d.]+) ([\d.]+)l([\d.]+) ([\d.]+)', diamond(50, 40, 5.5, "warn"))
    assert found is not None
    assert [float(part) for part in found.groups()] == [50, 34.5, 5.5, 5.5]


@pytest.mark.parametrize(("centre", "clipped"), [(0.0, False), (50.0, False), (100.0, False), (130.0, True)])
def test_a_mark_is_whole_at_the_edge_and_absent_beyond(centre: float, clipped: bool) -> None:
    with drawing("edge"):
        axes = new_figure(100, 200).subplots()
        axes.set_xlim(0, 100)
        span(axes, 0, 0, 100, centre, "accent")
    assert axes.lines[-1].get_clip_on() is clipped


def test_two_figures_of_one_page_share_no_id() -> None:
    def ids(name: str) -> set[str]:
        with drawing(name):
            figure = new_figure(100, 200)
            figure.subplots().plot([0, 1], [0, 1])
            svg = to_svg(figure, name, "t", "d")
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(re.findall(r'\bid="([^"]+)"', svg))
        return set(re.findall(r'\bid="([^"]+)"', svg))

    one, other = ids("one"), ids("other")
    assert one and other and not one & other


def test_a_page_has_every_colour_light_and_dark() -> None:
    light, dark = as_css().split("@media (prefers-color-scheme:dark)")
    for part, palette in ((light, LIGHT), (dark, DARK)):
        assert dict(re.findall(r"--([\w-]+):(#\w+);", part)) == palette

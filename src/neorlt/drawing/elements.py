"""SVG elements, one function each: every text is escaped here, every colour is a name of the palette, every number has two digits.

A figure of few marks is put together from these without matplotlib, which a small server does not load.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

from neorlt.drawing.palette import colour

Anchor = Literal["start", "middle", "end"]


def sheet(body: str, name: str, title: str, description: str, view_box: str, size: tuple[float, float]) -> str:
    """The ``<svg>`` round a figure's body, with a title and a description for a reader who cannot see it.

    Parameters
    ----------
    body
        Elements, as the functions of this module give them.
    name
        Unique on the page; letters, digits and hyphens.
    title, description
        What it is, and what it shows.
    view_box, size
        As SVG has them; width and height in pixels.

    """
    return (
        f'<svg viewBox="{view_box}" width="{size[0]:.0f}" height="{size[1]:.0f}" role="img" '
        f'aria-labelledby="{name}-t {name}-d" stroke-linejoin="round">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(description)}</desc>{body}</svg>'
    )


def line(x1: float, y1: float, x2: float, y2: float, tone: str, width: float = 1.0, dashes: str = "none") -> str:
    """A straight line."""
    style = f"stroke: {colour(tone)}; stroke-width: {width:g}; stroke-dasharray: {dashes}"
    return f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" style="{style}"/>'


def text(
    x: float, y: float, words: str, tone: str = "ink", anchor: Anchor = "start", size_px: float = 13, *, bold: bool = False,
    turn_deg: float = 0,
) -> str:
    """Words with their base line at ``y``; a turn is about the place where they stand."""
    weight = "; font-weight: bold" if bold else ""
    style = f"fill: {colour(tone)}; font-family: sans-serif; font-size: {size_px:g}px; text-anchor: {anchor}{weight}"
    turned = f' transform="rotate({turn_deg:g} {_n(x)} {_n(y)})"' if turn_deg else ""
    return f'<text x="{_n(x)}" y="{_n(y)}" style="{style}"{turned}>{escape(words)}</text>'


def disc(x: float, y: float, radius: float, tone: str) -> str:
    """A filled circle."""
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" style="fill: {colour(tone)}"/>'


def diamond(x: float, y: float, radius: float, tone: str) -> str:
    """A filled square on its corner."""
    r = _n(radius)
    return f'<path d="M{_n(x)} {_n(y - radius)}l{r} {r}l-{r} {r}l-{r} -{r}z" style="fill: {colour(tone)}"/>'


def box(x: float, y: float, width: float, height: float, tone: str, edge: str) -> str:
    """A filled rectangle with an edge."""
    style = f"fill: {colour(tone)}; stroke: {colour(edge)}"
    return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" style="{style}"/>'


def arrow(points: Sequence[tuple[float, float]], tone: str, tip: float = 7.0) -> str:
    """A line through points with a filled tip at its last, which lies on an upright or level stretch."""
    (x0, y0), (x, y) = points[-2:]
    along = (0.0 if x == x0 else (1.0 if x > x0 else -1.0), 0.0 if y == y0 else (1.0 if y > y0 else -1.0))
    back, half = (x - tip * along[0], y - tip * along[1]), tip / 2
    across = (half * along[1], half * along[0])
    corners = [(x, y), (back[0] + across[0], back[1] + across[1]), (back[0] - across[0], back[1] - across[1])]
    shaft = " ".join(f"{_n(a)},{_n(b)}" for a, b in (*points[:-1], back))
    ends = " ".join(f"{_n(a)},{_n(b)}" for a, b in corners)
    return (f'<polyline points="{shaft}" style="fill: none; stroke: {colour(tone)}"/>'
            f'<polygon points="{ends}" style="fill: {colour(tone)}"/>')


def strip(marks: Iterable[tuple[float, str]], words: str) -> str:
    """A time axis as wide as its place on the page, with upright marks at per cents of its length; the page's style draws them.

    Parameters
    ----------
    marks
        Place in per cent, and the class by which the page's style knows the mark.
    words
        What it shows, for a reader who cannot see it.

    """
    def stroke(x1: float, x2: float, y1: float, y2: float, kind: str) -> str:
        place = f'x1="{_n(x1)}" x2="{_n(x2)}" y1="{_n(y1)}" y2="{_n(y2)}"'
        return f'<line {place} class="{escape(kind)}" vector-effect="non-scaling-stroke"/>'

    body = stroke(0, 100, 3, 3, "track") + "".join(stroke(place, place, 0.6, 5.4, kind) for place, kind in marks)
    return f'<svg viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="{escape(words)}">{body}</svg>'


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")

"""From a matplotlib figure to SVG that can stand inside a page: no outside reference, unique ids, page colours, a description.

The output is the same on every run: the hash salt is the figure's name and no date is written.
"""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from neorlt.drawing.elements import sheet
from neorlt.drawing.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH_PX = 880
"""Design width of a full-width figure; the page scales it down on paper and on small screens."""

WIDE_PX = 600
"""From this width on a figure is not shrunk to a telephone."""

_LOCK = threading.RLock()
_OPENING = re.compile(r'\s*<svg [^>]*?width="(?P<width>[\d.]+)"[^>]*>')
_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_FONT_FAMILY = re.compile(r"font-family: [^;\"]+")
_FONT_SHORT = re.compile(r"(font: [^;\"']*?)'DejaVu Sans'[^;\"]*")
_TAG = re.compile(r"<[^>]+>")
_STYLE = re.compile(r"style=\"[^\"]*\"")
_ID = re.compile(r'\bid="([^"]+)"')
_REFERENCE = re.compile(r'(xlink:href="#|url\(#)([^")]+)')


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """Hold matplotlib's settings for one figure; one thread at a time, because they are global to the process.

    Mathematical markup is off: a name that holds a dollar sign is a name.
    """
    import matplotlib

    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.parse_math": False,
        "axes.unicode_minus": True,
        "axes.formatter.use_mathtext": False,
        "font.family": "DejaVu Sans",
        "font.size": 11.5,
        "axes.titlesize": 12.5,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.titlepad": 8.0,
        "axes.labelsize": 11.5,
        "axes.labelcolor": LIGHT["muted"],
        "axes.edgecolor": LIGHT["rule"],
        "axes.linewidth": 0.8,
        "axes.grid": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": LIGHT["line"],
        "grid.linewidth": 0.8,
        "text.color": LIGHT["ink"],
        "xtick.color": LIGHT["rule"],
        "ytick.color": LIGHT["rule"],
        "xtick.labelcolor": LIGHT["muted"],
        "ytick.labelcolor": LIGHT["muted"],
        "xtick.labelsize": 11,
        "ytick.labelsize": 11,
        "legend.frameon": False,
        "legend.fontsize": 11,
        "lines.linewidth": 1.8,
        "lines.markersize": 6,
        "figure.dpi": 72,
        "savefig.dpi": 72,
        "savefig.facecolor": "none",
        "figure.facecolor": "none",
        "axes.facecolor": "none",
    }
    with _LOCK, matplotlib.rc_context(settings):
        yield


def new_figure(
    height_px: float,
    width_px: float = WIDTH_PX,
    *,
    margins_px: tuple[float, float, float, float] = (44, 8, 26, 42),
    gaps_px: tuple[float, float] = (0, 0),
    grid: tuple[int, int] = (1, 1),
) -> Figure:
    """Return an empty figure of this size in CSS pixels (one drawing unit is one pixel).

    Margins are given and not found by layout passes: those would take most of the time of a report.

    Parameters
    ----------
    height_px, width_px
        Size of the whole figure.
    margins_px
        Left, right, top and bottom margin around the panels.
    gaps_px
        Space between panels, across and down.
    grid
        Rows and columns of panels.

    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_px / 72.0, height_px / 72.0))
    left, right, top, bottom = margins_px
    rows, columns = grid
    panel_width = (width_px - left - right - gaps_px[0] * (columns - 1)) / columns
    panel_height = (height_px - top - bottom - gaps_px[1] * (rows - 1)) / rows
    figure.subplots_adjust(
        left=left / width_px,
        right=1 - right / width_px,
        bottom=bottom / height_px,
        top=1 - top / height_px,
        wspace=gaps_px[0] / panel_width,
        hspace=gaps_px[1] / panel_height,
    )
    return figure


def to_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """Return the figure as an ``<svg>`` element with ``role="img"``, a title and a description for a reader who cannot see it.

    Parameters
    ----------
    figure
        Drawn within :func:`drawing`.
    name
        Unique on the page; letters, digits and hyphens.
    title, description
        What it is, and what it shows.

    """
    stream = io.StringIO()
    with warnings.catch_warnings():
        # A letter that matplotlib's own font lacks is written as text all the same, and the reader's fonts show it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(stream, format="svg", metadata=_METADATA)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    head_end = text.index(">")
    match = re.search(r'viewBox="([\d. ]+)"', text[:head_end])
    if match is None:  # matplotlib always writes it
        raise RuntimeError("the figure has no viewBox")
    view_box, body = match.group(1), text[head_end + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*</defs>", "", body)
    used = {reference for tag in _TAG.findall(body) for _, reference in _REFERENCE.findall(tag)}
    body = _TAG.sub(lambda found: _tidy_tag(found.group(0), name, used), body)
    body = re.sub(r"\n\s*", "\n", body)
    width, height = view_box.split()[2:4]
    return sheet(body[: body.rindex("</svg>")], name, title, description, view_box, (float(width), float(height)))


def _tidy_tag(tag: str, name: str, used: set[str]) -> str:
    """One tag with ids of its own, a font that the page sets, and no more digits than a screen can show."""
    tag = _FONT_SHORT.sub(r"\1sans-serif", _FONT_FAMILY.sub("font-family: sans-serif", tag))
    tag = _ID.sub(lambda found: f'id="{name}-{found.group(1)}"' if found.group(1) in used else "", tag)
    tag = _REFERENCE.sub(lambda found: f"{found.group(1)}{name}-{found.group(2)}", tag)
    tag = tag.replace("xlink:href=", "href=").replace("<g >", "<g>")
    tag = re.sub(r" transform=\"rotate\(-?0 [^)]*\)\"", "", tag)
    return re.sub(r"(\d+\.\d\d)\d+", r"\1", tag)


def with_page_colours(svg: str) -> str:
    """Replace drawing colours by the page's CSS variables, so that a figure follows light and dark."""
    return _STYLE.sub(lambda found: _page_style(found.group(0)), svg)


def in_page(svg: str) -> str:
    """A figure in the colours of its page; a wide one in a box that can be moved sideways where a small screen would shrink its letters."""
    coloured = with_page_colours(svg)
    opening = _OPENING.match(coloured)
    if opening is None or float(opening["width"]) < WIDE_PX:
        return coloured
    named = re.search(r'aria-labelledby="([^" ]+)', opening.group(0))
    label = f' aria-labelledby="{named.group(1)}"' if named else ' aria-label="figure"'
    return f'<div class="wide" role="region" tabindex="0"{label}>{coloured}</div>'


def _page_style(style: str) -> str:
    for token, value in LIGHT.items():
        style = style.replace(value, f"var(--{token})")
    return style.replace("font-family: sans-serif", "font-family: var(--sans)")


def standalone(svg: str) -> str:
    """A figure as a file of its own: without the name space, which a page's figure does not need, a browser shows its source."""
    return svg if "xmlns=" in svg else svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)

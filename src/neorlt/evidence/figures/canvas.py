"""A matplotlib figure without a display and without global state, written as SVG."""

from __future__ import annotations

import io
from typing import Any
from xml.sax.saxutils import quoteattr


def new_figure(width_in: float, height_in: float) -> Any:
    """A figure that no window and no pyplot state knows of."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def as_svg(figure: Any, title: str) -> str:
    """SVG text; the same figure gives the same text (no date, fixed ids), and text stays text."""
    from matplotlib import rc_context

    stream = io.StringIO()
    with rc_context({"svg.hashsalt": "neorlt", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Title": title})
    return stream.getvalue().replace("<svg ", f'<svg role="img" aria-label={quoteattr(title)} ', 1)

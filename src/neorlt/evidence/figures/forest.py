"""Forest plot: every series with its exact interval, the pooled rate, the prediction interval, the crude sum."""

from __future__ import annotations

import re
import textwrap

from neorlt.drawing.axes import at_row_end, light_grid, rows_down, span
from neorlt.drawing.palette import colour
from neorlt.drawing.svg import WIDTH_PX, drawing, new_figure, standalone, to_svg
from neorlt.evidence.pooling import PooledRate

_LETTER_PX, _TITLE_LETTERS = 6.6, 104


def forest_svg(result: PooledRate, title: str = "Pooled rate", second: PooledRate | None = None) -> str:
    """Draw a pool as SVG, a second method below it where given; case reports stand apart and do not enter it."""
    rows: list[tuple[str, float, tuple[float, float] | None, str, str]] = []
    for study in result.studies:
        rows.append((f"{study.study}  {study.events}/{study.total}", study.events / study.total, study.exact_interval(), "s", "accent"))
    if result.pooled is not None and result.ci95 is not None:
        rows.append((f"pooled, k = {result.k}", result.pooled, result.ci95, "D", "warn"))
        if result.prediction95 is not None:
            rows.append(("a new centre (95 % prediction)", result.pooled, result.prediction95, "|", "warn"))
    if second is not None and second.pooled is not None and second.ci95 is not None:
        rows.append((f"pooled, {second.method}", second.pooled, second.ci95, "D", "c4"))
    if result.n:
        rows.append((f"plain sum  {result.events}/{result.n}", result.events / result.n, result.crude95, "o", "muted"))
    for study in result.case_reports:
        rows.append((f"case report: {study.study}  {study.events}/{study.total}", study.events / study.total, None, "x", "muted"))
    name = "forest-" + (re.sub("[^a-z0-9]+", "-", title.lower()).strip("-") or "pool")
    head = textwrap.fill(title if result.pooled is not None else f"{title}: {result.reason}", _TITLE_LETTERS)
    left = 20 + _LETTER_PX * max((len(row[0]) for row in rows), default=0)
    said = []
    with drawing(name):
        top = 22 + 16 * (head.count("\n") + 1)
        height = top + 46 + 27 * max(len(rows), 1)
        figure = new_figure(height, margins_px=(left, 116, top, 46))
        axes = figure.subplots()
        light_grid(axes, "x")
        rows_down(axes, [row[0] for row in rows])
        axes.set_xlim(0, 100)
        for y, (label, centre, interval, marker, tone) in enumerate(rows):
            low, high = interval or (centre, centre)
            span(axes, y, 100 * low, 100 * high, 100 * centre, tone, marker, 8)
            said.append(f"{label}: {100 * centre:.0f} %")
            if interval is not None:
                at_row_end(axes, y, f"{100 * centre:.0f} ({100 * low:.0f} to {100 * high:.0f})", size=11)
                said[-1] += f" ({100 * low:.0f} to {100 * high:.0f})"
        axes.set_xlabel("per cent (95 % interval)")
        figure.text(10 / WIDTH_PX, 1 - 6 / height, head, va="top", fontsize=12, weight="bold", color=colour("ink"))
        return standalone(to_svg(figure, name, title, "; ".join(said) + "."))

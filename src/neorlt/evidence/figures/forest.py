"""Forest plot: every series with its exact interval, the pooled rate, the prediction interval, the crude sum."""

from __future__ import annotations

from neorlt.evidence.figures.canvas import as_svg, new_figure
from neorlt.evidence.pooling import PooledRate


def forest_svg(result: PooledRate, title: str = "Pooled rate", second: PooledRate | None = None) -> str:
    """Draw a pool as SVG, a second method below it where given; case reports stand apart and do not enter it."""
    rows: list[tuple[str, float, tuple[float, float] | None, str, str]] = []
    for study in result.studies:
        rows.append((f"{study.study}  {study.events}/{study.total}", study.events / study.total, study.exact_interval(), "s", "#1f4e79"))
    if result.pooled is not None and result.ci95 is not None:
        rows.append((f"pooled, k = {result.k}", result.pooled, result.ci95, "D", "#a03020"))
        if result.prediction95 is not None:
            rows.append(("a new centre (95 % prediction)", result.pooled, result.prediction95, "|", "#a03020"))
    if second is not None and second.pooled is not None and second.ci95 is not None:
        rows.append((f"pooled, {second.method}", second.pooled, second.ci95, "D", "#7a5aa0"))
    if result.n:
        rows.append((f"plain sum  {result.events}/{result.n}", result.events / result.n, result.crude95, "o", "#777777"))
    for study in result.case_reports:
        rows.append((f"case report: {study.study}  {study.events}/{study.total}", study.events / study.total, None, "x", "#777777"))
    figure = new_figure(8.0, 1.2 + 0.34 * max(len(rows), 3))
    axes = figure.add_subplot()
    for index, (_, centre, interval, marker, colour) in enumerate(rows):
        y = len(rows) - index
        if interval is not None:
            axes.plot([100 * interval[0], 100 * interval[1]], [y, y], color=colour, linewidth=1.4)
        axes.plot([100 * centre], [y], marker=marker, color=colour, linestyle="none", clip_on=False)
        if interval is not None:
            axes.text(101.5, y, f"{100 * centre:.0f} ({100 * interval[0]:.0f} to {100 * interval[1]:.0f})", va="center", fontsize=8)
    axes.set_yticks(range(len(rows), 0, -1), [row[0] for row in rows], fontsize=8)
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent (95 % interval)")
    axes.set_title(title if result.pooled is not None else f"{title}: {result.reason}", fontsize=9, loc="left", wrap=True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return as_svg(figure, title)

"""A centre's own lesions beside what the shipped posterior predicts of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neorlt.drawing.axes import light_grid
from neorlt.drawing.palette import LIGHT
from neorlt.drawing.svg import drawing, new_figure, to_svg
from neorlt.reporting.figures.calibration import pit_panel


def draw_check(report: Mapping[str, Any]) -> str:
    """Return each lesion with its predicted intervals and what was seen, and the PIT of all, as SVG.

    The band of the PIT holds 90 % of the curves of a model that is right (independent uniform values; pointwise, from the binomial).

    Parameters
    ----------
    report
        What :func:`neorlt.response.centre.check` says; reads ``lesions`` and ``pit``.

    """
    rows = sorted(report["lesions"], key=lambda row: (row["median_pct"], row["line"]))
    inside = [abs(row["pit"] - 0.5) <= 0.45 for row in rows]
    with drawing("check"):
        figure = new_figure(360, grid=(1, 2), margins_px=(64, 16, 40, 50), gaps_px=(70, 0))
        left, right = figure.subplots(1, 2)
        for at, (row, held) in enumerate(zip(rows, inside, strict=True)):
            left.plot([at] * 2, row["interval90_pct"], color=LIGHT["line"], linewidth=5, solid_capstyle="butt")
            left.plot([at] * 2, row["interval50_pct"], color=LIGHT["rule"], linewidth=5, solid_capstyle="butt")
            left.plot(at, row["seen_pct"], "o" if held else "X", color=LIGHT["ink"], markersize=4 if held else 6)
        left.axhline(0, color=LIGHT["muted"], linewidth=0.8)
        left.set_xticks([])
        left.set_xlabel("lesions, by what is predicted")
        left.set_ylabel("change of diameter (%)")
        left.set_title(f"{sum(inside)} of {len(rows)} inside 90 %", pad=8)
        light_grid(left)
        pit_panel(right, report["pit"])
        right.set_title("PIT", pad=8)
        return to_svg(figure, "check", "A centre's lesions against the shipped posterior",
                      "Left: 90 % and 50 % intervals; dots: seen inside 90 %; crosses: seen outside. Right: a right model follows the "
                      "diagonal; the band holds 90 % of such curves at each point.")

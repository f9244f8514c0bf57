"""Cumulative dose–volume histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neorlt.drawing.axes import legend_above, light_grid, per_cent
from neorlt.drawing.palette import colour, dash, series
from neorlt.drawing.svg import drawing, new_figure, to_svg
from neorlt.reporting.rounding import number


def dose_volume(histograms: Sequence[Mapping[str, Any]], name: str, title: str) -> str | None:
    """Draw the share of each region that receives at least a dose; None where no region has a curve.

    Parameters
    ----------
    histograms
        Rows of ``dvh[]`` with ``name``, ``dose_gy``, ``volume_fraction`` (1 at 0 Gy, falling).
    name, title
        Unique name of the figure on the page, and its title.

    """
    shown = [row for row in histograms if row.get("dose_gy") and row.get("volume_fraction")]
    if not shown:
        return None
    rows = -(-len(shown) // 3)
    with drawing(name):
        figure = new_figure(270 + 18 * rows, 430, margins_px=(66, 14, 8 + 18 * rows, 42))
        axes = figure.subplots()
        light_grid(axes)
        for index, row in enumerate(shown):
            fraction = [100 * float(value) for value in row["volume_fraction"]]
            axes.plot(row["dose_gy"], fraction, color=series(index), ls=dash(index // 8 + index % 2), label=str(row.get("name", "")))
        axes.set_xlim(left=0)
        axes.set_ylim(0, 102)
        per_cent(axes, "y")
        axes.set_xlabel("Absorbed dose (Gy)")
        axes.set_ylabel("Volume with at least this dose", color=colour("muted"))
        legend_above(axes, 3, left=-0.08, handlelength=2.2, columnspacing=1.4)
        said = "; ".join(
            f"{row.get('name', '')}: half of the volume has at least {number(row['d50_gy'])} Gy" for row in shown if "d50_gy" in row
        )
        return to_svg(figure, name, title, said + "." if said else title)

"""What figures say beside their axes: rows by name, values at a row's end, levels, percentages, a legend above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neorlt.drawing.palette import colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHED = (0, (4, 3))
"""Line style of what is no data: a level, a limit, a course for comparison."""


def light_grid(axes: Axes, axis: str = "y") -> None:
    """Draw quiet grid lines behind the data."""
    axes.grid(True, axis=axis)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def rows_down(axes: Axes, names: Sequence[str], *, top: float = -0.6, size: float | None = None, tone: str | None = None) -> None:
    """Name the rows of a figure at its left, number 0 at the top, without marks on the axis."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, top)
    looks = {"labelsize": size, "labelcolor": tone and colour(tone)}
    axes.tick_params(axis="y", length=0, **{key: value for key, value in looks.items() if value is not None})


def at_row_end(axes: Axes, y: float, words: str, *, gap_px: float = 14, size: float = 11.5, tone: str = "ink") -> None:
    """Write at the right of the panel, at the height of a row or a level."""
    axes.annotate(
        words, (1.0, y), xytext=(gap_px, 0), textcoords="offset points", xycoords=("axes fraction", "data"), va="center",
        fontsize=size, color=colour(tone),
    )  # fmt: skip


def below(axes: Axes, x: float | None, down_px: float, words: str, tone: str) -> None:
    """Write below the panel, under a value of its axis or, with None, before its left edge."""
    axes.annotate(
        words, (x or 0.0, 0), xytext=(0 if x is not None else -26, -down_px), textcoords="offset points",
        xycoords=("data" if x is not None else "axes fraction", "axes fraction"), ha="center" if x is not None else "right", va="top",
        color=tone, fontsize=11,
    )  # fmt: skip


def level(axes: Axes, *, x: float | None = None, y: float | None = None, width: float = 0.9, words: str = "") -> None:
    """Draw a level through the whole panel, dashed; its name stands at the right of the panel."""
    if x is not None:
        axes.axvline(x, color=colour("rule"), lw=width, ls=DASHED)
    if y is not None:
        axes.axhline(y, color=colour("rule"), lw=width, ls=DASHED)
        if words:
            at_row_end(axes, y, words, gap_px=6, size=10.5, tone="muted")


def span(axes: Axes, y: float, low: float, high: float, centre: float, tone: str, marker: str = "s", size: float = 7) -> None:
    """An interval along a row, with a mark at its centre: whole at the panel's edge, absent beyond it. The axis has its limits by now."""
    left, right = axes.get_xlim()
    axes.plot([low, high], [y, y], color=colour(tone), lw=1.8)
    axes.plot([centre], [y], marker, color=colour(tone), ms=size, clip_on=not left <= centre <= right)


def per_cent(axes: Axes, axis: str) -> None:
    """Quarters of a whole as ticks of the ``x`` or ``y`` axis; the last carries the unit."""
    set_ticks = axes.set_xticks if axis == "x" else axes.set_yticks
    set_ticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])


def log_ticks(axes: Axes, ticks: Sequence[float]) -> None:
    """A logarithmic axis across, with these ticks as plain numbers."""
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def legend_above(axes: Axes, columns: int, left: float = 0.0, **spacing: float) -> None:
    """The legend over the panel, where it hides no data."""
    axes.legend(loc="lower left", bbox_to_anchor=(left, 1.0), ncols=columns, borderaxespad=0.2, **spacing)

"""Figures of the choice: benefit against harm of the schemes that were searched, and Sobol indices of who benefits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neorlt.drawing.axes import light_grid, rows_down
from neorlt.drawing.palette import colour
from neorlt.drawing.svg import drawing, new_figure, to_svg
from neorlt.reporting.views.cells import block, maps


def _point(row: Mapping[str, Any], benefit: str) -> tuple[float, float] | None:
    values = block(row.get("objectives"))
    good = block(values.get(benefit)).get("mean")
    harms = [block(values.get(name)).get("mean") for name in ("p_kidney_over", "p_blood_grade34", "p_secondary_neoplasm")]
    known = [float(harm) for harm in harms if harm is not None]
    return None if good is None or not known else (max(known), float(good))


def benefit_against_harm(search: Mapping[str, Any]) -> str | None:
    """Screened schemes as a cloud, the front as points, the first of them marked; None where no benefit is known."""
    front, chosen = maps(search.get("front")), block(search.get("chosen"))
    name = "p_resectable" if _point(chosen, "p_resectable") is not None else "p_objective_response"
    marked = _point(chosen, name)
    if marked is None:
        return None
    with drawing("search"):
        figure = new_figure(330, margins_px=(64, 12, 14, 46))
        axes = figure.subplots()
        cloud = block(search.get("cloud"))
        axes.plot(100 * np.array(cloud.get("harm", [])), 100 * np.array(cloud.get("benefit", [])), ".", ms=4, color=colour("rule"),
                  label="screened")
        points = [p for p in (_point(row, name) for row in front) if p is not None]
        axes.plot([100 * p[0] for p in points], [100 * p[1] for p in points], "o", ms=6, color=colour("bar"),
                  label="no other scheme within the limits dominates it")
        references = [(row, _point(row, name)) for row in maps(search.get("references"))]
        known = [p for _, p in references if p is not None]
        axes.plot([100 * p[0] for p in known], [100 * p[1] for p in known], "s", ms=7, mfc="none", color=colour("ink"),
                  label="for comparison")
        axes.plot([100 * marked[0]], [100 * marked[1]], "D", ms=9, color=colour("warn"), label="stands first")
        axes.set_xlabel("largest of the chances of harm: kidney, blood, secondary neoplasm (%)")
        axes.set_ylabel("resectable at surgery (%)" if name == "p_resectable" else "objective response (%)")
        light_grid(axes, "both")
        axes.legend(loc="best")
        return to_svg(figure, "search", "Benefit against harm of the schemes searched",
                      f"The chosen scheme has a chance of benefit of {100 * marked[1]:.0f} % at a largest chance of harm of "
                      f"{100 * marked[0]:.0f} %.")


def sobol_bars(features: Sequence[Mapping[str, Any]], outcome: str, name: str, title: str) -> str:
    """Total (wide) and first-order (narrow) Sobol indices of each feature with their 95 % interval."""
    rows = sorted(features, key=lambda row: -float(block(row.get(outcome)).get("total", 0.0)))
    with drawing(name):
        figure = new_figure(64 + 44 * len(rows), margins_px=(310, 20, 26, 40))
        axes = figure.subplots()
        said = []
        for y, row in enumerate(rows):
            values = block(row.get(outcome))
            total, first, half = float(values["total"]), float(values["first"]), float(values["total_half_width95"])
            axes.barh(y, max(total, 0.0), height=0.6, color=colour("tint"), label="total" if y == 0 else None)
            axes.barh(y, max(first, 0.0), height=0.28, color=colour("accent"), label="alone" if y == 0 else None)
            axes.plot([total - half, total + half], [y, y], color=colour("ink"), lw=1.4)
            said.append(f"{row.get('text')} {total:.2f}")
        rows_down(axes, [str(row.get("text")) for row in rows])
        axes.set_xlim(left=0)
        axes.set_xlabel("share of the variance of the gain (Sobol index)")
        axes.set_title(title)
        axes.legend(loc="lower right")
        return to_svg(figure, name, title, "; ".join(said) + ".")

"""Schemes side by side: probabilities with intervals, and kidney dose against its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neorlt.drawing.axes import level, per_cent, rows_down
from neorlt.drawing.palette import colour
from neorlt.drawing.svg import drawing, new_figure, to_svg
from neorlt.reporting.rounding import given, interval, is_number, joined, percent, percent_span

ENDPOINTS = (
    ("p_objective_response", "Objective response", ("objective response", "objective_response", "p_objective_response", "orr")),
    (
        "p_resectable",
        "Resectable at surgery",
        ("resectable", "resectability", "p_resectable", "surgery", "resection", "resected"),
    ),
)
"""Key of the probability, its title, and the endpoint names of published rates that may stand beside it."""


def matching_rate(rates: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Mapping[str, Any] | None:
    """Return the first published rate whose endpoint carries one of these names."""
    for rate in rates:
        if str(rate.get("endpoint", "")).strip().lower() in names:
            return rate
    return None


def _ends(value: Any) -> tuple[float, float] | None:
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2 and all(map(is_number, value)):
        return float(value[0]), float(value[1])
    return None


def probability_bars(schemes: Sequence[Mapping[str, Any]], letters: Sequence[str], rates: Sequence[Mapping[str, Any]]) -> str:
    """Bars of both probabilities for each scheme, 90 % interval as a line, the published rate as a band behind.

    Parameters
    ----------
    schemes
        ``schemes[]`` of the plan document.
    letters
        The letter by which the report calls each scheme.
    rates
        ``baseline_rates[]``: what all published patients had, whoever they were.

    """
    from matplotlib.patches import Rectangle

    with drawing("probabilities"):
        figure = new_figure(58 + 40 * len(schemes), margins_px=(26, 4, 30, 28), gaps_px=(30, 0), grid=(1, 2))
        panels = figure.subplots(1, 2, sharey=True)
        said = []
        for axes, (key, title, names) in zip(panels, ENDPOINTS, strict=True):
            rate = matching_rate(rates, names)
            band = _ends(rate.get("ci95")) if rate is not None else None
            if rate is not None and band is not None:
                axes.add_patch(Rectangle((100 * band[0], -0.6), 100 * (band[1] - band[0]), len(schemes) + 0.2, color=colour("tint"), lw=0))
                level(axes, x=100 * float(rate["events"]) / float(rate["n"]), width=1)
            for row, scheme in enumerate(schemes):
                value, ends = scheme.get(key), _ends(scheme.get(f"{key}_ci90"))
                if not is_number(value):
                    axes.text(1.5, row, "not available", va="center", color=colour("muted"), style="italic")
                    continue
                axes.barh(row, 100 * value, height=0.5, color=colour("bar"), zorder=2)
                if ends is not None:
                    axes.plot([100 * ends[0], 100 * ends[1]], [row, row], color=colour("ink"), lw=1.4, zorder=3, solid_capstyle="butt")
                    for end in ends:
                        axes.plot([100 * end, 100 * end], [row - 0.13, row + 0.13], color=colour("ink"), lw=1.4, zorder=3)
                axes.text(104, row, percent(value), va="center", weight="bold", zorder=4)
                said.append(
                    f"{letters[row]} {title.lower()} {percent(value)} ({percent_span(ends)})"
                    if ends
                    else f"{letters[row]} {percent(value)}"
                )
            axes.set_title(title)
            axes.set_xlim(0, 118)
            per_cent(axes, "x")
            rows_down(axes, letters[: len(schemes)], size=12.5, tone="ink")
            axes.tick_params(axis="x", length=3)
            axes.spines["left"].set_color(colour("rule"))
        return to_svg(figure, "probabilities", "Probability of each endpoint by scheme", "; ".join(said) + ".")


def kidney_bed(schemes: Sequence[Mapping[str, Any]], letters: Sequence[str]) -> str | None:
    """Kidney BED of each scheme as median and 90 % interval against the limit; None where no scheme has one."""
    rows = [
        (row, letters[index], scheme["kidney_bed_gy"])
        for row, (index, scheme) in enumerate((i, s) for i, s in enumerate(schemes) if interval(s.get("kidney_bed_gy")) is not None)
    ]
    if not rows:
        return None
    with drawing("kidney-bed"):
        figure = new_figure(72 + 34 * len(rows), margins_px=(26, 4, 28, 44))
        axes = figure.subplots()
        reach = max(float(block["median"]) for _, _, block in rows)
        limits = [float(block["limit_gy"]) for _, _, block in rows if is_number(block.get("limit_gy"))]
        for row, _, block in rows:
            ends = _ends(block.get("ci90"))
            if ends is not None:
                axes.plot(ends, [row, row], color=colour("accent"), lw=2.6, solid_capstyle="round", zorder=2)
                reach = max(reach, ends[1])
            axes.plot([block["median"]], [row], "o", color=colour("accent"), ms=8, zorder=3)
        reach = max([reach, *limits])
        if limits and min(limits) == max(limits):
            axes.axvline(limits[0], color=colour("warn"), lw=1.4, ls=(0, (5, 3)), zorder=1)
            axes.text(limits[0], -0.72, f"limit {given(limits[0])} Gy", color=colour("warn"), ha="center", va="bottom", weight="bold")
        said = []
        for row, letter, block in rows:
            shown = interval(block)
            text = f"{shown[0]} Gy" if shown else ""
            over = percent(block.get("p_over_limit"))
            if over is not None:
                text += f", {over} over the limit"
            axes.text(reach * 1.03, row, text, va="center", zorder=4)
            said.append(f"{letter} {text}")
        axes.set_xlim(0, reach * 1.34)
        rows_down(axes, [letter for _, letter, _ in rows], top=-0.7, size=12.5, tone="ink")
        axes.set_xlabel("Kidney BED, all cycles together (Gy)")
        return to_svg(figure, "kidney-bed", "Kidney biologically effective dose by scheme", joined(said) + ".")

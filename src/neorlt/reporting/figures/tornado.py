"""Tornado of a dose: how far each uncertainty alone would move it, widest on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neorlt.drawing.axes import rows_down
from neorlt.drawing.palette import colour
from neorlt.drawing.svg import drawing, new_figure, to_svg
from neorlt.reporting.rounding import given, is_number, percent

HALF_PX = 432
"""Width of a figure of which two stand side by side."""


def tornado_bars(name: str, bars: Sequence[Mapping[str, Any]], key: str) -> str | None:
    """Bars of one region; None where no part has both ends.

    Parameters
    ----------
    name
        Of the region.
    bars
        ``uncertainty[region]`` of the plan document: part, low_gy, high_gy, share of the variance.
    key
        Distinguishes the figure's ids within the page.

    """
    drawn = [bar for bar in bars if is_number(bar.get("low_gy")) and is_number(bar.get("high_gy"))]
    if not drawn:
        return None
    middle = (float(drawn[0]["low_gy"]) * float(drawn[0]["high_gy"])) ** 0.5
    low, high = min(float(bar["low_gy"]) for bar in drawn), max(float(bar["high_gy"]) for bar in drawn)
    with drawing(key):
        figure = new_figure(64 + 26 * len(drawn), HALF_PX, margins_px=(150, 4, 6, 42))
        axes = figure.subplots()
        span = max(high - low, 1e-9)
        for row, bar in enumerate(drawn):
            axes.barh(row, float(bar["high_gy"]) - float(bar["low_gy"]), left=float(bar["low_gy"]), height=0.62, color=colour("bar"))
            axes.text(float(bar["high_gy"]) + 0.03 * span, row, percent(bar.get("share")) or "", va="center")
        axes.axvline(middle, color=colour("ink"), lw=1.2)
        axes.set_xlim(low - 0.03 * span, high + 0.2 * span)
        rows_down(axes, [str(bar.get("part", "")) for bar in drawn], tone="ink")
        axes.set_xlabel("Dose (Gy)")
        said = "; ".join(
            f"{bar.get('part')} {given(bar['low_gy'])} to {given(bar['high_gy'])} Gy, {percent(bar.get('share'))} of the variance"
            for bar in drawn
        )
        return to_svg(figure, key, f"What the dose of {name} hangs on", said + ".")

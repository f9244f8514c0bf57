"""Time–activity curves: the measured points, and the fitted curve with its band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neorlt.drawing.axes import light_grid
from neorlt.drawing.palette import colour
from neorlt.drawing.svg import drawing, new_figure, to_svg
from neorlt.reporting.rounding import number


def time_activity(curve: Mapping[str, Any], name: str) -> str:
    """Draw one curve of ``curves[]``: points with one standard deviation, fit with 90 % band, points before correction hollow.

    Parameters
    ----------
    curve
        Keys ``time_h``, ``activity_mbq``; optional ``sd_mbq``, ``uncorrected_mbq``, ``fit_time_h``, ``fit_median``,
        ``fit_low``, ``fit_high``.
    name
        Unique name of the figure on the page.

    """
    time_h = np.asarray(curve["time_h"], dtype=float)
    activity_mbq = np.asarray(curve["activity_mbq"], dtype=float)
    with drawing(name):
        figure = new_figure(220, 288, margins_px=(50, 14, 8, 42))
        axes = figure.subplots()
        light_grid(axes)
        if curve.get("fit_time_h") is not None and curve.get("fit_median") is not None:
            fit_time_h = np.asarray(curve["fit_time_h"], dtype=float)
            if curve.get("fit_low") is not None and curve.get("fit_high") is not None:
                axes.fill_between(fit_time_h, curve["fit_low"], curve["fit_high"], color=colour("tint"), lw=0)
            axes.plot(fit_time_h, curve["fit_median"], color=colour("accent"))
        if curve.get("uncorrected_mbq") is not None:
            axes.plot(time_h, curve["uncorrected_mbq"], "o", mfc="none", mec=colour("muted"), mew=1.2, ms=5.5)
        axes.errorbar(
            time_h,
            activity_mbq,
            yerr=curve.get("sd_mbq"),
            fmt="o",
            color=colour("ink"),
            ms=5.5,
            elinewidth=1.2,
            capsize=2.5,
            zorder=4,
        )
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        axes.set_xlabel("Hours after injection")
        axes.set_ylabel("Activity (MBq)")
        described = ", ".join(f"{number(a)} MBq at {number(t)} h" for t, a in zip(time_h, activity_mbq, strict=True))
        return to_svg(figure, name, f"Activity over time: {curve.get('name', '')}", described + ".")

"""Funnel plot of logit proportions: only with ten series or more, below which it misleads."""

from __future__ import annotations

import numpy as np
from scipy import special

from neorlt.core.errors import InputError
from neorlt.drawing.axes import DASHED
from neorlt.drawing.palette import colour
from neorlt.drawing.svg import drawing, new_figure, standalone, to_svg
from neorlt.evidence.pooling import PooledRate

MINIMUM_SERIES = 10


def funnel_svg(result: PooledRate, title: str = "Funnel plot") -> str:
    """Draw standard error against logit proportion.

    Raises:
        InputError: fewer than ten series, or no pooled rate strictly between 0 and 1.

    """
    if result.k < MINIMUM_SERIES:
        raise InputError(
            "too few series for a funnel plot",
            expected=f"at least {MINIMUM_SERIES}",
            found=str(result.k),
            remedy="judge publication bias in words: with so few series a funnel cannot show it",
        )
    if result.pooled is None or not 0 < result.pooled < 1:
        raise InputError("no pooled rate between 0 and 1", remedy="a funnel has no axis here")
    events = np.array([study.events for study in result.studies], dtype=float)
    totals = np.array([study.total for study in result.studies], dtype=float)
    half = np.where((events == 0) | (events == totals), 0.5, 0.0)
    effect = np.log((events + half) / (totals - events + half))
    error = np.sqrt(1 / (events + half) + 1 / (totals - events + half))
    centre = float(special.logit(result.pooled))
    top = float(error.max()) * 1.1
    with drawing("funnel"):
        figure = new_figure(340, 430, margins_px=(60, 12, 30, 46))
        axes = figure.subplots()
        axes.plot([centre - 1.96 * top, centre, centre + 1.96 * top], [top, 0, top], color=colour("rule"), ls=DASHED)
        axes.axvline(centre, color=colour("warn"), lw=1.2)
        axes.plot(effect, error, "o", color=colour("accent"))
        axes.set_ylim(top, 0)
        axes.set_xlabel("logit of the proportion")
        axes.set_ylabel("standard error")
        axes.set_title(title)
        said = f"{result.k} series about a pooled proportion of {100 * result.pooled:.0f} %; dashed: where 95 % of series alike would lie."
        return standalone(to_svg(figure, "funnel", title, said))

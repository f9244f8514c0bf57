"""Funnel plot of logit proportions: only with ten series or more, below which it misleads."""

from __future__ import annotations

import numpy as np
from scipy import special

from neorlt.core.errors import InputError
from neorlt.evidence.figures.canvas import as_svg, new_figure
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
    figure = new_figure(5.5, 4.5)
    axes = figure.add_subplot()
    top = float(error.max()) * 1.1
    axes.plot([centre - 1.96 * top, centre, centre + 1.96 * top], [top, 0, top], color="#999999", linestyle="--")
    axes.axvline(centre, color="#a03020", linewidth=1)
    axes.plot(effect, error, "o", color="#1f4e79")
    axes.set_ylim(top, 0)
    axes.set_xlabel("logit of the proportion")
    axes.set_ylabel("standard error")
    axes.set_title(title, loc="left", fontsize=9)
    return as_svg(figure, title)

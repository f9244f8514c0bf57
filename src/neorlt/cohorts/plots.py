"""Pictures of a cohort, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neorlt.cohorts.survival import KaplanMeier

INK, SECOND, THIRD = "#1b3a57", "#b3541e", "#4d7c4d"
COLOURS = {"CR": THIRD, "PR": "#6ea06e", "SD": "#8a97a6", "PD": SECOND, "NE": "#c9c9c9"}


def _axes(width: float = 6.0, height: float = 3.4) -> tuple[Any, Any]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, figure.subplots()


def _svg(figure: Any) -> str:
    import matplotlib

    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "neorlt", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def waterfall(rows: Sequence[Mapping[str, Any]]) -> str:
    """Best change of the sum of diameters, one bar a patient."""
    figure, axis = _axes()
    for name, colour in COLOURS.items():
        index = [i for i, row in enumerate(rows) if row["response"] == name]
        if index:
            axis.bar(index, [rows[i]["best_change_pct"] for i in index], color=colour, width=0.9, label=name)
    for level in (-30.0, 20.0):
        axis.axhline(level, color="0.6", lw=0.8, ls=":")
    axis.axhline(0.0, color="0.3", lw=0.8)
    axis.set_xticks([])
    axis.set_xlabel("patients")
    axis.set_ylabel("best change of the sum (%)")
    axis.legend(frameon=False, fontsize=8, loc="upper right")
    return _svg(figure)


def curves(groups: Mapping[str, KaplanMeier], follow_up: Mapping[str, float], x_label: str = "months from baseline") -> str:
    """Kaplan–Meier curves with log-log bands."""
    figure, axis = _axes()
    for (name, km), colour in zip(groups.items(), (INK, SECOND, THIRD, "#8a5a9e"), strict=False):
        end = max(follow_up[name], float(km.time[-1]) if km.time.size else 0.0)
        time = np.concatenate([[0.0], km.time, [end]])
        last = km.survival[-1] if km.survival.size else 1.0
        axis.step(time, np.concatenate([[1.0], km.survival, [last]]), where="post", color=colour, label=f"{name} (n = {km.n})")
        if km.time.size:
            band = np.array([km.interval(float(t)) for t in km.time])
            axis.fill_between(
                km.time,
                np.nan_to_num(band[:, 0]),
                np.nan_to_num(band[:, 1], nan=0.0),
                step="post",
                color=colour,
                alpha=0.15,
                lw=0,
            )
    axis.set_ylim(0, 1.02)
    axis.set_xlim(left=0)
    axis.set_xlabel(x_label)
    axis.set_ylabel("alive")
    axis.legend(frameon=False, fontsize=8, loc="upper right")
    return _svg(figure)


def balance(found: Mapping[str, Any]) -> str:
    """Absolute standardised differences before and after weighting and matching."""
    figure, axis = _axes()
    rows = np.arange(len(found["names"]))
    for key, marker, colour in (("before", "o", "0.55"), ("weighted", "s", INK), ("matched", "^", SECOND)):
        if found.get(key) is not None:
            axis.plot(np.abs(found[key]), rows, marker, color=colour, label=key)
    axis.axvline(0.1, color="0.6", lw=0.8, ls=":")
    axis.set_yticks(rows, found["names"])
    axis.set_xlim(left=0)
    axis.set_xlabel("absolute standardised difference")
    axis.legend(frameon=False, fontsize=8, loc="upper right")
    return _svg(figure)

"""Pictures of operating characteristics, as SVG text."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neorlt.trials.designs.group_sequential import GroupSequential
from neorlt.trials.designs.safety import SafetyBoundary, stopping
from neorlt.trials.designs.simon import TwoStage, expected_size
from neorlt.trials.designs.simon import reject_probability as simon_reject
from neorlt.trials.designs.single_stage import SingleStage

INK = "#1b3a57"
SECOND = "#b3541e"


def _axes(width: float = 7.0, height: float = 3.2, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure, figure.subplots(1, columns)


def to_svg(figure: Any) -> str:
    """The figure as SVG text, the same bytes for the same picture."""
    import matplotlib

    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "neorlt", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def plot_two_stage(designs: Mapping[str, TwoStage], p0: float, p1: float) -> str:
    """Chance of a positive trial and expected size against the true response rate."""
    figure, (left, right) = _axes(columns=2)
    rates = np.linspace(0.005, min(0.99, 2 * p1), 120)
    for colour, (name, d) in zip((INK, SECOND, "#4d7c4d", "#777777"), designs.items(), strict=False):
        left.plot(
            rates,
            [simon_reject(float(p), d.r1, d.n1, d.r, d.n) for p in rates],
            color=colour,
            label=f"{name}: {d.r1}/{d.n1}, {d.r}/{d.n}",
        )
        right.plot(rates, [expected_size(float(p), d.r1, d.n1, d.n)[0] for p in rates], color=colour)
    for axis in (left, right):
        axis.axvline(p0, color="0.6", lw=0.8, ls=":")
        axis.axvline(p1, color="0.6", lw=0.8, ls=":")
        axis.set_xlabel("true response rate")
    left.set_ylabel("chance of a positive trial")
    left.legend(frameon=False, fontsize=8)
    right.set_ylabel("expected patients")
    return to_svg(figure)


def plot_power(design: SingleStage, p0: float, p1: float) -> str:
    """Chance of a positive single-stage trial against the true rate."""
    from neorlt.trials.designs._binomial import tail

    return plot_curve(
        lambda p: tail(p, design.n, design.r),
        np.linspace(0.005, min(0.99, 2 * p1), 150),
        (p0, p1),
        "true response rate",
        "chance of a positive trial",
        f"{design.cutoff} or more of {design.n}",
    )


def plot_curve(
    function: Callable[[float], float], grid: Any, marks: Sequence[float], x_label: str, y_label: str, name: str
) -> str:
    """One curve with marked abscissae."""
    figure, axis = _axes(width=4.5)
    axis.plot(grid, [function(float(v)) for v in grid], color=INK, label=name)
    for mark in marks:
        axis.axvline(mark, color="0.6", lw=0.8, ls=":")
    axis.set_xlabel(x_label)
    axis.set_ylabel(y_label)
    axis.legend(frameon=False, fontsize=8)
    return to_svg(figure)


def plot_group_sequential(designs: Mapping[str, GroupSequential]) -> str:
    """Critical values and level spent against information."""
    figure, (left, right) = _axes(columns=2)
    for colour, (name, d) in zip((INK, SECOND, "#4d7c4d", "#8a5a9e", "#777777"), designs.items(), strict=False):
        left.plot(d.information, d.z, marker="o", ms=3, color=colour, label=name)
        right.plot((0.0, *d.information), (0.0, *d.cumulative_alpha), marker="o", ms=3, color=colour)
    left.set_ylabel("critical value z")
    right.set_ylabel("one-sided level spent")
    for axis in (left, right):
        axis.set_xlabel("information fraction")
    left.legend(frameon=False, fontsize=8)
    return to_svg(figure)


def plot_safety(design: SafetyBoundary) -> str:
    """The boundary, and the chance of stopping against the true event rate."""
    figure, (left, right) = _axes(columns=2)
    shown = [(k, b) for k, b in zip(design.looks, design.bounds, strict=True) if b <= k]
    if shown:
        left.step(*zip(*shown, strict=True), where="post", color=SECOND)
    left.set_xlabel("patients")
    left.set_ylabel("events that stop the trial")
    rates = np.linspace(0.01, min(0.99, 3 * design.acceptable_rate), 80)
    right.plot(rates, [stopping(float(p), design.looks, design.bounds)[0] for p in rates], color=INK)
    right.axvline(design.acceptable_rate, color="0.6", lw=0.8, ls=":")
    right.set_xlabel("true event rate")
    right.set_ylabel("chance of stopping")
    return to_svg(figure)

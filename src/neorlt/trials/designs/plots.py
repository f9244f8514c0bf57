"""Pictures of operating characteristics, as SVG text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from neorlt.drawing.axes import level, light_grid
from neorlt.drawing.palette import dash, series
from neorlt.drawing.svg import drawing, new_figure, standalone, to_svg
from neorlt.trials.designs.group_sequential import GroupSequential
from neorlt.trials.designs.safety import SafetyBoundary, stopping
from neorlt.trials.designs.simon import TwoStage, expected_size
from neorlt.trials.designs.simon import reject_probability as simon_reject
from neorlt.trials.designs.single_stage import SingleStage


@contextmanager
def _panels(name: str, columns: int = 1) -> Iterator[tuple[Any, list[Any]]]:
    """A figure of one or two panels with quiet grids, to be drawn and written inside the block."""
    with drawing(name):
        size = (250, 780) if columns == 2 else (250, 460)
        figure = new_figure(*size, margins_px=(56, 12, 12, 46), gaps_px=(70, 0), grid=(1, columns))
        panels = list(np.ravel(figure.subplots(1, columns)))
        for axes in panels:
            light_grid(axes)
        yield figure, panels


def plot_two_stage(designs: Mapping[str, TwoStage], p0: float, p1: float) -> str:
    """Chance of a positive trial and expected size against the true response rate."""
    rates = np.linspace(0.005, min(0.99, 2 * p1), 120)
    with _panels("two-stage", 2) as (figure, (left, right)):
        for k, (name, d) in enumerate(designs.items()):
            label = f"{name}: {d.r1}/{d.n1}, {d.r}/{d.n}"
            left.plot(rates, [simon_reject(float(p), d.r1, d.n1, d.r, d.n) for p in rates], color=series(k), ls=dash(k), label=label)
            right.plot(rates, [expected_size(float(p), d.r1, d.n1, d.n)[0] for p in rates], color=series(k), ls=dash(k))
        for axes in (left, right):
            level(axes, x=p0)
            level(axes, x=p1)
            axes.set_xlabel("true response rate")
        left.set_ylabel("chance of a positive trial")
        left.legend()
        right.set_ylabel("expected patients")
        said = "; ".join(f"{name}: {d.r1}/{d.n1}, then {d.r}/{d.n}" for name, d in designs.items())
        return standalone(to_svg(figure, "two-stage", "Chance of a positive trial, and its size", f"{said}. Dashed: {p0:g} and {p1:g}."))


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
    with _panels("curve") as (figure, (axes,)):
        axes.plot(grid, [function(float(v)) for v in grid], color=series(0), label=name)
        for mark in marks:
            level(axes, x=mark)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.legend()
        said = f"{name}; {', '.join(f'{function(float(mark)):.3g} at {mark:g}' for mark in marks)}."
        return standalone(to_svg(figure, "curve", f"{y_label} against {x_label}", said))


def plot_group_sequential(designs: Mapping[str, GroupSequential]) -> str:
    """Critical values and level spent against information."""
    with _panels("group-sequential", 2) as (figure, (left, right)):
        for k, (name, d) in enumerate(designs.items()):
            left.plot(d.information, d.z, marker="o", ms=4, color=series(k), ls=dash(k), label=name)
            right.plot((0.0, *d.information), (0.0, *d.cumulative_alpha), marker="o", ms=4, color=series(k), ls=dash(k))
        left.set_ylabel("critical value z")
        right.set_ylabel("one-sided level spent")
        for axes in (left, right):
            axes.set_xlabel("information fraction")
        left.legend()
        said = "; ".join(f"{name}: z {', '.join(f'{z:.3g}' for z in d.z)}" for name, d in designs.items())
        return standalone(to_svg(figure, "group-sequential", "Critical values and level spent at each look", f"{said}."))


def plot_safety(design: SafetyBoundary) -> str:
    """The boundary, and the chance of stopping against the true event rate."""
    shown = [(k, b) for k, b in zip(design.looks, design.bounds, strict=True) if b <= k]
    rates = np.linspace(0.01, min(0.99, 3 * design.acceptable_rate), 80)
    with _panels("safety", 2) as (figure, (left, right)):
        if shown:
            left.step(*zip(*shown, strict=True), where="post", color=series(1))
        left.set_xlabel("patients")
        left.set_ylabel("events that stop the trial")
        right.plot(rates, [stopping(float(p), design.looks, design.bounds)[0] for p in rates], color=series(0))
        level(right, x=design.acceptable_rate)
        right.set_xlabel("true event rate")
        right.set_ylabel("chance of stopping")
        at = stopping(design.acceptable_rate, design.looks, design.bounds)[0]
        said = f"Stops with a chance of {at:.3g} at the acceptable rate of {design.acceptable_rate:g}."
        return standalone(to_svg(figure, "safety", "When to stop for harm, and how often it happens", said))

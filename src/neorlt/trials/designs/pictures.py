"""Operating characteristics of every design of ``neorlt design``, as SVG by file name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from neorlt.trials.designs import group_sequential as gs
from neorlt.trials.designs import plots, predictive, safety, simon, single_stage, survival, two_arm
from neorlt.trials.designs.catalogue import design_arguments


def _simon(p0: float, p1: float, alpha: float, beta: float) -> dict[str, str]:
    found = simon.simon(p0, p1, alpha, beta)
    return {"simon.svg": plots.plot_two_stage({"optimal": found.optimal, "minimax": found.minimax}, p0, p1)}


def _exact(p0: float, p1: float, alpha: float, beta: float) -> dict[str, str]:
    return {"exact.svg": plots.plot_power(single_stage.single_stage(p0, p1, alpha, beta), p0, p1)}


def _two_arm(p_experimental: float, p_control: float, alpha: float, beta: float, margin: float, ratio: float) -> dict[str, str]:
    design = two_arm.two_arm(p_experimental, p_control, alpha=alpha, beta=beta, margin=margin, ratio=ratio)
    grid = np.linspace(0.005, 0.995, 120)
    name = f"{design.n_experimental} against {design.n_control}, control rate {p_control:g}"
    if design.n_total <= 1200:
        region = two_arm.rejection_region(design.n_experimental, design.n_control, alpha, test="score", margin=margin)

        def power(p: float) -> float:
            return two_arm.reject_probability(region, p, p_control)
    else:

        def power(p: float) -> float:
            return _normal_power(p, p_control, design, alpha, margin)

    label = "chance of a positive trial"
    return {
        "two-arm.svg": plots.plot_curve(power, grid, (p_control - margin, p_experimental), "true rate of the experimental arm", label, name)
    }


def _normal_power(p: float, control: float, design: two_arm.TwoArm, alpha: float, margin: float) -> float:
    from scipy.special import ndtr, ndtri

    se = math.sqrt(p * (1 - p) / design.n_experimental + control * (1 - control) / design.n_control)
    return float(ndtr((p - control + margin) / se - ndtri(1 - alpha)))


def _group_sequential(
    boundary: gs.Kind, looks: int, alpha: float, beta: float, gamma: float, p_experimental: float | None, p_control: float | None
) -> dict[str, str]:
    design = gs.group_sequential(boundary, looks=looks, alpha=alpha, beta=beta, gamma=gamma)
    return {"group-sequential.svg": plots.plot_group_sequential({boundary: design})}


def _survival(
    hazard_ratio: float, control_median: float, accrual: float, follow_up: float, alpha: float, beta: float, ratio: float,
    dropout_fraction: float, dropout_by: float,
) -> dict[str, str]:
    from scipy.special import ndtr, ndtri

    events = survival.schoenfeld_events(hazard_ratio, alpha=alpha, beta=beta, ratio=ratio)
    share = ratio / (1.0 + ratio)
    sign = -1.0 if hazard_ratio < 1 else 1.0

    def power(true: float) -> float:
        return float(ndtr(sign * math.log(true) * math.sqrt(events * share * (1 - share)) - ndtri(1 - alpha)))

    grid = np.exp(np.linspace(min(1.6 * math.log(hazard_ratio), -0.1), max(1.6 * math.log(hazard_ratio), 0.1), 120))
    name = f"{math.ceil(events)} events"
    return {"survival.svg": plots.plot_curve(power, grid, (hazard_ratio, 1.0), "true hazard ratio", "chance of a positive trial", name)}


def _predictive(p0: float, p1: float, alpha: float, beta: float) -> dict[str, str]:
    d = predictive.two_stage_predictive(p0, p1, alpha, beta)
    grid = np.linspace(0.005, min(0.99, 2 * p1), 120)

    def at(part: int) -> Callable[[float], float]:
        return lambda p: predictive.operating_characteristics(p, d.looks, d.stop_at, d.r, d.n)[part]

    name = f"stop at {d.stop_at[0]} of {d.looks[0]}, success over {d.r} of {d.n}"
    return {
        "predictive-success.svg": plots.plot_curve(at(0), grid, (p0, p1), "true response rate", "chance of success", name),
        "predictive-size.svg": plots.plot_curve(at(1), grid, (p0, p1), "true response rate", "expected patients", name),
    }


def _safety(acceptable_rate: float, n: int, rule: str, alpha: float, posterior: float) -> dict[str, str]:
    return {"safety.svg": plots.plot_safety(safety.safety_boundary(acceptable_rate, int(n), rule=rule, alpha=alpha, posterior=posterior))}


PICTURES: dict[str, Callable[..., dict[str, str]]] = {
    "simon": _simon,
    "exact": _exact,
    "two-arm": _two_arm,
    "group-sequential": _group_sequential,
    "survival": _survival,
    "predictive": _predictive,
    "safety": _safety,
}
"""The same kinds and options as :data:`neorlt.trials.designs.catalogue.KINDS`, whose defaults hold here too."""


def design_pictures(kind: str, **options: Any) -> dict[str, str]:
    """Pictures of a design, with the options of :func:`~neorlt.trials.designs.catalogue.design_arguments`."""
    arguments = design_arguments(kind, **options)
    return PICTURES[kind](**arguments)

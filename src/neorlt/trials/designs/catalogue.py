"""Every design by name, with its options, as JSON-able results."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from math import isfinite
from numbers import Real
from typing import Any

from neorlt.core.errors import InputError
from neorlt.trials.designs import after_two_stages, predictive, safety, simon, single_stage, survival, two_arm
from neorlt.trials.designs import group_sequential as gs


def _simon(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.2) -> dict[str, Any]:
    found = simon.simon(p0, p1, alpha, beta)
    estimates = {name: after_two_stages.estimates_document(design, p0, p1)
                 for name, design in (("optimal", found.optimal), ("minimax", found.minimax))}
    return {**found.as_json(), "estimates": estimates}


def _exact(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.2) -> dict[str, Any]:
    return {
        "single_stage": single_stage.single_stage(p0, p1, alpha, beta).as_json(),
        "ahern": single_stage.ahern(p0, p1, alpha, beta).as_json(),
        "stable": single_stage.ahern(p0, p1, alpha, beta, stable=True).as_json(),
    }


def _two_arm(
    p_experimental: float, p_control: float, alpha: float = 0.025, beta: float = 0.2, margin: float = 0.0, ratio: float = 1.0
) -> dict[str, Any]:
    design = two_arm.two_arm(p_experimental, p_control, alpha=alpha, beta=beta, margin=margin, ratio=ratio)
    found = design.as_json()
    if design.n_total <= 1200:
        region = two_arm.rejection_region(design.n_experimental, design.n_control, alpha, test="score", margin=margin)
        found["exact_power_of_score_test"] = two_arm.reject_probability(region, p_experimental, p_control)
        found["exact_level_of_score_test"] = two_arm.largest_level(region, margin=margin)[0]
        if margin == 0.0:
            fisher = two_arm.rejection_region(design.n_experimental, design.n_control, alpha, test="fisher")
            found["exact_power_of_fisher_test"] = two_arm.reject_probability(fisher, p_experimental, p_control)
            found["exact_level_of_fisher_test"] = two_arm.largest_level(fisher)[0]
    return found


def _group_sequential(
    boundary: str = "obrien-fleming",
    looks: int = 3,
    alpha: float = 0.025,
    beta: float = 0.2,
    gamma: float = -4.0,
    p_experimental: float | None = None,
    p_control: float | None = None,
) -> dict[str, Any]:
    design = gs.group_sequential(boundary, looks=looks, alpha=alpha, beta=beta, gamma=gamma)  # type: ignore[arg-type]
    found = design.as_json()
    if p_experimental is not None and p_control is not None:
        fixed = two_arm.two_arm(p_experimental, p_control, alpha=alpha, beta=beta)
        found["n_total_fixed"] = fixed.n_total_exact
        found["n_total_max"] = fixed.n_total_exact * design.inflation
        found["n_total_expected_h1"] = fixed.n_total_exact * design.inflation * design.expected_information_h1
    return found


def _survival(
    hazard_ratio: float,
    control_median: float,
    accrual: float,
    follow_up: float,
    alpha: float = 0.025,
    beta: float = 0.2,
    ratio: float = 1.0,
    dropout_fraction: float = 0.0,
    dropout_by: float = 12.0,
) -> dict[str, Any]:
    return survival.survival_design(
        hazard_ratio,
        control_median,
        accrual=accrual,
        follow_up=follow_up,
        alpha=alpha,
        beta=beta,
        ratio=ratio,
        dropout_fraction=dropout_fraction,
        dropout_by=dropout_by,
    ).as_json()


def _predictive(p0: float, p1: float, alpha: float = 0.05, beta: float = 0.2) -> dict[str, Any]:
    return predictive.two_stage_predictive(p0, p1, alpha, beta).as_json()


def _safety(acceptable_rate: float, n: int, rule: str = "pocock", alpha: float = 0.05, posterior: float = 0.95) -> dict[str, Any]:
    return safety.safety_boundary(acceptable_rate, int(n), rule=rule, alpha=alpha, posterior=posterior).as_json()


KINDS: dict[str, Callable[..., dict[str, Any]]] = {
    "simon": _simon,
    "exact": _exact,
    "two-arm": _two_arm,
    "group-sequential": _group_sequential,
    "survival": _survival,
    "predictive": _predictive,
    "safety": _safety,
}


def design_options(kind: str) -> dict[str, inspect.Parameter]:
    """Options of a design and their defaults, for a command line to offer.

    Raises
    ------
    InputError
        If there is no such design.
    """
    if kind not in KINDS:
        raise InputError("unknown design", expected=", ".join(KINDS), found=kind, remedy="use one of these")
    return dict(inspect.signature(KINDS[kind], eval_str=True).parameters)


def design_arguments(kind: str, **options: Any) -> dict[str, Any]:
    """All options of a design by name, defaults filled in; ``None`` counts as not given.

    Raises
    ------
    InputError
        For an unknown design or option, a missing one, or a value of another kind than the option takes.
    """
    known = design_options(kind)
    given = {key: value for key, value in options.items() if value is not None}
    unknown = sorted(set(given) - set(known))
    missing = [name for name, p in known.items() if p.default is inspect.Parameter.empty and name not in given]
    if unknown or missing:
        raise InputError(
            f"the options do not fit the design {kind}",
            expected=", ".join(known),
            found=("unknown: " + ", ".join(unknown)) if unknown else ("missing: " + ", ".join(missing)),
            remedy="correct the options",
        )
    for name, value in given.items():
        _check(name, value, known[name].annotation)
    return {name: given.get(name, parameter.default) for name, parameter in known.items()}


def _check(name: str, value: Any, kind: Any) -> None:
    if kind is str:
        said, fits = "a word", isinstance(value, str)
    else:
        fits = isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
        said = "a number, with a point: 0.1"
        if kind is int:
            said, fits = "a whole number", fits and value == int(value)
    if not fits:
        raise InputError(f"{name} is not understood", expected=said, found=str(value), where=f"--{name.replace('_', '-')}",
                         remedy="correct the option")

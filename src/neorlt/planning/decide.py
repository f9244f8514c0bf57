"""From outcomes to a choice: expected utility, limits, paired differences, and when two schemes cannot be told apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.planning.evaluate import Floats, Outcomes
from neorlt.planning.search_space import Limits, Weights
from neorlt.planning.verdict import RULE, PairedDifference, Verdict, paired_difference

__all__ = ["OBJECTIVES", "RULE", "Choice", "PairedDifference", "choose", "means", "objective_matrix", "paired_difference", "tied_pairs",
           "utility", "violations"]

WEEKS_PER_YEAR = 52.18
OBJECTIVES = (
    ("p_resectable", "chance of being resectable at surgery", "benefit"),
    ("p_objective_response", "chance of an objective response at surgery", "benefit"),
    ("tumour_left", "tumour volume left at surgery, share of baseline", "benefit"),
    ("p_kidney_over", "chance of a kidney BED over the limit", "harm"),
    ("p_blood_grade34", "chance of blood toxicity of grade 3-4", "harm"),
    ("surgery_week", "week of surgery", "harm"),
    ("p_secondary_neoplasm", "chance of a secondary myeloid neoplasm", "harm"),
)
"""Name, words and kind of each objective; benefits but ``tumour_left`` are to be high, all else is to be low."""
_HIGH = ("p_resectable", "p_objective_response")


def means(outcomes: Outcomes) -> dict[str, Floats]:
    """Each objective's mean over the draws, ``(candidate,)``; objectives that have no input are left out."""
    found: dict[str, Floats] = {}
    for name, _, _ in OBJECTIVES:
        if name == "surgery_week":
            found[name] = outcomes.surgery_week
            continue
        values = outcomes.draws(name)
        if values is not None:
            found[name] = values.mean(axis=1)
    return found


def objective_matrix(outcomes: Outcomes) -> tuple[tuple[str, ...], Floats]:
    """Names, and ``(candidate, objective)`` values of which each is to be low."""
    found = means(outcomes)
    return tuple(found), np.stack([-v if name in _HIGH else v for name, v in found.items()], axis=1)


def violations(outcomes: Outcomes, limits: Limits) -> tuple[tuple[str, ...], Floats]:
    """Names of the limits set, and by how much each candidate passes them ``(candidate, limit)``; 0 or less keeps them."""
    found = means(outcomes)
    totals = np.array([np.sum(np.reshape(c.activity_gbq, (-1, 2)), axis=0) for c in outcomes.candidates])
    found |= {"lu177_gbq": totals[:, 0], "y90_gbq": totals[:, 1]}
    names, columns = [], []
    for name, limit in dataclasses.asdict(limits).items():
        if limit is not None and name in found:
            names.append(name)
            columns.append(found[name] - limit)
    return tuple(names), np.stack(columns, axis=1) if columns else np.zeros((len(totals), 0))


def utility(outcomes: Outcomes, weights: Weights) -> Floats:
    """Expected utility ``(candidate, draw)``: benefits minus harms by the user's weights; what has no input counts nothing."""
    total = weights.tumour_removed * (1.0 - outcomes.tumour_left)
    for name in _HIGH:
        values = getattr(outcomes, name)
        if values is not None:
            total = total + getattr(weights, name) * values
    total = total - weights.p_kidney_over * outcomes.kidney_over - weights.p_secondary_neoplasm * outcomes.p_secondary_neoplasm
    if outcomes.p_blood_grade34 is not None:
        total = total - weights.p_blood_grade34 * outcomes.p_blood_grade34
    return np.asarray(total - weights.delay_per_year * outcomes.surgery_week[:, None] / WEEKS_PER_YEAR)


@dataclass(frozen=True)
class Choice:
    """The scheme of highest expected utility within the limits, and those that cannot be told apart from it."""

    chosen: int
    tied: tuple[int, ...]
    """Those that cannot be told apart from the chosen one."""
    unresolved: tuple[int, ...]
    """Those of which the simulation does not say whether they can be told apart from it."""
    differences: tuple[PairedDifference, ...]
    """The chosen scheme's utility minus that of each candidate."""
    p_best: Floats
    """Share of draws in which each candidate has the highest utility (ties shared)."""
    regret: Floats
    """Mean loss of utility against the best candidate of each draw."""
    within_limits: bool
    """False where no candidate keeps all limits: the chosen then passes them by the least."""


def choose(outcomes: Outcomes, limits: Limits, weights: Weights) -> Choice:
    """Choose among candidates."""
    value = utility(outcomes, weights)
    _, over = violations(outcomes, limits)
    excess = np.maximum(over, 0.0).sum(axis=1) if over.shape[1] else np.zeros(len(value))
    allowed = excess <= 0
    within = bool(allowed.any())
    pool: NDArray[np.intp] = np.flatnonzero(allowed if within else excess <= excess.min())
    chosen = int(pool[np.argmax(value[pool].mean(axis=1))])
    differences = tuple(paired_difference(value[chosen], row) for row in value)
    tied = tuple(int(i) for i in pool if i != chosen and differences[i].verdict is Verdict.TIED)
    unresolved = tuple(int(i) for i in pool if i != chosen and differences[i].verdict is Verdict.NOT_RESOLVED)
    top = value[pool].max(axis=0)
    best = value[pool] >= top
    p_best, regret = np.zeros(len(value)), np.full(len(value), np.nan)
    p_best[pool] = (best / best.sum(axis=0)).mean(axis=1)
    regret[pool] = (top - value[pool]).mean(axis=1)
    return Choice(chosen, tied, unresolved, differences, p_best, regret, within)


def tied_pairs(value: Floats, members: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of candidates that cannot be told apart by utility ``(candidate, draw)``."""
    return [(a, b) for i, a in enumerate(members) for b in members[i + 1 :]
            if paired_difference(value[a], value[b]).verdict is Verdict.TIED]

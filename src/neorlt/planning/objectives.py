"""What a search looks at: the objectives of every scheme, and the limits that are set on them."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from neorlt.planning.evaluate import Floats, Outcomes
from neorlt.planning.search_space import Limits

Flags = NDArray[np.bool_]
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
    for key, nuclide in (("lu177_gbq", "Lu-177"), ("y90_gbq", "Y-90")):
        found[key] = np.array([candidate.total_gbq(nuclide) for candidate in outcomes.candidates])
    names, columns = [], []
    for name, limit in dataclasses.asdict(limits).items():
        if limit is not None and name in found:
            names.append(name)
            columns.append(found[name] - limit)
    return tuple(names), np.stack(columns, axis=1) if columns else np.zeros((len(outcomes.candidates), 0))


def allowed(outcomes: Outcomes, limits: Limits) -> tuple[Flags, bool]:
    """Which candidates keep all limits ``(candidate,)`` and whether any does; where none does, those that pass them by the least."""
    _, over = violations(outcomes, limits)
    excess = np.maximum(over, 0.0).sum(axis=1) if over.shape[1] else np.zeros(len(outcomes.candidates))
    kept = excess <= 0
    return (kept, True) if kept.any() else (excess <= excess.min(), False)

"""Quality of life over time: QLQ-C30 scores at each visit, and the change from the baseline of the same patients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic import qol
from neorlt.cohorts.cohort import DAYS_PER_MONTH, Cohort
from neorlt.cohorts.dictionary import QLQ_VISITS

CHANGE_POINTS = 10.0
"""Change of a scale that patients notice, by convention (Osoba 1998, doi 10.1200/JCO.1998.16.1.139)."""
GI_NET21_ITEMS = range(31, 52)


def scores_at(cohort: Cohort, visit: int, *, include_unchecked: bool = False) -> dict[str, NDArray[np.float64]]:
    """Scores of a visit by scale: from the items where they are there, else as recorded. GI.NET21 only on request (recalled)."""
    found: dict[str, NDArray[np.float64]] = {}
    items = [f"qlq{visit}_q{k}" for k in range(1, qol.N_ITEMS + 1)]
    if cohort.has(f"qlq{visit}_q1") or any(name in cohort.columns for name in items):
        answers = np.stack([cohort.number(name) for name in items], axis=1)
        found = {scale: np.asarray(values, float) for scale, values in qol.score_qlq_c30(answers).items()}
        found["summary"] = np.asarray(qol.summary_score(found), float)
    for scale in (*qol.SCALES, "summary"):
        name = f"qlq{visit}_{scale.lower()}"
        if cohort.has(name):
            found.setdefault(scale, cohort.number(name))
    if include_unchecked:
        for scale, numbers in qol.gi_net21_scales(include_unchecked=True).items():
            names = [f"qlq{visit}_q{k}" for k in numbers]
            if any(name in cohort.columns for name in names):
                raw = qol.raw_score(np.stack([cohort.number(name) for name in names], axis=1))
                found[f"GI.NET21 {scale}"] = 100.0 * (raw - 1.0) / 3.0
    return {scale: values for scale, values in found.items() if np.isfinite(values).any()}


def quality(cohort: Cohort, *, include_unchecked: bool = False) -> dict[str, Any] | None:
    """Scores over time by group, None where the table has no questionnaire."""
    visits = {k: scores_at(cohort, k, include_unchecked=include_unchecked) for k in range(QLQ_VISITS + 1)}
    visits = {k: scores for k, scores in visits.items() if scores}
    if not visits:
        return None
    found: dict[str, Any] = {"noticed_change_points": CHANGE_POINTS, "groups": {}, "notes": []}
    if not include_unchecked and any(f"qlq{k}_q{item}" in cohort.columns for k in range(QLQ_VISITS + 1) for item in GI_NET21_ITEMS):
        found["notes"].append("the items of GI.NET21 were not scored: its scales are recalled, not read (ask with --include-unchecked)")
    if 0 not in visits:
        found["notes"].append("no questionnaire before treatment (qlq0_…): no change from baseline")
    found["notes"].append("means of those who answered: patients who did not may do worse")
    for name in ("rlt", "upfront_surgery"):
        members = np.asarray(cohort.text("group") == name, bool)
        if members.any():
            found["groups"][name] = [_visit(cohort, k, scores, visits.get(0), members) for k, scores in visits.items()]
    return found


def _visit(
    cohort: Cohort, visit: int, scores: dict[str, NDArray[np.float64]], baseline: dict[str, NDArray[np.float64]] | None,
    members: NDArray[np.bool_],
) -> dict[str, Any]:
    answered = members & np.any([np.isfinite(values) for values in scores.values()], axis=0)
    months = (cohort.number(f"qlq{visit}_date") - cohort.number("baseline_date"))[answered] / DAYS_PER_MONTH
    row: dict[str, Any] = {
        "visit": visit, "answered": int(answered.sum()), "of": int(members.sum()),
        "median_months": float(np.nanmedian(months)) if np.isfinite(months).any() else None, "scales": {},
    }
    for scale, values in scores.items():
        known = members & np.isfinite(values)
        entry: dict[str, Any] = {"n": int(known.sum()), "mean": _mean(values[known])}
        if visit and baseline is not None and scale in baseline:
            both = known & np.isfinite(baseline[scale])
            entry["change"] = {"n": int(both.sum()), **_mean((values - baseline[scale])[both])}
        row["scales"][scale] = entry
    return row


def _mean(values: NDArray[np.float64]) -> dict[str, Any]:
    """Mean with its 95 % interval (Student)."""
    from scipy.special import stdtrit

    n = len(values)
    if n == 0:
        return {"mean": None, "ci95": None}
    mean = float(values.mean())
    if n < 3:
        return {"mean": mean, "ci95": None}
    half = float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n))
    return {"mean": mean, "ci95": [mean - half, mean + half]}

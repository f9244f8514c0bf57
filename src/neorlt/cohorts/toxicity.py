"""Toxicity by CTCAE version: grades from the lowest (or highest) laboratory values, and grades that the centre recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic import ctcae
from neorlt.cohorts.cohort import Cohort
from neorlt.cohorts.dictionary import LABS, TOXICITY
from neorlt.cohorts.rates import Rate, planned_rlt


def toxicity(cohort: Cohort, version: str = ctcae.DEFAULT_VERSION) -> dict[str, Any] | None:
    """Grades of the patients planned for radioligand therapy, None where the table has none.

    Laboratory grades are of ``version``; what a version does not have is said, not taken from another. Recorded grades are of
    the version that the table states.
    """
    members = planned_rlt(cohort)
    rows: dict[str, Any] = {}
    for lab, unit, *_ in LABS:
        name = f"{lab}_nadir_{unit}"
        if cohort.has(name):
            lln = cohort.number(f"{lab}_lln_{unit}")
            rows[lab] = _graded(lab, version, cohort.number(name), members, {"lln": lln}, bool(np.isfinite(lln).any()))
    if cohort.has("creatinine_peak_umol_l"):
        limits = {"uln": cohort.number("creatinine_uln_umol_l"), "baseline": cohort.number("creatinine_before_umol_l")}
        rows["creatinine"] = _graded("creatinine", version, cohort.number("creatinine_peak_umol_l"), members, limits, True)
    recorded = {}
    for name in cohort.columns:
        found = TOXICITY.fullmatch(name)
        if found and cohort.has(name):
            recorded[found.group(1)] = _counts(cohort.number(name), members)
    if not rows and not recorded:
        return None
    stated = sorted({v for v in cohort.text("ctcae_version")[members].tolist() if v})
    notes = []
    if recorded and not stated:
        notes.append("the table does not say which version of CTCAE its recorded grades follow")
    if len(stated) > 1:
        notes.append(f"recorded grades follow different versions ({', '.join(stated)}): do not pool them")
    return {"laboratory_version": ctcae.version_name(version), "laboratory": rows, "recorded_version": stated, "recorded": recorded,
            "notes": notes}


def _graded(
    term: str, version: str, value: NDArray[np.float64], members: NDArray[np.bool_], limits: dict[str, NDArray[np.float64]], complete: bool
) -> dict[str, Any]:
    if ctcae.row(term, version) is None:
        return {"reason": f"not available in {ctcae.version_name(version)}"}
    grade = ctcae.grade(term, value, version=version, **limits)
    found = _counts(np.where(grade < 0, np.nan, grade).astype(float), members)
    known = members & ~np.isnan(value)
    if term != "creatinine":
        # Grades 3 and 4 follow from the number alone: a grade that lacks only the limit of normal is below 3.
        found["grade_3_or_4"] = Rate(int((known & (grade >= 3)).sum()), int(known.sum()), int((members & np.isnan(value)).sum())).as_json()
        found["grade_0_or_1_not_told_apart"] = int((known & (grade < 0)).sum())
    if not complete:
        found["note"] = "without the laboratory's limit of normal, grades 0 and 1 cannot be told apart"
    return found


def _counts(grade: NDArray[np.float64], members: NDArray[np.bool_]) -> dict[str, Any]:
    known = members & ~np.isnan(grade)
    severe = known & (grade >= 3)
    return {
        "counts": {str(g): int((known & (grade == g)).sum()) for g in range(6)},
        "grade_3_or_4": Rate(int(severe.sum()), int(known.sum()), int((members & ~known).sum())).as_json(),
    }

"""What a centre can share for the response model without a patient leaving: counts and moments of arms, never rows.

An arm is a WHO grade of the patients planned for radioligand therapy. Grades with fewer than :data:`LEAST` patients are joined
into one, and where that is still too few, nothing is shared: a count of one is a patient. No identifier, date or single value
is in it. The arm counts enter the model as the population integral of lesions (counts of best response by visits until
then), the moments of log change as a summary, progression-free survival as events and person-time in intervals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.recist import Response
from neorlt.cohorts import outcomes, rates
from neorlt.cohorts.cohort import Cohort
from neorlt.cohorts.dictionary import FOLLOW_UPS
from neorlt.core.errors import InputError

FORMAT = "neorlt-contributions/1"
LEAST = 5
PFS_EDGES_MONTHS = (0.0, 6.0, 12.0, 18.0, 24.0, 36.0, 48.0, 60.0)


def contributions(cohort: Cohort) -> dict[str, Any]:
    """Arms with their counts and moments.

    Raises
    ------
    InputError
        If the table has no response, or fewer than :data:`LEAST` patients with one.
    """
    if not cohort.has("sum_before_mm", "fu1_sum_mm"):
        raise InputError("the table holds nothing for the response model", expected="sum_before_mm and fu1_date, fu1_sum_mm",
                         where=cohort.name, remedy="leave out --export-likelihood, or add the sums of diameters")
    measured = rates.planned_rlt(cohort) & ~np.isnan(cohort.number("sum_before_mm"))
    grades = rates.grades(cohort, "before") if "ki67_before_pct" in cohort.columns else np.full(cohort.n, -1)
    arms = {f"G{g}": measured & (grades == g) for g in (1, 2, 3)} | {"unknown": measured & (grades < 1)}
    small = [name for name, members in arms.items() if 0 < members.sum() < LEAST]
    joined = np.any([arms[name] for name in small], axis=0) if small else np.zeros(cohort.n, bool)
    kept = {name: members for name, members in arms.items() if members.sum() >= LEAST}
    if small and joined.sum() >= LEAST:
        kept[" or ".join(small)] = joined
    elif small and kept:
        # Too few to stand alone even together: the smallest arm takes them in.
        name = min(kept, key=lambda k: int(kept[k].sum()))
        kept = {(f"{k} or {' or '.join(small)}" if k == name else k): (m | joined if k == name else m) for k, m in kept.items()}
    if not kept:
        raise InputError("too few patients to share", expected=f"{LEAST} or more with a baseline sum", found=str(int(measured.sum())),
                         where=cohort.name, remedy="join another centre's table first")
    return {
        "format": FORMAT, "unit": "arm", "origin": "pancreas", "least_patients_of_an_arm": LEAST,
        "criteria": "RECIST 1.1, sum of target diameters, best of the visits before surgery",
        "arms": [_arm(cohort, name, members) for name, members in kept.items()],
        "contains": "counts and moments of arms; no identifier, date, or value of a single patient",
    }


def _arm(cohort: Cohort, grade: str, members: NDArray[np.bool_]) -> dict[str, Any]:
    part = _subset(cohort, members)
    response = rates.response(part)
    counts = response["counts"] if response is not None else {}
    sums, _, _ = rates.sums_over_time(part)
    days = np.stack([part.number(f"fu{k}_date") for k in range(1, FOLLOW_UPS + 1)], axis=1)
    weeks = (days - part.number("baseline_date")[:, None]) / 7.0
    operated = part.number("surgery_date")[:, None]
    weeks = np.where(days > np.where(np.isnan(operated), np.inf, operated), np.nan, weeks)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(np.isnan(weeks), np.nan, np.log(np.maximum(sums[:, 1:], 1.0) / sums[:, :1]))
    seen = np.isfinite(logs)
    best = np.min(np.where(seen, logs, np.inf), axis=1)
    return {
        "grade": grade, "n": part.n,
        "ki67_pct": _moments(part.number("ki67_before_pct")),
        "cycles": _moments(part.number("cycles")), "activity_gbq": _moments(part.number("activity_gbq")),
        "sum_before_mm": _moments(part.number("sum_before_mm")),
        "best_response": {name: counts.get(name, 0) for name in (r.name for r in Response)},
        "visits": [
            {"visit": k + 1, "weeks": _moments(weeks[:, k]), "log_change": _moments(logs[:, k])}
            for k in range(FOLLOW_UPS) if int(seen[:, k].sum()) >= LEAST
        ],
        "best_log_change": _moments(best[np.isfinite(best)]),
        "progression_free": _person_time(part),
    }


def _subset(cohort: Cohort, members: NDArray[np.bool_]) -> Cohort:
    columns = {name: values[members] for name, values in cohort.columns.items()}
    intervals = {name: (low[members], high[members]) for name, (low, high) in cohort.intervals.items()}
    return Cohort(columns, (), cohort.name, (), intervals)


def _moments(values: NDArray[np.float64]) -> dict[str, Any] | None:
    """Number, mean and standard deviation; None below :data:`LEAST` values."""
    known = values[np.isfinite(values)]
    if known.size < LEAST:
        return None
    return {"n": int(known.size), "mean": float(known.mean()), "sd": float(known.std(ddof=1))}


def _person_time(cohort: Cohort) -> dict[str, Any] | None:
    """Progressions, deaths and person-months in intervals of follow-up; the last ones are joined where they hold few patients."""
    endpoint = outcomes.progression_free(cohort)
    if endpoint is None:
        return None
    time, cause = endpoint.months[endpoint.used], endpoint.cause[endpoint.used]
    edges = [edge for edge in PFS_EDGES_MONTHS if np.sum(time > edge) >= LEAST]
    rows = []
    for k, low in enumerate(edges):
        high = edges[k + 1] if k + 1 < len(edges) else np.inf
        inside = (time > low) & (time <= high)
        rows.append({
            "from_months": low, "to_months": None if np.isinf(high) else high, "at_risk": int(np.sum(time > low)),
            "person_months": float(np.sum(np.clip(time, low, high) - low)),
            "progressions": int(np.sum(inside & (cause == 1))), "deaths": int(np.sum(inside & (cause == 2))),
        })
    return {"time_zero": endpoint.time_zero, "intervals": rows}

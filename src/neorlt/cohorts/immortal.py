"""Operated against not operated, without immortal time: landmark and time-varying analysis beside the naive one.

A patient must live long enough to be operated; counting that time for surgery makes surgery look good by construction
(Suissa 2008, doi 10.1093/aje/kwm324). Landmark: Anderson, Cain & Gelber 1983, J Clin Oncol 1:710.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neorlt.cohorts.comparison import covariate
from neorlt.cohorts.hazards import cox
from neorlt.cohorts.reading import DAYS_PER_MONTH, Cohort
from neorlt.cohorts.survival import Floats, kaplan_meier, logrank
from neorlt.core.errors import InputError

WARNING = (
    "The naive comparison of operated with not operated patients counts the time until surgery as if it were lived after it "
    "(immortal time): it favours surgery whatever surgery does. Read the time-varying and the landmark analysis instead."
)


def surgery_analysis(cohort: Cohort, *, landmark_months: float | None = None) -> dict[str, Any] | None:
    """Hazard ratio of surgery among patients planned for radioligand therapy, three ways.

    The landmark is the time by which 80 % of the operations had been done, where none is given. Adjusted for size and Ki-67
    where the table has them. None where fewer than five patients were, or were not, operated.
    """
    members = np.flatnonzero(np.asarray(cohort.text("group") == "rlt", bool))
    time = cohort.months("baseline_date", "last_date")[members]
    died = cohort.number("died")[members] == 1
    surgery = (cohort.number("surgery_date") - cohort.number("baseline_date"))[members] / DAYS_PER_MONTH
    operated = ~np.isnan(surgery)
    if min(operated.sum(), (~operated).sum()) < 5 or not died.any():
        return None
    landmark = float(np.quantile(surgery[operated], 0.8)) if landmark_months is None else landmark_months
    adjust = [covariate(cohort, name)[members] for name in ("log2_size", "log2_ki67")]
    extra = [v for v in adjust if np.all(np.isfinite(v)) and np.std(v) > 0]
    found: dict[str, Any] = {
        "n": len(members),
        "operated": int(operated.sum()),
        "naive": _fit(time, died, operated.astype(float), extra),
        "landmark": _landmark(time, died, surgery, extra, landmark),
        "time_varying": _time_varying(time, died, surgery, extra),
        "adjusted_for": ["log2_size", "log2_ki67"][: len(extra)],
        "warning": WARNING,
    }
    return found


def _fit(time: Floats, died: Any, exposed: Floats, extra: list[Floats], entry: Floats | None = None) -> dict[str, Any] | None:
    columns = np.column_stack([exposed, *[(v - v.mean()) / v.std() for v in extra]]) if extra else exposed[:, None]
    try:
        fit = cox(time, died, columns, entry=entry)
    except InputError:
        return None
    term: dict[str, Any] = fit.as_json()["terms"][0]
    return {"hazard_ratio": term["hazard_ratio"], "ci95": term["ci95"], "rows": len(time)}


def _landmark(time: Floats, died: Any, surgery: Floats, extra: list[Floats], landmark: float) -> dict[str, Any]:
    """Patients alive and followed at the landmark, by whether they had been operated by then."""
    alive = time > landmark
    exposed = alive & (np.nan_to_num(surgery, nan=np.inf) <= landmark)
    found: dict[str, Any] = {
        "months": landmark,
        "n": int(alive.sum()),
        "operated_by_then": int(exposed.sum()),
        "left_out_died_or_lost_before": int((~alive).sum()),
        "operated_later": int((alive & (surgery > landmark)).sum()),
    }
    if 0 < exposed.sum() < alive.sum() and died[alive].any():
        found["fit"] = _fit(time[alive] - landmark, died[alive], exposed[alive].astype(float), [v[alive] for v in extra])
        found["logrank_p"] = logrank(time[alive] - landmark, died[alive], exposed[alive])[1]
        for name, arm in (("operated", True), ("not_operated", False)):
            pick = alive & (exposed == arm)
            found[f"median_months_after_landmark_{name}"] = kaplan_meier(time[pick] - landmark, died[pick]).median()
    return found


def _time_varying(time: Floats, died: Any, surgery: Floats, extra: list[Floats]) -> dict[str, Any] | None:
    """Each patient counts as not operated until surgery and as operated after it."""
    rows: list[tuple[float, float, bool, float, int]] = []
    for i, (end, event, cut) in enumerate(zip(time, died, surgery, strict=True)):
        if np.isnan(cut) or cut >= end:
            rows.append((0.0, float(end), bool(event), 0.0, i))
        else:
            if cut > 0:
                rows.append((0.0, float(cut), False, 0.0, i))
            rows.append((float(max(cut, 0.0)), float(end), bool(event), 1.0, i))
    start, stop, event, exposed, who = (np.array(column) for column in zip(*rows, strict=True))
    return _fit(stop, event, exposed, [v[who.astype(int)] for v in extra], entry=start)

"""Operated against not operated, without immortal time: landmark and time-varying analysis beside the naive one.

A patient must live long enough to be operated; counting that time for surgery makes surgery look good by construction
(Suissa 2008, doi 10.1093/aje/kwm324). Landmark: Anderson, Cain & Gelber 1983, J Clin Oncol 1:710.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neorlt.cohorts.cohort import DAYS_PER_MONTH, Cohort
from neorlt.cohorts.comparison import IMPUTATIONS, covariate, imputed_covariates, pooled_cox
from neorlt.cohorts.hazards import cox
from neorlt.cohorts.survival import Floats, kaplan_meier, logrank
from neorlt.core.errors import InputError

WARNING = (
    "The naive comparison of operated with not operated patients counts the time until surgery as if it were lived after it "
    "(immortal time): it favours surgery whatever surgery does. Read the time-varying and the landmark analysis instead."
)


ADJUST = ("log2_size", "log2_ki67")


def surgery_analysis(
    cohort: Cohort, *, landmark_months: float | None = None, seed: int = 1, imputations: int = IMPUTATIONS
) -> dict[str, Any] | None:
    """Hazard ratio of surgery among patients planned for radioligand therapy, three ways.

    The landmark is the time by which 80 % of the operations had been done, where none is given. Adjusted for size and Ki-67
    where the table has them; what is missing of them is imputed (``imputed`` says how many patients), never a reason to drop a
    covariate. None where fewer than five patients were, or were not, operated.
    """
    members = np.flatnonzero(np.asarray(cohort.text("group") == "rlt", bool))
    time = cohort.months("baseline_date", "last_date")[members]
    died = cohort.number("died")[members] == 1
    surgery = (cohort.number("surgery_date") - cohort.number("baseline_date"))[members] / DAYS_PER_MONTH
    operated = ~np.isnan(surgery)
    if min(operated.sum(), (~operated).sum()) < 5 or not died.any():
        return None
    landmark = float(np.quantile(surgery[operated], 0.8)) if landmark_months is None else landmark_months
    columns = {name: covariate(cohort, name)[members] for name in ADJUST}
    names = tuple(name for name, v in columns.items() if np.isfinite(v).any() and np.nanstd(v) > 0)
    gaps = {name: int(np.isnan(columns[name]).sum()) for name in names if np.isnan(columns[name]).any()}
    if gaps:
        copies = imputed_covariates(cohort, names, time, died, operated.astype(float), imputations, seed, members)
    else:
        copies = [[(columns[name] - columns[name].mean()) / columns[name].std() for name in names]]
    found: dict[str, Any] = {
        "time_zero": "baseline scan",
        "n": len(members),
        "operated": int(operated.sum()),
        "naive": _fit(time, died, operated.astype(float), copies),
        "landmark": _landmark(time, died, surgery, copies, landmark),
        "time_varying": _time_varying(time, died, surgery, copies),
        "adjusted_for": list(names),
        "imputed": gaps,
        "warning": WARNING,
    }
    return found


def _fit(time: Floats, died: Any, exposed: Floats, copies: list[list[Floats]], entry: Floats | None = None) -> dict[str, Any] | None:
    designs = [np.column_stack([exposed, *extra]) for extra in copies]
    if len(designs) > 1:
        pooled = pooled_cox(time, died, designs, entry)
        if pooled is None:
            return None
        low, high = pooled.interval()
        return {"hazard_ratio": float(np.exp(pooled.estimate[0])), "ci95": [float(np.exp(low[0])), float(np.exp(high[0]))],
                "rows": len(time), "imputations": pooled.m}
    try:
        fit = cox(time, died, designs[0], entry=entry)
    except InputError:
        return None
    term: dict[str, Any] = fit.as_json()["terms"][0]
    return {"hazard_ratio": term["hazard_ratio"], "ci95": term["ci95"], "rows": len(time)}


def _landmark(time: Floats, died: Any, surgery: Floats, copies: list[list[Floats]], landmark: float) -> dict[str, Any]:
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
        found["fit"] = _fit(time[alive] - landmark, died[alive], exposed[alive].astype(float),
                            [[v[alive] for v in extra] for extra in copies])
        found["logrank_p"] = logrank(time[alive] - landmark, died[alive], exposed[alive])[1]
        for name, arm in (("operated", True), ("not_operated", False)):
            pick = alive & (exposed == arm)
            found[f"median_months_after_landmark_{name}"] = kaplan_meier(time[pick] - landmark, died[pick]).median()
    return found


def _time_varying(time: Floats, died: Any, surgery: Floats, copies: list[list[Floats]]) -> dict[str, Any] | None:
    """Each patient counts as not operated until surgery and as operated after it; on the day itself, once (as not operated)."""
    cut = np.where(np.isnan(surgery) | (surgery >= time), time, np.maximum(surgery, 0.0))
    early, late = np.flatnonzero(cut > 0), np.flatnonzero(cut < time)
    who = np.concatenate([early, late])
    start = np.concatenate([np.zeros(len(early)), cut[late]])
    stop = np.concatenate([cut[early], time[late]])
    event = np.concatenate([died[early] & (cut[early] == time[early]), died[late]])
    exposed = np.concatenate([np.zeros(len(early)), np.ones(len(late))])
    return _fit(stop, event, exposed, [[v[who] for v in extra] for extra in copies], entry=start)

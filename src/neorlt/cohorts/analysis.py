"""A centre's table in, rates, survival and comparisons out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neorlt.cohorts import comparison, immortal, plots, rates
from neorlt.cohorts.hazards import cox, proportional_hazards_check
from neorlt.cohorts.reading import Cohort
from neorlt.cohorts.survival import KaplanMeier, kaplan_meier, logrank, reverse_kaplan_meier
from neorlt.core.errors import InputError

NEEDS = {
    "response": "sum_before_mm and fu1_date, fu1_sum_mm",
    "downstaging": "one vessel's …_before_deg and …_after_deg",
    "downgrading": "ki67_before_pct and ki67_after_pct",
    "surgery": "surgery_date",
    "comparison": "both groups with baseline covariates",
    "surgery_effect": "five operated and five not operated patients of the group rlt, and deaths",
}


def survival(cohort: Cohort) -> tuple[dict[str, Any], dict[str, KaplanMeier], dict[str, float]]:
    """Overall survival from baseline by group: medians, restricted means, log-rank, Cox with its check, follow-up."""
    time, died = cohort.months("baseline_date", "last_date"), cohort.number("died") == 1
    groups = {name: np.asarray(cohort.text("group") == name, bool) for name in ("rlt", "upfront_surgery")}
    groups = {name: members for name, members in groups.items() if members.any()}
    tau = float(np.floor(min(time[m].max() for m in groups.values())))
    found: dict[str, Any] = {"events": int(died.sum()), "tau_months": tau, "groups": {}}
    fits, ends = {}, {}
    for name, members in groups.items():
        km = kaplan_meier(time[members], died[members])
        fits[name], ends[name] = km, float(time[members].max())
        mean, se = km.rmst(tau) if tau > 0 else (0.0, 0.0)
        low, high = km.median_interval("log-log")
        found["groups"][name] = {
            "n": km.n,
            "events": km.n_events,
            "median_months": km.median(),
            "median_ci95": [low, high],
            "rmst_months": {"mean": mean, "se": se},
            "median_follow_up_months": reverse_kaplan_meier(time[members], died[members]).median(),
            "survival": {str(m): _at(km, float(m)) for m in (12, 24, 36, 60) if m <= ends[name]},
        }
    if len(groups) == 2 and died.any():
        exposed = groups["rlt"].astype(float)
        chi2, p, _ = logrank(time, died, exposed)
        found["logrank"] = {"chi2": chi2, "p": p}
        try:
            fit = cox(time, died, exposed, ("rlt",))
            found["cox_crude"] = fit.as_json()
            found["cox_crude"]["proportional_hazards_p"] = proportional_hazards_check(time, died, exposed, fit)
        except InputError as error:
            found["cox_crude"], found["cox_reason"] = None, str(error)
    return found, fits, ends


def _at(km: KaplanMeier, months: float) -> dict[str, Any]:
    low, high = km.interval(months)
    return {"estimate": km.at(months), "ci95": [None if np.isnan(v) else v for v in (low, high)]}


def analyse(
    cohort: Cohort, *, seed: int = 1, confirm: bool = False, landmark_months: float | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Everything that a table allows: (document, pictures by file name).

    A part whose columns are missing is None, with the reason under ``reasons``.
    """
    warnings, reasons = list(cohort.warnings), {}
    parts: dict[str, Callable[[], dict[str, Any] | None]] = {
        "response": lambda: rates.response(cohort, confirm=confirm),
        "downstaging": lambda: rates.downstaging(cohort),
        "downgrading": lambda: rates.downgrading(cohort),
        "surgery": lambda: rates.surgery(cohort),
        "comparison": lambda: comparison.compare_groups(cohort, seed=seed),
        "surgery_effect": lambda: immortal.surgery_analysis(cohort, landmark_months=landmark_months),
    }
    document: dict[str, Any] = {
        "n": cohort.n,
        "groups": {g: int((cohort.text("group") == g).sum()) for g in ("rlt", "upfront_surgery")},
    }
    for name, make in parts.items():
        try:
            document[name] = make()
        except InputError as error:
            document[name], reasons[name] = None, str(error)
        if document[name] is None:
            reasons.setdefault(name, f"the table has no {NEEDS[name]}")
    document["survival"], fits, ends = survival(cohort)
    if document["surgery_effect"] is not None:
        warnings.append(immortal.WARNING)
    if document["comparison"] is not None:
        if not document["comparison"]["balanced"]:
            warnings.append("The groups stay unbalanced after weighting (a standardised difference above 0.1).")
        if document["comparison"]["n_without_covariates"]:
            warnings.append(
                f"{document['comparison']['n_without_covariates']} patients lack a covariate and are not in the comparison."
            )
    document["missing"] = {
        name: int(np.sum(values == "") if values.dtype == object else np.isnan(values).sum())
        for name, values in cohort.columns.items()
    }
    document["reasons"], document["warnings"] = reasons, warnings
    pictures = {"survival.svg": plots.curves(fits, ends)}
    if document["response"] is not None and document["response"]["waterfall"]:
        pictures["waterfall.svg"] = plots.waterfall(document["response"]["waterfall"])
    if document["comparison"] is not None:
        pictures["balance.svg"] = plots.balance(document["comparison"]["balance"])
    return document, pictures

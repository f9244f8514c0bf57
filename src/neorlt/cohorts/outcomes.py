"""Times to an event: overall, progression-free and recurrence-free survival, and causes that compete. Each names its time zero.

* Overall survival: from the baseline scan to death; censored when last seen.
* Progression-free survival: from the baseline scan to progression, recurrence or death.
* Recurrence-free survival: from resection to recurrence or death, among the resected who had not progressed before it.

Progression is ``recurrence_date``; where the table has none, the first scan with progression by the sums of diameters. Patients
without progression are censored at ``last_imaging_date`` where the table has it, else when last seen (then a progression between
the last scan and the last contact would be missed; the document says so).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.recist import Response
from neorlt.cohorts.cohort import DAYS_PER_MONTH, Cohort
from neorlt.cohorts.dictionary import FOLLOW_UPS
from neorlt.cohorts.hazards import cox, proportional_hazards_check
from neorlt.cohorts.rates import responses
from neorlt.cohorts.survival import Floats, KaplanMeier, aalen_johansen, kaplan_meier, logrank, reverse_kaplan_meier
from neorlt.core.errors import InputError
from neorlt.core.proportions import exact_interval

GROUPS = ("rlt", "upfront_surgery")
MILESTONES_MONTHS = (12, 24, 36, 60)


@dataclass(frozen=True)
class Endpoint:
    """A time to an event for every patient it applies to; ``cause`` is 0 censored, 1 the first of ``causes``, …"""

    key: str
    title: str
    time_zero: str
    months: Floats
    cause: NDArray[np.int_]
    causes: tuple[str, ...]
    used: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    @property
    def event(self) -> NDArray[np.bool_]:
        """Whether any of the causes happened."""
        return self.cause > 0


def overall(cohort: Cohort) -> Endpoint:
    """Overall survival; by cause where the table has causes of death for every death."""
    died = cohort.number("died") == 1
    causes: tuple[str, ...] = ("death",)
    code = died.astype(int)
    if cohort.has("cause_of_death") and not np.any(died & (cohort.text("cause_of_death") == "")):
        causes = ("death of disease", "death of treatment", "death of other causes")
        code = np.select([died & (cohort.text("cause_of_death") == c) for c in ("disease", "treatment", "other")], [1, 2, 3], 0)
    return Endpoint("overall_survival", "Overall survival", "baseline scan", cohort.months("baseline_date", "last_date"), code, causes,
                    np.ones(cohort.n, bool))


def progression_date(cohort: Cohort) -> tuple[Floats, str]:
    """Day of progression (NaN where none is known), and where it was read."""
    if "recurrence_date" in cohort.columns:
        return cohort.number("recurrence_date"), "recurrence_date"
    if not cohort.has("sum_before_mm", "fu1_sum_mm"):
        return np.full(cohort.n, np.nan), ""
    codes = responses(cohort)
    scans = np.stack([cohort.number(f"fu{k}_date") for k in range(1, FOLLOW_UPS + 1)], axis=1)
    return np.min(np.where(codes == Response.PD, scans, np.inf), axis=1, initial=np.inf), "the first scan with progression by RECIST 1.1"


def progression_free(cohort: Cohort) -> Endpoint | None:
    """Progression-free survival, None where the table records no progression."""
    when, read = progression_date(cohort)
    if not read:
        return None
    zero, last, died = cohort.number("baseline_date"), cohort.number("last_date"), cohort.number("died") == 1
    progressed = np.isfinite(when)
    notes = [f"progression read from {read}"]
    free_until = last.copy()
    if cohort.has("last_imaging_date"):
        imaging = cohort.number("last_imaging_date")
        free_until = np.where(died | np.isnan(imaging), last, imaging)
        notes.append("patients without progression are censored at their last imaging")
    else:
        notes.append("no last_imaging_date: patients without progression are censored when last seen")
    end = np.where(progressed, when, free_until)
    cause = np.where(progressed, 1, np.where(died, 2, 0))
    return Endpoint("progression_free_survival", "Progression-free survival", "baseline scan", (end - zero) / DAYS_PER_MONTH, cause,
                    ("progression", "death without progression"), end >= zero, tuple(notes))


def recurrence_free(cohort: Cohort) -> Endpoint | None:
    """Recurrence-free survival of the resected, None without surgery or recurrence dates."""
    if not cohort.has("surgery_date") or "recurrence_date" not in cohort.columns:
        return None
    surgery, when = cohort.number("surgery_date"), cohort.number("recurrence_date")
    last, died = cohort.number("last_date"), cohort.number("died") == 1
    operated = ~np.isnan(surgery)
    before = operated & (when < surgery)
    unresected = operated & (cohort.text("margin") == "R2")
    used = operated & ~before & ~unresected
    recurred = np.isfinite(when)
    end = np.where(recurred, when, last)
    notes = []
    if before.any():
        notes.append(f"{int(before.sum())} resected patients had progressed before surgery, and a recurrence after it is not recorded: "
                     "left out")
    if unresected.any():
        notes.append(f"{int(unresected.sum())} R2 resections were left out: they were never free of disease")
    cause = np.where(recurred, 1, np.where(died, 2, 0))
    return Endpoint("recurrence_free_survival", "Recurrence-free survival", "resection", (end - surgery) / DAYS_PER_MONTH, cause,
                    ("recurrence", "death without recurrence"), used, tuple(notes))


def endpoints(cohort: Cohort) -> list[Endpoint]:
    """The endpoints that a table allows."""
    found = [overall(cohort), progression_free(cohort), recurrence_free(cohort)]
    return [endpoint for endpoint in found if endpoint is not None and endpoint.used.any()]


def members(cohort: Cohort, endpoint: Endpoint) -> dict[str, NDArray[np.bool_]]:
    """Patients of each group whom an endpoint applies to."""
    found = {name: np.asarray(cohort.text("group") == name, bool) & endpoint.used for name in GROUPS}
    return {name: group for name, group in found.items() if group.any()}


def describe(cohort: Cohort, endpoint: Endpoint) -> tuple[dict[str, Any], dict[str, KaplanMeier]]:
    """Medians, restricted means, milestones, follow-up by group; log-rank and Cox between groups; curves for the figures."""
    groups = members(cohort, endpoint)
    time, event = endpoint.months, endpoint.event
    tau = float(np.floor(min(time[m].max() for m in groups.values())))
    found: dict[str, Any] = {
        "time_zero": endpoint.time_zero, "n": int(sum(m.sum() for m in groups.values())), "events": int(event[endpoint.used].sum()),
        "tau_months": tau, "groups": {}, "notes": list(endpoint.notes),
    }
    curves = {}
    for name, group in groups.items():
        km = kaplan_meier(time[group], event[group])
        curves[name] = km
        mean, se = km.rmst(tau) if tau > 0 else (0.0, 0.0)
        low, high = km.median_interval("log-log")
        end = float(time[group].max())
        found["groups"][name] = {
            "n": km.n, "events": km.n_events, "median_months": km.median(), "median_ci95": [low, high],
            "median_rests_months": km.rests_at_half(),
            "rmst_months": {"mean": mean, "se": se}, "median_follow_up_months": reverse_kaplan_meier(time[group], event[group]).median(),
            "survival": {str(m): _at(km, float(m), int((time[group] >= m).sum())) for m in MILESTONES_MONTHS if m <= end},
        }
    if len(groups) == 2 and event[endpoint.used].any():
        found |= _between(cohort, endpoint)
    return found, curves


def _between(cohort: Cohort, endpoint: Endpoint) -> dict[str, Any]:
    used = np.flatnonzero(endpoint.used)
    time, event = endpoint.months[used], endpoint.event[used]
    exposed = np.asarray(cohort.text("group")[used] == "rlt", float)
    chi2, p, _ = logrank(time, event, exposed)
    found: dict[str, Any] = {"logrank": {"chi2": chi2, "p": p}}
    try:
        fit = cox(time, event, exposed, ("rlt",))
        found["cox_crude"] = fit.as_json()
        found["cox_crude"]["proportional_hazards_p"] = {
            name: p for name, (_, p) in proportional_hazards_check(time, event, exposed, fit).items() if name != "GLOBAL"
        }
    except InputError as error:
        found["cox_crude"], found["cox_reason"] = None, str(error)
    return found


def competing(cohort: Cohort, endpoint: Endpoint) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Cumulative incidence of each cause by group (Aalen–Johansen), None with a single cause; the fits are for the figures."""
    if len(endpoint.causes) < 2:
        return None
    found: dict[str, Any] = {"time_zero": endpoint.time_zero, "causes": list(endpoint.causes), "groups": {}}
    fits = {}
    for name, group in members(cohort, endpoint).items():
        fit = aalen_johansen(endpoint.months[group], endpoint.cause[group], endpoint.causes)
        fits[name] = fit
        end = float(endpoint.months[group].max())
        found["groups"][name] = {
            cause: {"events": fit.events[k], "incidence": {
                str(m): {"estimate": fit.at(cause, m), "ci95": list(fit.interval(cause, m))} for m in MILESTONES_MONTHS if m <= end}}
            for k, cause in enumerate(endpoint.causes)
        }
    return found, fits


def _at(km: KaplanMeier, months: float, followed: int) -> dict[str, Any]:
    """Survival at a month; before the first event its interval is the exact one of those followed so far, not one without width."""
    low, high = km.interval(months)
    if km.at(months) == 1.0:
        low, high = exact_interval(followed, followed)
    return {"estimate": km.at(months), "ci95": [None if np.isnan(v) else v for v in (low, high)]}

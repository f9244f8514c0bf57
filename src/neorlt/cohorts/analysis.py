"""A centre's table in, outcomes out: response, stage, grade, surgery, survival, toxicity, quality of life, comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic import ctcae, recist
from neorlt.cohorts import comparison, immortal, outcomes, rates
from neorlt.cohorts.cohort import DAYS_PER_MONTH, Cohort
from neorlt.cohorts.dictionary import FOLLOW_UPS
from neorlt.cohorts.quality import quality
from neorlt.cohorts.survival import CumulativeIncidence, KaplanMeier
from neorlt.cohorts.toxicity import toxicity
from neorlt.core.errors import InputError
from neorlt.core.progress import track

NEEDS = {
    "response": "sum_before_mm and fu1_date, fu1_sum_mm",
    "downstaging": "stage_before and stage_after, or one vessel's …_before_deg and …_after_deg",
    "downgrading": "ki67_before_pct and ki67_after_pct",
    "surgery": "surgery_date",
    "toxicity": "…_nadir_… values or tox_…_grade",
    "quality_of_life": "questionnaires qlq0_…",
    "comparison": "both groups with baseline covariates",
    "surgery_effect": "five operated and five not operated patients of the group rlt, and deaths",
}
DRAWN_POINTS = 400
"""Points of a curve that are kept for the figures; the estimates themselves use all."""
SWIMMERS = 60
OF_TREATMENT = ("cycles", "activity_gbq")
"""Columns of what radioligand therapy gave."""
TABLE_ONE = (
    ("age_y", "number"),
    ("sex", "text"),
    ("site", "text"),
    ("size_before_mm", "number"),
    ("sum_before_mm", "number"),
    ("ki67_before_pct", "number"),
    ("grade_before", "grade"),
    ("stage_before", "text"),
    ("nodes_positive", "flag"),
    ("liver_metastases", "flag"),
    ("cycles", "number"),
    ("activity_gbq", "number"),
    ("platelets_e9_per_l", "number"),
    ("haemoglobin_g_dl", "number"),
    ("egfr_ml_min", "number"),
)


def analyse(
    cohort: Cohort,
    *,
    seed: int = 1,
    confirm: bool = False,
    landmark_months: float | None = None,
    stable_weeks: float = recist.STABLE_DISEASE_WEEKS,
    ctcae_version: str = ctcae.DEFAULT_VERSION,
    imputations: int = comparison.IMPUTATIONS,
    include_unchecked: bool = False,
) -> dict[str, Any]:
    """Everything that a table allows, as one document.

    A part whose columns are missing is None, with the reason under ``reasons``. ``curves``, ``swimmers`` and ``flow`` hold what
    the figures of the report show.
    """
    ctcae.version_name(ctcae_version)  # refuse an unknown version before anything is computed
    warnings, reasons = list(cohort.warnings), {}
    parts: dict[str, Callable[[], dict[str, Any] | None]] = {
        "response": lambda: rates.response(cohort, confirm=confirm, stable_weeks=stable_weeks),
        "downstaging": lambda: rates.downstaging(cohort),
        "downgrading": lambda: rates.downgrading(cohort),
        "surgery": lambda: rates.surgery(cohort),
        "toxicity": lambda: toxicity(cohort, ctcae_version),
        "quality_of_life": lambda: quality(cohort, include_unchecked=include_unchecked),
        "comparison": lambda: comparison.compare_groups(cohort, seed=seed, imputations=imputations),
        "surgery_effect": lambda: immortal.surgery_analysis(cohort, landmark_months=landmark_months, seed=seed, imputations=imputations),
    }
    document: dict[str, Any] = {
        "n": cohort.n,
        "table": cohort.name,
        "groups": {g: int((cohort.text("group") == g).sum()) for g in outcomes.GROUPS},
        "flow": flow(cohort),
        "table_one": table_one(cohort),
    }
    for name, make in track(list(parts.items()), "Analysing the table"):
        try:
            document[name] = make()
        except InputError as error:
            document[name], reasons[name] = None, str(error)
        if document[name] is None:
            reasons.setdefault(name, f"the table has no {NEEDS[name]}")
    document |= _times(cohort, reasons)
    warnings += _warnings(document)
    document["swimmers"] = swimmers(cohort)
    document["missing"] = {
        name: int(np.sum(values == "") if values.dtype == object else np.isnan(values).sum()) for name, values in cohort.columns.items()
    }
    document["reasons"], document["warnings"] = reasons, list(dict.fromkeys(warnings))
    return document


def _times(cohort: Cohort, reasons: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"survival": None, "progression_free": None, "recurrence_free": None, "competing": {}, "curves": {}}
    keys = {"overall_survival": "survival", "progression_free_survival": "progression_free", "recurrence_free_survival": "recurrence_free"}
    for endpoint in outcomes.endpoints(cohort):
        description, fits = outcomes.describe(cohort, endpoint)
        found[keys[endpoint.key]] = description
        members = outcomes.members(cohort, endpoint)
        last = max(float(endpoint.months[group].max()) for group in members.values())
        step = next(s for s in (3, 6, 12, 24, 36, 60, 120, 1200) if last / s <= 8)
        found["curves"][endpoint.key] = {
            "title": endpoint.title,
            "time_zero": endpoint.time_zero,
            "groups": {name: _curve(km, endpoint.months[members[name]], step) for name, km in fits.items()},
        }
        competing = outcomes.competing(cohort, endpoint)
        if competing is not None:
            found["competing"][endpoint.key], incidences = competing
            found["curves"][endpoint.key]["incidence"] = {name: _incidence(fit) for name, fit in incidences.items()}
    for key, needs in (("progression_free", "recurrence_date or scans"), ("recurrence_free", "surgery_date and recurrence_date")):
        if found[key] is None:
            reasons[key] = f"the table has no {needs}"
    return found


def _thinned(n: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, n - 1, min(n, DRAWN_POINTS)).round().astype(np.intp)) if n else np.empty(0, np.intp)


def _curve(km: KaplanMeier, months: NDArray[np.float64], step: float) -> dict[str, Any]:
    keep = _thinned(len(km.time))
    band = [km.interval(float(t)) for t in km.time[keep]]
    end = float(months.max())
    ticks = [float(t) for t in np.arange(0, end + 1e-9, step)]
    return {
        "n": km.n,
        "events": km.n_events,
        "end": end,
        "time": km.time[keep].tolist(),
        "survival": km.survival[keep].tolist(),
        "low": [None if np.isnan(v[0]) else v[0] for v in band],
        "high": [None if np.isnan(v[1]) else v[1] for v in band],
        "at_risk": {"months": ticks, "n": [int(np.sum(months >= t)) for t in ticks]},
    }


def _incidence(fit: CumulativeIncidence) -> dict[str, Any]:
    keep = _thinned(len(fit.time))
    return {"time": fit.time[keep].tolist(), "causes": {cause: fit.incidence[k, keep].tolist() for k, cause in enumerate(fit.causes)}}


def _warnings(document: Mapping[str, Any]) -> list[str]:
    found = []
    if document["surgery_effect"] is not None:
        found.append(immortal.WARNING)
        if document["surgery_effect"]["imputed"]:
            gaps = ", ".join(f"{name} in {count}" for name, count in document["surgery_effect"]["imputed"].items())
            found.append(f"The effect of surgery is adjusted with imputed covariates ({gaps} patients).")
    if document["comparison"] is not None:
        if not document["comparison"]["balanced"]:
            found.append("The groups stay unbalanced after weighting (a standardised difference above 0.1).")
        lacking = document["comparison"]["n_without_covariates"]
        if lacking:
            found.append(
                f"{lacking} of {document['n']} patients lack a covariate: they are left out of the complete-case comparison "
                "and imputed in the one beside it."
            )
    for part in ("response", "toxicity", "quality_of_life", "progression_free", "recurrence_free"):
        if document.get(part) is not None:
            found += [f"{part.replace('_', ' ').capitalize()}: {note}." for note in document[part].get("notes", ())]
    for group in (document["surgery"] or {}).values():
        if "margin_warning" in group:
            found.append(group["margin_warning"].capitalize() + ".")
    return found


def flow(cohort: Cohort) -> dict[str, list[dict[str, Any]]]:
    """How many patients of each group reached each step, every one a part of the group."""
    operated = ~np.isnan(cohort.number("surgery_date"))
    started = ~np.isnan(cohort.number("rlt_start_date"))
    scanned = ~np.isnan(cohort.number("fu1_sum_mm")) & ~np.isnan(cohort.number("sum_before_mm"))
    steps = {
        "rlt": [
            ("planned for radioligand therapy", np.ones(cohort.n, bool), True),
            ("started", started, "rlt_start_date" in cohort.columns),
            ("measured before and after", scanned, cohort.has("sum_before_mm", "fu1_sum_mm")),
            ("resected", operated, "surgery_date" in cohort.columns),
            ("R0", operated & (cohort.text("margin") == "R0"), cohort.has("margin")),
        ],
        "upfront_surgery": [
            ("planned for upfront surgery", np.ones(cohort.n, bool), True),
            ("resected", operated, "surgery_date" in cohort.columns),
            ("R0", operated & (cohort.text("margin") == "R0"), cohort.has("margin")),
        ],
    }
    found = {}
    for name, rows in steps.items():
        members = np.asarray(cohort.text("group") == name, bool)
        if members.any():
            found[name] = [{"step": words, "n": int((members & there).sum()) if recorded else None} for words, there, recorded in rows]
    return found


def table_one(cohort: Cohort) -> list[dict[str, Any]]:
    """Characteristics at baseline by group: median and quartiles, or counts; what is missing is counted."""
    rows = []
    for name, kind in TABLE_ONE:
        source = "ki67_before_pct" if kind == "grade" else name
        if source not in cohort.columns:
            continue
        row: dict[str, Any] = {"name": name, "kind": kind, "groups": {}}
        for group in outcomes.GROUPS:
            members = np.asarray(cohort.text("group") == group, bool)
            if members.any():
                row["groups"][group] = _characteristic(cohort, name, kind, members)
        rows.append(row)
    return rows


def _characteristic(cohort: Cohort, name: str, kind: str, members: NDArray[np.bool_]) -> dict[str, Any]:
    if kind == "text":
        values = cohort.text(name)[members]
        known = values[values != ""]
        return {"counts": {str(v): int(np.sum(known == v)) for v in sorted(set(known.tolist()))}, "missing": int(np.sum(values == ""))}
    if kind == "grade":
        grades = rates.grades(cohort, "before")[members]
        return {"counts": {f"G{g}": int(np.sum(grades == g)) for g in (1, 2, 3)}, "missing": int(np.sum(grades < 0))}
    values = cohort.number(name)[members]
    known = values[~np.isnan(values)]
    missing = int(np.isnan(values).sum())
    if kind == "flag":
        return {"counts": {"yes": int(np.sum(known == 1)), "no": int(np.sum(known == 0))}, "missing": missing}
    if known.size == 0:
        absent = {"median": None, "quartiles": None, "missing": missing}
        # Of a treatment that the group did not have, nothing is missing.
        return absent | ({"not_given": True} if name in OF_TREATMENT and not (members & rates.planned_rlt(cohort)).any() else {})
    low, mid, high = (float(v) for v in np.quantile(known, [0.25, 0.5, 0.75]))
    return {"median": mid, "quartiles": [low, high], "missing": missing}


def swimmers(cohort: Cohort) -> dict[str, Any]:
    """Follow-up of single patients planned for radioligand therapy, longest first; at most :data:`SWIMMERS` of them."""
    members = np.flatnonzero(rates.planned_rlt(cohort))
    zero = cohort.number("baseline_date")
    end = (cohort.number("last_date") - zero) / DAYS_PER_MONTH
    spread = members[np.argsort(-end[members], kind="stable")]
    chosen = spread if len(spread) <= SWIMMERS else spread[np.unique(np.linspace(0, len(spread) - 1, SWIMMERS).round().astype(int))]
    marks = {
        "treatment_from": "rlt_start_date",
        "treatment_to": "rlt_end_date",
        "surgery": "surgery_date",
        "progression": "recurrence_date",
    }
    scans = [cohort.number(f"fu{k}_date") for k in range(1, FOLLOW_UPS + 1)]
    codes = rates.responses(cohort) if cohort.has("sum_before_mm", "fu1_sum_mm") else None
    rows = []
    for i in chosen.tolist():
        row: dict[str, Any] = {"end": float(end[i]), "died": bool(cohort.number("died")[i] == 1)}
        for key, column in marks.items():
            when = (cohort.number(column)[i] - zero[i]) / DAYS_PER_MONTH
            row[key] = None if np.isnan(when) else float(when)
        first = None
        if codes is not None:
            hits = [k for k, scan in enumerate(scans) if codes[i, k] <= recist.Response.PR and not np.isnan(scan[i])]
            first = float((scans[hits[0]][i] - zero[i]) / DAYS_PER_MONTH) if hits else None
        row["response"] = first
        rows.append(row)
    return {"shown": len(rows), "of": len(members), "rows": rows}

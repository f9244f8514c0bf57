"""Counts with exact intervals: response, downstaging by vessel, downgrading, margins and complications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.by_chance import CELLS, FIELDS, grade_document
from neorlt.clinic.grade import G2_KI67_PCT, G3_KI67_ABOVE_PCT, is_downgraded, who_grade
from neorlt.clinic.recist import STABLE_DISEASE_WEEKS, Response, best_responses, classify_series
from neorlt.clinic.tnm import is_downstaged
from neorlt.clinic.vessels import HEAD, Resectability, resectability_code, vessel_code, vessel_codes
from neorlt.cohorts.cohort import Cohort
from neorlt.cohorts.dictionary import FOLLOW_UPS, VESSELS
from neorlt.core.proportions import exact_interval, likelihood_interval


@dataclass(frozen=True)
class Rate:
    """Events of total with the exact (Clopper–Pearson) 95 % interval and the likelihood's; ``missing`` patients had no value."""

    events: int
    total: int
    missing: int = 0

    @property
    def ci95(self) -> tuple[float, float] | None:
        """Exact interval, None without patients."""
        return exact_interval(self.events, self.total) if self.total else None

    def as_json(self) -> dict[str, Any]:
        """JSON form."""
        interval = self.ci95
        return {
            "events": self.events,
            "total": self.total,
            "missing": self.missing,
            "rate": self.events / self.total if self.total else None,
            "ci95": None if interval is None else list(interval),
            "likelihood95": list(likelihood_interval(self.events, self.total)) if self.total else None,
        }


def _among(event: NDArray[np.bool_], known: NDArray[np.bool_], members: NDArray[np.bool_]) -> Rate:
    """Rate over the known among the members; members that are not known are missing."""
    return Rate(int((event & known & members).sum()), int((known & members).sum()), int((members & ~known).sum()))


def sums_over_time(cohort: Cohort) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """``(patient, 1 + scan)`` sums with the baseline first, and new-lesion and targets-gone flags ``(patient, scan)``.

    A flag is NaN where its column is there and the cell is blank; where the table has no such column at all it is 0, since
    the response is then one by the sums alone (see :func:`response`).
    """
    scans = range(1, FOLLOW_UPS + 1)
    sums = np.stack([cohort.number("sum_before_mm"), *(cohort.number(f"fu{k}_sum_mm") for k in scans)], axis=1)

    def flags(what: str) -> NDArray[np.float64]:
        names = [f"fu{k}_{what}" for k in scans]
        return np.stack([cohort.number(name) if name in cohort.columns else np.zeros(cohort.n) for name in names], axis=1)

    return sums, flags("new_lesion"), flags("targets_gone")


WATERFALL = 2000
"""Patients of a waterfall; of more, evenly spaced ones in their order are shown, and the document says so."""


def planned_rlt(cohort: Cohort) -> NDArray[np.bool_]:
    """Patients for whom radioligand therapy was planned first."""
    return np.asarray(cohort.text("group") == "rlt", bool)


def responses(cohort: Cohort) -> NDArray[np.int_]:
    """RECIST 1.1 response at each scan ``(patient, scan)``; ``NE`` where there was none, or it could not be told."""
    sums, new, gone = sums_over_time(cohort)
    gone = np.where(np.isnan(gone), 0.0, gone)  # a blank says nothing beyond the sum
    return np.asarray(classify_series(sums, new, targets_gone=gone), int)


def response(cohort: Cohort, *, confirm: bool = False, stable_weeks: float = STABLE_DISEASE_WEEKS) -> dict[str, Any] | None:
    """Best RECIST response of the patients planned for radioligand therapy: rate over **all** with a baseline, waterfall.

    Patients without a usable follow-up are ``NE`` and stay in the denominator. Scans after surgery do not count: what is
    measured then is not a response.
    """
    if not cohort.has("sum_before_mm", "fu1_sum_mm"):
        return None
    sums, new, _ = sums_over_time(cohort)
    codes = responses(cohort)
    planned = planned_rlt(cohort)
    baseline = ~np.isnan(sums[:, 0]) & planned
    days = np.stack([cohort.number(f"fu{k}_date") for k in range(1, FOLLOW_UPS + 1)], axis=1)
    weeks = (days - cohort.number("baseline_date")[:, None]) / 7
    late = days > np.where(np.isnan(cohort.number("surgery_date")), np.inf, cohort.number("surgery_date"))[:, None]
    absent = np.isnan(weeks) | late
    codes = np.where(absent, int(Response.NE), codes)
    best = np.where(baseline, best_responses(codes, weeks, confirm=confirm, stable_weeks=stable_weeks), int(Response.NE))
    with np.errstate(invalid="ignore", divide="ignore"):
        changes = np.where(absent, np.nan, 100.0 * (sums[:, 1:] / sums[:, :1] - 1.0))
    seen = ~np.isnan(changes)
    lowest = np.where(seen.any(axis=1), np.min(np.where(seen, changes, np.inf), axis=1), np.nan)
    order = np.argsort(-np.where(np.isnan(lowest), -np.inf, lowest), kind="stable")
    ids = cohort.columns["patient_id"]
    drawn = order[(baseline & np.isfinite(lowest))[order]]
    every = -(-len(drawn) // WATERFALL) if len(drawn) else 1
    waterfall = [
        {"patient": str(ids[i]), "best_change_pct": float(lowest[i]), "response": Response(int(best[i])).name}
        for i in drawn[::every].tolist()
    ]
    notes = []
    if every > 1:
        notes.append(f"the waterfall shows every {every}th of {len(drawn)} patients, in order")
    scans = [k for k in range(1, FOLLOW_UPS + 1) if cohort.has(f"fu{k}_sum_mm")]
    without = [str(k) for k in scans if f"fu{k}_new_lesion" not in cohort.columns]
    if without:
        notes.append(f"new lesions are not recorded for scan {', '.join(without)}: the response there is by the sums alone")
    blank = int(np.sum(np.isnan(new) & ~absent & ~np.isnan(sums[:, 1:]) & baseline[:, None]))
    if blank:
        notes.append(f"{blank} scans do not say whether there was a new lesion: not evaluated, unless the sum progressed")
    if np.any(late & ~np.isnan(sums[:, 1:]) & baseline[:, None]):
        notes.append(f"{int(np.sum(late & ~np.isnan(sums[:, 1:]) & baseline[:, None]))} scans after surgery were not counted")
    return {
        "objective_response": _among(best <= Response.PR, baseline, planned).as_json(),
        "disease_control": _among(best <= Response.SD, baseline, planned).as_json(),
        "counts": {r.name: int((best[baseline] == r).sum()) for r in Response},
        "confirmed": confirm,
        "rule": "RECIST 1.1", "least_weeks_of_stable_disease": stable_weeks,
        "waterfall": waterfall,
        "notes": notes,
    }


def downstaging(cohort: Cohort) -> dict[str, Any] | None:
    """Per vessel, in patients planned for radioligand therapy: contact lost among those with contact; resectability class."""
    members = planned_rlt(cohort)
    vessels = [v for v in VESSELS if cohort.has(f"{v}_before_deg", f"{v}_after_deg")]
    staged = cohort.has("stage_before", "stage_after")
    if not vessels and not staged:
        return None
    found: dict[str, Any] = {"vessels": {}}
    if staged:
        stages = {"": -1, "I": 1, "II": 2, "III": 3, "IV": 4}
        before, after = (np.array([stages[s] for s in cohort.text(f"stage_{when}").tolist()]) for when in ("before", "after"))
        fell = is_downstaged(before, after)
        could = members & (before > 1)
        found["stage"] = {
            "lower": Rate(int((could & (fell == 1)).sum()), int((could & (fell >= 0)).sum()), int((could & (fell < 0)).sum())).as_json(),
            "table": [[int((members & (before == a) & (after == b)).sum()) for b in (1, 2, 3, 4)] for a in (1, 2, 3, 4)],
        }
    for v in vessels:
        before, after = cohort.number(f"{v}_before_deg"), cohort.number(f"{v}_after_deg")
        touching = (before > 0) & members
        known = touching & ~np.isnan(after)
        found["vessels"][v] = {
            "contact_lost": Rate(
                int((known & (after == 0)).sum()), int(known.sum()), int((touching & np.isnan(after)).sum())
            ).as_json(),
            "encasement_lost": Rate(
                int((known & (before > 180) & (after <= 180)).sum()),
                int((known & (before > 180)).sum()),
                int((members & (before > 180) & np.isnan(after)).sum()),
            ).as_json(),
            "median_change_deg": float(np.median((after - before)[known])) if known.any() else None,
        }
    if vessels and cohort.has("site"):
        head = np.isin(cohort.text("site"), HEAD)
        known = members & (cohort.text("site") != "")
        codes = {when: _class(cohort, vessels, head, when) for when in ("before", "after")}
        complete = known & ~np.isnan(codes["before"]) & ~np.isnan(codes["after"])
        improved = complete & (codes["after"] < codes["before"])
        could = complete & (codes["before"] > 0)
        found["resectability"] = {
            "improved": Rate(int((improved & could).sum()), int(could.sum()), int((members & ~complete).sum())).as_json(),
            "table": [
                [int((complete & (codes["before"] == a) & (codes["after"] == b)).sum()) for b in range(3)] for a in range(3)
            ],
            "classes": [r.name.lower() for r in Resectability],
            "note": "NCCN definition for pancreatic adenocarcinoma, used as a proxy; contours and veins taken as reconstructible",
        }
    return found


def _class(cohort: Cohort, vessels: list[str], head: NDArray[np.bool_], when: str) -> NDArray[np.float64]:
    contact = np.stack([cohort.number(f"{v}_{when}_deg") for v in vessels], axis=1)
    codes = vessel_codes([vessel_code(v).name.replace("_", "/") if v in ("smv", "pv") else v for v in vessels])
    both = np.where(head, resectability_code(codes, contact, head=True), resectability_code(codes, contact, head=False))
    return np.where(both < 0, np.nan, both.astype(float))


def grades(cohort: Cohort, when: str) -> NDArray[np.int_]:
    """WHO grade by Ki-67 before or after; an interval such as ``<3`` has one where both of its ends have it."""
    low, high = cohort.bounds(f"ki67_{when}_pct")
    a, b = who_grade(low), who_grade(high)
    return np.asarray(np.where(a == b, a, -1), int)


def downgrading(cohort: Cohort) -> dict[str, Any] | None:
    """Grade before and after by group, with exact intervals, against what sampling alone does.

    Two nulls stand beside the count: the group that went straight to surgery, whose biopsies and resections differ by sampling
    only; and counting alone, had each specimen 500 cells and the tumour not changed (an assumption that leaves out differences
    between parts of a tumour, so it expects too little).
    """
    if not (cohort.has("ki67_before_pct") or "ki67_before_pct" in cohort.intervals) or "ki67_after_pct" not in cohort.columns:
        return None
    before, after = grades(cohort, "before"), grades(cohort, "after")
    found: dict[str, Any] = {"note": "a lower grade is not proof of an effect: upfront_surgery shows what sampling alone does",
                             "by_counting_alone": grade_document(cells=CELLS)}
    rates = {}
    for name in ("rlt", "upfront_surgery"):
        members = np.asarray(cohort.text("group") == name, bool)
        known = (before > 0) & (after > 0) & members
        if not known.any():
            continue
        could = known & (before > 1)
        specimens = cohort.text("specimen_before")[known].tolist()
        missing = int((members & ~known).sum())
        lower = (is_downgraded(before, after) == 1) & could
        rates[name] = (int(lower.sum()), int(could.sum()))
        found[name] = {
            "lower": Rate(*rates[name], missing).as_json(),
            "higher": Rate(int((known & (after > before)).sum()), int(known.sum()), missing).as_json(),
            "table": [[int((known & (before == a) & (after == b)).sum()) for b in (1, 2, 3)] for a in (1, 2, 3)],
            "specimens_before": {s or "not stated": specimens.count(s) for s in sorted(set(specimens))},
            "counting_null": _counting_null(cohort.number("ki67_before_pct"), before, could, int(lower.sum())),
        }
    if len(rates) == 2 and all(total for _, total in rates.values()):
        found["against_sampling"] = _against(rates["rlt"], rates["upfront_surgery"])
    return found if rates else None


def _counting_null(ki67: NDArray[np.float64], before: NDArray[np.int_], could: NDArray[np.bool_], observed: int) -> dict[str, Any] | None:
    """Patients expected in a lower grade by counting alone, and the chance of as many as were seen."""
    from scipy.stats import betabinom

    exact = could & ~np.isnan(ki67)
    if not exact.any():
        return None
    seen, again = np.unique(np.round(ki67[exact] / 100.0 * CELLS) * 10 + before[exact], return_inverse=True)
    positive, grade = np.floor(seen / 10), seen % 10
    # Positive cells that still make the grade: below it the second count is of a lower grade.
    least = np.where(grade == 2, np.ceil(G2_KI67_PCT / 100.0 * CELLS), np.floor(G3_KI67_ABOVE_PCT / 100.0 * CELLS) + 1)
    chance = np.asarray(betabinom.cdf(least - 1, CELLS, positive + 0.5, CELLS - positive + 0.5), float)[again]
    ways = np.ones(1)
    for p in chance if len(chance) <= 3000 else ():
        ways = np.convolve(ways, [1.0 - p, p])
    tail = float(ways[observed:].sum()) if len(chance) <= 3000 else None
    return {"expected": float(chance.sum()), "observed": observed, "n": int(exact.sum()), "p_as_many": tail, "cells": CELLS,
            "expected_if_hottest": float(_after_the_hottest(positive, least - 1)[again].sum()), "fields": FIELDS, "label": "assumption"}


def _after_the_hottest(positive: NDArray[np.float64], most: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chance of at most ``most`` positive cells in one field, ``positive`` having been the count of the hottest of several.

    The share of positive cells is not known: Jeffreys' prior on a grid, the likelihood that of the largest of several counts.
    """
    from scipy.special import bdtr

    angle = (np.arange(2000) + 0.5) / 2000 * np.pi / 2  # even steps of the arcsine are Jeffreys' prior
    share = np.sin(angle)[:, None] ** 2
    below = np.where(positive > 0, bdtr(np.maximum(positive - 1, 0), CELLS, share), 0.0)
    weight = bdtr(positive, CELLS, share) ** FIELDS - below**FIELDS
    return np.asarray((weight * bdtr(most, CELLS, share)).sum(axis=0) / weight.sum(axis=0))


def _against(treated: tuple[int, int], null: tuple[int, int]) -> dict[str, Any]:
    """Difference of two proportions: Newcombe's interval (doi 10.1002/(SICI)1097-0258(19980430)17:8<873), Fisher's P."""
    from scipy.stats import fisher_exact

    (a, n), (b, m) = treated, null

    def wilson(x: int, total: int) -> tuple[float, float]:
        p, z = x / total, 1.959963984540054
        centre, half = p + z * z / (2 * total), z * np.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
        return float((centre - half) / (1 + z * z / total)), float((centre + half) / (1 + z * z / total))

    (l1, u1), (l2, u2), d = wilson(a, n), wilson(b, m), a / n - b / m
    low, high = d - np.hypot(a / n - l1, u2 - b / m), d + np.hypot(u1 - a / n, b / m - l2)
    return {"difference": d, "ci95": [float(low), float(high)], "fisher_p": float(fisher_exact(np.array([[a, n - a], [b, m - b]]))[1])}


SEVERE = ("III", "IIIa", "IIIb", "IV", "IVa", "IVb", "V")
MORTALITY_DAYS = 90.0


def surgery(cohort: Cohort) -> dict[str, Any] | None:
    """Surgery, R0 by each of three denominators, complications, 90-day mortality and length of stay; each by group."""
    if "surgery_date" not in cohort.columns:
        return None
    groups = {name: np.asarray(cohort.text("group") == name, bool) for name in ("rlt", "upfront_surgery")}
    return {name: _surgery_of(cohort, members) for name, members in groups.items() if members.any()}


def _surgery_of(cohort: Cohort, members: NDArray[np.bool_]) -> dict[str, Any]:
    operated = members & ~np.isnan(cohort.number("surgery_date"))
    margin, clavien, popf = cohort.text("margin"), cohort.text("clavien_dindo"), cohort.text("popf")
    r0 = margin == "R0"
    # A margin that was not stated is unknown; who was not resected has no R0.
    judged = ~operated | (margin != "")
    treated = members & (~np.isnan(cohort.number("rlt_start_date")) | operated)
    rules = sorted({float(v) for v in cohort.number("margin_rule_mm")[operated & (margin != "")]})
    days = cohort.number("last_date") - cohort.number("surgery_date")
    died = cohort.number("died") == 1
    early = operated & died & (days <= MORTALITY_DAYS)
    known = operated & (early | (days >= MORTALITY_DAYS))
    stay = np.where(np.isnan(cohort.number("length_of_stay_d")), cohort.number("discharge_date") - cohort.number("surgery_date"),
                    cohort.number("length_of_stay_d"))[operated]
    stayed = stay[~np.isnan(stay)]
    found: dict[str, Any] = {
        "operated": Rate(int(operated.sum()), int(members.sum())).as_json(),
        "r0_of_enrolled": _among(r0 & operated, judged & bool((margin != "").any()), members).as_json(),
        "r0_of_treated": _among(r0 & operated, judged & bool((margin != "").any()), treated).as_json(),
        "r0_of_resected": _among(r0, margin != "", operated).as_json(),
        "margin_rules_mm": rules,
        "severe_complication": _among(np.isin(clavien, SEVERE), clavien != "", operated).as_json(),
        "clavien_dindo": {g: int((operated & (clavien == g)).sum()) for g in ("0", "I", "II", *SEVERE)},
        "death_after_surgery": _among(clavien == "V", clavien != "", operated).as_json(),
        "mortality_90_days": Rate(int(early.sum()), int(known.sum()), int((operated & ~known).sum())).as_json(),
        "fistula_b_or_c": _among(np.isin(popf, ["B", "C"]), popf != "", operated).as_json(),
        "length_of_stay_days": None if not stayed.size else {
            "n": int(stayed.size), "missing": int(np.isnan(stay).sum()), "median": float(np.median(stayed)),
            "quartiles": [float(v) for v in np.quantile(stayed, [0.25, 0.75])],
        },
    }
    if len(rules) > 1:
        found["margin_warning"] = "margins were judged by different rules: do not pool R0"
    return found

"""Counts with exact intervals: response, downstaging by vessel, downgrading, margins and complications."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.grade import is_downgraded, who_grade
from neorlt.clinic.recist import Response, best_response, classify_series
from neorlt.clinic.surgery import is_severe, parse_clavien_dindo
from neorlt.clinic.vessels import Resectability, resectability_code, vessel_code, vessel_codes
from neorlt.cohorts.dictionary import FOLLOW_UPS, VESSELS
from neorlt.cohorts.reading import Cohort
from neorlt.core.errors import InputError


@dataclass(frozen=True)
class Rate:
    """Events of total with the exact (Clopper–Pearson) 95 % interval; ``missing`` patients had no value."""

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
        }


def exact_interval(events: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper–Pearson interval.

    Raises
    ------
    InputError
        If the counts are no proportion.
    """
    from scipy.special import betaincinv

    if not 0 <= events <= total or total <= 0:
        raise InputError(
            "a count is not a proportion",
            expected="0 <= events <= total, total above 0",
            found=f"{events}/{total}",
            remedy="correct the counts",
        )
    tail = (1.0 - level) / 2.0
    low = 0.0 if events == 0 else float(betaincinv(events, total - events + 1, tail))
    high = 1.0 if events == total else float(betaincinv(events + 1, total - events, 1.0 - tail))
    return low, high


def _among(event: NDArray[np.bool_], known: NDArray[np.bool_], members: NDArray[np.bool_]) -> Rate:
    """Rate over the known among the members; members that are not known are missing."""
    return Rate(int((event & known & members).sum()), int((known & members).sum()), int((members & ~known).sum()))


def sums_over_time(cohort: Cohort) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """``(patient, 1 + scan)`` sums with the baseline first, and new-lesion and targets-gone flags ``(patient, scan)``."""
    scans = range(1, FOLLOW_UPS + 1)
    sums = np.stack([cohort.number("sum_before_mm"), *(cohort.number(f"fu{k}_sum_mm") for k in scans)], axis=1)
    new = np.stack([cohort.number(f"fu{k}_new_lesion") == 1 for k in scans], axis=1)
    gone = np.stack([cohort.number(f"fu{k}_targets_gone") == 1 for k in scans], axis=1)
    return sums, new, gone


def planned_rlt(cohort: Cohort) -> NDArray[np.bool_]:
    """Patients for whom radioligand therapy was planned first."""
    return np.asarray(cohort.text("group") == "rlt", bool)


def response(cohort: Cohort, *, confirm: bool = False) -> dict[str, Any] | None:
    """Best RECIST response of the patients planned for radioligand therapy: rate over **all** with a baseline, waterfall.

    Patients without a usable follow-up are ``NE`` and stay in the denominator.
    """
    if not cohort.has("sum_before_mm", "fu1_sum_mm"):
        return None
    sums, new, gone = sums_over_time(cohort)
    codes = classify_series(sums, new, targets_gone=gone)
    baseline = ~np.isnan(sums[:, 0]) & planned_rlt(cohort)
    weeks = np.stack(
        [(cohort.number(f"fu{k}_date") - cohort.number("baseline_date")) / 7 for k in range(1, FOLLOW_UPS + 1)], axis=1
    )
    best = np.full(cohort.n, int(Response.NE))
    for i in np.flatnonzero(baseline):
        scanned = ~np.isnan(weeks[i])
        order = np.flatnonzero(scanned)
        best[i] = best_response(codes[i, order].tolist(), weeks=weeks[i, order].tolist(), confirm=confirm)
    with np.errstate(invalid="ignore"):
        changes = 100.0 * (sums[:, 1:] / sums[:, :1] - 1.0)
    seen = ~np.isnan(changes)
    lowest = np.where(seen.any(axis=1), np.min(np.where(seen, changes, np.inf), axis=1), np.nan)
    order = np.argsort(-np.where(np.isnan(lowest), -np.inf, lowest), kind="stable")
    waterfall = [
        {
            "patient": str(cohort.columns["patient_id"][i]),
            "best_change_pct": float(lowest[i]),
            "response": Response(int(best[i])).name,
        }
        for i in order
        if baseline[i] and np.isfinite(lowest[i])
    ]
    return {
        "objective_response": _among(best <= Response.PR, baseline, planned_rlt(cohort)).as_json(),
        "disease_control": _among(best <= Response.SD, baseline, planned_rlt(cohort)).as_json(),
        "counts": {r.name: int((best[baseline] == r).sum()) for r in Response},
        "confirmed": confirm,
        "waterfall": waterfall,
    }


def downstaging(cohort: Cohort) -> dict[str, Any] | None:
    """Per vessel, in patients planned for radioligand therapy: contact lost among those with contact; resectability class."""
    members = planned_rlt(cohort)
    vessels = [v for v in VESSELS if cohort.has(f"{v}_before_deg", f"{v}_after_deg")]
    if not vessels:
        return None
    found: dict[str, Any] = {"vessels": {}}
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
    if cohort.has("site"):
        head = np.isin(cohort.text("site"), ["head", "uncinate", "neck"])
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


def downgrading(cohort: Cohort) -> dict[str, Any] | None:
    """Grade before and after by group, with exact intervals.

    A biopsy and a resection differ by sampling alone: the group that went straight to surgery shows how often.
    """
    if not cohort.has("ki67_before_pct", "ki67_after_pct"):
        return None
    before, after = who_grade(cohort.number("ki67_before_pct")), who_grade(cohort.number("ki67_after_pct"))
    found: dict[str, Any] = {"note": "a lower grade is not proof of an effect: upfront_surgery shows what sampling alone does"}
    for name in ("rlt", "upfront_surgery"):
        members = np.asarray(cohort.text("group") == name, bool)
        known = (before > 0) & (after > 0) & members
        if not known.any():
            continue
        could = known & (before > 1)
        specimens = cohort.text("specimen_before")[known].tolist()
        missing = int((members & ~known).sum())
        found[name] = {
            "lower": Rate(int(((is_downgraded(before, after) == 1) & could).sum()), int(could.sum()), missing).as_json(),
            "higher": Rate(int((known & (after > before)).sum()), int(known.sum()), missing).as_json(),
            "table": [[int((known & (before == a) & (after == b)).sum()) for b in (1, 2, 3)] for a in (1, 2, 3)],
            "specimens_before": {s or "not stated": specimens.count(s) for s in sorted(set(specimens))},
        }
    return found


def surgery(cohort: Cohort) -> dict[str, Any] | None:
    """Surgery, R0 by each of three denominators, complications; each by group."""
    if "surgery_date" not in cohort.columns:
        return None
    groups = {name: np.asarray(cohort.text("group") == name, bool) for name in ("rlt", "upfront_surgery")}
    return {name: _surgery_of(cohort, members) for name, members in groups.items() if members.any()}


def _surgery_of(cohort: Cohort, members: NDArray[np.bool_]) -> dict[str, Any]:
    operated = members & ~np.isnan(cohort.number("surgery_date"))
    margin = cohort.text("margin")
    r0 = margin == "R0"
    treated = members & (~np.isnan(cohort.number("rlt_start_date")) | operated)
    grade = np.array([int(parse_clavien_dindo(g)) if g else -1 for g in cohort.text("clavien_dindo").tolist()])
    popf = cohort.text("popf")
    rules = sorted({float(v) for v in cohort.number("margin_rule_mm")[operated & (margin != "")]})
    found: dict[str, Any] = {
        "operated": Rate(int(operated.sum()), int(members.sum())).as_json(),
        "r0_of_enrolled": Rate(int((r0 & operated).sum()), int(members.sum())).as_json(),
        "r0_of_treated": Rate(int((r0 & operated).sum()), int(treated.sum())).as_json(),
        "r0_of_resected": Rate(
            int((r0 & operated).sum()), int((operated & (margin != "")).sum()), int((operated & (margin == "")).sum())
        ).as_json(),
        "margin_rules_mm": rules,
        "severe_complication": Rate(
            int((operated & (is_severe(grade) == 1)).sum()),
            int((operated & (grade >= 0)).sum()),
            int((operated & (grade < 0)).sum()),
        ).as_json(),
        "death_after_surgery": Rate(
            int((operated & (grade == 7)).sum()), int((operated & (grade >= 0)).sum()), int((operated & (grade < 0)).sum())
        ).as_json(),
        "fistula_b_or_c": Rate(
            int((operated & np.isin(popf, ["B", "C"])).sum()),
            int((operated & (popf != "")).sum()),
            int((operated & (popf == "")).sum()),
        ).as_json(),
    }
    if len(rules) > 1:
        found["margin_warning"] = "margins were judged by different rules: do not pool R0"
    return found

"""What an analysed cohort says in words and rows of tables; read from the document, nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neorlt.reporting.views.cells import block

GROUPS = {"rlt": "radioligand therapy first", "upfront_surgery": "upfront surgery"}
NAMES = {
    "age_y": "age (years)",
    "male": "male",
    "sex": "sex",
    "site": "part of the pancreas",
    "size_before_mm": "longest diameter (mm)",
    "sum_before_mm": "sum of target diameters (mm)",
    "ki67_before_pct": "Ki-67 (%)",
    "grade_before": "WHO grade by Ki-67",
    "stage_before": "stage",
    "nodes_positive": "nodal metastases",
    "liver_metastases": "liver metastases",
    "cycles": "cycles",
    "activity_gbq": "cumulative activity (GBq)",
    "platelets_e9_per_l": "platelets (10⁹/l)",
    "haemoglobin_g_dl": "haemoglobin (g/dl)",
    "egfr_ml_min": "eGFR (ml/min)",
    "log2_size": "longest diameter (log2)",
    "log2_ki67": "Ki-67 (log2)",
}
RATIOS = {
    "crude": "crude",
    "adjusted": "adjusted, complete cases",
    "imputed": "adjusted, multiple imputation",
    "weighted": "overlap weights",
    "matched": "matched pairs",
}
RATES = (
    ("operated", "resected, of all planned"),
    ("r0_of_enrolled", "R0, of all planned"),
    ("r0_of_resected", "R0, of the resected"),
    ("severe_complication", "Clavien–Dindo III or above"),
    ("fistula_b_or_c", "pancreatic fistula B or C"),
    ("mortality_90_days", "death within 90 days of surgery"),
)
TIMES = (
    ("survival", "overall survival"),
    ("progression_free", "progression-free survival"),
    ("recurrence_free", "recurrence-free survival"),
)
RATE_HEADS = ["outcome", "group", "patients", "rate (exact 95 % interval)", "likelihood limits", "missing"]
SCALES = {
    "QL2": "global quality of life",
    "PF2": "physical functioning",
    "RF2": "role functioning",
    "EF": "emotional functioning",
    "CF": "cognitive functioning",
    "SF": "social functioning",
    "FA": "fatigue",
    "NV": "nausea and vomiting",
    "PA": "pain",
    "DY": "dyspnoea",
    "SL": "insomnia",
    "AP": "appetite loss",
    "CO": "constipation",
    "DI": "diarrhoea",
    "FI": "financial difficulties",
    "summary": "summary score",
}


def key_text(key: str) -> str:
    """A key of the document in words."""
    return key.replace("_", " ")


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %" if 0.095 <= value <= 0.905 or value in (0.0, 1.0) else f"{100 * value:.1f} %"


def _digits(*shares: float) -> int:
    """Decimals of shares that stand beside each other: one where any lies within a tenth of 0 or 1."""
    return 0 if all(0.095 <= v <= 0.905 for v in shares) else 1


def _percents(value: float, low: float, high: float) -> str:
    """A share with its interval, all with the same decimals."""
    digits = _digits(value, low, high)
    return f"{100 * value:.{digits}f} % ({100 * low:.{digits}f} % to {100 * high:.{digits}f} %)"


def rate_text(rate: Any) -> str:
    """A rate with its interval and counts."""
    part = block(rate)
    if part.get("rate") is None:
        return "not available"
    return _percents(part["rate"], *part["ci95"])


def likelihood_text(rate: Any) -> str:
    """Limits of the likelihood, which in small series lie apart from the exact ones."""
    part = block(rate)
    limits = part.get("likelihood95")
    if limits is None:
        return "not available"
    digits = _digits(part["rate"], *part["ci95"])
    return f"{100 * limits[0]:.{digits}f} % to {100 * limits[1]:.{digits}f} %"


def _counted(rate: Any) -> str:
    part = block(rate)
    return f"{part.get('events')} of {part.get('total')}"


def _months(value: Any) -> str:
    return "not reached" if value is None else f"{value:.1f}"


def _rests(ends: Any) -> str:
    """Where a curve lies at one half for a while: the median is then the middle by R's rule, and programs differ."""
    return "" if ends is None else f"; the curve rests at one half from {_months(ends[0])} to {_months(ends[1])}"


def answer_sentences(document: Mapping[str, Any]) -> list[str]:
    """The outcomes that matter most, in sentences."""
    found = []
    groups = block(document.get("groups"))
    response, surgery = block(document.get("response")), block(block(document.get("surgery")).get("rlt"))
    if groups.get("rlt"):
        parts = []
        if response:
            rate = response["objective_response"]
            parts.append(f"{rate['events']} had an objective response ({rate_text(rate).replace(' (', '; ').rstrip(')')})")
        if surgery:
            margins = surgery["r0_of_resected"]
            stated = f", {margins['events']} R0 of {margins['total']} with a margin stated" if margins["total"] else ""
            parts.append(f"{surgery['operated']['events']} were resected{stated}")
        lead = f"Of {groups['rlt']} patients planned for radioligand therapy first"
        found.append(f"{lead}, {', and '.join(parts)}." if parts else f"{lead} the table records neither response nor surgery.")
    survival = block(document.get("survival"))
    for name, part in block(survival.get("groups")).items():
        alive = block(block(part).get("survival"))
        if alive:
            month = max(alive, key=lambda m: int(m) if int(m) <= 36 else -1)
            at = alive[month]
            low, high = at["ci95"]
            known = low is not None and high is not None
            share = _percents(at["estimate"], low, high) if known else _percent(at["estimate"])
            followed = part["median_follow_up_months"]
            long = "not reached" if followed is None else f"{_months(followed)} months"
            found.append(f"{GROUPS.get(name, name).capitalize()}: {share} alive {month} months after the baseline scan; "
                         f"median follow-up {long}.")
    comparison = block(document.get("comparison"))
    ratios = block(comparison.get("hazard_ratio"))
    best = block(ratios.get("imputed") or ratios.get("adjusted"))
    if best:
        low, high = best["ci95"]
        found.append(
            f"Hazard ratio of death, radioligand therapy first against upfront surgery, adjusted: {best['hazard_ratio']:.2f} "
            f"({low:.2f} to {high:.2f}). Not randomised."
        )
    return found or ["The table allows no outcome to be summarised: see what is missing below."]


def _limits(rate: Any) -> tuple[str, str]:
    return rate_text(rate), likelihood_text(rate)


def rate_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """Rates as rows of a table under :data:`RATE_HEADS`."""
    rows = []
    response = block(document.get("response"))
    for key, words in (("objective_response", "objective response"), ("disease_control", "disease control")):
        if response:
            rows.append([words, GROUPS["rlt"], _counted(response[key]), *_limits(response[key]), str(response[key]["missing"])])
    staging = block(block(document.get("downstaging")).get("stage"))
    if staging:
        rows.append(
            ["lower stage after", GROUPS["rlt"], _counted(staging["lower"]), *_limits(staging["lower"]), str(staging["lower"]["missing"])]
        )
    improved = block(block(document.get("downstaging")).get("resectability"))
    if improved:
        rate = improved["improved"]
        rows.append(["better resectability class by vessels", GROUPS["rlt"], _counted(rate), *_limits(rate), str(rate["missing"])])
    for group, name in GROUPS.items():
        lower = block(block(document.get("downgrading")).get(group)).get("lower")
        if lower:
            rows.append(["lower WHO grade after", name, _counted(lower), *_limits(lower), str(lower["missing"])])
    for group, part in block(document.get("surgery")).items():
        for key, words in RATES:
            rate = block(part)[key]
            if rate["total"]:
                rows.append([words, GROUPS.get(group, group), _counted(rate), *_limits(rate), str(rate["missing"])])
    return rows


def time_rows(document: Mapping[str, Any]) -> list[list[str]]:
    """Times to an event as rows of a table."""
    rows = []
    for key, words in TIMES:
        part = block(document.get(key))
        for group, g in block(part.get("groups")).items():
            low, high = g["median_ci95"]
            rows.append(
                [
                    f"{words} (from {part['time_zero']})",
                    GROUPS.get(group, group),
                    f"{g['events']} / {g['n']}",
                    f"{_months(g['median_months'])} ({_months(low)} to {_months(high)})" + _rests(g.get("median_rests_months")),
                    _months(g["median_follow_up_months"]),
                ]
            )
    return rows


def ratio_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Hazard ratios of death between the groups, one a way of adjusting, as a forest shows them."""
    ratios = block(block(document.get("comparison")).get("hazard_ratio"))
    return [
        {"text": f"{words} (n = {ratios[key]['n']})", "hazard_ratio": ratios[key]["hazard_ratio"], "ci95": ratios[key]["ci95"]}
        for key, words in RATIOS.items()
        if ratios.get(key)
    ]


def characteristic(part: Mapping[str, Any]) -> str:
    """One cell of the table of patients: counts, or median with quartiles, and what is missing; a dash for what is not given at all."""
    if part.get("not_given"):
        return "–"
    missing = f"; {part['missing']} missing" if part.get("missing") else ""
    if "counts" in part:
        total = sum(part["counts"].values())
        return ", ".join(f"{k} {v} ({_percent(v / total)})" for k, v in part["counts"].items() if total) + missing
    if part.get("median") is None:
        return "not available" + missing
    low, high = part["quartiles"]
    return f"{part['median']:.3g} ({low:.3g} to {high:.3g})" + missing


def grade_cells(part: Mapping[str, Any]) -> list[str]:
    """Counts of the grades 0 to 5 and the rate of 3 or above, or the reason why there are none."""
    if "reason" in part:
        return [str(part["reason"]), *[""] * 6]
    cells = [str(part["counts"][str(g)]) for g in range(6)]
    apart = part.get("grade_0_or_1_not_told_apart")
    if apart:
        cells[0] = f"{cells[0]} (and {apart} of 0 or 1)"
    return [*cells, f"{_counted(part['grade_3_or_4'])}: {rate_text(part['grade_3_or_4'])}"]


def _signed(value: float) -> str:
    """A change in whole points, with its sign unless it is none."""
    whole = round(value)
    return "0" if whole == 0 else f"{whole:+d}".replace("-", "−")


def score_text(entry: Mapping[str, Any]) -> str:
    """Mean of a scale and its change since baseline."""
    mean = block(entry.get("mean")).get("mean")
    if mean is None:
        return "–"
    change = block(entry.get("change"))
    if change.get("mean") is None:
        return f"{mean:.0f}"
    interval = f", {_signed(change['ci95'][0])} to {_signed(change['ci95'][1])}" if change.get("ci95") else ""
    return f"{mean:.0f} ({_signed(change['mean'])}{interval})"

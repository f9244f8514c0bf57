"""Tables of the choice: the schemes of a search, and the schedule before and after an update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neorlt.reporting.rounding import fixed, given, interval, is_number, number, percent, times
from neorlt.reporting.views.cells import block, maps, texts

Table = tuple[list[str], list[list[str]]]
MAX_ROWS = 12
LIMITS = {
    "p_kidney_over": "kidneys over the limit of their biologically effective dose in at most {}",
    "kidney_bed_gy": "that limit is {} Gy",
    "p_blood_grade34": "blood counts of grade 3–4 in at most {}",
    "p_secondary_neoplasm": "a secondary neoplasm in at most {}",
    "surgery_week": "surgery by week {}",
    "lu177_gbq": "at most {} GBq of 177Lu",
    "y90_gbq": "at most {} GBq of 90Y",
}
"""What each limit says, in the order in which they are told."""
CRITERIA = {
    "qaly_lifetime_discounted": "quality-adjusted years over a lifetime", "qaly_lifetime": "quality-adjusted years over a lifetime",
    "qaly_10": "quality-adjusted years within ten years", "qaly_10_discounted": "quality-adjusted years within ten years",
    "event_free_years_10": "event-free years within ten years", "event_free_years_5": "event-free years within five years",
}


def _chance(value: Any) -> str:
    return percent(value) or "–"


def search_section(search: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the report shows of a search; None without one."""
    if not search:
        return None
    chosen = block(search.get("chosen"))
    tied = set(texts(search.get("tied_with_chosen")))
    seen: dict[str, Mapping[str, Any]] = {str(chosen.get("name")): chosen}
    for row in [*maps(search.get("references")), *maps(search.get("front"))[:MAX_ROWS]]:
        seen.setdefault(str(row.get("name")), row)
    heads = ["Scheme", "Resectable", "Response", "Tumour left", "Kidney over limit", "Blood grade 3–4", "Second neoplasm", "Surgery, week",
             "Quality-adjusted years (90 % interval)", "Against the best"]
    body = []
    for name, row in seen.items():
        values = {key: block(value).get("mean") for key, value in block(row.get("objectives")).items()}
        utility = block(row.get("utility"))
        ends = utility.get("ci90") or [None, None]
        verdict = "stands first" if row is chosen else "tied with the best" if name in tied else _against(row)
        if row.get("eligible") == "no":
            verdict = "not eligible"
        if row is not chosen and row.get("within_limits") is False:
            verdict += "; passes a limit"
        body.append([
            times(name), *(_chance(values.get(key)) for key in ("p_resectable", "p_objective_response", "tumour_left", "p_kidney_over",
                                                                "p_blood_grade34", "p_secondary_neoplasm")),
            given(row.get("surgery_week")), _span(utility.get("mean"), ends), verdict])
    limits = block(search.get("limits"))
    return {
        "sentences": [times(text) for text in texts(block(search.get("answer")).get("sentences"))],
        "heads": heads, "body": body, "rule": str(search.get("rule") or ""),
        "limits": "; ".join(text.format(_limit(key, limits[key])) for key, text in LIMITS.items() if is_number(limits.get(key))),
        "told": _told(block(search.get("decision"))),
        "size": f"{search.get('n_screened')} schemes were screened on {search.get('n_screen_draws')} common draws, "
                f"{search.get('n_full')} went through the full model on {search.get('n_draws')}. {_optimiser(search)}".rstrip(),
        "assumptions": [{"text": times(str(row.get("text", ""))), "label": str(row.get("label") or "assumption")}
                        for row in maps(search.get("assumptions"))],
    }


def _optimiser(search: Mapping[str, Any]) -> str:
    used = block(search.get("optimiser"))
    return f"Drawn by {used['package']} {used['version']} ({used['algorithm']}). {used['note']}" if used else ""


def _against(row: Mapping[str, Any]) -> str:
    """Loss against the best, or the verdict of a document of version 0.1."""
    loss = block(row.get("best_minus_this"))
    if not loss:
        return str(block(row.get("chosen_minus_this")).get("verdict") or "–")
    return f"{fixed(-float(loss['mean']), 1)} months ({loss.get('verdict')})"


def _limit(key: str, value: float) -> str:
    return str(_chance(value)) if key.startswith("p_") else number(value)


def _told(decision: Mapping[str, Any]) -> str:
    """By what the options are compared; nothing of a document of version 0.1, which weighed objectives."""
    if not decision:
        return ""
    span = CRITERIA.get(str(decision.get("criterion")), "")
    discounted = "discounted" in str(decision.get("criterion"))
    rate = f", discounted by {percent(decision['discount'])} a year" if discounted and is_number(decision.get("discount")) else ""
    return f"Compared by {span}{rate}." if span else ""


def _span(mean: Any, ends: Any) -> str:
    if not is_number(mean):
        return "–"
    if not all(map(is_number, ends)):
        return fixed(mean, 2)
    return f"{fixed(mean, 2)} ({fixed(ends[0], 2)} to {fixed(ends[1], 2)})"


def update_section(update: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the report shows of an update between cycles; None without one."""
    if not update:
        return None
    measured = []
    for row in maps(update.get("measured")):
        before, after = (interval(row.get(key)) for key in ("expected_before", "expected_after"))
        ends, value = block(row.get("expected_before")).get("ci90") or [None, None], row.get("measured")
        outside = is_number(value) and all(map(is_number, ends)) and not ends[0] <= value <= ends[1]
        unit = str(row.get("unit", "")).replace("10^9/l", "× 10⁹/l")
        measured.append([str(row.get("what")), f"{number(value, 3)} {unit}" + (", outside the 90 % interval" if outside else ""),
                         *(f"{span[0]} ({span[1]})" if span else "–" for span in (before, after))])
    options = []
    for row in maps(update.get("options")):
        cells = [times(str(row.get("option"))), times(str(row.get("scheme")))]
        for key in ("p_resectable", "p_objective_response", "p_kidney_over", "p_blood_grade34"):
            cells.append(f"{_chance(block(row.get('before')).get(key))} → {_chance(block(row.get('after')).get(key))}")
        cells.append(_against(row) if row.get("option") != block(update.get("chosen")).get("option") else "stands first")
        options.append(cells)
    return {
        "title": f"Update after cycle {update.get('cycles_given')} (week {given(update.get('week'))})",
        "changes": [times(text) for text in texts(update.get("changes"))],
        "measured": (["Measured", "Value", "Expected before", "Expected after"], measured),
        "options": (["What may follow", "Scheme", "Resectable", "Response", "Kidney over limit", "Blood grade 3–4", "Against the best"],
                    options),
        "method": str(update.get("method") or ""), "rule": str(update.get("rule") or ""),
        "warnings": texts(update.get("warnings")),
    }

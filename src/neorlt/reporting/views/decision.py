"""The decision, as it opens the report: three lines, the options, what would change the answer, which trial would tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neorlt.reporting.rounding import is_number, number, percent, times
from neorlt.reporting.views.cells import block, maps, texts

HEADS = ["Option", "Open", "Operated", "R0", "Dies of operation", "Severe complication", "Blood grade 3–4", "eGFR below 30 at 5 y",
         "Second neoplasm, 10 y", "Progressed before surgery", "Weeks to surgery"]
YEAR_HEADS = ["Option", "Event-free years of 5", "Event-free years of 10", "Quality-adjusted years of 10", "Quality-adjusted lifetime",
              "Loss, months"]
OPEN = {"yes": "yes", "hesitate": "with hesitation", "no": "no"}
SHOWN = 8
FEW_MONTHS = 0.01
"""Value of information below this is not listed, except for the dummy."""
FLOOR = "nothing (a cause without effect: what the method finds of it is its noise)"


def _chance(value: Any) -> str:
    return "0" if is_number(value) and value == 0 else percent(value) or "–"


def _weeks(row: Mapping[str, Any]) -> str:
    weeks = block(row.get("weeks_to_surgery")).get("median")
    return f"{weeks:.0f}" if is_number(weeks) else "–"


def _apart(now: Any, turn: Any) -> tuple[str, str]:
    """Two values in two significant digits, or in as many as tell them apart."""
    for digits in (2, 3, 4):
        # As numbers: 1.00 and 1.0 are two texts of one value.
        if not (is_number(now) and is_number(turn)) or float(f"{now:.{digits}g}") != float(f"{turn:.{digits}g}"):
            break
    return number(now, digits), number(turn, digits)


_PHRASES = {"log or": "log odds ratio", "log hr": "log hazard ratio", "qaly loss": "quality-adjusted years lost",
            "u loss": "utility lost", "per ps": "per point of performance status", "grade34": "grade 3\u20134"}
_WORDS = {"p": "chance", "logit": "log odds,", "u": "utility", "r0": "R0", "r1": "R1", "ki67": "Ki-67", "egfr": "eGFR", "rlt": "RLT",
          "captem": "CAPTEM", "ssa": "somatostatin analogue", "sd": "standard deviation"}
_OPENS = ("log odds ratio", "log hazard ratio", "quality-adjusted years lost", "utility lost", "utility", "chance")


def quantity_words(name: str) -> str:
    """The name of a parameter of the decision, ``log_or_death_head``, in the field's words: log odds ratio: death head."""
    text = f" {name.replace('_', ' ')} "
    for short, long in _PHRASES.items():
        text = text.replace(f" {short} ", f" {long} ")
    text = " ".join(_WORDS.get(word, word) for word in text.split())
    opening = next((one for one in _OPENS if text.startswith(f"{one} ")), None)
    return text if opening is None else f"{opening}, {text.removeprefix(opening).strip()}"


def _years(value: Any) -> str:
    row = block(value)
    ends = row.get("ci90") or [None, None]
    if not is_number(row.get("mean")):
        return "–"
    return f"{row['mean']:.1f} ({ends[0]:.1f} to {ends[1]:.1f})" if all(map(is_number, ends)) else f"{row['mean']:.1f}"


def _place(row: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    name = row.get("name")
    if name == decision.get("mildest"):
        return "first" if name == decision.get("best") else "first: the mildest of the tied"
    loss = row.get("loss_months")
    text = f"{loss:.1f}" if is_number(loss) else "–"
    if name == decision.get("best"):
        return f"{text}, the best by expectation"
    return f"{text}, tied" if name in texts(decision.get("tied")) else text


def decision_opening(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What opens the report and the page of a plan: its decision, or under ``missing`` one sentence why it holds none.

    Nothing where the plan is that of a search or of an update: the choice is its answer.
    """
    found = decision_section(block(plan.get("decision")))
    if found is not None:
        return found
    if plan.get("search") or plan.get("update"):
        return {}
    if block(plan.get("patient")).get("age_y") is None:
        return {"missing": "No decision stands here: the patient's age is not given, and years of life cannot be weighed without it. "
                           "Give age_y in the patient file and plan again."}
    return {"missing": "No decision stands here: this plan was made by a command or a version of neorlt that writes none. "
                       "neorlt decide --plan gives it in the plan's own draws."}


def decision_section(decision: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the report shows of a decision; None without one."""
    if not decision:
        return None
    options = maps(decision.get("options"))
    order = {str(decision.get("mildest")): 0, str(decision.get("best")): 1}
    ranked = sorted(options,
        key=lambda row: (row.get("eligible") == "no", order.get(str(row.get("name")), 2), row.get("loss_months") or 0.0))
    chances = ("p_operated", "p_r0", "p_operative_death", "p_severe_complication", "p_grade34_blood", "p_egfr_below_30_5y",
               "p_second_neoplasm_10y", "p_progressed_before_surgery")
    body = [[times(str(row.get("name"))), OPEN.get(str(row.get("eligible")), "–"), *(_chance(row.get(key)) for key in chances), _weeks(row)]
            for row in ranked]
    # Two tables, because one of sixteen columns fits no page and no telephone.
    years = [[times(str(row.get("name"))), *(_years(row.get(key)) for key in (
        "event_free_years_5", "event_free_years_10", "qaly_10", "qaly_lifetime")), _place(row, decision)] for row in ranked]
    turning = [row for row in maps(decision.get("flips")) if row.get("to") is not None][:SHOWN]
    firm = [str(row.get("assumption")) for row in maps(decision.get("flips")) if row.get("to") is None]
    worth = [row for row in maps(decision.get("evppi")) if (row.get("months") or 0) >= FEW_MONTHS or "dummy" in str(row.get("assumption"))]
    trials = block(decision.get("trials"))
    ceiling = block(decision.get("ceiling"))
    return {
        "missing": "",
        "sentences": [times(text) for text in texts(decision.get("sentences"))],
        "eligibility": [times(text) for text in texts(decision.get("eligibility"))],
        "gate_leads": any("not eligible" in text and not text.startswith("Observing") for text in texts(decision.get("eligibility"))[:1]),
        "assumed": " ".join(times(text) for text in (*texts(decision.get("warnings")), *texts(decision.get("assumed")))),
        "heads": HEADS, "body": body, "year_heads": YEAR_HEADS, "years": years,
        "rule": times(str(decision.get("rule") or "")), "meaning": times(str(decision.get("meaning") or "")),
        "flip_heads": ["Assumption", "Now", "Turns at", "Best then", "Chance of lying beyond"],
        "flips": [[", ".join(str(row[key]) for key in ("quantity", "unit") if row.get(key)), *_apart(row.get("from"), row.get("to")),
                   times(str(row.get("new_best"))), _chance(row.get("p_beyond"))] for row in turning],
        "firm": ", ".join(firm),
        "worth_heads": ["Assumption", "Quality-adjusted months a patient (± two Monte Carlo errors)"],
        "worth": [[FLOOR if "dummy" in str(row.get("assumption")) else str(row.get("assumption")),
                   _with_error(row["months"], 2 * row.get("mc_error", 0))] for row in worth],
        "ceiling": ceiling_sentence(ceiling),
        "trial_heads": ["Trial", "n", *(f"SD {sd:g}" for sd in trials.get("sd", []))],
        "trials": [[times(str(row.get("name"))), str(row.get("n")),
            *(f"{value:.2f}" for value in row.get("months", []))] for row in maps(trials.get("rows"))],
        "trial_note": times(str(trials.get("note") or "")),
    }


def _with_error(months: float, error: float) -> str:
    return f"{months:.2f} (± {f'{error:.2f}' if error >= 0.005 else '< 0.01'})"


def ceiling_sentence(ceiling: Mapping[str, Any]) -> str:
    """How far vessels bound by scar let any treatment come; empty without vessel contact."""
    most = ceiling.get("p_resectable_at_most")
    if not is_number(most):
        return ""
    text = (f"Vessels bound by scar cap the chance of being resectable at {_chance(most)} however much the tumour shrinks; "
            f"it is {_chance(ceiling.get('p_resectable_now'))} now. This counts what surgeons of published series "
            "could remove at such contact; the chance of the class resectable, by the vessels' degrees alone, is another figure.")
    binds = texts(ceiling.get("binds_for"))
    return f"{text} The cap binds for {', '.join(times(name) for name in binds)}." if binds else text

"""Risk of bias by item number (JBI case series, ROBINS-I) and certainty of evidence (GRADE) with reasons.

The text of the JBI items is under copyright and is not shipped: answers are stored by number, and the reader opens
https://jbi.global/critical-appraisal-tools beside them. No judgement ships for a paper of which only the abstract was
read, beyond saying so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.outcomes import OUTCOMES, OutcomePool, pool_outcome
from neorlt.evidence.studies import ReviewTable, Study

JBI_ITEMS = 10
JBI_ANSWERS = ("yes", "no", "unclear", "not applicable")
ROBINS_DOMAINS = (
    "confounding", "selection", "classification_of_interventions", "deviations", "missing_data", "outcome_measurement",
    "reported_result",
)  # fmt: skip
ROBINS_JUDGEMENTS = ("low", "moderate", "serious", "critical", "no_information")
GRADE_LEVELS = ("very low", "low", "moderate", "high")
GRADE_DOWN = ("risk_of_bias", "inconsistency", "indirectness", "imprecision", "publication_bias")
GRADE_UP = ("large_effect", "dose_response", "opposing_confounding")


def check_judgement(tool: str, item: str, judgement: str) -> None:
    """Refuse an item or an answer that the tool does not have."""
    tools = {
        "jbi": ([str(i) for i in range(1, JBI_ITEMS + 1)], JBI_ANSWERS),
        "robins-i": (list(ROBINS_DOMAINS), ROBINS_JUDGEMENTS),
    }
    if tool not in tools:
        raise InputError("unknown appraisal tool", found=tool, expected=", ".join(tools), remedy="use one of them")
    items, answers = tools[tool]
    if item not in items or judgement not in answers:
        raise InputError(
            f"{tool} has no such item or answer",
            found=f"{item}: {judgement}",
            expected=f"{', '.join(items)}; {', '.join(answers)}",
            remedy="answer by item",
        )


@dataclass(frozen=True)
class Judgement:
    """One answer with its reason."""

    study: str
    tool: str
    item: str
    judgement: str
    why: str


def shipped_judgements(study: Study) -> list[Judgement]:
    """What can be judged of a study from what was read of it."""
    if study.is_placeholder or study.results_withheld or study.role not in ("neoadjuvant", "neoadjuvant_abstract"):
        return []
    limit = f"only the {study.verified} was read" if study.verified != "fulltext" else "read in full"
    if study.design == "case_report":
        return []
    if study.bibliography.get("comparator"):
        reasons = {
            "confounding": ("serious", f"not randomised: {study.bibliography['comparator']}"),
            "selection": ("serious", "who is operated after RLT had to live and respond until then (immortal time)"),
        }
        adjusted = (study.fields.get("survival") or {}).get("adjusted")
        if adjusted:
            reasons["confounding"] = ("serious", f"{reasons['confounding'][1]}; {adjusted}")
        return [Judgement(study.id, "robins-i", domain, *reasons.get(domain, ("no_information", limit))) for domain in ROBINS_DOMAINS]
    return [Judgement(study.id, "jbi", str(item), "unclear", limit) for item in range(1, JBI_ITEMS + 1)]


def grade_outcome(pooled: OutcomePool, table: ReviewTable) -> dict[str, Any]:
    """Certainty of one outcome: where it starts, each step with its reason, where it ends.

    The starting level and the list of steps follow the field's convention for non-randomised studies without a
    ROBINS-I judgement of every domain; the reader can overrule each step.
    """
    result = pooled.result
    steps: list[dict[str, Any]] = []

    def down(factor: str, levels: int, why: str) -> None:
        steps.append({"factor": factor, "levels": -levels, "why": why})

    down("risk_of_bias", 1, "uncontrolled or unadjusted series, of which only abstracts were read")
    if result.tau is not None and result.prediction95 is not None and result.prediction95[1] - result.prediction95[0] > 0.4:
        down("inconsistency", 1, "the rate in a new centre could lie almost anywhere: see the prediction interval")
    mixed = [study.name for study in table.of_table() if study.name in pooled.what and study.fields.get("n_pannet") is None]
    if mixed:
        down("indirectness", 1, f"tumours of other sites are included, pancreatic count not stated: {', '.join(mixed)}")
    if result.n < 300 or result.pooled is None:
        down("imprecision", 1, f"{result.n} patients in {result.k} series")
    down("publication_bias", 0, "cannot be judged with fewer than ten series; retrospective series of one centre are prone to it")
    level = max(0, GRADE_LEVELS.index("low") + sum(int(step["levels"]) for step in steps))
    return {
        "outcome": pooled.outcome.key,
        "start": "low",
        "start_why": "observational series (convention)",
        "steps": steps,
        "upgrades": {factor: "no" for factor in GRADE_UP},
        "certainty": GRADE_LEVELS[level],
    }


def folder_judgements(appraisals: Mapping[str, Mapping[tuple[str, str], Mapping[str, Mapping[str, str]]]]) -> list[Judgement]:
    """Judgements made in a review, by work; reviewers who differ are shown as no information until they agree."""
    found = []
    for work, items in appraisals.items():
        for (tool, item), by in items.items():
            kinds = {entry["judgement"] for entry in by.values()}
            why = "; ".join(f"{who}: {entry['judgement']}, {entry['why']}" for who, entry in by.items())
            verdict = kinds.pop() if len(kinds) == 1 else ("unclear" if tool == "jbi" else "no_information")
            found.append(Judgement(work, tool, item, verdict, why))
    return found


def summary(table: ReviewTable, method: str = "auto", made: Sequence[Judgement] = ()) -> dict[str, Any]:
    """Judgements of every study (those made in a review stand before those that ship) and the GRADE summary of every outcome."""
    judged = {(item.study, item.tool) for item in made}
    shipped = [item for study in table.of_table() for item in shipped_judgements(study) if (item.study, item.tool) not in judged]
    return {
        "judgements": [judgement.__dict__ for judgement in (*made, *shipped)],
        "grade": [grade_outcome(pool_outcome(table, outcome, method, with_sensitivity=False), table) for outcome in OUTCOMES],
    }

"""The head of the report: patient, answer, labels, words used, how it was made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from neorlt.core.labels import Label
from neorlt.reporting.rounding import given, is_number
from neorlt.reporting.views.cells import KNOWN_LABELS, block, key_words, maps, texts, with_unit

_PATIENT = (
    ("age_y", "Age", "years"),
    ("sex", "Sex", ""),
    ("weight_kg", "Weight", "kg"),
    ("height_cm", "Height", "cm"),
    ("grade", "Grade", ""),
    ("ki67_pct", "Ki-67", "%"),
    ("egfr_ml_min", "Kidney function (eGFR)", "ml/min"),
    ("kidney_risk_factors", "Kidney risk factors", ""),
    ("platelets_e9_per_l", "Platelets", "× 10⁹/l"),
    ("neutrophils_e9_per_l", "Neutrophils", "× 10⁹/l"),
    ("lymphocytes_e9_per_l", "Lymphocytes", "× 10⁹/l"),
    ("haemoglobin_g_dl", "Haemoglobin", "g/dl"),
    ("prior_chemotherapy", "Chemotherapy before", ""),
)
_SEX = {"F": "female", "M": "male"}

GLOSSARY = (
    (
        "90 % interval",
        "The range that holds 90 of 100 runs of the model. It covers what the model knows it does not know; not what the model lacks.",
    ),
    (
        "Objective response",
        "The sum of the longest diameters is at least 30 % smaller than at baseline (partial or complete response, RECIST 1.1).",
    ),
    (
        "Resectable",
        "Vessel contact and spread after treatment would allow an operation by the stated rule. "
        "It does not say that the operation would be radical.",
    ),
    (
        "BED",
        "Biologically effective dose: the absorbed dose, weighted for how fast it is given, "
        "so that schemes with different nuclides can be compared.",
    ),
    (
        "Lowest value (nadir)",
        "The lowest blood count after treatment. Grade 3–4 is the range that CTCAE calls severe or life-threatening.",
    ),
    (
        "Downgrading",
        "The WHO grade at surgery is lower than at baseline. Because a biopsy samples a small part, some tumours appear "
        "to change grade without any treatment; that chance stands beside it.",
    ),
    (
        "Recovery",
        "The share of a region's activity that the scanner shows inside the region, because small regions blur. "
        "A low value means a large correction.",
    ),
    ("Time-integrated activity", "All decays in a region over all time, given as megabecquerel times hours."),
    ("Effective half-life", "The time in which the activity in a region halves, by decay and washout together."),
    ("D98, D90, D50, D2", "The dose that at least 98, 90, 50 or 2 % of a region's volume receives."),
    ("SUVmax", "The highest uptake on PET, relative to an even spread of the injected activity over the body."),
)


def patient_facts(patient: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each known fact, in a fixed order."""
    facts = []
    for key, name, unit in _PATIENT:
        if key not in patient or patient[key] is None:
            continue
        value = patient[key]
        if isinstance(value, bool):
            shown = "yes" if value else "no"
        elif key == "kidney_risk_factors":
            shown = ", ".join(texts(value)) or "none"
        elif is_number(value):
            shown = with_unit(given(value), unit)
        else:
            shown = _SEX.get(str(value), str(value)) if key == "sex" else str(value)
        facts.append((name, shown))
    return facts


def conflicts(patient: Mapping[str, Any]) -> list[dict[str, str]]:
    """Where images and file disagree, and which of them was used."""
    return [
        {
            "field": re.sub(r"^\w+", lambda found: key_words(found.group(0)), str(row.get("field", ""))),
            "image": given(row.get("image")),
            "file": given(row.get("file")),
            "used": str(row.get("used", "")) if not is_number(row.get("used")) else given(row.get("used")),
        }
        for row in maps(patient.get("conflicts"))
    ]


def label_legend(plan: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, CSS class and explanation of every label, those of the plan first."""
    explained = {str(label): label.explanation for label in Label}
    explained.update({str(key): str(value) for key, value in block(plan.get("label_explanations")).items()})
    return [(name, label_class(name), text) for name, text in explained.items()]


def capital(text: str) -> str:
    """The text with its first letter large, the others as they are."""
    return text[:1].upper() + text[1:]


def label_class(label: str | None) -> str:
    """CSS class of a label; unknown labels look like assumptions, the most cautious reading."""
    return f"label-{KNOWN_LABELS.index(label)}" if label in KNOWN_LABELS else f"label-{KNOWN_LABELS.index(str(Label.ASSUMPTION))}"


def moment(value: Any) -> str:
    """A date and time as a reader writes it; text that is none passes through."""
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value or "")
    zone = f" {when.tzname()}" if when.tzinfo is not None else ""
    return f"{when.day} {when:%B %Y, %H:%M}{zone}"


def centre_sentence(document: Mapping[str, Any]) -> str | None:
    """Whose posterior the numbers rest on, where it is a centre's own."""
    found = block(document.get("posterior")).get("sentence")
    return None if found is None else str(found)


def running(who: str, made: str) -> str:
    """What stands at the head of every sheet of paper, so that a lost one finds its report again."""
    return f"{who} · report of {made}" if made else who


def run_facts(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the report was made."""
    facts = [
        ("Made", moment(plan.get("generated"))),
        ("neorlt version", str(plan.get("neorlt") or "")),
        ("Random seed", str(plan.get("seed", ""))),
    ]
    for key, value in block(plan.get("run")).items():
        facts.append(
            (
                str(key).replace("_", " ").capitalize(),
                ", ".join(texts(value)) if not isinstance(value, Mapping) else ", ".join(f"{k}: {v}" for k, v in value.items()),
            )
        )
    return [(name, value) for name, value in facts if value and value != "None"]


def safe_url(url: Any) -> str | None:
    """The address if it is plain https, else None: a report never carries another scheme."""
    text = str(url or "")
    if not text.startswith("https://") or any(ord(char) <= 0x20 or char in "\"'<>`\\" for char in text):
        return None
    return text


def citations(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str | None]]:
    """Key, text and address (or None) of each citation."""
    return [(str(row.get("key", "")), str(row.get("text", "")), safe_url(row.get("url"))) for row in rows]

"""Make the shipped review ``neoadjuvant-rlt-pannet.json`` from the study table.

Usage: ``python tools/evidence/make_review.py``. What is left out, and why:

* a record read from memory only: nothing of it is evidence. Those that the review counts stay as unread placeholders
  without any field, so that the table still has the review's eleven rows; the others are dropped;
* a value whose note says that it came from memory;
* the year of a name that nobody printed.

What the review's own text says of its references, which papers these are, and what was published since it come from
``review_says.yaml`` and ``since_2022.yaml`` beside the study table.

Needs PyYAML (a developer's tool; the package does not).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests/data/reference/evidence"
SOURCE = FOLDER / "studies.yaml"
TARGET = ROOT / "src/neorlt/evidence/data/neoadjuvant-rlt-pannet.json"
ROLES_OF_THE_TABLE = ("neoadjuvant", "neoadjuvant_abstract", "histology")
BIBLIOGRAPHY = ("title", "first_author", "year", "journal", "doi", "pmid", "registry", "country", "design", "comparator")
FIELDS = (
    "n_total", "n_pannet", "n_operated", "n_r0", "n_r1", "isotopes", "peptide", "cycles", "activity_per_cycle_gbq",
    "activity_per_cycle_gbq_per_m2", "cumulative_activity_gbq", "concomitant_chemo", "response", "primary_size_mm",
    "vessel_involvement", "grade_change", "liver_metastases", "toxicity", "surgery", "survival", "other",
)  # fmt: skip
CELL_SOURCES = {("partelli_2018", "isotopes"): [2], ("partelli_2018", "toxicity"): [2]}
"""Cells that one of several sources of a record gave; elsewhere the record's sources stand for all of its cells."""
COHORT_NAMES = {"minczeles_2022": "rotterdam", "opalinska_2021": "krakow", "partelli_2018": "milan", "jahn_2021": "uppsala"}


def main() -> None:
    """Write the table."""
    table, says, since = (
        yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")) for name in ("studies.yaml", "review_says.yaml", "since_2022.yaml")
    )
    cohorts = _cohorts(table["studies"])
    studies = [converted for record in table["studies"] if (converted := _study(record, cohorts)) is not None]
    for study in studies:
        if study["in_review"]:
            study["attributed"] = says["attributed"].get(study["review_reference_inferred"], {})
    known = {study["id"]: study["bibliography"] for study in studies}
    references = [{"number": number, **_reference(entry, known)} for number, entry in says["references"].items()]
    trials = [{key: trial.get(key) for key in ("nct", "name", "design", "n", "n_planned", "status", "source")} for trial in table["trials"]]
    for trial in trials:
        # A number that was found later, under the trial's name.
        later = next((item for item in since if item.get("registry") and trial["name"].startswith(item["name"])), None)
        if trial["nct"] is None and later is not None:
            trial["nct"] = later["registry"]
    document = {
        "name": "neoadjuvant-rlt-pannet",
        "question": "What does radioligand therapy before surgery do in pancreatic neuroendocrine tumours?",
        "review": {key: table["meta"]["review"][key] for key in ("first_author", "title", "journal", "doi", "pmid", "totals")},
        "table1_note": "the review's own Table 1 was not found on any page: this table is rebuilt from the papers",
        "verified_levels": {
            "fulltext": "read in the paper",
            "abstract": "read in the abstract",
            "secondary": "read in another text that quotes it",
            "placeholder": "counted by the review, not read: no field is evidence",
        },
        "withheld_note": "nothing is withheld: results that were kept back in version 0.1, to check predictions made before, are listed",
        "studies": studies,
        "references": references,
        "since": since,
        "patients": [patient for patient in table["individual_patients"] if patient["verified"] != "memory"],
        "trials": trials,
        "blocked": [
            {
                "id": "zhao_2025_meta_RETRACTED",
                "pmcid": "PMC11970540",
                "why": "retracted: a meta-analysis of PRRT in pancreatic neuroendocrine tumours that must not be used",
                "source": "https://tomesphere.com/paper/PMC11970540",
            }
        ],
    }
    document = _without_shorthand(document)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _reference(entry: dict[str, Any], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One entry of the review's list: what it is cited for, and the paper where it is known."""
    found = {key: entry.get(key) for key in ("cited_for", "study", "paper", "doi", "pmid", "known", "facts", "verified")}
    if (paper := known.get(str(entry.get("study")))) is not None:
        title = paper["title"] or "title not printed on the page that was read"
        found |= {"paper": f"{paper['first_author']}. {title}. {paper['journal']}", "doi": paper["doi"], "pmid": paper["pmid"]}
        found["known"] = "by its place in the text; number inferred"
    return found


def _without_shorthand(value: Any) -> Any:
    """The study table calls the review it starts from "seed"; readers know it as the review."""
    if isinstance(value, dict):
        return {key: _without_shorthand(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_shorthand(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"\bSeed\b", "The review", re.sub(r"\bseed\b", "the review", value))
    return value


def _study(record: dict[str, Any], cohorts: dict[str, str]) -> dict[str, Any] | None:
    in_review = bool((record.get("review_table") or {}).get("likely"))
    if "retracted" in record["role"]:
        return None
    placeholder = record["verified"] == "memory"
    reference = (record.get("review_table") or {}).get("ref_inferred")
    common = {
        # The name of an unread paper is itself from memory: it is known by its number in the review's list alone.
        "id": f"unread_reference_{reference}" if placeholder else record["id"],
        "review_reference_inferred": reference,
        "role": record["role"],
        "in_table": record["role"] in ROLES_OF_THE_TABLE,
        "in_review": in_review,
        "after_review": bool((record.get("review_table") or {}).get("after_review")),
        # A series that shares patients with no other that is known is a cohort of its own.
        "cohort": cohorts.get(record["id"], None if placeholder else record["id"]),
    }
    if placeholder:
        if not in_review:
            return None
        empty = dict.fromkeys((*BIBLIOGRAPHY, *FIELDS, "derived"))
        return common | {
            "verified": "placeholder",
            "results_withheld": False,
            "bibliography": {key: empty[key] for key in BIBLIOGRAPHY},
            "fields": {},
            "cell_sources": {},
            "printed_derived": None,
            "conflicts": [],
            "overlap_with": record.get("overlap_with") or [],
            "sources": [],
        }
    conflicts = record.get("conflicts") or []
    bibliography = {key: record.get(key) for key in BIBLIOGRAPHY}
    if any("First author not printed on the page" in text for text in conflicts):
        bibliography["first_author"] = None
        conflicts = [text.replace(" First author not printed on the page; from memory.", "") for text in conflicts]
    withheld = bool(record.get("results_withheld"))
    return common | {
        "verified": record["verified"],
        "results_withheld": withheld,
        "bibliography": bibliography,
        "fields": {key: record[key] for key in FIELDS if record.get(key) is not None},
        "cell_sources": {field: where for (name, field), where in CELL_SOURCES.items() if name == record["id"]},
        "printed_derived": record.get("derived"),
        "conflicts": conflicts,
        "overlap_with": record.get("overlap_with") or [],
        "sources": record["source"],
    }


def _cohorts(studies: list[dict[str, Any]]) -> dict[str, str]:
    """Name the connected groups of overlapping records."""
    links: dict[str, set[str]] = {}
    for record in studies:
        for other in record.get("overlap_with") or []:
            links.setdefault(record["id"], set()).add(other)
            links.setdefault(other, set()).add(record["id"])
    names: dict[str, str] = {}
    for start in links:
        if start in names:
            continue
        group, waiting = set(), [start]
        while waiting:
            member = waiting.pop()
            if member not in group:
                group.add(member)
                waiting.extend(links[member])
        name = next((COHORT_NAMES[member] for member in sorted(group) if member in COHORT_NAMES), sorted(group)[0])
        names |= dict.fromkeys(group, name)
    return names


if __name__ == "__main__":
    main()

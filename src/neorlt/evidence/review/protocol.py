"""The protocol of a review: question, query, dates, rules, form; read from TOML and validated."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError

FILE_NAME = "protocol.toml"
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}$")

TEMPLATE = """# Protocol of a living review. Change it in the open: every search keeps the query that it ran.
name = "neoadjuvant-rlt-pannet"
question = "What does radioligand therapy before surgery do in pancreatic neuroendocrine tumours?"
language = ["eng"]
date_from = "1900-01-01"
date_to = "2022-04-30"
reviewers = ["first", "second"]
arbiters = ["third"]   # who may settle a conflict besides the reviewers
blind = false          # true: the page shows no reviewer the other's verdicts before both have decided

[query]
# The review prints its words without brackets, so AND and OR can be read in three ways: all are run and compared.
printed = '"neoadjuvant" OR "preoperative" AND "radioligand therapy" OR "Peptide Receptor Radionuclide Therapy"'
clinicaltrials = 'neoadjuvant AND (PRRT OR "radioligand therapy" OR "peptide receptor radionuclide therapy")'

[rules]
include = ["original article or case report", "radioligand therapy given before surgery", "pancreatic neuroendocrine tumour"]
exclude = ["editorial", "letter", "conference abstract", "no radioligand therapy", "radioligand therapy not before surgery",
           "no pancreatic tumour", "retracted"]

[form]
fields = ["n_total", "n_pannet", "n_operated", "n_r0", "isotopes", "peptide", "cycles", "activity_per_cycle_gbq",
          "cumulative_activity_gbq", "concomitant_chemo", "response", "primary_size_mm", "vessel_involvement",
          "grade_change", "liver_metastases", "toxicity", "surgery", "survival"]

[screening]
stop_after_irrelevant = 50
keywords = ["neoadjuvant", "preoperative", "downstaging", "resect", "radioligand", "radionuclide", "PRRT",
            "177Lu", "90Y", "DOTATATE", "DOTATOC"]
"""


@dataclass(frozen=True)
class Protocol:
    """A validated protocol. Dates are ISO; ``queries`` maps a source to its query."""

    name: str
    question: str
    queries: Mapping[str, str]
    date_from: str
    date_to: str
    language: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    form: tuple[str, ...]
    reviewers: tuple[str, ...]
    stop_after_irrelevant: int
    arbiters: tuple[str, ...] = ()
    blind: bool = False
    keywords: tuple[str, ...] = ()
    """Words that the screening page marks."""

    @property
    def resolvers(self) -> tuple[str, ...]:
        """Who may settle a conflict or a difference of extraction: the arbiters and the reviewers, by name."""
        return (*self.reviewers, *self.arbiters)

    def __post_init__(self) -> None:
        for name in ("date_from", "date_to"):
            if not _DATE.match(getattr(self, name)):
                raise InputError(
                    f"{name} is not a date",
                    expected="YYYY-MM-DD",
                    found=getattr(self, name),
                    where=FILE_NAME,
                    remedy="correct it",
                )
        if self.date_from > self.date_to:
            raise InputError("date_from is after date_to", where=FILE_NAME, remedy="swap them")
        if len(set(self.reviewers)) < 2:
            raise InputError("fewer than two reviewers", where=FILE_NAME, remedy="name two: agreement needs two opinions")
        if not self.queries:
            raise InputError("no query", where=FILE_NAME, remedy="write [query] printed = '…'")
        if self.stop_after_irrelevant < 1:
            raise InputError("stop_after_irrelevant must be at least 1", where=FILE_NAME, remedy="the usual value is 50")


def read_protocol(folder: Path) -> Protocol:
    """Read and validate ``protocol.toml`` of a review folder.

    Raises:
        InputError: the file is missing, is not TOML, or lacks a part; names the part.

    """
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise InputError("the folder holds no protocol", where=str(path), remedy="start a review with: neorlt evidence status FOLDER --new")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("the protocol is not valid TOML", found=str(error), where=str(path), remedy="correct the line") from error
    return parse_protocol(document)


def parse_protocol(document: Mapping[str, Any]) -> Protocol:
    """Validate a protocol document."""
    rules, form = document.get("rules", {}), document.get("form", {})
    missing = [key for key in ("name", "question", "date_from", "date_to", "reviewers", "query") if key not in document]
    if missing or not rules.get("include") or not rules.get("exclude"):
        what = ", ".join(missing) or "rules.include or rules.exclude"
        raise InputError(f"the protocol lacks {what}", where=FILE_NAME, remedy="add it: see the protocol of the shipped review")
    return Protocol(
        name=str(document["name"]),
        question=str(document["question"]),
        queries=dict(document["query"]),
        date_from=str(document["date_from"]),
        date_to=str(document["date_to"]),
        language=tuple(document.get("language", ())),
        include=tuple(rules["include"]),
        exclude=tuple(rules["exclude"]),
        form=tuple(form.get("fields", ())),
        reviewers=tuple(document["reviewers"]),
        stop_after_irrelevant=int(document.get("screening", {}).get("stop_after_irrelevant", 50)),
        arbiters=tuple(document.get("arbiters", ())),
        blind=bool(document.get("blind", False)),
        keywords=tuple(document.get("screening", {}).get("keywords", ())),
    )

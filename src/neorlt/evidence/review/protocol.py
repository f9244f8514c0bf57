"""The protocol of a review: question, query, dates, rules, form; read from TOML and validated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.toml_file import flag_of, number_of, read_toml, table_of, text_of, texts_of

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
    return parse_protocol(read_toml(path, "the protocol"))


def parse_protocol(document: Mapping[str, Any]) -> Protocol:
    """Validate a protocol document."""
    rules, form, screening = (table_of(document, key, FILE_NAME) for key in ("rules", "form", "screening"))
    missing = [key for key in ("name", "question", "date_from", "date_to", "reviewers", "query") if key not in document]
    include, exclude = (texts_of(rules, key, (), f"{FILE_NAME}, [rules]") for key in ("include", "exclude"))
    if missing or not include or not exclude:
        what = ", ".join(missing) or "rules.include or rules.exclude"
        raise InputError(f"the protocol lacks {what}", where=FILE_NAME, remedy="add it: see the protocol of the shipped review")
    queries = table_of(document, "query", FILE_NAME)
    stop = number_of(screening, "stop_after_irrelevant", 50, f"{FILE_NAME}, [screening]")
    if stop is None or stop != int(stop) or stop < 1:
        raise InputError("stop_after_irrelevant is no number of records", found=str(stop), where=FILE_NAME, remedy="write a whole number")
    return Protocol(
        name=text_of(document, "name", "", FILE_NAME),
        question=text_of(document, "question", "", FILE_NAME),
        queries={key: text_of(queries, key, "", f"{FILE_NAME}, [query]") for key in queries},
        date_from=str(document["date_from"]),
        date_to=str(document["date_to"]),
        language=texts_of(document, "language", (), FILE_NAME),
        include=include,
        exclude=exclude,
        form=texts_of(form, "fields", (), f"{FILE_NAME}, [form]"),
        reviewers=texts_of(document, "reviewers", (), FILE_NAME),
        stop_after_irrelevant=int(stop),
        arbiters=texts_of(document, "arbiters", (), FILE_NAME),
        blind=flag_of(document, "blind", False, FILE_NAME),
        keywords=texts_of(screening, "keywords", (), f"{FILE_NAME}, [screening]"),
    )

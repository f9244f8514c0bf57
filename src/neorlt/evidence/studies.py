"""The study table: what was extracted from each paper, from where, and how it was read.

A cell without a value is empty because it was looked for and not found, or because the results are withheld: it is
never filled by guess.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.tables import read_json
from neorlt.evidence.checks import check_fields

SHIPPED_REVIEW = "neoadjuvant-rlt-pannet"
WITHHELD = "results withheld"


@dataclass(frozen=True)
class Source:
    """One place where values were read, and how (``read`` in words)."""

    url: str | None
    read: str


@dataclass(frozen=True)
class Cell:
    """One extracted value with its sources. ``value`` None means not found; ``withheld`` means kept back."""

    value: Any
    sources: tuple[Source, ...]
    verified: str
    withheld: bool = False

    @property
    def how(self) -> str:
        """How the value was read, in words."""
        if self.withheld:
            return WITHHELD
        return "; ".join(f"{source.url}: {source.read}" for source in self.sources) or self.verified


@dataclass(frozen=True)
class Study:
    """One record of the study table."""

    id: str
    role: str
    in_table: bool
    in_review: bool
    after_review: bool
    verified: str
    results_withheld: bool
    cohort: str | None
    overlap_with: tuple[str, ...]
    bibliography: Mapping[str, Any]
    fields: Mapping[str, Any]
    cell_sources: Mapping[str, tuple[int, ...]]
    printed_derived: Mapping[str, Any] | None
    conflicts: tuple[str, ...]
    sources: tuple[Source, ...]
    review_reference: int | None = None
    attributed: Mapping[str, str] = field(default_factory=dict)
    """What the continued review's own text says of this paper, by field: shown beside the cells and never pooled."""

    def __post_init__(self) -> None:
        check_fields(self.fields, f"study {self.id!r}")
        outcomes = ("n_operated", "n_r0", "n_r1", "response", "survival", "toxicity", "surgery")
        if self.results_withheld and any(self.fields.get(name) is not None for name in outcomes):
            raise InputError("a withheld record carries results", where=f"study {self.id!r}", remedy="leave them empty")

    @property
    def is_placeholder(self) -> bool:
        """True for a paper that the review counts and that was not read."""
        return self.verified == "placeholder"

    @property
    def design(self) -> str | None:
        """Design as extracted, such as ``case_report``."""
        value = self.bibliography.get("design")
        return None if value is None else str(value)

    @property
    def name(self) -> str:
        """Short name for tables and figures."""
        if self.is_placeholder:
            return f"reference {self.review_reference} of the review (not read)"
        author = self.bibliography.get("first_author")
        year = self.bibliography.get("year")
        who = str(author).rsplit(" ", 1)[0] if author else self.id.replace("_", " ")
        return f"{who} {year}" if year and author else who

    def cell(self, field: str) -> Cell:
        """The value of one field with its source and reading."""
        picked = self.cell_sources.get(field)
        sources = self.sources if picked is None else tuple(self.sources[index] for index in picked)
        value = self.fields.get(field, self.bibliography.get(field))
        withheld = self.results_withheld and value is None and field not in self.bibliography
        return Cell(value, sources, self.verified, withheld)


@dataclass(frozen=True)
class ReviewTable:
    """The studies of a review with what the review itself printed and what must not be used."""

    name: str
    question: str
    review: Mapping[str, Any]
    studies: tuple[Study, ...]
    patients: tuple[Mapping[str, Any], ...]
    trials: tuple[Mapping[str, Any], ...]
    blocked: tuple[Mapping[str, Any], ...]
    notes: Mapping[str, Any]
    references: tuple[Mapping[str, Any], ...] = ()
    """The review's list of references: what each is cited for, and which paper it is as far as that is known."""
    since: tuple[Mapping[str, Any], ...] = ()
    """What was published after the review, with how it was read."""

    def study(self, study_id: str) -> Study:
        """One study by its id; raises :class:`InputError` when there is none."""
        for study in self.studies:
            if study.id == study_id:
                return study
        raise InputError("no such study", found=study_id, remedy="see the ids in the study table")

    def of_table(self) -> tuple[Study, ...]:
        """Rows of Table 1: the review's eleven papers first, then overlapping and later records."""
        rows = [study for study in self.studies if study.in_table]
        return tuple(sorted(rows, key=lambda study: (not study.in_review, study.bibliography.get("year") or 9999)))


def parse_study(record: Mapping[str, Any]) -> Study:
    """Validate one record of a study table.

    Raises:
        InputError: counts that cannot be, or results in a record whose results are withheld.

    """
    return Study(
        id=record["id"],
        role=record["role"],
        in_table=bool(record["in_table"]),
        in_review=bool(record["in_review"]),
        after_review=bool(record["after_review"]),
        verified=record["verified"],
        results_withheld=bool(record["results_withheld"]),
        cohort=record.get("cohort"),
        overlap_with=tuple(record.get("overlap_with") or ()),
        bibliography=record["bibliography"],
        fields=record["fields"],
        cell_sources={key: tuple(value) for key, value in record.get("cell_sources", {}).items()},
        printed_derived=record.get("printed_derived"),
        conflicts=tuple(record.get("conflicts") or ()),
        sources=tuple(Source(source.get("url"), source["read"]) for source in record["sources"]),
        review_reference=record.get("review_reference_inferred"),
        attributed=dict(record.get("attributed") or {}),
    )


def parse_table(document: Mapping[str, Any]) -> ReviewTable:
    """Validate a study table document."""
    return ReviewTable(
        name=document["name"],
        question=document["question"],
        review=document["review"],
        studies=tuple(parse_study(record) for record in document["studies"]),
        patients=tuple(document["patients"]),
        trials=tuple(document["trials"]),
        blocked=tuple(document["blocked"]),
        notes={key: document[key] for key in ("table1_note", "verified_levels", "withheld_note")},
        references=tuple(document.get("references", ())),
        since=tuple(document.get("since", ())),
    )


@functools.cache
def shipped_review(name: str = SHIPPED_REVIEW) -> ReviewTable:
    """The review that ships with neorlt.

    Raises:
        InputError: no review of this name ships.

    """
    if name != SHIPPED_REVIEW:
        raise InputError("no shipped review of this name", found=name, expected=SHIPPED_REVIEW, remedy="use the expected name")
    return parse_table(read_json("evidence", f"{name}.json"))

"""The PRISMA 2020 flow: its 24 numbers, by the keys of the PRISMA2020 flow-diagram package (BMJ 2021;372:n71)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from neorlt.core.citations import Citation, register
from neorlt.core.errors import InputError
from neorlt.evidence.studies import ReviewTable

register(Citation("page2021", "Page MJ et al. The PRISMA 2020 statement. BMJ 2021;372:n71", "10.1136/bmj.n71"))

KEYS = (
    "previous_studies", "previous_reports", "database_results", "register_results", "website_results",
    "organisation_results", "citations_results", "duplicates", "excluded_automatic", "excluded_other", "records_screened",
    "records_excluded", "dbr_sought_reports", "dbr_notretrieved_reports", "other_sought_reports",
    "other_notretrieved_reports", "dbr_assessed", "dbr_excluded", "other_assessed", "other_excluded", "new_studies",
    "new_reports", "total_studies", "total_reports",
)  # fmt: skip


@dataclass(frozen=True)
class Flow:
    """The 24 numbers; None where a review does not report one. ``reasons`` says why reports were excluded;
    ``pending`` counts records that nobody has screened yet.
    """

    numbers: Mapping[str, int | None]
    reasons: Mapping[str, int]
    note: str = ""
    pending: int = 0

    def __post_init__(self) -> None:
        if tuple(self.numbers) != KEYS:
            raise InputError("a PRISMA flow needs its 24 numbers", found=f"{len(self.numbers)}", remedy="give every key, None if unknown")
        for key, value in self.numbers.items():
            if value is not None and value < 0:
                raise InputError(f"{key} is negative", found=str(value), remedy="count again")
        found = [self.numbers[key] for key in ("database_results", "register_results", "duplicates", "excluded_automatic")]
        screened, other = self.numbers["records_screened"], self.numbers["excluded_other"] or 0
        if screened is not None and None not in found:
            left = int(found[0] or 0) + int(found[1] or 0) - int(found[2] or 0) - int(found[3] or 0) - other - self.pending
            if left != screened:
                raise InputError(
                    "the flow does not add up: identified minus removed is not what was screened",
                    expected=str(left),
                    found=str(screened),
                    remedy="count again",
                )


def flow(numbers: Mapping[str, int | None], *, reasons: Mapping[str, int] | None = None, note: str = "", pending: int = 0) -> Flow:
    """A flow from the numbers that are known; the rest is None.

    Raises:
        InputError: a key that PRISMA 2020 does not know, a negative number, or a flow that does not add up.

    """
    unknown = sorted(set(numbers) - set(KEYS))
    if unknown:
        raise InputError("unknown PRISMA key", found=", ".join(unknown), expected=", ".join(KEYS), remedy="use the 24 keys")
    return Flow({key: numbers.get(key) for key in KEYS}, dict(reasons or {}), note, pending)


def shipped_flow(table: ReviewTable) -> Flow:
    """The flow of the shipped review: what the review printed, and what was added since.

    The review prints the eleven papers it kept and not how many records it found, so those numbers stay empty.
    """
    previous = int(table.review["totals"]["papers"])
    added = sum(study.after_review for study in table.studies)
    return flow(
        {
            "previous_studies": previous,
            "previous_reports": previous,
            "new_studies": added,
            "new_reports": added,
            "total_studies": previous + added,
            "total_reports": previous + added,
        },
        note="the review reports the papers it included and not the records it found or excluded",
    )

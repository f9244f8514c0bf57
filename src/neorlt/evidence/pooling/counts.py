"""Counts of events in studies, validated: what every pooling method takes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from neorlt.core.errors import InputError
from neorlt.core.proportions import exact_interval, likelihood_interval
from neorlt.core.written import Row, read_rows
from neorlt.evidence.records import fold

REQUIRED_COLUMNS = ("study", "events", "total")
CASE_REPORT = "case_report"


@dataclass(frozen=True)
class StudyCounts:
    """Events among the patients of one study arm.

    ``design`` is the design as extracted (``case_report`` keeps a record out of every pool), ``cohort`` names a
    group of overlapping cohorts of which at most one may be pooled, ``subgroup`` the level of a subgroup analysis.
    """

    study: str
    events: int
    total: int
    design: str | None = None
    cohort: str | None = None
    subgroup: str | None = None

    def __post_init__(self) -> None:
        where = f"study {self.study!r}"
        for name in ("events", "total"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise InputError(f"{name} is not a whole number", found=repr(value), where=where, remedy="give a count of patients")
        if self.total < 1:
            raise InputError("a study without patients", found=f"total {self.total}", where=where, remedy="leave the study out")
        if not 0 <= self.events <= self.total:
            raise InputError(
                "more events than patients, or fewer than none",
                expected=f"0 to {self.total}",
                found=str(self.events),
                where=where,
                remedy="correct the row",
            )

    @property
    def is_case_report(self) -> bool:
        """True for a single patient reported because of the outcome."""
        return fold(self.design).replace(" ", "_").rstrip("s") == CASE_REPORT

    @property
    def cohort_key(self) -> str:
        """The cohort without case, accents and punctuation: ``Kraków`` and ``krakow`` are one."""
        return fold(self.cohort)

    def exact_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Clopper-Pearson interval of this study's own proportion."""
        return exact_interval(self.events, self.total, level)

    def likelihood_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Limits of the likelihood, which stand beside the exact ones in small series."""
        return likelihood_interval(self.events, self.total, level)


def clopper_pearson(events: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval (the one of :mod:`neorlt.core.proportions`)."""
    return exact_interval(events, total, level)


def wilson(events: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval without continuity correction."""
    z = float(stats.norm.ppf(0.5 + level / 2.0))
    p = events / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * np.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def as_arrays(studies: Sequence[StudyCounts]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Events and totals as float arrays of shape ``(study,)``."""
    return (
        np.array([study.events for study in studies], dtype=np.float64),
        np.array([study.total for study in studies], dtype=np.float64),
    )


def _whole(row: Row, name: str) -> int:
    """A count: digits alone, since a mark within them may be one for thousands or for decimals."""
    text = row.text(name)
    if not text.lstrip("-").isdecimal():
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


def read_counts(path: Path) -> list[StudyCounts]:
    """Read ``study,events,total`` (optional ``design``, ``cohort``, ``subgroup``) from a CSV file.

    Raises:
        InputError: file missing, column missing, a row that is not a count, or no row at all; names the line.

    """
    table = read_rows(path, "the table of counts", "name a CSV file with the columns study,events,total", REQUIRED_COLUMNS)
    found: list[StudyCounts] = []
    for row in table:
        try:
            events, total = (_whole(row, name) for name in ("events", "total"))
        except ValueError as error:
            raise InputError("events and total must be whole numbers", found=f"{row.text('events')!r}, {row.text('total')!r}",
                             where=table.where(row), remedy="give counts of patients, not percentages") from error
        optional = {name: row.text(name) or None for name in ("design", "cohort", "subgroup")}
        found.append(StudyCounts(row.text("study") or f"line {row.line}", events, total, **optional))
    names = [study.study for study in found]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(
            f"study {doubled[0]!r} stands in more than one row",
            where=str(path),
            remedy="keep one row a study, or name arms apart",
        )
    if not found:
        raise InputError("no study in the file", where=str(path), remedy="add one row a study")
    return found

"""A scheme: what is given, how much, when, with what, and when the surgeon operates.

Its words are read in :mod:`neorlt.planning.scheme`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.sensitisers import SENSITISERS

_NUCLIDE = re.compile(r"[A-Z][a-z]?-[1-9]\d{0,2}")
MAX_CYCLES = 12
"""Most cycles of a scheme."""
SURGERY_WEEKS_AFTER_LAST = 12.0
"""Weeks from the last cycle to surgery where a scheme does not say (an assumption: no source fixes it)."""


@dataclass(frozen=True)
class Cycle:
    """One administration.

    Parameters
    ----------
    week
        Weeks after baseline.
    activity_gbq
        Activity of each nuclide in GBq, by names such as ``"Lu-177"``. Which nuclides a plan can be made with is said by the registry
        of :mod:`neorlt.nuclides.therapy`, where a scheme is read and where it is predicted.
    sensitiser
        One of ``SENSITISERS``.
    peptide, peptide_ug
        Peptide and its amount, where stated.
    """

    week: float
    activity_gbq: Mapping[str, float]
    sensitiser: str = "none"
    peptide: str | None = None
    peptide_ug: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.week <= 520:
            raise InputError("a cycle's week is out of range", expected="0 to 520", found=f"{self.week:g}",
                             remedy="count weeks from baseline")
        if not self.activity_gbq:
            raise InputError("a cycle gives no activity", remedy="give activity_gbq for at least one nuclide")
        activity = {}
        for name, value in self.activity_gbq.items():
            if not _NUCLIDE.fullmatch(name):
                raise InputError("a cycle's nuclide has no name that is known here", expected="symbol and mass number, such as Lu-177",
                                 found=name, remedy="write for example Lu-177")
            if not 0 < value <= 50:
                raise InputError("an activity is out of range", expected="above 0 and up to 50 GBq", found=f"{value:g} GBq",
                                 where=f"cycle at week {self.week:g}", remedy="give activities in GBq, not MBq")
            activity[name] = float(value)
        object.__setattr__(self, "activity_gbq", activity)
        if self.sensitiser not in SENSITISERS:
            raise InputError("unknown sensitiser", expected=", ".join(SENSITISERS), found=self.sensitiser,
                             remedy="name one of these")
        if self.peptide_ug is not None and not self.peptide_ug > 0:
            raise InputError("a peptide amount is not above 0 µg", found=f"{self.peptide_ug:g}", remedy="give peptide_ug in µg")

    def as_json(self) -> dict[str, Any]:
        """Week, activities and, where stated, sensitiser and peptide."""
        document: dict[str, Any] = {"week": self.week, "activity_gbq": dict(self.activity_gbq), "sensitiser": self.sensitiser}
        if self.peptide is not None:
            document["peptide"] = self.peptide
        if self.peptide_ug is not None:
            document["peptide_ug"] = self.peptide_ug
        return document


@dataclass(frozen=True)
class Scheme:
    """A list of cycles in order of time, and when surgery follows.

    ``evaluation_week`` is the week at which the tumour is judged before surgery.
    """

    name: str
    cycles: tuple[Cycle, ...]
    surgery_weeks_after_last: float = SURGERY_WEEKS_AFTER_LAST
    watch_weeks: float | None = None
    source: str = ""
    kidney_p_over: float | None = None
    """Where set, all activities are scaled so that the kidney BED passes its limit with this chance."""

    def __post_init__(self) -> None:
        if self.kidney_p_over is not None and not 0 < self.kidney_p_over < 1:
            raise InputError("the chance at the kidney limit is out of range", expected="above 0 and below 1",
                             found=f"{self.kidney_p_over:g}", remedy="write for example kidney_p_over = 0.05")
        weeks = [cycle.week for cycle in self.cycles]
        if weeks != sorted(weeks):
            raise InputError("the cycles run backwards in time", found=str(weeks), remedy="sort the cycles by week")
        if twice := sorted({week for week in weeks if weeks.count(week) > 1}):
            raise InputError("two cycles stand in one week", found=", ".join(f"{week:g}" for week in twice),
                             remedy="correct week; two nuclides that are given together stand in one cycle's activity_gbq")
        if len(self.cycles) > MAX_CYCLES:
            raise InputError("a scheme has too many cycles", expected=f"up to {MAX_CYCLES}", found=str(len(self.cycles)),
                             remedy="plan up to 12 cycles")
        if not 2 <= self.surgery_weeks_after_last <= 104:
            raise InputError("the gap between the last cycle and surgery is out of range", expected="2 to 104 weeks",
                             found=f"{self.surgery_weeks_after_last:g}", remedy="set surgery_weeks_after_last in weeks")
        if not self.name.strip():
            raise InputError("a scheme has no name", remedy="give it a name")

    @property
    def nuclides(self) -> tuple[str, ...]:
        """Names of what is given, in order of first use."""
        return tuple(dict.fromkeys(name for cycle in self.cycles for name in cycle.activity_gbq))

    def given_gbq(self, nuclides: Sequence[str]) -> NDArray[np.float64]:
        """Activity given, ``(cycle, nuclide)`` in GBq, in this order of nuclides.

        Raises
        ------
        InputError
            If the scheme gives another nuclide: its activity would be lost without a word.
        """
        if missing := [name for name in self.nuclides if name not in nuclides]:
            raise InputError("the scheme gives a nuclide of which no dose is known here", expected=", ".join(nuclides),
                             found=", ".join(missing), where=f"scheme {self.name!r}",
                             remedy="give its file with --nuclide-file; a stored plan is made again with it")
        rows = [[cycle.activity_gbq.get(name, 0.0) for name in nuclides] for cycle in self.cycles]
        return np.array(rows, np.float64).reshape(-1, len(nuclides))

    @property
    def surgery_week(self) -> float:
        """Week of surgery, counted from baseline."""
        if not self.cycles:
            return self.watch_weeks if self.watch_weeks is not None else self.surgery_weeks_after_last
        return self.cycles[-1].week + self.surgery_weeks_after_last

    @property
    def sensitiser(self) -> str:
        """The sensitiser of the cycles (``none`` where there is none)."""
        return next((c.sensitiser for c in self.cycles if c.sensitiser != "none"), "none")

    @property
    def text(self) -> str:
        """The scheme in words."""
        if not self.cycles:
            return f"no RLT, looked at again in week {self.surgery_week:g}"
        parts = []
        for count, cycle, interval in _runs(self.cycles):
            doses = [f"{activity:g} GBq {nuclide}" for nuclide, activity in cycle.activity_gbq.items()]
            what = doses[0] if len(doses) == 1 else "(" + " and ".join(doses) + ")"
            parts.append(f"{count} x {what}" + (f" every {interval:g} weeks" if interval is not None else ""))
        names = {"captem": "CAPTEM", "5-fu": "5-FU", "capecitabine": "capecitabine"}
        tail = f" with {names[self.sensitiser]}" if self.sensitiser != "none" else ""
        return f"{' + '.join(parts)}{tail}, surgery {self.surgery_weeks_after_last:g} weeks after"

    def cumulative_gbq(self) -> dict[str, float]:
        """Activity over all cycles per nuclide, GBq."""
        total: dict[str, float] = {}
        for cycle in self.cycles:
            for nuclide, activity in cycle.activity_gbq.items():
                total[nuclide] = total.get(nuclide, 0.0) + activity
        return total


def _runs(cycles: tuple[Cycle, ...]) -> list[tuple[int, Cycle, float | None]]:
    """Group consecutive cycles of one activity and one interval to the next: (count, cycle, interval).

    The last cycle has no next one and joins the run before it where it is like it.
    """
    runs: list[tuple[int, Cycle, float | None]] = []
    for cycle, after in zip(cycles, (*cycles[1:], None), strict=True):
        gap = None if after is None else round(after.week - cycle.week, 6)
        if runs and runs[-1][1].activity_gbq == cycle.activity_gbq and gap in (runs[-1][2], None):
            runs[-1] = (runs[-1][0] + 1, *runs[-1][1:])
        else:
            runs.append((1, cycle, gap))
    return runs

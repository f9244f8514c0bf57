"""A scheme: what is given, how much, when, with what, and when the surgeon operates.

Words and TOML give the same object; the words are those of ``docs/commands.md``, for example
``2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks, surgery 12 weeks after``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.toml_file import read_toml, refuse_unknown
from neorlt.nuclides.nuclide import get_nuclide

if TYPE_CHECKING:
    pass

THERAPY_NUCLIDES = ("Lu-177", "Y-90")
SENSITISERS = ("none", "capecitabine", "captem", "5-fu")
MAX_CYCLES = 12
"""Most cycles of a scheme."""
SURGERY_WEEKS_AFTER_LAST = 12.0
"""Weeks from the last cycle to surgery where a scheme does not say (an assumption: no source fixes it)."""

_FORMS = (
    "'4 x 7.4 GBq Lu-177 every 8 weeks', cycles joined by '+', two nuclides as "
    "'3 x (3.7 GBq Lu-177 and 1.85 GBq Y-90) every 8 weeks', then optionally "
    "'with capecitabine|CAPTEM|5-FU', 'to kidney limit' and ', surgery 12 weeks after'; activities also in GBq/m2; or 'no RLT'"
)


@dataclass(frozen=True)
class Cycle:
    """One administration.

    Parameters
    ----------
    week
        Weeks after baseline.
    activity_gbq
        Activity of each nuclide in GBq.
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
            nuclide = get_nuclide(name).name
            if nuclide not in THERAPY_NUCLIDES:
                raise InputError("the response model does not treat with this nuclide", expected=" or ".join(THERAPY_NUCLIDES),
                                 found=nuclide, remedy="plan with Lu-177 and Y-90")
            if not 0 < value <= 50:
                raise InputError("an activity is out of range", expected="above 0 and up to 50 GBq", found=f"{value:g} GBq",
                                 where=f"cycle at week {self.week:g}", remedy="give activities in GBq, not MBq")
            activity[nuclide] = float(value)
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
        if len(self.cycles) > MAX_CYCLES:
            raise InputError("a scheme has too many cycles", expected=f"up to {MAX_CYCLES}", found=str(len(self.cycles)),
                             remedy="plan up to 12 cycles")
        if not 2 <= self.surgery_weeks_after_last <= 104:
            raise InputError("the gap between the last cycle and surgery is out of range", expected="2 to 104 weeks",
                             found=f"{self.surgery_weeks_after_last:g}", remedy="set surgery_weeks_after_last in weeks")
        if not self.name.strip():
            raise InputError("a scheme has no name", remedy="give it a name")

    @property
    def activities_gbq(self) -> NDArray[np.float64]:
        """Activity given, ``(cycle, nuclide)`` in GBq, nuclides as in :data:`THERAPY_NUCLIDES`."""
        rows = [[cycle.activity_gbq.get(name, 0.0) for name in THERAPY_NUCLIDES] for cycle in self.cycles]
        return np.array(rows, np.float64).reshape(-1, len(THERAPY_NUCLIDES))

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
    """Group consecutive equal cycles: (count, cycle, interval to the next)."""
    groups: list[list[Cycle]] = []
    for cycle in cycles:
        if groups and groups[-1][0].activity_gbq == cycle.activity_gbq:
            groups[-1].append(cycle)
        else:
            groups.append([cycle])
    runs = []
    for index, group in enumerate(groups):
        following = group[1:] or (groups[index + 1] if index + 1 < len(groups) else [])
        runs.append((len(group), group[0], following[0].week - group[0].week if following else None))
    return runs


_NUMBER = r"\d+(?:\.\d+)?"
_ACTIVITY = re.compile(
    rf"^\s*(?P<activity>{_NUMBER})\s*(?P<unit>GBq|MBq)(?P<area>/m2|/m²)?\s+(?P<nuclide>[A-Za-z0-9\-\[\]]+)\s*$", re.IGNORECASE
)
_BLOCK = re.compile(
    rf"^\s*(?:(?P<count>\d+)\s*[x×*]\s*)?(?P<what>\(.+?\)|.+?)(?:\s+every\s+(?P<interval>{_NUMBER})\s+weeks?)?\s*$", re.IGNORECASE
)
_SURGERY = re.compile(rf",\s*surgery\s+(?:at\s+)?(?P<weeks>{_NUMBER})\s+weeks?\s+after(?:\s+the\s+last(?:\s+cycle)?)?\s*$", re.IGNORECASE)
_SENSITISER = re.compile(r"\s+with\s+(?P<name>[A-Za-z0-9\-]+)\s*$", re.IGNORECASE)
_LIMIT = re.compile(rf"\s*,?\s+to\s+(?:the\s+)?kidney\s+limit(?:\s+with\s+(?P<p>{_NUMBER})\s*%)?", re.IGNORECASE)
KIDNEY_P_OVER = 0.05
"""Chance of passing the kidney limit where a scheme "to kidney limit" does not say (an assumption)."""
_NO_RLT = re.compile(rf"^\s*no\s+RLT(?:\s*(?:,|until|to)?\s*week\s*(?P<week>{_NUMBER}))?\s*$", re.IGNORECASE)
DEFAULT_INTERVAL_WEEKS = 8.0
"""Interval where the words do not give one: that of the product label (Lutathera, 8 weeks)."""


def parse_scheme(text: str, name: str | None = None, body_surface_m2: float | None = None) -> Scheme:
    """Read a scheme from words; ``body_surface_m2`` turns activities per m² into activities.

    Raises
    ------
    InputError
        Naming the part that was not understood and the forms that are.
    """
    rest = text.strip()
    if match := _NO_RLT.match(rest):
        return Scheme(name or "No RLT", (), watch_weeks=float(match["week"]) if match["week"] else None)
    kidney_p_over = None
    if match := _LIMIT.search(rest):
        kidney_p_over = float(match["p"]) / 100.0 if match["p"] else KIDNEY_P_OVER
        rest = rest[: match.start()] + rest[match.end() :]
    surgery = SURGERY_WEEKS_AFTER_LAST
    if match := _SURGERY.search(rest):
        surgery = float(match["weeks"])
        rest = rest[: match.start()]
    sensitiser = "none"
    if match := _SENSITISER.search(rest):
        sensitiser = match["name"].lower()
        if sensitiser not in SENSITISERS:
            raise InputError("unknown sensitiser", expected=", ".join(SENSITISERS[1:]), found=match["name"],
                             where=f"scheme {text!r}", remedy="name one of these after 'with'")
        rest = rest[: match.start()]
    cycles: list[Cycle] = []
    week = 0.0
    for part in rest.split("+"):
        block = _BLOCK.match(part)
        if block is None or not part.strip():
            raise _not_understood(part, text)
        count = int(block["count"] or 1)
        if not 1 <= count <= 12:
            raise InputError("a number of cycles is out of range", expected="1 to 12", found=str(count), where=f"scheme {text!r}",
                             remedy="plan 1 to 12 cycles")
        interval = float(block["interval"] or DEFAULT_INTERVAL_WEEKS)
        if not 1 <= interval <= 52:
            raise InputError("an interval between cycles is out of range", expected="1 to 52 weeks", found=f"{interval:g}",
                             where=f"scheme {text!r}", remedy="give the interval in weeks")
        activity: dict[str, float] = {}
        for item in re.split(r"\s+and\s+", block["what"].strip().strip("()")):
            match = _ACTIVITY.match(item)
            if match is None:
                raise _not_understood(item, text)
            value = float(match["activity"]) / (1000.0 if match["unit"].lower() == "mbq" else 1.0)
            if match["area"]:
                value *= _surface(body_surface_m2, f"scheme {text!r}")
            nuclide = get_nuclide(match["nuclide"]).name
            if nuclide in activity:
                raise InputError("a nuclide is given twice in one cycle", found=nuclide, where=f"scheme {text!r}",
                                 remedy="add the activities up")
            activity[nuclide] = value
        for _ in range(count):
            cycles.append(Cycle(week, activity, sensitiser))
            week += interval
    scheme = Scheme(name or "scheme", tuple(cycles), surgery, kidney_p_over=kidney_p_over)
    if name:
        return scheme
    return replace(scheme, name=scheme.text if kidney_p_over is None else text.strip())


def _surface(body_surface_m2: float | None, where: str) -> float:
    if body_surface_m2 is None:
        raise InputError("an activity per m² needs the body surface", where=where,
                         remedy="give weight_kg and height_cm in the patient file, or the activity in GBq")
    return body_surface_m2


def _not_understood(part: str, text: str) -> InputError:
    return InputError("the scheme is not understood", expected=_FORMS, found=part.strip() or "nothing", where=f"scheme {text!r}",
                      remedy="write it in one of these forms, or give a TOML file")


_KEYS = {"name", "surgery_weeks_after_last", "sensitiser", "cycle", "kidney_p_over"}
_CYCLE_KEYS = {"week", "peptide", "peptide_ug", "activity_gbq", "activity_gbq_per_m2", "sensitiser"}


def read_scheme(path: Path, body_surface_m2: float | None = None) -> Scheme:
    """Read a scheme from a TOML file (keys in ``docs/files.md``)."""
    path = Path(path)
    document = read_toml(path, "the scheme file")
    refuse_unknown(document, _KEYS, path.name)
    sensitiser = str(document.get("sensitiser", "none")).lower()
    cycles = []
    rows = document.get("cycle", [])
    if not isinstance(rows, list) or not rows:
        raise InputError("the scheme has no [[cycle]]", where=path.name, remedy="add one [[cycle]] per administration")
    for number, row in enumerate(rows, start=1):
        where = f"{path.name}, cycle {number}"
        refuse_unknown(row, _CYCLE_KEYS, where)
        if isinstance(row.get("activity_gbq_per_m2"), dict) and "activity_gbq" not in row:
            surface = _surface(body_surface_m2, where)
            row = {**row, "activity_gbq": {k: v * surface for k, v in row["activity_gbq_per_m2"].items()}}
        if "week" not in row or not isinstance(row.get("activity_gbq"), dict):
            raise InputError("a cycle needs its week and activity_gbq", where=where,
                             remedy='write for example: week = 0 and activity_gbq = { "Lu-177" = 7.4 }')
        try:
            cycles.append(
                Cycle(float(row["week"]), {k: float(v) for k, v in row["activity_gbq"].items()},
                      str(row.get("sensitiser", sensitiser)).lower(), row.get("peptide"),
                      None if row.get("peptide_ug") is None else float(row["peptide_ug"]))
            )
        except (TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("a value is not a number", where=where, remedy="give week in weeks and activities in GBq") from error
    surgery = document.get("surgery_weeks_after_last", SURGERY_WEEKS_AFTER_LAST)
    if isinstance(surgery, bool) or not isinstance(surgery, int | float):
        raise InputError("surgery_weeks_after_last is not a number", found=repr(surgery), where=path.name, remedy="give weeks")
    p_over = document.get("kidney_p_over")
    if p_over is not None and (isinstance(p_over, bool) or not isinstance(p_over, int | float)):
        raise InputError("kidney_p_over is not a number", found=repr(p_over), where=path.name, remedy="write for example 0.05")
    return Scheme(str(document.get("name", path.stem)), tuple(cycles), float(surgery),
                  kidney_p_over=None if p_over is None else float(p_over))


def standard_schemes() -> tuple[Scheme, ...]:
    """The schemes compared where the user names none, counted from baseline."""
    texts = (
        ("2 x 177Lu", "2 x 7.4 GBq Lu-177 every 8 weeks"),
        ("4 x 177Lu", "4 x 7.4 GBq Lu-177 every 8 weeks"),
        ("3 x 90Y", "3 x 2.8 GBq Y-90 every 8 weeks"),
        ("2 x 177Lu + 2 x 90Y", "2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks"),
        ("4 x 177Lu with CAPTEM", "4 x 7.4 GBq Lu-177 every 8 weeks with CAPTEM"),
    )
    treated = tuple(parse_scheme(text, name) for name, text in texts)
    latest = max(scheme.surgery_week for scheme in treated)
    return (Scheme("No RLT", (), watch_weeks=latest), *treated)

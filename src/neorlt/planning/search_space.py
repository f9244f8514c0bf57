"""What a search may try, what it may not exceed, and what the decision is told. All three are the user's to set."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.pairs import once
from neorlt.core.sensitisers import SENSITISERS
from neorlt.core.toml_file import read_toml
from neorlt.nuclides.therapy import planned_nuclide, therapy_nuclide, therapy_nuclides
from neorlt.planning.decision.settings import Settings
from neorlt.planning.scheme import Cycle, Scheme

PAIR = ("Lu-177", "Y-90")
"""Nuclides that are searched where nobody names others."""
TOGETHER = "both in one cycle"
LEAST_SHARE, STEPS = 0.25, 15
"""Of a nuclide that the search has no own values for: lowest activity over the usual one, and steps up to it (assumptions)."""


@dataclass(frozen=True)
class Limits:
    """What a scheme may not exceed; None sets no limit.

    The defaults are conventions of this program, shown with every answer: no source fixes how much risk is too much.
    """

    p_kidney_over: float | None = 0.10
    """Chance that the kidney BED passes its limit (40 Gy, 28 Gy with risk factors)."""
    p_blood_grade34: float | None = 0.20
    """Chance of CTCAE grade 3 or 4 in platelets or neutrophils."""
    p_secondary_neoplasm: float | None = None
    surgery_week: float | None = 52.0
    """Latest week of surgery, counted from baseline."""
    lu177_gbq: float | None = None
    """Activity of 177Lu over all cycles, GBq."""
    y90_gbq: float | None = None
    """Activity of 90Y over all cycles, GBq."""

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            top = 1.0 if name.startswith("p_") else 1e4
            if value is not None and not (math.isfinite(value) and 0 <= value <= top):
                raise InputError(f"the limit {name} is out of range", expected=f"0 to {top:g}", found=f"{value:g}",
                                 remedy="probabilities run from 0 to 1, weeks and GBq are positive")


@dataclass(frozen=True)
class SearchSpace:
    """The lattice on which schemes are sought: cycles of each nuclide, order, activities, interval, gap to surgery.

    Two nuclides of the registry are searched. One that the tables of activity do not name goes up to its usual activity of a cycle
    (:func:`~neorlt.nuclides.therapy.therapy_nuclide`).
    """

    max_cycles: int = 4
    nuclides: tuple[str, ...] = PAIR
    """The two that are tried, first and second."""
    max_activity_gbq: Mapping[str, float] = field(default_factory=lambda: {"Lu-177": 7.4, "Y-90": 3.7})
    """Most activity in one cycle; 0 leaves a nuclide out."""
    min_activity_gbq: Mapping[str, float] = field(default_factory=lambda: {"Lu-177": 1.9, "Y-90": 0.7})
    step_gbq: Mapping[str, float] = field(default_factory=lambda: {"Lu-177": 0.5, "Y-90": 0.3})
    """Activities step down from the most that is allowed."""
    interval_weeks: tuple[float, ...] = (6.0, 8.0, 10.0, 12.0)
    surgery_weeks_after_last: tuple[float, ...] = (6.0, 8.0, 12.0, 16.0, 20.0, 24.0)
    orders: tuple[str, ...] = ()
    """Which nuclide comes first, or both in one cycle; all of these where left empty."""
    sensitiser: str = "none"

    def __post_init__(self) -> None:
        if not 1 <= self.max_cycles <= 12:
            raise InputError("max_cycles is out of range", expected="1 to 12", found=str(self.max_cycles), remedy="plan 1 to 12 cycles")
        for name in ("interval_weeks", "surgery_weeks_after_last"):
            values = getattr(self, name)
            if not values or any(not 2 <= value <= 52 for value in values):
                raise InputError(f"{name} is out of range", expected="2 to 52 weeks", found=str(values), remedy="give weeks")
            object.__setattr__(self, name, tuple(sorted(float(value) for value in values)))
        if len(set(self.nuclides)) != 2 or len(self.nuclides) != 2:
            raise InputError("the search is not given two nuclides", expected="two of " + ", ".join(therapy_nuclides()),
                             found=", ".join(self.nuclides) or "none", remedy="name two; max_activity_gbq 0 leaves one of them out")
        object.__setattr__(self, "nuclides", tuple(planned_nuclide(name) for name in self.nuclides))
        given = {*self.max_activity_gbq, *self.min_activity_gbq, *self.step_gbq}
        if strange := sorted(given - {*self.nuclides, *PAIR}):
            raise InputError("the search has an activity of a nuclide that it does not try", expected=", ".join(self.nuclides),
                             found=", ".join(strange), remedy="name it in space.nuclides too")
        for name in set(self.nuclides) - set(PAIR):
            most = float(self.max_activity_gbq.get(name, therapy_nuclide(name).activity_gbq))
            for key, value in (("max_activity_gbq", most), ("min_activity_gbq", LEAST_SHARE * most), ("step_gbq", (most or 1.0) / STEPS)):
                object.__setattr__(self, key, {name: value} | dict(getattr(self, key)))
        known = (*(f"{name} first" for name in self.nuclides), TOGETHER)
        object.__setattr__(self, "orders", tuple(self.orders) or known)
        if any(order not in known for order in self.orders):
            raise InputError("unknown order of nuclides", expected=", ".join(known), found=str(self.orders), remedy="use these words")
        if self.sensitiser not in SENSITISERS:
            raise InputError("unknown sensitiser", expected=", ".join(SENSITISERS), found=self.sensitiser, remedy="name one of these")
        for name in self.nuclides:
            most = self.max_activity_gbq.get(name, 0.0)
            if not 0 <= most <= 50 or self.step_gbq.get(name, 0.0) <= 0:
                raise InputError("an activity of the search is out of range", expected="0 to 50 GBq, step above 0", found=f"{most:g}",
                                 where=name, remedy="give GBq per cycle; 0 leaves the nuclide out")
        if not any(self.max_activity_gbq.get(name, 0.0) > 0 for name in self.nuclides):
            raise InputError("the search has no nuclide", remedy=f"allow {self.nuclides[0]}, {self.nuclides[1]} or both")

    def levels(self, nuclide: str) -> tuple[float, ...]:
        """Activities per cycle that are tried, GBq, ascending; empty where the nuclide is left out."""
        most = float(self.max_activity_gbq.get(nuclide, 0.0))
        if most <= 0:
            return ()
        least = min(float(self.min_activity_gbq.get(nuclide, 0.0)) or self.step_gbq[nuclide], most)
        count = int((most - least) / self.step_gbq[nuclide] + 1e-9) + 1
        return tuple(sorted(round(most - i * self.step_gbq[nuclide], 6) for i in range(count)))

    def gene_bounds(self) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        """Lowest and highest gene ``(7,)``: cycles of either nuclide, order, activity of each, interval, gap to surgery."""
        most = [self.max_cycles if self.levels(name) else 0 for name in self.nuclides]
        high = [*most, len(self.orders) - 1, *(max(len(self.levels(name)) - 1, 0) for name in self.nuclides),
                len(self.interval_weeks) - 1, len(self.surgery_weeks_after_last) - 1]
        return np.zeros(7, int), np.array(high, int)

    def decode(self, genes: Sequence[int] | NDArray[Any]) -> Candidate:
        """The scheme that genes stand for, in its simplest form; cycles beyond ``max_cycles`` are dropped."""
        n_one, n_two, order_at, a_one, a_two, interval_at, gap_at = (int(gene) for gene in genes)
        one, two = (self.levels(name) for name in self.nuclides)
        one_gbq = one[a_one] if one else 0.0
        two_gbq = two[a_two] if two else 0.0
        order = self.orders[order_at]
        if order == TOGETHER:
            cycles = [(one_gbq if i < n_one else 0.0, two_gbq if i < n_two else 0.0) for i in range(max(n_one, n_two))]
        elif order == f"{self.nuclides[0]} first":
            cycles = [(one_gbq, 0.0)] * n_one + [(0.0, two_gbq)] * n_two
        else:
            cycles = [(0.0, two_gbq)] * n_two + [(one_gbq, 0.0)] * n_one
        cycles = cycles[: self.max_cycles]
        interval = self.interval_weeks[interval_at] if len(cycles) > 1 else self.interval_weeks[0]
        return Candidate(tuple(cycles), interval, self.surgery_weeks_after_last[gap_at], self.sensitiser, nuclides=self.nuclides)


@dataclass(frozen=True)
class Candidate:
    """One scheme of the search: activities per cycle in GBq, in the order of ``nuclides``; weeks from the last cycle to surgery.

    Cycles stand at equal intervals unless ``weeks`` names their weeks.
    """

    activity_gbq: tuple[tuple[float, ...], ...]
    interval_weeks: float
    surgery_weeks_after_last: float
    sensitiser: str = "none"
    weeks: tuple[float, ...] | None = None
    nuclides: tuple[str, ...] = PAIR

    def __post_init__(self) -> None:
        if any(len(row) != len(self.nuclides) for row in self.activity_gbq):
            raise ValueError(f"a cycle gives an activity of each of {', '.join(self.nuclides)}, found {self.activity_gbq}")
        if self.weeks is not None and len(self.weeks) != len(self.activity_gbq):
            raise ValueError(f"{len(self.activity_gbq)} cycles need as many weeks, found {len(self.weeks)}")

    @property
    def cycle_weeks(self) -> tuple[float, ...]:
        """Week of each cycle from baseline."""
        return self.weeks if self.weeks is not None else tuple(i * self.interval_weeks for i in range(len(self.activity_gbq)))

    @property
    def schedule(self) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...], str, tuple[str, ...]]:
        """What is given and when, without the surgery: candidates that share it share their simulation."""
        return self.activity_gbq, self.cycle_weeks, self.sensitiser, self.nuclides

    def given_gbq(self, nuclides: Sequence[str]) -> NDArray[np.float64]:
        """Activity given, ``(cycle, nuclide)`` in GBq, in this order of nuclides; as :meth:`Scheme.given_gbq`."""
        return self.scheme("candidate").given_gbq(nuclides)

    def total_gbq(self, nuclide: str) -> float:
        """Activity of one nuclide over all cycles, GBq."""
        return sum(row[self.nuclides.index(nuclide)] for row in self.activity_gbq) if nuclide in self.nuclides else 0.0

    @property
    def surgery_week(self) -> float:
        """Week of surgery from baseline."""
        return (self.cycle_weeks[-1] if self.activity_gbq else 0.0) + self.surgery_weeks_after_last

    def scheme(self, name: str | None = None, source: str = "") -> Scheme:
        """The scheme as the rest of the house knows it; its name is its words unless given."""
        cycles = tuple(
            Cycle(week, {n: a for n, a in zip(self.nuclides, row, strict=True) if a > 0}, self.sensitiser)
            for week, row in zip(self.cycle_weeks, self.activity_gbq, strict=True)
        )
        if not cycles:
            return Scheme(name or f"No RLT, surgery in week {self.surgery_week:g}", (), watch_weeks=self.surgery_week, source=source)
        scheme = Scheme(name or "scheme", cycles, self.surgery_weeks_after_last, source=source)
        return scheme if name else dataclasses.replace(scheme, name=scheme.text)


def candidate_of(scheme: Scheme) -> Candidate:
    """A scheme as the search sees it; cycles may stand at any week, one sensitiser serves all."""
    nuclides = (*PAIR, *(name for name in scheme.nuclides if name not in PAIR))
    rows = tuple(tuple(float(value) for value in row) for row in scheme.given_gbq(nuclides))
    if not rows:
        return Candidate((), 8.0, scheme.surgery_week)
    return Candidate(rows, 8.0, scheme.surgery_weeks_after_last, scheme.sensitiser, tuple(cycle.week for cycle in scheme.cycles), nuclides)


def read_limits(texts: Sequence[str]) -> tuple[Limits, Settings, SearchSpace]:
    """Read limits, what the decision may be told, and the space from ``name=value`` pairs with commas between, or from a TOML file.

    A TOML file has the tables ``[limits]``, ``[decision]`` and ``[space]``; a plain pair sets a limit, and
    ``decision.NAME=…`` or ``space.NAME=…`` one of the others. ``none`` takes a limit away. Later texts win; within one a name stands once.

    Raises
    ------
    InputError
        For an unknown name or a value that is not understood, with the names that are known.
    """
    found: dict[str, dict[str, Any]] = {"limits": {}, "decision": {}, "space": {}}
    for text in texts:
        if text.endswith(".toml"):
            for part, values in _toml(Path(text)).items():
                found[part].update(values)
            continue
        given: list[tuple[str, Any]] = []
        for pair in filter(None, (item.strip() for item in text.split(","))):
            name, equals, value = pair.partition("=")
            part, _, key = name.strip().rpartition(".")
            if part == "weights":
                raise _no_weights(pair)
            if not equals or (part or "limits") not in found:
                raise InputError("a limit is not understood", expected="name=value", found=pair, where="--limits",
                                 remedy="write for example p_kidney_over=0.05,surgery_week=40")
            given.append((f"{part or 'limits'}.{key}", _value(value.strip(), pair)))
        for name, value in once(given, "--limits").items():
            part, _, key = name.partition(".")
            found[part][key] = value
    return (_build(Limits, found["limits"], "limits"), _build(Settings, found["decision"], "decision"),
            _build(SearchSpace, found["space"], "space"))


def _no_weights(found: str) -> InputError:
    return InputError("schemes are no longer chosen by weights", expected="decision.criterion, decision.delta_months, decision.discount",
                      found=found, where="--limits",
                      remedy="remove the weights: the choice is by quality-adjusted life, as in neorlt decide")


def _value(text: str, pair: str) -> Any:
    if text.lower() == "none":
        return None
    if pair.strip().startswith("decision.criterion"):
        return text
    try:
        return float(text)
    except ValueError as error:
        raise InputError("a limit is not a number", found=pair, where="--limits", remedy="give a number or none") from error


def _toml(path: Path) -> dict[str, dict[str, Any]]:
    document = read_toml(path, "the limits file", "check the path after --limits")
    if "weights" in document:
        raise _no_weights("[weights]")
    unknown = sorted(set(document) - {"limits", "decision", "space"})
    if unknown or not all(isinstance(value, dict) for value in document.values()):
        raise InputError("unknown table in the limits file", expected="[limits], [decision], [space]",
                         found=", ".join(unknown) or "a value", where=path.name, remedy="move the keys into one of these tables")
    return {part: {key: None if value == "none" else value for key, value in values.items()} for part, values in document.items()}


def _ready(kind: type[Any], part: str, name: str, value: Any) -> Any:
    """A value as the table's class takes it."""
    if value is None and kind is not Limits:
        raise InputError(f"{part}.{name} needs a value", where="--limits", remedy="give a number")
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return {**getattr(kind(), name), **value}
    if name == "max_cycles" and value is not None:
        return int(value)
    if name in ("interval_weeks", "surgery_weeks_after_last") and value is not None:
        return (float(value),)
    if kind is Limits and value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise TypeError(f"{name} is no number")
    return value


def _build(kind: type[Any], values: Mapping[str, Any], part: str) -> Any:
    known = {item.name: item for item in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InputError(f"unknown name in {part}", expected=", ".join(known), found=", ".join(unknown), where="--limits",
                         remedy="correct the spelling or remove it")
    try:
        return kind(**{name: _ready(kind, part, name, value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"a value in {part} is not understood", found=str(dict(values)), where="--limits",
                         remedy="see docs/commands.md for the forms") from error

"""A trial as a file: population, arms, follow-up, test and scenarios, read from TOML and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.core.toml_file import flag_of, read_toml, refuse_unknown, table_of, tables_of, text_of, texts_of
from neorlt.planning.published import load_scheme
from neorlt.planning.scheme import Scheme
from neorlt.trials.rules import Rule

ARM_KINDS = ("rlt", "upfront-surgery", "chemotherapy")
BINARY = (
    "objective_response",
    "disease_control",
    "surgery",
    "r0",
    "complication",
    "fistula",
    "operative_death",
    "complication_free_r0",
    "haematotoxicity_g34",
)
"""Endpoints that each enrolled patient meets or does not: who was not operated has no R0."""
TIMES = ("recurrence_free_survival", "overall_survival")
CONTINUOUS = ("diameter_change_pct", "qol_change_12_months")
LOWER_IS_BETTER = frozenset({"complication", "fistula", "operative_death", "haematotoxicity_g34", "diameter_change_pct"})
ENDPOINTS = BINARY + TIMES + CONTINUOUS
SCENARIOS = ("model", "optimistic", "null", "pessimistic")
"""``model``: the response model and nothing beyond it. ``null``: the arms do not differ (one arm: the rate is ``p0``).
``optimistic`` and ``pessimistic``: stated effects that no randomised evidence supports."""


@dataclass(frozen=True)
class Arm:
    """One arm: a scheme of radioligand therapy, surgery at once, or chemotherapy before surgery."""

    name: str
    n: int
    kind: str
    scheme: Scheme | None
    surgery_week: float
    dosimetry_guided: bool = False
    """Cycles go on until the next one would take the kidneys over their BED limit."""


@dataclass(frozen=True)
class TrialTest:
    """How the trial is judged: one arm against ``p0``, or the last arm against the first, one-sided."""

    kind: str
    endpoint: str
    alpha: float
    p0: float | None = None
    stage1: tuple[int, int] | None = None
    """``(r1, n1)`` of a two-stage design."""
    cutoff: int | None = None
    margin: float = 0.0
    higher_is_better: bool = True
    """Where it is false, ``p0`` is a rate of events that is too high, and patients without the event are counted."""


@dataclass(frozen=True)
class TrialDesign:
    """A virtual trial."""

    name: str
    arms: tuple[Arm, ...]
    test: TrialTest
    eligibility: Rule
    scenarios: tuple[str, ...]
    main_scenario: str
    seed: int = 1
    n_draws: int = 1000
    trials_per_draw: int = 10
    accrual_months: float = 24.0
    follow_up_months: float = 36.0
    table: str | None = None
    sizes: tuple[int, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    effects: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def n_per_trial(self) -> int:
        """Patients of one trial."""
        return sum(arm.n for arm in self.arms)


_TOP = {
    "name",
    "seed",
    "n_draws",
    "trials_per_draw",
    "notes",
    "population",
    "arm",
    "follow_up",
    "test",
    "scenario",
    "values",
    "sizes",
}


def _number(row: Mapping[str, Any], key: str, default: float | None, low: float, high: float, where: str) -> float:
    value = row.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(
            f"{key} is out of range",
            expected=f"a number from {low:g} to {high:g}",
            found=repr(value),
            where=where,
            remedy=f"give {key}",
        )
    return float(value)


def _whole(row: Mapping[str, Any], key: str, default: int | None, low: int, high: int, where: str) -> int:
    value = _number(row, key, default, low, high, where)
    if value != int(value):
        raise InputError(f"{key} is no whole number", found=f"{value:g}", where=where, remedy="give a whole number")
    return int(value)


def read_design(path: Path) -> TrialDesign:
    """Read a trial from TOML.

    Raises
    ------
    InputError
        For a missing file, wrong TOML, an unknown key, or a value that makes no trial.
    """
    path = Path(path)
    return design_from(read_toml(path, "the trial file"), path)


def design_from(document: Mapping[str, Any], path: Path) -> TrialDesign:
    """Build a trial from the parsed document; relative tables lie beside ``path``."""
    where = path.name
    refuse_unknown(document, _TOP, where)
    rows = tables_of(document, "arm", where)
    if not rows:
        raise InputError("the trial has no [[arm]]", where=where, remedy="add one [[arm]] per treatment")
    arms = tuple(_arm(row, f"{where}, arm {i}") for i, row in enumerate(rows, 1))
    if len({arm.name for arm in arms}) != len(arms):
        raise InputError("two arms have one name", where=where, remedy="rename one")
    population = table_of(document, "population", where)
    refuse_unknown(population, {"eligibility", "table"}, f"{where}, [population]")
    follow = table_of(document, "follow_up", where)
    refuse_unknown(follow, {"accrual_months", "months"}, f"{where}, [follow_up]")
    scenario = table_of(document, "scenario", where)
    refuse_unknown(scenario, {"main", "use", "effects"}, f"{where}, [scenario]")
    use = texts_of(scenario, "use", SCENARIOS, f"{where}, [scenario]")
    main = text_of(scenario, "main", "model", f"{where}, [scenario]")
    stated = table_of(scenario, "effects", f"{where}, [scenario]")
    shipped = tables.read_json("trials", "scenarios.json")
    effects = {
        name: {**shipped["effects"]["null"], **shipped["effects"].get(name, {}),
               **table_of(stated, name, f"{where}, [scenario.effects]")}
        for name in use
    }
    for name in use:
        if name not in SCENARIOS and name not in stated:
            raise InputError(
                "unknown scenario",
                expected=", ".join(SCENARIOS),
                found=name,
                where=where,
                remedy="name one of these or state its effects",
            )
        here = f"{where}, [scenario.effects.{name}]"
        refuse_unknown(effects[name], set(shipped["effects"]["null"]), here)
        effects[name] = {key: _number(effects[name], key, None, -1000, 1000, here) for key in effects[name]}
    if main not in use:
        raise InputError(
            "the main scenario is not used", expected=", ".join(use), found=main, where=where, remedy="add it to use"
        )
    values = {key: spec["value"] for key, spec in shipped["base"]["values"].items()}
    own = table_of(document, "values", where)
    refuse_unknown(own, set(values), f"{where}, [values]")
    values.update({key: _number(own, key, None, -1000, 1000, f"{where}, [values]") for key in own})
    table = text_of(population, "table", "", f"{where}, [population]")
    sizes = document.get("sizes", [])
    if not isinstance(sizes, list):
        raise InputError("sizes is of a wrong kind", expected="a list of numbers of patients", found=repr(sizes), where=where,
                         remedy="write sizes = [40, 60, 80]")
    return TrialDesign(
        name=text_of(document, "name", path.stem, where),
        arms=arms,
        test=_test(table_of(document, "test", where), arms, f"{where}, [test]"),
        eligibility=Rule(text_of(population, "eligibility", "", f"{where}, [population]")),
        scenarios=use,
        main_scenario=main,
        seed=_whole(document, "seed", 1, 0, 2**31, where),
        n_draws=_whole(document, "n_draws", 1000, 10, 10000, where),
        trials_per_draw=_whole(document, "trials_per_draw", 10, 1, 1000, where),
        accrual_months=_number(follow, "accrual_months", 24, 0, 240, where),
        follow_up_months=_number(follow, "months", 36, 1, 240, where),
        table=None if not table else str((path.parent / table).resolve()),
        sizes=tuple(_whole({"sizes": v}, "sizes", None, 2, 10000, where) for v in sizes),
        values=values,
        effects=effects,
        notes=texts_of(document, "notes", (), where),
    )


def _arm(row: Mapping[str, Any], where: str) -> Arm:
    refuse_unknown(row, {"name", "n", "scheme", "kind", "surgery_week", "dosimetry_guided"}, where)
    kind = text_of(row, "kind", "rlt", where)
    if kind not in ARM_KINDS:
        raise InputError("unknown kind of arm", expected=", ".join(ARM_KINDS), found=kind, where=where, remedy="use one of these")
    n = _whole(row, "n", None, 2, 5000, where)
    scheme = None
    if kind == "rlt":
        if "scheme" not in row:
            raise InputError(
                "an arm of radioligand therapy needs its scheme",
                where=where,
                remedy='write for example scheme = "4 x 7.4 GBq Lu-177 every 8 weeks"',
            )
        scheme = load_scheme(text_of(row, "scheme", "", where))
        week = scheme.surgery_week
    else:
        week = _number(row, "surgery_week", 4.0 if kind == "upfront-surgery" else 32.0, 1, 104, where)
    return Arm(text_of(row, "name", kind, where), n, kind, scheme, week, flag_of(row, "dosimetry_guided", False, where))


def _test(row: Mapping[str, Any], arms: tuple[Arm, ...], where: str) -> TrialTest:
    refuse_unknown(row, {"kind", "endpoint", "alpha", "p0", "r1", "n1", "cutoff", "margin", "lower_is_better"}, where)
    kind = text_of(row, "kind", "single-arm" if len(arms) == 1 else "score", where)
    endpoint = text_of(row, "endpoint", "objective_response", where)
    if endpoint not in ENDPOINTS:
        raise InputError(
            "unknown endpoint", expected=", ".join(ENDPOINTS), found=endpoint, where=where, remedy="use one of these"
        )
    fitting = {"single-arm": BINARY, "score": BINARY, "fisher": BINARY, "logrank": TIMES, "t": CONTINUOUS}
    if kind not in fitting or endpoint not in fitting[kind]:
        raise InputError(
            "the test does not fit the endpoint",
            expected=f"{kind}: {', '.join(fitting.get(kind, ()))}" if kind in fitting else ", ".join(fitting),
            found=f"{kind} of {endpoint}",
            where=where,
            remedy="change one of them",
        )
    if (kind == "single-arm") != (len(arms) == 1):
        raise InputError(
            "the test does not fit the number of arms",
            found=f"{kind} with {len(arms)} arms",
            where=where,
            remedy="single-arm tests have one arm, all others two",
        )
    if len(arms) > 2:
        raise InputError(
            "a trial has at most two arms", found=str(len(arms)), where=where, remedy="write one file for each comparison"
        )
    stage1 = None
    if "r1" in row or "n1" in row:
        stage1 = (_whole(row, "r1", None, 0, 5000, where), _whole(row, "n1", None, 1, 5000, where))
    return TrialTest(
        kind,
        endpoint,
        _number(row, "alpha", 0.05 if kind == "single-arm" else 0.025, 1e-6, 0.5, where),
        None if kind != "single-arm" else _number(row, "p0", None, 0.0, 1.0, where),
        stage1,
        None if "cutoff" not in row else _whole(row, "cutoff", None, 0, 5000, where),
        _number(row, "margin", 0.0, 0.0, 0.99, where),
        not flag_of(row, "lower_is_better", endpoint in LOWER_IS_BETTER, where),
    )

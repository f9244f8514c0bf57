"""The sliders: one more scheme for a finished case, in under a second.

The scheme goes through the same response model as the plan, in the plan's own world (``world.npz``): the same draws of doses,
parameters and luck. A scheme of the plan, set with the sliders, gives the plan's numbers; the scheme beside it is predicted in
the same draws, so that the two differ by what they do and not by luck.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neorlt.core.errors import InputError

if TYPE_CHECKING:
    from neorlt.documents.scheme import Scheme
    from neorlt.planning.prediction import Prediction
    from neorlt.planning.world import World

HORIZON_WEEKS = (48.0, 64.0, 80.0)
"""Schemes are read out to the first of these weeks that holds their surgery, so that the model is compiled for few shapes only."""


def predict_scheme(folder: Path, text: str) -> dict[str, Any]:
    """Predict one scheme, in words, in the world of a finished plan; returns an entry of ``schemes``.

    Raises
    ------
    InputError
        If the scheme is not understood, its surgery is later than the sliders read out, or the plan keeps no world.
    """
    return compare_schemes(folder, text, None)["predicted"]  # type: ignore[no-any-return]


def compare_schemes(folder: Path, text: str, beside: Mapping[str, Any] | None) -> dict[str, Any]:
    """Predict a scheme in words and, in the same draws, the one beside it (an entry of the plan's ``schemes``).

    Returns
    -------
    dict
        ``predicted`` and ``other`` (entries of ``schemes``; ``other`` is None where nothing stands beside) and ``paired``, by
        the decision: ``mean`` of the first less the other in quality-adjusted months (``ci90`` over the common draws),
        ``p_better``, the share of draws in which the first is better (ties count half), ``verdict``, and ``first``, the option
        that stands first among all of the plan, these two with them. ``why`` takes its place where there is no age or one is not
        open.

    Raises
    ------
    InputError
        As :func:`predict_scheme`.
    """
    from neorlt.planning.scheme import parse_scheme

    # The plan's own nuclides are known once its world is open.
    world = _world(Path(folder))
    scheme = parse_scheme(text, "What if")
    if scheme.surgery_week > HORIZON_WEEKS[-1]:
        raise InputError(
            "surgery would be later than the sliders read out", expected=f"week {HORIZON_WEEKS[-1]:g} or earlier",
            found=f"week {scheme.surgery_week:g}", remedy="choose fewer cycles or shorter intervals",
        )  # fmt: skip
    other = None if not beside else scheme_of(beside)
    last = max(scheme.surgery_week, other.surgery_week if other else 0.0)
    horizon = next((week for week in HORIZON_WEEKS if last <= week), last)
    first = _predict(world, _words(scheme), horizon)
    if other is None:
        return {"predicted": first.as_json(), "other": None, "paired": None}
    second = _predict(world, _words(other), horizon)
    return {"predicted": first.as_json(), "other": second.as_json(), "paired": _paired(world, scheme, other, _of_plan(Path(folder)))}


def _words(scheme: Scheme) -> str:
    return json.dumps(
        {"name": scheme.name, "cycles": [cycle.as_json() for cycle in scheme.cycles], "surgery_week": scheme.surgery_week}, sort_keys=True
    )


_simulated: dict[int, tuple[World, dict[Any, Any]]] = {}
MAX_KNOWN = 40


def _of_plan(folder: Path) -> tuple[Scheme, ...]:
    """The schemes of a finished plan."""
    return _read_schemes(folder, (folder / "plan.json").stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _read_schemes(folder: Path, _written_ns: int) -> tuple[Scheme, ...]:
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return tuple(scheme_of(entry) for entry in plan["schemes"])


def _paired(world: World, first: Scheme, second: Scheme, plan: Sequence[Scheme]) -> dict[str, Any]:
    """The two schemes beside one another by the decision's rule, in the plan's world and among the options of the plan.

    Without the plan's other schemes another option could stand first here than at the head of the page.
    """
    from dataclasses import replace

    from neorlt.planning.decision.assemble import cannot_decide
    from neorlt.planning.decision.decide import decide_in

    refused = cannot_decide(world.patient)
    if refused is not None:
        return {"why": refused.problem}
    kept = _simulated.get(id(world))
    if kept is None or kept[0] is not world or len(kept[1]) > MAX_KNOWN:
        # One world at a time is looked at: what was simulated in another is let go.
        _simulated.clear()
        _simulated[id(world)] = kept = (world, {})
    here, beside = replace(first, name="What if"), replace(second, name="Beside")
    others = [scheme for scheme in plan if replace(scheme, name=here.name) not in (here, replace(beside, name=here.name))]
    decision = decide_in(world, [here, beside, *others], known=kept[1])
    loss = decision.between(here, beside)
    if loss is None:
        closed = next(gate for scheme in (here, beside) if (gate := decision.gates[decision.column(scheme)]).verdict == "no")
        return {"why": f"not open to this patient: {closed.reasons[0]}"}
    return loss.as_json() | {"first": decision.mildest.name.replace("What if", "this scheme")}


def _world(folder: Path) -> World:
    from neorlt.planning.stored import open_world

    return open_world(folder)


_predicted: dict[tuple[int, str, float], tuple[World, Prediction]] = {}
MAX_PREDICTED = 64


def _predict(world: World, entry: str, horizon_weeks: float) -> Prediction:
    """Predict, or remember: the scheme beside stays the same while a slider moves."""
    from neorlt.planning.predict import predict

    key = (id(world), entry, horizon_weeks)
    if key not in _predicted or _predicted[key][0] is not world:
        while len(_predicted) >= MAX_PREDICTED:
            _predicted.pop(next(iter(_predicted)))
        _predicted[key] = (world, predict(world, scheme_of(json.loads(entry)), horizon_weeks))
    return _predicted[key][1]


def scheme_of(entry: Mapping[str, Any]) -> Scheme:
    """The scheme of an entry of ``schemes``: its cycles and the week of surgery."""
    from neorlt.documents.scheme import Cycle, Scheme

    cycles = tuple(
        Cycle(float(cycle["week"]), dict(cycle["activity_gbq"]), str(cycle.get("sensitiser") or "none"))
        for cycle in entry.get("cycles") or []
    )
    surgery = float(entry["surgery_week"])
    name = str(entry.get("name") or "scheme")
    return Scheme(name, cycles, surgery - cycles[-1].week) if cycles else Scheme(name, (), watch_weeks=surgery)


def scheme_text(nuclide: str, cycles: int, activity_gbq: float, interval_weeks: int, surgery_weeks: int, sensitiser: str) -> str:
    """The scheme of the sliders in words."""
    if cycles == 0:
        return "no RLT"
    every = f" every {interval_weeks} weeks" if cycles > 1 else ""
    extra = f" with {sensitiser}" if sensitiser != "none" else ""
    return f"{cycles} x {activity_gbq:g} GBq {nuclide}{every}{extra}, surgery {surgery_weeks} weeks after"

"""Running a virtual trial: blocks of (parameter draw, trial, patient), seeded by their number, on this machine or a cluster.

A block holds some draws of the parameters and, for each, several trials of newly enrolled patients. The blocks and their
seeds do not depend on who computes them, so any number of processes, and a cluster that loses one, give the same result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.cluster import connected, need_dask
from neorlt.core.draws import generator
from neorlt.core.errors import InputError
from neorlt.core.progress import track
from neorlt.nuclides.therapy import added_nuclides, added_row, register_row, therapy_nuclides
from neorlt.response.own import CentrePosterior
from neorlt.response.parameters import Parameters, array_names, draw_parameters
from neorlt.trials.decide import compare, single_arm, single_arm_rule
from neorlt.trials.design import BINARY, CONTINUOUS, TIMES, TrialDesign
from neorlt.trials.events import RATES, Outcomes, base_rates, follow
from neorlt.trials.population import Patients, enrol
from neorlt.trials.response_arm import ArmResponse, toxicity_probability, treat

Floats = NDArray[np.float64]
CELLS = 16384
"""(draw, patient) pairs of a block: enough to keep the compiled model busy, few enough to stay small in memory."""
POWER_TRIALS = 2000
MONTHS = np.arange(0.0, 121.0, 1.0)
LOOKED_AT = (
    "objective_response",
    "surgery",
    "r0",
    "complication",
    "recurrence_free_survival",
    "overall_survival",
    "diameter_change_pct",
)


@dataclass(frozen=True)
class Plan:
    """How a design is cut into blocks; ``fixed`` holds the parameters at their medians (power), else they vary (assurance).

    ``nuclides`` are the order of the nuclide axes for whoever computes a block.
    """

    design: TrialDesign
    fixed: bool
    draws_per_block: int
    n_blocks: int
    nuclides: tuple[str, ...]
    own: CentrePosterior | None = None
    """A centre's own posterior, in the place of the shipped one."""

    @property
    def n_trials(self) -> int:
        """Trials in all blocks."""
        last = self.n_draws - (self.n_blocks - 1) * self.draws_per_block
        return ((self.n_blocks - 1) * self.draws_per_block + last) * self.design.trials_per_draw

    @property
    def n_draws(self) -> int:
        """Draws in all blocks."""
        return draws_of(self.design, self.fixed)


def draws_of(design: TrialDesign, fixed: bool) -> int:
    """Draws of the parameters: the design's, or as many as give the trials from which power is counted."""
    return min(design.n_draws, max(1, -(-POWER_TRIALS // design.trials_per_draw))) if fixed else design.n_draws


def make_plan(design: TrialDesign, *, fixed: bool = False, own: CentrePosterior | None = None) -> Plan:
    """Cut a design into blocks."""
    largest = max(arm.n for arm in design.arms) * design.trials_per_draw
    n_draws = draws_of(design, fixed)
    per_block = int(np.clip(CELLS // largest, 1, n_draws))
    return Plan(design, fixed, per_block, -(-n_draws // per_block), therapy_nuclides(), own)


@functools.lru_cache(maxsize=4)
def _parameters(
    n_draws: int, seed: int, nuclides: tuple[str, ...], own: CentrePosterior | None
) -> tuple[Parameters, dict[str, Floats]]:
    return draw_parameters(n_draws, seed, nuclides=nuclides, own=own), base_rates(n_draws, seed)


@functools.lru_cache(maxsize=4)
def _medians(
    n_draws: int, seed: int, nuclides: tuple[str, ...], own: CentrePosterior | None
) -> tuple[Parameters, dict[str, Floats]]:
    """One world at the medians of the parameters, and the means of the rates."""
    parameters, rates = _parameters(n_draws, seed, nuclides, own)
    middle = {name: np.median(np.asarray(getattr(parameters, name), float), axis=0) for name in array_names()}
    middle["fibrosis_fraction"] = np.minimum(middle["fibrosis_fraction"], middle["residual_fraction"])
    return parameters.take(np.zeros(1, np.intp)).replace(**middle), {
        name: np.array([values.mean()]) for name, values in rates.items()
    }


def run_block(plan: Plan, index: int) -> dict[str, Any]:
    """One block: per scenario and arm, counts and means of every trial, and the verdicts. Depends on nothing but its number."""
    design, k = plan.design, plan.design.trials_per_draw
    start = index * plan.draws_per_block
    chosen = np.arange(start, min(start + plan.draws_per_block, plan.n_draws))
    if plan.fixed:
        parameters, rates = _medians(design.n_draws, design.seed, plan.nuclides, plan.own)
        which = np.zeros(len(chosen), np.intp)
    else:
        parameters, rates = _parameters(design.n_draws, design.seed, plan.nuclides, plan.own)
        which = chosen
    parameters, rates = parameters.take(which), {name: rates[name][which] for name in RATES}
    name = "power" if plan.fixed else "assurance"
    cohort = None
    if design.table is not None:
        from pathlib import Path

        from neorlt.cohorts.reading import read_cohort

        cohort = read_cohort(Path(design.table))
    patients, seeds = [], []
    for arm in design.arms:
        patients.append(
            enrol(arm.n * k, design.eligibility, generator(design.seed, "trial", name, str(index), arm.name, "patients"), cohort)
        )
        seeds.append(int(generator(design.seed, "trial", name, str(index), arm.name).integers(2**31)))
    scenarios = (design.main_scenario,) if plan.fixed else design.scenarios
    known: dict[tuple[Any, ...], ArmResponse] = {}
    found: dict[str, Any] = {
        "screened": sum(p.screened for p in patients),
        "enrolled": sum(p.n for p in patients),
        "scenarios": {},
    }
    for scenario in scenarios:
        effects = dict(design.effects[scenario])
        outcomes = []
        for i, arm in enumerate(design.arms):
            # Where the arms do not differ, every arm is treated as the first.
            given = design.arms[0] if scenario == "null" else arm
            potency = effects["y90_potency"] if _uses_yttrium(given) else 1.0
            key = (i, given.name, potency)
            if key not in known:
                toxic = toxicity_probability(design, given, parameters, seeds[i])
                known[key] = treat(design, given, patients[i], parameters, toxic, potency, seeds[i])
            outcomes.append(follow(design, given, patients[i], known[key], rates, effects, seeds[i]))
        found["scenarios"][scenario] = _summary(
            design, scenario, outcomes, len(chosen), k, generator(design.seed, "null", name, str(index))
        )
    return found


def _uses_yttrium(arm: Any) -> bool:
    return arm.scheme is not None and any("Y-90" in cycle.activity_gbq for cycle in arm.scheme.cycles)


def _by_trial(values: Any, n_draws: int, k: int) -> Any:
    return values.reshape(n_draws, k, -1)


def _summary(
    design: TrialDesign, scenario: str, outcomes: list[Outcomes], d: int, k: int, rng: np.random.Generator
) -> dict[str, Any]:
    arms, shaped = [], []
    for outcome in outcomes:
        parts: dict[str, Any] = {
            "flags": {name: _by_trial(v, d, k) for name, v in outcome.flags.items()},
            "time": {name: _by_trial(v, d, k) for name, v in outcome.time.items()},
            "event": {name: _by_trial(v, d, k) for name, v in outcome.event.items()},
            "values": {name: _by_trial(v, d, k) for name, v in outcome.values.items()},
        }
        shaped.append(parts)
        counts = {name: v.sum(axis=-1).astype(np.int32) for name, v in parts["flags"].items()}
        denominators = {name: _by_trial(v, d, k).sum(axis=-1).astype(np.int32) for name, v in outcome.denominators.items()}
        means = {name: v.mean(axis=-1) for name, v in parts["values"].items()}
        tables = {name: _life_table(outcome.time[name], outcome.event[name]) for name in TIMES}
        first = outcome.time["recurrence_free_survival"]
        tables.update({name: _life_table(first, cause) for name, cause in outcome.causes.items()})
        arms.append({"counts": counts, "denominators": denominators, "means": means, "life_tables": tables})
    found: dict[str, Any] = {"arms": arms}
    test = design.test
    if test.kind == "single-arm":
        events = shaped[0]["flags"][test.endpoint]
        if scenario == "null":
            events = rng.random(events.shape) < test.p0
        found["positive"] = single_arm(single_arm_rule(design), events, test.higher_is_better)
    else:
        n = max(arm.n for arm in design.arms)
        found["positive"], found["negative"] = compare(design, test.endpoint, shaped[0], shaped[1], n)
        if scenario == design.main_scenario and design.sizes:
            found["sizes"] = {
                (size, endpoint): tuple(int(v.sum()) for v in compare(design, endpoint, shaped[0], shaped[1], size))
                for size in design.sizes
                for endpoint in LOOKED_AT
            }
    return found


def _life_table(time: Floats, event: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Patients at risk at the start of each month, and events in it, over everybody."""
    month = np.clip(np.floor(time).astype(int), 0, len(MONTHS) - 1).ravel()
    leaving = np.bincount(month, minlength=len(MONTHS))
    events = np.bincount(month[event.ravel()], minlength=len(MONTHS))
    at_risk = leaving[::-1].cumsum()[::-1]
    return at_risk, events


def run_plan(plan: Plan, mapper: Callable[[Plan, Iterable[int]], Iterable[dict[str, Any]]]) -> dict[str, Any]:
    """All blocks, put together in their order."""
    blocks = list(mapper(plan, range(plan.n_blocks)))
    first = blocks[0]
    found: dict[str, Any] = {
        "screened": sum(b["screened"] for b in blocks),
        "enrolled": sum(b["enrolled"] for b in blocks),
        "scenarios": {},
    }
    for scenario, example in first["scenarios"].items():
        parts = [b["scenarios"][scenario] for b in blocks]
        merged: dict[str, Any] = {
            key: np.concatenate([p[key] for p in parts]) for key in ("positive", "negative") if key in example
        }
        merged["arms"] = [
            {
                **{
                    group: {name: np.concatenate([p["arms"][i][group][name] for p in parts]) for name in arm[group]}
                    for group in ("counts", "denominators", "means")
                },
                "life_tables": {
                    name: tuple(sum(p["arms"][i]["life_tables"][name][j] for p in parts) for j in (0, 1))
                    for name in arm["life_tables"]
                },
            }
            for i, arm in enumerate(example["arms"])
        ]
        if "sizes" in example:
            merged["sizes"] = {key: tuple(sum(p["sizes"][key][j] for p in parts) for j in (0, 1)) for key in example["sizes"]}
        found["scenarios"][scenario] = merged
    return found


def here(plan: Plan, indices: Iterable[int]) -> Iterable[dict[str, Any]]:
    """Blocks one after another in this process (the model itself uses every processor)."""
    wanted = list(indices)
    return [run_block(plan, i) for i in track(wanted, "virtual trials", len(wanted))]


def run_block_elsewhere(added: Sequence[Mapping[str, Any]], plan: Plan, index: int) -> dict[str, Any]:
    """:func:`run_block` in a process that has read no nuclide file: ``added`` are the rows of the nuclides that a user added.

    Raises
    ------
    InputError
        If the process knows another nuclide by one of their names: an earlier trial's, whose kernels it may hold.
    """
    for row in added:
        try:
            register_row(row)
        except InputError as error:
            raise InputError(error.problem, expected="the nuclide of the trial's own file", found=f"another {row['name']} on a worker",
                             remedy="start the workers again, or give the nuclide another name") from None
    return run_block(plan, index)


def on_dask(address: str) -> Callable[[Plan, Iterable[int]], Iterable[dict[str, Any]]]:
    """A mapper that runs blocks on a dask cluster; a block lost with its worker is run again.

    Every block carries the nuclides that a user added to this process: a worker that starts late knows them too.

    Raises
    ------
    MissingExtraError
        If dask.distributed is not installed.
    InputError
        If no scheduler answers at the address.
    """
    need_dask()

    def mapper(plan: Plan, indices: Iterable[int]) -> Iterable[dict[str, Any]]:
        added = [added_row(one.name) for one in added_nuclides()]
        with connected(address) as client:
            futures = [client.submit(run_block_elsewhere, added, plan, i, pure=False, retries=5) for i in indices]
            blocks: list[dict[str, Any]] = client.gather(futures)
            return blocks

    return mapper


def endpoint_names() -> tuple[str, ...]:
    """Endpoints in the order in which they are shown."""
    return (*BINARY, *TIMES, *CONTINUOUS)


__all__ = ["Patients", "Plan", "endpoint_names", "here", "make_plan", "on_dask", "run_block", "run_block_elsewhere",
           "run_plan"]

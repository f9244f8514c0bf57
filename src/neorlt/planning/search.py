"""The search itself: pymoo's NSGA-III (NSGA-II for up to three objectives) on the lattice of schemes, every scheme kept."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import generator
from neorlt.core.errors import MissingExtraError
from neorlt.core.manifest import installed

Floats = NDArray[np.float64]
Evaluate = Callable[[NDArray[np.int_]], tuple[Floats, Floats]]
"""Takes genes ``(candidate, gene)``; gives objectives to be low ``(candidate, objective)`` and constraint values
``(candidate, constraint)`` that are kept at 0 or less."""

POPULATION = 120
CHECKED_WITH = "0.6.2"
"""Release of pymoo that this program's own fronts were checked with (the one of ``requirements-dev.lock``)."""


@dataclass(frozen=True)
class Found:
    """Every distinct candidate that was evaluated, in order: genes, objectives, constraint values, front number.

    ``front`` 0 holds the candidates that keep all constraints and that no such other dominates; -1 those that break one.
    """

    genes: NDArray[np.int_]
    objectives: Floats
    constraints: Floats
    front: NDArray[np.intp]


def need_pymoo() -> None:
    """Raise :class:`MissingExtraError` where the optimiser is not installed."""
    if importlib.util.find_spec("pymoo") is None:
        raise MissingExtraError("pymoo", extra="search")


def optimiser(n_objectives: int) -> dict[str, Any]:
    """What drew a front: package, release, algorithm, and what another release would mean.

    One seed gives three fronts with pymoo 0.6.0.1, 0.6.1.3 (as 0.6.1.5) and 0.6.2, so a front without its release cannot be had again.
    """
    need_pymoo()
    version = installed("pymoo")["pymoo"]
    note = f"The same seed gives this front with pymoo {version}; another release may draw other schemes."
    if version != CHECKED_WITH:
        note += f" This program was checked with {CHECKED_WITH}."
    return {"package": "pymoo", "version": version, "algorithm": _named(n_objectives), "checked_with": CHECKED_WITH, "note": note}


def _named(n_objectives: int) -> str:
    return "NSGA-II" if n_objectives <= 3 else "NSGA-III"


def fronts(objectives: Floats, constraints: Floats) -> NDArray[np.intp]:
    """Front number of each candidate by pymoo's non-dominated sorting; -1 where a constraint is broken."""
    need_pymoo()
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

    number = np.full(len(objectives), -1, np.intp)
    kept = np.flatnonzero((constraints <= 1e-12).all(axis=1))
    if len(kept):
        for rank, members in enumerate(NonDominatedSorting().do(objectives[kept])):
            number[kept[members]] = rank
    return number


def spread(objectives: Floats, constraints: Floats, n: int) -> NDArray[np.intp]:
    """Choose ``n`` candidates by front and, within a front, by crowding distance (pymoo's survival of NSGA-II)."""
    need_pymoo()
    from pymoo.core.population import Population
    from pymoo.core.problem import Problem
    from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

    kept = np.flatnonzero((constraints <= 1e-12).all(axis=1))
    if len(kept) <= n:
        return kept
    population = Population.new("X", kept[:, None], "F", objectives[kept], "G", np.zeros((len(kept), 0)))
    survivors = RankAndCrowding().do(Problem(n_var=1, n_obj=objectives.shape[1], xl=0, xu=1), population, n_survive=n)
    return np.sort(np.asarray(survivors.get("X"), np.intp)[:, 0])


def search(
    evaluate: Evaluate, low: NDArray[np.int_], high: NDArray[np.int_], n_objectives: int, n_constraints: int, *,
    n_candidates: int = 10_000, start: NDArray[np.int_] | None = None, seed: int = 1, population: int = POPULATION, patience: int = 10,
    enough: Callable[[], bool] | None = None,
) -> Found:
    """Search a lattice.

    Parameters
    ----------
    evaluate
        Called once for each distinct candidate.
    low, high
        ``(gene,)`` whole numbers, ends included.
    n_objectives, n_constraints
        Columns that ``evaluate`` gives.
    n_candidates
        Stops when so many were evaluated, when ``enough`` says so, or when ``patience`` generations bring nothing new.
    start
        ``(candidate, gene)`` candidates that the first generation holds.
    seed, population, patience
        Seed, size of a generation, generations without news before it stops.
    enough
        Asked after each generation.

    Raises
    ------
    MissingExtraError
        If pymoo is not installed.
    """
    need_pymoo()
    from pymoo.core.problem import Problem
    from pymoo.core.termination import NoTermination

    seen: dict[tuple[int, ...], int] = {}
    rows: list[NDArray[np.int_]] = []
    values: list[Floats] = []
    limits: list[Floats] = []

    class Lattice(Problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=len(low), n_obj=n_objectives, n_ieq_constr=n_constraints, xl=low, xu=high, vtype=int)

        def _evaluate(self, x: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
            genes = np.asarray(x, int)
            fresh = [key for key in dict.fromkeys(map(tuple, genes.tolist())) if key not in seen]
            if fresh:
                new = np.array(fresh, int)
                f, g = evaluate(new)
                for key in fresh:
                    seen[key] = len(rows)
                    rows.append(np.array(key, int))
                values.extend(np.asarray(f, float))
                limits.extend(np.asarray(g, float))
            at = [seen[key] for key in map(tuple, genes.tolist())]
            out["F"] = np.array([values[i] for i in at])
            if n_constraints:
                out["G"] = np.array([limits[i] for i in at])

    algorithm = _algorithm(n_objectives, _first(low, high, population, start, seed), seed)
    algorithm.setup(Lattice(), seed=seed, termination=NoTermination(), verbose=False)
    idle = 0
    while idle < patience and len(rows) < n_candidates and not (enough is not None and enough()):
        before = len(rows)
        algorithm.next()
        idle = idle + 1 if len(rows) == before else 0
    objectives = np.array(values)
    constraints = np.array(limits).reshape(len(rows), n_constraints)
    return Found(np.array(rows, int), objectives, constraints, fronts(objectives, constraints))


def _first(
    low: NDArray[np.int_], high: NDArray[np.int_], population: int, start: NDArray[np.int_] | None, seed: int
) -> NDArray[np.int_]:
    """The first generation: given candidates, then an even cover of the lattice (Latin hypercube)."""
    from scipy.stats import qmc

    unit = qmc.LatinHypercube(d=len(low), seed=generator(seed, "planning", "search")).random(population)
    cover = np.minimum(low + np.floor(unit * (high - low + 1)).astype(int), high)
    return cover if start is None or not len(start) else np.concatenate([np.asarray(start, int), cover])[:population]


def _algorithm(n_objectives: int, first: NDArray[np.int_], seed: int) -> Any:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.moo.nsga3 import NSGA3
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.selection.tournament import TournamentSelection
    from pymoo.util.ref_dirs import get_reference_directions

    common: dict[str, Any] = {
        "pop_size": len(first), "sampling": first, "eliminate_duplicates": True,
        "crossover": SBX(prob=0.9, eta=8, vtype=float, repair=RoundingRepair()),
        "mutation": PM(prob=1.0, eta=8, vtype=float, repair=RoundingRepair()),
    }
    if _named(n_objectives) == "NSGA-II":
        return NSGA2(**common)
    # The finest simplex lattice of directions that is not larger than a generation.
    parts = 1
    while _simplex(n_objectives, parts + 1) <= len(first):
        parts += 1
    # pymoo's own tournament of NSGA-III (lower violation, else by lot) draws some of its lots unseeded.
    luck = generator(seed, "planning", "tournament")

    def tournament(pop: Any, pairs: Any, **_: Any) -> Any:
        broken = np.array([max(float(individual.CV[0]), 0.0) for individual in pop])[pairs]
        by_lot = pairs[np.arange(len(pairs)), luck.integers(2, size=len(pairs))]
        winner = np.where(broken[:, 0] < broken[:, 1], pairs[:, 0], np.where(broken[:, 1] < broken[:, 0], pairs[:, 1], by_lot))
        return winner[:, None]

    common["selection"] = TournamentSelection(func_comp=tournament)
    return NSGA3(ref_dirs=get_reference_directions("das-dennis", n_objectives, n_partitions=parts), **common)


def _simplex(n_objectives: int, parts: int) -> int:
    from math import comb

    return comb(parts + n_objectives - 1, n_objectives - 1)

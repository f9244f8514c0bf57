"""Which scheme for this patient: a wide screening on few draws, the best through the full model, a choice with its doubt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import N_DRAWS, summarise
from neorlt.core.labels import Label
from neorlt.core.progress import Told
from neorlt.planning.decide import (
    OBJECTIVES,
    RULE,
    Choice,
    choose,
    means,
    objective_matrix,
    tied_pairs,
    utility,
    violations,
)
from neorlt.planning.evaluate import Evaluator, Floats, Outcomes, join
from neorlt.planning.patient import Patient
from neorlt.planning.scheme import Scheme
from neorlt.planning.search import fronts, need_pymoo, optimiser, search, spread
from neorlt.planning.search_space import Candidate, Limits, SearchSpace, Weights
from neorlt.planning.world import World, build_world

N_SCREEN = 10_000
N_SCREEN_DRAWS = 100
N_FULL = 50
USUAL = Candidate(((7.4, 0.0),) * 4, 8.0, 12.0)
"""The usual course, always taken through the full model beside what the search finds."""
RESOLUTION = 0.01
"""Objectives are rounded to this (weeks to whole weeks) before schemes are said to dominate one another."""


@dataclass(frozen=True)
class Search:
    """Result: the screened schemes, the few of the full model, the choice among them."""

    world: World
    limits: Limits
    weights: Weights
    space: SearchSpace
    screened: Outcomes
    full: Outcomes
    choice: Choice
    front: tuple[int, ...]
    """Indices into ``full`` of the schemes within the limits that no other such dominates, best utility first."""
    references: tuple[int, ...]
    """Indices into ``full`` of the schemes that are there for comparison: no RLT, and the usual course."""
    n_screen_draws: int

    @property
    def utility(self) -> Floats:
        """Utility ``(candidate, draw)`` of the full model's schemes."""
        return utility(self.full, self.weights)

    @property
    def shown(self) -> tuple[int, ...]:
        """The chosen scheme, the mildest that is tied with it, the best of each kind of scheme, and the references."""
        kinds: dict[tuple[bool, bool, int], int] = {}
        for i in self.front:
            totals = np.sum(np.reshape(self.full.candidates[i].activity_gbq, (-1, 2)), axis=0)
            kinds.setdefault((bool(totals[0] > 0), bool(totals[1] > 0), len(self.full.candidates[i].activity_gbq)), i)
        mild = mildest(self)
        first = [self.choice.chosen, *(() if mild is None else (mild,))]
        return tuple(dict.fromkeys([*first, *list(kinds.values())[:5], *self.references]))


def optimise(
    patient: Patient | World, limits: Limits | None = None, weights: Weights | None = None, space: SearchSpace | None = None, *,
    n_screen: int = N_SCREEN, n_screen_draws: int = N_SCREEN_DRAWS, n_full: int = N_FULL, n_draws: int = N_DRAWS, seed: int = 1,
    references: Sequence[Candidate] = (USUAL,),
) -> Search:
    """Search for the scheme of highest expected utility within the limits, and for all that cannot be told apart from it.

    Parameters
    ----------
    patient
        The patient at baseline, or the world of a finished plan, whose draws and seed then count.
    limits, weights, space
        What may not be exceeded, how much outcomes count, what is tried.
    n_screen, n_screen_draws
        Schemes screened, and the common draws on which they are.
    n_full, n_draws
        Schemes taken through the full model, and its draws.
    seed
        Seed of every random number.
    references
        Schemes that are shown beside the choice whatever the search finds; "no RLT" is always among them.

    Raises
    ------
    MissingExtraError
        If pymoo (extra ``search``) is not installed.
    """
    need_pymoo()
    limits, weights, space = limits or Limits(), weights or Weights(), space or SearchSpace()
    world = patient if isinstance(patient, World) else build_world(patient, n_draws=n_draws, seed=seed)
    screened = screen(world.first(n_screen_draws), limits, space, n_screen, world.seed)
    nothing = Candidate((), space.interval_weeks[0], space.surgery_weeks_after_last[0])
    others = tuple(dict.fromkeys([nothing, *references]))
    finalists = [screened.candidates[i] for i in shortlist(screened, limits, weights, n_full)]
    candidates = tuple(dict.fromkeys([*others, *finalists]))
    full = Evaluator(world)(candidates)
    choice = choose(full, limits, weights)
    return Search(world, limits, weights, space, screened, full, choice, _front(full, limits, utility(full, weights)),
                  tuple(range(len(others))), min(n_screen_draws, world.n_draws))


def screen(world: World, limits: Limits, space: SearchSpace, n_screen: int, seed: int) -> Outcomes:
    """Search the space in a world of few draws; every scheme that was simulated is kept."""
    evaluator = Evaluator(world, one_patient=True)
    low, high = space.gene_bounds()
    parts: list[Outcomes] = []
    seen: dict[Candidate, tuple[Floats, Floats]] = {}

    def evaluate(genes: NDArray[np.int_]) -> tuple[Floats, Floats]:
        wanted = [space.decode(row) for row in genes]
        fresh = {c.schedule: c for c in wanted if c not in seen}
        # The weeks of surgery cost next to nothing once a schedule is simulated: all of them are read.
        every = [replace(c, surgery_weeks_after_last=gap) for c in fresh.values() for gap in space.surgery_weeks_after_last]
        new = list(dict.fromkeys([*(c for c in wanted if c not in seen), *every]))
        if new:
            outcomes = evaluator(new)
            parts.append(outcomes)
            told("screening schemes", min(len(seen) + len(new), n_screen), n_screen)
            seen.update(zip(new, zip(objective_matrix(outcomes)[1], violations(outcomes, limits)[1], strict=True), strict=True))
        found = [seen[c] for c in wanted]
        # Single precision may differ in its last digits from run to run: rounded, it cannot send the search another way.
        return np.array([f for f, _ in found]).round(5), np.array([g for _, g in found]).round(5)

    probe = evaluator([USUAL])
    n_objectives, n_constraints = objective_matrix(probe)[1].shape[1], violations(probe, limits)[1].shape[1]
    with Told() as told:
        search(evaluate, low, high, n_objectives, n_constraints, n_candidates=10**9, seed=seed, enough=lambda: len(seen) >= n_screen)
    return join(parts)


def shortlist(screened: Outcomes, limits: Limits, weights: Weights, n: int) -> NDArray[np.intp]:
    """The best schemes of a screening: half by expected utility, half spread over the Pareto front."""
    objectives, over = objective_matrix(screened)[1], violations(screened, limits)[1]
    expected = utility(screened, weights).mean(axis=1)
    allowed = (over <= 0).all(axis=1)
    if not allowed.any():
        return np.argsort(np.maximum(over, 0).sum(axis=1), kind="stable")[:n].astype(np.intp)
    order = np.flatnonzero(allowed)[np.argsort(-expected[allowed], kind="stable")]
    best = order[: n // 2]
    wide = [int(i) for i in spread(objectives, over, n) if i not in set(best.tolist())]
    wide.sort(key=lambda i: -expected[i])
    rest = [int(i) for i in order if i not in set(best.tolist()) | set(wide)]
    return np.array([*best.tolist(), *wide, *rest][:n], np.intp)


def _front(full: Outcomes, limits: Limits, value: Floats) -> tuple[int, ...]:
    names, objectives = objective_matrix(full)
    steps = np.array([1.0 if name == "surgery_week" else RESOLUTION for name in names])
    number = fronts(np.round(objectives / steps), violations(full, limits)[1])
    members = np.flatnonzero(number == 0)
    return tuple(int(i) for i in members[np.argsort(-value[members].mean(axis=1), kind="stable")])


def mildest(found: Search) -> int | None:
    """Of the treating schemes that cannot be told apart from the chosen one, that with the least marrow dose (then the earliest)."""
    chosen = found.choice.chosen

    def burden(i: int) -> tuple[float, float]:
        return round(float(found.full.p_secondary_neoplasm[i].mean()), 6), found.full.candidates[i].surgery_week

    best = min((chosen, *(i for i in found.choice.tied if found.full.candidates[i].activity_gbq)), key=burden)
    return None if best == chosen else best


def optimise_document(found: Search) -> dict[str, Any]:
    """The document of ``neorlt optimise --json``."""
    from neorlt import __version__
    from neorlt.planning.document import NOTICE
    from neorlt.response.parameters import calibration_warnings

    value = found.utility
    reasons = found.full.reasons
    available = set(means(found.full))
    shown = found.shown
    names = [_scheme(found, i).name for i in range(len(found.full.candidates))]
    return {
        "notice": NOTICE, "neorlt": __version__, "seed": found.world.seed, "n_draws": found.world.parameters.n_draws,
        "patient": {"id": found.world.patient.id},
        "answer": {"sentences": _sentences(found)},
        "chosen": _row(found, found.choice.chosen, value),
        "front": [_row(found, i, value) for i in found.front],
        "references": [_row(found, i, value) for i in found.references],
        "indistinguishable": [[names[a], names[b]] for a, b in tied_pairs(value, shown)],
        "tied_with_chosen": [names[i] for i in found.choice.tied],
        "not_resolved_from_chosen": [names[i] for i in found.choice.unresolved],
        "rule": RULE,
        "limits": {**dataclasses.asdict(found.limits), "kidney_bed_gy": found.full.kidney_limit_gy, "kept": found.choice.within_limits},
        "weights": dataclasses.asdict(found.weights),
        "space": dataclasses.asdict(found.space),
        "objectives": [{"name": name, "text": text, "kind": kind, "available": name in available, "reason": reasons.get(name),
                        "label": str(_label(name))} for name, text, kind in OBJECTIVES],
        "n_screened": len(found.screened.candidates), "n_screen_draws": found.n_screen_draws, "n_full": len(found.full.candidates),
        "assumptions": [{"text": text, "label": str(label)} for text, label in _ASSUMPTIONS],
        "warnings": [warning["text"] for warning in calibration_warnings()],
        "optimiser": optimiser(objective_matrix(found.screened)[1].shape[1]),
        "cloud": _cloud(found),
    }


_ASSUMPTIONS = (
    ("The weights of the expected utility are a choice of values, not data: change them and the choice may change.", Label.ASSUMPTION),
    ("The limits are the user's; those of this program are conventions.", Label.ASSUMPTION),
    ("A secondary myeloid neoplasm is taken to be as likely as published (2 to 5 % after the usual course), in proportion to the "
     "marrow dose: no dose-response was found.", Label.ASSUMPTION),
    ("Cycles are given as planned: no delay and no early stop.", Label.ASSUMPTION),
    ("Tumour that grows beyond its baseline counts as all of it left.", Label.ASSUMPTION),
)


def _label(name: str) -> Label:
    by_construction = {"p_kidney_over", "p_blood_grade34", "surgery_week"}
    return Label.BY_CONSTRUCTION if name in by_construction else Label.ASSUMPTION


def _scheme(found: Search, index: int) -> Scheme:
    return found.full.candidates[index].scheme()


def shown_schemes(found: Search) -> tuple[Scheme, ...]:
    """The schemes that are worth a full report: chosen, mildest of the tied, the best of each kind, the references."""
    return tuple(_scheme(found, i) for i in found.shown)


def _row(found: Search, index: int, value: Floats) -> dict[str, Any]:
    full, choice = found.full, found.choice
    scheme = _scheme(found, index)
    objectives: dict[str, Any] = {}
    for name, _, _ in OBJECTIVES:
        if name == "surgery_week":
            objectives[name] = {"mean": scheme.surgery_week}
            continue
        values = full.draws(name)
        if values is None:
            objectives[name] = {"mean": None, "reason": full.reasons.get(name, "input is missing")}
            continue
        draws = values[index]
        objectives[name] = {"mean": float(draws.mean())}
        if name != "p_kidney_over":
            # Within a draw the kidney is over its limit or it is not: an interval would say nothing more than the mean.
            interval = summarise(draws)
            objectives[name]["ci90"] = [interval.low, interval.high]
    interval = summarise(value[index])
    regret = float(choice.regret[index])
    return {
        "name": scheme.name, "cycles": [cycle.as_json() for cycle in scheme.cycles], "surgery_week": scheme.surgery_week,
        "objectives": objectives, "kidney_bed_gy": summarise(full.kidney_bed_gy[index]).as_json(),
        "utility": {"mean": float(value[index].mean()), "ci90": [interval.low, interval.high]},
        "chosen_minus_this": choice.differences[index].as_json(), "p_best": float(choice.p_best[index]),
        "regret": None if np.isnan(regret) else regret,
        "within_limits": bool((violations(full.take([index]), found.limits)[1] <= 0).all()),
    }


def _cloud(found: Search, n: int = 400) -> dict[str, list[float]]:
    """A thinned cloud of the screened schemes for the chart: expected benefit and the worst harm."""
    index = np.unique(np.linspace(0, len(found.screened.candidates) - 1, n).astype(int))
    few = found.screened.take(index)
    benefit, harm = benefit_and_harm(few)
    return {"benefit": benefit.round(4).tolist(), "harm": harm.round(4).tolist(), "surgery_week": few.surgery_week.tolist()}


def benefit_and_harm(outcomes: Outcomes) -> tuple[Floats, Floats]:
    """The two axes of the chart: chance of being resectable (else of response), and the largest of the chances of harm."""
    found = means(outcomes)
    benefit = found.get("p_resectable", found.get("p_objective_response", 1.0 - found["tumour_left"]))
    harm = np.max([found[name] for name in ("p_kidney_over", "p_blood_grade34", "p_secondary_neoplasm") if name in found], axis=0)
    return benefit, harm


def _percent(value: float) -> str:
    return "under 1 %" if value < 0.01 else "over 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def _sentences(found: Search) -> list[str]:
    choice, full = found.choice, found.full
    chosen = _scheme(found, choice.chosen)
    main = "p_resectable" if full.p_resectable is not None else "p_objective_response"
    values = full.draws(main)
    what = "being resectable at surgery" if main == "p_resectable" else "an objective response at surgery"
    said = [f"Highest expected utility{' within the limits' if choice.within_limits else ''}: {chosen.name}."]
    if values is not None:
        draws = values[choice.chosen]
        ends = summarise(draws)
        said.append(f"Its predicted chance of {what}: {_percent(float(draws.mean()))} "
                    f"(90 % interval {_percent(ends.low)} to {_percent(ends.high)}).")
    if not choice.within_limits:
        said.insert(0, "No scheme that was tried keeps all limits; the one shown passes them by the least.")
    if choice.tied:
        mild = mildest(found)
        said.append(f"It cannot be told apart from {len(choice.tied)} of the other {len(full.candidates) - 1} schemes that went through "
                    "the full model.")
        if mild is not None:
            said.append(f"The mildest treatment among those (least marrow dose): {_scheme(found, mild).name}.")
    else:
        said.append("It is told apart from every other scheme that went through the full model.")
    for i in found.references:
        if i != choice.chosen:
            verdict = choice.differences[i]
            said.append(f"Against “{_scheme(found, i).name}”: {verdict.sentence} (difference of utility {verdict.mean:+.2f}, 90 % interval "
                        f"{verdict.low:+.2f} to {verdict.high:+.2f}).")
    return said

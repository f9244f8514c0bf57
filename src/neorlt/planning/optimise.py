"""Which scheme for this patient: a wide screening on few draws, the best through the full model, and the decision among them.

The screening keeps the schemes that no other beats in every outcome; which of them is chosen, and whether a scheme is chosen at
all, is the decision's: options that hold the operation, outcomes behind it, the mildest of the tied first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import N_DRAWS, summarise
from neorlt.core.labels import Label
from neorlt.core.notice import NOTICE
from neorlt.core.progress import Told
from neorlt.core.proportions import in_words
from neorlt.planning.decision.assemble import need_facts
from neorlt.planning.decision.choice import RULE, Choice, Loss, choose, expected_loss, tied_pairs
from neorlt.planning.decision.decide import Decision, decide_in, decision_sentences, eligibility
from neorlt.planning.decision.settings import Settings
from neorlt.planning.evaluate import Evaluator, Floats, Outcomes, join
from neorlt.planning.objectives import OBJECTIVES, allowed, means, objective_matrix, violations
from neorlt.planning.patient import Patient
from neorlt.planning.scheme import Scheme
from neorlt.planning.search import fronts, need_pymoo, optimiser, search, spread
from neorlt.planning.search_space import Candidate, Limits, SearchSpace
from neorlt.planning.valued import value_of
from neorlt.planning.world import World, build_world

N_SCREEN = 10_000
N_SCREEN_DRAWS = 100
N_FULL = 50
SPREAD = 5
"""So many times the schemes of the full model are judged by the decision on the screening's draws."""
USUAL = Candidate(((7.4, 0.0),) * 4, 8.0, 12.0)
"""The usual course, always taken through the full model beside what the search finds."""
RESOLUTION = 0.01
"""Objectives are rounded to this (weeks to whole weeks) before schemes are said to dominate one another."""


@dataclass(frozen=True)
class Search:
    """Result: the screened schemes, the few of the full model, the decision that holds them, the choice among them."""

    world: World
    limits: Limits
    settings: Settings
    space: SearchSpace
    screened: Outcomes
    full: Outcomes
    decision: Decision
    """All options: operating now, watching, every scheme of the full model, chemotherapy, an analogue."""
    columns: tuple[int, ...]
    """Of each scheme in ``full`` its option in the decision; no RLT is operating now."""
    choice: Choice | None
    """The same rule among the schemes and operating now, within the limits; None where the gate closes them all."""
    within_limits: bool
    """False where no scheme keeps all limits: those that pass them by the least are then judged."""
    front: tuple[int, ...]
    """Indices into ``full`` of the schemes within the limits that no other such dominates, best first."""
    references: tuple[int, ...]
    """Indices into ``full`` of the schemes that are there for comparison: no RLT, and the usual course."""
    n_screen_draws: int

    @property
    def utility(self) -> Floats:
        """The decision's criterion, quality-adjusted years ``(draw, candidate)``."""
        return self.decision.utility[:, list(self.columns)]

    @property
    def chosen(self) -> int:
        """Index into ``full`` of what stands first among the schemes and operating now; no RLT where the gate closes them all."""
        return 0 if self.choice is None else self.choice.mildest

    @property
    def losses(self) -> tuple[Loss, ...]:
        """Of every scheme against the best of them."""
        value = self.utility
        best = self.chosen if self.choice is None else self.choice.best
        return tuple(expected_loss(value[:, best], column, self.settings.delta) for column in value.T)

    @property
    def tied(self) -> tuple[int, ...]:
        """Indices into ``full`` of those tied with the best, without the one that stands first."""
        if self.choice is None:
            return ()
        return tuple(i for i in (self.choice.best, *self.choice.tied) if i != self.choice.mildest)

    @property
    def shown(self) -> tuple[int, ...]:
        """The first, the best, the best of each kind of scheme, and the references."""
        kinds: dict[tuple[tuple[str, ...], int], int] = {}
        for i in self.front:
            one = self.full.candidates[i]
            kinds.setdefault((tuple(name for name in one.nuclides if one.total_gbq(name) > 0), len(one.activity_gbq)), i)
        first = [self.chosen, *(() if self.choice is None else (self.choice.best,))]
        return tuple(dict.fromkeys([*first, *list(kinds.values())[:5], *self.references]))


def optimise(
    patient: Patient | World, limits: Limits | None = None, settings: Settings | None = None, space: SearchSpace | None = None, *,
    n_screen: int = N_SCREEN, n_screen_draws: int = N_SCREEN_DRAWS, n_full: int = N_FULL, n_draws: int = N_DRAWS, seed: int = 1,
    references: Sequence[Candidate] = (USUAL,),
) -> Search:
    """Search schemes inside the decision: which is best within the limits, what is tied with it, and whether RLT is the answer.

    Parameters
    ----------
    patient
        The patient at baseline, or the world of a finished plan, whose draws and seed then count.
    limits, settings, space
        What may not be exceeded, what the decision is told, what is tried.
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
    InputError
        If the patient's age is not known.
    MissingExtraError
        If pymoo (extra ``search``) is not installed.
    """
    need_pymoo()
    need_facts(patient.patient if isinstance(patient, World) else patient)
    limits, settings, space = limits or Limits(), settings or Settings(), space or SearchSpace()
    world = patient if isinstance(patient, World) else build_world(patient, n_draws=n_draws, seed=seed)
    few = world.first(n_screen_draws)
    screened = screen(few, limits, space, n_screen, world.seed)
    nothing = Candidate((), space.interval_weeks[0], space.surgery_weeks_after_last[0])
    others = tuple(dict.fromkeys([nothing, *references]))
    finalists = [screened.candidates[i] for i in shortlist(few, screened, limits, settings, n_full)]
    candidates = tuple(dict.fromkeys([*others, *finalists]))
    full = Evaluator(world)(candidates)
    schemes = [candidate.scheme() for candidate in candidates]
    kept, within = allowed(full, limits)
    # What may not be exceeded may not be recommended either: neither among the schemes nor among all options.
    decision = decide_in(world, schemes, settings).without(
        [scheme.name for keeps, scheme in zip(kept, schemes, strict=True) if scheme.cycles and not keeps])
    columns = tuple(decision.column(scheme) for scheme in schemes)
    value = decision.utility[:, list(columns)]
    pool = [bool(keeps) and decision.eligible[column] for keeps, column in zip(kept, columns, strict=True)]
    choice = choose(value, pool, [decision.options[column].mildness for column in columns], settings.delta) if any(pool) else None
    return Search(world, limits, settings, space, screened, full, decision, columns, choice, within,
                  _front(full, limits, value), tuple(range(len(others))), min(n_screen_draws, world.n_draws))


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


def shortlist(world: World, screened: Outcomes, limits: Limits, settings: Settings, n: int) -> NDArray[np.intp]:
    """Schemes of a screening for the full model: of a wide spread over the Pareto front half are taken by the decision's criterion.

    The criterion rises with every benefit and falls with every harm that is screened, so its best lie on the front.
    """
    objectives, over = objective_matrix(screened)[1], violations(screened, limits)[1]
    if not (over <= 0).all(axis=1).any():
        return np.argsort(np.maximum(over, 0).sum(axis=1), kind="stable")[:n].astype(np.intp)
    pool = spread(objectives, over, max(SPREAD * n, n))
    expected = value_of(world, screened.take(pool), settings).utility.mean(axis=0)
    order = pool[np.argsort(-expected, kind="stable")]
    best = order[: n // 2].tolist()
    wide = [int(i) for i in spread(objectives, over, n) if i not in set(best)]
    rest = [int(i) for i in order if i not in set(best) | set(wide)]
    return np.array([*best, *wide, *rest][:n], np.intp)


def _front(full: Outcomes, limits: Limits, value: Floats) -> tuple[int, ...]:
    names, objectives = objective_matrix(full)
    steps = np.array([1.0 if name == "surgery_week" else RESOLUTION for name in names])
    number = fronts(np.round(objectives / steps), violations(full, limits)[1])
    members = np.flatnonzero(number == 0)
    return tuple(int(i) for i in members[np.argsort(-value[:, members].mean(axis=0), kind="stable")])


def optimise_document(found: Search) -> dict[str, Any]:
    """The document of ``neorlt optimise --json``."""
    from neorlt import __version__

    value, losses = found.utility, found.losses
    reasons = found.full.reasons
    available = set(means(found.full))
    shown = found.shown
    names = [_scheme(found, i).name for i in range(len(found.full.candidates))]
    decision = found.decision
    return {
        "notice": NOTICE, "neorlt": __version__, "seed": found.world.seed, "n_draws": found.world.parameters.n_draws,
        "patient": {"id": found.world.patient.id},
        "answer": {"sentences": _sentences(found)},
        "best": decision.best.name, "mildest": decision.mildest.name, "tied": [option.name for option in decision.tied],
        "best_kind": str(decision.best.kind), "mildest_kind": str(decision.mildest.kind), "eligibility": eligibility(decision),
        "not_resolved": [decision.options[i].name for i in decision.choice.unresolved],
        "chosen": _row(found, found.chosen, value, losses),
        "front": [_row(found, i, value, losses) for i in found.front],
        "references": [_row(found, i, value, losses) for i in found.references],
        "indistinguishable": [[names[a], names[b]] for a, b in tied_pairs(value, shown, found.settings.delta)],
        "tied_with_chosen": [names[i] for i in found.tied],
        "not_resolved_from_chosen": [] if found.choice is None else [names[i] for i in found.choice.unresolved],
        "rule": RULE.format(delta=found.settings.delta_months),
        "limits": {**dataclasses.asdict(found.limits), "kidney_bed_gy": found.full.kidney_limit_gy, "kept": found.within_limits},
        "decision": {"criterion": found.settings.criterion, "delta_months": found.settings.delta_months,
                     "discount": found.settings.discount},
        "space": dataclasses.asdict(found.space),
        "objectives": [{"name": name, "text": text, "kind": kind, "available": name in available, "reason": reasons.get(name),
                        "label": str(_label(name))} for name, text, kind in OBJECTIVES],
        "n_screened": len(found.screened.candidates), "n_screen_draws": found.n_screen_draws, "n_full": len(found.full.candidates),
        "assumptions": [{"text": text, "label": str(label)} for text, label in _ASSUMPTIONS],
        "optimiser": optimiser(objective_matrix(found.screened)[1].shape[1]),
        "cloud": _cloud(found),
    }


_ASSUMPTIONS = (
    ("The choice is by quality-adjusted life behind the operation; its rates and utilities are those of the decision, many of them "
     "assumptions.", Label.ASSUMPTION),
    ("The limits are the user's; those of this program are conventions.", Label.ASSUMPTION),
    ("A secondary myeloid neoplasm is taken to be as likely as published (2 to 5 % after the usual course), in proportion to the "
     "marrow dose: no dose-response was found.", Label.ASSUMPTION),
    ("The screening gives every cycle as planned; the decision withholds cycles where counts say so.", Label.ASSUMPTION),
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


def _row(found: Search, index: int, value: Floats, losses: Sequence[Loss]) -> dict[str, Any]:
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
    interval = summarise(value[:, index])
    regret = np.nan if choice is None else float(choice.regret[index])
    column = found.columns[index]
    gate = found.decision.gates[column]
    return {
        "name": scheme.name, "cycles": [cycle.as_json() for cycle in scheme.cycles], "surgery_week": scheme.surgery_week,
        "objectives": objectives, "kidney_bed_gy": summarise(full.kidney_bed_gy[index]).as_json(),
        "option": found.decision.options[column].name, "eligible": str(gate.verdict), "reasons": list(gate.reasons),
        "utility": {"mean": float(value[:, index].mean()), "ci90": [interval.low, interval.high]},
        "best_minus_this": losses[index].as_json(), "p_best": 0.0 if choice is None else float(choice.p_best[index]),
        "regret_months": None if np.isnan(regret) else 12 * regret,
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


def _sentences(found: Search) -> list[str]:
    choice, full = found.choice, found.full
    # What the gate finds about RLT comes first, then the decision among all options, then the schemes beside one another.
    said = [text for text in eligibility(found.decision) if text.startswith("RLT")]
    said += decision_sentences(found.decision)
    if choice is None:
        return [*said, "No scheme is judged: the gate closes every one and operating now."]
    if not found.within_limits:
        said.append("No scheme that was tried keeps all limits; those that pass them by the least were judged.")
    first = _scheme(found, found.chosen)
    losses = found.losses
    same = found.columns[found.chosen] == found.decision.choice.mildest
    if not same:
        said.append(f"Among the schemes and operating now{' within the limits' if found.within_limits else ''}, first: {first.name}.")
    main = "p_resectable" if full.p_resectable is not None else "p_objective_response"
    values = full.draws(main)
    what = "being resectable at surgery" if main == "p_resectable" else "an objective response at surgery"
    if values is not None and full.candidates[found.chosen].activity_gbq:
        draws = values[found.chosen]
        ends = summarise(draws)
        said.append(f"Its predicted chance of {what}: {in_words(float(draws.mean()))} "
                    f"(90 % interval {in_words(ends.low)} to {in_words(ends.high)}).")
    if found.tied and not same:
        said.append(f"It is tied with {len(found.tied)} of the other {len(full.candidates) - 1} schemes that went through the full model "
                    f"and may cost {12 * choice.price_of_mildest:.1f} quality-adjusted months against the best of them.")
    barred = found.decision.barred
    if barred and found.within_limits:
        said.append(f"{len(barred)} of the {len(full.candidates) - 1} schemes that went through the full model pass a limit and may not be "
                    "chosen.")
    for i in found.references:
        if i not in (found.chosen, *found.tied):
            closed = (", which passes a limit" if _scheme(found, i).name in barred
                      else "" if found.decision.eligible[found.columns[i]] else ", not open to this patient")
            said.append(f"“{_scheme(found, i).name}”{closed}: {-12 * losses[i].mean:+z.1f} quality-adjusted months against the best "
                        f"({losses[i].verdict}).")
    return said

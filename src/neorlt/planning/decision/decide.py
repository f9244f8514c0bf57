"""The decision of one patient: gate, course, choice; draws are doubled where the choice is not resolved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.planning.decision.assemble import Built, Inputs, Known, build, gather, need_facts
from neorlt.planning.decision.choice import Choice, Loss, choose, expected_loss
from neorlt.planning.decision.course import Outlook, follow
from neorlt.planning.decision.gate import Gate, Verdict, eligibility_sentences, open_gate
from neorlt.planning.decision.options import USUAL, Kind, Option, options_for
from neorlt.planning.decision.settings import CRITERIA, Settings
from neorlt.planning.patient import Patient
from neorlt.planning.scheme import Scheme, parse_scheme
from neorlt.planning.world import World, build_world
from neorlt.response.own import CentrePosterior

Floats = NDArray[np.float64]
N_DRAWS = 10_000
MAX_DRAWS = 16_000

@dataclass(frozen=True)
class Decision:
    """What was found for one patient."""

    inputs: Inputs
    built: Built
    outlook: Outlook
    choice: Choice
    settings: Settings
    barred: frozenset[str] = frozenset()
    """Names of schemes that may not be chosen whatever the gate says: they pass a limit that somebody has set."""

    @property
    def options(self) -> tuple[Option, ...]:
        """In their order."""
        return self.inputs.options

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Verdict on each option."""
        return self.inputs.gates

    @property
    def utility(self) -> Floats:
        """The criterion, ``(draw, option)`` in years."""
        return np.asarray(getattr(self.outlook, self.settings.criterion))

    @property
    def eligible(self) -> list[bool]:
        """Which options may be chosen."""
        return [gate.verdict is not Verdict.NO and not (option.scheme is not None and option.scheme.name in self.barred)
                for gate, option in zip(self.gates, self.options, strict=True)]

    def without(self, names: Collection[str]) -> Decision:
        """The choice in the same draws where these schemes may not be chosen; as it is where no option would be left."""
        fewer = replace(self, barred=frozenset(names))
        return replace(fewer, choice=_choose(fewer.outlook, fewer.eligible, self.inputs, self.settings)) if any(fewer.eligible) else self

    @property
    def best(self) -> Option:
        """Highest expected criterion among the eligible."""
        return self.options[self.choice.best]

    @property
    def mildest(self) -> Option:
        """The mildest of those tied with the best, and it."""
        return self.options[self.choice.mildest]

    @property
    def tied(self) -> tuple[Option, ...]:
        """Tied with the best, without it."""
        return tuple(self.options[i] for i in self.choice.tied)

    def column(self, scheme: Scheme) -> int:
        """Option that stands for a scheme when schemes are compared: with the operation behind it unless that is closed and RLT alone is
        not; operating now where nothing is given.
        """
        if not scheme.cycles:
            return next(i for i, option in enumerate(self.options) if option.kind is Kind.OPERATE_NOW)
        kind = kind_of_schemes(self.inputs.world.patient, self.settings)
        return next(i for i, option in enumerate(self.options)
                    if option.kind is kind and option.scheme is not None and option.scheme.name == scheme.name)

    def between(self, first: Scheme, second: Scheme) -> Loss | None:
        """What ``second`` loses against ``first``; None where the gate closes one of them."""
        a, b = self.column(first), self.column(second)
        if not (self.eligible[a] and self.eligible[b]):
            return None
        return expected_loss(self.utility[:, a], self.utility[:, b], self.settings.delta)


def evaluate(inputs: Inputs, settings: Settings | None = None) -> Decision:
    """Course and choice for inputs that are at hand."""
    settings = settings or Settings()
    built = build(inputs)
    outlook = follow(built.paths, built.background, settings.discount)
    eligible = [gate.verdict is not Verdict.NO for gate in inputs.gates]
    return Decision(inputs, built, outlook, _choose(outlook, eligible, inputs, settings), settings)


def _choose(outlook: Outlook, eligible: Sequence[bool], inputs: Inputs, settings: Settings) -> Choice:
    return choose(getattr(outlook, settings.criterion), eligible, [option.mildness for option in inputs.options], settings.delta)


def decide(
    patient: Patient, schemes: Sequence[Scheme] = (), settings: Settings | None = None, *, n_draws: int = N_DRAWS, seed: int = 1,
    max_draws: int = MAX_DRAWS, make_world: Callable[[int], World] | None = None, own: CentrePosterior | None = None,
) -> Decision:
    """Decide for one patient.

    Parameters
    ----------
    patient
        At baseline; the age must be known.
    schemes
        Of radioligand therapy; the usual course and half of it where none is given.
    settings
        Criterion, width of a tie, discount, what is asked for.
    n_draws, seed
        Draws, and the seed.
    max_draws
        Draws are doubled up to this where the choice is not resolved.
    make_world
        Gives a world of so many draws (from a finished plan); left out, the patient file alone speaks.
    own
        A centre's own posterior, in the place of the shipped one.

    Raises
    ------
    InputError
        If the age is not known, or no option is left.
    """
    settings = settings or Settings()
    need_facts(patient)
    options = options_for(schemes)
    gates = open_gate(patient, options, settings.asked_for)
    make = make_world or (lambda n: build_world(patient, n_draws=n, seed=seed, own=own))
    while True:
        found = evaluate(gather(make(n_draws), options, gates), settings)
        if found.choice.resolved or n_draws >= max_draws or make_world is not None:
            return found
        n_draws = min(2 * n_draws, max_draws)


def kind_of_schemes(patient: Patient, settings: Settings | None = None) -> Kind:
    """Whether schemes are compared with the operation behind them or, where none is open, without."""
    kinds = (Kind.RLT_THEN_SURGERY, Kind.RLT_ALONE)
    usual = parse_scheme(USUAL[0])
    gates = open_gate(patient, [Option(str(kind), kind, usual) for kind in kinds], (settings or Settings()).asked_for)
    return kinds[1] if gates[0].verdict is Verdict.NO and gates[1].verdict is not Verdict.NO else kinds[0]


def decide_in(
    world: World, schemes: Sequence[Scheme] = (), settings: Settings | None = None, known: Known | None = None
) -> Decision:
    """Decide in the draws of a world that is at hand, with these schemes among the options.

    ``known`` keeps what was simulated in this world, for the next call.

    Raises
    ------
    InputError
        If the age is not known.
    """
    settings = settings or Settings()
    need_facts(world.patient)
    treated = [scheme for scheme in schemes if scheme.cycles]
    options = options_for(treated, all_alone=kind_of_schemes(world.patient, settings) is Kind.RLT_ALONE)
    return evaluate(gather(world, options, open_gate(world.patient, options, settings.asked_for), known=known), settings)


def with_unmodelled_sd(decision: Decision, sd: float) -> Decision:
    """The same draws with another spread of what RLT does to recurrence beyond the margin."""
    z = decision.inputs.rates["unmodelled_z"]
    return evaluate(decision.inputs.with_rates(log_hr_unmodelled=sd * z), decision.settings)


def ceiling(decision: Decision) -> dict[str, Any] | None:
    """What the scar allows at most: the chance of being resectable if every vessel that is not bound by scar came free.

    None where the main lesion touches no vessel. It *binds* where an option that shrinks the tumour comes within a tenth of it.
    """
    from neorlt.planning.decision import before
    from neorlt.planning.decision.assemble import p_operable, p_removable

    world = decision.inputs.world
    lesion = world.patient.lesions[world.followed]
    if not any(vessel.contact_deg > 0 for vessel in lesion.vessels):
        return None
    degrees = np.where(before.scarred(world), np.array([vessel.contact_deg for vessel in lesion.vessels]), 0.0)
    most = float(np.mean(p_operable(decision.inputs.rates, before.contact_units(lesion, degrees)) * p_removable(world.patient)))
    reached = {o.name: float(decision.built.operable[:, i].mean()) for i, o in enumerate(decision.options)
               if o.kind in (Kind.RLT_THEN_SURGERY, Kind.CHEMOTHERAPY_THEN_SURGERY)}
    now = next(float(decision.built.operable[:, i].mean()) for i, o in enumerate(decision.options) if o.kind is Kind.OPERATE_NOW)
    # Nearer to the ceiling than to where things stand now: shrinking more would hardly help.
    binding = [name for name, p in reached.items() if most - p < 0.1 * max(most - now, 0.0) or most <= now]
    return {"p_resectable_at_most": most, "p_resectable_now": now, "p_resectable": reached, "binds_for": binding}


def decision_sentences(decision: Decision) -> list[str]:
    """Three lines: against operating now and against watching; harm; how sure."""
    c, options = decision.choice, decision.options
    first = c.mildest
    value = decision.utility

    def against(kind: Kind, words: str) -> str:
        i = next(k for k, option in enumerate(options) if option.kind is kind)
        if i == first:
            return ""
        gain = 12 * (value[:, first] - value[:, i])
        closed = ", which is not open to this patient" if not decision.eligible[i] else ""
        return f"{gain.mean():+z.1f} quality-adjusted months against {words}{closed}"

    o, built = decision.outlook, decision.built
    severe = (o.p_operated * built.p_severe)[:, first].mean()
    harms = [f"{_pct(o.p_operative_death[:, first].mean())} die of an operation", f"{_pct(severe)} have a severe complication"]
    if built.grade34_blood is not None:
        harms.append(f"{_pct(built.grade34_blood[:, first].mean())} blood counts of grade 3-4")
    harms.append(f"{_pct(o.p_second_neoplasm_10y[:, first].mean())} a second neoplasm in ten years through the treatment")
    tied = [options[i].name for i in (c.best, *c.tied) if i != first]
    if tied:
        price = 12 * c.price_of_mildest
        sure = (f"Tied within {decision.settings.delta_months:g} months with {_listed(tied)}. The mildest stands first and may cost "
                f"{price:.1f} months.")
    else:
        others = [(c.losses[i].mean, i) for i in range(len(options)) if i != c.best and decision.eligible[i]]
        second = min(others) if others else None
        sure = ("It is the only option open." if second is None
                else f"The next, {options[second[1]].name}, loses {12 * second[0]:.1f} months on average.")
    if not c.resolved:
        sure += " Not resolved by simulation: " + _listed([options[i].name for i in c.unresolved]) + "."
    sure += f" It is best in {_pct(c.p_best[first])} of the possible worlds."
    name = options[first].name
    gains = [text for text in (against(Kind.OPERATE_NOW, "operating now"), against(Kind.OBSERVE, "watching")) if text]
    return [f"{name[0].upper()}{name[1:]}: {', '.join(gains)}.",
            f"Harm: {', '.join(harms)}.", sure]


def _listed(names: Sequence[str], most: int = 4) -> str:
    """Names one after another; apart by semicolons where one of them holds a comma ("3 × 90Y, then surgery")."""
    shown = names[:most]
    text = ("; " if any("," in name for name in shown) else ", ").join(shown)
    return text if len(names) <= most else f"{text} and {len(names) - most} more"


def _pct(p: float) -> str:
    return "under 1 %" if 0 < p < 0.01 else f"{100 * p:.0f} %"


def eligibility(decision: Decision) -> list[str]:
    """What the gate found, in sentences."""
    return eligibility_sentences(decision.options, decision.gates)


__all__ = ["CRITERIA", "MAX_DRAWS", "N_DRAWS", "Decision", "Settings", "ceiling", "decide", "decide_in", "decision_sentences",
           "eligibility", "evaluate", "kind_of_schemes", "with_unmodelled_sd"]

"""Many schemes of one patient in the decision: what a search, an update and a look across patients choose by.

The outcomes at restaging come from the search's own evaluation, in which every cycle is given as planned; what lies behind the
operation, the gate and the choice are those of the decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.planning.decision import before
from neorlt.planning.decision.assemble import Inputs, build, need_facts, reference_gain
from neorlt.planning.decision.choice import Choice, choose
from neorlt.planning.decision.course import follow
from neorlt.planning.decision.decide import kind_of_schemes
from neorlt.planning.decision.gate import Verdict, open_gate
from neorlt.planning.decision.options import USUAL, WORDS, Kind, Option
from neorlt.planning.decision.rates import draw_rates
from neorlt.planning.decision.settings import Settings
from neorlt.planning.evaluate import Outcomes
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.world import World

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Valued:
    """The criterion of every candidate ``(draw, candidate)`` in years, and whether the gate leaves it open."""

    utility: Floats
    open: tuple[bool, ...]
    mildness: tuple[tuple[float, ...], ...]

    def choose(self, allowed: Sequence[bool], delta: float) -> Choice | None:
        """The choice among the candidates that are open and allowed; None where there is none."""
        pool = [a and b for a, b in zip(self.open, allowed, strict=True)]
        return choose(self.utility, pool, self.mildness, delta) if any(pool) else None


def value_of(world: World, outcomes: Outcomes, settings: Settings | None = None) -> Valued:
    """Judge candidates by the decision's criterion; a candidate without cycles is operating now.

    Raises
    ------
    InputError
        If the patient's age is not known.
    """
    settings = settings or Settings()
    need_facts(world.patient)
    growth = before.untreated(world)
    kind = kind_of_schemes(world.patient, settings)
    options, restaged = [], {}
    n = world.n_draws
    for i, candidate in enumerate(outcomes.candidates):
        if not candidate.activity_gbq:
            options.append(Option(f"{WORDS[Kind.OPERATE_NOW]} {i}", Kind.OPERATE_NOW))
            continue
        option = Option(str(i), kind, candidate.scheme(str(i)))
        options.append(option)
        week = np.full(n, candidate.surgery_week)
        log_diameter = np.log(np.maximum(outcomes.diameter_left[i], 1e-3))
        size = world.patient.lesions[world.followed].longest_diameter_mm
        blood = outcomes.p_blood_grade34
        restaged[option.name] = before.Before(
            week, log_diameter, (np.exp(log_diameter) >= 1.2) & (np.expm1(log_diameter) * size >= 5.0),
            growth.at(week, volume=True) - np.log(np.maximum(outcomes.tumour_left[i], 1e-9)),
            np.full(n, len(candidate.activity_gbq)), np.zeros(n, bool), None if blood is None else blood[i], outcomes.kidney_bed_gy[i],
            np.asarray((world.marrow_gy_per_gbq[:, None, :] * candidate.given_gbq(world.nuclides)).sum(axis=(1, 2)), float)
            + world.earlier_marrow_gy)
    gates = open_gate(world.patient, options, settings.asked_for)
    gain = reference_gain(before.rlt(world, parse_scheme(USUAL[0]), growth))
    built = build(Inputs(world, draw_rates(n, world.seed), tuple(options), gates, growth, restaged, gain))
    outlook = follow(built.paths, built.background, settings.discount)
    return Valued(np.asarray(getattr(outlook, settings.criterion)), tuple(gate.verdict is not Verdict.NO for gate in gates),
                  tuple(option.mildness for option in options))

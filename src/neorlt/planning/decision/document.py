"""The decision as a JSON document: options, choice, what would change it, and what it would be worth to know."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.labels import Label
from neorlt.planning.decision.assemble import fitness_doubts
from neorlt.planning.decision.choice import RULE
from neorlt.planning.decision.decide import (
    Decision,
    ceiling,
    decision_sentences,
    eligibility,
    with_unmodelled_sd,
)
from neorlt.planning.decision.gate import assumed_facts
from neorlt.planning.decision.rates import rate_table, resectability_table
from neorlt.planning.decision.value import effects_of, evpi, evppi, flips
from neorlt.planning.earlier import earlier_rlt
from neorlt.response.course import kidney_limit_gy

Floats = NDArray[np.floating[Any]]
UNMODELLED_SD = (0.1, 0.3, 0.6)
LABELS = {
    "p_operated": Label.ASSUMPTION, "p_r0": Label.ASSUMPTION, "p_operative_death": Label.BY_CONSTRUCTION,
    "p_severe_complication": Label.BY_CONSTRUCTION, "p_any_complication": Label.BY_CONSTRUCTION, "p_fistula_bc": Label.BY_CONSTRUCTION,
    "p_grade34_blood": Label.BY_CONSTRUCTION, "p_egfr_below_30_5y": Label.BY_CONSTRUCTION,
    "p_second_neoplasm_10y": Label.BY_CONSTRUCTION, "p_progressed_before_surgery": Label.ASSUMPTION, "weeks_to_surgery": Label.ASSUMPTION,
    "event_free_years_5": Label.ASSUMPTION, "event_free_years_10": Label.ASSUMPTION, "years_alive_10": Label.ASSUMPTION,
    "qaly_10": Label.ASSUMPTION, "qaly_lifetime": Label.ASSUMPTION,
}
WHAT_A_DRAW_IS = ("A draw is one world and this patient's own response; what happens to the patient after that is integrated. Intervals "
                  "are doubt "
                  "about the expectation, not the spread of fates. Years alive are an association, not an effect.")
NOT_MATTERING = (
    "Prior chemotherapy, bone metastases and marrow dose were tested for second neoplasm and not found (doi 10.2967/jnumed.117.189712): "
    "they change nothing here. Of earlier radioligand therapy the counts at baseline hold what it left of the marrow's reserve; its doses "
    "to kidneys and marrow count for the slope of eGFR, the kidneys' limit and the second neoplasm, as if given today.")


def quantity(draws: Floats) -> dict[str, Any]:
    """``{median, ci90, mean, sd}``."""
    low, median, high = np.quantile(draws, [0.05, 0.5, 0.95])
    return {"median": float(median), "ci90": [float(low), float(high)], "mean": float(draws.mean()), "sd": float(draws.std(ddof=1))}


def _option(decision: Decision, i: int) -> dict[str, Any]:
    o, built = decision.outlook, decision.built
    option, gate = decision.options[i], decision.gates[i]
    operated = o.p_operated[:, i]
    weeks = built.weeks_to_surgery[:, i]
    known = weeks[np.isfinite(weeks)]
    reasons: dict[str, str] = {}
    row: dict[str, Any] = {
        "name": option.name, "kind": str(option.kind), "eligible": str(gate.verdict), "reasons": list(gate.reasons),
        "scheme": None if option.scheme is None else option.scheme.text,
        "p_operated": float(operated.mean()), "p_r0": float(o.p_r0[:, i].mean()),
        "p_operative_death": float(o.p_operative_death[:, i].mean()),
        "p_severe_complication": float((operated * built.p_severe[:, i]).mean()),
        "p_any_complication": float((operated * built.p_any[:, i]).mean()),
        "p_fistula_bc": float((operated * built.p_fistula[:, i]).mean()),
        "p_grade34_blood": None, "p_egfr_below_30_5y": None,
        "p_second_neoplasm_10y": float(o.p_second_neoplasm_10y[:, i].mean()),
        "p_new_metastasis_before_surgery": None, "p_progressed_before_surgery": None, "weeks_to_surgery": None,
        "p_resectable": None, "kidney_bed_gy": None, "p_kidney_over_limit": None,
    }
    state = decision.inputs.restaged.get(option.name)
    if state is not None and option.kind.is_rlt:
        row["kidney_bed_gy"] = quantity(state.kidney_bed_gy)
        row["p_kidney_over_limit"] = float(np.mean(state.kidney_bed_gy > limit_of(decision)))
    else:
        reasons |= dict.fromkeys(("kidney_bed_gy", "p_kidney_over_limit"), "no radioligand is given")
    if built.grade34_blood is not None:
        row["p_grade34_blood"] = float(built.grade34_blood[:, i].mean())
    else:
        reasons["p_grade34_blood"] = "no baseline count of blood is given"
    if built.egfr_below_30 is not None:
        row["p_egfr_below_30_5y"] = float(built.egfr_below_30[:, i].mean())
    else:
        reasons["p_egfr_below_30_5y"] = "no eGFR is given"
    if len(known):
        met = o.p_new_metastasis[:, i]
        row["p_new_metastasis_before_surgery"] = float(met.mean())
        row["p_progressed_before_surgery"] = float((1 - (1 - o.p_progressed_waiting[:, i]) * (1 - built.grew[:, i])).mean())
        row["weeks_to_surgery"] = quantity(known)
        row["p_resectable"] = float(built.operable[:, i].mean())
    else:
        for name in ("p_progressed_before_surgery", "weeks_to_surgery", "p_resectable", "p_new_metastasis_before_surgery"):
            reasons[name] = "no operation is meant"
    return row | {
        "event_free_years_5": quantity(o.event_free_years_5[:, i]), "event_free_years_10": quantity(o.event_free_years_10[:, i]),
        "years_alive_10": quantity(o.years_alive_10[:, i]), "years_alive": quantity(o.years_alive[:, i]),
        "qaly_10": quantity(o.qaly_10[:, i]), "qaly_10_discounted": quantity(o.qaly_10_discounted[:, i]),
        "qaly_lifetime": quantity(o.qaly_lifetime[:, i]), "qaly_lifetime_discounted": quantity(o.qaly_lifetime_discounted[:, i]),
        "loss_months": 12 * decision.choice.losses[i].mean, "loss_mc_error_months": 12 * decision.choice.losses[i].mc_error,
        "p_best": float(decision.choice.p_best[i]),
        "regret_months": None if np.isnan(decision.choice.regret[i]) else 12 * float(decision.choice.regret[i]),
        "labels": {name: str(label) for name, label in LABELS.items()}, "null_because": reasons,
    }


def decision_document(decision: Decision, *, with_value: bool = True) -> dict[str, Any]:
    """The document of one decision; ``with_value`` adds flips and the value of information."""
    choice, settings = decision.choice, decision.settings
    document: dict[str, Any] = {
        "sentences": decision_sentences(decision), "eligibility": eligibility(decision),
        "options": [_option(decision, i) for i in range(len(decision.options))],
        "best": decision.best.name, "mildest": decision.mildest.name, "tied": [option.name for option in decision.tied],
        "best_kind": str(decision.best.kind), "mildest_kind": str(decision.mildest.kind),
        "resolved": choice.resolved, "not_resolved": [decision.options[i].name for i in choice.unresolved],
        "price_of_mildest_months": 12 * choice.price_of_mildest,
        "criterion": settings.criterion, "delta_months": settings.delta_months, "discount_per_year": settings.discount,
        "rule": RULE.format(delta=settings.delta_months), "meaning": WHAT_A_DRAW_IS, "does_not_matter": NOT_MATTERING,
        "assumed": assumed_facts(decision.inputs.world.patient),
        "warnings": [*decision.inputs.world.patient.warnings, *fitness_doubts(decision.inputs.world.patient)],
        "earlier_rlt": _earlier(decision),
        "kidney_limit_gy": limit_of(decision),
        "n_draws": decision.inputs.world.n_draws, "seed": decision.inputs.world.seed,
        "ceiling": ceiling(decision), "flips": [], "evppi": [], "evpi": None,
        "unmodelled_sd": _by_sd(decision), "face_validity": face_validity(), "resectability": _resectability(),
        "assumptions": [{"name": name, "cause": row["cause"], "label": row["label"], "source": row["source"]}
                        for name, row in rate_table().items()],
    }
    if with_value:
        effects = effects_of(decision)
        document["flips"] = flips(decision, effects)
        document["evppi"] = [value.as_json() for value in evppi(decision, effects)]
        document["evpi"] = evpi(decision).as_json()
    return document


def limit_of(decision: Decision) -> float:
    """Limit of the kidneys' BED of this patient, Gy."""
    return kidney_limit_gy(decision.inputs.world.patient.kidney_risk_factors)


def _earlier(decision: Decision) -> dict[str, Any] | None:
    """What earlier radioligand therapy gave, and what of it is assumed; None where none was given."""
    world = decision.inputs.world
    found = earlier_rlt(world.patient)
    if found is None:
        return None
    return {"cycles": found.cycles, "activity_gbq": found.activity_gbq, "kidney_bed_gy": quantity(world.earlier_kidney_bed_gy),
            "marrow_gy": quantity(world.earlier_marrow_gy), "label": str(Label.ASSUMPTION if found.statuses else Label.BY_CONSTRUCTION),
            "statuses": list(found.statuses)}


def _by_sd(decision: Decision) -> list[dict[str, Any]]:
    """The choice under other spreads of the unmodelled effect; a choice that changes is called an assumption."""
    rows = []
    for sd in UNMODELLED_SD:
        found = with_unmodelled_sd(decision, sd)
        rows.append({"sd": sd, "best": found.best.name, "mildest": found.mildest.name, "tied": [option.name for option in found.tied]})
    kinds = {row["mildest"] for row in rows}
    return [row | {"rests_on_assumption": len(kinds) > 1} for row in rows]


def face_validity() -> dict[str, Any]:
    """How the decision answered the patients for a check of sense (``tests/planning/data``), before and after any change."""
    found: dict[str, Any] = tables.read_json("planning", "face_validity.json")
    return found


def _resectability() -> dict[str, Any]:
    table = resectability_table()
    return {name: {"leave_one_series_out": table[name]["leave_one_series_out"], "rows": table[name]["rows"]}
            for name in ("became_resectable", "operated")} | {"note": table["note"]}

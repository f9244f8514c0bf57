"""A design in; arms, endpoints, power and assurance out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.draws import summarise
from neorlt.core.progress import stages
from neorlt.planning.world import World
from neorlt.response.own import CentrePosterior
from neorlt.response.parameters import draw_parameters
from neorlt.trials.answer import answer, assumptions
from neorlt.trials.decide import single_arm_rule, two_arm_region
from neorlt.trials.design import BINARY, TIMES, Arm, TrialDesign
from neorlt.trials.response_arm import chances_of
from neorlt.trials.run import MONTHS, here, make_plan, on_dask, run_plan

Floats = NDArray[np.float64]
NOTE = "Virtual trial: no patient stands behind any number. Research software, not for clinical decisions."
ASSUMED = (
    "What follows surgery (R0, complications, recurrence, death) is a scenario from published counts of patients without RLT; "
    "an effect of RLT on it is stated, never estimated. Quality of life and drop-out are assumptions.",
    "ci90_parameters is over draws of the parameters; each draw's rate is counted over its own simulated patients, so a little of "
    "their chance is in it.",
    "A tumour's response follows the response model; efficacy of 90Y beside 177Lu per gray is an assumption.",
)


def plan_patient(design: TrialDesign, world: World) -> dict[str, Any]:
    """What each arm would do, before surgery and with every cycle given, to the patient of a finished plan: the plan's own numbers."""
    rows = []
    for arm in design.arms:
        row: dict[str, Any] = {"arm": arm.name}
        for name, draws in chances_of(arm, world).items():
            row[name] = None if draws is None else float(draws.mean())
            row[f"{name}_ci90"] = None if draws is None else summarise(draws).as_json()["ci90"]
        rows.append(row)
    return {"id": world.patient.id, "arms": rows, "n_draws": world.n_draws, "seed": world.seed}


def run_trial(design: TrialDesign, dask: str | None = None, own: CentrePosterior | None = None) -> dict[str, Any]:
    """Simulate a design: JSON-able results; ``own`` is a centre's posterior in the place of the shipped one.

    Assurance is the chance of success over everything that is not known; power is the chance of success when the
    parameters are held at their medians. The two differ by what is not known about the treatment.
    """
    mapper = here if dask is None else on_dask(dask)
    plan = make_plan(design, own=own)
    with stages(("trials over all that is not known", 50.0), ("trials at the medians", 50.0)) as at:
        result = run_plan(plan, mapper)
        at("trials at the medians")
        fixed = run_plan(make_plan(design, fixed=True, own=own), mapper)
    main = result["scenarios"][design.main_scenario]
    power = fixed["scenarios"][design.main_scenario]["positive"]
    document: dict[str, Any] = {
        "name": design.name,
        "arms": [_arm(design, arm, main["arms"][i]) for i, arm in enumerate(design.arms)],
        "endpoints": _endpoints(design, main),
        "power": float(power.mean()),
        "assurance": float(main["positive"].mean()),
        "n_simulated": int(main["positive"].size),
        "conditional_power": summarise(main["positive"].mean(axis=1)).as_json(),
        "monte_carlo_se": {"power": _se(power), "assurance": _se_by_draw(main["positive"])},
        "scenarios": {name: _scenario(design, name, part) for name, part in result["scenarios"].items()},
        "main_scenario": design.main_scenario,
        "eligible_share": result["enrolled"] / result["screened"],
        "eligibility": design.eligibility.text,
        "seed": design.seed,
        "parameters": draw_parameters(10, design.seed, own=own).source,
        "assumptions": assumptions(design),
        "notes": [*design.notes, *ASSUMED, NOTE],
    }
    if "null" in result["scenarios"]:
        document["type_one_error"] = _type_one(design, result["scenarios"]["null"]["positive"])
    if "sizes" in main:
        trials = main["positive"].size
        document["sizes"] = [
            {
                "n_per_arm": size,
                "endpoint": endpoint,
                "p_experimental_better": better / trials,
                "p_control_better": worse / trials,
                "p_clear_answer": (better + worse) / trials,
            }
            for (size, endpoint), (better, worse) in main["sizes"].items()
        ]
    document["answer"] = answer(design, document)
    return document


def _se(positive: Any) -> float:
    p = float(positive.mean())
    return float(np.sqrt(p * (1 - p) / positive.size))


def _se_by_draw(positive: Any) -> float:
    """Standard error of the mean over draws, whose trials belong together."""
    return float(positive.mean(axis=1).std(ddof=1) / np.sqrt(positive.shape[0]))


def _type_one(design: TrialDesign, positive: Any) -> dict[str, Any]:
    if design.test.kind == "single-arm":
        enumerated: float | None = single_arm_rule(design).level
    elif design.test.endpoint in BINARY:
        enumerated = two_arm_region(design, design.arms[0].n, design.arms[-1].n)[1]
    else:
        enumerated = None
    return {
        "simulated": float(positive.mean()),
        "se": _se(positive),
        "nominal": design.test.alpha,
        "within_nominal": float(positive.mean()) <= design.test.alpha + 2.0 * _se(positive),
        "enumerated_largest": enumerated,
        "test": design.test.kind,
        "endpoint": design.test.endpoint,
    }


def _rate(counts: Any, totals: Any) -> dict[str, Any]:
    """Mean rate, its interval over parameter draws, and the interval of the count that a trial would see."""
    with np.errstate(invalid="ignore"):
        by_draw = counts.sum(axis=1) / np.maximum(totals.sum(axis=1), 1)
    seen = np.quantile(counts, [0.05, 0.5, 0.95])
    share = counts / np.maximum(totals, 1)
    return {
        "mean": float(counts.sum() / max(totals.sum(), 1)),
        "ci90_parameters": summarise(by_draw).as_json()["ci90"],
        "count": {"median": float(seen[1]), "ci90": [float(seen[0]), float(seen[2])]},
        "observed_rate_ci90": [float(v) for v in np.quantile(share[totals > 0], [0.05, 0.95])] if np.any(totals > 0) else None,
    }


def _arm(design: TrialDesign, arm: Arm, part: dict[str, Any]) -> dict[str, Any]:
    enrolled = np.full_like(part["counts"]["surgery"], arm.n)
    endpoints: dict[str, Any] = {name: _rate(part["counts"][name], enrolled) for name in BINARY}
    endpoints["r0_by_denominator"] = {
        "enrolled": endpoints["r0"],
        "evaluated": _rate(part["counts"]["r0"], part["denominators"]["evaluated"]),
        "resected": _rate(part["counts"]["r0"], part["denominators"]["resected"]),
    }
    endpoints["complication_of_resected"] = _rate(part["counts"]["complication"], part["denominators"]["resected"])
    endpoints["fistula_of_resected"] = _rate(part["counts"]["fistula"], part["denominators"]["resected"])
    for name, values in part["means"].items():
        endpoints[name] = {
            "mean": float(values.mean()),
            "ci90_parameters": summarise(values.mean(axis=1)).as_json()["ci90"],
            "trial_mean_ci90": [float(v) for v in np.quantile(values, [0.05, 0.95])],
        }
    horizon = int(design.accrual_months + design.follow_up_months)
    for name in TIMES:
        at_risk, events = part["life_tables"][name]
        endpoints[name] = _curve(at_risk, events, horizon)
    endpoints["cumulative_incidence"] = _incidence(part["life_tables"], horizon)
    return {
        "name": arm.name,
        "kind": arm.kind,
        "n": arm.n,
        "scheme": None if arm.scheme is None else arm.scheme.text,
        "surgery_week": arm.surgery_week,
        "endpoints": endpoints,
    }


def _curve(at_risk: Any, events: Any, horizon: int) -> dict[str, Any]:
    with np.errstate(invalid="ignore", divide="ignore"):
        alive = np.cumprod(np.where(at_risk > 0, 1.0 - events / np.maximum(at_risk, 1), 1.0))
    last = min(horizon, len(MONTHS) - 1)
    return {"month": MONTHS[: last + 1].tolist(), "share": [1.0, *[float(v) for v in alive[:last]]]}


def _incidence(life_tables: dict[str, Any], horizon: int) -> dict[str, Any]:
    """Recurrence, and death before it, as competing risks (Aalen–Johansen on monthly life tables)."""
    at_risk, events = life_tables["recurrence_free_survival"]
    free = np.cumprod(np.where(at_risk > 0, 1.0 - events / np.maximum(at_risk, 1), 1.0))
    before = np.concatenate([[1.0], free[:-1]])
    last = min(horizon, len(MONTHS) - 1)
    found: dict[str, Any] = {"month": MONTHS[: last + 1].tolist()}
    for cause in ("recurrence", "death"):
        share = np.cumsum(before * np.where(at_risk > 0, life_tables[cause][1] / np.maximum(at_risk, 1), 0.0))
        found[cause] = [0.0, *[float(v) for v in share[:last]]]
    return found


def _endpoints(design: TrialDesign, main: dict[str, Any]) -> dict[str, Any]:
    test = design.test
    found: dict[str, Any] = {
        "primary": test.endpoint,
        "test": test.kind,
        "alpha_one_sided": test.alpha,
        "denominator": "all enrolled",
    }
    if test.kind == "single-arm":
        rule = single_arm_rule(design)
        found["rule"] = {
            "positive_with_more_than": rule.r,
            "of": rule.n,
            "p0": test.p0,
            "stage1": rule.stage1,
            "enumerated_level": rule.level,
        }
    else:
        found["p_experimental_better"] = float(main["positive"].mean())
        found["p_control_better"] = float(main["negative"].mean())
        found["p_clear_answer"] = float((main["positive"] | main["negative"]).mean())
    return found


def _scenario(design: TrialDesign, name: str, part: dict[str, Any]) -> dict[str, Any]:
    rates = {}
    for i, arm in enumerate(design.arms):
        rates[arm.name] = {key: float(part["arms"][i]["counts"][key].mean() / arm.n) for key in BINARY}
    return {
        "p_positive": float(part["positive"].mean()),
        "se": _se_by_draw(part["positive"]),
        "effects": dict(design.effects[name]),
        "rates_of_enrolled": rates,
        "label": "assumption",
        "meaning": {
            "model": "the response model and nothing beyond it",
            "null": "the arms do not differ" if len(design.arms) > 1 else "the endpoint's rate is p0",
        }.get(name, "stated effects that no randomised evidence supports"),
    }

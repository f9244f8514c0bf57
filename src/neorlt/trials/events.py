"""After the treatment, in time order: drop-out, surgery or not, margins, complications, recurrence, death, quality of life.

Rates and hazards come from the scenario table; effects of radioligand therapy on what follows surgery are stated scenarios,
since no randomised evidence exists. Death before recurrence is a competing risk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.clinic.recist import Response
from neorlt.clinic.vessels import Resectability
from neorlt.core import tables
from neorlt.core.draws import generator
from neorlt.response.studies import WEEKS_PER_MONTH
from neorlt.trials.design import Arm, TrialDesign
from neorlt.trials.population import Patients
from neorlt.trials.response_arm import ArmResponse

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
RATES = ("r0", "fistula", "complication", "operative_death")


@dataclass(frozen=True)
class Outcomes:
    """Every enrolled patient's outcome, each ``(draw, patient)``; times in months from enrolment."""

    flags: dict[str, Flags]
    surgery_month: Floats
    """Month of surgery, infinite where there was none."""
    time: dict[str, Floats]
    event: dict[str, Flags]
    values: dict[str, Floats]
    causes: dict[str, Flags]
    """What ended recurrence-free survival: ``recurrence``, or ``death`` before it (a competing risk)."""
    denominators: dict[str, Flags]
    """Who counts for a rate that is not over all enrolled: ``resected``, and ``evaluated`` (alive and in the trial at the scan
    before surgery)."""


def base_rates(n_draws: int, seed: int) -> dict[str, Floats]:
    """Rates without radioligand therapy ``(draw,)``: Jeffreys posteriors of the published counts, one draw a world."""
    table = tables.read_json("trials", "scenarios.json")["base"]["rates"]
    return {
        name: generator(seed, "trial", "rate", name).beta(
            table[name]["events"] + 0.5, table[name]["total"] - table[name]["events"] + 0.5, n_draws
        )
        for name in RATES
    }


def _shifted(rate: Floats, log_odds: float) -> Floats:
    odds = rate / (1 - rate) * np.exp(log_odds)
    return np.asarray(odds / (1 + odds))


def follow(
    design: TrialDesign,
    arm: Arm,
    patients: Patients,
    treated: ArmResponse,
    rates: dict[str, Floats],
    effects: dict[str, float],
    seed: int,
) -> Outcomes:
    """Follow every patient to death or the end of the trial."""
    rng = generator(seed, "trial", "events")
    v, shape = design.values, treated.week.shape
    rlt = arm.kind == "rlt"

    def chance() -> Floats:
        return rng.random(shape)

    month = treated.week / WEEKS_PER_MONTH
    # Hazards of a patient who is not resected: constant, by published medians.
    pfs_hazard = np.log(2.0) / v["pfs_median_unresected_months"]
    os_hazard = np.log(2.0) / v["os_median_unresected_months"]
    death_unresected = rng.exponential(1.0 / os_hazard, shape)
    progression_unresected = rng.exponential(1.0 / pfs_hazard, shape)
    dropout = rng.exponential(1.0 / max(v["dropout_per_month"], 1e-9), shape)
    in_trial = (dropout > month) & (death_unresected > month)
    new_lesion = chance() < (v["p_new_lesion"] if arm.kind != "upfront-surgery" else 0.0)
    response = np.where(new_lesion, int(Response.PD), treated.response)
    evaluated = in_trial & (arm.kind != "upfront-surgery")
    operable = in_trial & (response != Response.PD) & (treated.resectability != Resectability.LOCALLY_ADVANCED)
    willing = np.where(treated.resectability == Resectability.RESECTABLE, v["p_operate"], v["p_operate_borderline"])
    surgery = operable & (chance() < willing)
    surgery_month = np.where(surgery, month, np.inf)

    def happens(name: str, effect: str | None) -> Flags:
        rate = rates[name] if effect is None or not rlt else _shifted(rates[name], effects[effect])
        return np.asarray(surgery & (chance() < rate[:, None]))

    r0 = happens("r0", "log_or_r0")
    fistula = happens("fistula", "log_or_fistula")
    complication = happens("complication", "log_or_complication") | fistula
    operative_death = happens("operative_death", None)
    high = patients["ki67_pct"] > 5.0
    recurrence = -np.log(np.where(high, v["rfs5_high_ki67"], v["rfs5_low_ki67"])) / 60.0
    recurrence = recurrence * np.where(r0, 1.0, v["r1_hazard_ratio"]) * (np.exp(effects["log_hr_recurrence"]) if rlt else 1.0)
    death_hazard = -np.log(np.where(high, v["dss10_high_ki67"], v["dss10_low_ki67"])) / 120.0
    recurrence_month = np.where(surgery, month + rng.exponential(1.0, shape) / recurrence, progression_unresected)
    death_month = np.where(surgery, month + rng.exponential(1.0, shape) / death_hazard, death_unresected)
    death_month = np.where(operative_death, month + 1.0, death_month)
    entry = rng.uniform(0.0, max(design.accrual_months, 1e-9), shape)
    end = design.accrual_months + design.follow_up_months - entry
    # A patient who leaves before surgery is seen no more; afterwards the follow-up is complete until the end of the trial.
    end = np.where(dropout < np.minimum(month, end), dropout, end)
    first = np.minimum(recurrence_month, death_month)
    quality = _quality(design, treated, surgery, complication, rng, rlt)
    responded = evaluated & np.isin(response, [Response.CR, Response.PR])
    change = np.where(evaluated, treated.diameter_change_pct, 0.0)
    return Outcomes(
        flags={
            "objective_response": responded,
            "disease_control": evaluated & (response <= Response.SD),
            "surgery": surgery,
            "r0": r0,
            "complication": complication,
            "fistula": fistula,
            "operative_death": operative_death,
            "complication_free_r0": r0 & ~complication & ~operative_death,
            "haematotoxicity_g34": treated.haematotoxicity,
        },
        surgery_month=surgery_month,
        time={"recurrence_free_survival": np.minimum(first, end), "overall_survival": np.minimum(death_month, end)},
        event={"recurrence_free_survival": first <= end, "overall_survival": death_month <= end},
        values={"diameter_change_pct": change, **quality},
        causes={
            "recurrence": (recurrence_month < death_month) & (first <= end),
            "death": (recurrence_month >= death_month) & (first <= end),
        },
        denominators={"resected": surgery, "evaluated": in_trial},
    )


def _quality(
    design: TrialDesign, treated: ArmResponse, surgery: Flags, complication: Flags, rng: np.random.Generator, rlt: bool
) -> dict[str, Any]:
    """Global health (QL2) changes from baseline: before surgery, 3 months after it, and at 12 months; kept on the 0–100 scale."""
    v, shape = design.values, treated.week.shape
    baseline = np.clip(v["qol_baseline"] + v["qol_sd"] * rng.standard_normal(shape), 0, 100)
    noise = 0.5 * v["qol_sd"]
    means = {
        "qol_change_before_surgery": np.full(shape, v["qol_change_rlt"] if rlt else 0.0),
        "qol_change_3_months_after_surgery": np.where(surgery, v["qol_change_3_months_after_surgery"], 0.0)
        + np.where(complication, v["qol_change_complication"], 0.0),
        "qol_change_12_months": np.full(shape, v["qol_change_12_months"])
        + np.where(complication, 0.5 * v["qol_change_complication"], 0.0),
    }
    return {
        name: np.clip(baseline + mean + noise * rng.standard_normal(shape), 0, 100) - baseline for name, mean in means.items()
    }

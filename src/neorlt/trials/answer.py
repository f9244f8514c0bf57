"""What a virtual trial says in words: how many patients, which endpoint, what chance of a clear answer; and what it assumed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.cohorts.reading import read_cohort
from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.response import course
from neorlt.trials.design import BINARY, LOWER_IS_BETTER, TrialDesign
from neorlt.trials.designs.two_arm import two_arm
from neorlt.trials.population import COHORT_COLUMNS, population_table

CLEAR = 0.8
"""Chance of a clear answer that is usually asked of a trial."""


def answer(design: TrialDesign, document: dict[str, Any]) -> list[str]:
    """Sentences that answer what the file asks, from the finished document of :func:`~neorlt.trials.document.run_trial`."""
    name, n = _words(design.test.endpoint), design.arms[0].n
    power, assurance = document["power"], document["assurance"]
    found = [
        f"With {n} patients{'' if len(design.arms) == 1 else ' in each arm' if n == design.arms[-1].n else ' in the first arm'} and "
        f"{name} as the endpoint the trial is positive in {_pct(assurance)} of all worlds (assurance), and in {_pct(power)} of trials "
        "in the world at the median of the parameters (power)."
    ]
    if len(design.arms) == 1:
        return found
    control, experimental = (arm["name"] for arm in document["arms"])
    ends = document["endpoints"]
    found.append(
        f"A clear answer: {_pct(ends['p_clear_answer'])} ({experimental} better {_pct(ends['p_experimental_better'])}, "
        f"{control} better {_pct(ends['p_control_better'])}). Two arms that are the same give one in {_pct(2 * design.test.alpha)}."
    )
    sizes = document.get("sizes", [])
    if sizes:
        best = max(sizes, key=lambda row: row["p_clear_answer"])
        found.append(
            f"Of the endpoints and sizes that were looked at, {_words(best['endpoint'])} with {best['n_per_arm']} in each arm is "
            f"the most likely to give a clear answer: {_pct(best['p_clear_answer'])}."
        )
        if best["p_clear_answer"] < CLEAR:
            found.append(f"None of them reaches {_pct(CLEAR)}: a trial of this size would probably not tell the arms apart.")
    found += _sizes_needed(design, document)
    first, last = (arm["endpoints"]["haematotoxicity_g34"]["mean"] for arm in document["arms"])
    found.append(f"Blood toxicity of grade 3-4: {_pct(last)} with {experimental} against {_pct(first)} with {control}.")
    return found


def _sizes_needed(design: TrialDesign, document: dict[str, Any]) -> list[str]:
    """Patients for 80 % power if the truth were the mean rates of the main scenario."""
    if design.test.endpoint not in BINARY:
        return []
    rates = [float(arm["endpoints"][design.test.endpoint]["mean"]) for arm in document["arms"]]
    shown = f"{design.test.endpoint.replace('_', ' ')} of {_pct(rates[1])} against {_pct(rates[0])}"
    good = [1.0 - rate for rate in rates] if design.test.endpoint in LOWER_IS_BETTER else rates
    try:
        size = two_arm(good[1], good[0], alpha=design.test.alpha, beta=1.0 - CLEAR, margin=design.test.margin)
    except InputError:
        return [f"If the truth were the mean over all worlds ({shown}), no size would show the last arm to be better."]
    per_arm = size.n_control if size.n_control < 1000 else round(size.n_control, 1 - math.ceil(math.log10(size.n_control)) + 1)
    return [f"If the truth were the mean over all worlds ({shown}), {_pct(CLEAR)} power would take about {per_arm} in each arm."]


def _words(endpoint: str) -> str:
    return {"r0": "R0", "diameter_change_pct": "the change of diameter"}.get(endpoint, endpoint.replace("_", " "))


def _pct(share: float) -> str:
    return f"{100 * share:.3g} %"


def _replaced(path: Path) -> set[str]:
    """Marginals that a centre's table replaces for every patient."""
    cohort = read_cohort(path)
    found = {name for name, column in COHORT_COLUMNS.items() if not np.isnan(cohort.number(column)).any()}
    found |= {name for name, column in (("head", "site"), ("male", "sex")) if not np.any(cohort.text(column) == "")}
    if "vein_deg" in found:
        found.add("vein_contact_deg")
    if "artery_deg" in found:
        found |= {"artery_contact_deg", "artery_share"}
    return found


def assumptions(design: TrialDesign) -> list[dict[str, Any]]:
    """Everything in the trial that no data stand behind, by name: marginals, correlations and values after the treatment.

    A marginal that a centre's table replaces for every patient is not listed; a value that the design file states is, as the file's.
    """
    table = population_table()
    replaced = _replaced(Path(design.table)) if design.table is not None else set()
    found = [
        {"part": "patients", "name": name, "value": spec["parameters"], "unit": spec["unit"], "source": spec["source"]}
        for name, spec in table["marginals"].items()
        if spec["label"] == Label.ASSUMPTION and name not in replaced
    ]
    spec = table["correlation"]
    found.append({"part": "patients", "name": "correlation", "value": spec["pairs"], "unit": "", "source": spec["source"]})
    for name, row in course.population().items():
        if row["label"] == Label.ASSUMPTION:
            found.append({"part": "patients", "name": name, "value": row["parameters"], "unit": row["unit"], "source": row["source"]})
    base = tables.read_json("trials", "scenarios.json")["base"]["values"]
    for name, spec in base.items():
        own = design.values.get(name, spec["value"]) != spec["value"]
        if own or spec["label"] == Label.ASSUMPTION:
            source = "the design file" if own else spec["source"]
            found.append({"part": "course", "name": name, "value": design.values.get(name), "unit": spec["unit"], "source": source})
    return found

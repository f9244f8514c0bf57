"""The sliders: one more scheme for a finished case, in under a second.

The scheme goes through the same response model as the plan (:func:`neorlt.planning.predict.predict`), with fewer draws
of the parameters and fewer replicates; nothing is interpolated or approximated by another model. One thing differs: the
patient is rebuilt from the plan document, so measured doses are log-normal draws with the document's median and 90 %
interval (the job's own draws are not kept). The scheme beside it is predicted anew in the same draws, so that the two
differ by what they do and not by luck.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neorlt.core.anatomy import is_kidney
from neorlt.core.errors import InputError

if TYPE_CHECKING:
    from neorlt.planning.doses import Kinetics
    from neorlt.planning.predict import World
    from neorlt.planning.prediction import Prediction
    from neorlt.planning.scheme import Scheme

DRAWS = 200
REPLICATES = 10
HORIZON_WEEKS = (48.0, 64.0, 80.0)
"""Schemes are read out to the first of these weeks that holds their surgery, so that the model is compiled for few shapes only."""
PARTS = ("patient", "lesions", "organs", "seed")
"""What the sliders need of a plan document."""
_Z90 = 1.6448536269514722
_BASELINE = (
    "age_y",
    "sex",
    "weight_kg",
    "egfr_ml_min",
    "kidney_risk_factors",
    "platelets_e9_per_l",
    "neutrophils_e9_per_l",
    "haemoglobin_g_dl",
    "prior_chemotherapy",
)
_LESION = ("id", "site", "longest_diameter_mm", "volume_ml", "ki67_pct", "suv_max")


def predict_scheme(plan: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Predict one scheme, in words, for the patient of a plan document; returns an entry of ``schemes``.

    Raises
    ------
    InputError
        If the scheme is not understood, or its surgery is later than the sliders read out.
    """
    return compare_schemes(plan, text, None)["predicted"]  # type: ignore[no-any-return]


def compare_schemes(plan: Mapping[str, Any], text: str, beside: Mapping[str, Any] | None) -> dict[str, Any]:
    """Predict a scheme in words and, in the same draws, the one beside it (an entry of the plan's ``schemes``).

    Returns
    -------
    dict
        ``predicted`` and ``other`` (entries of ``schemes``; ``other`` is None where nothing stands beside) and ``paired``:
        ``difference`` of the chance of objective response (median and ``ci90`` over the paired draws) and
        ``p_better``, the share of draws in which the first is better (ties count half); None where there is no response
        to compare.

    Raises
    ------
    InputError
        As :func:`predict_scheme`.
    """
    from neorlt.planning.scheme import parse_scheme

    scheme = parse_scheme(text, "What if")
    if scheme.surgery_week > HORIZON_WEEKS[-1]:
        raise InputError(
            "surgery would be later than the sliders read out", expected=f"week {HORIZON_WEEKS[-1]:g} or earlier",
            found=f"week {scheme.surgery_week:g}", remedy="choose fewer cycles or shorter intervals",
        )  # fmt: skip
    other = None if not beside else scheme_of(beside)
    last = max(scheme.surgery_week, other.surgery_week if other else 0.0)
    # Both over the same time: then both get the same scatter of readings.
    horizon = next((week for week in HORIZON_WEEKS if last <= week), last)
    identity = _identity(plan)
    first = _predict(*identity, _words(scheme), horizon)
    if other is None:
        return {"predicted": first.as_json(), "other": None, "paired": None}
    second = _predict(*identity, _words(other), horizon)
    return {"predicted": first.as_json(), "other": second.as_json(), "paired": _paired(first, second)}


def _words(scheme: Scheme) -> str:
    return json.dumps(
        {"name": scheme.name, "cycles": [cycle.as_json() for cycle in scheme.cycles], "surgery_week": scheme.surgery_week}, sort_keys=True
    )


def _paired(first: Prediction, second: Prediction) -> dict[str, Any] | None:
    from neorlt.core.draws import summarise

    if first.p_objective_response is None or second.p_objective_response is None:
        return None
    difference = first.p_objective_response.draws - second.p_objective_response.draws
    better = float(((difference > 0) + 0.5 * (difference == 0)).mean())
    return {"difference": summarise(difference).as_json(), "p_better": better}


def _identity(plan: Mapping[str, Any]) -> tuple[str, str]:
    needed = json.dumps({key: plan.get(key) for key in PARTS}, sort_keys=True)
    return hashlib.sha256(needed.encode()).hexdigest(), needed


@functools.lru_cache(maxsize=64)
def _predict(key: str, needed: str, entry: str, horizon_weeks: float) -> Prediction:
    from neorlt.planning.predict import predict

    return predict(_world(key, needed), scheme_of(json.loads(entry)), horizon_weeks)


def scheme_of(entry: Mapping[str, Any]) -> Scheme:
    """The scheme of an entry of ``schemes``: its cycles and the week of surgery."""
    from neorlt.planning.scheme import Cycle, Scheme

    cycles = tuple(
        Cycle(float(cycle["week"]), dict(cycle["activity_gbq"]), str(cycle.get("sensitiser") or "none"))
        for cycle in entry.get("cycles") or []
    )
    surgery = float(entry["surgery_week"])
    name = str(entry.get("name") or "scheme")
    return Scheme(name, cycles, surgery - cycles[-1].week) if cycles else Scheme(name, (), watch_weeks=surgery)


@functools.lru_cache(maxsize=4)
def _world(key: str, needed: str) -> World:
    from neorlt.planning.patient import patient_from
    from neorlt.planning.predict import build_world

    plan = json.loads(needed)
    baseline = {name: value for name in _BASELINE if (value := plan["patient"].get(name)) is not None}
    rows = []
    for lesion in plan["lesions"]:
        row = {name: value for name in _LESION if (value := lesion.get(name)) is not None}
        rows.append({**row, "vessels": [dict(vessel) for vessel in lesion.get("vessels") or []]})
    patient = patient_from({"id": str(plan["patient"]["id"]), "baseline": baseline, "lesion": rows}, "the plan document")
    world = build_world(patient, n_draws=DRAWS, n_replicates=REPLICATES, seed=int(plan.get("seed") or 1))
    kinetics = tuple(
        _measured(known, lesion, lesion.get("gy_per_gbq_y90"), world.seed) if lesion.get("dose_gy") else known
        for known, lesion in zip(world.kinetics, plan["lesions"], strict=True)
    )
    kidneys = [organ for organ in plan.get("organs") or [] if is_kidney(str(organ.get("name", ""))) and organ.get("gy_per_gbq")]
    higher = max(kidneys, key=lambda organ: float(organ["gy_per_gbq"]["median"]), default=None)
    return replace(
        world, kinetics=kinetics, kidneys=world.kidneys if higher is None else _measured(world.kidneys, higher, None, world.seed)
    )


def _measured(known: Kinetics, row: Mapping[str, Any], yttrium: Mapping[str, Any] | None, seed: int) -> Kinetics:
    """Kinetics with the document's dose per activity; 90Y as stated, else by the ratio that the population has."""
    import numpy as np

    from neorlt.core.draws import generator, lognormal_draws

    def draws(block: Mapping[str, Any]) -> Any:
        low, high = (float(end) for end in block["ci90"])
        spread = math.log(high / low) / (2 * _Z90) if low > 0 else 0.3
        # One random stream for both nuclides: their doses rise and fall together.
        return lognormal_draws(generator(seed, known.name, "what if"), float(block["median"]), spread, DRAWS)

    lutetium = draws(row["gy_per_gbq"])
    ratio = known.gy_per_gbq[:, 1] / known.gy_per_gbq[:, 0]
    other = draws(yttrium) if yttrium else lutetium * ratio
    half_life = known.half_life_h.copy()
    if row.get("effective_half_life_h"):
        measured = float(row["effective_half_life_h"])
        half_life[:, 0] = measured
    return replace(known, gy_per_gbq=np.stack([lutetium, other], axis=1), half_life_h=half_life, origin="images")


def scheme_text(nuclide: str, cycles: int, activity_gbq: float, interval_weeks: int, surgery_weeks: int, sensitiser: str) -> str:
    """The scheme of the sliders in words."""
    if cycles == 0:
        return "no RLT"
    every = f" every {interval_weeks} weeks" if cycles > 1 else ""
    extra = f" with {sensitiser}" if sensitiser != "none" else ""
    return f"{cycles} x {activity_gbq:g} GBq {nuclide}{every}{extra}, surgery {surgery_weeks} weeks after"

"""The sliders: one more scheme for a finished case, in under a second.

The patient is rebuilt from the plan document. Measured doses come back as log-normal draws with the document's median
and 90 % interval; the full draws stay with the job. The number of draws is small, so the answer is coarse, and the
page says so.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neorlt.planning.doses import Kinetics
    from neorlt.planning.predict import World

DRAWS = 200
REPLICATES = 10
HORIZON_WEEKS = 80.0
"""Every scheme is read out over the same time, so that the compiled model is compiled once."""
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
        If the scheme is not understood.
    """
    from neorlt.planning.predict import predict
    from neorlt.planning.scheme import parse_scheme

    scheme = parse_scheme(text, "What if")
    needed = json.dumps({key: plan.get(key) for key in ("patient", "lesions", "organs", "seed")}, sort_keys=True)
    key = hashlib.sha256(needed.encode()).hexdigest()
    return predict(_world(key, needed), scheme, HORIZON_WEEKS).as_json()


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
    kidneys = [organ for organ in plan.get("organs") or [] if "kidney" in str(organ.get("name", "")).lower() and organ.get("gy_per_gbq")]
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

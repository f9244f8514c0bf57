"""NEOLUPANET's patients through the decision's course: a description, not a test, and becoming resectable with each series left out.

The trial's results were known before the course was made, and its misses under version 0.1 led to it; no rate of the course comes
from it. Patients are drawn from the trial's own rule of enrolment; counts in 31 hold the spread of worlds and of 31 patients.

Usage: ``python validation/decision_replica.py``. Writes ``validation/decision_replica.json``.
"""

# ruff: noqa: E501

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.draws import generator
from neorlt.planning.decision import assemble
from neorlt.planning.decision.course import follow
from neorlt.planning.decision.gate import open_gate
from neorlt.planning.decision.options import USUAL, Kind, options_for
from neorlt.planning.decision.rates import resectability_table
from neorlt.planning.patient import patient_from
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.world import build_world
from neorlt.trials.design import read_design
from neorlt.trials.population import enrol

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "validation/decision_replica.json"
N_PATIENTS, N_DRAWS, N_TRIALS = 80, 150, 4000
REPLICA = (
    # name, events, of whom, count, what 0.1 said (of 31), what moved it
    ("disease control before surgery", "enrolled", 31, "23-29", "new metastases follow size and Ki-67 and not a flat 4 %; nobody drops out unseen"),
    ("operated", "enrolled", 29, "20-28", "the published conversion with a level for the series replaces the scar's ceiling; decline 3/30 as after CAPTEM"),
    ("R0", "enrolled", 24, "10-22", "R0 by contact at restaging, anchored at 866/1020 without contact"),
    ("any complication", "operated", 21, "not given", "any complication by operation, 52/65 and 58 % (doi 10.1007/s00268-015-3341-9); not by contact"),
    ("severe complication", "operated", 7, "not given", "Clavien-Dindo III or more by operation and vessel contact"),
    ("death within 90 days", "operated", 0, "not given", "operative death by operation, age and frailty"),
)


def replica(n_patients: int, n_draws: int) -> list[dict[str, Any]]:
    """Each outcome's count in a trial of 31 beside the trial's own."""
    design = read_design(ROOT / "examples/trials/neolupanet.toml")
    drawn = enrol(n_patients, design.eligibility, generator(5, "replica"))
    option = next(o for o in options_for([parse_scheme(USUAL[0])]) if o.kind is Kind.RLT_THEN_SURGERY)
    chances = []
    for k in range(n_patients):
        row = {name: float(values[k]) for name, values in drawn.columns.items()}
        size = round(row["size_mm"], 1)
        vessels = [{"name": name, "contact_deg": round(row[key])} for name, key in (("SMV", "vein_deg"), ("SMA", "artery_deg")) if row[key] >= 1]
        lesions = [{"id": "primary", "site": "pancreas-head" if row["head"] else "pancreas-tail", "longest_diameter_mm": size,
                    "ki67_pct": round(row["ki67_pct"], 1), "vessels": vessels}]
        if row["liver_metastases"]:
            lesions.append({"id": "liver-1", "site": "liver", "longest_diameter_mm": round(max(row["liver_lesion_mm"], 5.0), 1), "ki67_pct": round(row["ki67_pct"], 1)})
        who = patient_from({"id": "replica", "baseline": {
            "age_y": round(row["age_y"]), "sex": "M" if row["male"] else "F", "egfr_ml_min": max(round(row["egfr_ml_min"]), 20), "krenning": 3,
            "platelets_e9_per_l": round(row["platelets_e9_per_l"]), "performance_status": 0, "functioning": False}, "lesion": lesions}, "replica")
        inputs = assemble.gather(build_world(who, n_draws=n_draws, seed=11), [option], open_gate(who, [option]))
        built = assemble.build(inputs)
        outlook = follow(built.paths, built.background)
        operated, met = outlook.p_operated[:, 0], outlook.p_new_metastasis[:, 0]
        chances.append(np.stack([(1 - met) * (1 - built.grew[:, 0]), operated, outlook.p_r0[:, 0], operated * built.p_any[:, 0], operated * built.p_severe[:, 0],
                                 outlook.p_operative_death[:, 0]], axis=1))
    rng = np.random.default_rng(12)
    worlds = np.stack(chances, axis=1)
    rows = []
    for j, (name, of, seen, before, why) in enumerate(REPLICA):
        counts = np.array([rng.binomial(1, worlds[rng.integers(n_draws), rng.integers(n_patients, size=31), j]).sum() for _ in range(N_TRIALS)])
        low, high = (float(x) for x in np.quantile(counts, [0.05, 0.95]))
        rows.append({"outcome": name, "seen": seen, "of": 31 if of == "enrolled" else 29, "of_whom": of, "mean": float(counts.mean()), "ci90": [low, high],
                     "lies": "inside" if low <= seen <= high else "above" if seen > high else "below",
                     "by": max(seen - high, low - seen, 0.0), "version_0_1": before, "moved_by": why})
    return rows


def main() -> int:
    """Run, print and write."""
    rows = replica(N_PATIENTS, N_DRAWS)
    for row in rows:
        print(f"{row['outcome']:32} {row['seen']}/{row['of']}  course {row['mean']:.1f} of 31 ({row['ci90'][0]:.0f}-{row['ci90'][1]:.0f})  {row['lies']}")
    table = resectability_table()
    document = {"role": "description", "replica": rows, "n_patients": N_PATIENTS, "n_draws": N_DRAWS,
                "leave_one_series_out": {name: table[name]["leave_one_series_out"] for name in ("became_resectable", "operated")},
                "note": "Known before the course was made: a description, not a test. No rate of the course comes from the trial."}
    OUT.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

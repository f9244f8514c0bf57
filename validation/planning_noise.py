"""Noise is not doubt: twice the points of luck in every draw, and how far each chance and each end of an interval moves.

Thirty patients over the ranges of the field (those of the golden outputs) under 177Lu, every third under 177Lu then 90Y too. Chances
and the ends of their intervals are in points of 100, read-outs in per cent are too; those without an upper bound, changes of size, are
in per cent of the size then. The points of a draw that has fewer are the first
of those of a draw that has more, so what moves is what the fewer missed. Goal: no chance by more than 0.5, no end by more than 1.0.

And verdicts: every pair of open options of three patients, by twenty seeds and by twice the draws of each. What is *told apart* or *cannot
be told apart* under one must not be the other under another; *not resolved* is no verdict.

Usage: ``python validation/planning_noise.py``. Writes ``validation/planning_noise.json``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.draws import N_DRAWS
from neorlt.planning.decision.choice import Verdict, expected_loss
from neorlt.planning.decision.decide import N_DRAWS as N_DECIDED
from neorlt.planning.decision.decide import decide
from neorlt.planning.patient import read_patient
from neorlt.planning.predict import predict
from neorlt.planning.prediction import Prediction
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.world import build_world
from neorlt.response import luck

ROOT = Path(__file__).resolve().parents[1]
SCHEMES = ("4 x 7.4 GBq Lu-177 every 8 weeks", "2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks")
N_PATIENTS, SEED = 30, 1
GOALS = {"chance": 0.5, "interval": 1.0}
N_SEEDS = 20
VERDICT_PATIENTS = ("01", "10", "23")
PER_CENT = ("stroma_pct", "ki67_pct")
CHANGES = ("diameter_change_pct", "liver_burden_change_pct")


def readouts(found: Prediction) -> dict[tuple[str, str], float]:
    """Every chance and every end of an interval, by kind and name, in points."""
    values: dict[tuple[str, str], float] = {}
    for name in ("p_objective_response", "p_resectable", "p_not_locally_advanced"):
        if (chance := getattr(found, name)) is not None:
            values["chance", name] = 100.0 * chance.value
            for end, value in zip(("5 %", "95 %"), chance.ci90, strict=True):
                values["interval", f"{name} {end}"] = 100.0 * value
    for line in ("platelets", "neutrophils"):
        if (course := getattr(found, line)) is not None:
            values["chance", f"{line} of grade 3 or 4"] = 100.0 * course.p_grade34
    if found.p_downgrading is not None:
        values["chance", "p_downgrading"] = 100.0 * found.p_downgrading
    for k, rule in enumerate(found.cycle_rules):
        values["chance", f"cycle {k + 1} held back"] = 100.0 * rule["p_delay"]
        values["chance", f"ended before cycle {k + 1}"] = 100.0 * rule["p_stop"]
    for name in (*PER_CENT, *CHANGES):
        if (interval := getattr(found, name)) is not None:
            low, high = (100.0 * np.log1p(end / 100.0) if name in CHANGES else end for end in (interval.low, interval.high))
            values["interval", f"{name} 5 %"], values["interval", f"{name} 95 %"] = float(low), float(high)
    return values


def moves(n_patients: int, n_draws: int, n_points: int = luck.N_POINTS) -> list[dict[str, Any]]:
    """How far each read-out of each patient moves between ``n_points`` and twice as many, in points."""
    rows = []
    for number, path in enumerate(sorted((ROOT / "tests/golden/patients").glob("*.toml"))[:n_patients]):
        world = build_world(read_patient(path), n_draws=n_draws, n_replicates=n_points, seed=SEED)
        for text in SCHEMES if number % 3 == 0 else SCHEMES[:1]:
            scheme = parse_scheme(text)
            few, many = (readouts(predict(dataclasses.replace(world, n_points=n), scheme)) for n in (n_points, 2 * n_points))
            rows += [{"patient": path.stem, "scheme": scheme.text, "kind": kind, "what": what, "few": value,
                      "moved": many[kind, what] - value} for (kind, what), value in few.items()]
    return rows


def verdicts(n_seeds: int, n_draws: int) -> dict[str, Any]:
    """Pairs of open options, their resolved verdicts, and those that another seed or twice the draws of the same seed contradict."""
    schemes = [parse_scheme(text) for text in SCHEMES]
    n_pairs = n_resolved = 0
    turned: list[str] = []
    for stem in VERDICT_PATIENTS:
        patient = read_patient(ROOT / f"tests/golden/patients/{stem}.toml")
        seen: dict[str, set[Verdict]] = {}
        for seed in range(1, n_seeds + 1):
            for n in (n_draws, 2 * n_draws):
                found = decide(patient, schemes, n_draws=n, max_draws=n, seed=seed)
                for a, b in itertools.combinations([i for i, open_ in enumerate(found.eligible) if open_], 2):
                    verdict = expected_loss(found.utility[:, a], found.utility[:, b], found.settings.delta).verdict
                    n_pairs += 1
                    if verdict is not Verdict.NOT_RESOLVED:
                        n_resolved += 1
                        seen.setdefault(f"{stem}: {found.options[a].name} against {found.options[b].name}", set()).add(verdict)
        turned += [pair for pair, said in seen.items() if len(said) > 1]
    return {"patients": list(VERDICT_PATIENTS), "n_seeds": n_seeds, "n_draws": [n_draws, 2 * n_draws], "n_compared": n_pairs,
            "n_resolved": n_resolved, "contradicted": turned}


def stamp() -> str:
    """Of the points and of how they are spread."""
    room = ROOT / "src/neorlt/response"
    return hashlib.sha256((room / "luck.py").read_bytes() + (room / "data/points.npz").read_bytes()).hexdigest()


def main() -> int:
    """Run, write and judge."""
    rows = moves(N_PATIENTS, N_DRAWS)
    kinds = {}
    for kind, goal in GOALS.items():
        moved = np.abs([row["moved"] for row in rows if row["kind"] == kind])
        kinds[kind] = {"goal": goal, "n": len(moved), "largest": round(float(moved.max()), 3), "median": round(float(np.median(moved)), 4),
                       "quantile_99": round(float(np.quantile(moved, 0.99)), 3)}
    compared = verdicts(N_SEEDS, N_DECIDED)
    passed = all(kind["largest"] <= kind["goal"] for kind in kinds.values()) and not compared["contradicted"]
    worst = sorted(rows, key=lambda row: -abs(row["moved"]) / GOALS[row["kind"]])[:12]
    document = {"data": "synthetic", "n_draws": N_DRAWS, "n_points": luck.N_POINTS, "passed": passed, "points_sha256": stamp(),
                "kinds": kinds, "verdicts": compared,
                "worst": [{k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()} for row in worst]}
    text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    Path(__file__).with_suffix(".json").write_text(text)
    sys.stdout.write(text)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

"""The evidence synthesis fitted once more from other starts with another seed: do both fits agree within their Monte Carlo error?

The shipped fit's draws (``synthesis_draws.npz``) are set against shorter chains of the same posterior that share nothing with them but the
data: seed, starts, warm-up and metric are their own. Every parameter of the population and every effect of a study is compared, its mean
over the joint Monte Carlo error. Lengths and seed were fixed before the run. The error of the shipped draws is that of the smallest bulk
effective size among them, or of their number.

Usage: ``python validation/response_seeds.py [--folder DIR]`` (goes on from what the folder holds). Writes ``synthesis_seeds.json``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from neorlt.core import tables
from neorlt.response import surface
from neorlt.response.calibrate import SEED, diagnose
from neorlt.response.fitting import Problem
from neorlt.response.studies import Term, fitted
from neorlt.response.synthesis import POPULATION

HERE = Path(__file__).resolve().parent
DRAWS, OUT = HERE / "synthesis_draws.npz", HERE / "synthesis_seeds.json"
OTHER_SEED = SEED + 1
N_CHAINS, N_WARMUP, N_SAMPLES = 2, 240, 400
LEVEL = 0.01
ONLY: tuple[str, ...] = ()
"""Studies of a trial run; all where empty."""


def terms() -> tuple[Term, ...]:
    """Fitted terms."""
    return tuple(t for t in fitted() if not ONLY or t.study in ONLY)


def compare(first: dict[str, np.ndarray], draws: dict[str, np.ndarray], ess_first: float) -> list[dict[str, Any]]:
    """Difference of the means of every quantity, in SD and in joint Monte Carlo errors.

    ``first`` holds draws ``(draw, quantity)`` of an effective size, ``draws`` chains ``(chain, draw, quantity)``.
    """
    arviz: Any = importlib.import_module("arviz")
    ess = arviz.ess(arviz.convert_to_dataset({name: draws[name] for name in ("pop", "u", "v")}), method="mean")
    rows = []
    for name in ("pop", "u", "v"):
        for i in range(draws[name].shape[-1]):
            a, b = np.asarray(first[name][:, i], float), np.asarray(draws[name][..., i], float)
            sd = np.sqrt(0.5 * (a.var() + b.var()))
            error = np.sqrt(a.var() / ess_first + b.var() / float(ess[name][i]))
            rows.append({"quantity": POPULATION[i] if name == "pop" else f"{name}[{i}]", "difference_sd": float((b.mean() - a.mean()) / sd),
                         "z": float((b.mean() - a.mean()) / error), "sd_ratio": float(b.std() / a.std())})
    return rows


def main(folder: Path = HERE.parent / "seeds") -> int:
    """Run the chains and write the file; 0 where no difference is rejected and no chain diverged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=folder, help="Where chains are kept; a run that was stopped goes on from there.")
    given = parser.parse_args()
    problem = Problem(terms())
    draws = problem.sample_here(given.folder, OTHER_SEED, N_CHAINS, N_WARMUP, N_SAMPLES)
    found = diagnose(draws)
    shipped = tables.read_json("response", "posterior.json")
    if ONLY:  # a trial run has fewer studies: it is set against itself
        first = {name: draws[name].reshape(-1, draws[name].shape[-1]) for name in ("pop", "u", "v")}
    else:
        with np.load(DRAWS) as file:
            first = {name: file[name] for name in file.files}
    rows = compare(first, draws, float(shipped["chains"]["ess_bulk_min"]))
    z = np.array([row["z"] for row in rows])
    p_largest = float(min(1.0, len(z) * 2 * stats.norm.sf(np.abs(z).max())))
    result = {"about": "the synthesis fitted with another seed beside the shipped draws (validation/response_seeds.py)",
              "made": date.today().isoformat(), "posterior_hash": shipped["posterior_hash"], "seed": OTHER_SEED, "n_chains": N_CHAINS,
              "n_warmup": N_WARMUP, "n_samples": N_SAMPLES, "n_training": surface.N_TRAINING,
              "rhat_max": found["rhat_max"], "ess_bulk_min": found["ess_bulk_min"], "ess_tail_min": found["ess_tail_min"],
              "divergences": found["divergences"], "n": len(z),
              "largest": max(rows, key=lambda row: abs(row["z"])), "p_largest": p_largest, "rms_z": float(np.sqrt(np.mean(z**2))),
              "beyond_1_96": int((np.abs(z) > 1.96).sum()), "largest_difference_sd": float(max(abs(row["difference_sd"]) for row in rows)),
              "sd_ratio": [float(min(row["sd_ratio"] for row in rows)), float(max(row["sd_ratio"] for row in rows))], "rows": rows}
    OUT.write_text(json.dumps(result, indent=1, default=float) + "\n", encoding="utf-8")
    print({name: value for name, value in result.items() if name != "rows"})
    return int(p_largest < LEVEL or found["divergences"] > 0)


if __name__ == "__main__":
    sys.exit(main())

"""The evidence synthesis refitted without one study, where importance weights of the whole fit could not leave it out.

The shipped fit names such studies (``left_out.refit_needed`` of ``posterior.json``: Pareto's k above 0.7). Here the chains are run without
the study, their draws are re-weighted to the model itself as the fit's are, and the study's terms are predicted as those of a new one. The
chains are shorter than the fit's (:data:`N_SAMPLES` draws each): what they hold is printed beside what they say, and no divergence or R-hat
is hidden. Studies, lengths and seed were fixed before the first run.

Usage: ``python validation/response_refits.py [STUDY ...] [--folder DIR]`` (goes on from what the folder holds). Writes
``synthesis_refits.json``; rows of studies that are not asked for stay.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core import draws as core_draws
from neorlt.core import tables
from neorlt.response import baselines, judging, surface
from neorlt.response.calibrate import SEED, diagnose, weigh
from neorlt.response.fitting import Problem
from neorlt.response.studies import Term, checks, fitted

HERE = Path(__file__).resolve().parent
OUT = HERE / "synthesis_refits.json"
STUDIES = ("netter2", "hebert_2024")
"""Those with the largest k."""
N_CHAINS, N_WARMUP, N_SAMPLES = 4, 240, 400
N_WEIGHED, N_SCORED = 1000, 300
ONLY: tuple[str, ...] = ()
"""Studies of a trial run; all where empty."""


def terms_without(study: str) -> tuple[Term, ...]:
    """Fitted terms of all other studies."""
    return tuple(t for t in fitted(study) if not ONLY or t.study in ONLY)


def refit(study: str, folder: Path) -> dict[str, Any]:
    """Chains without the study, weights, and what they say of its terms."""
    problem = Problem(terms_without(study))
    draws = problem.sample_here(folder / study, SEED, N_CHAINS, N_WARMUP, N_SAMPLES)
    found = diagnose(draws)
    weighed = weigh(problem.terms, draws, N_WEIGHED, SEED)
    some, uninformed, weight, k = weighed.some, weighed.uninformed, weighed.weight, weighed.pareto_k
    pick = np.unique(core_draws.systematic(weight, N_SCORED, core_draws.generator(SEED, "validation", "refits", study)))
    asked = [t for t in (*fitted(), *checks()) if t.study == study and not (t.use == "check" and t.control)]
    said = judging.say(asked, some["pop"][pick], uninformed[pick])
    rows = judging.judge_terms(said, range(len(asked)), np.full(len(pick), 1 / len(pick)), SEED)
    for row, term in zip(rows, asked, strict=True):
        row["baselines"] = {name: round(value, 3) for name, value in baselines.score_baselines(term, problem.terms).items()}
        if row["kind"] == "lesions":
            row["pit_uniform"] = judging.uniform_p(row["pit"])
    return {"study": study, "made": date.today().isoformat(), "n_chains": N_CHAINS, "n_warmup": N_WARMUP, "n_samples": N_SAMPLES,
            "seed": SEED, "n_training": surface.N_TRAINING, "rhat_max": number(found["rhat_max"]),
            "ess_bulk_min": number(found["ess_bulk_min"]), "ess_tail_min": number(found["ess_tail_min"]),
            "divergences": found["divergences"], "pareto_k": number(k),
            "effective_share": float(1 / (weight**2).sum() / len(weight)), "n_draws": len(pick), "rows": rows}


def number(value: float) -> float | None:
    """The value, or None where so few draws have none."""
    return float(value) if np.isfinite(value) else None


def main(folder: Path = HERE.parent / "refits") -> int:
    """Refit what is asked for and write the file; 0 where weights could be trusted and no chain diverged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", help="Studies to be left out, one after another.")
    parser.add_argument("--folder", type=Path, default=folder, help="Where chains are kept; a run that was stopped goes on from there.")
    given = parser.parse_args()
    priors = next(t.sha256 for t in tables.list_tables() if t.name == "priors.json")
    held = json.loads(OUT.read_text(encoding="utf-8")) if OUT.is_file() else {"refits": {}}
    for study in given.studies or STUDIES:
        one = refit(study, given.folder)
        held["refits"][study] = one | {"priors_sha256": priors}
        held["about"] = "studies predicted by chains that did not see them (validation/response_refits.py)"
        OUT.write_text(json.dumps(held, indent=1, ensure_ascii=False, default=float) + "\n", encoding="utf-8")
        print(f"{study}:", *(f"{name} {one[name]}" for name in ("rhat_max", "ess_bulk_min", "ess_tail_min", "divergences", "pareto_k")))
        for row in one["rows"]:
            said = row.get("ci90_pct") or row.get("predicted") or row.get("inside_50_80_90")
            print(f"  {row['use']:6s}{row['term']:44s} seen {row.get('seen', '')!s:6s} said {said} inside {row.get('inside_90', '')}")
    asked = [held["refits"][study] for study in given.studies or STUDIES]
    return int(any(one["divergences"] > 0 or (one["pareto_k"] or np.inf) > judging.K_LIMIT for one in asked))


if __name__ == "__main__":
    sys.exit(main())

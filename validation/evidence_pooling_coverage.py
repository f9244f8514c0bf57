"""Coverage of the GLMM's profile interval (the default of version 0.1), re-simulated on synthetic reviews with 11 series and 148 patients.

Synthetic data: true rates of 15, 50 and 80 % (median over centres), tau of 0, 0.5 and 1 on the logit, 10 000 reviews a
cell. Sizes are shaped like the review's: four series of one patient up to one of 49.

The likelihood of a study depends only on its size and its events, so all 129 possible studies are integrated once
on a grid with the shipped ``study_log_likelihoods``; each review is then a sum of rows. The interval covers the truth
when twice the fall of the profile there is below t(k-1)^2; reviews at the boundary take the shipped exact interval.
A subsample of every cell goes through the shipped ``pool`` itself and must give the same answer.

Writes ``validation/evidence_pooling_coverage.json``. Run by ``make validate``: about 4 minutes on one core.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy import special, stats

from neorlt.core.draws import generator
from neorlt.evidence.pooling import StudyCounts, clopper_pearson, glmm
from neorlt.evidence.pooling.pool import pool

SIZES = (1, 1, 1, 1, 5, 6, 9, 23, 23, 29, 49)
RATES = (0.15, 0.5, 0.8)
TAUS = (0.0, 0.5, 1.0)
N_RUNS = 10_000
N_CHECKED = 60
N_RECHECKED = 5
LIMIT = 0.925
SEED = 20261124


def main() -> int:
    """Simulate, write the result, and fail when the worst cell is below the limit.

    The coverage is that of the likelihood in ``glmm.py``; with ``--recheck`` it is kept where that file has not changed, and only the
    part that compares with today's ``pool`` is done again (a minute, not twenty).
    """
    recheck = "--recheck" in sys.argv
    path = Path(__file__).with_suffix(".json")
    likelihood = hashlib.sha256(Path(glmm.__file__).read_bytes()).hexdigest()
    kept = json.loads(path.read_text(encoding="utf-8")) if recheck else {}
    if recheck and kept.get("likelihood_sha256") != likelihood:
        print("glmm.py has changed: run without --recheck", file=sys.stderr)
        return 1
    checked = N_RECHECKED if recheck else N_CHECKED
    simulated = checked if recheck else N_RUNS
    started = time.perf_counter()
    tau_grid = np.concatenate([[0.0], np.geomspace(0.03, 8.0, 47)])
    distinct = sorted(set(SIZES))
    pairs = [(x, n) for n in distinct for x in range(n + 1)]
    first = {n: next(i for i, (_, size) in enumerate(pairs) if size == n) for n in distinct}
    pair_events, pair_totals = np.array(pairs, dtype=float).T
    sizes = np.array(SIZES)
    threshold = float(stats.t.ppf(0.975, len(SIZES) - 1)) ** 2
    cells, disagreements = [], 0
    for rate in RATES:
        centre = float(special.logit(rate))
        mu_grid = np.unique(np.concatenate([[centre], np.linspace(centre - 4.0, centre + 4.0, 161)]))
        truth = int(np.searchsorted(mu_grid, centre))
        mesh_mu, mesh_tau = np.meshgrid(mu_grid, tau_grid, indexing="ij")
        table = glmm.study_log_likelihoods(pair_events, pair_totals, mesh_mu, mesh_tau)
        flat = np.ascontiguousarray(table.reshape(-1, len(pairs)).T)
        for tau in TAUS:
            rng = generator(SEED, "coverage", str(rate), str(tau))
            theta = special.expit(centre + tau * rng.standard_normal((N_RUNS, len(SIZES))))
            events = rng.binomial(sizes, theta)
            rows = np.array([first[n] for n in SIZES]) + events
            covered, naive = np.zeros(N_RUNS, dtype=bool), np.zeros(N_RUNS, dtype=bool)
            for run in range(simulated):
                total = int(events[run].sum())
                low, high = clopper_pearson(total, int(sizes.sum()))
                naive[run] = low <= rate <= high
                if np.ptp(events[run] / sizes) < 1e-12:
                    covered[run] = naive[run]
                    continue
                surface = flat[rows[run]].sum(axis=0).reshape(mesh_mu.shape)
                fall = _peak(surface, mu_grid) - surface[truth].max()
                covered[run] = 2 * fall <= threshold
            for run in range(checked):
                counts = [StudyCounts(str(i), int(x), int(n)) for i, (x, n) in enumerate(zip(events[run], SIZES, strict=True))]
                interval = pool(counts, "glmm").ci95
                assert interval is not None
                disagreements += bool(interval[0] <= rate <= interval[1]) != bool(covered[run])
            share = float(covered.mean())
            cells.append(
                {
                    "rate": rate,
                    "tau": tau,
                    "coverage": share,
                    "standard_error": float(np.sqrt(share * (1 - share) / N_RUNS)),
                    "coverage_crude_sum": float(naive.mean()),
                    "n": N_RUNS,
                }
            )
            print(f"rate {rate} tau {tau}: {share:.4f} (crude sum {naive.mean():.4f})", file=sys.stderr)
    cells = kept.get("cells", cells)
    worst = min(cell["coverage"] for cell in cells)
    document = {
        "name": "evidence_pooling_coverage",
        "title": "Coverage of the GLMM's profile interval on a review of eleven series",
        "role": "checked",
        "verdict": "pass" if worst >= LIMIT and disagreements == 0 else "miss",
        "source": "synthetic reviews, 11 series, 148 patients",
        "what": "coverage of the 95 % interval of the method glmm (logit-normal GLMM, profile likelihood, t(k-1)) on synthetic reviews",
        "sizes": list(SIZES),
        "k": len(SIZES),
        "n_patients": int(sizes.sum()),
        "cells": cells,
        "worst": worst,
        "limit": LIMIT,
        "passed": worst >= LIMIT and disagreements == 0,
        "checked_against_pool": checked * len(cells),
        "disagreements_with_pool": disagreements,
        "likelihood_sha256": likelihood,
        "pool_sha256": hashlib.sha256(Path(pool.__code__.co_filename).read_bytes()).hexdigest(),
        "seed": SEED,
        "seconds": kept.get("seconds", round(time.perf_counter() - started, 1)),
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"worst cell {worst:.4f}, limit {LIMIT}; {disagreements} disagreements; {path.name}", file=sys.stderr)
    return 0 if document["passed"] else 1


def _peak(surface: np.ndarray, mu_grid: np.ndarray) -> float:
    """Highest value, with a parabola through the neighbours in mu where there are any."""
    i, j = np.unravel_index(int(np.argmax(surface)), surface.shape)
    if not 0 < i < len(mu_grid) - 1:
        return float(surface[i, j])
    a, b, c = surface[i - 1 : i + 2, j]
    curvature = a - 2 * b + c
    return float(b - (a - c) ** 2 / (8 * curvature)) if curvature < 0 else float(b)


if __name__ == "__main__":
    sys.exit(main())

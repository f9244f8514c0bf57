"""What a centre's own table leaves of the shipped draws, and whether what it learns of the centre is true.

Lesions of a centre are made by the model itself: a draw of the shipped posterior, a new study's effects, each lesion's own sensitivity
and growth, doses of four cycles evenly from 40 to 250 Gy, one reading at week 37 with its error. ``calibrate --with`` weighs the shipped
draws by them. Written is how many effective draws are left, Pareto's k, and where the true effect of the centre lies in what was learnt
(its rank, even from 0 to 1 over many tables if the update is right). Numbers of lesions, of tables and the seed were fixed before the
first run. Fails where the true effects lie outside the central 90 % more often than one run of chance in a hundred would.

Usage: ``python validation/response_own_posterior.py``. Writes ``own_posterior_draws.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from neorlt.core import tables
from neorlt.core.draws import generator
from neorlt.response import centre
from neorlt.response.parameters import STUDY_NAMES, assemble, draw_other
from neorlt.response.reading import VOLUME_POWER

HERE = Path(__file__).resolve().parent
LESIONS = (10, 20)
N_TABLES, SEED = 6, 1
TIMES = centre.UPDATE_TIMES


def made(lesions: int, number: int) -> tuple[centre.CentreTable, float]:
    """A centre's table, and the centre's true log ratio of sensitivity x dose."""
    rng = generator(SEED, "validation", "own posterior", str(lesions), str(number))
    shipped = tables.read_npz("response", "posterior.npz")
    index = rng.integers(len(shipped["alpha_per_gy"]), size=1)
    free = {name: np.asarray(value[index], np.float64) for name, value in shipped.items()}
    free |= {name: rng.standard_normal(1) for name in STUDY_NAMES}
    world = assemble(free, draw_other(1, SEED), "posterior")
    blank = centre.CentreTable(np.zeros(lesions, np.intp), np.exp(rng.normal(np.log(6.0), 0.6, lesions)), rng.uniform(40, 250, lesions),
                               np.full(lesions, 4), np.full(lesions, 37.0), np.zeros(lesions))
    own = rng.standard_normal((2, lesions)).astype(np.float32)
    volume = np.array([centre.log_volumes(world, blank.take(np.array([i])), own[0, i : i + 1], own[1, i : i + 1])[0, 0, 0, 0]
                       for i in range(lesions)])
    read = volume + VOLUME_POWER * float(world.sigma_d[0]) * rng.standard_normal(lesions)
    return centre.CentreTable(blank.origin, blank.ki67_pct, blank.dose_gy, blank.cycles, blank.week, read), float(world.study_log_alpha[0])


def main() -> int:
    """Make, update, print, write; 1 where too many true effects lie outside what was learnt."""
    shipped = tables.read_npz("response", "posterior.npz")
    rows: list[dict[str, Any]] = []
    for lesions in LESIONS:
        for number in range(N_TABLES):
            table, truth = made(lesions, number)
            found = centre.update(table, shipped, SEED, times=TIMES)
            effect = found.posterior["study_log_sd"] * found.posterior["study_alpha_z"]
            rows.append({"lesions": lesions, **found.trust, "truth": truth, "rank": float(np.mean(effect < truth)),
                         "sd_after": float(np.std(effect))})
            rows[-1].pop("note", None)
            sys.stdout.write(f"{lesions:3d} lesions: {rows[-1]['effective_draws']:5.0f} effective draws, k {rows[-1]['pareto_k']}, "
                             f"truth {truth:+.2f}, rank {rows[-1]['rank']:.2f}, SD {rows[-1]['sd_after']:.2f}\n")
            sys.stdout.flush()
    outside = sum(not 0.05 <= row["rank"] <= 0.95 for row in rows)
    p = float(binom.sf(outside - 1, len(rows), 0.1))
    document = {"check": "a centre's own posterior", "posterior_hash": tables.read_json("response", "posterior.json")["posterior_hash"],
                "draws": len(shipped["alpha_per_gy"]), "times": TIMES, "seed": SEED, "outside90": outside, "p": p, "rows": rows}
    (HERE / "own_posterior_draws.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return int(p < 0.01)


if __name__ == "__main__":
    sys.exit(main())

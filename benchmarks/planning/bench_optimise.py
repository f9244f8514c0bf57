"""Time of the search over schemes and of the update between cycles.

Usage: ``python benchmarks/planning/bench_optimise.py [--quick]``. Target: 10 000 schemes on 100 common draws and the best 50 through the
full model on 1 000 draws in 60 s on 2 cores. Baseline in the same run: the same full-model schemes one after another through
``predict``, as ``neorlt predict`` does. Wall time depends on what else the machine does; CPU time is printed beside it.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from neorlt.planning.adaptive import adapt
from neorlt.planning.benefit import who_benefits
from neorlt.planning.optimise import optimise
from neorlt.planning.patient import read_patient
from neorlt.planning.predict import build_world, predict
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.updates import update_from

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pannet-head.toml"


def timed(name: str, function: Callable[[], object]) -> object:
    wall, cpu = time.perf_counter(), time.process_time()
    result = function()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:66s} {wall:8.2f} s wall {cpu:8.2f} s CPU   peak {peak:6.0f} MB", flush=True)
    return result


def main() -> None:
    quick = "--quick" in sys.argv
    print(f"load before: {os.getloadavg()[0]:.1f}")
    patient = read_patient(EXAMPLE)
    n_screen, n_full, n_draws = (500, 10, 100) if quick else (10_000, 50, 1000)
    found = timed(f"search: {n_screen} screened, {n_full} through the full model, {n_draws} draws",
                  lambda: optimise(patient, n_screen=n_screen, n_full=n_full, n_draws=n_draws))
    world = build_world(patient, n_draws=n_draws)
    few = found.full.candidates[:5]  # type: ignore[attr-defined]
    timed("baseline: 5 of those one after another through predict", lambda: [predict(world, c.scheme()) for c in few])
    scheme = parse_scheme("4 x 7.4 GBq Lu-177 every 8 weeks")
    update = update_from({"week": 15.0, "kidney_dose_gy": [4.0], "lesion": [{"id": "primary", "longest_diameter_mm": 38.0}]}, patient)
    timed("update after cycle 2 on 4 000 worlds", lambda: adapt(patient, scheme, 2, update, n_proposals=400 if quick else 4000))
    timed("who benefits: Sobol indices of 6 features", lambda: who_benefits(scheme, 16 if quick else 128))


if __name__ == "__main__":
    main()

"""Speed of the response model on this machine, each beside a plain baseline in the same run.

Tumour: one year, four cycles, two clones, 16 persistent nodes, about 40 points. Baseline: a daily scan in JAX without
persistence (the pattern redrawn each day), written in an hour. Prints patient-schemes per second.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

N = 100_000


def rate(function: Callable[[], Any], n: int, repeats: int = 3) -> float:
    """Best of a few runs after one that compiles."""
    function()
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return n / best


def daily_scan(n: int) -> Callable[[], Any]:
    """Baseline: daily steps, mean survival over 16 nodes each day, no persistence."""
    import jax
    import jax.numpy as jnp

    z, w = np.polynomial.hermite_e.hermegauss(16)
    w = w / w.sum()
    alpha = jnp.asarray(np.random.default_rng(0).lognormal(-3.5, 0.5, n), jnp.float32)

    @jax.jit
    def run(alpha: Any) -> Any:
        def day(carry: Any, t: Any) -> tuple[Any, None]:
            cells, dead, rate = carry
            rate = jnp.where(t % 56 == 0, rate + 30.0 * 0.19, rate) * jnp.exp(-0.19)
            h = jnp.exp(0.5 * jnp.asarray(z, jnp.float32) - 0.125)
            s = (jnp.exp(-alpha[:, None] * h * rate[:, None]) * jnp.asarray(w, jnp.float32)).sum(1)
            killed = cells * (1 - s)
            return (cells * s * 1.0015, dead * 0.985 + killed, rate), None

        one = jnp.ones_like(alpha)
        return jax.lax.scan(day, (one, 0 * one, 0 * one), jnp.arange(224))[0]

    return lambda: jax.block_until_ready(run(alpha))


def main() -> None:
    """Measure and print JSON."""
    from neorlt.response import blood
    from neorlt.response.arrays import LesionArrays, ScheduleArrays, draw_lesion_effects
    from neorlt.response.kidney import kidney_bed_gy
    from neorlt.response.parameters import draw_parameters
    from neorlt.response.simulate import choose_pad, expand, make_grids, run_cells, simulate

    parameters = draw_parameters(1000, 1)
    lesion = LesionArrays(volume_ml=[40.0], ki67_pct=[8.0])
    effects = draw_lesion_effects(parameters, lesion, N // 1000, 2)
    dose = np.zeros((1, 1, 4, 2), np.float32)
    dose[..., 0] = 30.0
    plan = ScheduleArrays(np.array([0.0, 8, 16, 24]), dose, np.full((1, 1, 2), 80.0), np.array([0.0, 12, 36, 52]))
    cells, _, n_lesions = expand(parameters, lesion, plan, effects)
    grid, readout, shared = make_grids(plan, n_lesions, pad=choose_pad(N))
    grid = type(grid)(np.asarray(grid.time_h, np.float32), np.asarray(grid.segment, np.int32), np.asarray(grid.cycle_h, np.float32))
    marrow, t_eff = blood.marrow_dose_gy(parameters, np.array([[7.4, 0.0]] * 4))
    kidney = np.zeros((1, 4, 2))
    kidney[..., 0] = 3.3

    def whole(keep_days: bool = True) -> None:
        simulate(parameters, lesion, plan, draw_lesion_effects(parameters, lesion, 20, 2))
        kidney_bed_gy(parameters, kidney, np.array([[50.0, 30.0]]), plan.week)
        blood.blood_course(parameters, marrow, t_eff, plan.week, n_replicates=20, keep_days=keep_days)

    result = {
        "grid_points": len(grid.time_h), "processors": os.cpu_count(), "load_1min": os.getloadavg()[0],
        "tumour_per_s": rate(lambda: run_cells(cells, grid, readout.astype(np.int32), shared, n_lesions), N),
        "tumour_with_read_outs_per_s": rate(lambda: simulate(parameters, lesion, plan, effects), N),
        "baseline_daily_scan_per_s": rate(daily_scan(N), N),
        "tumour_kidney_blood_per_s": rate(whole, 20_000),
        "tumour_kidney_blood_without_days_per_s": rate(lambda: whole(keep_days=False), 20_000),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

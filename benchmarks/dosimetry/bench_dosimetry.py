"""Time and peak memory of fits, receptor kinetics and kernel dose, each beside a baseline in the same run.

Run: ``python benchmarks/dosimetry/bench_dosimetry.py [--large]``; prints one JSON document. CPU seconds are given too, because
a shared machine makes wall seconds long.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import fft
from scipy.integrate import solve_ivp

from neorlt.dosimetry import sstr
from neorlt.dosimetry.convolution import convolve
from neorlt.dosimetry.fit import fit_curves
from neorlt.dosimetry.objects import TimeActivity
from neorlt.dosimetry.voxel_fit import fit_voxels

LU_H = 6.647 * 24
TIMES = np.array([4.0, 24.0, 96.0, 168.0])


def measured(function: Callable[[], Any], repeats: int = 3) -> dict[str, float]:
    """Best wall and CPU seconds of some runs, and peak megabytes of one more."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"wall_s": round(min(walls), 3), "cpu_s": round(min(cpus), 3), "peak_mb": round(peak / 1e6, 1)}


def bench_fits() -> dict[str, Any]:
    """1 000 region fits with 2 000 draws; scipy's curve_fit of one mono-exponential each, without draws, beside it."""
    from scipy.optimize import curve_fit

    rng = np.random.default_rng(0)
    rate = np.log(2) / (55 * np.exp(0.25 * rng.standard_normal(1000)))
    clean = 100 * (np.exp(-rate[:, None] * TIMES) - np.exp(-(rate[:, None] + 0.5) * TIMES))
    seen = clean * (1 + 0.05 * rng.standard_normal(clean.shape))
    curves = [TimeActivity(f"r{i}", "Lu-177", 100.0, TIMES, y, 0.05 * y, y) for i, y in enumerate(seen)]

    def baseline() -> None:
        for y in seen:
            curve_fit(lambda t, a, k: a * np.exp(-k * t), TIMES, y, p0=(100.0, 0.01), sigma=0.05 * y)

    return {
        "1000 fits, 2000 draws, models averaged": measured(
            lambda: fit_curves(curves, n_draws=2000, seed=1, half_life_h=[LU_H] * 1000), repeats=1
        ),
        "baseline: scipy curve_fit, mono, no draws": measured(baseline, repeats=1),
    }


def bench_voxel_fits() -> dict[str, Any]:
    """128³ curves of four points; numpy's polyfit of the logs beside it."""
    rng = np.random.default_rng(0)
    half_life = rng.uniform(30, 150, (128, 128, 128)).astype(np.float32)
    images = [(50 * np.exp2(-t / half_life)).astype(np.float32) for t in TIMES]
    logs = np.log(np.stack(images).reshape(4, -1))
    return {
        "128^3 voxel fits": measured(lambda: fit_voxels(images, list(TIMES), LU_H)),
        "baseline: numpy polyfit of logs": measured(lambda: np.polyfit(TIMES, logs, 1), repeats=1),
    }


def bench_sstr() -> dict[str, Any]:
    """Patient-cycles a second; scipy's LSODA for 20 patients beside it."""
    people = sstr.patients(peptide_ug=150, tumour_ml=80, total_tumour_ml=283, n_draws=8192, seed=0)
    ours = measured(lambda: sstr.simulate(people, half_life_h=LU_H))
    start = time.process_time()
    for p in range(20):
        flow = people.flow_per_h[:, p] * people.fraction_unbound[p]
        rest = people.rest_flow_per_h[p] * people.fraction_unbound[p]

        def right(t: float, y: np.ndarray, p: int = p, flow: np.ndarray = flow, rest: float = rest) -> np.ndarray:
            bound = flow * y[0] * (1 - y[1:5] / people.capacity_ug[:, p])
            lost = people.degradation_per_h[:, p] * y[1:5]
            blood = -people.excretion_per_h[p] * y[0] - bound.sum() - rest * y[0]
            return np.concatenate([[blood], bound - lost, [rest * y[0] - 0.01 * y[5]]])

        solve_ivp(right, (0, 1000.0), [people.peptide_ug[p], 0, 0, 0, 0, 0], method="LSODA", rtol=1e-6, atol=1e-9)
    baseline = 20 / (time.process_time() - start)
    return {
        "receptor kinetics": {**ours, "patient_cycles_per_cpu_s": round(8192 / ours["cpu_s"])},
        "baseline: scipy LSODA": {"patient_cycles_per_cpu_s": round(baseline)},
    }


def bench_dose(shape: tuple[int, int, int], compare: bool = True) -> dict[str, Any]:
    """Kernel convolution; a bare float32 transform pair of that size and scipy.signal in float64 beside it."""
    from scipy.signal import fftconvolve

    rng = np.random.default_rng(0)
    image = rng.random(shape, dtype=np.float32)
    kernel = rng.random((31, 31, 31))
    padded = [fft.next_fast_len(n + 15, real=True) for n in shape]

    def bare() -> None:
        a = fft.rfftn(image, s=padded, workers=2)
        b = fft.rfftn(kernel.astype(np.float32), s=padded, workers=2)
        a *= b
        fft.irfftn(a, s=padded, workers=2)

    repeats = 3 if compare else 1
    rows = {
        "kernel dose": measured(lambda: convolve(image, kernel), repeats),
        "baseline: bare float32 FFT": measured(bare, repeats),
    }
    if compare:
        rows["baseline: scipy.signal.fftconvolve float64"] = measured(
            lambda: fftconvolve(image.astype(np.float64), kernel, mode="same"), 1
        )
    return rows


def main() -> int:
    """Print one JSON document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true", help="also 512 x 512 x 400 (3 GB)")
    large = parser.parse_args().large
    document: dict[str, Any] = {"fits": bench_fits(), "voxel fits": bench_voxel_fits(), "sstr": bench_sstr()}
    document["dose 128^3"] = bench_dose((128, 128, 128))
    document["dose 256^3"] = bench_dose((256, 256, 256))
    if large:
        document["dose 512x512x400"] = bench_dose((512, 512, 400), compare=False)
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

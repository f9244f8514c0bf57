"""Kernel dose and Monte Carlo, each beside its baseline in the same run: time, peak memory, and growth as a plot.

Run: ``python benchmarks/dosimetry/bench_kernel_dose.py [--large] [--monte-carlo] [--plot FILE]``; prints one JSON document. Every
row is a process of its own, so that its peak memory (resident, less what the start takes) is its own; CPU seconds stand beside
wall seconds, because a shared machine makes wall seconds long. Baselines: a bare float32 ``scipy.fft`` convolution of that size
(kernel as wide, padded to a fast length) and ``scipy.signal.fftconvolve`` in float64. The dose is the whole of ``voxel_dose``: its
checks, kernel from its cache, convolution and density scaling.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"64^3": (64, 64, 64), "96^3": (96, 96, 96), "128^3": (128, 128, 128), "192^3": (192, 192, 192), "256^3": (256, 256, 256)}
LARGE = {"512x512x400": (512, 512, 400)}
VOXEL_MM = {"512x512x400": 1.0}
WORK = ("kernel dose", "bare float32 scipy.fft", "scipy.signal.fftconvolve float64")
HALF = {1.0: 80, 2.0: 75}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def row(work: str, name: str, repeats: int) -> dict[str, float]:
    """Best wall and CPU seconds of ``repeats`` after a first run that warms caches, and peak memory of all."""
    from scipy import fft, signal

    from neorlt.dosimetry.voxel_dose import voxel_dose
    from neorlt.imaging.volume import Grid, Unit, Volume
    from neorlt.nuclides.voxels import voxel_s_values

    shape, edge = (SIZES | LARGE)[name], VOXEL_MM.get(name, 2.0)
    grid = Grid(shape, np.diag([edge, edge, edge, 1.0]), "1.2.3")
    kernel = voxel_s_values("Lu-177", edge, with_daughters=True).s_mgy_per_mbq_s
    half = [min((k - 1) // 2, n - 1) for k, n in zip(kernel.shape, shape, strict=True)]
    middle = [(k - 1) // 2 for k in kernel.shape]
    kernel = kernel[tuple(slice(m - h, m + h + 1) for m, h in zip(middle, half, strict=True))]
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    start = peak_mb()
    if work == WORK[0]:
        tia = Volume(image, grid, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide="Lu-177")
        density = Volume(image, grid, Unit.G_PER_CM3, "CT")  # the same memory: only the dose's own is measured

        def run() -> Any:
            return voxel_dose(tia, density=density)
    elif work == WORK[1]:
        padded = [fft.next_fast_len(n + h, real=True) for n, h in zip(shape, half, strict=True)]
        small = kernel.astype(np.float32)

        def run() -> Any:
            spectrum = fft.rfftn(image, s=padded, workers=2)
            spectrum *= fft.rfftn(small, s=padded, workers=2)
            return fft.irfftn(spectrum, s=padded, workers=2)
    else:
        wide = image.astype(np.float64)

        def run() -> Any:
            return signal.fftconvolve(wide, kernel, mode="same")

    walls, cpus = [], []
    for _ in range(repeats + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    walls, cpus = (values[1:] or values for values in (walls, cpus))
    peak = peak_mb()
    return {"wall_s": round(min(walls), 3), "cpu_s": round(min(cpus), 3), "peak_mb": round(peak - start), "process_mb": round(peak),
            "transformed_points": int(np.prod([n + h for n, h in zip(shape, half, strict=True)]))}  # fmt: skip


def monte_carlo() -> dict[str, Any]:
    """Histories a CPU second and a wall second of ours against the engine with a source that is drawn beforehand."""
    from neorlt.core.draws import generator
    from neorlt.dosimetry import monte_carlo as ours
    from neorlt.dosimetry.monte_carlo_engine import DecayMaps, DecaySource, build_engine, engine_modules
    from neorlt.imaging.volume import Grid, Unit, Volume

    grid = Grid((64, 64, 64), np.diag([4.0, 4.0, 4.0, 1.0]), "1.2.3")
    array = np.zeros(grid.shape, np.float32)
    array[20:44, 20:44, 20:44] = 1.0
    rows: dict[str, Any] = {}
    for nuclide, n in (("Lu-177", 2_000_000), ("Y-90", 2_000_000)):  # as many as a dose has by default
        tia = Volume(array, grid, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide=nuclide)
        maps = DecayMaps([tia])
        with engine_modules() as pyradmc:
            engine = build_engine(pyradmc, maps, np.full(grid.shape, 1.04), "cpu", water_only=True)
            source = DecaySource(maps, n, generator(0, "bench"))
            engine.run(source, 1000, 1, seed=1, ecut=0.01, pcut=0.005)
            wall, cpu = time.perf_counter(), time.process_time()
            engine.run(source, n, 1, seed=1, ecut=0.01, pcut=0.005)
            bare = (time.perf_counter() - wall, time.process_time() - cpu)
        wall, cpu = time.perf_counter(), time.process_time()
        ours.monte_carlo_dose(tia, n_histories=n, n_batches=10, seed=1)
        mine = (time.perf_counter() - wall, time.process_time() - cpu)
        rows[nuclide] = {
            "engine_histories_per_cpu_s": round(n / bare[1]),
            "ours_histories_per_cpu_s": round(n / mine[1]),
            "share_of_the_engine_rate_cpu": round(bare[1] / mine[1], 3),
            "share_of_the_engine_rate_wall": round(bare[0] / mine[0], 3),
        }
    return rows


def plot(document: dict[str, Any], path: Path) -> None:
    """Seconds and memory over points to transform (image and half the kernel), doubly logarithmic, with N log N."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for work, mark in zip(WORK, "o^s", strict=True):
        rows = [sizes[work] for sizes in document["dose"].values() if work in sizes]
        points = np.array([r["transformed_points"] for r in rows], np.float64)
        left.loglog(points, [r["cpu_s"] for r in rows], mark + "-", label=work)
        right.loglog(points, [max(r["peak_mb"], 1) for r in rows], mark + "-", label=work)
        if work == WORK[0]:
            guide = points * np.log(points)
            left.loglog(points, rows[-1]["cpu_s"] * guide / guide[-1], "k:", label="N log N through the largest")
    left.set(xlabel="points to transform: image and half the kernel", ylabel="CPU seconds")
    right.set(xlabel="points to transform: image and half the kernel", ylabel="peak memory beside the input, MB")
    left.legend(fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> int:
    """Print the document; status 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also 512 x 512 x 400")
    parser.add_argument("--monte-carlo", action="store_true")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        sys.stdout.write(json.dumps(row(options.row[0], options.row[1], int(options.row[2]))))
        return 0
    document: dict[str, Any] = {"dose": {}, "goals": {}}
    for name in SIZES | (LARGE if options.large else {}):
        rows = {}
        for work in WORK[: 2 if name in LARGE else 3]:
            command = [sys.executable, __file__, "--row", work, name, "2" if name in LARGE else "3"]
            rows[work] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        document["dose"][name] = rows
        if name in ("128^3", "256^3", *LARGE):
            mine, bare = rows[WORK[0]], rows[WORK[1]]
            goals = {"no slower than bare FFT (CPU)": mine["cpu_s"] <= bare["cpu_s"], "no slower (wall)": mine["wall_s"] <= bare["wall_s"]}
            if name in LARGE:
                goals["at most 3 GB"] = mine["process_mb"] <= 3072
            else:
                wide = rows[WORK[2]]
                goals |= {"twice as fast as fftconvolve (CPU)": 2 * mine["cpu_s"] <= wide["cpu_s"],
                          "half its memory": 2 * mine["peak_mb"] <= wide["peak_mb"]}
            document["goals"][name] = goals
        sys.stderr.write(f"{name}: {json.dumps(rows)}\n")
    if options.monte_carlo:
        document["monte carlo"] = monte_carlo()
        shares = [r["share_of_the_engine_rate_cpu"] for r in document["monte carlo"].values()]
        document["goals"]["monte carlo"] = {"at least 90 % of the engine's rate (CPU)": min(shares) >= 0.9}
    if options.plot:
        plot(document, options.plot)
    sys.stdout.write(json.dumps(document, indent=1) + "\n")
    timed = [ok for goals in document["goals"].values() for key, ok in goals.items() if "(wall)" not in key]
    return 0 if all(timed) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Time and peak memory of sphere and voxel S-values, each beside the baseline of integrating cell pairs by sampling.

Usage: ``python benchmarks/nuclides/bench_kernels.py``. The baseline draws 200 000 pairs of a decay point and a deposit
point for the same 90Y kernel, the plain way to get voxel S-values from a point kernel; its self voxel is printed beside ours.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from neorlt.nuclides import voxels
from neorlt.nuclides.crossfire import kidney_per_tumour_ratio
from neorlt.nuclides.kernels import electron_point_kernel
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spheres import s_from_energy, sphere_s_values

VOXEL_MM = 4.8
DENSITY = 1.04
PAIRS = 200_000


def measured(label: str, work: Callable[[], float]) -> None:
    tracemalloc.start()
    begin = time.perf_counter()
    value = work()
    seconds, peak = time.perf_counter() - begin, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sys.stdout.write(f"{label:55s} {seconds:8.3f} s {peak / 1e6:8.1f} MB   {value:.5g}\n")


def sampled_self_voxel() -> float:
    kernel = electron_point_kernel("Y-90")
    rng = np.random.default_rng(1)
    source = rng.random((PAIRS, 3)) * VOXEL_MM
    unit = rng.normal(size=(PAIRS, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    radius = np.interp(rng.random(PAIRS) * kernel.total_mev, kernel.energy_mev, kernel.radius_g_per_cm2) * 10 / DENSITY
    target = source + unit * radius[:, None]
    inside = np.all((target >= 0) & (target <= VOXEL_MM), axis=1).mean()
    return float(s_from_energy(inside * kernel.total_mev, DENSITY * VOXEL_MM**3 / 1000))


def own_self_voxel(photons: bool) -> float:
    voxels._voxel_s_values.cache_clear()
    values = voxels.voxel_s_values("Y-90", VOXEL_MM, DENSITY, photons=photons).s_mgy_per_mbq_s
    return float(values[tuple(n // 2 for n in values.shape)])


def main() -> int:
    get_nuclide("Y-90").beta_spectrum()  # loads scipy.special, which is not what is measured
    measured("fold the 90Y electron kernel", lambda: electron_point_kernel("Y-90").total_mev)
    measured("voxel S, 90Y 4.8 mm, all offsets (self mGy/MBq s)", lambda: own_self_voxel(False))
    measured("  with bremsstrahlung to 150 mm", lambda: own_self_voxel(True))
    measured("baseline: sampled pairs, self voxel only", sampled_self_voxel)
    measured("1000 spheres of 177Lu (first S)", lambda: float(sphere_s_values("Lu-177", np.geomspace(0.01, 1000, 1000)).s_mgy_per_mbq_s[0]))
    diameters = [2.0, 5.0, 10.0, 20.0, 60.0]
    ratio = kidney_per_tumour_ratio(diameters, kidney_biological_half_life_h=75.0, tumour_biological_half_life_h=250.0)
    sys.stdout.write("kidney Gy per tumour Gy, 90Y over 177Lu (biological half-lives 75 h kidney, 250 h tumour: an example)\n")
    for diameter, value in zip(diameters, ratio, strict=True):
        sys.stdout.write(f"  {diameter:4.0f} mm  {value:.2f}\n")
    return 0 if np.all(np.diff(ratio) < 0) and np.all(ratio > 1) else 1


if __name__ == "__main__":
    sys.exit(main())

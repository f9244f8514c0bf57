"""Make ``src/neorlt/response/data/crossfire.json``: how much of a pattern of activity is left in the dose.

Usage: ``python tools/response/make_crossfire.py``.

For patches of diameter L in an otherwise uniform surrounding, ``own_dose`` is the fraction of the electron energy
that a patch keeps (self-absorbed fraction of a sphere of radius L/2): the dose of a patch with relative uptake u is
``D [1 + own_dose (u - 1)]``. ``pattern_sd`` is the standard deviation that cross-fire leaves of a random pattern
with a Gaussian correlation of length L/2, over its standard deviation before smoothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "src/neorlt/response/data/crossfire.json"
DIAMETERS_MM = np.geomspace(0.1, 30.0, 40)
NUCLIDES = ("Lu-177", "Y-90")


def own_dose(radius_mm: np.ndarray, energy: np.ndarray, patch_radius_mm: float) -> float:
    """Self-absorbed fraction of a sphere from the energy that shells at these distances take up (sum 1)."""
    x = radius_mm / patch_radius_mm
    return float((energy * np.where(x < 2, 1 - 0.75 * x + x**3 / 16, 0.0)).sum())


def pattern_sd(radius_mm: np.ndarray, energy: np.ndarray, correlation_mm: float) -> float:
    """SD that smoothing by the kernel leaves of a random field with Gaussian correlation, over its SD before."""
    k = np.linspace(0, 6 / correlation_mm, 400)
    transfer = (energy[None, :] * np.sinc(k[:, None] * radius_mm[None, :] / np.pi)).sum(axis=1)
    power = k**2 * np.exp(-0.5 * (k * correlation_mm) ** 2)
    return float(np.sqrt(np.trapezoid(power * transfer**2, k) / np.trapezoid(power, k)))


def make(kernel: Callable[[str], tuple[np.ndarray, np.ndarray]]) -> dict[str, object]:
    """Return the table for kernels given as (distance in mm, energy in that shell)."""
    table: dict[str, object] = {"diameter_mm": [round(float(d), 5) for d in DIAMETERS_MM]}
    for nuclide in NUCLIDES:
        radius, energy = kernel(nuclide)
        energy = energy / energy.sum()
        table[nuclide] = {
            "own_dose": [round(own_dose(radius, energy, d / 2), 5) for d in DIAMETERS_MM],
            "pattern_sd": [round(pattern_sd(radius, energy, d / 2), 5) for d in DIAMETERS_MM],
        }
    return table


def house_kernel(nuclide: str) -> tuple[np.ndarray, np.ndarray]:
    """Electron point kernel of the house in soft tissue, in shells."""
    from neorlt.nuclides.kernels import electron_point_kernel

    radius_g_per_cm2, energy = electron_point_kernel(nuclide).shells()
    return 10.0 * np.asarray(radius_g_per_cm2), np.asarray(energy)


if __name__ == "__main__":
    OUT.write_text(json.dumps(make(house_kernel)) + "\n")

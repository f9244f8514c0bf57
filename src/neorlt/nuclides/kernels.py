"""Point kernels in water: energy deposited inside a radius around one decay, electrons and photons.

Mono-energetic kernels come from Monte Carlo (``tools/nuclides``) and are folded with a nuclide's emissions here.
Radii are in g/cm², so one kernel serves every density of the same material.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.nuclides.nuclide import Nuclide, get_nuclide, list_nuclides

ROOM = "nuclides"


@dataclass(frozen=True)
class PointKernel:
    """Energy deposited inside a radius, per decay.

    ``radius_g_per_cm2`` ``(n,)`` from 0; ``energy_mev`` ``(n,)`` cumulative, from 0 to all that is deposited.
    """

    nuclide: str
    radius_g_per_cm2: NDArray[np.float64]
    energy_mev: NDArray[np.float64]

    @property
    def total_mev(self) -> float:
        """Energy deposited inside the largest radius, MeV per decay."""
        return float(self.energy_mev[-1])

    def shells(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mid radius (g/cm²) and energy (MeV) of each shell."""
        return 0.5 * (self.radius_g_per_cm2[1:] + self.radius_g_per_cm2[:-1]), np.diff(self.energy_mev)


@functools.cache
def _electrons() -> dict[str, NDArray[np.float64]]:
    return {key: np.asarray(value, dtype=np.float64) for key, value in tables.read_npz(ROOM, "electron_kernels.npz").items()}


@functools.cache
def _photons() -> dict[str, NDArray[np.float64]]:
    return {key: np.asarray(value, dtype=np.float64) for key, value in tables.read_npz(ROOM, "photon_kernels.npz").items()}


def _with_emissions(name: str) -> Nuclide:
    nuclide = get_nuclide(name)
    if not nuclide.emissions_complete:
        able = ", ".join(n for n in list_nuclides() if get_nuclide(n).emissions_complete)
        raise InputError("no dose can be computed with this nuclide: only its half-life is shipped", expected=able, found=nuclide.name,
                         remedy="use one of these")
    return nuclide


@functools.lru_cache(maxsize=32)
def electron_point_kernel(name: str) -> PointKernel:
    """Fold the mono-energetic electron kernels with a nuclide's betas and conversion electrons.

    Auger electrons deposit on the spot. What is radiated as bremsstrahlung is not deposited here (below 1 % of the
    energy for 90Y, below 0.2 % for 177Lu).
    """
    nuclide = _with_emissions(name)
    table = _electrons()
    energy, number = nuclide.electrons()
    keep = (energy > 0) & (number > 0)
    energy, number = energy[keep], number[keep]
    log_e = np.log(table["energy_mev"])
    csda = np.exp(_extrapolate(np.log(energy), log_e, np.log(table["csda_g_per_cm2"])))
    radiated = np.interp(np.log(energy), log_e, table["radiated_fraction"])
    largest = 1.2 * float(csda.max())
    radius = np.concatenate([[0.0], np.geomspace(largest * 1e-5, largest, 600)])
    low = np.clip(np.searchsorted(log_e, np.log(energy)) - 1, 0, len(log_e) - 2)
    share = np.clip((np.log(energy) - log_e[low]) / (log_e[low + 1] - log_e[low]), 0.0, 1.0)
    deposited = np.zeros_like(radius)
    for e, n, r0, loss, i, w in zip(energy, number, csda, radiated, low, share, strict=True):
        at = np.minimum(radius / r0, table["r_over_csda"][-1])
        inside = (1 - w) * np.interp(at, table["r_over_csda"], table["cumulative"][i])
        inside += w * np.interp(at, table["r_over_csda"], table["cumulative"][i + 1])
        deposited += n * e * (1 - loss) * inside
    deposited[1:] += nuclide.auger_mev
    return PointKernel(nuclide.name, radius, deposited)


def _extrapolate(x: NDArray[np.float64], known: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear interpolation that goes on with the end's slope below the table (electrons under 10 keV: micrometres)."""
    slope = (value[1] - value[0]) / (known[1] - known[0])
    return np.where(x < known[0], value[0] + slope * (x - known[0]), np.interp(x, known, value))


@functools.lru_cache(maxsize=32)
def photon_point_kernel(name: str) -> PointKernel:
    """Fold the mono-energetic photon kernels (build-up included) with a nuclide's gammas and X rays."""
    nuclide = _with_emissions(name)
    table = _photons()
    lines = nuclide.photons()
    log_e = np.log(table["energy_mev"])
    deposited = np.zeros_like(table["radius_g_per_cm2"])
    for energy, number in lines:
        at = np.clip(np.log(energy), log_e[0], log_e[-1])
        i = int(np.clip(np.searchsorted(log_e, at) - 1, 0, len(log_e) - 2))
        w = (at - log_e[i]) / (log_e[i + 1] - log_e[i])
        deposited += number * energy * ((1 - w) * table["cumulative"][i] + w * table["cumulative"][i + 1])
    return PointKernel(nuclide.name, table["radius_g_per_cm2"].copy(), deposited)

"""Point kernels in water: energy deposited inside a radius around one decay, electrons and photons.

Mono-energetic kernels come from Monte Carlo (``tools/nuclides``) and are folded with a nuclide's emissions here.
Radii are in g/cm², so one kernel serves every density of the same material.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.nuclides.nuclide import Nuclide, get_nuclide, list_nuclides

ROOM = "nuclides"
BREMSSTRAHLUNG_FLOOR_MEV = 0.003
"""Bremsstrahlung below this is listed at this energy: it is absorbed within 50 micrometres."""


@dataclass(frozen=True)
class PointKernel:
    """Energy deposited inside a radius, per decay.

    ``radius_g_per_cm2`` ``(n,)`` from 0; ``energy_mev`` ``(n,)`` cumulative, from 0 to all that is deposited.
    """

    nuclide: str
    radius_g_per_cm2: NDArray[np.float64]
    energy_mev: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.radius_g_per_cm2.shape != self.energy_mev.shape or self.radius_g_per_cm2[0] != 0 or self.energy_mev[0] != 0:
            raise ValueError("a point kernel starts with 0 energy at radius 0 and has one energy a radius")
        if np.any(np.diff(self.radius_g_per_cm2) <= 0) or np.any(np.diff(self.energy_mev) < -1e-9):
            raise ValueError("a point kernel's radii rise and its cumulative energy does not fall")

    @property
    def total_mev(self) -> float:
        """Energy deposited inside the largest radius, MeV per decay."""
        return float(self.energy_mev[-1])

    def shells(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mid radius (g/cm²) and energy (MeV) of each shell."""
        return 0.5 * (self.radius_g_per_cm2[1:] + self.radius_g_per_cm2[:-1]), np.diff(self.energy_mev)

    def radius_holding(self, fraction: float) -> float:
        """Radius in g/cm² that holds this fraction of the energy (0.9: the R90 of point-kernel tables)."""
        return float(np.interp(fraction * self.total_mev, self.energy_mev, self.radius_g_per_cm2))


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
        raise InputError(
            "no dose can be computed with this nuclide: only its half-life is shipped",
            expected=able,
            found=nuclide.name,
            remedy="use one of these",
        )
    return nuclide


def csda_range_g_per_cm2(energy_mev: NDArray[np.float64]) -> NDArray[np.float64]:
    """CSDA range of electrons in water from the shipped table; below 10 keV and above 2.5 MeV by its end slopes."""
    table = _electrons()
    return np.asarray(np.exp(_extrapolate(np.log(energy_mev), np.log(table["energy_mev"]), np.log(table["csda_g_per_cm2"]))))


def _extrapolate(x: NDArray[np.float64], known: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    low = (value[1] - value[0]) / (known[1] - known[0])
    high = (value[-1] - value[-2]) / (known[-1] - known[-2])
    inner = np.interp(x, known, value)
    return np.where(x < known[0], value[0] + low * (x - known[0]), np.where(x > known[-1], value[-1] + high * (x - known[-1]), inner))


def _emitted(nuclide: Nuclide) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    energy, number = nuclide.electrons_and_auger()
    keep = (energy > 0) & (number > 0)
    return energy[keep], number[keep]


@functools.lru_cache(maxsize=32)
def electron_point_kernel(name: str) -> PointKernel:
    """Fold the mono-energetic electron kernels with a nuclide's betas, conversion and Auger electrons.

    What is radiated as bremsstrahlung is not deposited here (below 1 % of the energy for 90Y, 0.2 % for 177Lu): it is
    part of :func:`photon_point_kernel`. Alphas are not electrons: see ``Nuclide.alpha_mev``.
    """
    nuclide = _with_emissions(name)
    table = _electrons()
    energy, number = _emitted(nuclide)
    if not len(energy):
        return PointKernel(nuclide.name, np.array([0.0, 1e-9]), np.zeros(2))
    log_e, x = np.log(table["energy_mev"]), np.log(energy)
    csda = csda_range_g_per_cm2(energy)
    kept = number * energy * (1 - np.interp(x, log_e, table["radiated_fraction"]))
    largest = 1.2 * float(csda.max())
    radius = np.concatenate([[0.0], np.geomspace(largest * 1e-6, largest, 700)])
    low = np.clip(np.searchsorted(log_e, x) - 1, 0, len(log_e) - 2)
    share = np.clip((x - log_e[low]) / (log_e[low + 1] - log_e[low]), 0.0, 1.0)
    deposited = np.zeros_like(radius)
    grid, cumulative = table["r_over_csda"], table["cumulative"]
    for e, r0, i, w in zip(kept, csda, low, share, strict=True):
        deposited += e * np.interp(radius / r0, grid, (1 - w) * cumulative[i] + w * cumulative[i + 1])
    return PointKernel(nuclide.name, radius, deposited)


@functools.lru_cache(maxsize=32)
def bremsstrahlung_lines(name: str) -> NDArray[np.float64]:
    """Bremsstrahlung photons of a nuclide's electrons in water, ``(line, 2)``: MeV and number per decay."""
    table = _electrons()
    energy, number = _emitted(_with_emissions(name))
    if "bremsstrahlung_share" not in table or not len(energy):
        return np.zeros((0, 2))
    log_e, x = np.log(table["energy_mev"]), np.log(energy)
    radiated = number * energy * np.interp(x, log_e, table["radiated_fraction"])
    share = table["bremsstrahlung_share"]
    nearest = np.abs(x[:, None] - log_e[None, :]).argmin(axis=1)
    relative = (np.arange(share.shape[1]) + 0.5) / share.shape[1]
    photon = np.maximum(energy[:, None] * relative, BREMSSTRAHLUNG_FLOOR_MEV)
    edges = np.geomspace(BREMSSTRAHLUNG_FLOOR_MEV, max(float(photon.max()), 2 * BREMSSTRAHLUNG_FLOOR_MEV) * 1.0001, 61)
    middle = np.sqrt(edges[1:] * edges[:-1])
    total, _ = np.histogram(photon, edges, weights=radiated[:, None] * share[nearest])
    return np.stack([middle, total / middle], axis=1)


@functools.lru_cache(maxsize=32)
def photon_point_kernel(name: str) -> PointKernel:
    """Fold the mono-energetic photon kernels (build-up included) with all photons that a decay makes in water.

    These are gammas, X rays, annihilation photons and the bremsstrahlung of the electrons. Between table energies the
    cumulative fraction is interpolated at equal numbers of mean free paths.
    """
    nuclide = _with_emissions(name)
    table = _photons()
    lines = np.concatenate([nuclide.photons(), bremsstrahlung_lines(name)])
    radius, log_e = table["radius_g_per_cm2"], np.log(table["energy_mev"])
    log_mu = np.log(table["attenuation_cm2_per_g"])
    deposited = np.zeros_like(radius)
    for energy, number in lines[(lines[:, 0] > 0) & (lines[:, 1] > 0)]:
        at = np.clip(np.log(energy), log_e[0], log_e[-1])
        i = int(np.clip(np.searchsorted(log_e, at) - 1, 0, len(log_e) - 2))
        w = (at - log_e[i]) / (log_e[i + 1] - log_e[i])
        paths = radius * np.exp((1 - w) * log_mu[i] + w * log_mu[i + 1])
        for row, part in ((i, 1 - w), (i + 1, w)):
            deposited += number * energy * part * np.interp(paths, radius * np.exp(log_mu[row]), table["cumulative"][row])
    return PointKernel(nuclide.name, radius.copy(), np.maximum.accumulate(deposited))


def photon_energy_within(name: str, radii_cm: Sequence[float], density_g_per_cm3: float = 1.0) -> list[dict[str, float]]:
    """Photon energy (MeV per decay, bremsstrahlung in it) that water takes up within each radius of a point source, and its share.

    Checked by a second road: photons followed one by one with NIST's coefficients (``tests/nuclides/test_photon_energy.py``).
    """
    kernel = photon_point_kernel(name)
    found = np.interp(np.asarray(radii_cm, float) * density_g_per_cm3, kernel.radius_g_per_cm2, kernel.energy_mev)
    whole = kernel.total_mev or 1.0
    return [{"radius_cm": float(r), "energy_mev": float(e), "share": float(e) / whole} for r, e in zip(radii_cm, found, strict=True)]


def energy_closure(name: str) -> float:
    """Energy that both point kernels deposit over all that a decay emits as electrons and photons (1 is complete)."""
    nuclide = _with_emissions(name)
    emitted = nuclide.electron_energy_mev + nuclide.photon_energy_mev
    deposited = electron_point_kernel(nuclide.name).total_mev + photon_point_kernel(nuclide.name).total_mev
    return deposited / emitted if emitted > 0 else 1.0

"""Collision stopping power of water for electrons, and the LET of a nuclide's electrons.

Bethe formula with Møller's term (ICRU Report 37, 1984, eq. 2.7), mean excitation energy 75 eV and Sternheimer's density
effect of liquid water (Sternheimer, Berger, Seltzer 1984): the choices of NIST's ESTAR, computed here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.nuclides.kernels import csda_range_g_per_cm2
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spectra import ELECTRON_MEV

MEAN_EXCITATION_MEV = 75.0e-6
ELECTRONS = 0.1535375 * 0.555084
"""2π r_e² m_e c² N_A Z/A of water, MeV cm²/g."""
LOWEST_MEV = 1.0e-3
"""Below 1 keV the Bethe formula fails; the tracks end there (their length is under 0.1 micrometre)."""


def collision_stopping_power(energy_mev: ArrayLike) -> NDArray[np.float64]:
    """Mass collision stopping power of water in MeV cm²/g for electrons of 1 keV and more, shape of the input."""
    e = np.maximum(np.asarray(energy_mev, dtype=np.float64), LOWEST_MEV)
    tau = e / ELECTRON_MEV
    beta2 = tau * (tau + 2) / (tau + 1) ** 2
    term = 1 - beta2 + (tau**2 / 8 - (2 * tau + 1) * np.log(2)) / (tau + 1) ** 2
    x = np.log10(np.sqrt(tau * (tau + 2)))
    density = np.where(x < 0.24, 0.0, 2 * np.log(10) * x - 3.5017 + np.where(x < 2.8004, 0.09116 * np.abs(2.8004 - x) ** 3.4773, 0.0))
    ratio = MEAN_EXCITATION_MEV / ELECTRON_MEV
    return np.asarray(ELECTRONS / beta2 * (np.log(tau**2 * (tau + 2) / (2 * ratio**2)) + term - density))


@dataclass(frozen=True)
class ElectronLet:
    """LET of a nuclide's electrons in water along their whole tracks, unrestricted collision loss, keV/µm."""

    nuclide: str
    track_average_kev_per_um: float
    dose_average_kev_per_um: float


def electron_let(nuclide: str) -> ElectronLet:
    """Track- and dose-averaged collision LET of a nuclide's electrons (beta, conversion, Auger), slowing down continuously.

    The track average is energy lost over path length; the dose average weighs the stopping power with the energy lost.
    """
    found = get_nuclide(nuclide)
    energy, number = found.electrons_and_auger()
    keep = energy > LOWEST_MEV
    energy, number = energy[keep], number[keep]
    grid = np.geomspace(LOWEST_MEV, max([2 * LOWEST_MEV, *energy]), 4000)
    stopping = collision_stopping_power(grid)
    width = np.diff(grid)
    path = np.concatenate([[0.0], np.cumsum(width * 0.5 * (1 / stopping[1:] + 1 / stopping[:-1]))])
    loss = np.concatenate([[0.0], np.cumsum(width * 0.5 * (stopping[1:] + stopping[:-1]))])
    energy_lost = float((number * (energy - LOWEST_MEV)).sum())
    if energy_lost <= 0:
        return ElectronLet(found.name, float("nan"), float("nan"))
    track = energy_lost / float((number * np.interp(energy, grid, path)).sum())
    dose = float((number * np.interp(energy, grid, loss)).sum()) / energy_lost
    # MeV cm²/g in water of 1 g/cm³ is 0.1 keV/µm.
    return ElectronLet(found.name, 0.1 * track, 0.1 * dose)


def beta_ranges_mm(nuclide: str) -> tuple[float, float]:
    """CSDA ranges in water (1 g/cm³) of a nuclide's betas: at the highest endpoint, and weighted with their energy; mm."""
    found = get_nuclide(nuclide)
    branches = found.beta_minus + found.beta_plus
    energy, number = found.beta_spectrum()
    if not len(energy):
        return float("nan"), float("nan")
    highest = max([b.endpoint_mev for b in branches] or [float(energy.max())])
    weight = energy * number
    mean = float((weight * csda_range_g_per_cm2(np.maximum(energy, 1e-6))).sum() / weight.sum())
    return 10.0 * float(csda_range_g_per_cm2(np.array([highest]))[0]), 10.0 * mean

"""Shapes of beta spectra: Fermi function and the factor of unique first-forbidden transitions."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError

ELECTRON_MEV = 0.51099895
FINE_STRUCTURE = 7.2973525693e-3
BINS = 400


@dataclass(frozen=True)
class BetaBranch:
    """One beta branch.

    ``endpoint_mev`` is the endpoint of the kinetic energy, ``per_decay`` the number per decay, ``unique`` marks a unique
    first-forbidden transition, and ``z`` is the daughter's atomic number: negative for positrons.
    """

    endpoint_mev: float
    per_decay: float
    unique: bool
    z: int

    def __post_init__(self) -> None:
        if not 0 < self.endpoint_mev < 20:
            raise InputError(
                "a beta endpoint is out of range", expected="0 to 20 MeV", found=f"{self.endpoint_mev:g}", remedy="give endpoint_mev in MeV"
            )
        if not 0 < self.per_decay <= 1.0 + 1e-6:
            raise InputError(
                "a beta branch has an impossible intensity",
                expected="above 0, at most 1 per decay",
                found=f"{self.per_decay:g}",
                remedy="give per_decay as a number per decay, not in percent",
            )


@functools.lru_cache(maxsize=64)
def beta_spectrum(branches: tuple[BetaBranch, ...], mass_number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energies (MeV) and number per decay in each of the bins of all branches, ``(bin,)`` each."""
    energies, numbers = [np.zeros(0)], [np.zeros(0)]
    for branch in branches:
        edges = np.linspace(0.0, branch.endpoint_mev, BINS + 1)
        energy = 0.5 * (edges[1:] + edges[:-1])
        shape = beta_shape(energy, branch.endpoint_mev, branch.z, mass_number, branch.unique)
        energies.append(energy)
        numbers.append(branch.per_decay * shape / shape.sum())
    return np.concatenate(energies), np.concatenate(numbers)


def fermi_function(k: int, momentum: NDArray[np.float64], z: int, mass_number: int) -> NDArray[np.float64]:
    """Generalised Fermi function F_(k-1) of a point charge at the nuclear radius (Behrens and Jänecke 1969).

    ``momentum`` in units of the electron mass; ``z`` negative for positrons. k = 1 is the usual Fermi function.
    """
    from scipy.special import gamma, loggamma

    total = np.sqrt(momentum**2 + 1)
    az = FINE_STRUCTURE * z
    gk = np.sqrt(k**2 - az**2)
    y = az * total / momentum
    radius = 1.2e-13 * mass_number ** (1 / 3) / 3.8615926796e-11
    double_factorial = float(np.prod(np.arange(1, 2 * k, 2)))
    log_gamma = 2 * np.real(loggamma(gk + 1j * y))
    scale = 4.0 ** (k - 1) * 2 * k * (k + gk) * double_factorial**2
    return np.asarray(scale * (2 * momentum * radius) ** (2 * (gk - k)) * np.exp(np.pi * y + log_gamma) / gamma(1 + 2 * gk) ** 2)


def beta_shape(energy_mev: NDArray[np.float64], endpoint_mev: float, z: int, mass_number: int, unique: bool) -> NDArray[np.float64]:
    """Unnormalised beta spectrum at these kinetic energies; ``z`` is that of the daughter, negative for positrons.

    Allowed shape, and for unique first-forbidden branches the factor q² + λ₂ p² with λ₂ = F₁/F₀.
    Positron spectra are corrected for screening; for electrons that changes these mean energies by under 0.1 %.
    """
    total = energy_mev / ELECTRON_MEV + 1.0
    momentum = np.sqrt(total**2 - 1.0)
    neutrino = (endpoint_mev - energy_mev) / ELECTRON_MEV
    fermi = fermi_function(1, momentum, z, mass_number)
    if z < 0:
        # Positrons see the nucleus through the atom's electrons: Rose's shift of the energy (Phys Rev 1936;49:727).
        shifted = total + 1.13 * FINE_STRUCTURE**2 * abs(z) ** (4 / 3)
        bare = np.sqrt(shifted**2 - 1.0)
        fermi = fermi_function(1, bare, z, mass_number) * bare * shifted / (momentum * total)
    shape = momentum * total * neutrino**2 * fermi
    if unique:
        shape = shape * (neutrino**2 + fermi_function(2, momentum, z, mass_number) / fermi * momentum**2)
    return np.asarray(np.maximum(shape, 0.0))

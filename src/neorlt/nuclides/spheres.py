"""S-values of uniform spheres, from the point kernels.

The mean absorbed fraction of a sphere of radius R is the point kernel weighted with the chance that two points at
distance r lie both inside: φ(R) = ∫₀^2R f(r) (1 − 3r/4R + r³/16R³) dr (Berger 1970, MIRD 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core.errors import InputError
from neorlt.nuclides.chains import decay_chain
from neorlt.nuclides.kernels import PointKernel, electron_point_kernel, photon_point_kernel
from neorlt.nuclides.nuclide import get_nuclide

MGY_G_PER_MEV_MBQ_S = 0.1602176634
"""1 MBq·s is 1e6 decays, 1 MeV is 1.602176634e-13 J (CODATA 2018, exact): mGy in one gram."""


def s_from_energy(energy_mev: ArrayLike, mass_g: ArrayLike) -> NDArray[np.float64]:
    """MGy per MBq·s from the energy absorbed per decay (MeV) in a mass (g)."""
    return np.asarray(np.asarray(energy_mev, np.float64) * MGY_G_PER_MEV_MBQ_S / np.asarray(mass_g, np.float64))


@dataclass(frozen=True, eq=False)
class SphereSValues:
    """S-values of spheres, each array ``(mass,)``.

    ``phi_electron`` is the absorbed fraction of the emitted electron energy (bremsstrahlung counts as not absorbed);
    ``photon_mev`` the photon energy absorbed per decay. Alphas are absorbed whole (range below 0.1 mm).
    """

    nuclide: str
    mass_g: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    s_mgy_per_mbq_s: NDArray[np.float64]
    phi_electron: NDArray[np.float64]
    photon_mev: NDArray[np.float64]


def absorbed_mev(kernel: PointKernel, radius_g_per_cm2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy absorbed in spheres of these radii (g/cm²), MeV per decay, ``(sphere,)``."""
    r, e = kernel.shells()
    x = r[None, :] / radius_g_per_cm2[:, None]
    weight = np.where(x < 2.0, 1.0 - 0.75 * x + x**3 / 16.0, 0.0)
    return np.asarray((weight * e).sum(axis=1))


def sphere_s_values(nuclide: str, mass_g: ArrayLike, density_g_per_cm3: float = 1.0, *, with_daughters: bool = False) -> SphereSValues:
    """S-values of spheres of water-like tissue.

    Parameters
    ----------
    nuclide
        Name, any usual spelling.
    mass_g
        ``(mass,)`` masses, above 0 g.
    density_g_per_cm3
        Density; the kernel scales with it.
    with_daughters
        Whether the decays of all daughters (225Ac, 212Pb) count, per decay of the parent and in the same place.

    Raises
    ------
    InputError
        For masses or a density out of range, or a nuclide without emissions.
    """
    mass = np.atleast_1d(np.asarray(mass_g, dtype=np.float64))
    if np.any(~np.isfinite(mass)) or np.any(mass <= 0):
        raise InputError("a sphere's mass is not above 0 g", found=str(mass.tolist()), remedy="give masses in grams")
    if not 0.1 <= density_g_per_cm3 <= 3.0:
        raise InputError("a density is out of range", expected="0.1 to 3 g/cm3", found=f"{density_g_per_cm3:g}", remedy="give g/cm3")
    radius_cm = (3.0 * mass / (4.0 * np.pi * density_g_per_cm3)) ** (1.0 / 3.0)
    depth = radius_cm * density_g_per_cm3
    chain = decay_chain(nuclide)
    members = list(zip(chain.names, chain.decays_per_parent, strict=True)) if with_daughters else [(chain.names[0], 1.0)]
    electron, photon, alpha, emitted = np.zeros_like(mass), np.zeros_like(mass), 0.0, 0.0
    for name, decays in members:
        electron += decays * absorbed_mev(electron_point_kernel(name), depth)
        photon += decays * absorbed_mev(photon_point_kernel(name), depth)
        alpha += decays * get_nuclide(name).alpha_mev
        emitted += decays * get_nuclide(name).electron_energy_mev
    phi = electron / emitted if emitted > 0 else np.ones_like(mass)
    return SphereSValues(chain.names[0], mass, radius_cm * 10.0, s_from_energy(electron + photon + alpha, mass), phi, photon)

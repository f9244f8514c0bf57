"""Cross-fire: "90Y or 177Lu for this lesion?" answered with absorbed fractions, ranges, dose rates and LET."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core.errors import InputError
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.nuclides.chains import charged_mev
from neorlt.nuclides.kernels import electron_point_kernel
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spheres import sphere_s_values
from neorlt.nuclides.stopping import beta_ranges_mm, electron_let
from neorlt.nuclides.therapy import gives_alphas

KIDNEY_MASS_G = 155.0
"""One kidney of the reference man: 310 g the pair (ICRP Publication 89, 2002)."""


@dataclass(frozen=True)
class LesionAnswer:
    """What one nuclide does in a spherical lesion with uniform uptake.

    Attributes
    ----------
    absorbed_fraction
        Of the electron energy, in the lesion.
    edge_to_centre
        Dose at the rim over dose at the centre, electrons only (cross-fire evens out hot spots, and leaks at the rim).
    dose_rate_mgy_per_h_per_mbq
        Initial mean dose rate per MBq in the lesion.
    r90_mm, csda_max_mm, csda_mean_mm
        Radius that holds 90 % of the point kernel's energy; CSDA range at the endpoint; energy-weighted CSDA range.
    let_track_kev_per_um, let_dose_kev_per_um
        Track- and dose-averaged collision LET of the electrons; None for a nuclide whose chain gives alphas, whose dose is theirs.
    charged_mev
        Energy of electrons and of alphas per decay of the parent, its chain in place, MeV.
    """

    nuclide: str
    diameter_mm: float
    absorbed_fraction: float
    s_mgy_per_mbq_s: float
    edge_to_centre: float
    dose_rate_mgy_per_h_per_mbq: float
    half_life_h: float
    r90_mm: float
    csda_max_mm: float
    csda_mean_mm: float
    let_track_kev_per_um: float | None
    let_dose_kev_per_um: float | None
    charged_mev: tuple[float, float]


def mass_of_sphere_g(diameter_mm: ArrayLike) -> NDArray[np.float64]:
    """Mass in g of a sphere of soft tissue of this diameter in mm, shape of the input."""
    diameter = np.asarray(diameter_mm, dtype=np.float64)
    if np.any(~np.isfinite(diameter)) or np.any(diameter <= 0):
        raise InputError("a diameter is not above 0 mm", found=str(diameter.tolist()), remedy="give diameters in millimetres")
    return np.asarray(np.pi / 6.0 * (diameter / 10.0) ** 3 * SOFT_TISSUE_G_PER_CM3)


@functools.cache
def pattern_left(nuclide: str, diameter_mm: tuple[float, ...]) -> dict[str, NDArray[np.float64]]:
    """How much of a pattern of activity is left in the dose of the nuclide's electrons, by the size of its patches.

    Parameters
    ----------
    nuclide
        A nuclide whose emissions are known.
    diameter_mm
        Diameters L of patches in an otherwise uniform surrounding.

    Returns
    -------
    dict
        ``own_dose`` ``(diameter,)``: share of the electron energy that a patch keeps (self-absorbed fraction of a sphere of radius
        L/2), so that a patch with relative uptake u has the dose ``D [1 + own_dose (u - 1)]``. ``pattern_sd`` ``(diameter,)``: standard
        deviation that cross-fire leaves of a random pattern with a Gaussian correlation of length L/2, over that before.
    """
    r, e = electron_point_kernel(nuclide).shells()
    radius_mm, energy = 10.0 * r, e / e.sum()
    half = 0.5 * np.asarray(diameter_mm, np.float64)
    return {"own_dose": np.array([_own_dose(radius_mm, energy, length) for length in half]),
            "pattern_sd": np.array([_pattern_sd(radius_mm, energy, length) for length in half])}


def _own_dose(radius_mm: NDArray[np.float64], energy: NDArray[np.float64], patch_radius_mm: float) -> float:
    """Self-absorbed fraction of a sphere from the energy that shells at these distances take up (sum 1)."""
    x = radius_mm / patch_radius_mm
    return float((energy * np.where(x < 2, 1 - 0.75 * x + x**3 / 16, 0.0)).sum())


def _pattern_sd(radius_mm: NDArray[np.float64], energy: NDArray[np.float64], correlation_mm: float) -> float:
    """SD that smoothing by the kernel leaves of a random field with Gaussian correlation, over its SD before."""
    k = np.linspace(0, 6 / correlation_mm, 400)
    transfer = (energy[None, :] * np.sinc(k[:, None] * radius_mm[None, :] / np.pi)).sum(axis=1)
    power = k**2 * np.exp(-0.5 * (k * correlation_mm) ** 2)
    return float(np.sqrt(np.trapezoid(power * transfer**2, k) / np.trapezoid(power, k)))


def _edge_to_centre(nuclide: str, radius_g_per_cm2: float) -> float:
    """Dose at the rim over dose at the centre of a uniform sphere, by the share of each shell that lies inside."""
    r, e = electron_point_kernel(nuclide).shells()
    centre = float(e[r <= radius_g_per_cm2].sum())
    # From a point on the rim the share of a shell of radius r inside the sphere is 1/2 - r/4R.
    rim = float((e * np.clip(0.5 - r / (4 * radius_g_per_cm2), 0.0, None)).sum())
    return rim / centre


def answer_for_lesion(diameter_mm: float, nuclides: Sequence[str] = ("Lu-177", "Y-90")) -> tuple[LesionAnswer, ...]:
    """Compare nuclides for one spherical lesion with uniform uptake.

    Parameters
    ----------
    diameter_mm
        Diameter, above 0.
    nuclides
        Names, any usual spelling.
    """
    mass = float(mass_of_sphere_g(diameter_mm))
    out = []
    for name in nuclides:
        sphere = sphere_s_values(name, [mass], SOFT_TISSUE_G_PER_CM3)
        s = float(sphere.s_mgy_per_mbq_s[0])
        far, mean = beta_ranges_mm(name)
        let = None if gives_alphas(name) else electron_let(name)
        out.append(
            LesionAnswer(
                sphere.nuclide,
                float(diameter_mm),
                float(sphere.phi_electron[0]),
                s,
                _edge_to_centre(name, float(sphere.radius_mm[0]) / 10.0 * SOFT_TISSUE_G_PER_CM3),
                3600.0 * s,
                get_nuclide(name).half_life_h,
                10.0 * electron_point_kernel(name).radius_holding(0.9),
                far,
                mean,
                None if let is None else let.track_average_kev_per_um,
                None if let is None else let.dose_average_kev_per_um,
                charged_mev(get_nuclide(name).name),
            )
        )
    return tuple(out)


def kidney_per_tumour_ratio(
    diameter_mm: ArrayLike,
    *,
    kidney_biological_half_life_h: float,
    tumour_biological_half_life_h: float,
    over: str = "Y-90",
    under: str = "Lu-177",
    kidney_mass_g: float = KIDNEY_MASS_G,
) -> NDArray[np.float64]:
    """Kidney Gy per tumour Gy of one nuclide over that of another, with the same biology and each one's own decay.

    Above 1 means that, for the same tumour dose, the kidney gets more from ``over`` than from ``under``. The kidney is
    taken as a sphere of its mass. Uptake cancels: both nuclides ride on the same peptide.

    Parameters
    ----------
    diameter_mm
        ``(lesion,)`` diameters of spherical lesions.
    kidney_biological_half_life_h, tumour_biological_half_life_h
        Biological half-lives (wash-out without decay), above 0; ``inf`` for none.
    kidney_mass_g
        Mass of one kidney.

    Returns
    -------
    ndarray
        ``(lesion,)`` ratios.
    """
    for name, value in (("kidney", kidney_biological_half_life_h), ("tumour", tumour_biological_half_life_h)):
        if not value > 0:
            raise InputError(
                f"the {name}'s biological half-life is not above 0 h", found=f"{value:g}", remedy="give hours, or inf for no wash-out"
            )
    masses = np.atleast_1d(mass_of_sphere_g(diameter_mm))

    def per_uptake(nuclide: str, mass_g: NDArray[np.float64], biological_h: float) -> NDArray[np.float64]:
        residence = 1.0 / (1.0 / get_nuclide(nuclide).half_life_h + 1.0 / biological_h)
        return sphere_s_values(nuclide, mass_g, SOFT_TISSUE_G_PER_CM3).s_mgy_per_mbq_s * residence

    def kidney_per_tumour(nuclide: str) -> NDArray[np.float64]:
        kidney = per_uptake(nuclide, np.array([kidney_mass_g]), kidney_biological_half_life_h)
        return kidney / per_uptake(nuclide, masses, tumour_biological_half_life_h)

    return np.asarray(kidney_per_tumour(over) / kidney_per_tumour(under))

"""The documents behind ``neorlt sphere`` and ``neorlt kernel``, and the cross-fire answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from neorlt.nuclides.crossfire import answer_for_lesion
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spheres import sphere_s_values
from neorlt.nuclides.voxels import voxel_s_values


def sphere_command(nuclide: str, mass_g: Sequence[float]) -> dict[str, Any]:
    """S-values of spheres of water, one row a mass."""
    result = sphere_s_values(nuclide, np.asarray(mass_g, dtype=np.float64))
    columns = (a.tolist() for a in (result.mass_g, result.radius_mm, result.s_mgy_per_mbq_s, result.phi_electron))
    return {
        "nuclide": result.nuclide,
        "spheres": [
            {"mass_g": m, "radius_mm": r, "s_mgy_per_mbq_s": s, "phi_electron": phi} for m, r, s, phi in zip(*columns, strict=True)
        ],
        "source": get_nuclide(nuclide).source,
    }


def kernel_command(nuclide: str, voxel_mm: float | tuple[float, ...], density_g_per_cm3: float) -> dict[str, Any]:
    """Voxel S-values of the electrons; keys are offsets in voxels, one octant (the rest follows by symmetry)."""
    edges = voxel_mm if isinstance(voxel_mm, int | float) else tuple(voxel_mm)
    kernel = voxel_s_values(nuclide, edges, density_g_per_cm3, photons=False)  # type: ignore[arg-type]
    values = kernel.s_mgy_per_mbq_s
    centre = [n // 2 for n in values.shape]
    octant = values[centre[0] :, centre[1] :, centre[2] :]
    return {
        "nuclide": kernel.nuclide,
        "voxel_mm": list(kernel.voxel_mm),
        "density_g_per_cm3": kernel.density_g_per_cm3,
        "s_mgy_per_mbq_s": {f"{i},{j},{k}": float(octant[i, j, k]) for i, j, k in np.ndindex(octant.shape)},
        "energy_closure": kernel.energy_closure,
    }


def crossfire_command(diameter_mm: Sequence[float], nuclides: Sequence[str] = ("Lu-177", "Y-90")) -> dict[str, Any]:
    """Absorbed fractions, ranges, dose rates and LET of nuclides in spherical lesions of these diameters."""
    return {"lesions": [{"diameter_mm": float(d), "nuclides": [asdict(a) for a in answer_for_lesion(d, nuclides)]} for d in diameter_mm]}

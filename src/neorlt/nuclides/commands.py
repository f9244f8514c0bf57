"""The documents behind ``neorlt sphere`` and ``neorlt kernel``, and the cross-fire answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.nuclides.chains import emitters
from neorlt.nuclides.crossfire import answer_for_lesion, kidney_per_tumour_ratio
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spheres import sphere_s_values
from neorlt.nuclides.user import read_nuclide
from neorlt.nuclides.voxels import voxel_s_values

KIDNEY_BIOLOGICAL_HALF_LIFE_H = 75.0
TUMOUR_BIOLOGICAL_HALF_LIFE_H = 250.0
"""Wash-out without decay, an example only: with 177Lu's decay, about 51 h effective in the kidney and 97 h in the tumour."""


def _known(nuclide: str, nuclide_file: Path | None) -> str:
    """The nuclide's name, after the user's own file has been read."""
    if nuclide_file is not None:
        read_nuclide(nuclide_file)
    return get_nuclide(nuclide).name


def sphere_command(
    nuclide: str, mass_g: Sequence[float], *, with_daughters: bool = False, nuclide_file: Path | None = None
) -> dict[str, Any]:
    """S-values of spheres of water, one row a mass."""
    name = _known(nuclide, nuclide_file)
    result = sphere_s_values(name, np.asarray(mass_g, dtype=np.float64), with_daughters=with_daughters)
    columns = (a.tolist() for a in (result.mass_g, result.radius_mm, result.s_mgy_per_mbq_s, result.phi_electron))
    return {
        "nuclide": result.nuclide,
        "spheres": [
            {"mass_g": m, "radius_mm": r, "s_mgy_per_mbq_s": s, "phi_electron": phi} for m, r, s, phi in zip(*columns, strict=True)
        ],
        "decays_per_parent": dict(emitters(name)) if with_daughters else {name: 1.0},
        "source": get_nuclide(name).source,
    }


def kernel_command(
    nuclide: str,
    voxel_mm: float | tuple[float, ...],
    density_g_per_cm3: float,
    *,
    medium: str = "water",
    with_daughters: bool = False,
    nuclide_file: Path | None = None,
) -> dict[str, Any]:
    """Voxel S-values of the electrons; keys are offsets in voxels, one octant (the rest follows by symmetry)."""
    edges = voxel_mm if isinstance(voxel_mm, int | float) else tuple(voxel_mm)
    name = _known(nuclide, nuclide_file)
    kernel = voxel_s_values(
        name, edges, density_g_per_cm3, photons=False, medium=medium, with_daughters=with_daughters  # type: ignore[arg-type]
    )
    values = kernel.s_mgy_per_mbq_s
    centre = [n // 2 for n in values.shape]
    octant = values[centre[0] :, centre[1] :, centre[2] :]
    return {
        "nuclide": kernel.nuclide,
        "voxel_mm": list(kernel.voxel_mm),
        "density_g_per_cm3": kernel.density_g_per_cm3,
        "medium": medium,
        "s_mgy_per_mbq_s": {f"{i},{j},{k}": float(octant[i, j, k]) for i, j, k in np.ndindex(octant.shape)},
        "energy_closure": kernel.energy_closure,
    }


def crossfire_command(
    diameter_mm: Sequence[float],
    nuclides: Sequence[str] = ("Lu-177", "Y-90"),
    *,
    kidney_biological_half_life_h: float = KIDNEY_BIOLOGICAL_HALF_LIFE_H,
    tumour_biological_half_life_h: float = TUMOUR_BIOLOGICAL_HALF_LIFE_H,
) -> dict[str, Any]:
    """Absorbed fractions, ranges, dose rates and LET of nuclides in spherical lesions, and the price in the kidney.

    ``kidney_gy_per_tumour_gy_over_first`` compares each nuclide with the first one; the half-lives of wash-out are an assumption.
    """
    lesions = []
    for diameter in diameter_mm:
        answers = [asdict(a) for a in answer_for_lesion(diameter, nuclides)]
        for answer, name in zip(answers, nuclides, strict=True):
            ratio = kidney_per_tumour_ratio(
                [diameter],
                kidney_biological_half_life_h=kidney_biological_half_life_h,
                tumour_biological_half_life_h=tumour_biological_half_life_h,
                over=name,
                under=nuclides[0],
            )
            answer["kidney_gy_per_tumour_gy_over_first"] = float(ratio[0])
        lesions.append({"diameter_mm": float(diameter), "nuclides": answers})
    return {
        "lesions": lesions,
        "assumed_biological_half_life_h": {"kidney": kidney_biological_half_life_h, "tumour": tumour_biological_half_life_h},
        "label": "physics computed; half-lives of wash-out are an assumption",
        "let": "LET of all beta emitters here is low (0.2 to 1 keV/um); alphas have 50 to 230. A choice between them is one of range.",
    }

"""``neorlt kernel``: voxel S-values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.core.manifest import to_json
from neorlt.core.output import write_atomic
from neorlt.jobs.sphere import known_nuclide
from neorlt.nuclides.kernels import photon_energy_within
from neorlt.nuclides.voxels import voxel_s_values

EDGE_NOTE = (
    "177Lu: photon energies and intensities are ENSDF's (208 keV: 10.4 % per decay), 4.8 % less photon energy than ICRP 107 (11.0 %): "
    "voxels across an edge are 5 % lower than codes that ran with ICRP 107 give, with its emissions within 4 % of theirs."
)


PHOTON_RADII_CM = (2.0, 5.0, 15.0)
"""Radii of a lesion, an organ and a trunk within which the photons' energy is shown."""


def _notes(nuclide: str, photons: bool) -> list[str]:
    if not photons:
        return ["Electrons alone: photons are left out, so voxels beyond the electrons' range are 0 and near ones too low."]
    return [EDGE_NOTE] if nuclide == "Lu-177" else []


def kernel_command(
    nuclide: str,
    voxel_mm: float | tuple[float, ...],
    density_g_per_cm3: float,
    *,
    medium: str = "water",
    with_daughters: bool = False,
    photons: bool = True,
    reach_mm: float = 30.0,
    nuclide_file: Path | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """Voxel S-values; keys are offsets in voxels, one octant (the rest follows by symmetry).

    Parameters
    ----------
    photons
        Whether photons are in; the document says so either way.
    reach_mm
        Offsets along an axis up to which values are listed; ``energy_listed`` is the part of the energy that they hold.
    out
        A file that takes the document.

    Raises
    ------
    InputError
        For a reach that is not above 0, and as :func:`~neorlt.nuclides.voxels.voxel_s_values`.
    """
    if not reach_mm > 0:
        raise InputError("the reach is not above 0 mm", found=f"{reach_mm:g}", remedy="give millimetres above 0")
    edges = voxel_mm if isinstance(voxel_mm, int | float) else tuple(voxel_mm)
    name = known_nuclide(nuclide, nuclide_file)
    kernel = voxel_s_values(
        name, edges, density_g_per_cm3, photons=photons, medium=medium, with_daughters=with_daughters  # type: ignore[arg-type]
    )
    values = kernel.s_mgy_per_mbq_s
    centre = [n // 2 for n in values.shape]
    reach = [min(c, max(1, int(np.ceil(reach_mm / edge)))) for c, edge in zip(centre, kernel.voxel_mm, strict=True)]
    octant = values[tuple(slice(c, c + r + 1) for c, r in zip(centre, reach, strict=True))]
    listed = values[tuple(slice(c - r, c + r + 1) for c, r in zip(centre, reach, strict=True))]
    document = {
        "nuclide": kernel.nuclide,
        "voxel_mm": list(kernel.voxel_mm),
        "density_g_per_cm3": kernel.density_g_per_cm3,
        "medium": medium,
        "s_mgy_per_mbq_s": {f"{i},{j},{k}": float(octant[i, j, k]) for i, j, k in np.ndindex(octant.shape)},
        "energy_closure": kernel.energy_closure,
        "energy_listed": float(listed.sum() / values.sum() * kernel.energy_closure),
        "photons": photons,
        "photon_energy_within": photon_energy_within(kernel.nuclide, PHOTON_RADII_CM, density_g_per_cm3) if photons else None,
        "notes": _notes(kernel.nuclide, photons),
    }
    if out is not None:
        write_atomic(out, to_json(document))
    return document

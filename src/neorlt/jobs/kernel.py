"""``neorlt kernel``: voxel S-values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.manifest import to_json
from neorlt.core.output import write_atomic
from neorlt.jobs.sphere import known_nuclide
from neorlt.nuclides.voxels import voxel_s_values


def kernel_command(
    nuclide: str,
    voxel_mm: float | tuple[float, ...],
    density_g_per_cm3: float,
    *,
    medium: str = "water",
    with_daughters: bool = False,
    nuclide_file: Path | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """Voxel S-values of the electrons; keys are offsets in voxels, one octant (the rest follows by symmetry).

    ``out`` is a file that takes the document.
    """
    edges = voxel_mm if isinstance(voxel_mm, int | float) else tuple(voxel_mm)
    name = known_nuclide(nuclide, nuclide_file)
    kernel = voxel_s_values(
        name, edges, density_g_per_cm3, photons=False, medium=medium, with_daughters=with_daughters  # type: ignore[arg-type]
    )
    values = kernel.s_mgy_per_mbq_s
    centre = [n // 2 for n in values.shape]
    octant = values[centre[0] :, centre[1] :, centre[2] :]
    document = {
        "nuclide": kernel.nuclide,
        "voxel_mm": list(kernel.voxel_mm),
        "density_g_per_cm3": kernel.density_g_per_cm3,
        "medium": medium,
        "s_mgy_per_mbq_s": {f"{i},{j},{k}": float(octant[i, j, k]) for i, j, k in np.ndindex(octant.shape)},
        "energy_closure": kernel.energy_closure,
    }
    if out is not None:
        write_atomic(out, to_json(document))
    return document

"""``neorlt sphere``: S-values of spheres."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.nuclides.chains import emitters
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spheres import sphere_s_values
from neorlt.nuclides.user import read_nuclide


def known_nuclide(nuclide: str, nuclide_file: Path | None) -> str:
    """The nuclide's name, after the user's own file has been read."""
    if nuclide_file is not None:
        read_nuclide(nuclide_file)
    return get_nuclide(nuclide).name


def sphere_command(
    nuclide: str, mass_g: Sequence[float], *, with_daughters: bool = False, nuclide_file: Path | None = None
) -> dict[str, Any]:
    """S-values of spheres of water, one row a mass."""
    name = known_nuclide(nuclide, nuclide_file)
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

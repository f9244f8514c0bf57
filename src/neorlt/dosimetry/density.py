"""Mass density from CT numbers."""

from __future__ import annotations

import numpy as np

from neorlt.core.citations import Citation, register
from neorlt.core.errors import InputError
from neorlt.imaging.volume import Unit, Volume

register(
    Citation(
        "schneider2000",
        "Schneider W et al. Correlation between CT numbers and tissue parameters. Phys Med Biol 2000;45:459-478",
        "10.1088/0031-9155/45/2/314",
    )
)

FLOOR_G_PER_CM3 = 0.2
"""No voxel counts as thinner than inflated lung (0.2–0.3): air holds no dose that matters and would divide by zero."""

_HU = np.array([-1024.0, -1000.0, -98.0, 14.0, 23.0, 50.0, 150.0, 300.0, 1600.0, 3000.0])
_DENSITY = np.array([0.00121, 0.00121, 0.930, 1.0305, 1.030, 1.0615, 1.0615, 1.1946, 1.9642, 2.793])


def density_from_ct(ct: Volume) -> Volume:
    """Density in g/cm³ from Hounsfield units: the piecewise lines of Schneider 2000 (their section 4), joined.

    Between 50 and 150 HU the density stays at that of 50 HU: no soft organ is denser than about 1.06 g/cm³ (ICRU 44), and
    what lifts its CT number there is contrast medium or the scanner, not mass.

    Raises
    ------
    InputError
        If the volume is not in Hounsfield units.
    """
    if ct.unit is not Unit.HU:
        raise InputError("density comes from CT numbers", expected="HU", found=str(ct.unit), remedy="give a CT volume")
    return ct.with_array(
        np.interp(ct.array, _HU, _DENSITY), unit=Unit.G_PER_CM3, notes=(*ct.notes, "density after Schneider 2000")
    )

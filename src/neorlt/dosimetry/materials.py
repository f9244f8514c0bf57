"""Materials from density: what a voxel is made of, for Monte Carlo and for exported simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MATERIALS = ("water", "air", "lung", "adipose", "cortical_bone")
"""Names in the order of the engine's registry; water stands for soft tissue."""
DENSITY_CUTS_G_PER_CM3 = (0.053, 0.907, 1.000, 1.070)
"""Upper density of air, lung, adipose and soft tissue; bone is above.

The usual cut points in CT numbers (-950, -120 and -20 HU) through the lines of Schneider 2000; the last one lies just above the
plateau on which those lines keep contrast medium (1.0615 g/cm3).
"""
_ORDER = (1, 2, 3, 0, 4)


def material_index(density_g_per_cm3: NDArray[Any]) -> NDArray[np.int32]:
    """Index into :data:`MATERIALS` of every voxel, shape of the input."""
    bins = np.digitize(density_g_per_cm3, DENSITY_CUTS_G_PER_CM3)
    return np.asarray(np.array(_ORDER, dtype=np.int32)[bins])

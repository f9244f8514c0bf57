"""A simulated scan of six hot spheres with the sizes of the Jaszczak phantom, in a cold surrounding.

What a centre would scan to learn its camera's blur: once on the axis, once moved aside. Synthetic: the camera is that of
the bundled patients.
"""

from __future__ import annotations

import numpy as np

from neorlt.core.draws import generator
from neorlt.imaging.recovery import PHANTOMS, PhantomScan
from neorlt.imaging.volume import Grid
from neorlt.phantoms.anatomy import axis_grid
from neorlt.phantoms.camera import Camera, blurred, counted
from neorlt.phantoms.spheres import sphere_occupancy

CONCENTRATION_MBQ_PER_ML = 1.0
SCAN_GRID = axis_grid((80, 64, 24), (4.8, 4.8, 4.8), "phantom")
_FINE_GRID = axis_grid((192, 154, 58), (2.0, 2.0, 2.0), "phantom")


def centres_mm(offset_mm: tuple[float, float]) -> tuple[tuple[float, float, float], ...]:
    """Centres of the six spheres, the largest first, 60° apart, for a phantom moved aside by ``offset_mm`` (x, y)."""
    circle = PHANTOMS["jaszczak"].circle_mm
    angles = np.deg2rad(60.0) * np.arange(6)
    return tuple((float(circle * np.cos(a) + offset_mm[0]), float(circle * np.sin(a) + offset_mm[1]), 0.0) for a in angles)


def scan_jaszczak(camera: Camera, offset_mm: tuple[float, float] = (0.0, 0.0), *, seed: int = 0, grid: Grid = SCAN_GRID) -> PhantomScan:
    """Scan in MBq/ml of spheres filled with :data:`CONCENTRATION_MBQ_PER_ML`, with the camera's blur and counting noise."""
    occupancy = np.zeros(_FINE_GRID.shape, np.float32)
    for centre, diameter in zip(centres_mm(offset_mm), PHANTOMS["jaszczak"].diameters_mm, strict=True):
        occupancy += sphere_occupancy(_FINE_GRID, centre, diameter)
    activity = occupancy * np.float32(CONCENTRATION_MBQ_PER_ML * _FINE_GRID.voxel_ml)
    seen = counted(blurred(activity, _FINE_GRID, grid, camera.blur), camera, generator(seed, "jaszczak", f"{offset_mm}"))
    return PhantomScan((seen / grid.voxel_ml).astype(np.float32), grid)

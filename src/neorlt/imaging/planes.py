"""Planes for display: CT, a map and outlines cut along the patient's axes through a point, ready to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.imaging.region import Region
from neorlt.imaging.resample import region_on, resample
from neorlt.imaging.volume import Grid, Volume

PLANES: Mapping[str, tuple[int, int, tuple[str, str, str, str]]] = {
    # plane: (patient axis across, patient axis down, letters left, right, top, bottom); LPS, radiological view.
    "axial": (0, 1, ("R", "L", "A", "P")),
    "coronal": (0, 2, ("R", "L", "H", "F")),
    "sagittal": (1, 2, ("A", "P", "H", "F")),
}
PIXEL_MM = 2.0


@dataclass(frozen=True)
class Plane:
    """Arrays ``(row, column)``, row 0 at the top; ``letters`` (left, right, top, bottom)."""

    plane: str
    ct_hu: NDArray[np.float32]
    overlay: NDArray[np.float32] | None
    contours: Mapping[str, NDArray[np.bool_]]
    letters: tuple[str, str, str, str]
    spacing_mm: tuple[float, float]
    corner_mm: tuple[float, float]
    """Patient millimetres (down, across) of the upper left corner; across grows to the right, down by :meth:`line`."""

    def line(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places ``(n, 3)`` of the patient as ``(n, 2)`` millimetres down and across from the upper left corner."""
        across, down, _ = PLANES[self.plane]
        sign = 1.0 if down == 1 else -1.0
        return np.stack([sign * (points_mm[:, down] - self.corner_mm[0]), points_mm[:, across] - self.corner_mm[1]], axis=1)


def cut(
    plane: str, centre_mm: NDArray[np.float64], ct: Volume, overlay: Volume | None, regions: Sequence[Region], pixel_mm: float = PIXEL_MM,
    box_mm: NDArray[np.float64] | None = None,
) -> Plane:
    """Cut a plane through ``centre_mm`` (patient millimetres) over the whole extent of the CT, or the part of it in ``box_mm`` (2, 3)."""
    across, down, letters = PLANES[plane]
    through = 3 - across - down
    corners = ct.grid.index_to_mm(np.array(np.meshgrid(*[[0, n - 1] for n in ct.grid.shape], indexing="ij")).reshape(3, -1).T)
    low, high = corners.min(axis=0), corners.max(axis=0)
    if box_mm is not None:
        low, high = np.maximum(low, box_mm[0]), np.minimum(high, box_mm[1])
    columns = int((high[across] - low[across]) / pixel_mm) + 1
    rows = int((high[down] - low[down]) / pixel_mm) + 1
    affine = np.zeros((4, 4))
    # The top row is the front or the head: y (to the back) grows downwards, z (to the head) upwards.
    affine[across, 0] = pixel_mm
    affine[down, 1] = pixel_mm if down == 1 else -pixel_mm
    affine[through, 2] = pixel_mm
    affine[3, 3] = 1.0
    affine[across, 3] = low[across]
    affine[down, 3] = low[down] if down == 1 else high[down]
    affine[through, 3] = centre_mm[through]
    grid = Grid((columns, rows, 1), affine, ct.grid.frame_of_reference)
    outlines = {}
    for region in regions:
        mask = region_on(region, grid, 1)[:, :, 0].T >= 0.5
        if mask.any():
            outlines[region.name] = mask
    return Plane(
        plane,
        resample(ct, grid).array[:, :, 0].T,
        None if overlay is None else resample(overlay, grid).array[:, :, 0].T,
        outlines,
        letters,
        (pixel_mm, pixel_mm),
        (float(affine[down, 3]) - 0.5 * float(affine[down, 1]), float(affine[across, 3]) - 0.5 * pixel_mm),
    )


def centre_of(region: Region) -> NDArray[np.float64]:
    """Centre of mass of a region in patient millimetres, ``(3,)``."""
    index = np.argwhere(region.occupancy > 0)
    weight = region.occupancy[tuple(index.T)]
    return region.grid.index_to_mm((index * weight[:, None]).sum(axis=0) / weight.sum())

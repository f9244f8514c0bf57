"""Dose inside one region on a fine grid: what a dose–volume histogram of a small region needs.

Voxels of 4–5 mm spread a region's edge over themselves; the dose falls there within a fraction of a millimetre (177Lu).
So the region's activity is laid on cells of half a millimetre or more by its own contour, electrons are convolved there,
and photons (which vary over centimetres) are taken from the image's voxels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.convolution import convolve
from neorlt.dosimetry.density import FLOOR_G_PER_CM3
from neorlt.dosimetry.dvh import CELLS_PER_REGION, DoseVolumeHistogram, Inside, sharp_occupancy, sub_cells
from neorlt.dosimetry.s_values import comes_first, settled_occupancies
from neorlt.dosimetry.voxel_dose import SECONDS_PER_HOUR, local_gy_per_mbq_h_per_ml
from neorlt.imaging.region import Region
from neorlt.imaging.resample import region_on
from neorlt.imaging.volume import Grid, Volume

Floats = NDArray[np.float64]
CELL_MM = 0.5
"""Smallest cell: the dose of 177Lu falls by half within 0.3 mm of an edge, and near-minimum doses (D98) lie there."""
MARGIN_MM = {"Lu-177": 3.0, "Y-90": 12.0}
"""Surroundings whose electrons reach into the region: the longest electron ranges (1.8 and 11 mm in water), rounded up."""
DEFAULT_MARGIN_MM = 12.0
OUTSIDE = 1e-3
"""Voxels with less of the region than this are its surroundings."""
SHARPNESS = 4
"""Power of the occupancy that weighs voxels when the concentration near an edge is carried outwards from full voxels."""


@dataclass(frozen=True)
class FineDose:
    """``dose_gy`` and ``occupancy`` ``(x, y, z)`` on the cells of ``grid``."""

    name: str
    grid: Grid
    dose_gy: NDArray[np.float32]
    occupancy: NDArray[np.float32]

    @property
    def mean_gy(self) -> float:
        """Mean dose in the region."""
        return float(np.average(self.dose_gy, weights=self.occupancy))

    def histogram(self, mean_gy: float | None = None) -> DoseVolumeHistogram:
        """Dose–volume histogram, cells weighted with the part of them that the region fills; scaled to a mean where one is given."""
        keep = self.occupancy > 0
        volume = self.occupancy[keep].astype(np.float64) * self.grid.voxel_ml
        dose = self.dose_gy[keep].astype(np.float64)
        if mean_gy is not None and self.mean_gy > 0:
            dose *= mean_gy / self.mean_gy
        return DoseVolumeHistogram(self.name, dose, volume)


def photon_dose(tia: Volume) -> NDArray[np.float32]:
    """Photon part of the dose in soft tissue on the grid of a map of time-integrated activity, Gy."""
    from neorlt.nuclides.voxels import voxel_s_values

    name, edges = str(tia.nuclide), tia.grid.spacing_mm
    kernels = [
        np.asarray(voxel_s_values(name, edges, SOFT_TISSUE_G_PER_CM3, photons=p, with_daughters=True).s_mgy_per_mbq_s)
        for p in (True, False)
    ]
    photons = kernels[0].copy()
    inner = tuple(slice((a - b) // 2, (a - b) // 2 + b) for a, b in zip(photons.shape, kernels[1].shape, strict=True))
    photons[inner] -= kernels[1]
    return convolve(tia.array, photons * (tia.grid.voxel_ml * SECONDS_PER_HOUR / 1000.0))


def fine_doses(
    tia: Volume,
    regions: Sequence[Region],
    totals_mbq_h: Sequence[float],
    *,
    density: Volume | None = None,
    cell_mm: float | None = None,
    contours: Mapping[str, Inside] | None = None,
    local: bool = False,
    relative: NDArray[np.float32] | None = None,
) -> tuple[FineDose, ...]:
    """Dose in each region on its own fine grid.

    Parameters
    ----------
    tia
        Map of time-integrated activity (MBq·h/ml) with its nuclide.
    regions
        Regions on that map.
    totals_mbq_h
        Time-integrated activity of each region: the fine activity holds exactly this.
    density
        Density in g/cm³ on the map's grid; soft tissue where left out.
    cell_mm
        Edge of the fine cells; 0.5 mm, more for regions above 10 ml, where left out.
    contours
        By name of region, a function of points ``(n, 3)`` in patient millimetres that says what part (0…1) lies in it, where the
        region is known better than by its occupancy of voxels.
    local
        Local deposition on the fine cells in the place of the kernel.
    relative
        ``(x, y, z)`` on the map's grid, another engine's dose over the kernel's: multiplies the fine dose.
    """
    photons = np.zeros(tia.grid.shape, dtype=np.float32) if local else photon_dose(tia)
    occupancies = settled_occupancies(list(regions), tia.grid)
    found = []
    for region, occupancy, total in zip(regions, occupancies, totals_mbq_h, strict=True):
        # An organ is without the lesions in it.
        within = [other for other in regions if comes_first(other, region) and _touch(other, region)]
        edge = cell_mm or max(CELL_MM, (region.volume_ml * 1000.0 / CELLS_PER_REGION) ** (1.0 / 3.0))
        found.append(_one(tia, region, within, occupancy, total, photons, density, edge, contours or {}, local, relative))
    return tuple(found)


def _surroundings(tia: NDArray[np.float32], occupancy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Concentration round about the region: the map where the region is not, carried into it from whole voxels near by.

    Voxels that hold part of the region say nothing of their surroundings: taken along, they would put the region's activity
    outside of it once more.
    """
    from scipy.ndimage import distance_transform_edt, uniform_filter

    outside = occupancy <= OUTSIDE
    if not outside.any():
        return np.zeros_like(tia)
    share = uniform_filter(outside.astype(np.float32), 3, mode="nearest")
    near = uniform_filter(np.where(outside, tia, np.float32(0.0)), 3, mode="nearest") / np.maximum(share, 1e-6)
    known = share > 1e-6
    index = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(np.where(outside, tia, near[tuple(index)]), dtype=np.float32)


def _cells_in(region: Region, cells: Grid, contours: Mapping[str, Inside]) -> Floats:
    """Part of every cell that lies in the region, by its contour where there is one."""
    contour = contours.get(region.name)
    if contour is None:
        return sharp_occupancy(region, cells)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in cells.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    return np.asarray(contour(cells.index_to_mm(index)), dtype=np.float64).reshape(cells.shape)


def _touch(one: Region, other: Region) -> bool:
    """Whether two regions share any place."""
    return bool(np.any((region_on(one, other.grid) > 0) & (other.occupancy > 0)))


def _one(
    tia: Volume,
    region: Region,
    within: Sequence[Region],
    occupancy: NDArray[np.float32],
    total_mbq_h: float,
    photons: NDArray[np.float32],
    density: Volume | None,
    edge: float,
    contours: Mapping[str, Inside],
    local: bool,
    relative: NDArray[np.float32] | None,
) -> FineDose:
    from scipy.ndimage import affine_transform

    from neorlt.nuclides.voxels import voxel_s_values

    grid = tia.grid
    spacing = np.array(grid.spacing_mm)
    margin = np.ceil(MARGIN_MM.get(str(tia.nuclide), DEFAULT_MARGIN_MM) / spacing).astype(int)
    filled = np.argwhere(occupancy > 0)
    low = np.maximum(filled.min(0) - margin, 0)
    high = np.minimum(filled.max(0) + margin, np.array(grid.shape) - 1)
    cuts = np.maximum(1, np.floor(spacing / edge + 1e-9).astype(int))
    cells = sub_cells(grid, low, high, cuts)

    def carried(array: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(
            affine_transform(
                array,
                1.0 / cuts,
                offset=low - 0.5 + 0.5 / cuts,
                output_shape=cells.shape,
                order=1,
                mode="nearest",
                output=np.float32,
            )
        )

    # Whole cells: one that is half in would hold half the activity and count half, and lower the mean at every edge twice.
    own = _cells_in(region, cells, contours)
    for other in within:
        own = np.minimum(own, 1.0 - _cells_in(other, cells, contours))
    own32 = own.astype(np.float32)
    weight = occupancy**SHARPNESS
    around = _surroundings(tia.array, occupancy)
    part = np.maximum(tia.array - (1.0 - occupancy) * around, 0.0)
    concentration = np.where(occupancy > 0, part / np.maximum(occupancy, 0.05), 0.0)
    inside = own32 * carried(concentration.astype(np.float32) * weight) / np.maximum(carried(weight), 1e-6)
    inside *= np.float32(total_mbq_h / max(float(inside.sum(dtype=np.float64)) * cells.voxel_ml, 1e-12))
    outside = (1.0 - own32) * carried(around)
    if local:
        dose = (inside + outside) * np.float32(local_gy_per_mbq_h_per_ml(str(tia.nuclide)))
    else:
        kernel = voxel_s_values(str(tia.nuclide), cells.spacing_mm, SOFT_TISSUE_G_PER_CM3, photons=False, with_daughters=True)
        scale = cells.voxel_ml * SECONDS_PER_HOUR / 1000.0
        dose = convolve(inside + outside, np.asarray(kernel.s_mgy_per_mbq_s) * scale) + carried(photons)
    if relative is not None:
        dose *= carried(relative)
    if density is not None:
        dose *= np.float32(SOFT_TISSUE_G_PER_CM3) / np.maximum(carried(density.array), np.float32(FLOOR_G_PER_CM3))
    return FineDose(region.name, cells, dose, own32)

"""Contours and occupancy: from polygons to voxels and back, true to area."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROWS_PER_VOXEL = 16
"""Scan lines per voxel row; along a line the covered length is exact."""


def rasterise(polygons: list[Floats], shape: tuple[int, int], rows_per_voxel: int = ROWS_PER_VOXEL) -> NDArray[np.float32]:
    """Return the part of each voxel ``(nx, ny)`` that closed polygons cover, by the even-odd rule.

    Parameters
    ----------
    polygons
        Each ``(n, 2)``, vertices in voxel indices (voxel ``i`` spans ``i ± ½``); a hole is a polygon inside another.

    Notes
    -----
    Each voxel row is cut into scan lines; on a line the crossings of all edges are sorted and the length between the
    first and second, third and fourth … is given to the voxels below it exactly.

    """
    nx, ny = shape
    starts = np.concatenate(polygons) + 0.5
    ends = np.concatenate([np.roll(p, -1, axis=0) for p in polygons]) + 0.5
    low, high = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    # scan line n lies at y = (n + ½)/rows_per_voxel; an edge is cut by the lines with low ≤ y < high
    first = np.clip(np.ceil(low * rows_per_voxel - 0.5).astype(int), 0, ny * rows_per_voxel)
    last = np.clip(np.ceil(high * rows_per_voxel - 0.5).astype(int), 0, ny * rows_per_voxel)
    count = last - first
    edge = np.repeat(np.arange(len(starts)), count)
    line = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    slope = np.divide(ends[:, 0] - starts[:, 0], ends[:, 1] - starts[:, 1], out=np.zeros(len(starts)), where=high > low)
    x = starts[edge, 0] + slope[edge] * ((line + 0.5) / rows_per_voxel - starts[edge, 1])
    order = np.lexsort((x, line))  # every line is crossed an even number of times: in, out, in, out …
    x, row = np.clip(x[order], 0.0, nx), line[order] // rows_per_voxel
    sign = np.where(np.arange(len(x)) % 2 == 0, -1.0, 1.0)
    # a length from x0 to x1 is (all cells left of x1) − (all cells left of x0), the cell at x itself in part
    cell = np.minimum(x.astype(int), nx - 1)
    at = row * nx + cell
    full = np.bincount(at, weights=sign, minlength=nx * ny).reshape(ny, nx)
    part = np.bincount(at, weights=sign * (x - cell), minlength=nx * ny).reshape(ny, nx)
    covered = full[:, ::-1].cumsum(axis=1)[:, ::-1] - full + part
    return np.clip(covered.T / rows_per_voxel, 0.0, 1.0).astype(np.float32)


def polygon_area(polygon: Floats) -> float:
    """Signed area of a closed polygon ``(n, 2)`` (shoelace formula)."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def trace(occupancy: NDArray[np.float32]) -> list[Floats]:
    """Return closed polygons ``(n, 2)`` in voxel indices that enclose the area of a slice's occupancy ``(nx, ny)``.

    The level of the contour is chosen so that the enclosed area (holes taken off) is the sum of the occupancy:
    the half level alone loses the corners of small regions.
    """
    from skimage import measure

    find_contours: Any = measure.find_contours

    wanted = float(occupancy.sum(dtype=np.float64))
    if wanted <= 0:
        return []
    padded = np.pad(occupancy.astype(np.float64), 1)

    def at(level: float) -> tuple[list[Floats], float]:
        found = [c[:-1] - 1.0 for c in find_contours(padded, level) if len(c) > 3]
        return found, abs(sum(polygon_area(c) for c in found))  # find_contours turns holes the other way round

    top = float(padded.max())
    low, high = 1e-3 * top, (1.0 - 1e-3) * top
    for _ in range(20):
        level = 0.5 * (low + high)
        _, area = at(level)
        low, high = (level, high) if area > wanted else (low, level)
    return at(0.5 * (low + high))[0]

"""Contours and occupancy: from polygons to voxels and back, true to area."""

from __future__ import annotations

from dataclasses import dataclass
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


def coverage(polygon: Floats, shape: tuple[int, int]) -> Floats:
    """Return the exact part of each voxel ``(nx, ny)`` that one closed polygon covers, by its signed area.

    Parameters
    ----------
    polygon
        ``(n, 2)``, vertices in voxel indices (voxel ``i`` spans ``i ± ½``). Turned so that its area is positive; a polygon that
        crosses itself shows by values below 0 or above 1.

    Notes
    -----
    Every edge is cut at all voxel boundaries. A piece inside one voxel adds the area between itself and the voxel's right side to
    that voxel, and its height to all voxels on the right: the sum along a row is the covered area (Green's theorem, voxel by voxel).

    """
    nx, ny = shape
    points = polygon + 0.5 if polygon_area(polygon) >= 0 else polygon[::-1] + 0.5
    start, end = points, np.roll(points, -1, axis=0)
    pieces = [_cuts(start, end, axis) for axis in (0, 1)]
    edge = np.concatenate([np.repeat(np.arange(len(start)), 2), *(e for e, _ in pieces)])
    part = np.concatenate([np.tile([0.0, 1.0], len(start)), *(t for _, t in pieces)])
    order = np.lexsort((part, edge))
    edge, part = edge[order], part[order]
    at = start[edge] + (end - start)[edge] * part[:, None]
    same = edge[1:] == edge[:-1]
    one, two = at[:-1][same], at[1:][same]
    middle = 0.5 * (one + two)
    rise = one[:, 1] - two[:, 1]  # an edge that goes down in y has the inside on its right
    column = np.clip(np.floor(middle[:, 0]).astype(int), -1, nx)
    row = np.floor(middle[:, 1]).astype(int)
    inside = (row >= 0) & (row < ny) & (column < nx) & (rise != 0)
    column, row, rise, x = column[inside], row[inside], rise[inside], middle[inside, 0]
    left = column < 0  # left of the grid: the whole row is on the right
    column = np.maximum(column, 0)
    first = np.where(left, 1.0, column + 1.0 - x) * rise
    flat = row * nx + column
    out = np.bincount(flat, weights=first, minlength=nx * ny).reshape(ny, nx)
    rest = np.bincount(flat, weights=rise - first, minlength=nx * ny).reshape(ny, nx)
    total = np.cumsum(out + rest, axis=1)
    return np.asarray((total - rest).T)


def _cuts(start: Floats, end: Floats, axis: int) -> tuple[NDArray[np.intp], Floats]:
    """Edge numbers and parts (0…1) at which edges cross whole numbers along an axis."""
    a, b = start[:, axis], end[:, axis]
    low, high = np.minimum(a, b), np.maximum(a, b)
    first, last = np.floor(low).astype(int) + 1, np.ceil(high).astype(int) - 1
    count = np.maximum(last - first + 1, 0)
    edge = np.repeat(np.arange(len(a)), count)
    step = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    return edge, (step - a[edge]) / (b - a)[edge]


TWIN = 0.98
"""Two contours that share this much of the larger one are one contour drawn twice; one inside another by this much lies in it."""


@dataclass(frozen=True)
class Filled:
    """Occupancy of a plane ``(nx, ny)``, and how many contours were twins of another, crossed one, or cross themselves."""

    occupancy: NDArray[np.float32]
    twins: int = 0
    crossing: int = 0
    tangled: int = 0


def fill(polygons: list[Floats], shape: tuple[int, int], exclusive: bool = False) -> Filled:
    """Return what the contours of one plane enclose, exact to area.

    A contour inside another is a hole, one inside a hole is an island, as planning systems write them; a twin of another contour is
    no hole; contours that cross are united. With ``exclusive`` (``CLOSEDPLANAR_XOR``, PS3.3 C.8.8.6.3) areas covered an odd number
    of times count, whatever lies in what.
    """
    if exclusive:
        return Filled(rasterise(polygons, shape))
    covered = [_simple(polygon, shape) for polygon in polygons]
    tangled = sum(is_tangled(polygon) for polygon in polygons)
    if len(covered) == 1:
        return Filled(np.clip(covered[0], 0.0, 1.0).astype(np.float32), tangled=tangled)
    order = sorted(range(len(covered)), key=lambda i: -float(covered[i].sum()))
    covered = [np.clip(covered[i], 0.0, 1.0) for i in order]
    area = [float(c.sum()) for c in covered]
    kept: list[int] = []
    depth: dict[int, int] = {}
    twins = crossing = 0
    for i, one in enumerate(covered):
        if area[i] <= 0:
            continue
        shared = {k: float(np.minimum(one, covered[k]).sum()) / area[i] for k in kept}
        if any(part >= TWIN and area[i] >= TWIN * area[k] for k, part in shared.items()):
            twins += 1
            continue
        inside = [k for k, part in shared.items() if part >= TWIN]
        crossing += any(1.0 - TWIN < part < TWIN for part in shared.values())
        depth[i] = len(inside)
        kept.append(i)
    out = np.zeros(shape)
    for level in range(max(depth.values(), default=-1) + 1):
        same = [covered[k] for k in kept if depth[k] == level]
        both = np.clip(np.sum(same, axis=0), 0.0, 1.0) if not crossing else np.max(same, axis=0)
        out = np.maximum(out - both, 0.0) if level % 2 else np.minimum(out + both, 1.0)
    return Filled(out.astype(np.float32), twins, crossing, tangled)


def _simple(polygon: Floats, shape: tuple[int, int]) -> Floats:
    """Exact coverage; by the even-odd rule where the polygon crosses itself."""
    exact = coverage(polygon, shape)
    if float(exact.min()) < -1e-6 or float(exact.max()) > 1.0 + 1e-6:
        return rasterise([polygon], shape).astype(np.float64)
    return exact


TANGLED = 2.0
"""A contour this many times as long as the outline of the smallest convex area that holds it has its points in the wrong order: the
most winding organs (a section of bowel or pancreas) stay below (assumption)."""
LEAST_POINTS = 6


def is_tangled(polygon: Floats) -> bool:
    """Whether a closed polygon ``(n, 2)`` jumps across itself again and again, as one does whose points were put in another order."""
    from scipy.spatial import ConvexHull, QhullError

    if len(polygon) < LEAST_POINTS:
        return False
    length = float(np.linalg.norm(polygon - np.roll(polygon, -1, axis=0), axis=1).sum())
    reach = np.ptp(polygon, axis=0)
    if length <= TANGLED * 2.0 * float(reach.max()):  # no convex outline is shorter than twice its longer side
        return False
    try:
        hull = ConvexHull(polygon).area  # the perimeter, in two dimensions
    except QhullError:
        return False
    return length > TANGLED * float(hull) and _crosses_itself(polygon)


def _crosses_itself(polygon: Floats) -> bool:
    """Whether two edges of a polygon cross."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    side = end - start

    def turn(at: Floats) -> Floats:
        """Side ``(edge, point)`` of every edge that points lie on."""
        return np.asarray(side[:, None, 0] * (at[None, :, 1] - start[:, None, 1]) - side[:, None, 1] * (at[None, :, 0] - start[:, None, 0]))

    apart = turn(start) * turn(end) < 0
    return bool(np.any(apart & apart.T))


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

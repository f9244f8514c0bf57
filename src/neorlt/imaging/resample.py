"""Carry volumes and regions from one grid to another."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.imaging.region import Region
from neorlt.imaging.volume import Grid, Unit, Volume

Floats = NDArray[np.float64]

AIR_HU = -1000.0
"""Value outside a CT's field of view: air, by the definition of the Hounsfield scale."""


def _check_frames(one: str, other: str, what: str) -> None:
    if one != other:
        raise InputError(
            f"{what} lies in another frame of reference than the target",
            expected=other,
            found=one,
            remedy="register the images first, or give a study whose series share one frame of reference (0020,0052)",
        )


def index_transform(source: Grid, target: Grid) -> tuple[Floats, Floats]:
    """Return ``(matrix (3, 3), offset (3,))`` that map voxel indices of ``target`` to those of ``source``."""
    both = np.linalg.inv(source.affine) @ target.affine
    return both[:3, :3], both[:3, 3]


def _is_axis_aligned(matrix: Floats, extent: tuple[int, int, int]) -> bool:
    """Whether off-diagonal terms move no voxel by more than a hundredth over the whole extent."""
    off = matrix - np.diag(np.diag(matrix))
    return bool(np.all(np.abs(off) * np.array(extent) < 0.01))


def resample(volume: Volume, grid: Grid, order: Literal[0, 1, 3] = 1) -> Volume:
    """Interpolate a volume at the voxel centres of ``grid``.

    Outside the field of view the value is 0, for CT −1000 HU. Use :func:`resample_conserving` when the target voxels
    are larger than the source's and the total activity must stay.

    Parameters
    ----------
    order
        0 nearest voxel, 1 linear, 3 cubic spline.

    Raises
    ------
    InputError
        If the frames of reference differ.
    """
    _check_frames(volume.grid.frame_of_reference, grid.frame_of_reference, "the volume")
    if volume.grid.same_as(grid):
        return volume
    from scipy.ndimage import affine_transform

    matrix, offset = index_transform(volume.grid, grid)
    fill = AIR_HU if volume.unit is Unit.HU else 0.0
    # a diagonal matrix takes scipy's faster path
    transform = np.diag(matrix).copy() if _is_axis_aligned(matrix, grid.shape) else matrix
    out: NDArray[np.float32] = np.empty(grid.shape, np.float32)
    affine_transform(volume.array, transform, offset=offset, output_shape=grid.shape, output=out, order=order, mode="constant", cval=fill)
    return Volume(
        out,
        grid,
        volume.unit,
        volume.modality,
        volume.time,
        volume.nuclide,
        volume.description,
        (*volume.notes, f"resampled to {_size(grid)} mm voxels (order {order})"),
    )


def _size(grid: Grid) -> str:
    return " x ".join(f"{v:.2f}" for v in grid.spacing_mm)


def overlap_weights(n_source: int, n_target: int, scale: float, offset: float) -> NDArray[np.float32]:
    """Return ``(n_target, n_source)``: the part of each target cell that each source cell covers along one axis.

    Cell ``j`` of the target spans source coordinates ``scale·(j ± ½) + offset``; source cell ``i`` spans ``i ± ½``.
    """
    j = np.arange(n_target)
    edge_a, edge_b = scale * (j - 0.5) + offset, scale * (j + 0.5) + offset
    low, high = np.minimum(edge_a, edge_b)[:, None], np.maximum(edge_a, edge_b)[:, None]
    i = np.arange(n_source)[None, :]
    shared = np.minimum(high, i + 0.5) - np.maximum(low, i - 0.5)
    return np.asarray(np.clip(shared, 0.0, None) / abs(scale), dtype=np.float32)


def _average(array: NDArray[np.float32], source: Grid, target: Grid, supersample: int) -> NDArray[np.float32]:
    """Average a piecewise constant array over the cells of ``target`` (zero outside the source)."""
    matrix, offset = index_transform(source, target)
    if _is_axis_aligned(matrix, target.shape):
        out = array
        for axis in range(3):
            weights = overlap_weights(source.shape[axis], target.shape[axis], float(matrix[axis, axis]), float(offset[axis]))
            out = np.moveaxis(np.tensordot(weights, out, axes=(1, axis)), 0, axis)
        return np.ascontiguousarray(out, dtype=np.float32)
    return _average_oblique(array, matrix, offset, target.shape, supersample)


def _average_oblique(
    array: NDArray[np.float32], matrix: Floats, offset: Floats, shape: tuple[int, int, int], supersample: int
) -> NDArray[np.float32]:
    """Average over points inside each target cell, spaced no wider than the source voxels."""
    parts = [max(supersample, int(np.ceil(2.0 * np.abs(matrix[:, axis]).max()))) for axis in range(3)]
    steps = [(np.arange(n) + 0.5) / n - 0.5 for n in parts]
    inverse = np.linalg.inv(matrix)
    filled = np.argwhere(array > 0) if np.any(array) else np.zeros((1, 3))
    corners = np.array(np.meshgrid(*zip(filled.min(0) - 1, filled.max(0) + 1, strict=True), indexing="ij")).reshape(3, -1).T
    reach = (corners - offset) @ inverse.T
    low = np.clip(np.floor(reach.min(0)).astype(int) - 1, 0, np.array(shape))
    high = np.clip(np.ceil(reach.max(0)).astype(int) + 2, 0, np.array(shape))
    out = np.zeros(shape, np.float32)
    if np.any(high <= low):
        return out
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    base = np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), -1)
    total = np.zeros(base.shape[:3], np.float32)
    limits = np.array(array.shape)
    for step in np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3):
        index = np.rint((base + step) @ matrix.T + offset).astype(np.int64)
        inside = np.all((index >= 0) & (index < limits), axis=-1)
        safe = np.clip(index, 0, limits - 1)
        total += np.where(inside, array[safe[..., 0], safe[..., 1], safe[..., 2]], 0.0)
    out[box] = total / np.prod(parts)
    return out


def resample_conserving(volume: Volume, grid: Grid, supersample: int = 3) -> Volume:
    """Average a volume over the voxels of ``grid``: the integral over the shared field of view stays.

    Raises
    ------
    InputError
        If the frames of reference differ.
    """
    _check_frames(volume.grid.frame_of_reference, grid.frame_of_reference, "the volume")
    out = _average(volume.array, volume.grid, grid, supersample)
    return Volume(
        out,
        grid,
        volume.unit,
        volume.modality,
        volume.time,
        volume.nuclide,
        volume.description,
        (*volume.notes, f"averaged over {_size(grid)} mm voxels"),
    )


def region_on(region: Region, grid: Grid, supersample: int = 3) -> NDArray[np.float32]:
    """Return the region's occupancy ``(nx, ny, nz)``, float32 in 0…1, on another grid; its volume stays.

    Parallel grids are intersected exactly; for oblique ones each target voxel is sampled at ``supersample``³ points
    or more. What lies outside ``grid`` is lost: see :func:`inside_fraction`.

    Raises
    ------
    InputError
        If the frames of reference differ.
    """
    if region.grid.same_as(grid):
        return np.asarray(region.occupancy, dtype=np.float32)
    box, part = region_part(region, grid, supersample)
    if part.shape == grid.shape:
        return part
    out = np.zeros(grid.shape, np.float32)
    out[box] = part
    return out


def region_part(region: Region, grid: Grid, supersample: int = 3) -> tuple[tuple[slice, slice, slice], NDArray[np.float32]]:
    """Return the box of ``grid`` that the region reaches, and its occupancy there: :func:`region_on` without the empty rest.

    The box is empty where the region lies outside; for oblique grids it is the whole grid.

    Raises
    ------
    InputError
        If the frames of reference differ.
    """
    _check_frames(region.grid.frame_of_reference, grid.frame_of_reference, f"region {region.name!r}")
    matrix, _ = index_transform(region.grid, grid)
    if not _is_axis_aligned(matrix, grid.shape):
        whole = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2]))
        return whole, np.clip(_average(region.occupancy, region.grid, grid, supersample), 0.0, 1.0)
    # parallel: only the voxels that the region's own box reaches need work
    reach = grid.mm_to_index(region.grid.index_to_mm(np.array([[-0.5] * 3, [n - 0.5 for n in region.grid.shape]])))
    low = np.clip(np.floor(reach.min(0) + 0.5).astype(int), 0, np.array(grid.shape))
    high = np.clip(np.ceil(reach.max(0) + 0.5).astype(int), 0, np.array(grid.shape))
    if np.any(high <= low):
        return (slice(0, 0), slice(0, 0), slice(0, 0)), np.zeros((0, 0, 0), np.float32)
    part = _average(region.occupancy, region.grid, sub_grid(grid, low, high), supersample)
    box = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])), slice(int(low[2]), int(high[2])))
    return box, np.clip(part, 0.0, 1.0)


def sub_grid(grid: Grid, low: NDArray[np.int_], high: NDArray[np.int_]) -> Grid:
    """Return the part of ``grid`` from voxel ``low`` up to, not including, ``high``."""
    affine = np.array(grid.affine)
    affine[:3, 3] = grid.index_to_mm(np.asarray(low))
    shape = tuple(int(b - a) for a, b in zip(low, high, strict=True))
    return Grid(shape, affine, grid.frame_of_reference)  # type: ignore[arg-type]


def inside_fraction(region: Region, grid: Grid) -> float:
    """Return the part of the region's volume that lies inside ``grid`` (0…1)."""
    matrix, offset = index_transform(grid, region.grid)
    if _is_axis_aligned(matrix, region.grid.shape):  # parallel: a box of the region's own voxels
        box = []
        for axis, count in enumerate(region.grid.shape):
            at = matrix[axis, axis] * np.arange(count) + offset[axis]
            box.append(np.flatnonzero((at >= -0.5) & (at <= grid.shape[axis] - 0.5)))
        if min(len(part) for part in box) == 0:
            return 0.0
        cut = tuple(slice(int(part[0]), int(part[-1]) + 1) for part in box)
        return float(region.occupancy[cut].sum(dtype=np.float64) / region.occupancy.sum(dtype=np.float64))
    index = np.argwhere(region.occupancy > 0)
    weight = region.occupancy[tuple(index.T)].astype(np.float64)
    where = grid.mm_to_index(region.grid.index_to_mm(index))
    half_voxel = np.full(3, 0.5)
    inside = np.all((where >= -half_voxel) & (where <= np.array(grid.shape) - half_voxel), axis=-1)
    return float(weight[inside].sum() / weight.sum())


def shared_field(one: Grid, other: Grid) -> float:
    """Part of the smaller field of view that both grids show (0…1), by their boxes along the patient's axes; 0 between two frames."""
    if one.frame_of_reference != other.frame_of_reference:
        return 0.0
    boxes = []
    for grid in (one, other):
        corners = np.stack(np.meshgrid(*((-0.5, n - 0.5) for n in grid.shape), indexing="ij"), -1).reshape(-1, 3)
        places = grid.index_to_mm(corners)
        boxes.append((places.min(axis=0), places.max(axis=0)))
    (low, high), (other_low, other_high) = boxes
    both = np.clip(np.minimum(high, other_high) - np.maximum(low, other_low), 0.0, None)
    return float(np.prod(both) / min(np.prod(high - low), np.prod(other_high - other_low)))


def filled_box(occupancy: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the first and the last voxel ``(3,)`` that hold anything along each axis; the array must hold something."""
    ends = []
    for axis in range(3):
        filled = np.flatnonzero(occupancy.any(axis=tuple(a for a in range(3) if a != axis)))
        ends.append((filled[0], filled[-1]))
    return np.array([e[0] for e in ends]), np.array([e[1] for e in ends])


def crop_region(region: Region, margin: int = 1) -> Region:
    """Return the region on the smallest grid that holds it with ``margin`` empty voxels around (inside its own grid)."""
    first, last = filled_box(region.occupancy)
    low = np.maximum(first - margin, 0)
    high = np.minimum(last + 1 + margin, region.grid.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return replace(region, occupancy=region.occupancy[box], grid=sub_grid(region.grid, low, high))

"""A region from its closed contours, true to their area: planes, voxels, gaps filled in between, volume kept against volume drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.dicom.contours import Filled, fill, polygon_area
from neorlt.dicom.header import where
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]

PIXEL_MM = 1.0
"""Largest in-plane voxel of a region's own grid: the image's own, cut into equal parts; edges are fractions, so that the area stays."""
MOST_GAP = 3
"""Contours missing on up to two neighbouring planes are filled in between."""
SAME_PLACE = 0.5
"""A plane without neighbours whose contour covers this much of that beyond a wider gap is a key slice: what lies between is filled."""
SAID, REFUSED = 0.02, 0.10
"""Volume kept against volume drawn: said from the first, refused from the second on where it is more than half a voxel layer too."""


def region_from_polygons(
    label: str,
    kind: RegionKind,
    polygons: list[Floats],
    grid: Grid,
    where_: str,
    warnings: list[str],
    *,
    exclusive: bool = False,
    on_image_planes: bool = False,
) -> Region:
    """Return a region on the image's own grid (voxels cut into equal parts of 1 mm or less), planes where the contours lie.

    Parameters
    ----------
    polygons
        Each ``(n, 3)`` in patient millimetres.
    exclusive
        Areas that an odd number of contours covers count (``CLOSEDPLANAR_XOR``).
    on_image_planes
        The contours name this image's series: they were drawn on its planes, so a step of several is a gap.

    Raises
    ------
    InputError
        If contours do not lie in the image's planes, lie outside the image, or the volume kept is not the volume drawn.

    """
    axes = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    origin = grid.affine[:3, 3]
    local = [(p - origin) @ axes for p in polygons]  # mm along the image's own axes
    heights = np.array([float(p[:, 2].mean()) for p in local])
    if max(float(np.ptp(p[:, 2])) for p in local) > 0.5:
        raise InputError(
            f"region {label!r} is drawn across the image's planes",
            where=where_,
            remedy="draw it on the axial slices, or export it as a segmentation (SEG)",
        )
    step = _plane_step(heights, grid.spacing_mm[2], label, where_, on_image_planes)
    plane = np.rint((heights - heights.min()) / step).astype(int)
    everything = np.concatenate(local)
    _check_inside(everything, step, grid, label, where_)
    spacing = np.array(grid.spacing_mm[:2])
    parts = np.ceil(spacing / PIXEL_MM - 1e-6).astype(int) if kind is not RegionKind.BODY else np.ones(2, int)
    pixel = spacing / parts
    # whole voxels of the image, so that each of them is a block of the region's own
    low = (np.floor(everything[:, :2].min(0) / spacing + 0.5).astype(int) - 1) * parts
    high = (np.ceil(everything[:, :2].max(0) / spacing + 0.5).astype(int) + 1) * parts
    shape = (int(high[0] - low[0]), int(high[1] - low[1]))
    start = (low - 0.5 * parts + 0.5) * pixel  # centre of the first part: a voxel spans its centre ± half
    occupancy = np.zeros((*shape, int(plane.max()) + 1), np.float32)
    drawn = np.zeros(int(plane.max()) + 1)
    twins = crossing = tangled = 0
    for k in np.unique(plane):
        inside = [(p[:, :2] - start) / pixel for p, at in zip(local, plane, strict=True) if at == k]
        filled = fill(inside, shape, exclusive)
        occupancy[:, :, k] = filled.occupancy
        drawn[k] = _drawn_area(inside, filled)
        twins, crossing, tangled = twins + filled.twins, crossing + filled.crossing, tangled + filled.tangled
    if twins:
        warnings.append(f"Structure {label!r}: {twins} contour{'s' if twins > 1 else ''} drawn twice; each counts once.")
    if tangled:
        warnings.append(
            f"Structure {label!r}: contours that jump across themselves again and again ({tangled}): their points lost their order, and the"
            " volume is in doubt. Export the structure set again."
        )
    if crossing:
        warnings.append(f"Structure {label!r}: {crossing} contours cross others; they were united.")
    _fill_gaps(occupancy, np.unique(plane), label, warnings)
    if not np.any(occupancy > 0):
        raise InputError(f"region {label!r} encloses no area", where=where_, remedy="draw it again")
    affine = np.eye(4)
    affine[:3, :3] = axes * np.array([*pixel, step])
    affine[:3, 3] = origin + axes @ np.array([*start, heights.min()])
    _compare_volumes(occupancy, drawn, np.unique(plane), label, where_, warnings)
    return Region(label, kind, occupancy, Grid(occupancy.shape, affine, grid.frame_of_reference), "RTSTRUCT")


def _drawn_area(polygons: list[Floats], filled: Filled) -> float:
    """Area that the contours of a plane enclose, in voxels: by their corners where there is one, as filled else."""
    if len(polygons) == 1:
        return abs(polygon_area(polygons[0]))
    return float(filled.occupancy.sum(dtype=np.float64))


def _compare_volumes(
    occupancy: NDArray[np.float32], drawn: Floats, planes: NDArray[np.int_], label: str, where_: str, warnings: list[str]
) -> None:
    """Compare what was kept with what was drawn: on every drawn plane, and between planes where they were filled.

    Raises
    ------
    InputError
        If they differ by more than a tenth and by more than half a layer of voxels.
    """
    kept = occupancy.sum(axis=(0, 1), dtype=np.float64)
    wanted = np.where(np.isin(np.arange(len(kept)), planes), drawn, 0.0)
    for low, high in zip(planes[:-1], planes[1:], strict=True):
        for k in range(low + 1, high):
            if kept[k] > 0:
                wanted[k] = np.interp(k, [low, high], [drawn[low], drawn[high]])
    off = abs(kept.sum() - wanted.sum())
    edge = sum(_edge(occupancy[:, :, k]) for k in np.flatnonzero(kept))
    if off > REFUSED * wanted.sum() and off > 0.5 * edge:
        raise InputError(
            f"region {label!r} does not keep the volume that was drawn",
            expected=f"within {100 * REFUSED:g} %",
            found=f"{100 * off / max(wanted.sum(), 1e-9):.0f} %",
            where=where(where_, "ContourData"),
            remedy="look at the contours: they cross themselves; draw them again, or export a segmentation (SEG)",
        )
    if off > SAID * wanted.sum() and off > 0.01 * edge:
        warnings.append(f"Structure {label!r}: {100 * off / wanted.sum():.1f} % between the volume drawn and the volume kept.")


def _edge(plane: NDArray[np.float32]) -> float:
    """Voxels on the outline of a plane."""
    inside = plane >= 0.5
    inner = inside[1:-1, 1:-1] & inside[2:, 1:-1] & inside[:-2, 1:-1] & inside[1:-1, 2:] & inside[1:-1, :-2]
    return float(inside.sum() - inner.sum())


def _plane_step(heights: Floats, image_step: float, label: str, where_: str, on_image_planes: bool) -> float:
    levels = np.unique(np.round(heights, 2))
    levels = levels[np.concatenate([[True], np.diff(levels) > 0.1 * image_step])]
    if len(levels) == 1:
        return image_step
    steps = np.diff(levels)
    if on_image_planes and np.abs(steps / image_step - np.rint(steps / image_step)).max() < 0.1:
        return image_step
    base = float(np.median(steps[steps < 1.5 * steps.min()]))
    off = np.abs(steps / base - np.rint(steps / base))
    if off.max() > 0.25:
        raise InputError(
            f"the contours of region {label!r} are unevenly spaced",
            expected=f"multiples of {base:.2f} mm",
            found=f"{steps[off.argmax()]:.2f} mm",
            where=where(where_, "ContourData"),
            remedy="draw it on the slices of one series",
        )
    count = np.rint(steps / base).sum()
    return float((levels[-1] - levels[0]) / count)


def _check_inside(points: Floats, step: float, grid: Grid, label: str, where_: str) -> None:
    size = np.array(grid.shape) * np.array(grid.spacing_mm)
    half = 0.5 * np.array(grid.spacing_mm)
    beyond = np.maximum(-half - points, points - (size - half)).max(0)
    if np.any(beyond > np.array([*grid.spacing_mm[:2], step])):
        raise InputError(
            f"region {label!r} lies outside the image",
            found=f"{beyond.max():.1f} mm beyond its edge",
            where=where_,
            remedy="give the images that it was drawn on, or draw it again",
        )


def _fill_gaps(occupancy: NDArray[np.float32], planes: NDArray[np.int_], label: str, warnings: list[str]) -> None:
    """Fill planes between drawn ones: short gaps, and those between key slices; say what was filled and what stays empty."""
    before = float(occupancy.sum(dtype=np.float64))
    filled = empty = 0
    key = False
    drawn = set(planes.tolist())
    for low, high in zip(planes[:-1], planes[1:], strict=True):
        gap = int(high - low)
        if gap == 1:
            continue
        alone = (low - 1 not in drawn) or (high + 1 not in drawn)
        if gap > MOST_GAP and not (alone and _same_place(occupancy[:, :, low], occupancy[:, :, high])):
            empty += gap - 1
            continue
        key |= gap > MOST_GAP
        one, other = _signed_distance(occupancy[:, :, low]), _signed_distance(occupancy[:, :, high])
        for k in range(1, gap):
            blend = one + (other - one) * (k / gap)
            occupancy[:, :, low + k] = np.clip(blend + 0.5, 0.0, 1.0)
            filled += 1
    span = int(planes[-1] - planes[0]) + 1
    if key:
        grown = float(occupancy.sum(dtype=np.float64)) / before
        warnings.append(
            f"Structure {label!r} is drawn on key slices, {len(planes)} of {span} planes; the {filled} between were filled, and the volume"
            f" is {grown:.2f} times that of the drawn planes: check it."
        )
    elif filled:
        planes_were = "plane without contour was" if filled == 1 else "planes without contour were"
        warnings.append(f"Structure {label!r}: {filled} {planes_were} filled in between neighbours.")
    if empty:
        warnings.append(
            f"Structure {label!r}: {empty} of {span} planes between its first and last are empty and were kept so (several parts?)."
        )


def _same_place(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether the smaller of two planes lies mostly over the other."""
    least = min(float(one.sum()), float(other.sum()))
    return least > 0 and float(np.minimum(one, other).sum()) >= SAME_PLACE * least


def _signed_distance(plane: NDArray[np.float32]) -> Floats:
    """Distance to the half level in voxels, positive inside (shape-based interpolation, Raya and Udupa 1990)."""
    from scipy.ndimage import distance_transform_edt

    inside = plane >= 0.5
    if not inside.any():
        return np.full(plane.shape, -float(max(plane.shape)))
    return np.asarray(distance_transform_edt(inside) - distance_transform_edt(~inside) - np.where(inside, 0.5, -0.5))

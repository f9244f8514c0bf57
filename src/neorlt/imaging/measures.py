"""Uptake and size of a region: SUVmax, SUVmean, SUVpeak, volume, longest and perpendicular diameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.imaging.region import Region
from neorlt.imaging.resample import crop_region, filled_box, region_on, region_part
from neorlt.imaging.volume import Grid, Volume

Floats = NDArray[np.float64]

PEAK_SPHERE_ML = 1.0
"""SUVpeak is the mean of a 1 ml sphere (PERCIST 1.0, doi:10.2967/jnumed.108.057307)."""


@dataclass(frozen=True)
class RegionUptake:
    """Uptake of one region in one image, in the image's unit; ``volume_ml`` of the region itself."""

    maximum: float
    mean: float
    peak: float
    volume_ml: float
    total: float
    """Mean times volume (total lesion uptake)."""


@dataclass(frozen=True)
class Diameter:
    """Longest diameter in an axial plane and the longest one at a right angle to it in the same plane, mm.

    ``slice_mm`` is the plane's position along the patient's axis, ``ends_mm`` the end points of the longest diameter
    in patient millimetres ``(2, 3)``.
    """

    longest_mm: float
    perpendicular_mm: float
    slice_mm: float
    ends_mm: tuple[tuple[float, float, float], tuple[float, float, float]]


def measure_region(volume_suv: Volume, region: Region) -> RegionUptake:
    """Return uptake of a region.

    The maximum is over voxels whose centre lies inside (at least half filled, or the fullest one of a region smaller
    than a voxel); the mean weighs every voxel by the part that is filled; the peak is the highest mean of a 1 ml
    sphere centred on a voxel of the region.

    Raises
    ------
    InputError
        If less than half of the region lies inside the image, or the frames of reference differ.
    """
    occupancy = region_on(region, volume_suv.grid)
    total = float(occupancy.sum(dtype=np.float64)) * volume_suv.grid.voxel_ml
    if total < 0.5 * region.volume_ml:
        raise InputError(
            f"region {region.name!r} lies outside the {volume_suv.modality} image",
            found=f"{100 * total / region.volume_ml:.0f} % inside",
            remedy="draw it on this image, or give images that hold it",
        )
    box = _box(occupancy, margin=int(np.ceil(_radius_mm() / min(volume_suv.grid.spacing_mm))) + 1)
    values, filled = volume_suv.array[box].astype(np.float64), occupancy[box].astype(np.float64)
    core = filled >= min(0.5, filled.max())
    mean = float((values * filled).sum() / filled.sum())
    peak = float(_sphere_mean(values, volume_suv.grid)[core].max())
    return RegionUptake(float(values[core].max()), mean, peak, region.volume_ml, mean * region.volume_ml)


def mean_in(region: Region, image: Volume) -> float | None:
    """Mean of what a region fills of an image, in the image's unit; None where the two do not meet."""
    if region.grid.frame_of_reference != image.grid.frame_of_reference:
        return None
    box, weight = region_part(region, image.grid)
    total = float(weight.sum(dtype=np.float64))
    return float((image.array[box] * weight).sum(dtype=np.float64)) / total if total > 0 else None


def positive_mean(image: Volume) -> float:
    """Mean of an image where there is anything, 0 where there is nothing."""
    positive = image.array[image.array > 0]
    return float(positive.mean(dtype=np.float64)) if positive.size else 0.0


def _radius_mm() -> float:
    return float((3.0 * PEAK_SPHERE_ML * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0))


def _box(occupancy: NDArray[np.float32], margin: int) -> tuple[slice, ...]:
    first, last = filled_box(occupancy)
    low = np.maximum(first - margin, 0)
    high = np.minimum(last + 1 + margin, occupancy.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def sphere_kernel(grid: Grid, radius_mm: float, supersample: int = 9) -> Floats:
    """Weights ``(kx, ky, kz)`` that sum to 1: the part of each voxel that a sphere round the central one covers."""
    spacing = np.array(grid.spacing_mm)
    reach = np.ceil(radius_mm / spacing - 0.5).astype(int).clip(0)
    axes = [
        (np.arange(-n, n + 1)[:, None] + (np.arange(supersample) + 0.5) / supersample - 0.5).ravel() * s
        for n, s in zip(reach, spacing, strict=True)
    ]
    inside = (axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2) <= radius_mm**2
    sizes = [2 * n + 1 for n in reach]
    parts = inside.reshape(sizes[0], supersample, sizes[1], supersample, sizes[2], supersample).mean(axis=(1, 3, 5))
    return np.asarray(parts / parts.sum(), dtype=np.float64)


def _sphere_mean(values: Floats, grid: Grid) -> Floats:
    """Mean of the 1 ml sphere round every voxel; at the image's edge over the part inside."""
    from scipy.ndimage import correlate

    kernel = sphere_kernel(grid, _radius_mm())
    inside = correlate(np.ones_like(values), kernel, mode="constant")
    return np.asarray(correlate(values, kernel, mode="constant") / inside)


def longest_diameter(region: Region) -> Diameter:
    """Return the longest in-plane diameter over all axial planes.

    The outline is the half level between voxels, so that a binary region reaches to its voxels' edges. Regions whose
    own planes are not axial are cut into axial planes first.

    Raises
    ------
    InputError
        If no plane is half filled anywhere.
    """
    region = _axial(crop_region(region))
    best: Diameter | None = None
    for k in range(region.grid.shape[2]):
        hull = _hull(region.occupancy[:, :, k])
        if hull is None:
            continue
        points = region.grid.index_to_mm(np.column_stack([hull, np.full(len(hull), k)]))
        found = _measure_plane(points)
        if best is None or found.longest_mm > best.longest_mm:
            best = found
    if best is None:
        raise InputError(f"region {region.name!r} fills no plane enough to be measured", remedy="draw it again, or leave it out")
    return best


def longest_diameter_mm(region: Region) -> tuple[float, float, tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """Return longest axial diameter, the plane's position along the patient's axis, and the end points, all in mm."""
    found = longest_diameter(region)
    return found.longest_mm, found.slice_mm, found.ends_mm


def _axial(region: Region) -> Region:
    """Return the region on planes across the patient's long axis (z of LPS)."""
    axes = region.grid.affine[:3, :3] / np.linalg.norm(region.grid.affine[:3, :3], axis=0)
    if abs(axes[2, 2]) > np.cos(np.deg2rad(1.0)):
        return region
    corners = np.array(np.meshgrid(*[[-0.5, n - 0.5] for n in region.grid.shape], indexing="ij")).reshape(3, -1).T
    reach = region.grid.index_to_mm(corners)
    step = np.full(3, min(region.grid.spacing_mm))
    shape = np.ceil(np.ptp(reach, axis=0) / step).astype(int) + 2
    affine = np.eye(4)
    affine[:3, :3] = np.diag(step)
    affine[:3, 3] = reach.min(0) - 0.5 * step
    grid = Grid(tuple(int(n) for n in shape), affine, region.grid.frame_of_reference)  # type: ignore[arg-type]
    return Region(region.name, region.kind, region_on(region, grid), grid, region.source)


def _hull(plane: NDArray[np.float32]) -> Floats | None:
    """Convex hull of the half-level outline of one plane, in voxel indices ``(n, 2)``, or None if it is empty."""
    from skimage import measure

    find_contours: Any = measure.find_contours

    if float(plane.max()) < 0.5:
        return None
    # just below the half level, so that a voxel that is exactly half filled counts
    outlines = find_contours(np.pad(plane.astype(np.float64), 1), 0.5 - 1e-6)
    points = np.concatenate(outlines) - 1.0
    from scipy.spatial import ConvexHull, QhullError

    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:  # all on one line
        return points


def _measure_plane(points: Floats) -> Diameter:
    apart = np.linalg.norm(points[:, None] - points[None, :], axis=-1)
    i, j = np.unravel_index(int(apart.argmax()), apart.shape)
    longest = float(apart[i, j])
    along = (points[j] - points[i]) / longest
    ends = (tuple(float(v) for v in points[i]), tuple(float(v) for v in points[j]))
    return Diameter(longest, _longest_chord(points, along), float(points[:, 2].mean()), ends)  # type: ignore[arg-type]


def _longest_chord(points: Floats, along: Floats) -> float:
    """Longest chord of a convex outline at a right angle to ``along``: it starts at one of the corners."""
    normal = np.cross(points[1] - points[0], points[2] - points[0]) if len(points) > 2 else np.zeros(3)
    if not np.any(normal):
        return 0.0
    across = np.cross(normal / np.linalg.norm(normal), along)
    s, t = points @ along, points @ across
    longest = 0.0
    for level in s:
        a, b = s - level, np.roll(s, -1) - level
        crossing = ((a <= 0) & (b >= 0)) | ((a >= 0) & (b <= 0))
        crossing &= a != b
        if crossing.sum() < 2:
            continue
        part = a[crossing] / (a[crossing] - b[crossing])
        cut = t[crossing] + part * (np.roll(t, -1)[crossing] - t[crossing])
        longest = max(longest, float(np.ptp(cut)))
    return longest

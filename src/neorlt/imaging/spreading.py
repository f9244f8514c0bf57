"""Masks of regions on a grid finer than the image, spread by the scanner's blur, and averaged over the image's voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.imaging.blur import SIGMA_PER_FWHM, Blur, BlurMap, check_fwhm, widest
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on, sub_grid
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]
Mask = NDArray[np.float32]

FINE_MM = 2.0
"""Wanted voxel of the grid on which masks are spread."""
MOST_FINE_VOXELS = 40_000_000
"""A coarser grid is taken where the finer one would need more (float32: 160 MB an array)."""
REACH = 3.0
"""Masks are spread over this many standard deviations: 0.3 % of a Gaussian lies beyond on one axis."""
SHELL_FWHM = 2.0
"""The background is sampled within this many blurs of the other regions: nearer than that, it spills into them."""
LEAST_LEFT = 0.25
"""A region that keeps less than this of itself after overlaps are settled is the other region drawn again."""
COARSE = 1.25
"""A mask on voxels larger than the fine grid's by more than this has stairs that the fine grid shows."""
STAIR_SIGMA_VOXELS = 0.5
"""Half a voxel: the height of a stair over the smooth surface that it stands for."""
WIDTH_STEP_MM = 0.5
"""Widths by place are taken at steps no larger than this and blended between."""


@dataclass(frozen=True)
class Source:
    """A mask on the fine grid, cropped: ``low`` is its corner in fine voxels."""

    mask: Mask
    low: NDArray[np.int_]


def fine_grid(grid: Grid) -> tuple[Grid, tuple[int, int, int]]:
    """Split every voxel into whole parts of about 2 mm."""
    for size in (FINE_MM, 1.5 * FINE_MM, 2 * FINE_MM, 1e9):
        parts = tuple(max(1, int(np.ceil(s / size - 0.05))) for s in grid.spacing_mm)
        shape = tuple(n * p for n, p in zip(grid.shape, parts, strict=True))
        if np.prod(shape, dtype=np.float64) <= MOST_FINE_VOXELS:
            break
    scale = np.array([1.0 / p for p in parts])
    affine = np.array(grid.affine)
    affine[:3, :3] = grid.affine[:3, :3] * scale
    affine[:3, 3] = grid.index_to_mm(-0.5 + 0.5 * scale)
    return Grid(shape, affine, grid.frame_of_reference), parts  # type: ignore[arg-type,return-value]


def source_of(region: Region, fine: Grid) -> Source:
    """A region's occupancy on the fine grid, cropped to it.

    Raises
    ------
    InputError
        If less than half of it lies inside.
    """
    filled = np.argwhere(region.occupancy > 0)
    corners = np.array(np.meshgrid(*zip(filled.min(0) - 1.0, filled.max(0) + 1.0, strict=True), indexing="ij")).reshape(3, -1).T
    reach = fine.mm_to_index(region.grid.index_to_mm(corners))
    low = np.clip(np.floor(reach.min(0)).astype(int), 0, np.array(fine.shape) - 1)
    high = np.clip(np.ceil(reach.max(0)).astype(int) + 1, low + 1, np.array(fine.shape))
    whole = bool(np.all(reach.min(0) >= -0.5) and np.all(reach.max(0) <= np.array(fine.shape) - 0.5))
    if whole and _has_steps(region, fine):
        return Source(_smooth(region, sub_grid(fine, low, high)), low)
    mask = region_on(region, sub_grid(fine, low, high))
    inside = float(mask.sum(dtype=np.float64)) * fine.voxel_ml
    if inside < 0.5 * region.volume_ml:
        raise InputError(
            f"region {region.name!r} lies outside the image",
            found=f"{100 * inside / region.volume_ml:.0f} % inside",
            remedy="give images that hold it, or leave it out",
        )
    return Source(mask, low)


def _has_steps(region: Region, fine: Grid) -> bool:
    """Whether a region is all or nothing on voxels coarser than the fine grid's: its surface is a stair, anatomy's is not."""
    if max(region.grid.spacing_mm) <= COARSE * max(fine.spacing_mm):
        return False
    return bool(np.all((region.occupancy == 0.0) | (region.occupancy == 1.0)))


def _smooth(region: Region, target: Grid) -> Mask:
    """The region on a fine grid with a smooth surface and its own volume.

    Stairs have more surface than the organ, so more seems to spill out of them: on voxels of 4 mm a tumour of 5 ml is
    corrected by 6 % too much. The mask is smoothed by half a voxel, interpolated, and cut where its volume stays.
    """
    from scipy.ndimage import affine_transform, gaussian_filter

    filled = np.argwhere(region.occupancy > 0)
    low, high = filled.min(0) - 4, filled.max(0) + 5
    inside = tuple(slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(low, high, region.grid.shape, strict=True))
    padded = np.zeros(tuple(high - low), np.float64)
    padded[tuple(slice(s.start - int(a), s.stop - int(a)) for s, a in zip(inside, low, strict=True))] = region.occupancy[inside]
    both = np.linalg.inv(region.grid.affine) @ target.affine
    values = affine_transform(
        gaussian_filter(padded, STAIR_SIGMA_VOXELS), both[:3, :3], offset=both[:3, 3] - low, output_shape=target.shape, order=3
    )
    wanted = int(np.clip(round(region.volume_ml / target.voxel_ml), 1, values.size))
    level = np.partition(values.ravel(), -wanted)[-wanted]
    return np.asarray(values >= level, dtype=np.float32)


def settle_overlaps(regions: Sequence[Region], sources: list[Source]) -> list[Source]:
    """Take from each region what a more specific one fills: lesions before organs, those before regions without a role, then the
    smaller before the larger.

    Raises
    ------
    InputError
        If a region is filled by others.
    """
    order = {RegionKind.LESION: 0, RegionKind.OTHER: 2}
    rank = sorted(range(len(regions)), key=lambda n: (order.get(regions[n].kind, 1), regions[n].volume_ml))
    settled: list[Source | None] = [None] * len(sources)
    for place, n in enumerate(rank):
        mask = sources[n].mask.copy()
        for m in rank[:place]:
            other = settled[m]
            if other is not None:
                _take_away(mask, sources[n].low, other)
        if mask.sum(dtype=np.float64) < LEAST_LEFT * sources[n].mask.sum(dtype=np.float64):
            raise InputError(f"region {regions[n].name!r} is filled by other regions", remedy="leave one of them out")
        settled[n] = Source(mask, sources[n].low)
    return [s for s in settled if s is not None]


def _take_away(mask: Mask, low: NDArray[np.int_], other: Source) -> None:
    """Limit ``mask`` to what ``other`` leaves free, in place."""
    start = np.maximum(low, other.low)
    end = np.minimum(low + mask.shape, other.low + other.mask.shape)
    if np.any(end <= start):
        return
    here = tuple(slice(a, b) for a, b in zip(start - low, end - low, strict=True))
    there = tuple(slice(a, b) for a, b in zip(start - other.low, end - other.low, strict=True))
    np.minimum(mask[here], 1.0 - other.mask[there], out=mask[here])


def spread(source: Source, blur: Blur, fine: Grid) -> Source:
    """Blur a mask by the width at each of its places; nothing comes back from outside the field of view."""
    step = np.array(fine.spacing_mm)
    # the mask is a box average over its voxels, which blurs by w²/12 on each axis already
    parts = _parts_by_width(source.mask, blur, sub_grid(fine, source.low, source.low + source.mask.shape))
    most = np.max([sigma for _, sigma in parts], axis=0) / step
    pad = np.ceil(REACH * most).astype(int)
    low = np.maximum(source.low - pad, 0)
    high = np.minimum(source.low + source.mask.shape + pad, fine.shape)
    inside = tuple(slice(a, a + n) for a, n in zip(source.low - low, source.mask.shape, strict=True))
    total = np.zeros(tuple(high - low), np.float32)
    for mask, sigma_mm in parts:
        padded = np.zeros_like(total)
        padded[inside] = mask
        total += _gaussian(padded, np.sqrt(np.maximum(sigma_mm**2 - step**2 / 12.0, 0.0)) / step, "constant")
    return Source(total, low)


def _gaussian(array: Mask, sigma_voxels: Floats, mode: Literal["constant", "nearest"]) -> Mask:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(array, sigma_voxels, mode=mode, truncate=REACH), dtype=np.float32)


def _parts_by_width(mask: Mask, blur: Blur, grid: Grid) -> list[tuple[Mask, Floats]]:
    """Split a mask into parts that are spread by one width each, ``(part, sigma in mm (3,))``; the parts sum to the mask."""
    if not isinstance(blur, BlurMap):
        return [(mask, check_fwhm(blur) * SIGMA_PER_FWHM)]
    width = blur.on(grid)
    inside = width[mask > 0] if np.any(mask > 0) else width.ravel()
    low, high = float(inside.min()), float(inside.max())
    count = int(np.ceil((high - low) / WIDTH_STEP_MM)) + 1
    if count == 1 or high - low < 1e-3:
        return [(mask, np.full(3, 0.5 * (low + high) * SIGMA_PER_FWHM))]
    nodes = np.linspace(low, high, count)
    place = (np.clip(width, low, high) - low) / (nodes[1] - nodes[0])
    return [
        ((mask * np.maximum(0.0, 1.0 - np.abs(place - n))).astype(np.float32), np.full(3, node * SIGMA_PER_FWHM))
        for n, node in enumerate(nodes)
    ]


def to_image(source: Source, parts: tuple[int, int, int], shape: tuple[int, int, int]) -> Mask:
    """Average a fine mask over the image's voxels."""
    start = source.low // parts
    end = -(-(source.low + source.mask.shape) // parts)
    whole = np.zeros(tuple((end - start) * parts), np.float32)
    at = source.low - start * parts
    whole[tuple(slice(a, a + n) for a, n in zip(at, source.mask.shape, strict=True))] = source.mask
    n = end - start
    averaged = whole.reshape(n[0], parts[0], n[1], parts[1], n[2], parts[2]).mean(axis=(1, 3, 5))
    out = np.zeros(shape, np.float32)
    out[tuple(slice(a, b) for a, b in zip(start, end, strict=True))] = averaged
    return out


def body_on(regions: Sequence[Region], taken: Mask, grid: Grid) -> tuple[Mask, bool]:
    """Everything that may hold activity, and whether an outline bounds it: without one the whole field of view."""
    bodies = [region_on(r, grid) for r in regions if r.kind is RegionKind.BODY]
    body = np.clip(np.sum(bodies, axis=0), 0.0, 1.0).astype(np.float32) if bodies else np.ones(grid.shape, np.float32)
    return np.maximum(body, taken), bool(bodies)


def spread_body(body: Mask, bounded: bool, blur: Blur, grid: Grid) -> Mask:
    """Spread the body's mask on the image's own grid; without an outline the activity goes on beyond the field of view."""
    step = np.array(grid.spacing_mm)
    mode: Literal["constant", "nearest"] = "constant" if bounded else "nearest"
    total = np.zeros(grid.shape, np.float32)
    for mask, sigma_mm in _parts_by_width(body, blur, grid):
        total += _gaussian(mask, sigma_mm / step, mode)
    return total


def near(taken: Mask, grid: Grid, blur: Blur) -> NDArray[np.bool_]:
    """Voxels within ``SHELL_FWHM`` blurs of a region."""
    from scipy.ndimage import uniform_filter

    width = (2 * np.ceil(SHELL_FWHM * widest(blur) / np.array(grid.spacing_mm)) + 1).astype(int)
    return np.asarray(uniform_filter(taken, tuple(width.tolist()), mode="constant") > 1e-7)

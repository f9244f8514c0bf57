"""Draw lesions on PET or SPECT: thresholds, gradient, random walker; candidates beside physiological uptake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import crop_region, region_on
from neorlt.imaging.volume import Grid, Volume

Mask = NDArray[np.bool_]
Method = Literal["fixed", "percent", "adaptive", "gradient", "random-walker"]

ADAPTIVE_PART = 0.5
"""The edge of a blurred object lies half way between inside and outside, whatever its contrast."""


def components(mask: Mask) -> list[Mask]:
    """Connected parts of a mask (26 neighbours), the largest first."""
    from scipy.ndimage import label

    parts, count = label(mask, np.ones((3, 3, 3)))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    return [parts == 1 + int(n) for n in np.argsort(-sizes, kind="stable")]


def relative_threshold(volume: Volume, organ: Region, factor: float, sd_factor: float = 0.0) -> float:
    """Threshold from an organ: ``factor·mean + sd_factor·SD`` over voxels that it fills wholly (liver- or spleen-relative).

    Raises
    ------
    InputError
        If no voxel is filled.
    """
    inside = volume.array[region_on(organ, volume.grid) > 0.99]
    if inside.size == 0:
        raise InputError(f"region {organ.name!r} fills no voxel of the image", remedy="give an organ inside the image")
    return float(factor * inside.mean(dtype=np.float64) + sd_factor * inside.std(dtype=np.float64))


def segment_lesion(
    volume: Volume,
    seed_mm: tuple[float, float, float],
    *,
    name: str,
    method: Method = "adaptive",
    value: float = 0.41,
    within: Region | None = None,
    reach_mm: float = 60.0,
) -> Region:
    """Return the lesion round a point.

    Parameters
    ----------
    volume
        PET or SPECT.
    seed_mm
        A point inside the lesion, patient millimetres; the hottest voxel within 10 mm of it counts.
    name
        Name of the region.
    method
        ``fixed``: above ``value`` in the image's unit. ``percent``: above ``value`` (0.41, 0.5) of the maximum.
        ``adaptive``: half way between the maximum's neighbourhood and the background round the lesion, repeated until
        it stays. ``gradient``: watershed of the gradient's size; the steepest
        place of a blurred ball lies about σ²/R inside its edge, so small lesions come out small.
        ``random-walker``: between the core and the
        surrounding (Grady 2006).
    value
        For ``fixed`` and ``percent``.
    within
        A region that bounds the search, or None.
    reach_mm
        Half width of the box that is searched.

    Raises
    ------
    InputError
        If the point lies outside the image, or nothing is found.
    """
    box, start = _box(volume, seed_mm, reach_mm)
    values = volume.array[box].astype(np.float64)
    seed = _hottest(values, start, volume.grid)
    if method == "fixed":
        mask = values > value
    elif method == "percent":
        mask = values > value * values[seed]
    elif method == "adaptive":
        mask = _adaptive(values, seed)
    elif method == "gradient":
        mask = _watershed(values, seed, volume.grid)
    else:
        mask = _walker(values, seed)
    if within is not None:
        mask &= region_on(within, volume.grid)[box] >= 0.5
    mask = _part_of(mask, seed)
    if not mask.any():
        raise InputError(
            "no lesion is found at this point", found=f"value {values[seed]:.3g} there", remedy="move the point, or lower the threshold"
        )
    if _touches_edge(mask):
        raise InputError("the lesion runs out of the box that was searched", remedy="raise the threshold, or bound it by a region")
    occupancy = np.zeros(volume.grid.shape, np.float32)
    occupancy[box] = mask
    return crop_region(Region(name, RegionKind.LESION, occupancy, volume.grid, f"{method} threshold"))


Start = tuple[int, int, int]


def _box(volume: Volume, seed_mm: tuple[float, float, float], reach_mm: float) -> tuple[tuple[slice, ...], Start]:
    at = np.rint(volume.grid.mm_to_index(np.asarray(seed_mm))).astype(int)
    if np.any(at < 0) or np.any(at >= volume.grid.shape):
        raise InputError("the point lies outside the image", found=str(tuple(seed_mm)), remedy="give a point inside the lesion")
    half = np.ceil(reach_mm / np.array(volume.grid.spacing_mm)).astype(int)
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, volume.grid.shape)
    i, j, k = (at - low).tolist()
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)), (i, j, k)


def _hottest(values: NDArray[np.float64], start: tuple[int, int, int], grid: Grid) -> tuple[int, int, int]:
    index = np.moveaxis(np.indices(values.shape), 0, -1)
    near = np.linalg.norm((index - np.array(start)) * np.array(grid.spacing_mm), axis=-1) <= 10.0
    i, j, k = np.unravel_index(int(np.where(near, values, -np.inf).argmax()), values.shape)
    return int(i), int(j), int(k)


def _part_of(mask: Mask, seed: tuple[int, int, int]) -> Mask:
    from scipy.ndimage import label

    parts, _ = label(mask, np.ones((3, 3, 3)))
    return np.asarray(parts == parts[seed]) if parts[seed] else np.zeros_like(mask)


def _touches_edge(mask: Mask) -> bool:
    return any(bool(np.take(mask, (0, -1), axis=axis).any()) for axis in range(3))


def _adaptive(values: NDArray[np.float64], seed: tuple[int, int, int]) -> Mask:
    """Half way between the hottest tenth inside and the median of a shell round it; a fixed point of that rule."""
    from scipy.ndimage import binary_dilation

    mask = _part_of(values > 0.5 * values[seed], seed)
    for _ in range(20):
        if not mask.any():
            return mask
        near = binary_dilation(mask, iterations=2)
        shell = binary_dilation(near, iterations=2) & ~near
        inside = values[mask]
        top = float(np.mean(np.sort(inside)[-max(1, inside.size // 10) :]))
        background = float(np.median(values[shell])) if shell.any() else 0.0
        after = _part_of(values > background + ADAPTIVE_PART * (top - background), seed)
        if np.array_equal(after, mask):
            break
        mask = after
    return mask


def _markers(values: NDArray[np.float64], seed: tuple[int, int, int]) -> NDArray[np.int32]:
    """1 in the core (above 70 % of the maximum over background), 2 in the surrounding (below 20 %), 0 between."""
    background = float(np.median(values))
    top = float(values[seed]) - background
    markers = np.zeros(values.shape, np.int32)
    markers[values < background + 0.2 * top] = 2
    markers[_part_of(values > background + 0.7 * top, seed)] = 1
    markers[seed] = 1
    return markers


def _watershed(values: NDArray[np.float64], seed: tuple[int, int, int], grid: Grid) -> Mask:
    from scipy.ndimage import gaussian_gradient_magnitude, zoom
    from skimage import segmentation

    # on half voxels: the crest of the gradient is a voxel wide and belongs half to either side
    fine = zoom(values, 2, order=1, grid_mode=True, mode="nearest")
    steep = gaussian_gradient_magnitude(fine, 2.0 * min(grid.spacing_mm) / np.array(grid.spacing_mm))
    markers = np.kron(_markers(values, seed), np.ones((2, 2, 2), np.int32))
    run: Any = segmentation.watershed
    inside = np.asarray(run(steep, markers) == 1)
    n = values.shape
    return np.asarray(inside.reshape(n[0], 2, n[1], 2, n[2], 2).mean(axis=(1, 3, 5)) >= 0.5)


def _walker(values: NDArray[np.float64], seed: tuple[int, int, int]) -> Mask:
    from skimage import segmentation

    run: Any = segmentation.random_walker
    scale = max(float(values[seed]), 1e-12)
    return np.asarray(run(values / scale, _markers(values, seed), beta=500, mode="cg_j") == 1)


def lesion_candidates(
    volume: Volume, physiological: Sequence[Region], threshold: float, *, least_ml: float = 0.5, margin_mm: float = 8.0
) -> list[Region]:
    """Return connected parts above a threshold that do not belong to organs with physiological uptake.

    Organs are taken out with a margin, since their uptake spills over; the liver counts as physiological only if it is
    among ``physiological`` (metastases in it need another threshold). These are candidates for a reader to judge.
    """
    from scipy.ndimage import distance_transform_edt

    hot = np.asarray(volume.array > threshold)
    for organ in physiological:
        filled = region_on(organ, volume.grid) >= 0.5
        if filled.any():
            hot &= np.asarray(distance_transform_edt(~filled, sampling=volume.grid.spacing_mm)) > margin_mm
    found: list[Region] = []
    for part in components(hot):
        if part.sum() * volume.grid.voxel_ml < least_ml:
            break
        name = f"candidate-{len(found) + 1}"
        found.append(crop_region(Region(name, RegionKind.LESION, part.astype(np.float32), volume.grid, f"above {threshold:g}")))
    return found


def renamed(region: Region, name: str) -> Region:
    """Return the region under another name."""
    return replace(region, name=name)

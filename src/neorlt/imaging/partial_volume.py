"""Region-based partial-volume correction by the geometric transfer matrix.

The image is taken to be the sum of regions of even concentration, each spread by the scanner's blur. Element
``transfer[j, i]`` is the mean that a concentration of 1 in region ``i`` alone leaves in region ``j``; the observed means
are the product of the matrix and the true ones, which follow by solving (Rousset, Ma and Evans 1998, J Nucl Med 39:904).
Masks are spread on a grid finer than the image and averaged over the image's voxels, so that the matrix holds for what
the image shows. Source and sampling masks may overlap at edges in parts of a voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on, sub_grid
from neorlt.imaging.volume import Grid, Unit, Volume

Floats = NDArray[np.float64]

BACKGROUND = "background"
FINE_MM = 2.0
"""Wanted voxel of the grid on which masks are spread."""
MOST_FINE_VOXELS = 40_000_000
"""A coarser grid is taken where the finer one would need more (float32: 160 MB an array)."""
REACH = 3.0
"""Masks are spread over this many standard deviations: 0.3 % of a Gaussian lies beyond on one axis."""
SHELL_FWHM = 2.0
"""The background is sampled within this many blurs of the other regions: nearer than that, it spills into them."""
MOST_CONDITION = 100.0
"""Beyond it noise of 1 % becomes 100 %: the regions cannot be told apart at this blur."""
LEAST_LEFT = 0.25
"""A region that keeps less than this of itself after overlaps are settled is the other region drawn again."""
SIGMA_PER_FWHM = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))

Blur = float | tuple[float, float, float]


@dataclass(frozen=True)
class RegionActivities:
    """Activities per region at the image's time.

    ``names`` in the order of the regions given (without body regions), then ``"background"`` where it was made.
    ``corrected_mbq``, ``uncorrected_mbq`` ``(region,)``; ``recovery`` their ratio, uncorrected over corrected;
    ``transfer`` ``(region, region)``: row sees column; ``condition`` of that matrix; ``volume_ml`` what each region
    keeps after overlaps are settled.
    """

    names: tuple[str, ...]
    corrected_mbq: Floats
    uncorrected_mbq: Floats
    recovery: Floats
    transfer: Floats
    condition: float
    volume_ml: Floats

    def of(self, name: str) -> int:
        """Index of a region."""
        return self.names.index(name)


@dataclass(frozen=True)
class _Source:
    """A mask on the fine grid, cropped: ``low`` is its corner in fine voxels."""

    mask: NDArray[np.float32]
    low: NDArray[np.int_]


def correct_regions(
    volume_bq_per_ml: Volume,
    regions: Sequence[Region],
    psf_fwhm_mm: Blur,
    *,
    background: bool = True,
) -> RegionActivities:
    """Return activities of regions with and without correction.

    Lesions take precedence: what a lesion fills is taken from the organ around it. With ``background``, everything
    else — inside the body where a region of kind BODY is among ``regions`` — is one more region, sampled near the
    others; without it the rest is taken to hold no activity.

    Parameters
    ----------
    psf_fwhm_mm
        Full width at half maximum of the blur, mm: one number, or along the three voxel axes. It describes the
        reconstruction before its values are averaged over voxels.

    Raises
    ------
    InputError
        If the volume is not in Bq/ml, a region lies outside it, or the regions cannot be told apart.
    """
    if volume_bq_per_ml.unit is not Unit.BQ_PER_ML:
        raise InputError(
            "partial-volume correction needs an activity concentration",
            expected=str(Unit.BQ_PER_ML),
            found=str(volume_bq_per_ml.unit),
            remedy="give the quantitative SPECT or PET",
        )
    blur = _blur(psf_fwhm_mm)
    wanted = [r for r in regions if r.kind is not RegionKind.BODY]
    if not wanted:
        raise InputError("there is no region to correct", remedy="give organs and lesions")
    grid = volume_bq_per_ml.grid
    fine, parts = _fine_grid(grid)
    masks = _settle_overlaps(wanted, [_source(r, fine, grid) for r in wanted])
    sampled = [_to_image(m, parts, grid.shape) for m in masks]
    spread = [_to_image(_spread(m, blur, fine), parts, grid.shape) for m in masks]
    volumes = [float(m.mask.sum(dtype=np.float64)) * fine.voxel_ml for m in masks]
    names = [r.name for r in wanted]
    if background:
        rest, rest_spread = _rest(regions, sampled, spread, grid, blur)
        near = _near(sampled, grid, blur) * rest
        if near.sum() > 0:
            names.append(BACKGROUND)
            volumes.append(float(rest.sum(dtype=np.float64)) * grid.voxel_ml)
            sampled.append(near.astype(np.float32))
            spread.append(rest_spread)
    transfer, observed = _means(volume_bq_per_ml, sampled, spread)
    condition = _check_condition(transfer, names)
    true = np.linalg.solve(transfer, observed)
    volume_ml = np.array(volumes)
    corrected, uncorrected = true * volume_ml / 1e6, observed * volume_ml / 1e6
    recovery = np.divide(uncorrected, corrected, out=np.full(len(names), np.nan), where=corrected > 0)
    return RegionActivities(tuple(names), corrected, uncorrected, recovery, transfer, condition, volume_ml)


def _blur(psf_fwhm_mm: Blur) -> Floats:
    blur = np.broadcast_to(np.asarray(psf_fwhm_mm, dtype=np.float64), (3,))
    if not np.all(np.isfinite(blur)) or np.any(blur <= 0) or np.any(blur > 50):
        raise InputError(
            "the blur must be a width in millimetres",
            expected="above 0, at most 50",
            found=str(psf_fwhm_mm),
            where="psf_fwhm_mm",
            remedy="give the full width at half maximum of the reconstruction",
        )
    return blur


def _fine_grid(grid: Grid) -> tuple[Grid, tuple[int, int, int]]:
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


def _source(region: Region, fine: Grid, image: Grid) -> _Source:
    """A region's occupancy on the fine grid, cropped to it."""
    filled = np.argwhere(region.occupancy > 0)
    corners = np.array(np.meshgrid(*zip(filled.min(0) - 0.5, filled.max(0) + 0.5, strict=True), indexing="ij")).reshape(3, -1).T
    reach = fine.mm_to_index(region.grid.index_to_mm(corners))
    low = np.clip(np.floor(reach.min(0)).astype(int), 0, np.array(fine.shape) - 1)
    high = np.clip(np.ceil(reach.max(0)).astype(int) + 1, low + 1, np.array(fine.shape))
    mask = region_on(region, sub_grid(fine, low, high))
    inside = float(mask.sum(dtype=np.float64)) * fine.voxel_ml
    if inside < 0.5 * region.volume_ml:
        raise InputError(
            f"region {region.name!r} lies outside the image",
            found=f"{100 * inside / region.volume_ml:.0f} % inside",
            remedy="give images that hold it, or leave it out",
        )
    return _Source(mask, low)


def _settle_overlaps(regions: Sequence[Region], sources: list[_Source]) -> list[_Source]:
    """Take from each region what a more specific one fills: lesions before organs, then the smaller before the larger."""
    rank = sorted(range(len(regions)), key=lambda n: (regions[n].kind is not RegionKind.LESION, regions[n].volume_ml))
    settled: list[_Source | None] = [None] * len(sources)
    for place, n in enumerate(rank):
        mask = sources[n].mask.copy()
        for m in rank[:place]:
            other = settled[m]
            if other is not None:
                _take_away(mask, sources[n].low, other)
        if mask.sum(dtype=np.float64) < LEAST_LEFT * sources[n].mask.sum(dtype=np.float64):
            raise InputError(f"region {regions[n].name!r} is filled by other regions", remedy="leave one of them out")
        settled[n] = _Source(mask, sources[n].low)
    return [s for s in settled if s is not None]


def _take_away(mask: NDArray[np.float32], low: NDArray[np.int_], other: _Source) -> None:
    """Limit ``mask`` to what ``other`` leaves free, in place."""
    start = np.maximum(low, other.low)
    end = np.minimum(low + mask.shape, other.low + other.mask.shape)
    if np.any(end <= start):
        return
    here = tuple(slice(a, b) for a, b in zip(start - low, end - low, strict=True))
    there = tuple(slice(a, b) for a, b in zip(start - other.low, end - other.low, strict=True))
    np.minimum(mask[here], 1.0 - other.mask[there], out=mask[here])


def _spread(source: _Source, blur: Floats, fine: Grid) -> _Source:
    """Blur a mask; nothing comes back from outside the field of view."""
    from scipy.ndimage import gaussian_filter

    # the mask is a box average over its voxels, which blurs by w²/12 on each axis already
    step = np.array(fine.spacing_mm)
    sigma = np.sqrt(np.maximum((blur * SIGMA_PER_FWHM) ** 2 - step**2 / 12.0, 0.0)) / step
    pad = np.ceil(REACH * sigma).astype(int)
    low = np.maximum(source.low - pad, 0)
    high = np.minimum(source.low + source.mask.shape + pad, fine.shape)
    padded = np.zeros(tuple(high - low), np.float32)
    at = source.low - low
    padded[tuple(slice(a, a + n) for a, n in zip(at, source.mask.shape, strict=True))] = source.mask
    return _Source(gaussian_filter(padded, sigma, mode="constant", truncate=REACH), low)


def _to_image(source: _Source, parts: tuple[int, int, int], shape: tuple[int, int, int]) -> NDArray[np.float32]:
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


def _rest(
    regions: Sequence[Region], sampled: list[NDArray[np.float32]], spread: list[NDArray[np.float32]], grid: Grid, blur: Floats
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mask of everything else, and the same spread: spreading is linear, so it is the body's less the regions'."""
    from scipy.ndimage import gaussian_filter

    bodies = [region_on(r, grid) for r in regions if r.kind is RegionKind.BODY]
    body = np.clip(np.sum(bodies, axis=0), 0.0, 1.0).astype(np.float32) if bodies else np.ones(grid.shape, np.float32)
    taken = np.clip(np.sum(sampled, axis=0), 0.0, 1.0)
    body = np.maximum(body, taken)
    sigma = blur * SIGMA_PER_FWHM / np.array(grid.spacing_mm)
    # without an outline the activity goes on beyond the field of view
    body_spread = gaussian_filter(body, sigma, mode="constant" if bodies else "nearest", truncate=REACH)
    return (body - taken).astype(np.float32), np.clip(body_spread - np.sum(spread, axis=0), 0.0, None).astype(np.float32)


def _near(sampled: list[NDArray[np.float32]], grid: Grid, blur: Floats) -> NDArray[np.bool_]:
    """Voxels within ``SHELL_FWHM`` blurs of a region."""
    from scipy.ndimage import uniform_filter

    any_region = np.clip(np.sum(sampled, axis=0), 0.0, 1.0)
    width = (2 * np.ceil(SHELL_FWHM * blur / np.array(grid.spacing_mm)) + 1).astype(int)
    return uniform_filter(any_region, tuple(width.tolist()), mode="constant") > 1e-7


def _means(volume: Volume, sampled: list[NDArray[np.float32]], spread: list[NDArray[np.float32]]) -> tuple[Floats, Floats]:
    count = len(sampled)
    transfer, observed = np.zeros((count, count)), np.zeros(count)
    for j, weight in enumerate(sampled):
        where = np.nonzero(weight)
        w = weight[where].astype(np.float64)
        observed[j] = np.average(volume.array[where].astype(np.float64), weights=w)
        for i, image in enumerate(spread):
            transfer[j, i] = np.average(image[where].astype(np.float64), weights=w)
    return transfer, observed


def _check_condition(transfer: Floats, names: Sequence[str]) -> float:
    condition = float(np.linalg.cond(transfer))
    if not np.isfinite(condition) or condition > MOST_CONDITION:
        off = transfer / np.diag(transfer)[:, None]
        np.fill_diagonal(off, 0.0)
        j, i = np.unravel_index(int(off.argmax()), off.shape)
        raise InputError(
            f"regions {names[int(j)]!r} and {names[int(i)]!r} cannot be told apart at this blur",
            expected=f"a transfer matrix of condition below {MOST_CONDITION:g}",
            found=f"{condition:.0f}",
            remedy="join them into one region, leave one out, or state a smaller blur if it is known",
        )
    return condition

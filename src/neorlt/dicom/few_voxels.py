"""Regions of a few whole voxels: rounding at their border may be a good part of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import index_transform
from neorlt.imaging.volume import Grid

FEW = 64
"""Regions of fewer voxels are said: less than four voxels across (assumption)."""


def of_few_voxels(regions: Sequence[Region], images: Sequence[Grid]) -> list[str]:
    """Return a sentence on organs and lesions that are drawn as a few whole voxels, with how much rounding may have changed them.

    Rounding to the nearest voxel hides at most half of each voxel at the border, inside of it or outside.
    """
    shown, worst, elsewhere = [], 0.0, False
    for region in regions:
        if region.kind not in (RegionKind.LESION, RegionKind.ORGAN):
            continue
        count = int(np.count_nonzero(region.occupancy))
        filled = region.occupancy > 0
        if count >= FEW or not np.array_equal(region.occupancy, filled):
            continue
        size = " x ".join(f"{v:g}" for v in np.round(region.grid.spacing_mm, 2))
        shown.append(f"{region.name!r} ({count} of {size} mm)")
        worst = max(worst, 0.5 * _border(filled) / count)
        elsewhere |= not any(_on_voxels_of(region.grid, image) for image in images)
    if not shown:
        return []
    named = "; ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
    said = f"Regions drawn on few voxels: {named}: rounding at the border leaves a volume uncertain by up to {100 * worst:.0f} %."
    if elsewhere:
        said += " They do not lie on the voxels of an image here: a map that was resampled to the nearest voxel loses small regions."
    return [said]


def _border(filled: NDArray[np.bool_]) -> int:
    """Number of voxels on the inner or the outer side of the border, whichever are more."""
    padded = np.pad(filled, 2)
    every, some = padded.copy(), padded.copy()
    for axis in range(3):
        for step in (-1, 1):
            beside = np.roll(padded, step, axis)
            every &= beside
            some |= beside
    count = int(filled.sum())
    return max(count - int(every.sum()), int(some.sum()) - count)


def _on_voxels_of(grid: Grid, image: Grid) -> bool:
    """Whether the voxels of one grid are voxels of the other."""
    matrix, offset = index_transform(image, grid)
    whole = np.abs(np.rint(matrix))
    same = np.allclose(np.abs(matrix), whole, atol=1e-3) and bool((whole.sum(axis=0) == 1).all() and (whole.sum(axis=1) == 1).all())
    return same and float(np.abs(offset - np.rint(offset)).max()) < 0.1

"""Regions that are there twice: one in two versions, an organ beside its parts, one lesion under two names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neorlt.core.anatomy import organ_of
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_part

SAME_LESION_DICE = 0.8
"""Two lesions that overlap this much are one lesion drawn twice."""
WHOLE = 0.95
"""An organ that others of its name fill to this part is those others together."""
SAME_VOLUME = 0.05
"""Regions of one name whose volumes differ by more are two versions: rounding a contour to voxels changes less, or is said as such."""


def add_region(region: Region, kept: list[Region], warnings: list[str]) -> list[Region]:
    """Add a region; the same region from two sources (SEG and RTSTRUCT) counts once, the first stays."""
    for other in kept:
        if other.name == region.name:
            if dice(other, region) > SAME_LESION_DICE:
                if abs(region.volume_ml / other.volume_ml - 1.0) > SAME_VOLUME:
                    warnings.append(
                        f"Region {region.name!r} is there in two versions, {other.volume_ml:.4g} ml ({other.source}) and"
                        f" {region.volume_ml:.4g} ml ({region.source}): the first was taken, of one kind of file that written last."
                        " Take it out if it is the wrong one."
                    )
                return kept
            names = {r.name for r in kept}
            n = next(i for i in range(2, len(kept) + 3) if f"{region.name} ({i})" not in names)
            warnings.append(f"Two regions are named {region.name!r} and differ; the second is shown as '{region.name} ({n})'.")
            return [*kept, replace(region, name=f"{region.name} ({n})")]
    return [*kept, region]


def without_wholes(regions: list[Region], warnings: list[str]) -> list[Region]:
    """Take the role from an organ that is there in parts too (``Kidneys`` beside ``Kidney_L`` and ``Kidney_R``): it would count twice."""
    kept = []
    for region in regions:
        organ = organ_of(region.name) if region.kind is RegionKind.ORGAN else None
        parts = [
            r for r in regions
            if organ is not None and r is not region and r.kind is RegionKind.ORGAN and organ_of(r.name) is organ
            and r.volume_ml < SAME_LESION_DICE * region.volume_ml
        ]  # fmt: skip
        if len(parts) > 1 and sum(_shared_ml(region, part) for part in parts) > WHOLE * region.volume_ml:
            names = ", ".join(repr(part.name) for part in parts)
            warnings.append(f"Region {region.name!r} is {names} together: those count, and it plays no part.")
            region = replace(region, kind=RegionKind.OTHER, why=f"the whole of {names}")
        kept.append(region)
    return kept


def _shared_ml(one: Region, other: Region) -> float:
    """Volume that two regions share, on the finer grid of the two."""
    fine, coarse = (one, other) if one.grid.voxel_ml <= other.grid.voxel_ml else (other, one)
    box, part = region_part(coarse, fine.grid)
    return float(np.minimum(fine.occupancy[box], part).sum(dtype=np.float64)) * fine.grid.voxel_ml


def dice(one: Region, other: Region) -> float:
    """Overlap of two regions, 0…1, on the finer grid of the two; 0 where their sizes alone keep it below a half."""
    sizes = one.volume_ml, other.volume_ml
    if 2.0 * min(sizes) / sum(sizes) < 0.5:
        return 0.0
    return 2.0 * _shared_ml(one, other) / sum(sizes)


def drawn_twice(regions: Sequence[Region]) -> list[str]:
    """Say which lesions are one lesion under two names."""
    lesions = [r for r in regions if r.kind is RegionKind.LESION]
    return [
        f"Lesions {one.name!r} and {other.name!r} are one lesion drawn twice; count it once."
        for n, one in enumerate(lesions)
        for other in lesions[n + 1 :]
        if dice(one, other) > SAME_LESION_DICE
    ]

"""Write regions as a DICOM Segmentation (PS3.3 A.51) on the grid of a reference series."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.dicom import codes
from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.reference import read_reference
from neorlt.dicom.writing import finish, library_head
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on


def write_seg(
    regions: Seq[Region],
    reference_paths: Seq[Path],
    path: Path,
    identity: Identity,
    *,
    description: str,
    series_number: int,
    fractional: bool = False,
) -> Path:
    """Write one segment per region, sampled on the reference series, and return the path.

    Parameters
    ----------
    fractional
        True writes the occupancy itself (Segmentation Fractional Type OCCUPANCY, in 1/255), so that the volume stays;
        False, which more viewers read, the voxels that are at least half filled.

    Raises
    ------
    ValueError
        If there is no region, or a region would be empty on the reference grid.

    """
    import highdicom as hd

    if not regions:
        raise ValueError("a segmentation needs at least one region")
    reference = read_reference(reference_paths, pixels=True)
    sampled = []
    for region in regions:
        occupancy = region_on(region, reference.grid)
        if not np.any(occupancy >= (1.0 / 255.0 if fractional else 0.5)):
            raise ValueError(f"region {region.name!r} is empty on the grid of the reference series")
        sampled.append(occupancy if fractional else (occupancy >= 0.5).astype(np.uint8))
    # only the slices that a region reaches: a fine CT with ten regions would take gigabytes
    reached = np.flatnonzero(np.any([one.any(axis=(0, 1)) for one in sampled], axis=0))
    slab = slice(int(reached[0]), int(reached[-1]) + 1)
    stack = np.stack([np.transpose(one[:, :, slab], (2, 1, 0)) for one in sampled], axis=-1)
    seg = hd.seg.Segmentation(
        source_images=reference.datasets[slab],
        pixel_array=stack,
        segmentation_type="FRACTIONAL" if fractional else "BINARY",
        fractional_type="OCCUPANCY",
        segment_descriptions=[_description(n, region, path) for n, region in enumerate(regions, start=1)],
        **library_head(identity, "SEG", series_number, description),
        content_label="REGIONS",
        # a single region keeps the empty frames inside its gaps: SimpleITK and all that is built on GDCM then lay the slices right
        omit_empty_frames=len(regions) > 1,
    )
    return finish(seg, Path(path), identity)


def property_codes(region: Region) -> tuple[codes.Term, codes.Term, codes.Term | None]:
    """Return category, type and laterality codes of a region (PS3.16 CID 7150, CID 7151)."""
    name = region.name.lower()
    side = codes.LEFT if "left" in name else codes.RIGHT if "right" in name else None
    if region.kind is RegionKind.LESION:
        kind = codes.PRIMARY if "primary" in name else codes.SECONDARY if "met" in name else codes.NEOPLASM
        return codes.ABNORMAL, kind, None
    for word, term in codes.ORGAN.items():
        if word in name:
            return codes.ANATOMICAL, term, side
    if region.kind is RegionKind.BODY:
        return codes.ANATOMICAL, codes.ORGAN["body"], None
    return codes.TISSUE, codes.TISSUE, side


def _description(number: int, region: Region, path: Path) -> Any:
    import highdicom as hd
    from highdicom.sr import CodedConcept

    category, kind, side = property_codes(region)
    item = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=region.name,
        segmented_property_category=CodedConcept(*category),
        segmented_property_type=CodedConcept(*kind),
        algorithm_type="MANUAL",
        tracking_uid=make_uid(str(region.grid.frame_of_reference), "segment", region.name),
        tracking_id=region.name,
    )
    if side is not None:
        item.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = codes.code_sequence(side)
    return item

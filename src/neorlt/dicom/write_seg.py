"""Write regions as a DICOM Segmentation (PS3.3 A.51) on the grid of a reference series."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

import numpy as np

from neorlt import __version__
from neorlt.dicom import codes
from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.reference import read_reference
from neorlt.dicom.writing import MANUFACTURER, settle
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
    sampled = [region_on(region, reference.grid) for region in regions]
    for region, occupancy in zip(regions, sampled, strict=True):
        if not np.any(occupancy >= (1.0 / 255.0 if fractional else 0.5)):
            raise ValueError(f"region {region.name!r} is empty on the grid of the reference series")
    stack = np.stack([np.transpose(o, (2, 1, 0)) for o in sampled], axis=-1)
    seg = hd.seg.Segmentation(
        source_images=reference.datasets,
        pixel_array=stack if fractional else (stack >= 0.5).astype(np.uint8),
        segmentation_type="FRACTIONAL" if fractional else "BINARY",
        fractional_type="OCCUPANCY",
        segment_descriptions=[_description(n, region, path) for n, region in enumerate(regions, start=1)],
        series_instance_uid=make_uid(identity.study_uid, "SEG", str(series_number), description),
        series_number=series_number,
        sop_instance_uid=make_uid(identity.study_uid, "SEG", str(series_number), description, "1"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name="neorlt",
        software_versions=__version__,
        device_serial_number="0",
        series_description=description,
        content_label="REGIONS",
        omit_empty_frames=True,
    )
    if seg.PatientID != identity.patient_id:
        raise ValueError("the reference images belong to another patient than the identity")
    settle(seg, identity.study_time)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    seg.save_as(path)
    return Path(path)


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

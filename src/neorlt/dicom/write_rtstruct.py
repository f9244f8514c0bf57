"""Write regions as an RT Structure Set (PS3.3 A.19) drawn on the slices of a reference series."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RTStructureSetStorage

from neorlt.dicom.contours import trace
from neorlt.dicom.identity import Identity
from neorlt.dicom.reference import ReferenceSeries, read_reference
from neorlt.dicom.writing import ds, new_dataset, save, series_uid_of, set_date_time
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on

STUDY_COMPONENT_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management SOP Class, the class that PS3.3 C.8.8.5 names for the referenced study."""

_TYPE = {RegionKind.LESION: "GTV", RegionKind.ORGAN: "ORGAN", RegionKind.BODY: "EXTERNAL", RegionKind.OTHER: ""}
_COLOUR = {
    RegionKind.LESION: (230, 60, 50),
    RegionKind.ORGAN: (60, 120, 220),
    RegionKind.BODY: (120, 200, 120),
    RegionKind.OTHER: (200, 180, 60),
}


def write_rtstruct(
    regions: Seq[Region],
    reference_paths: Seq[Path],
    path: Path,
    identity: Identity,
    *,
    description: str = "Regions",
    series_number: int = 1,
) -> Path:
    """Write one structure per region and return the path.

    Each slice's contour encloses the area that the region fills there; a hole is a contour of its own inside the
    outer one, to be read by the even-odd rule. Numbers take at most 16 characters (PS3.5, VR DS).

    Raises
    ------
    ValueError
        If there is no region, or a region has no area on the reference slices.

    """
    if not regions:
        raise ValueError("a structure set needs at least one region")
    reference = read_reference(reference_paths)
    series_uid = series_uid_of(identity, "RTSTRUCT", series_number, description)
    dataset = new_dataset(
        RTStructureSetStorage,
        identity,
        series_uid,
        modality="RTSTRUCT",
        description=description,
        series_number=series_number,
        instance_number=1,
        moment=identity.study_time,
    )
    for name in ("ContentDate", "ContentTime"):
        delattr(dataset, name)  # not in this IOD
    dataset.OperatorsName = ""
    dataset.FrameOfReferenceUID = reference.grid.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.StructureSetLabel = description[:16]
    set_date_time(dataset, "StructureSet", identity.study_time)
    dataset.ReferencedFrameOfReferenceSequence = Sequence([_frame_item(reference)])
    dataset.StructureSetROISequence = Sequence()
    dataset.ROIContourSequence = Sequence()
    dataset.RTROIObservationsSequence = Sequence()
    for number, region in enumerate(regions, start=1):
        contours = _contours(region, reference)
        if not contours:
            raise ValueError(f"region {region.name!r} has no area on the slices of the reference series")
        roi = Dataset()
        roi.ROINumber = number
        roi.ReferencedFrameOfReferenceUID = reference.grid.frame_of_reference
        roi.ROIName = region.name
        roi.ROIGenerationAlgorithm = "MANUAL"
        dataset.StructureSetROISequence.append(roi)
        drawn = Dataset()
        drawn.ROIDisplayColor = list(_COLOUR[region.kind])
        drawn.ContourSequence = Sequence(contours)
        drawn.ReferencedROINumber = number
        dataset.ROIContourSequence.append(drawn)
        seen = Dataset()
        seen.ObservationNumber = number
        seen.ReferencedROINumber = number
        seen.RTROIInterpretedType = _TYPE[region.kind]
        seen.ROIInterpreter = ""
        dataset.RTROIObservationsSequence.append(seen)
    return save(dataset, Path(path), own_series=True)


def _reference_item(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item


def _frame_item(reference: ReferenceSeries) -> Dataset:
    first = reference.datasets[0]
    series = Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    series.ContourImageSequence = Sequence([_reference_item(image) for image in reference.datasets])
    study = Dataset()
    study.ReferencedSOPClassUID = STUDY_COMPONENT_CLASS
    study.ReferencedSOPInstanceUID = first.StudyInstanceUID
    study.RTReferencedSeriesSequence = Sequence([series])
    frame = Dataset()
    frame.FrameOfReferenceUID = reference.grid.frame_of_reference
    frame.RTReferencedStudySequence = Sequence([study])
    return frame


def _contours(region: Region, reference: ReferenceSeries) -> list[Dataset]:
    occupancy = region_on(region, reference.grid)
    items = []
    for k in np.flatnonzero(occupancy.any(axis=(0, 1))):
        for polygon in trace(occupancy[:, :, k]):
            points = reference.grid.index_to_mm(np.column_stack([polygon, np.full(len(polygon), k)]))
            item = Dataset()
            item.ContourImageSequence = Sequence([_reference_item(reference.datasets[k])])
            item.ContourGeometricType = "CLOSED_PLANAR"
            item.NumberOfContourPoints = len(points)
            # a micrometre is enough, and keeps the file small
            item.ContourData = [ds(v) for v in np.round(points, 3).ravel()]
            items.append(item)
    return items

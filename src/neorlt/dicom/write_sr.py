"""Write measurements of lesions as a structured report: TID 1500 Measurement Report (PS3.16), Comprehensive 3D SR (PS3.3 A.35.13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom import dcmread

from neorlt.core.errors import InputError
from neorlt.dicom import codes
from neorlt.dicom.identity import Identity
from neorlt.dicom.reference import read_reference
from neorlt.dicom.sr_items import DEVICE_OBSERVER_UID
from neorlt.dicom.writing import MANUFACTURER, finish, library_head

IMAGING: codes.Term = ("363679005", "SCT", "Imaging procedure")
MAXIMUM: codes.Term = ("56851009", "SCT", "Maximum")
MEAN: codes.Term = ("373098007", "SCT", "Mean")
PEAK: codes.Term = ("126031", "DCM", "Peak Value Within ROI")
MILLIMETRE: codes.Term = ("mm", "UCUM", "millimeter")
MILLILITRE: codes.Term = ("ml", "UCUM", "Milliliter")
SUV_UNIT: codes.Term = ("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight")

MEASURES: dict[str, tuple[codes.Term, codes.Term, codes.Term | None]] = {
    # key of the measured document: name, unit, derivation (PS3.16 CID 218, CID 7465, CID 84, CID 7464)
    "volume_ml": (("118565006", "SCT", "Volume"), MILLILITRE, None),
    "longest_diameter_mm": (("103339001", "SCT", "Long Axis"), MILLIMETRE, None),
    "perpendicular_diameter_mm": (("103340004", "SCT", "Short Axis"), MILLIMETRE, None),
    "suv_max": (("126401", "DCM", "SUVbw"), SUV_UNIT, MAXIMUM),
    "suv_mean": (("126401", "DCM", "SUVbw"), SUV_UNIT, MEAN),
    "suv_peak": (("126401", "DCM", "SUVbw"), SUV_UNIT, PEAK),
    "dose_gy": (codes.ABSORBED_DOSE, codes.GRAY, MEAN),
}


def write_measurement_sr(
    rows: Sequence[Mapping[str, Any]],
    seg_path: Path,
    reference_paths: Sequence[Path],
    path: Path,
    identity: Identity,
    *,
    description: str = "Lesion measurements",
    series_number: int = 1,
) -> Path:
    """Write one measurement group per lesion and return the path.

    Parameters
    ----------
    rows
        Rows ``lesions`` of the measured document: ``id`` names the segment; of :data:`MEASURES` what is a number is written.
    seg_path
        The segmentation whose segments were measured.
    reference_paths
        The image series that the segmentation was drawn on.
    path, identity, description, series_number
        As for the other writers.

    Raises
    ------
    InputError
        If a row names no segment, or there is nothing to write.
    """
    import highdicom as hd
    from highdicom.sr import CodedConcept

    seg: Any = dcmread(seg_path)
    numbers = {str(s.SegmentLabel): int(s.SegmentNumber) for s in seg.SegmentSequence}
    groups = [_group(row, seg, numbers) for row in rows]
    if not groups:
        raise InputError("there is no measurement to write", remedy="measure at least one lesion")
    observer = hd.sr.ObserverContext(
        observer_type=CodedConcept("121007", "DCM", "Device"),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=DEVICE_OBSERVER_UID, name="neorlt", manufacturer_name=MANUFACTURER, model_name="neorlt"
        ),
    )
    report = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=CodedConcept(*IMAGING),
        imaging_measurements=groups,
        title=CodedConcept("126000", "DCM", "Imaging Measurement Report"),
    )
    reference = read_reference(reference_paths)
    document = hd.sr.Comprehensive3DSR(
        evidence=[seg, *reference.datasets],
        content=report,
        is_complete=True,
        is_final=False,
        **library_head(identity, "SR", series_number, description),
    )
    _settle_times(document, identity.study_time.strftime("%Y%m%d%H%M%S"))
    return finish(document, Path(path), identity)


def _settle_times(dataset: Any, moment: str) -> None:
    """Observation times that the library read from the clock."""
    for item in dataset.get("ContentSequence", []):
        if "ObservationDateTime" in item:
            item.ObservationDateTime = moment
        _settle_times(item, moment)


def _group(row: Mapping[str, Any], seg: Any, numbers: Mapping[str, int]) -> Any:
    import highdicom as hd
    from highdicom.sr import CodedConcept

    name = str(row["id"])
    if name not in numbers:
        raise InputError(f"lesion {name!r} has no segment", expected=", ".join(numbers), remedy="write the segmentation of these lesions")
    measurements = []
    for key, (concept, unit, derivation) in MEASURES.items():
        value = row.get(key)
        if value is None:
            continue
        measurements.append(
            hd.sr.Measurement(
                name=CodedConcept(*concept),
                value=float(value),
                unit=CodedConcept(*unit),
                derivation=None if derivation is None else CodedConcept(*derivation),
            )
        )
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        # The lesion keeps the identifier of its segment, whatever revision of the segmentation it is drawn in.
        tracking_identifier=hd.sr.TrackingIdentifier(uid=str(seg.SegmentSequence[numbers[name] - 1].TrackingUID), identifier=name),
        referenced_segment=hd.sr.ReferencedSegment.from_segmentation(seg, segment_number=numbers[name]),
        finding_type=CodedConcept(*codes.NEOPLASM),
        measurements=measurements,
    )

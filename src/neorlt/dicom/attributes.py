"""Which attributes can stand between a stored number and what is read from it, and which of them are used.

Every one of them that a file states is shown in the scale ledger (:mod:`neorlt.imaging.ledger`), used or not: a change of any
changes a number or a row. Where the files of a series differ, the row shows how.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.header import raw, tag_text, text, where
from neorlt.dicom.scan import Instance
from neorlt.imaging.ledger import NOT_USED, USED, LedgerRow

PIXELS = ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "Rows", "Columns", "NumberOfFrames")
PLACE = ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID", "SpacingBetweenSlices", "SliceThickness")
TIMES = ("AcquisitionDate", "AcquisitionTime", "SeriesDate", "SeriesTime", "TimezoneOffsetFromUTC", "ActualFrameDuration")
_USED = {
    *PIXELS,
    *PLACE,
    *TIMES,
    *("ImageType", "Units", "SUVType", "CountsSource", "SeriesType", "CorrectedImage", "DecayCorrection", "DecayFactor"),
    *("FrameReferenceTime", "RescaleSlope", "RescaleIntercept", "RescaleType", "SliceVector", "PatientWeight", "PatientAge"),
    *("PatientSize", "NumberOfSlices", "PhotometricInterpretation", "NumberOfEnergyWindows", "QualityControlImage"),
    *("Radiopharmaceutical", "RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime", "RadionuclideTotalDose"),
    *("RadionuclideHalfLife", "RadionuclideCodeSequence", "RadiopharmaceuticalCodeSequence", "NumberOfFramesInRotation"),
    *("DecayCorrected", "DecayCorrectionDateTime", "AttenuationCorrected", "FrameAcquisitionDateTime", "FrameAcquisitionDuration"),
    *("TemporalPositionIndex", "TableTraverse", "RealWorldValueSlope", "RealWorldValueIntercept", "RealWorldValueFirstValueMapped"),
    *("RealWorldValueLastValueMapped", "MeasurementUnitsCodeSequence", "PatientIdentityRemoved"),
}
_TOP = (
    *PIXELS, "PhotometricInterpretation", "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelAspectRatio",
    "SmallestImagePixelValue", "LargestImagePixelValue", "LossyImageCompression", "LossyImageCompressionRatio",
    "RescaleSlope", "RescaleIntercept", "RescaleType", "Units", "SUVType", "CountsSource", "SeriesType", "ImageType",
    "CorrectedImage", "DecayCorrection", "DecayFactor", "DoseCalibrationFactor", "ScatterFractionFactor", "DeadTimeFactor",
    "SliceSensitivityFactor", "AttenuationCorrectionMethod", "ScatterCorrectionMethod", "RandomsCorrectionMethod",
    "ReconstructionMethod", "ConvolutionKernel", "AxialAcceptance", "AxialMash", "FrameReferenceTime", "PrimaryPromptsCountsAccumulated",
    "SecondaryCountsAccumulated", "CountsAccumulated", *TIMES, "AcquisitionDateTime", "AcquisitionStartCondition",
    "AcquisitionStartConditionData", "AcquisitionTerminationCondition", "TypeOfDetectorMotion", "TriggerTime", "FrameTime",
    "NominalInterval", "LowRRValue", "HighRRValue", "IntervalsAcquired", "IntervalsRejected", *PLACE, "PatientPosition",
    "GantryDetectorTilt", "TableHeight", "ReconstructionDiameter", "NumberOfSlices", "NumberOfTimeSlices", "NumberOfTimeSlots",
    "NumberOfRRIntervals", "NumberOfEnergyWindows", "NumberOfDetectors", "NumberOfRotations", "NumberOfPhases", "SliceVector",
    "PatientWeight", "PatientSize", "PatientAge", "PatientSex", "KVP", "FilterType", "Manufacturer", "ManufacturerModelName",
    "SoftwareVersions", "DateOfLastCalibration", "TimeOfLastCalibration", "QualityControlImage", "PatientIdentityRemoved",
    "LongitudinalTemporalInformationModified", "CollimatorType", "CardiacFramingType", "ReprojectionMethod", "ScanProgressionDirection",
    "DecayCorrected", "DecayCorrectionDateTime", "AttenuationCorrected", "ScatterCorrected", "DeadTimeCorrected", "RandomsCorrected",
    "SensitivityCalibrated", "DetectorNormalizationCorrection", "FrameAcquisitionDateTime", "FrameAcquisitionDuration",
    "FrameReferenceDateTime", "TemporalPositionIndex",
)  # fmt: skip
_ITEMS: dict[str, tuple[str, ...]] = {
    "RadiopharmaceuticalInformationSequence": (
        "Radiopharmaceutical", "RadiopharmaceuticalStartTime", "RadiopharmaceuticalStopTime", "RadiopharmaceuticalStartDateTime",
        "RadiopharmaceuticalStopDateTime", "RadionuclideTotalDose", "RadionuclideHalfLife", "RadionuclidePositronFraction",
        "RadiopharmaceuticalSpecificActivity", "RadiopharmaceuticalVolume", "RadiopharmaceuticalRoute", "RadionuclideCodeSequence",
        "RadiopharmaceuticalCodeSequence", "AdministrationRouteCodeSequence",
    ),
    "RotationInformationSequence": (
        "ActualFrameDuration", "NumberOfFramesInRotation", "TableTraverse", "TableHeight", "StartAngle", "AngularStep", "ScanArc",
        "RotationDirection", "RadialPosition", "TypeOfDetectorMotion",
    ),
    "DetectorInformationSequence": (
        "ImagePositionPatient", "ImageOrientationPatient", "CollimatorType", "CollimatorGridName", "FieldOfViewShape",
        "FieldOfViewDimensions", "ZoomFactor", "FocalDistance", "StartAngle", "RadialPosition",
    ),
    "RealWorldValueMappingSequence": (
        "RealWorldValueSlope", "RealWorldValueIntercept", "RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped",
        "MeasurementUnitsCodeSequence",
    ),
    "EnergyWindowInformationSequence": ("EnergyWindowName", "EnergyWindowRangeSequence"),
}  # fmt: skip
_SEVERAL = 4
"""Different values of a series that are shown one by one."""


def attributes_of(modality: str) -> list[tuple[str, str]]:
    """Sequence (empty at the top) and keyword of every attribute that the ledger of this kind of image looks for."""
    inside = [(sequence, keyword) for sequence, keywords in _ITEMS.items() if modality != "CT" for keyword in keywords]
    return [("", keyword) for keyword in _TOP] + inside


def stated_rows(instances: Sequence[Instance], image: str) -> tuple[LedgerRow, ...]:
    """One row for every attribute of the tables above that the files of one image state."""
    rows = []
    told = frozenset[str]().union(*(i.told for i in instances))
    for keyword in (k for k in _TOP if k not in told):
        found = _several([(i.header, i.name) for i in instances], keyword)
        if found is not None:
            rows.append(_row(image, keyword, found))
    for sequence, keywords in _ITEMS.items():
        for number, items in enumerate(_items(instances, sequence), start=1):
            place = sequence.removesuffix("Sequence") + (f" {number}" if number > 1 else "")
            for keyword in keywords:
                found = _several(items, keyword)
                if found is not None:
                    rows.append(_row(image, keyword, found, place))
    return tuple(rows)


def _row(image: str, keyword: str, value: str, place: str = "") -> LedgerRow:
    inside = f"{place}, " if place else ""
    return LedgerRow(image, "stated", f"{inside}{keyword} {tag_text(keyword)}", value, "", USED if keyword in _USED else NOT_USED)


def _items(instances: Sequence[Instance], sequence: str) -> Iterator[list[tuple[Dataset, str]]]:
    """Item 1 of every file, then item 2, and so on."""
    lists = [(list(raw(i.header, sequence, i.name) or []), i.name) for i in instances]
    for number in range(max((len(items) for items, _ in lists), default=0)):
        yield [(items[number], name) for items, name in lists if number < len(items)]


def _key(dataset: Dataset, tag: int, keyword: str, name: str) -> Any:
    """What an attribute holds, to tell it from another file's: bytes as they stand, else its words."""
    try:
        element = dataset.get_item(tag) if tag in dataset else None
        value = None if element is None else element.value
        return value if isinstance(element, RawDataElement) else None if value is None else str(value)
    except Exception as error:  # broken bytes inside the items of a sequence raise many kinds
        raise InputError(f"{keyword} cannot be read", found=type(error).__name__, where=where(name, keyword),
                         remedy="export the file again; it is damaged") from error


def _several(datasets: Sequence[tuple[Dataset, str]], keyword: str) -> str | None:
    """The value that all files share, or how many there are; None where no file states one."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        return None
    first: dict[Any, tuple[Dataset, str]] = {}
    for dataset, name in datasets:
        first.setdefault(_key(dataset, tag, keyword, name), (dataset, name))
    if set(first) <= {None, b"", "", "None"}:
        return None
    shown = list(dict.fromkeys(_plain(dataset, keyword, name) for dataset, name in first.values()))
    if len(shown) <= _SEVERAL:
        return "; ".join(v or "no value" for v in shown)
    try:
        numbers = [float(v) for v in shown]
        return f"{min(numbers):g}…{max(numbers):g} ({len(shown)} values, sum {sum(numbers):.10g})"
    except ValueError:
        return f"{shown[0]} … {shown[-1]} ({len(shown)} values)"


def _plain(dataset: Dataset, keyword: str, name: str) -> str:
    if keyword.endswith("CodeSequence"):
        items = dataset.get(keyword) or []
        return ", ".join(f"{text(i, 'CodeValue', name)} {text(i, 'CodeMeaning', name)}".strip() for i in items)
    if keyword == "EnergyWindowRangeSequence":
        items = dataset.get(keyword) or []
        return ", ".join(f"{text(i, 'EnergyWindowLowerLimit', name)}-{text(i, 'EnergyWindowUpperLimit', name)} keV" for i in items)
    return text(dataset, keyword, name)

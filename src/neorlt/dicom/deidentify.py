"""Take identities out of DICOM objects: PS3.15 Annex E, Basic Application Level Confidentiality Profile, by a list of what stays.

The standard lists what goes; new attributes and private ones are not on such a list. Here everything goes that is not
known to be harmless: numbers and coded strings stay, free text goes unless named below, identifiers are replaced, dates
are shifted by one number of days per patient (Retain Longitudinal Temporal Information With Modified Dates Option),
sex, age, size and weight stay (Retain Patient Characteristics Option: SUV needs the weight). Pixels are not changed:
objects that carry burned-in text or a face are for the user to judge; screen captures are left out.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from neorlt.dicom import codes
from neorlt.dicom.header import parse_date, parse_datetime
from neorlt.dicom.identity import make_uid
from neorlt.dicom.writing import IMPLEMENTATION_CLASS_UID

STANDARD_UID = "1.2.840.10008."
"""Identifiers of the standard itself (SOP classes, transfer syntaxes) name nobody."""
MOST_DAYS = 3650

TEXT_STAYS = frozenset(
    {
        # what a number means, and how it was made
        "CodeValue",
        "CodingSchemeDesignator",
        "CodingSchemeVersion",
        "CodeMeaning",
        "LongCodeValue",
        "ContextUID",
        "Radiopharmaceutical",
        "RescaleType",
        "LUTLabel",
        "LUTExplanation",
        "Manufacturer",
        "ManufacturerModelName",
        "SoftwareVersions",
        "ConvolutionKernel",
        "AttenuationCorrectionMethod",
        "ReconstructionMethod",
        "ScatterCorrectionMethod",
        "FilterType",
        "DetectorLinesOfResponseUsed",
        "EnergyWindowName",
        "CollimatorGridName",
        "DimensionDescriptionLabel",
        # what a region is called; checked against the patient's own name below
        "SegmentLabel",
        "ROIName",
        "TrackingID",
        "ROIGenerationAlgorithm",
        "ROIObservationLabel",
        "PatientAge",
        "CorrectedImage",
        "SegmentAlgorithmName",
        "TextValue",
    }
)
EMPTIED = frozenset(
    {
        # attributes that must be present though they may be empty (type 2)
        "PatientBirthDate",
        "AccessionNumber",
        "ReferringPhysicianName",
        "StudyID",
        "OperatorsName",
        "ROIInterpreter",
        "ContentDescription",
        "ContentCreatorName",
        "PositionReferenceIndicator",
        "ReviewerName",
        "ApprovalStatus",
    }
)
REPLACED = {
    "StructureSetLabel": "REGIONS",
    "ContentLabel": "CONTENT",
    "StudyDescription": "deidentified",
    "DeviceSerialNumber": "0",
    "VerifyingObserverName": "",
    "PersonName": "",
}
"""Attributes that must hold something (type 1), with what they are given."""
GONE = frozenset(
    {
        "OriginalAttributesSequence",
        "RequestAttributesSequence",
        "ReferencedPatientSequence",
        "OtherPatientIDsSequence",
        "RequestedProcedureCodeSequence",
        "PerformedProtocolCodeSequence",
        "InstitutionCodeSequence",
        "OperatorIdentificationSequence",
        "ReferringPhysicianIdentificationSequence",
        "PhysiciansOfRecordIdentificationSequence",
        "IssuerOfPatientIDQualifiersSequence",
        "PersonIdentificationCodeSequence",
        "EncryptedAttributesSequence",
        "DigitalSignaturesSequence",
        "MACParametersSequence",
        "IconImageSequence",
        "ReferencedPerformedProcedureStepSequence",
        "PatientInsurancePlanCodeSequence",
        "ModifiedAttributesSequence",
        "OverlayData",
        "CurveData",
        "PregnancyStatus",
        "PatientBirthTime",
        "EthnicGroup",
        "SmokingStatus",
        "LastMenstrualDate",
    }
)
"""Attributes that go whole, whatever their kind."""
STAYING_GROUPS = frozenset({0x0008, 0x0010, 0x0018, 0x0020, 0x0028, 0x0040, 0x0054, 0x0062, 0x0070, 0x3004, 0x3006, 0x3008, 0x5200, 0x7FE0})
PATIENT_STAYS = frozenset({"PatientSex", "PatientAge", "PatientSize", "PatientWeight"})
NUMBERS = frozenset({"DS", "IS", "FD", "FL", "US", "SS", "UL", "SL", "SV", "UV", "AT"})
PIXELS = frozenset(
    {
        "PixelData",
        "FloatPixelData",
        "DoubleFloatPixelData",
        "RealWorldValueLUTData",
        "RedPaletteColorLookupTableData",
        "GreenPaletteColorLookupTableData",
        "BluePaletteColorLookupTableData",
        "LUTData",
    }
)
SAFE_PRIVATE = {(0x7053, "Philips PET Private Group"): (0x00, 0x09)}
"""Scale factors without which the images lose their unit (PS3.15 Table E.3.10-1, Retain Safe Private Option)."""

_OPTIONS = (
    ("113100", "DCM", "Basic Application Confidentiality Profile"),
    ("113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "DCM", "Retain Patient Characteristics Option"),
    ("113111", "DCM", "Retain Safe Private Option"),
)


@dataclass
class Deidentifier:
    """Replaces identities with the same pseudonyms throughout one run.

    ``key`` is the secret that pseudonyms, identifiers and the shift of dates are made with: with the same key, later
    images of a patient fit the earlier ones; without it nobody can go back.
    """

    key: str
    removed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if len(self.key) < 8:
            raise ValueError("the key must have at least eight characters")

    def _secret(self, *parts: str) -> str:
        return hashlib.sha256("\x1f".join((self.key, *parts)).encode()).hexdigest()

    def pseudonym(self, patient_id: str) -> str:
        """Return the name and identifier that a patient is given."""
        return f"ANON-{self._secret('patient', patient_id)[:10].upper()}"

    def days(self, patient_id: str) -> int:
        """Days by which the patient's dates are moved into the past."""
        return 1 + int(self._secret("days", patient_id)[:8], 16) % MOST_DAYS

    def uid(self, value: str) -> str:
        """Return the replacement of an identifier; those of the standard stay."""
        return value if value.startswith(STANDARD_UID) else make_uid("deidentified", self._secret("uid", value))

    def clean(self, source: Dataset) -> FileDataset:
        """Return a copy of an object without identity.

        Raises
        ------
        ValueError
            If the object has no SOP class.
        """
        patient_id = str(source.get("PatientID", "") or "")
        shift = timedelta(days=self.days(patient_id))
        secrets = _names_in(source)
        meta = FileMetaDataset()
        syntax = source.file_meta.TransferSyntaxUID if hasattr(source, "file_meta") else ExplicitVRLittleEndian
        meta.TransferSyntaxUID = syntax
        meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
        out = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        self._copy(source, out, shift, secrets)
        if "SOPClassUID" not in out or "SOPInstanceUID" not in out:
            raise ValueError("the object has no SOP class or no identifier")
        meta.MediaStorageSOPClassUID = UID(str(out.SOPClassUID))
        meta.MediaStorageSOPInstanceUID = UID(str(out.SOPInstanceUID))
        out.SpecificCharacterSet = "ISO_IR 192"
        out.PatientName = out.PatientID = self.pseudonym(patient_id)
        out.PatientBirthDate = ""
        out.PatientIdentityRemoved = "YES"
        out.DeidentificationMethod = "neorlt: PS3.15 Basic Profile by a list of what stays"
        out.DeidentificationMethodCodeSequence = codes.code_sequence(*_OPTIONS)
        out.LongitudinalTemporalInformationModified = "MODIFIED"
        self._copy_private(source, out)
        return out

    def _copy(self, source: Dataset, out: Dataset, shift: timedelta, secrets: frozenset[str]) -> None:
        for element in source:
            keyword = keyword_for_tag(element.tag)
            kept = None if element.tag.is_private or not keyword else self._judge(element, keyword, shift, secrets)
            if kept is None:
                self.removed[keyword or f"({element.tag.group:04X},{element.tag.element:04X})"] += 1
            else:
                out[element.tag] = kept

    def _judge(self, element: DataElement, keyword: str, shift: timedelta, secrets: frozenset[str]) -> DataElement | None:
        """Return what is kept of an element, or None."""
        group, vr = element.tag.group, str(element.VR)
        if keyword in REPLACED:
            return DataElement(element.tag, vr, REPLACED[keyword])
        if keyword in EMPTIED:
            return DataElement(element.tag, vr, "")
        if keyword in GONE or group not in STAYING_GROUPS or (group == 0x0010 and keyword not in PATIENT_STAYS):
            return None
        if vr == "SQ":
            items = []
            for item in element.value or []:
                copy = Dataset()
                self._copy(item, copy, shift, secrets)
                items.append(copy)
            return DataElement(element.tag, "SQ", items)
        if vr == "UI":
            values = element.value if isinstance(element.value, (list, tuple)) or element.VM > 1 else [element.value]
            return DataElement(element.tag, "UI", [self.uid(str(v)) for v in values if v] or "")
        if vr in ("DA", "DT"):
            return _shifted(element, shift)
        if vr == "TM" or vr in NUMBERS or keyword in PIXELS:
            return element
        if vr == "CS" or keyword in TEXT_STAYS:
            return None if _names_someone(element.value, secrets) else element
        return None

    def _copy_private(self, source: Dataset, out: Dataset) -> None:
        for (group, creator), elements in SAFE_PRIVATE.items():
            try:
                block = source.private_block(group, creator)
            except KeyError:
                continue
            found = [(n, block[n]) for n in elements if n in block]
            if found:
                target = out.private_block(group, creator, create=True)
                for n, element in found:
                    target.add_new(n, "DS" if str(element.VR) == "UN" else element.VR, element.value)


def _names_in(source: Dataset) -> frozenset[str]:
    """Words of the patient's own identity, of three letters or more, to be looked for in what stays."""
    words: set[str] = set()
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "OtherPatientIDs", "PatientBirthName"):
        text = str(source.get(keyword, "") or "").lower()
        words.update(word for word in re.split(r"[\^,;\s=\\\[\]']+", text) if len(word) >= 3)
    return frozenset(words)


def _names_someone(value: object, secrets: frozenset[str]) -> bool:
    """Whether one of the words stands in the text as a word (``one`` is not in ``NONE``)."""
    text = str(value).lower()
    return any(re.search(rf"(?<![a-z0-9]){re.escape(secret)}(?![a-z0-9])", text) for secret in secrets)


def _shifted(element: DataElement, shift: timedelta) -> DataElement | None:
    text = str(element.value or "").strip()
    if not text:
        return element
    if str(element.VR) == "DA":
        day = parse_date(text)
        return None if day is None else DataElement(element.tag, "DA", (day - shift).strftime("%Y%m%d"))
    moment = parse_datetime(text)
    if moment is None:
        return None
    zone = re.search(r"[+-]\d{4}$", text)
    return DataElement(element.tag, "DT", (moment - shift).strftime("%Y%m%d%H%M%S.%f") + (zone[0] if zone else ""))

"""Whose results are written: identity and reference series taken over from the study that was read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from neorlt.dicom.enhanced import SINGLE
from neorlt.dicom.identity import Identity
from neorlt.dicom.packed import unpacked
from neorlt.dicom.scan import files_below


@dataclass(frozen=True)
class Owner:
    """The slices of the study's CT (else PET) and the patient and study that results are filed under."""

    paths: tuple[Path, ...]
    identity: Identity


def find_owner(folder: Path, frame_of_reference_uid: str) -> Owner | None:
    """Return the largest CT series of a frame of reference, else the largest PET series; None without either."""
    series: dict[tuple[str, str], list[Path]] = {}
    first: dict[tuple[str, str], Dataset] = {}
    root = unpacked(Path(folder))
    for path in files_below(root) if root.is_dir() else [root]:
        try:
            header = dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
        except (InvalidDicomError, OSError):
            continue
        if header.get("SOPClassUID") in SINGLE:  # results refer to single slices
            continue
        if header.get("Modality") in ("CT", "PT") and header.get("FrameOfReferenceUID") == frame_of_reference_uid:
            key = (str(header.Modality), str(header.SeriesInstanceUID))
            series.setdefault(key, []).append(path)
            first.setdefault(key, header)
    if not series:
        return None
    key = min(series, key=lambda k: (k[0] != "CT", -len(series[k])))
    return Owner(tuple(series[key]), _identity(first[key]))


_TAGS = [
    "SOPClassUID",
    "Modality",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientWeight",
    "PatientSize",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
]


def _identity(header: Dataset) -> Identity:
    def number(name: str) -> float | None:
        value = header.get(name)
        return float(value) if value not in (None, "") and float(value) > 0 else None

    born = str(header.get("PatientBirthDate") or "")
    age = str(header.get("PatientAge") or "")
    day, clock = str(header.get("StudyDate") or "19000101"), str(header.get("StudyTime") or "000000")[:6].ljust(6, "0")
    return Identity(
        patient_id=str(header.get("PatientID") or "unknown"),
        patient_name=str(header.get("PatientName") or ""),
        birth_date=datetime.strptime(born, "%Y%m%d").date() if len(born) == 8 and born.isdigit() else None,
        sex=str(header.get("PatientSex") or ""),
        age_y=float(age[:-1]) if age[-1:] == "Y" and age[:-1].isdigit() and int(age[:-1]) > 0 else None,
        weight_kg=number("PatientWeight"),
        size_m=number("PatientSize"),
        study_uid=str(header.StudyInstanceUID),
        study_time=datetime.strptime(day + clock, "%Y%m%d%H%M%S"),
        frame_of_reference_uid=str(header.FrameOfReferenceUID),
    )

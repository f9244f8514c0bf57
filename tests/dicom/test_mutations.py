"""Scale, attribute by attribute: whatever one attribute is changed to, a number, a sentence or a row of the ledger changes.

Headers of real scanners (GE, Siemens and Philips PET; a CT; the NM object as written): every attribute that can stand between a
stored number and a quantity is changed, emptied or added, alone. Nothing that changes is passed over in silence.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage

from neorlt.core.errors import InputError
from neorlt.dicom.attributes import attributes_of
from neorlt.dicom.identity import make_uid
from neorlt.dicom.read import read_study

DATA = Path(__file__).parent.parent / "data" / "dicom"
LEAST = 60
"""Attributes that each kind of header is asked about."""
VALUES: dict[str, list[Any]] = {
    "DS": ["2.5", "7"], "IS": ["3", "41"], "US": [3, 5], "SS": [3], "UL": [7], "FD": [2.5], "FL": [2.5], "CS": ["OTHER", "NONE"],
    "LO": ["another"], "SH": ["another"], "LT": ["another"], "ST": ["another"], "UI": ["1.2.3.4"], "DA": ["20250607"], "TM": ["041500"],
    "DT": ["20250607041500"], "AS": ["071Y"], "AT": [0x00540080], "PN": ["Other^Person"], "SV": [3], "UC": ["x"], "UT": ["x"],
}  # fmt: skip


def _complete(dataset: Dataset, sop_class: str, modality: str, number: int) -> Dataset:
    """A header of a real scanner with the pixels and the identity that its public copy lacks."""
    dataset = copy.deepcopy(dataset)
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, make_uid("mutation", modality, str(number))
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = make_uid("mutation study"), make_uid("mutation series", modality)
    dataset.FrameOfReferenceUID, dataset.Modality = make_uid("mutation frame"), modality
    dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate = "M-1", "Mutated", ""
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [-32, -32, 3.0 * number], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness = ["8", "8"], "3"
    dataset.Rows = dataset.Columns = 8
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.PixelData = (np.arange(64, dtype="<i2") * 100 + number).tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def _pet_headers(name: str) -> list[Dataset]:
    from tests.dicom.test_real_files import _dataset

    values = json.loads((DATA / "pet_headers" / f"{name}-instances.json").read_text())[:3]
    made = []
    for number, value in enumerate(values):
        dataset = _complete(_dataset(value), PositronEmissionTomographyImageStorage, "PT", number)
        for keyword, default in (("RescaleSlope", "1.5"), ("RescaleIntercept", "0")):
            if keyword not in dataset:
                setattr(dataset, keyword, default)
        made.append(dataset)
    return made


def _ct_headers() -> list[Dataset]:
    made = []
    for number, path in enumerate(sorted((DATA / "sts_001" / "CT" / "image").glob("*.dcm"))[:3]):
        source = pydicom.dcmread(path, stop_before_pixels=True)
        made.append(_complete(source, CTImageStorage, "CT", number))
    return made


def _save(headers: list[Dataset], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for number, dataset in enumerate(headers):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = pydicom.FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        file.update(dataset)
        file.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def _said(folder: Path) -> str:
    """Everything that a reader of the study is told: numbers, sentences, ledger; or the refusal."""
    try:
        study = read_study(folder)
    except InputError as error:
        return f"refused: {error}"
    numbers = [(v.modality, str(v.unit), str(v.time), v.nuclide, v.grid.affine.tolist(), v.grid.shape, v.weight_kg, v.array.tobytes())
               for v in study.volumes]  # fmt: skip
    facts = (study.patient_key, study.weight_kg, study.sex, study.age_y, study.administrations)
    return repr((numbers, facts, study.warnings, study.sources, [row.as_json() for row in study.ledger]))


def _changes(dataset: Dataset, keyword: str) -> list[Callable[[Dataset], None]]:
    """Two other values of the attribute's kind, and none."""
    vr = dictionary_VR(keyword).split(" or ")[0]
    if vr == "SQ":
        return [lambda d: d.__delattr__(keyword)] if keyword in dataset else []
    now = dataset.get(keyword)
    many = isinstance(now, pydicom.multival.MultiValue)
    made: list[Callable[[Dataset], None]] = []
    for value in VALUES.get(vr, ["another"]):
        other = [*list(now)[:-1], value] if many else value
        if str(other) != str(now):
            made.append(lambda d, other=other: setattr(d, keyword, other))  # type: ignore[misc]
    if keyword in dataset and now not in (None, ""):
        made.append(lambda d: d.__delattr__(keyword))
    return made


def _targets(headers: list[Dataset], modality: str) -> list[tuple[str, str]]:
    """Sequence (or nothing) and keyword of every attribute that this kind of image is asked about."""
    return [(sequence, keyword) for sequence, keyword in attributes_of(modality) if not sequence or headers[0].get(sequence)]


KINDS: dict[str, tuple[str, Callable[[Any], list[Dataset]]]] = {
    "GE": ("PT", lambda _: _pet_headers("GE_MEDICAL_AND_BQML")),
    "Siemens": ("PT", lambda _: _pet_headers("SIEMENS")),
    "Philips": ("PT", lambda _: _pet_headers("PHILIPS_BQML")),
    "Philips counts": ("PT", lambda _: _pet_headers("PHILIPS_CNTS_AND_SUV")),
    "CT": ("CT", lambda _: _ct_headers()),
    "NM": ("NM", lambda made: [pydicom.dcmread(made.spect[0])]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_attribute_changes_in_silence(kind, made, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
    modality, make = KINDS[kind]
    headers = make(made)
    _save(headers, tmp_path / "study")
    truth = _said(tmp_path / "study")
    assert not truth.startswith("refused"), truth
    targets = _targets(headers, modality)
    assert len(targets) >= LEAST
    silent = []
    tried = 0
    for sequence, keyword in targets:
        for number, change in enumerate(_changes(headers[0][sequence].value[0] if sequence else headers[0], keyword)):
            changed = [copy.deepcopy(h) for h in headers]
            for dataset in changed:
                change(dataset[sequence].value[0] if sequence else dataset)
            try:
                _save(changed, tmp_path / "study")
            except (ValueError, TypeError, AttributeError, OverflowError):
                continue  # pydicom does not write such a value
            tried += 1
            if _said(tmp_path / "study") == truth:
                silent.append(f"{sequence} {keyword} #{number}")
    assert tried > LEAST
    assert not silent


def test_the_mutation_test_can_fail(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """An attribute that has no place in the scale changes nothing."""
    headers = [pydicom.dcmread(made.spect[0])]
    _save(headers, tmp_path / "study")
    truth = _said(tmp_path / "study")
    headers[0].InstitutionName = "another"
    _save(headers, tmp_path / "study")
    assert _said(tmp_path / "study") == truth


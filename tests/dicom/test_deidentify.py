"""No name, number or date of the patient is left in any byte, and the study still reads to the same numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from neorlt.core.errors import InputError
from neorlt.dicom.deidentify import Deidentifier
from neorlt.dicom.read import read_study
from neorlt.jobs.deidentify import deidentify_command

SECRETS = [b"SYN-1", b"Synthetic", b"19600101", b"Hospital", b"Dr^Who", b"20260302", b"Montague"]


@pytest.fixture
def dirty(spoil, edit):  # type: ignore[no-untyped-def]
    """The study with identities in the places where they hide."""

    def soil(dataset: Dataset) -> None:
        dataset.InstitutionName = "Hospital of Somewhere"
        dataset.ReferringPhysicianName = "Dr^Who"
        dataset.SeriesDescription = "PET of Synthetic One"
        dataset.PatientComments = "SYN-1 lives in Montague Street"
        dataset.add_new((0x0400, 0x0561), "SQ", [])
        item, inner = Dataset(), Dataset()
        inner.PatientName = "Synthetic^One"
        item.ModifiedAttributesSequence = Sequence([inner])
        dataset.OriginalAttributesSequence = Sequence([item])
        block = dataset.private_block(0x0011, "SOMEBODY", create=True)
        block.add_new(0x01, "LO", "Synthetic One")
        request = Dataset()
        request.RequestedProcedureDescription = "Synthetic One"
        dataset.RequestAttributesSequence = Sequence([request])

    edit([*spoil.ct, *spoil.pet, *spoil.spect, spoil.rtstruct], soil)
    edit(spoil.rtstruct, lambda d: setattr(d.StructureSetROISequence[0], "ROIName", "liver"))
    return spoil


def test_nothing_of_the_patient_is_left(dirty, tmp_path) -> None:  # type: ignore[no-untyped-def]
    result = deidentify_command(dirty.folder, tmp_path / "out", key="a long secret")
    written = sorted((tmp_path / "out").rglob("*.dcm"))
    assert result["files"] == len(written) == len(dirty.ct) + len(dirty.pet) + 3
    before = b"".join(p.read_bytes() for p in dirty.folder.rglob("*.dcm"))
    after = b"".join(p.read_bytes() for p in written) + "".join(str(p) for p in written).encode()
    for secret in SECRETS:
        assert secret in before, f"{secret!r} was never there: the test proves nothing"
        assert secret not in after
    uids = {pydicom.dcmread(p, stop_before_pixels=True).SOPInstanceUID for p in dirty.folder.rglob("*.dcm")}
    for uid in uids:
        assert uid.encode() not in after
    assert result["removed"]["InstitutionName"] == result["files"]


def test_the_numbers_stay(dirty, tmp_path) -> None:  # type: ignore[no-untyped-def]
    truth = read_study(dirty.folder)
    deidentify_command(dirty.folder, tmp_path / "out", key="a long secret")
    got = read_study(tmp_path / "out")
    assert got.patient_key != truth.patient_key
    assert got.weight_kg == truth.weight_kg
    for one, other in zip(got.volumes, truth.volumes, strict=True):
        assert np.array_equal(one.array, other.array)
        assert one.unit == other.unit
    for a, b in zip(got.therapy_images(), truth.therapy_images(), strict=True):
        assert a.time - got.administrations[-1].time == b.time - truth.administrations[-1].time  # type: ignore[operator]
        assert a.time != b.time
    assert [r.volume_ml for r in got.regions] == [r.volume_ml for r in truth.regions]


def test_one_key_gives_one_pseudonym_and_another_key_another(dirty) -> None:  # type: ignore[no-untyped-def]
    source = pydicom.dcmread(dirty.ct[0])
    one, again, other = (Deidentifier(k).clean(source) for k in ("key number one", "key number one", "key number two"))
    assert one.PatientID == again.PatientID != other.PatientID
    assert one.SeriesInstanceUID == again.SeriesInstanceUID != other.SeriesInstanceUID
    assert one.StudyDate == again.StudyDate
    assert one.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert one.PatientIdentityRemoved == "YES"


def test_a_region_named_after_the_patient_loses_its_name(dirty, edit) -> None:  # type: ignore[no-untyped-def]
    edit(dirty.rtstruct, lambda d: setattr(d.StructureSetROISequence[1], "ROIName", "kidney of Synthetic"))
    clean = Deidentifier("a long secret").clean(pydicom.dcmread(dirty.rtstruct))
    assert clean.StructureSetROISequence[0].ROIName == "liver"
    assert "ROIName" not in clean.StructureSetROISequence[1]


def test_philips_scale_factors_stay(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    def philips(dataset: Dataset) -> None:
        block = dataset.private_block(0x7053, "Philips PET Private Group", create=True)
        block.add_new(0x00, "DS", "0.000728")
        block.add_new(0x05, "LO", "Synthetic One")

    edit(spoil.pet[0], philips)
    clean = Deidentifier("a long secret").clean(pydicom.dcmread(spoil.pet[0]))
    block = clean.private_block(0x7053, "Philips PET Private Group")
    assert float(block[0x00].value) == 0.000728
    assert 0x05 not in block


def test_screen_captures_are_left_out(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    dataset = pydicom.dcmread(spoil.ct[0])
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    dataset.SeriesInstanceUID = dataset.SOPInstanceUID = "1.2.3.4"
    dataset.save_as(spoil.folder / "capture.dcm")
    result = deidentify_command(spoil.folder, tmp_path / "out")
    assert result["left_out"] == {"Secondary Capture Image Storage": 1}


def test_nothing_is_written_when_an_object_fails(spoil, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    calls = []

    def broken(self: Deidentifier, source: Dataset) -> Dataset:
        calls.append(1)
        if len(calls) > 3:
            raise RuntimeError("planted")
        return original(self, source)

    original = Deidentifier.clean
    monkeypatch.setattr(Deidentifier, "clean", broken)
    with pytest.raises(InputError, match="cannot be de-identified"):
        deidentify_command(spoil.folder, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [spoil.folder]


@pytest.mark.needs_dciodvfy
def test_clean_objects_are_conformant(dirty, seg, tmp_path, dciodvfy) -> None:  # type: ignore[no-untyped-def]
    deidentify_command(dirty.folder, tmp_path / "out", key="a long secret")
    for path in sorted((tmp_path / "out").rglob("00001.dcm")):
        assert dciodvfy(path) == [], path


def test_real_file_with_a_name_in_its_history(tmp_path) -> None:  # type: ignore[no-untyped-def]
    source = Path(__file__).parent.parent / "data" / "dicom" / "propcps" / "pet_propcps_jpegll.dcm"
    shutil.copy(source, tmp_path / "a.dcm")
    deidentify_command(tmp_path / "a.dcm", tmp_path / "out")
    written = next((tmp_path / "out").rglob("*.dcm"))
    assert b"GEModalityLut" not in written.read_bytes()
    assert np.array_equal(pydicom.dcmread(written).pixel_array, pydicom.dcmread(source).pixel_array)

"""What can be left out is left out by name and the rest goes on; a study comes in a folder, in links, or in a ZIP."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import generate_uid

from neorlt.core.errors import InputError
from neorlt.dicom.identity import make_uid
from neorlt.dicom.packed import unpacked
from neorlt.dicom.read import read_study


def _copy(paths: list[Path], folder: Path, change: Any) -> None:
    """Another series beside the first."""
    folder.mkdir()
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.SeriesInstanceUID = make_uid(folder.name)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = make_uid(folder.name, path.name)
        change(dataset)
        dataset.save_as(folder / path.name)


def _turning_mip(dataset: pydicom.Dataset) -> None:
    """One of the views round the patient that scanners keep as PET; each has an orientation of its own."""
    angle = 0.2 * int(dataset.InstanceNumber)
    dataset.ImageType = ["DERIVED", "SECONDARY", "MIP"]
    dataset.ImageOrientationPatient = [round(float(v), 6) for v in (np.cos(angle), np.sin(angle), 0, 0, 0, -1)]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: setattr(d, "CorrectedImage", ["DECY"]), "not attenuation corrected"),
        (lambda d: setattr(d, "Units", "PROPCPS"), "PROPCPS"),
        (lambda d: setattr(d, "Units", "CNTS"), "CNTS"),
        (lambda d: (setattr(d, "Units", "GML"), setattr(d, "SUVType", "LBM")), "LBM"),
        (lambda d: setattr(d, "SeriesType", ["WHOLE BODY", "REPROJECTION"]), "MIP"),
        (lambda d: _turning_mip(d), "MIP"),
        (lambda d: setattr(d, "CountsSource", "TRANSMISSION"), "TRANSMISSION"),
        (lambda d: setattr(d, "Units", ""), "no unit"),
    ],
)
def test_a_pet_of_another_kind_is_left_out_by_name(spoil, change, word) -> None:  # type: ignore[no-untyped-def]
    truth = read_study(spoil.folder).pet_images()[0].array
    _copy(spoil.pet, spoil.folder / "other", change)
    study = read_study(spoil.folder)
    assert len(study.pet_images()) == 1
    assert np.array_equal(study.pet_images()[0].array, truth)
    assert any("left out" in w and word in w and "other/" in w for w in study.warnings)


@pytest.mark.parametrize(
    ("which", "change", "word"),
    [
        (slice(None), lambda d: setattr(d, "RescaleType", "OD"), "Hounsfield"),
        (slice(0, None, 2), lambda d: None, "slice"),  # every second slice: a series of its own, evenly spaced, is kept
        (slice(3, 4), lambda d: None, "one slice"),
        (slice(None), lambda d: setattr(d, "ImageType", ["DERIVED", "SECONDARY", "AXIAL", "MIP"]), "projections of a slab"),
        (slice(None), lambda d: setattr(d, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
    ],
)
def test_a_ct_of_another_kind_is_left_out_by_name(spoil, which, change, word) -> None:  # type: ignore[no-untyped-def]
    _copy(spoil.ct[which], spoil.folder / "other", change)
    study = read_study(spoil.folder)
    if word == "slice":
        assert len(study.ct_images()) == 2
        return
    assert len(study.ct_images()) == 1
    assert any("left out" in w and word in w for w in study.warnings)


def test_a_slice_that_continues_a_series_is_not_left_out(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    """The last slice under another identifier: leaving it out would shorten the CT in silence."""
    edit(spoil.ct[-1], lambda d: setattr(d, "SeriesInstanceUID", make_uid("stray")))
    with pytest.raises(InputError, match="lies where another series ends"):
        read_study(spoil.folder)


@pytest.mark.parametrize("kind", ["WHOLE BODY", "STATIC", "TOMO", "RECON GATED TOMO"])
def test_planar_and_raw_nm_are_left_out_by_name(spoil, kind) -> None:  # type: ignore[no-untyped-def]
    _copy(spoil.spect[:1], spoil.folder / "planar", lambda d: setattr(d, "ImageType", ["ORIGINAL", "PRIMARY", kind, "EMISSION"]))
    study = read_study(spoil.folder)
    assert len(study.therapy_images()) == 2
    assert any("left out" in w and kind in w for w in study.warnings)


def test_a_transmission_map_is_no_emission(spoil) -> None:  # type: ignore[no-untyped-def]
    _copy(spoil.spect[:1], spoil.folder / "mu", lambda d: setattr(d, "ImageType", ["DERIVED", "PRIMARY", "RECON TOMO", "TRANSMISSION"]))
    study = read_study(spoil.folder)
    assert len(study.therapy_images()) == 2
    assert any("attenuation map" in w for w in study.warnings)


def _same(one: Any, other: Any) -> None:
    assert [v.modality for v in one.volumes] == [v.modality for v in other.volumes]
    assert all(np.array_equal(a.array, b.array) for a, b in zip(one.volumes, other.volumes, strict=True))
    assert [(r.name, round(r.volume_ml, 6)) for r in one.regions] == [(r.name, round(r.volume_ml, 6)) for r in other.regions]


def test_linked_folders_are_followed_once(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("ct", "pet"):
        (folder / name).symlink_to(made.folder / name)
    (folder / "again").symlink_to(made.folder / "ct")
    (folder / "loop").symlink_to(folder)
    for path in (*made.spect, made.rtstruct):
        (folder / path.name).symlink_to(path)
    _same(read_study(folder), read_study(made.folder))


def test_a_flat_folder_reads_the_same(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    for n, path in enumerate(sorted(p for p in made.folder.rglob("*") if p.is_file())):
        shutil.copy(path, tmp_path / f"IM{n:06d}")
    _same(read_study(tmp_path), read_study(made.folder))


def _zip(folder: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            packed.write(path, Path("export") / path.relative_to(folder))
    return to


def test_a_zip_reads_the_same(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    _same(read_study(_zip(made.folder, tmp_path / "study.zip")), read_study(made.folder))


def test_a_zip_in_a_folder_says_what_to_do(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    _zip(made.folder, tmp_path / "study.zip")
    with pytest.raises(InputError, match="give the ZIP itself"):
        read_study(tmp_path)


@pytest.mark.parametrize("name", ["../out.dcm", "/etc/out.dcm", "a/../../out.dcm"])
def test_a_zip_that_leads_outside_is_refused(tmp_path, name) -> None:  # type: ignore[no-untyped-def]
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as packed:
        packed.writestr(name, "x")
    with pytest.raises(InputError, match="leads outside"):
        read_study(tmp_path / "study.zip")


def test_a_zip_bomb_and_a_broken_zip_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x.dcm", bytes(2**25))
    with pytest.raises(InputError, match="more than any study"):
        read_study(tmp_path / "bomb.zip")
    (tmp_path / "broken.zip").write_bytes((tmp_path / "bomb.zip").read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be unpacked"):
        read_study(tmp_path / "broken.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_damaged_anywhere_is_unpacked_or_refused_whatever_packed_it(tmp_path, method) -> None:  # type: ignore[no-untyped-def]
    with zipfile.ZipFile(tmp_path / "whole.zip", "w", method) as packed:
        packed.writestr("a.dcm", bytes(range(256)) * 40)
    whole, refused = (tmp_path / "whole.zip").read_bytes(), 0
    for place in range(30, len(whole), max(1, len(whole) // 150)):
        path = tmp_path / f"{place}.zip"
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            unpacked(path)
        except InputError:
            refused += 1
    assert refused > 50


def test_files_that_a_dicomdir_lists_and_are_not_there(spoil) -> None:  # type: ignore[no-untyped-def]
    directory = FileDataset("", {}, preamble=bytes(128), file_meta=pydicom.dataset.FileMetaDataset())
    directory.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    directory.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    directory.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    records = []
    for parts in (["CT", spoil.ct[0].name.upper()], ["CT", "GONE"]):
        record = Dataset()
        record.ReferencedFileID = parts
        records.append(record)
    directory.DirectoryRecordSequence = pydicom.Sequence(records)
    directory.save_as(spoil.folder / "DICOMDIR", enforce_file_format=True)
    assert any("CT/GONE" in w and "1 are not there" in w for w in read_study(spoil.folder).warnings)


def test_other_files_are_named(spoil) -> None:  # type: ignore[no-untyped-def]
    (spoil.folder / "viewer.exe").write_bytes(b"MZ")
    assert any("viewer.exe" in w for w in read_study(spoil.folder).warnings)


def test_a_data_set_without_its_file_header_is_not_passed_over(spoil) -> None:  # type: ignore[no-untyped-def]
    spoil.spect[0].rename(spoil.folder / "nm")
    (spoil.folder / "nm").write_bytes((spoil.folder / "nm").read_bytes()[132:])
    content = (spoil.folder / "nm").read_bytes()
    (spoil.folder / "nm").write_bytes(content[content.index(b"\x08\x00\x05\x00CS") :])
    with pytest.raises(InputError, match="without its file header"):
        read_study(spoil.folder)


def test_structures_of_an_image_that_is_left_out_go_with_it(spoil) -> None:  # type: ignore[no-untyped-def]
    """An MR in its own frame of reference with its own structure set beside the study's."""
    truth = read_study(spoil.folder)
    other = pydicom.dcmread(spoil.rtstruct)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    other.SeriesInstanceUID, frame = generate_uid(), generate_uid()
    other.FrameOfReferenceUID = other.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = frame
    study = other.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    study.RTReferencedSeriesSequence[0].SeriesInstanceUID = generate_uid()
    for roi in other.StructureSetROISequence:
        roi.ReferencedFrameOfReferenceUID = frame
    other.save_as(spoil.folder / "mr.dcm")
    study = read_study(spoil.folder)
    _same(study, truth)
    assert any("structure set was left out" in w and "mr.dcm" in w for w in study.warnings)
    spoil.rtstruct.unlink()
    with pytest.raises(InputError, match="frame of reference that no image of the study has"):
        read_study(spoil.folder)

"""Bad input is refused with what, where and the remedy, before a number could be wrong."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from neorlt.core.errors import InputError
from neorlt.dicom import pixels
from neorlt.dicom.identity import make_uid
from neorlt.dicom.read import read_study
from neorlt.dicom.write_nm import SCALE
from neorlt.jobs.measure import measure_command

DATA = Path(__file__).parent.parent / "data" / "dicom"
Edit = Callable[[pydicom.Dataset], object]


def _item(dataset: pydicom.Dataset) -> pydicom.Dataset:
    return dataset.RadiopharmaceuticalInformationSequence[0]


def _set(keyword: str, value: object, *, item: bool = False) -> Edit:
    return lambda d: setattr(_item(d) if item else d, keyword, value)


def _drop(*keywords: str, item: bool = False) -> Edit:
    def change(dataset: pydicom.Dataset) -> None:
        for keyword in keywords:
            delattr(_item(dataset) if item else dataset, keyword)

    return change


def _refusal(folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_study(folder)
    assert caught.value.remedy
    assert "SYN-1" not in str(caught.value)
    assert "Synthetic" not in str(caught.value)
    return caught.value


CASES = [
    ("pet", _drop("PatientWeight"), "weight is missing", "(0010,1030)"),
    ("pet", _set("PatientWeight", "0"), "weight", "(0010,1030)"),
    ("pet", _set("PatientWeight", "70000"), "not that of a person", "(0010,1030)"),
    ("pet", _drop("RadionuclideTotalDose", item=True), "injected activity is missing", "(0018,1074)"),
    ("pet", _set("RadionuclideTotalDose", "150", item=True), "not in Bq", "(0018,1074)"),
    (
        "pet",
        _drop("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime", item=True),
        "time of injection",
        "(0018,1072)",
    ),
    ("pet", _set("RadiopharmaceuticalStartDateTime", "20260302113000", item=True), "backwards", "(0018,1078)"),
    ("pet", _set("RadiopharmaceuticalStartDateTime", "20260301090000", item=True), "too far apart", "(0018,1078)"),
    ("pet", _set("RadiopharmaceuticalStartDateTime", "20260302084000", item=True), "contradict", "(0018,1078)"),
    ("pet", _set("RadionuclideHalfLife", "6586", item=True), "half-life and radionuclide contradict", "(0018,1075)"),
    ("pet", _set("Units", "PROPCPS"), "no scale to activity", "(0054,1001)"),
    ("pet", _set("Units", "CNTS"), "no scale to activity", "(0054,1001)"),
    ("pet", _drop("Units"), "has no unit", "(0054,1001)"),
    ("pet", _set("CorrectedImage", ["DECY", "SCAT"]), "not attenuation corrected", "(0028,0051)"),
    ("pet", _set("DecayCorrection", "NONE"), "contradicts itself", "(0028,0051)"),
    ("pet", _drop("DecayCorrection"), "decay correction is not stated", "(0054,1102)"),
    ("pet", _drop("AcquisitionTime", "SeriesTime"), "time of acquisition is missing", "(0008,0032)"),
    ("spect", _drop(*SCALE), "no scale to activity", "(0040,9096)"),
    ("spect", _drop("RadionuclideTotalDose", item=True), "injected activity is missing", "(0018,1074)"),
    ("spect", _set("RadionuclideTotalDose", "7.4e9", item=True), "not in MBq", "(0018,1074)"),
    (
        "spect",
        _drop("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime", item=True),
        "time of injection is missing",
        "(0018,1072)",
    ),
    ("spect", _drop("RadiopharmaceuticalStartDateTime", item=True), "day of the injection is not known", "(0018,1072)"),
    ("spect", _set("RadiopharmaceuticalStartTime", "083000", item=True), "contradict", "(0018,1078)"),
    ("spect", _set("RadiopharmaceuticalStartDateTime", "20260310090000", item=True), "backwards", "(0018,1078)"),
    ("spect", _drop("AcquisitionTime"), "time of acquisition is missing", "(0008,0032)"),
    (
        "spect",
        lambda d: [delattr(item, "ImagePositionPatient") for item in (d, d.DetectorInformationSequence[0])],
        "ImagePositionPatient is missing",
        "(0020,0032)",
    ),
    ("ct", _set("RescaleType", "OD"), "not in Hounsfield units", "(0028,1054)"),
    ("ct", _drop("RescaleSlope"), "RescaleSlope is missing", "(0028,1053)"),
]


@pytest.mark.parametrize(("which", "change", "problem", "tag"), CASES, ids=[f"{c[0]}-{c[2]}-{c[3]}" for c in CASES])
def test_headers_that_would_make_a_number_wrong(spoil, edit, monkeypatch, which, change, problem, tag) -> None:  # type: ignore[no-untyped-def]
    edit(getattr(spoil, which), change)

    def never(*_: object) -> None:
        raise AssertionError("pixels were decoded before the headers were judged")

    monkeypatch.setattr(pixels, "decode", never)
    error = _refusal(spoil.folder)
    assert problem in str(error)
    assert tag in str(error)
    assert any(p.name in str(error) for p in getattr(spoil, which))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("Units", "GML"), ("PatientWeight", "71"), ("DecayCorrection", "ADMIN"), ("SeriesTime", "100001")],
)
def test_one_changed_slice_is_found(spoil, edit, keyword, value) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.pet[3], _set(keyword, value))
    error = _refusal(spoil.folder)
    assert "disagree" in str(error)
    assert spoil.pet[3].name in str(error) or spoil.pet[0].name in str(error)


def test_one_changed_injection_is_found(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.pet[2], _set("RadionuclideTotalDose", "1.6e8", item=True))
    assert "disagree" in str(_refusal(spoil.folder))


def test_mixed_patients(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect[1], _set("PatientID", "SYN-2"))
    error = _refusal(spoil.folder)
    assert "mixes patients" in str(error)
    assert "SYN-2" not in str(error)


@pytest.mark.parametrize(("keyword", "value"), [("PatientName", "Somebody^Else"), ("PatientBirthDate", "19700101")])
def test_one_number_and_two_people(spoil, edit, keyword, value) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.ct[0], _set(keyword, value))
    assert "mixes patients" in str(_refusal(spoil.folder))


def test_mixed_frames_of_reference(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.pet, _set("FrameOfReferenceUID", make_uid("another frame")))
    error = _refusal(spoil.folder)
    assert "different frames of reference" in str(error)
    assert "(0020,0052)" in str(error)
    (spoil.folder / "settings.toml").write_text('[frames_of_reference]\ntreat_as_one = true\nreason = "registered"\n')
    study = read_study(spoil.folder)
    assert any("registered" in w for w in study.warnings)


def test_sessions_with_a_ct_of_their_own_are_told_what_helps(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    """SPECT/CT on two days: to register the SPECT is the remedy only once there is one CT."""
    edit([*spoil.ct, spoil.spect[1]], _set("FrameOfReferenceUID", make_uid("another day")))
    assert "--register rigid" in str(_refusal(spoil.folder))
    with pytest.raises(InputError, match="take the CT of the other sessions out of the folder"):
        read_study(spoil.folder, several_frames=True)


def test_region_of_another_frame(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    other = make_uid("another frame")

    def move(dataset: pydicom.Dataset) -> None:
        dataset.FrameOfReferenceUID = other
        for roi in dataset.StructureSetROISequence:
            roi.ReferencedFrameOfReferenceUID = other
        dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = other
        study = dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
        study.RTReferencedSeriesSequence[0].SeriesInstanceUID = make_uid("another series")

    edit(spoil.rtstruct, move)
    assert "frame of reference that no image" in str(_refusal(spoil.folder))


def test_region_outside_the_image(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    def shift(dataset: pydicom.Dataset) -> None:
        for contour in dataset.ROIContourSequence[2].ContourSequence:
            contour.ContourData = [float(v) + (100.0 if n % 3 == 0 else 0.0) for n, v in enumerate(contour.ContourData)]

    edit(spoil.rtstruct, shift)
    error = _refusal(spoil.folder)
    assert "'primary' lies outside the image" in str(error)


def test_a_region_file_that_is_off_by_a_slice(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    """Contours name the slices that they were drawn on: a file whose points are moved by one is not taken."""

    def shift(dataset: pydicom.Dataset) -> None:
        for drawn in dataset.ROIContourSequence:
            for contour in drawn.ContourSequence:
                contour.ContourData = [float(v) + (5.0 if n % 3 == 2 else 0.0) for n, v in enumerate(contour.ContourData)]

    edit(spoil.rtstruct, shift)
    error = _refusal(spoil.folder)
    assert "off the slices" in str(error)
    assert "+1.0 slices" in str(error)


def test_empty_folder(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert "no DICOM file" in str(_refusal(tmp_path))


def test_folder_that_does_not_exist(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert "does not exist" in str(_refusal(tmp_path / "nothing"))


@pytest.mark.parametrize("keep", [0, 100, 200, 700, 0.5, 0.99])
def test_truncated_file(spoil, keep) -> None:  # type: ignore[no-untyped-def]
    path = spoil.ct[3]
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    assert path.name in str(_refusal(spoil.folder))


def test_missing_slice(spoil) -> None:  # type: ignore[no-untyped-def]
    spoil.ct[3].unlink()
    assert "slice is missing" in str(_refusal(spoil.folder))


def test_duplicates_of_a_slice(spoil) -> None:  # type: ignore[no-untyped-def]
    shutil.copy(spoil.ct[3], spoil.folder / "copy.dcm")
    read_study(spoil.folder)  # the same file twice is one slice
    dataset = pydicom.dcmread(spoil.ct[3])
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(spoil.folder / "copy.dcm")
    assert "same identifier" in str(_refusal(spoil.folder))


def test_no_sop_class() -> None:
    error = _refusal(DATA / "no_sop_class")
    assert "(0008,0016)" in str(error)


def test_unscaled_spect() -> None:
    error = _refusal(DATA / "unscaled_spect")
    assert "without a quantitative scale" in str(error)


def test_propcps_is_refused_for_its_unit_before_it_is_decoded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(pydicom.Dataset, "pixel_array", property(lambda _: pytest.fail("decoded")))
    with pytest.raises(InputError, match="PROPCPS") as caught:
        measure_command(DATA / "propcps" / "pet_propcps_jpegll.dcm")
    assert "(0054,1001)" in str(caught.value)


def test_propcps_slice_can_be_decoded_all_the_same() -> None:
    """The refusal is for the unit: the codec is there."""
    stored = pixels.decode(DATA / "propcps" / "pet_propcps_jpegll.dcm", "pet")
    assert stored.shape == (128, 128)


def test_planar_nm_alone_is_refused_and_beside_others_left_out(spoil, edit, tmp_path) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.spect[1], _set("ImageType", ["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]))
    assert any("RECON TOMO" in w for w in read_study(spoil.folder).warnings)
    shutil.copy(spoil.spect[1], tmp_path / "planar.dcm")
    assert "no image that can be used" in str(_refusal(tmp_path / "planar.dcm"))


def test_study_without_lesions_cannot_be_measured(spoil) -> None:  # type: ignore[no-untyped-def]
    spoil.rtstruct.unlink()
    with pytest.raises(InputError, match="no lesion to measure"):
        measure_command(spoil.folder)

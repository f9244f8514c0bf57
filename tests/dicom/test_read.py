"""A study reads back as what was written, whatever the files are called and however the slices lie."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from neorlt.core.errors import InputError
from neorlt.dicom.identity import make_uid
from neorlt.dicom.read import read_study
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_nm import SCALE
from neorlt.dicom.write_pet import write_pet
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration
from neorlt.imaging.suv import suv_images
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.jobs.measure import measure_command

T0 = datetime(2026, 3, 2, 9, 0)


def test_study_reads_back(made) -> None:  # type: ignore[no-untyped-def]
    study = read_study(made.folder)
    (ct,), (pet,), spects = study.ct_images(), study.pet_images(), study.therapy_images()
    assert np.array_equal(ct.array, made.ct_volume.array)
    assert pet.array == pytest.approx(made.pet_volume.array, abs=2.0)
    assert spects[0].array == pytest.approx(made.spect_volume.array, abs=10.0)
    assert ct.grid.same_as(made.ct_volume.grid)
    assert spects[0].grid.same_as(made.ct_volume.grid)
    assert [v.time for v in spects] == [T0 + timedelta(hours=4), T0 + timedelta(hours=96)]
    assert study.therapy_administration().time == T0
    assert study.therapy_administration().activity_mbq == 7400
    assert (study.weight_kg, study.sex, study.age_y) == (70.0, "F", 66.0)
    assert [(r.name, r.kind) for r in study.regions] == [(r.name, r.kind) for r in made.regions]
    for got, truth in zip(study.regions, made.regions, strict=True):
        assert got.volume_ml == pytest.approx(truth.volume_ml, rel=2e-3)


def test_a_study_costs_each_file_one_header(made, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """The walk over a file's structure is the only parse of it: no other room and no library reads a header again."""
    from neorlt.dicom import part10, pixels, scan

    seen: Counter[str] = Counter()
    original = part10.read_part10

    def counted(path: Path, name: str):  # type: ignore[no-untyped-def]
        seen[str(path)] += 1
        return original(path, name)

    for room in (part10, pixels, scan):
        monkeypatch.setattr(room, "read_part10", counted)
    parse = pydicom.dcmread

    def of_memory(source, **options):  # type: ignore[no-untyped-def]
        assert isinstance(source, BytesIO), "a file was parsed again"
        return parse(source, **options)

    monkeypatch.setattr(pydicom, "dcmread", of_memory)
    document = measure_command(made.folder)
    assert document["lesions"]
    assert seen == Counter({str(p): 1 for p in made.folder.rglob("*.dcm")})


def test_identity_never_shows(made) -> None:  # type: ignore[no-untyped-def]
    study = read_study(made.folder)
    shown = repr(replace(study, volumes=study.volumes[:1])) + study.patient_key
    for secret in ("SYN-1", "Synthetic", "19600101"):
        assert secret not in shown


def test_names_of_files_mean_nothing(spoil) -> None:  # type: ignore[no-untyped-def]
    truth = read_study(spoil.folder).ct_images()[0]
    names = [p.name for p in spoil.ct]
    for path, name in zip(spoil.ct, reversed(names), strict=True):
        path.rename(path.with_name("x" + name))
    assert np.array_equal(read_study(spoil.folder).ct_images()[0].array, truth.array)


def test_seg_and_rtstruct_of_one_region_count_once(spoil, seg) -> None:  # type: ignore[no-untyped-def]
    assert len(read_study(spoil.folder).regions) == 3
    spoil.rtstruct.unlink()
    study = read_study(spoil.folder)
    assert [r.kind for r in study.regions] == [RegionKind.ORGAN, RegionKind.ORGAN, RegionKind.LESION]
    for got, truth in zip(study.regions, spoil.regions, strict=True):
        assert got.volume_ml == pytest.approx(truth.volume_ml, rel=1e-6)
        corner = got.grid.index_to_mm(np.argwhere(got.occupancy > 0).min(0))
        assert corner == pytest.approx(truth.grid.index_to_mm(np.argwhere(truth.occupancy > 0).min(0)))


def test_fractional_seg_keeps_the_volume(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    soft = Region("primary", RegionKind.LESION, spoil.regions[2].occupancy * np.float32(0.4), spoil.regions[2].grid)
    write_seg([soft], spoil.ct, spoil.folder / "f.dcm", spoil.identity, description="F", series_number=8, fractional=True)
    spoil.rtstruct.unlink()
    assert read_study(spoil.folder).regions[0].volume_ml == pytest.approx(soft.volume_ml, rel=0.01)


@pytest.mark.parametrize(
    "axes",
    [
        np.diag([-1.0, -1.0, 1.0]),  # head first, prone
        np.diag([-1.0, 1.0, -1.0]),  # feet first, supine
        np.linalg.qr(np.array([[1.0, 0.2, 0.1], [-0.1, 1.0, 0.3], [0.1, -0.3, 1.0]]))[0],  # oblique
    ],
)
def test_other_orientations_lie_where_they_should(made, tmp_path, axes) -> None:  # type: ignore[no-untyped-def]
    if np.linalg.det(axes) < 0:
        axes = axes * np.array([1.0, 1.0, -1.0])
    affine = np.eye(4)
    affine[:3, :3] = axes @ np.diag([4.0, 4.5, 5.0])
    affine[:3, 3] = (5.0, 6.0, 7.0)
    turned = Grid((20, 16, 8), affine, made.identity.frame_of_reference_uid)
    ct = Volume(made.ct_volume.array, turned, Unit.HU, "CT")
    paths = write_ct(ct, tmp_path / "ct", made.identity, description="CT", series_number=1)
    region = Region("primary", RegionKind.LESION, made.regions[2].occupancy, turned)
    write_rtstruct([region], paths, tmp_path / "rs.dcm", made.identity)
    study = read_study(tmp_path)
    assert np.allclose(study.ct_images()[0].grid.affine, affine, atol=1e-4)
    assert np.array_equal(study.ct_images()[0].array, ct.array)
    got = study.regions[0]
    index = np.argwhere(got.occupancy > 0.5)
    centre = got.grid.index_to_mm(index).mean(0)
    truth = turned.index_to_mm(np.argwhere(region.occupancy > 0)).mean(0)
    assert centre == pytest.approx(truth, abs=0.3)
    assert got.volume_ml == pytest.approx(region.volume_ml, rel=2e-3)


def test_negative_spacing_of_nm_slices(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    truth = read_study(spoil.folder).therapy_images()[0]

    def turn(dataset: pydicom.Dataset) -> None:
        dataset.SpacingBetweenSlices = "-5.0"
        dataset.DetectorInformationSequence[0].ImagePositionPatient = [-40, -30, 135]
        dataset.PixelData = dataset.pixel_array[::-1].tobytes()

    edit(spoil.spect[0], turn)
    got = read_study(spoil.folder).therapy_images()[0]
    assert got.grid.same_as(truth.grid)
    assert np.array_equal(got.array, truth.array)


def test_slice_vector_sets_the_order_of_frames(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    truth = read_study(spoil.folder).therapy_images()[0]

    def shuffle(dataset: pydicom.Dataset) -> None:
        order = np.array([3, 1, 0, 2, 7, 5, 6, 4])
        dataset.PixelData = dataset.pixel_array[order].tobytes()
        dataset.SliceVector = (order + 1).tolist()

    edit(spoil.spect[0], shuffle)
    assert np.array_equal(read_study(spoil.folder).therapy_images()[0].array, truth.array)


@pytest.mark.parametrize("kind", ["START", "ADMIN", "NONE"])
def test_suv_is_the_same_for_every_decay_correction(made, tmp_path, kind) -> None:  # type: ignore[no-untyped-def]
    start = T0 + timedelta(hours=1)
    write_pet(
        made.pet_volume,
        tmp_path,
        made.identity,
        administration=Administration("Ga-68", 150.0, T0),
        decay_correction=kind,
        acquisition_time=start,
        frame_duration_s=180,
        description="x",
        series_number=9,
    )
    (suv,) = suv_images(read_study(tmp_path))
    truth = made.pet_volume.array * 70_000 / (150e6 * 2 ** (-3600 / (67.71 * 60)))  # by hand
    assert suv.array.sum() == pytest.approx(truth.sum(), rel=2e-3)


def test_pet_over_midnight(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    start = datetime(2026, 3, 3, 0, 10)
    injected = Administration("Ga-68", 150.0, datetime(2026, 3, 2, 23, 20))
    volume = replace(made.pet_volume, time=start)
    paths = write_pet(
        volume, tmp_path, made.identity, administration=injected, acquisition_time=start, frame_duration_s=180,
        description="x", series_number=9,
    )  # fmt: skip
    for path in paths:  # a scanner that states the time of day only
        dataset = pydicom.dcmread(path)
        del dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime
        dataset.save_as(path)
    study = read_study(tmp_path)
    assert study.administrations[0].time == injected.time
    assert study.pet_images()[0].time == start


def test_settings_and_argument_give_the_blur(spoil) -> None:  # type: ignore[no-untyped-def]
    (spoil.folder / "settings.toml").write_text("psf_fwhm_mm = 14.5\n")
    assert read_study(spoil.folder).psf_fwhm_mm == 14.5
    assert read_study(spoil.folder, psf_fwhm_mm=12.0).psf_fwhm_mm == 12.0


def test_correction_needs_a_reason_and_is_shown(spoil) -> None:  # type: ignore[no-untyped-def]
    (spoil.folder / "settings.toml").write_text("[correction]\nweight_kg = 68\n")
    with pytest.raises(InputError, match="reason"):
        read_study(spoil.folder)
    (spoil.folder / "settings.toml").write_text('[correction]\nweight_kg = 68\nreason = "weighed on the ward"\n')
    study = read_study(spoil.folder)
    assert study.weight_kg == 68
    assert any("weighed on the ward" in w for w in study.warnings)


def test_calibration_scales_counts(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    def counts(dataset: pydicom.Dataset) -> None:
        for name in SCALE:
            delattr(dataset, name)

    edit(spoil.spect, counts)
    with pytest.raises(InputError, match="no scale to activity"):
        read_study(spoil.folder)
    (spoil.folder / "calibration.toml").write_text(
        'cps_per_mbq = 10.0\nrelative_sd = 0.03\nnuclide = "Lu-177"\nsource = "a flood phantom"\n'
    )
    stored = pydicom.dcmread(spoil.spect[0]).pixel_array
    got = read_study(spoil.folder).therapy_images()[0]
    voxel_ml = 4.0 * 4.5 * 5.0 / 1000
    truth = stored / 1200.0 / 10.0 * 1e6 / voxel_ml
    assert got.array == pytest.approx(truth.transpose(2, 1, 0), rel=1e-5)
    assert any("calibration.toml" in s for s in read_study(spoil.folder).sources)
    assert read_study(spoil.folder).calibration_cv == 0.03


def test_blur_by_distance_is_read_and_overruled(spoil) -> None:  # type: ignore[no-untyped-def]
    path = spoil.folder / "settings.toml"
    path.write_text("[psf_by_radius]\nradius_mm = [0, 100]\nfwhm_mm = [13.0, 11.0]\naxis_mm = [5, -5]\nsd_mm = 0.3\n")
    study = read_study(spoil.folder)
    assert study.calibration_cv is None
    assert study.psf_map is not None
    assert study.psf_map.fwhm_mm == (13.0, 11.0)
    assert study.psf_map.axis_mm == (5.0, -5.0)
    assert study.psf_map.sd_mm == 0.3
    assert study.psf_fwhm_mm == 12.0
    assert read_study(spoil.folder, psf_fwhm_mm=14.0).psf_map is None
    for bad in ("radius_mm = [0]", "radius_mm = [0]\nfwhm_mm = [true]", "radius_mm = [0]\nfwhm_mm = [12]\naxis_mm = [1]"):
        path.write_text(f"[psf_by_radius]\n{bad}\n")
        with pytest.raises(InputError, match="blur by distance"):
            read_study(spoil.folder)


def test_label_map_lies_where_seg_lies(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    import SimpleITK

    labels = np.zeros((20, 16, 8), np.uint8)
    for n, region in enumerate(spoil.regions, start=1):
        labels[region.occupancy > 0] = n
    image = SimpleITK.GetImageFromArray(labels.transpose(2, 1, 0))
    image.SetSpacing((4.0, 4.5, 5.0))
    image.SetOrigin((-40.0, -30.0, 100.0))
    path = tmp_path / "labels.nii.gz"
    SimpleITK.WriteImage(image, str(path))
    spoil.rtstruct.unlink()
    study = read_study(spoil.folder, labels=path, label_names={1: "liver", 2: "kidney_left", 3: "liver met 1"})
    assert [(r.name, r.kind) for r in study.regions] == [
        ("liver", RegionKind.ORGAN),
        ("kidney_left", RegionKind.ORGAN),
        ("liver met 1", RegionKind.LESION),
    ]
    for got, truth in zip(study.regions, spoil.regions, strict=True):
        assert got.volume_ml == pytest.approx(truth.volume_ml, rel=1e-4)
        low = got.grid.index_to_mm(np.argwhere(got.occupancy > 0).min(0))
        assert low == pytest.approx(truth.grid.index_to_mm(np.argwhere(truth.occupancy > 0).min(0)), abs=1e-3)


def test_several_series_of_a_kind_stay_apart(spoil) -> None:  # type: ignore[no-untyped-def]
    write_ct(spoil.ct_volume, spoil.folder / "ct2", spoil.identity, description="second CT", series_number=21)
    assert len(read_study(spoil.folder).ct_images()) == 2


@pytest.mark.parametrize("syntax", [pydicom.uid.RLELossless, pydicom.uid.JPEGLSLossless])
def test_compressed_ct_reads_the_same(spoil, syntax) -> None:  # type: ignore[no-untyped-def]
    """JPEG Lossless, which pydicom cannot write, is read from a real file in test_bad_input."""
    truth = read_study(spoil.folder).ct_images()[0]
    for path in spoil.ct:
        dataset = pydicom.dcmread(path)
        dataset.compress(syntax)
        dataset.save_as(path)
    assert np.array_equal(read_study(spoil.folder).ct_images()[0].array, truth.array)


def test_jpeg_2000_reads_the_same(spoil) -> None:  # type: ignore[no-untyped-def]
    """Written by GDCM, whose encoder is OpenJPEG: pydicom has none."""
    import gdcm

    truth = read_study(spoil.folder).ct_images()[0]
    for path in spoil.ct:
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEG2000Lossless))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == pydicom.uid.JPEG2000Lossless
    assert np.array_equal(read_study(spoil.folder).ct_images()[0].array, truth.array)


@pytest.mark.parametrize(
    "syntax", [pydicom.uid.ImplicitVRLittleEndian, pydicom.uid.ExplicitVRBigEndian, pydicom.uid.DeflatedExplicitVRLittleEndian]
)
def test_other_uncompressed_syntaxes_read_the_same(spoil, syntax) -> None:  # type: ignore[no-untyped-def]
    truth = read_study(spoil.folder)
    for path in (*spoil.ct, *spoil.pet, *spoil.spect):
        dataset = pydicom.dcmread(path)
        if syntax == pydicom.uid.ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(path, dataset, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian, force_encoding=True)
    got = read_study(spoil.folder)
    for one, other in zip(got.volumes, truth.volumes, strict=True):
        assert np.array_equal(one.array, other.array)


def test_other_objects_are_left_out_by_name(spoil) -> None:  # type: ignore[no-untyped-def]
    dataset = pydicom.dcmread(spoil.ct[0])
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    dataset.SeriesInstanceUID = make_uid("capture")
    dataset.SOPInstanceUID = make_uid("capture", "1")
    dataset.save_as(spoil.folder / "capture.dcm")
    assert any("Secondary Capture" in w for w in read_study(spoil.folder).warnings)


def test_a_file_alone_can_be_a_study(made: object, tmp_path: Path) -> None:
    study = read_study(made.spect[0])  # type: ignore[attr-defined]
    assert len(study.therapy_images()) == 1

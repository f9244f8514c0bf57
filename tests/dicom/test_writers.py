"""Every object is written, read back by pydicom alone, and judged by dciodvfy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest

from neorlt.dicom.identity import make_uid
from neorlt.dicom.write_ct import write_ct
from neorlt.dicom.write_dose import write_dose_parametric_map, write_rtdose
from neorlt.dicom.write_nm import write_spect
from neorlt.dicom.write_pet import write_pet
from neorlt.dicom.write_rtstruct import write_rtstruct
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Grid, Unit, Volume

GA68_HALF_LIFE_S = 67.71 * 60  # NNDC; here only to 0.5 %


def test_uids_are_the_same_for_the_same_parts_and_differ_for_others() -> None:
    assert make_uid("a", "b") == make_uid("a", "b")
    assert make_uid("a", "bc") != make_uid("ab", "c")
    assert make_uid("a") != make_uid("a", "")
    assert len(make_uid("x" * 500)) <= 64
    with pytest.raises(ValueError, match="part"):
        make_uid()


def test_ct_reads_back(made) -> None:  # type: ignore[no-untyped-def]
    for k, path in enumerate(made.ct):
        dataset = pydicom.dcmread(path)
        stored = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        assert np.array_equal(stored, made.ct_volume.array[:, :, k].T)
        assert [float(v) for v in dataset.ImagePositionPatient] == pytest.approx([-40, -30, 100 + 5 * k])
        assert [float(v) for v in dataset.PixelSpacing] == [4.5, 4.0]  # between rows first


def test_pet_holds_bq_per_ml_at_the_start_of_acquisition(made) -> None:  # type: ignore[no-untyped-def]
    for k, path in enumerate(made.pet):
        dataset = pydicom.dcmread(path)
        stored = dataset.pixel_array * float(dataset.RescaleSlope)
        assert np.abs(stored - made.pet_volume.array[:, :, k].T).max() <= 0.51 * float(dataset.RescaleSlope)
        item = dataset.RadiopharmaceuticalInformationSequence[0]
        assert float(item.RadionuclideTotalDose) == 150e6  # Bq
        assert dataset.Units == "BQML"


@pytest.mark.parametrize(("kind", "seconds"), [("START", 0.0), ("ADMIN", -3600.0), ("NONE", 90.0)])
def test_pet_values_hold_for_the_moment_of_the_decay_correction(made, tmp_path, kind, seconds) -> None:  # type: ignore[no-untyped-def]
    start = made.pet_volume.time
    injected = Administration("Ga-68", 150.0, start - timedelta(hours=1))
    paths = write_pet(
        made.pet_volume,
        tmp_path,
        made.identity,
        administration=injected,
        decay_correction=kind,
        acquisition_time=start,
        frame_duration_s=180,
        description="x",
        series_number=9,
    )
    dataset = pydicom.dcmread(paths[2])
    got = (dataset.pixel_array * float(dataset.RescaleSlope)).sum() / made.pet_volume.array[:, :, 2].sum()
    assert got == pytest.approx(2 ** (-seconds / GA68_HALF_LIFE_S), rel=3e-3)
    assert ("DECY" in dataset.CorrectedImage) == (kind != "NONE")


def test_spect_maps_to_bq_per_ml(made) -> None:  # type: ignore[no-untyped-def]
    dataset = pydicom.dcmread(made.spect[0])
    mapping = dataset.RealWorldValueMappingSequence[0]
    values = dataset.pixel_array * mapping.RealWorldValueSlope + mapping.RealWorldValueIntercept
    truth = made.spect_volume.array.transpose(2, 1, 0)
    assert np.abs(values - truth).max() <= 0.51 * mapping.RealWorldValueSlope
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "Bq/ml"
    assert float(dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose) == 7400  # MBq in this IOD
    assert [float(v) for v in dataset.DetectorInformationSequence[0].ImagePositionPatient] == [-40, -30, 100]


def test_a_left_handed_grid_is_turned(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    affine = np.array(made.ct_volume.grid.affine)
    affine[:3, 3] += affine[:3, 2] * 7
    affine[:3, 2] *= -1
    mirrored = Volume(made.ct_volume.array[:, :, ::-1], Grid((20, 16, 8), affine, made.identity.frame_of_reference_uid), Unit.HU, "CT")
    paths = write_ct(mirrored, tmp_path, made.identity, description="CT", series_number=1)
    for one, other in zip(paths, made.ct, strict=True):
        a, b = pydicom.dcmread(one), pydicom.dcmread(other)
        assert np.array_equal(a.pixel_array, b.pixel_array)
        assert a.ImagePositionPatient == b.ImagePositionPatient


def test_every_number_of_the_structure_set_fits_its_vr(made) -> None:  # type: ignore[no-untyped-def]
    dataset = pydicom.dcmread(made.rtstruct)
    for drawn in dataset.ROIContourSequence:
        for contour in drawn.ContourSequence:
            raw = contour.get_item("ContourData").value
            texts = raw.decode().split("\\") if isinstance(raw, bytes) else [str(v.original_string) for v in raw]
            assert max(len(text.strip()) for text in texts) <= 16


def test_dose_map_and_rtdose_hold_the_dose(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    dose = Volume(np.random.default_rng(2).uniform(0, 60, (20, 16, 8)), made.ct_volume.grid, Unit.GY, "DOSE")
    one = pydicom.dcmread(write_dose_parametric_map(dose, made.ct, tmp_path / "pm.dcm", made.identity))
    heights = [float(f.PlanePositionSequence[0].ImagePositionPatient[2]) for f in one.PerFrameFunctionalGroupsSequence]
    assert sorted(heights) == pytest.approx([100 + 5 * k for k in range(8)])
    for plane, height in zip(one.pixel_array, heights, strict=True):
        assert np.allclose(plane, dose.array[:, :, round((height - 100) / 5)].T)
    two = pydicom.dcmread(write_rtdose(dose, made.ct, tmp_path / "rd.dcm", made.identity))
    assert np.abs(two.pixel_array * float(two.DoseGridScaling) - dose.array.transpose(2, 1, 0)).max() < 60 / 65535
    assert two.DoseUnits == "GY"


def test_the_same_input_gives_the_same_file(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    dose = Volume(np.ones((20, 16, 8)), made.ct_volume.grid, Unit.GY, "DOSE")

    def write(folder: Path) -> list[str]:
        paths = [
            write_seg(made.regions, made.ct, folder / "seg.dcm", made.identity, description="S", series_number=5),
            write_rtstruct(made.regions, made.ct, folder / "rs.dcm", made.identity),
            write_dose_parametric_map(dose, made.ct, folder / "pm.dcm", made.identity),
            write_rtdose(dose, made.ct, folder / "rd.dcm", made.identity),
        ]
        return [hashlib.sha256(p.read_bytes()).hexdigest() for p in paths]

    assert write(tmp_path / "a") == write(tmp_path / "b")


@pytest.mark.needs_dciodvfy
def test_every_object_is_clean_under_dciodvfy(made, tmp_path, dciodvfy: Callable[[Path], list[str]]) -> None:  # type: ignore[no-untyped-def]
    dose = Volume(np.random.default_rng(2).uniform(0, 60, (20, 16, 8)), made.ct_volume.grid, Unit.GY, "DOSE")
    paths = [
        made.ct[0],
        made.pet[0],
        made.spect[0],
        made.rtstruct,
        write_seg(made.regions, made.ct, tmp_path / "seg.dcm", made.identity, description="SEG", series_number=5),
        write_seg(made.regions, made.ct, tmp_path / "f.dcm", made.identity, description="F", series_number=6, fractional=True),
        write_dose_parametric_map(dose, made.ct, tmp_path / "pm.dcm", made.identity),
        write_rtdose(dose, made.ct, tmp_path / "rd.dcm", made.identity),
    ]
    assert {p.name: dciodvfy(p) for p in paths} == {p.name: [] for p in paths}


@pytest.mark.needs_dciodvfy
def test_dciodvfy_sees_a_planted_error(spoil, edit, dciodvfy) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.ct[0], lambda d: delattr(d, "PixelSpacing"))
    assert dciodvfy(spoil.ct[0])


def test_wrong_combinations_are_refused(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="HU"):
        write_ct(made.pet_volume, tmp_path, made.identity, description="x", series_number=1)
    other = replace(made.identity, frame_of_reference_uid=make_uid("elsewhere"))
    with pytest.raises(ValueError, match="frame of reference"):
        write_ct(made.ct_volume, tmp_path, other, description="x", series_number=1)
    late = Administration("Lu-177", 7400.0, made.spect_volume.time + timedelta(hours=1))
    with pytest.raises(ValueError, match="before the injection"):
        write_spect(
            made.spect_volume,
            tmp_path / "x.dcm",
            made.identity,
            administration=late,
            acquisition_time=made.spect_volume.time,
            frame_duration_s=10,
            description="x",
            series_number=1,
        )
    assert not list(tmp_path.iterdir())

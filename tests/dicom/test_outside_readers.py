"""What makes outside readers right: each mend seen through another program's own eyes, on a study that differs along every axis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK

from neorlt.dicom.read import read_study
from neorlt.dicom.write_dose import write_dose_parametric_map
from neorlt.dicom.write_label_map import write_label_map
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.nifti import write_nifti
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Unit, Volume

ORIGIN, SPACING = np.array([-40.0, -30.0, 100.0]), np.array([4.0, 4.5, 5.0])
"""Of the study in conftest.py."""


def seen(path: Path) -> tuple[np.ndarray[Any, Any], Any]:
    read = SimpleITK.ReadImage(str(path))
    return SimpleITK.GetArrayFromImage(read).T, read


def middle_mm(read: Any, index: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.array(read.TransformContinuousIndexToPhysicalPoint([float(v) for v in index.mean(axis=0)]))


def with_a_gap(made: Any) -> Region:
    """Slices 1, 2 and 5, off the middle."""
    mask = np.zeros(made.ct_volume.grid.shape, np.float32)
    mask[12:16, 2:5, [1, 2, 5]] = 1.0
    return Region("primary", RegionKind.LESION, mask, made.ct_volume.grid)


def test_simpleitk_sees_a_single_region_with_a_gap_where_it_lies(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = write_seg([with_a_gap(made)], made.ct, tmp_path / "seg.dcm", made.identity, description="S", series_number=5)
    array, read = seen(path)
    assert read.GetSpacing() == pytest.approx(SPACING)
    index = np.argwhere(array)
    assert len(index) == 4 * 3 * 3
    assert middle_mm(read, index) == pytest.approx(ORIGIN + SPACING * [13.5, 3.0, 8 / 3])


def test_simpleitk_tells_the_regions_of_the_label_map_apart(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    organ = np.zeros(made.ct_volume.grid.shape, np.float32)
    organ[11:18, 1:9, 0:7] = 1.0  # the lesion lies in it
    regions = [Region("pancreas", RegionKind.ORGAN, organ, made.ct_volume.grid), with_a_gap(made)]
    path = write_label_map(regions, made.ct, tmp_path / "regions.nii.gz")
    array, read = seen(path)
    assert read.GetSpacing() == pytest.approx(SPACING)
    names = json.loads((tmp_path / "regions_names.json").read_text())
    assert names == {"1": {"name": "pancreas", "kind": "organ"}, "2": {"name": "primary", "kind": "lesion"}}
    lesion = np.argwhere(array == 2)
    assert len(lesion) == 4 * 3 * 3  # whole, although the organ holds it
    assert middle_mm(read, lesion) == pytest.approx(ORIGIN + SPACING * [13.5, 3.0, 8 / 3])
    assert int((array == 1).sum()) == 7 * 8 * 7 - 4 * 3 * 3


def test_the_label_map_comes_back_as_regions(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    write_label_map(spoil.regions, spoil.ct, tmp_path / "regions.nii.gz")
    spoil.rtstruct.unlink()
    study = read_study(spoil.folder, labels=tmp_path / "regions.nii.gz", label_names=tmp_path / "regions_names.json")
    assert {(r.name, r.kind) for r in study.regions} == {(r.name, r.kind) for r in spoil.regions}
    assert {r.name: r.volume_ml for r in study.regions} == pytest.approx({r.name: r.volume_ml for r in spoil.regions})


def test_simpleitk_sees_a_spect_in_bq_per_ml_where_it_lies(made) -> None:  # type: ignore[no-untyped-def]
    array, read = seen(made.spect[0])
    truth = made.spect_volume.array
    assert np.abs(array - truth).max() <= 1e-4 * truth.max()
    assert read.GetOrigin() == pytest.approx(ORIGIN)
    assert read.GetSpacing() == pytest.approx(SPACING)


def test_a_spect_states_its_place_and_its_unit_for_readers_that_know_no_detectors(made) -> None:  # type: ignore[no-untyped-def]
    dataset = pydicom.dcmread(made.spect[0])
    assert dataset.Units == "BQML"
    assert float(dataset.RescaleSlope) == pytest.approx(float(dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope), rel=1e-9)
    assert [float(v) for v in dataset.ImagePositionPatient] == pytest.approx(ORIGIN)


def test_the_dose_map_has_what_dcmqi_asks_for_and_highdicom_lays_it_right(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    import highdicom

    dose = Volume(np.random.default_rng(2).uniform(0, 60, (20, 16, 8)), made.ct_volume.grid, Unit.GY, "DOSE")
    path = write_dose_parametric_map(dose, made.ct, tmp_path / "pm.dcm", made.identity)
    dataset = pydicom.dcmread(path)
    (anatomy,) = dataset.SharedFunctionalGroupsSequence[0].FrameAnatomySequence
    assert anatomy.AnatomicRegionSequence[0].CodeValue == "818981001"
    assert "ContentCreatorName" in dataset
    heights = [float(frame.PlanePositionSequence[0].ImagePositionPatient[2]) for frame in dataset.PerFrameFunctionalGroupsSequence]
    assert heights == pytest.approx(ORIGIN[2] + SPACING[2] * np.arange(8))  # dcmqi stacks frames as they come
    assert dataset.pixel_array == pytest.approx(dose.array.transpose(2, 1, 0))
    volume = highdicom.imread(path).get_volume(apply_real_world_transform=True)
    for index in ((0, 0, 0), (7, 15, 19), (3, 2, 11)):  # slices, rows, columns of highdicom
        place = volume.affine[:3, :3] @ np.array(index) + volume.affine[:3, 3]
        assert volume.array[index] == pytest.approx(dose.array[tuple(np.rint((place - ORIGIN) / SPACING).astype(int))])


def test_nibabel_and_others_find_the_unit_in_the_header(made, tmp_path) -> None:  # type: ignore[no-untyped-def]
    dose = Volume(np.ones((20, 16, 8)), made.ct_volume.grid, Unit.GY, "DOSE")
    head = write_nifti(dose, tmp_path / "dose.nii").read_bytes()
    assert head[148:228].rstrip(b"\0").decode() == "neorlt Gy"  # descrip of NIfTI-1 (nifti1.h)

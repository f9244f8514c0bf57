from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from neorlt.imaging.nifti import write_small_nifti
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.view import MAX_VOXELS, shrink, write_view
from neorlt.imaging.volume import Grid, Unit, Volume

FRAME = "1.2.3"
START = datetime(2030, 3, 1, 9, 0)


def _grid(shape: tuple[int, int, int], spacing: tuple[float, float, float] = (2.0, 3.0, 4.0)) -> Grid:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (-30.0, -20.0, 10.0)
    return Grid(shape, affine, FRAME)


def _volume(shape: tuple[int, int, int] = (12, 10, 8), unit: Unit = Unit.GY, modality: str = "DOSE") -> Volume:
    rng = np.random.default_rng(3)
    return Volume(rng.gamma(2.0, 5.0, shape).astype(np.float32), _grid(shape), unit, modality)


def test_another_reader_finds_values_and_places(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    volume = _volume()
    size = write_small_nifti(volume, tmp_path / "v.nii.gz")
    assert size == (tmp_path / "v.nii.gz").stat().st_size
    image = sitk.ReadImage(str(tmp_path / "v.nii.gz"), sitk.sitkFloat64)
    array = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    np.testing.assert_allclose(array, volume.array, atol=float(volume.array.max()) / 32_000)
    for index in ((0, 0, 0), (11, 9, 7), (3, 4, 5)):
        np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(index), volume.grid.index_to_mm(np.array(index)), atol=1e-4)


def test_oblique_axes_keep_their_places(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    angle = np.deg2rad(20.0)
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    affine[:2, :2] = 2.0 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    affine[:3, 3] = (5.0, 6.0, 7.0)
    volume = Volume(np.ones((4, 5, 6), np.float32), Grid((4, 5, 6), affine, FRAME), Unit.GY, "DOSE")
    write_small_nifti(volume, tmp_path / "v.nii.gz")
    image = sitk.ReadImage(str(tmp_path / "v.nii.gz"))
    np.testing.assert_allclose(image.TransformIndexToPhysicalPoint((1, 2, 3)), volume.grid.index_to_mm(np.array((1, 2, 3))), atol=1e-4)


def test_hounsfield_units_are_exact(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    array = np.random.default_rng(1).integers(-1024, 3000, (5, 6, 7)).astype(np.float32)
    write_small_nifti(Volume(array, _grid((5, 6, 7)), Unit.HU, "CT"), tmp_path / "c.nii.gz")
    read = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "c.nii.gz"))).transpose(2, 1, 0)
    np.testing.assert_array_equal(read, array)


def test_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    write_small_nifti(_volume(), tmp_path / "a.nii.gz")
    write_small_nifti(_volume(), tmp_path / "b.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


@pytest.mark.parametrize("shape", [(40, 31, 17), (64, 64, 5), (7, 90, 90)])
def test_shrinking_stays_below_the_limit_and_moves_nothing(shape: tuple[int, int, int]) -> None:
    grid = _grid(shape, (1.0, 1.0, 3.0))
    points = grid.index_to_mm(np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1))
    # A field that is linear in place: a block's mean is the field at the block's centre, wherever no edge is padded.
    field = (0.3 * points[..., 0] - 0.2 * points[..., 1] + 0.1 * points[..., 2]).astype(np.float32)
    small = shrink(Volume(field, grid, Unit.GY, "DOSE"), max_voxels=3000)
    assert small.array.size <= 3000
    assert small.grid.frame_of_reference == FRAME
    centres = small.grid.index_to_mm(np.stack(np.meshgrid(*map(np.arange, small.grid.shape), indexing="ij"), -1))
    expected = 0.3 * centres[..., 0] - 0.2 * centres[..., 1] + 0.1 * centres[..., 2]
    inner = tuple(slice(0, n - 1) for n in small.grid.shape)
    np.testing.assert_allclose(small.array[inner], expected[inner], atol=2e-3)


def test_small_volume_is_left_alone() -> None:
    volume = _volume()
    assert shrink(volume) is volume
    assert volume.array.size < MAX_VOXELS


def _study() -> Study:
    shape = (12, 10, 8)
    ct = Volume(np.zeros(shape, np.float32), _grid(shape), Unit.HU, "CT")
    pet = replace(_volume(unit=Unit.GY), unit=Unit.BQ_PER_ML, modality="PT", time=START - timedelta(days=14), nuclide="Ga-68")
    spect = [
        replace(_volume(unit=Unit.GY), unit=Unit.BQ_PER_ML, modality="NM", time=START + timedelta(hours=h), nuclide="Lu-177")
        for h in (24.0, 96.0)
    ]
    mask = np.zeros(shape, np.float32)
    mask[2, 3, 4] = 1.0
    return Study(
        "key", (ct, pet, *spect), (Region("t1", RegionKind.LESION, mask, _grid(shape), "test"),),
        (Administration("Ga-68", 150.0, START - timedelta(days=14, hours=1)), Administration("Lu-177", 7400.0, START)), weight_kg=70.0,
    )  # fmt: skip


def test_view_lists_images_units_places_and_weeks(tmp_path: Path) -> None:
    document = write_view(_study(), tmp_path / "view", _volume())
    assert json.loads((tmp_path / "view" / "view.json").read_text()) == document
    by_name = {row["name"]: row for row in document["volumes"]}
    assert list(by_name) == ["ct-1", "pet-1", "spect-1", "spect-2", "dose"]
    for name, row in by_name.items():
        assert (tmp_path / "view" / f"{name}.nii.gz").stat().st_size == row["bytes"]
    assert by_name["dose"]["unit"] == "Gy"
    assert by_name["pet-1"]["week"] == pytest.approx(-2.0)
    assert by_name["spect-2"]["title"] == "SPECT Lu-177, 96 h"
    # voxel (2, 3, 4) of a 2 x 3 x 4 mm grid that starts at (-30, -20, 10): LPS (-26, -11, 26)
    assert document["lesions"] == {"t1": [26.0, 11.0, 26.0]}
    assert [event["kind"] for event in document["events"]] == ["imaging", "therapy", "imaging", "imaging"]


def test_contours_hold_each_region_on_the_voxels_of_the_ct(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK")
    shape = (12, 10, 8)
    organ = np.zeros(shape, np.float32)
    organ[1:6, 1:6, 1:6] = 1.0
    # Smaller than half a voxel of the CT: it keeps the voxel that it fills most, and lies over the organ.
    tiny_grid = Grid((1, 1, 1), np.array([[0.5, 0, 0, -26.0], [0, 0.5, 0, -11.0], [0, 0, 0.5, 26.0], [0, 0, 0, 1]]), FRAME)
    elsewhere = Grid(shape, _grid(shape).affine, "9.9")
    regions = (
        Region("t1", RegionKind.LESION, np.ones((1, 1, 1), np.float32), tiny_grid), Region("liver", RegionKind.ORGAN, organ, _grid(shape)),
        Region("body", RegionKind.BODY, np.ones(shape, np.float32), _grid(shape)), Region("far", RegionKind.ORGAN, organ, elsewhere),
    )  # fmt: skip
    document = write_view(replace(_study(), regions=regions), tmp_path / "view")["contours"]
    assert document["regions"] == [{"label": 1, "name": "liver", "kind": "organ"}, {"label": 2, "name": "t1", "kind": "lesion"}]
    assert document["left_out"] == ["far"] and document["frame"] == 0
    path = tmp_path / "view" / "contours.nii.gz"
    assert path.stat().st_size == document["bytes"]
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).transpose(2, 1, 0)
    expected = organ.copy()
    expected[2, 3, 4] = 2.0
    np.testing.assert_array_equal(labels, expected)
    assert gzip.decompress(path.read_bytes())[68:70] == (1002).to_bytes(2, "little")


def test_a_study_without_regions_has_no_contours(tmp_path: Path) -> None:
    assert write_view(replace(_study(), regions=()), tmp_path / "view")["contours"] is None
    assert not (tmp_path / "view" / "contours.nii.gz").exists()


def test_factor_to_suv_is_weight_over_activity_left(tmp_path: Path) -> None:
    rows = {row["name"]: row for row in write_view(_study(), tmp_path / "view")["volumes"]}
    (other,) = rows["spect-1"]["other_units"]
    left_bq = 7400e6 * 0.5 ** (24.0 / (6.6443 * 24.0))
    assert other["unit"] == "SUV"
    assert other["factor"] == pytest.approx(70_000.0 / left_bq, rel=1e-3)


def test_without_weight_there_is_no_suv(tmp_path: Path) -> None:
    rows = write_view(replace(_study(), weight_kg=None), tmp_path / "view")["volumes"]
    assert all(row["other_units"] == [] for row in rows)


def test_nothing_in_the_files_identifies_a_person(tmp_path: Path) -> None:
    write_view(_study(), tmp_path / "view")
    assert "2030" not in (tmp_path / "view" / "view.json").read_text()
    header = gzip.decompress((tmp_path / "view" / "ct-1.nii.gz").read_bytes())[:352]
    assert b"neorlt HU" in header

"""What ``validation/imaging_mutator.py`` found to change numbers without a word, by kind: each has its sentence now."""

from __future__ import annotations

import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from neorlt.dicom.read import read_study

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "web"))
from small import write_small


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return write_small(tmp_path_factory.mktemp("small"))[0]


@pytest.fixture
def copy(small, tmp_path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "study"))


def said(study, *words: str) -> bool:
    return any(all(word in sentence for word in words) for sentence in study.warnings)


def test_an_image_sent_twice_under_new_identifiers_counts_once(spoil):
    again = pydicom.dcmread(spoil.spect[0])
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    again.SeriesInstanceUID = generate_uid()
    again.save_as(spoil.folder / "again.dcm")
    study = read_study(spoil.folder)
    assert len(study.therapy_images()) == len(spoil.spect)
    assert said(study, "SPECT image of 2026-03-02 13:00", "twice")


def test_two_images_of_one_moment_with_other_numbers_both_stay(spoil):
    other = pydicom.dcmread(spoil.spect[0])
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    other.SeriesInstanceUID = generate_uid()
    other.PixelData = np.roll(other.pixel_array, 1, axis=1).tobytes()
    other.save_as(spoil.folder / "other.dcm")
    study = read_study(spoil.folder)
    assert len(study.therapy_images()) == len(spoil.spect) + 1
    assert not said(study, "twice, under two identifiers")


@pytest.mark.parametrize("kind", ["ct", "pet"])
def test_an_image_of_one_value_is_said(spoil, edit, kind):
    def flat(dataset: pydicom.Dataset) -> None:
        dataset.PixelData = np.full_like(dataset.pixel_array, 40).tobytes()

    assert not said(read_study(spoil.folder), "one value")
    edit(getattr(spoil, kind), flat)
    assert said(read_study(spoil.folder), {"ct": "CT", "pet": "PET"}[kind], "one value")


def test_a_structure_without_name_is_said(spoil, edit):
    edit(spoil.rtstruct, lambda d: setattr(d.StructureSetROISequence[0], "ROIName", ""))
    study = read_study(spoil.folder)
    assert said(study, "no name (ROIName)", "'roi-1'")


def test_a_segment_without_name_is_said(spoil, edit, seg):
    spoil.rtstruct.unlink()
    assert not said(read_study(spoil.folder), "no name")
    edit(seg, lambda d: setattr(d.SegmentSequence[0], "SegmentLabel", ""))
    assert said(read_study(spoil.folder), "no name (SegmentLabel)", "'segment-1'")


def test_a_mirrored_pet_is_said_though_the_first_spect_fits(copy):
    assert not said(read_study(copy), "On the Ga-68 image")
    for path in (copy / "pet").glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = np.ascontiguousarray(dataset.pixel_array[::-1]).tobytes()
        dataset.save_as(path)
    assert said(read_study(copy), "On the Ga-68 image of 2026-01-05 10:00", "do not lie on the uptake")


def test_a_pet_upside_down_is_said_where_no_common_shift_fits(copy):
    """The kidneys lie as before, so that only liver and spleen are in the wrong place."""
    assert not said(read_study(copy), "less than its mean")
    for path in (copy / "pet").glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        x, y, z = map(float, dataset.ImagePositionPatient)
        dataset.ImagePositionPatient = [x, y, -z]
        dataset.save_as(path)
    assert said(read_study(copy), "On the Ga-68 image of 2026-01-05 10:00", "'liver', 'spleen'", "less than its mean")


def test_a_mirrored_ct_is_said_though_its_body_is_a_cylinder(copy):
    """The segmentation names the slices that it was drawn on, and they lie elsewhere now."""
    assert not said(read_study(copy), "off the slices that they name")

    def mirror(dataset: pydicom.Dataset) -> None:
        x, y, z = map(float, dataset.ImagePositionPatient)
        dataset.ImagePositionPatient = [x, y, -z]

    for path in (copy / "ct").glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        mirror(dataset)
        dataset.save_as(path)
    assert said(read_study(copy), "off the slices that they name", "mirrored")


@pytest.mark.parametrize(("move", "told"), [(0.0, False), (0.4, False), (6.0, True), (-12.0, True)])
def test_a_ct_moved_along_the_body_after_it_was_drawn_on_is_said(copy, move, told):
    for path in (copy / "ct").glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        x, y, z = map(float, dataset.ImagePositionPatient)
        dataset.ImagePositionPatient = [x, y, z + move]
        dataset.save_as(path)
    assert said(read_study(copy), "off the slices that they name") == told


def write_map(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    """NIfTI-1 by its byte table: unsigned bytes with an sform."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *values.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, 2, 8)
    struct.pack_into("<8f", head, 76, 1.0, *np.sqrt((affine[:3, :3] ** 2).sum(0)), 1, 1, 1, 1)
    struct.pack_into("<3f", head, 108, 352.0, 1.0, 0.0)
    head[123] = 2
    struct.pack_into("<2h", head, 252, 0, 1)
    for row in range(3):
        struct.pack_into("<4f", head, 280 + 16 * row, *affine[row])
    head[344:348] = b"n+1\0"
    path.write_bytes(bytes(head) + values.astype(np.uint8).tobytes(order="F"))
    return path


@pytest.mark.parametrize(
    ("how", "off"),
    [("as it is", None), ("stored from the other side", None), ("half a voxel", "2.5 mm"), ("thicker", "7.0 mm"), ("cropped", None)],
)
def test_a_label_map_of_the_images_shape_beside_the_image_is_said(made, tmp_path, how, off):
    region = made.regions[0]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ made.ct_volume.grid.affine
    values = region.occupancy > 0
    if how == "stored from the other side":
        values = values[::-1]
        affine[:3, 3] += affine[:3, 0] * (values.shape[0] - 1)
        affine[:3, 0] *= -1
    elif how == "half a voxel":
        affine[2, 3] += 2.5
    elif how == "thicker":
        affine[2, 2] += 1.0
    elif how == "cropped":
        values = values[:, :, 1:]
        affine[:3, 3] += affine[:3, 2]
    study = read_study(made.folder, labels=write_map(tmp_path / "map.nii", values, affine), label_names={1: "liver"})
    assert said(study, "label map has the image's 20 x 16 x 8 voxels") == (off is not None)
    assert off is None or said(study, f"up to {off} beside")

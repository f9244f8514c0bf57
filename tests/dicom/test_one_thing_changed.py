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

from neorlt.core.errors import InputError
from neorlt.dicom.read import read_study

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "web"))
from small import PARTS, _ellipsoid, _grid, write_small


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


@pytest.mark.parametrize("names", [True, False], ids=["naming their slices", "naming none"])
@pytest.mark.parametrize(("move", "told"), [(0.0, None), (0.4, None), (1.0, "1.0 mm"), (2.5, "2.5 mm"), (-2.5, "2.5 mm")])
def test_contours_off_their_slices_are_said_with_the_distance(spoil, edit, move, told, names):
    """Slices lie 5 mm apart: half of one is no refusal, and changes activity by a tenth."""

    def shift(dataset: pydicom.Dataset) -> None:
        for item in dataset.ROIContourSequence:
            for contour in item.ContourSequence:
                points = np.array([float(v) for v in contour.ContourData]).reshape(-1, 3) + [0, 0, move]
                contour.ContourData = [f"{v:.4f}" for v in points.ravel()]
                if not names:
                    del contour.ContourImageSequence

    edit(spoil.rtstruct, shift)
    off = [sentence for sentence in read_study(spoil.folder).warnings if " off the " in sentence]
    assert len(off) == (told is not None)
    assert told is None or (f"up to {told} off" in off[0] and "'liver', 'kidney-left', 'primary'" in off[0])
    assert told is None or ("slices that they name" if names else "planes of every image") in off[0]


@pytest.mark.parametrize("names", [True, False], ids=["naming their slices", "naming none"])
@pytest.mark.parametrize(("move", "told"), [(0.0, None), (0.4, None), (1.0, "1.0 mm"), (2.5, "2.5 mm"), (-2.5, "2.5 mm")])
def test_frames_off_their_slices_are_said_with_the_distance(spoil, edit, seg, move, told, names):
    spoil.rtstruct.unlink()

    def shift(dataset: pydicom.Dataset) -> None:
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            place = frame.PlanePositionSequence[0]
            x, y, z = map(float, place.ImagePositionPatient)
            place.ImagePositionPatient = [x, y, z + move]
            if not names:
                del frame.DerivationImageSequence

    edit(seg, shift)
    off = [sentence for sentence in read_study(spoil.folder).warnings if "frames lie up to" in sentence]
    assert len(off) == (told is not None)
    assert told is None or f"up to {told} off {'the slices that they name' if names else 'the planes of every image'}" in off[0]


@pytest.mark.parametrize(("factor", "intercept", "words"), [
    (1.0, 0.0, ()), (0.1, 0.0, ("no air", "expected below -800 HU", "found -100 HU")),
    (0.1, -1024.0, ("no soft tissue", "nothing above -500 HU")),
    (10.0, 0.0, ("no soft tissue", "-200 to 200 HU", "found 400 HU")), (1.0, 1000.0, ("no air", "found 0 HU")),
])  # fmt: skip
def test_a_ct_off_the_hounsfield_scale_is_said(copy, factor, intercept, words):
    """In the patient air is stored as -1000 and soft tissue as 40; with an intercept of -1024 no stored number reaches the body."""
    for path in (copy / "ct").glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.RescaleSlope = factor * float(dataset.RescaleSlope)
        dataset.RescaleIntercept = intercept
        dataset.save_as(path)
    (copy / "seg.dcm").unlink()  # regions in air are refused before
    assert said(read_study(copy), "The CT shows", *words) == bool(words)


@pytest.mark.parametrize("kind", ["structure set", "segmentation"])
@pytest.mark.parametrize(
    ("gone", "words"), [("all", "the image that it was drawn on, and that image is not there"), ("two", "of which {} are not there")]
)
def test_a_region_file_whose_image_is_not_there_is_said(spoil, seg, kind, gone, words):
    (seg if kind == "structure set" else spoil.rtstruct).unlink()
    assert not said(read_study(spoil.folder), "not there")
    for path in spoil.ct if gone == "all" else spoil.ct[:2]:
        path.unlink()
    # the segmentation names the slices that hold regions, 1 to 6 of 0 to 7
    named, missing = {"structure set": (8, 2), "segmentation": (6, 1)}[kind]
    assert said(read_study(spoil.folder), f"The {kind} names {named} slices of", words.format(missing))


def test_a_segmentation_that_lists_no_series_names_its_images_by_frame(spoil, edit, seg):
    spoil.rtstruct.unlink()
    edit(seg, lambda d: d.__delitem__("ReferencedSeriesSequence") if "ReferencedSeriesSequence" in d else None)
    assert not said(read_study(spoil.folder), "not there")
    for path in spoil.ct:
        path.unlink()
    assert said(read_study(spoil.folder), "The segmentation names", "that image is not there")


@pytest.mark.parametrize("kind", ["ct", "pet"])
def test_every_second_slice_gone_is_said(spoil, kind):
    spoil.rtstruct.unlink()
    assert not said(read_study(spoil.folder), "mm apart")
    for path in getattr(spoil, kind)[::2]:
        path.unlink()
    assert said(read_study(spoil.folder), f"{kind.upper()}: slices are 5 mm thick", "10 mm apart")


@pytest.mark.parametrize(("counted", "words"), [(8, ("counts 8 slices (0054,0081), 6 are there",)), (6, ("Lu-177 have 6 and 8 slices",))])
def test_a_spect_with_fewer_slices_is_said(spoil, edit, counted, words):
    spoil.rtstruct.unlink()
    assert not said(read_study(spoil.folder), "slices", "whole")

    def crop(dataset: pydicom.Dataset) -> None:
        dataset.PixelData = dataset.pixel_array[:6].tobytes()
        dataset.NumberOfFrames, dataset.NumberOfSlices = 6, counted
        dataset.SliceVector = list(range(1, 7))

    edit(spoil.spect[1], crop)
    assert said(read_study(spoil.folder), *words)


def test_a_pet_corrected_by_a_ct_that_is_not_there_is_said(spoil, edit):
    spoil.rtstruct.unlink()
    edit(spoil.pet, lambda d: setattr(d, "AttenuationCorrectionMethod", "measured,AC_CT_Body"))
    assert not said(read_study(spoil.folder), "(0054,1101)")
    for path in spoil.ct:
        path.unlink()
    assert said(read_study(spoil.folder), "a CT corrected its attenuation (0054,1101), and no CT is there")


@pytest.mark.parametrize(
    ("diameter", "spacing", "told"),
    [(14.0, None, "on the image"), (14.0, (6.0, 6.0, 6.0), "beside it"), (10.0, (5.0, 5.0, 5.0), "beside it"), (30.0, None, "")],
)
def test_a_region_of_few_voxels_is_said_with_what_rounding_leaves_open(made, tmp_path, diameter, spacing, told):
    """A ball at voxel centres: its volume is known, and differs by no more than what is said."""
    grid = made.ct_volume.grid
    affine = np.array(grid.affine)
    shape = grid.shape
    if spacing is not None:
        affine[:3, :3] = np.diag(spacing)
        affine[:3, 3] += 1.3
        shape = tuple(int(n * s / t) for n, s, t in zip(grid.shape, grid.spacing_mm, spacing, strict=True))
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) @ affine[:3, :3] + affine[:3, 3]
    mask = np.linalg.norm(places - [-1.2, 4.1, 118.7], axis=-1) <= 0.5 * diameter
    study = read_study(
        made.folder, labels=write_map(tmp_path / "map.nii", mask, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine), label_names={1: "lesion 1"}
    )
    found = [w for w in study.warnings if "few voxels" in w]
    assert len(found) == bool(told)
    if told:
        size = " x ".join(f"{s:g}" for s in (spacing or grid.spacing_mm))
        assert f"'lesion 1' ({mask.sum()} of {size} mm)" in found[0]
        assert ("do not lie on the voxels of an image" in found[0]) == (told == "beside it")
        most = float(found[0].split("up to ")[1].split(" %")[0]) / 100.0
        true_ml = np.pi / 6.0 * diameter**3 / 1000.0
        kept_ml = mask.sum() * np.prod(spacing or grid.spacing_mm) / 1000.0
        assert abs(true_ml / kept_ml - 1.0) <= most


@pytest.mark.parametrize("newer", ["a.dcm", "z.dcm"])
def test_two_versions_of_a_region_are_said_and_the_newer_counts(spoil, edit, newer):
    """A corrected structure set beside the first: which was taken hung on the names of the files, and nothing was said."""
    truth = next(r.volume_ml for r in read_study(spoil.folder).regions if r.name == "primary")

    def grown(dataset: pydicom.Dataset) -> None:
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.SeriesInstanceUID = generate_uid()
        dataset.StructureSetDate = f"{int(dataset.StructureSetDate) + 1}"
        contours = dataset.ROIContourSequence[2].ContourSequence
        del contours[0]  # one slice of four less

    other = spoil.folder / newer
    shutil.copy(spoil.rtstruct, other)
    edit(other, grown)
    study = read_study(spoil.folder)
    assert next(r.volume_ml for r in study.regions if r.name == "primary") == pytest.approx(0.75 * truth, rel=0.02)
    assert said(study, "'primary'", "two versions", "written last")
    assert not said(study, "'liver'", "two versions")


@pytest.mark.parametrize("kind", ["pet", "spect"])
def test_values_cut_at_the_end_of_the_range_are_said(spoil, edit, kind):
    assert not said(read_study(spoil.folder), "were cut")

    def cut(dataset: pydicom.Dataset) -> None:
        """One scale for all slices; the first slice of a PET, and of the SPECT's frames, holds little."""
        stored = dataset.pixel_array.astype(np.int64)
        stored = np.where(np.arange(stored.shape[0]).reshape(-1, *[1] * (stored.ndim - 1)) == 0, stored // 4, stored * 2)
        if kind == "pet":
            dataset.RescaleSlope = "3"
            stored = dataset.pixel_array.astype(np.int64) // 4 if dataset.InstanceNumber == 1 else stored
        top = np.iinfo(dataset.pixel_array.dtype).max
        dataset.PixelData = np.minimum(stored, top).astype(dataset.pixel_array.dtype).tobytes()

    edit(getattr(spoil, kind), cut)
    assert said(read_study(spoil.folder), {"pet": "PET: ", "spect": "SPECT: "}[kind], "were cut", "(0028,0101)")


def test_a_scale_made_for_each_slice_cuts_nothing(small):
    """A flat phantom: every slice's many voxels lie at the end of its own range."""
    paths = sorted((small / "pet").glob("*.dcm"))
    slices = [pydicom.dcmread(p) for p in paths]
    assert max(int((s.pixel_array == 32767).sum()) for s in slices) > 100
    assert not said(read_study(small), "were cut")


def test_a_pet_that_holds_more_than_was_injected_is_said(spoil, edit):
    """The activity in the file is a tenth of what was given: every SUV is ten times too high."""
    pet = read_study(spoil.folder).pet_images()[0]
    held = float(pet.array.sum()) * pet.grid.voxel_ml / (150e6 * 2.0 ** (-60.0 / 67.7))
    assert not said(read_study(spoil.folder), "what was injected")
    edit(spoil.pet, lambda d: setattr(d.RadiopharmaceuticalInformationSequence[0], "RadionuclideTotalDose", f"{150e6 * held / 2.0:.6g}"))
    assert said(read_study(spoil.folder), "Ga-68 PET", "holds 2 times what was injected", "(0018,1074)")


def test_a_spect_that_holds_more_than_was_injected_is_said(spoil, edit):
    """The injected activity is a thousandth of what was given, in every file."""
    assert not said(read_study(spoil.folder), "what was injected")
    edit(spoil.spect, lambda d: setattr(d.RadiopharmaceuticalInformationSequence[0], "RadionuclideTotalDose", "7.4"))
    assert said(read_study(spoil.folder), "Lu-177 SPECT of 2026-03-02 13:00", "what was injected", "(0018,1074)")


def test_a_hot_region_that_only_its_name_calls_bone_is_said(copy):
    (copy / "seg.dcm").unlink()
    grid = _grid("")
    values = sum(n * _ellipsoid(grid, PARTS[name][0], PARTS[name][1]) for n, name in ((1, "liver"), (2, "tumour-1")))
    path = write_map(copy.parent / "map.nii", np.asarray(values), np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine)
    study = read_study(copy, labels=path, label_names={1: "liver", 2: "vertebrae_L3"})
    assert said(study, "'vertebrae_L3' is bone by its name alone", "[roles]")
    assert not said(read_study(copy, labels=path, label_names={1: "liver", 2: "tumour"}), "by its name alone")


@pytest.mark.parametrize("kind", ["ct", "pet", "spect"])
def test_compression_with_loss_is_said(spoil, edit, kind):
    assert not said(read_study(spoil.folder), "with loss")

    def lossy(dataset: pydicom.Dataset) -> None:
        dataset.LossyImageCompression, dataset.LossyImageCompressionRatio = "01", "20"

    edit(getattr(spoil, kind), lossy)
    assert said(read_study(spoil.folder), {"ct": "CT: ", "pet": "PET: ", "spect": "SPECT: "}[kind], "with loss", "20 times")


def test_a_weight_that_fits_the_height_in_pounds_is_said(spoil, edit):
    everything = sorted(spoil.folder.rglob("*.dcm"))
    edit(everything, lambda d: setattr(d, "PatientWeight", "119"))
    assert not said(read_study(spoil.folder), "pounds")
    edit(everything, lambda d: setattr(d, "PatientWeight", "154.3"))
    assert said(read_study(spoil.folder), "pounds (70 kg", "(0010,1030)")


@pytest.mark.parametrize("kind", ["ct", "pet", "spect"])
def test_pixels_whose_bytes_were_swapped_are_refused(copy, kind):
    """They are noise with a plausible mean."""
    read_study(copy)
    paths = {"ct": copy.glob("ct/*.dcm"), "pet": copy.glob("pet/*.dcm"), "spect": copy.glob("spect_0.dcm")}[kind]
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.PixelData = dataset.pixel_array.byteswap().tobytes()
        dataset.save_as(path)
    with pytest.raises(InputError, match="bytes of the pixels are swapped"):
        read_study(copy)


@pytest.mark.parametrize("factor", [0.1, 4.0, 1.3])
def test_one_slice_of_another_scale_is_said(copy, factor):
    path = copy / "pet" / "pt_0028.dcm"
    dataset = pydicom.dcmread(path)
    dataset.RescaleSlope = f"{float(dataset.RescaleSlope) * factor:.8g}"
    dataset.save_as(path)
    assert said(read_study(copy), "PET image", "1 slice holds up to", "both neighbours") == (factor != 1.3)


@pytest.mark.parametrize(("keyword", "value", "word"), [("RescaleSlope", "0.9", "Slope"), ("RescaleIntercept", "1024", "Intercept")])
def test_one_ct_slice_of_another_slope_is_said(copy, keyword, value, word):
    assert not said(read_study(copy), "CT: Rescale")
    path = copy / "ct" / "ct_0032.dcm"
    dataset = pydicom.dcmread(path)
    setattr(dataset, keyword, value)
    dataset.save_as(path)
    assert said(read_study(copy), f"CT: Rescale {word}", "differs between slices")


@pytest.mark.parametrize("factor", [1.2, 0.8])
def test_a_ct_stretched_after_it_was_drawn_on_is_refused(copy, factor):
    """A PET of the same pixels lies beside it; the frames name the CT's slices."""
    for path in (copy / "ct").glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        dataset.PixelSpacing = [6.0 * factor, 6.0 * factor]
        dataset.save_as(path)
    with pytest.raises(InputError, match="pixels are not those of the image"):
        read_study(copy)

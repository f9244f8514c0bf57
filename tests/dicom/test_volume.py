"""Law of volume: what was drawn is kept, whatever object holds it."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.dicom.contours import coverage, fill, is_tangled, polygon_area, rasterise
from neorlt.dicom.naming import role_from_name
from neorlt.dicom.nifti_labels import read_nifti_labels
from neorlt.dicom.read import read_study
from neorlt.dicom.read_labels import read_label_names
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on

Points = np.ndarray[Any, Any]
PRIMARY_ML = 5 * 4 * 4 * 0.09


def box(x0: float, y0: float, x1: float, y1: float) -> Points:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], float)


# --- polygons -----------------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.5, 9.0), st.floats(0.05, 1.0)), min_size=3, max_size=24),
    st.floats(-0.5, 0.5),
    st.booleans(),
)
def test_coverage_is_the_area_exactly(steps: list[tuple[float, float]], shift: float, turned: bool) -> None:
    """Shoelace area, by another road than the voxels, for any star of corners; the direction of drawing does not count."""
    gaps = np.array([s for _, s in steps])
    angle = np.cumsum(gaps) / gaps.sum() * 2 * np.pi * 0.999
    radius = np.array([r for r, _ in steps])
    polygon = np.c_[12 + shift + radius * np.cos(angle), 11 + radius * np.sin(angle)]
    if np.diff(np.append(angle, angle[0] + 2 * np.pi)).max() > 0.9 * np.pi:
        return  # a star that does not hold its centre may cross itself
    found = coverage(polygon[::-1] if turned else polygon, (25, 23))
    assert found.sum() == pytest.approx(abs(polygon_area(polygon)), rel=1e-9, abs=1e-9)
    assert found.min() > -1e-9
    assert found.max() < 1 + 1e-9
    assert found == pytest.approx(rasterise([polygon], (25, 23), 128), abs=0.02)


def test_a_polygon_that_leaves_the_grid_keeps_what_is_inside() -> None:
    assert coverage(box(-5, -5, 5, 5), (8, 8)).sum() == pytest.approx(5.5**2)
    assert coverage(box(4, 4, 15, 15), (8, 8)).sum() == pytest.approx(3.5**2)


OUTER, HOLE, ISLAND, BESIDE = box(1, 1, 11, 11), box(3, 3, 9, 9), box(5, 5, 7, 7), box(12, 1, 15, 11)
KEYHOLE = np.array([[1, 1], [11, 1], [11, 11], [1, 11], [1, 6], [3, 6], [3, 9], [9, 9], [9, 3], [3, 3], [3, 6], [1, 6]], float)


@pytest.mark.parametrize(
    ("polygons", "area", "twins", "crossing"),
    [
        ([OUTER], 100, 0, 0),
        ([OUTER, HOLE], 64, 0, 0),
        ([OUTER, HOLE[::-1]], 64, 0, 0),
        ([OUTER, HOLE, ISLAND], 68, 0, 0),
        ([OUTER, BESIDE], 130, 0, 0),
        ([KEYHOLE], 64, 0, 0),
        ([OUTER, OUTER], 100, 1, 0),
        ([OUTER, np.roll(OUTER[::-1], 2, axis=0)], 100, 1, 0),  # drawn the other way round, from another corner
        ([OUTER, OUTER + 0.02, OUTER], 100, 2, 0),
        ([OUTER, HOLE, HOLE], 64, 1, 0),
        ([OUTER, box(6, 6, 16, 16)], 175, 0, 1),
    ],
)
def test_holes_islands_twins_and_unions(polygons: list[Points], area: float, twins: int, crossing: int) -> None:
    found = fill(polygons, (20, 20))
    assert float(found.occupancy.sum()) == pytest.approx(area, rel=1e-2 if crossing else 1e-3)
    assert (found.twins, found.crossing) == (twins, crossing)


def test_exclusive_contours_count_where_an_odd_number_covers() -> None:
    assert float(fill([OUTER, OUTER], (20, 20), exclusive=True).occupancy.sum()) == pytest.approx(0, abs=1e-4)
    assert float(fill([OUTER, box(6, 6, 16, 16)], (20, 20), exclusive=True).occupancy.sum()) == pytest.approx(150, rel=1e-3)


# --- structure sets -------------------------------------------------------------------------------------------------------------------


def _primary(dataset: pydicom.Dataset) -> Any:
    return dataset.ROIContourSequence[2].ContourSequence


def _read(spoil: Any) -> Region:
    return next(r for r in read_study(spoil.folder).regions if r.name == "primary")


@pytest.mark.parametrize("copies", [[0], [1], [1, 1], [0, 1, 2, 3]])
def test_a_contour_that_stands_twice_is_no_hole(spoil, edit, copies) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.rtstruct, lambda d: _primary(d).extend([_primary(d)[n] for n in copies]))
    study = read_study(spoil.folder)
    assert next(r for r in study.regions if r.name == "primary").volume_ml == pytest.approx(PRIMARY_ML, rel=2e-3)
    assert any(f"{len(copies)} contour" in w and "drawn twice" in w for w in study.warnings)


def _liver_box(spoil: Any, planes: Sequence[int], kind: str = "CLOSED_PLANAR") -> None:
    """Draw 'primary' as a box on planes of the CT."""
    dataset = pydicom.dcmread(spoil.rtstruct)
    grid, first = spoil.ct_volume.grid, _primary(dataset)[0]
    contours = []
    for k in planes:
        corners = np.array([[2.5, 2.5, k], [12.5, 2.5, k], [12.5, 10.5, k], [2.5, 10.5, k]])
        one = pydicom.Dataset()
        one.ContourGeometricType = kind if k not in (planes[0], planes[-1]) else "CLOSED_PLANAR"
        one.NumberOfContourPoints = 4
        one.ContourData = [f"{v:g}" for v in grid.index_to_mm(corners).ravel()]
        image = pydicom.Dataset()
        image.ReferencedSOPClassUID = first.ContourImageSequence[0].ReferencedSOPClassUID
        image.ReferencedSOPInstanceUID = pydicom.dcmread(spoil.ct[k]).SOPInstanceUID
        one.ContourImageSequence = pydicom.Sequence([image])
        contours.append(one)
    dataset.ROIContourSequence[2].ContourSequence = pydicom.Sequence(contours)
    dataset.save_as(spoil.rtstruct)


LAYER_ML = 10 * 8 * 0.09


@pytest.mark.parametrize("planes", [(0, 1, 2, 3, 4, 5, 6, 7), (0, 1, 6, 7), (0, 4, 7), (0, 7), (0, 2, 4, 6), (1, 6), (0, 5, 6)])
def test_key_slices_are_filled_and_said(spoil, planes) -> None:  # type: ignore[no-untyped-def]
    """(0, 1, 6, 7) has neighbours on both sides of its gap: two parts over one another, kept apart and said."""
    _liver_box(spoil, planes)
    study = read_study(spoil.folder)
    region = next(r for r in study.regions if r.name == "primary")
    said = " ".join(w for w in study.warnings if "'primary'" in w)
    if planes == (0, 1, 6, 7):
        assert region.volume_ml == pytest.approx(4 * LAYER_ML, rel=1e-3)
        assert "4 of 8 planes" in said
        return
    assert region.volume_ml == pytest.approx((planes[-1] - planes[0] + 1) * LAYER_ML, rel=1e-3)
    assert ("key slices" in said or "filled in" in said) == (len(planes) < planes[-1] - planes[0] + 1)


def test_interpolated_contours_count(spoil) -> None:  # type: ignore[no-untyped-def]
    _liver_box(spoil, range(8), "INTERPOLATED_PLANAR")
    study = read_study(spoil.folder)
    assert next(r for r in study.regions if r.name == "primary").volume_ml == pytest.approx(8 * LAYER_ML, rel=1e-3)
    assert not any("left out" in w for w in study.warnings)


def test_a_structure_set_without_contours_is_refused(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.rtstruct, lambda d: setattr(d, "ROIContourSequence", pydicom.Sequence()))
    with pytest.raises(InputError, match="holds no contour"):
        read_study(spoil.folder)


def test_a_structure_without_contours_is_named(spoil, edit) -> None:  # type: ignore[no-untyped-def]
    edit(spoil.rtstruct, lambda d: d.ROIContourSequence.pop())
    assert any("without contours" in w and "'primary'" in w for w in read_study(spoil.folder).warnings)


@pytest.mark.parametrize("wave", [0.0, 0.3, 0.6])
def test_points_that_lost_their_order_are_told_from_a_winding_contour(wave: float) -> None:
    """A circle, and one with twelve bays of up to six tenths of its radius; the same points in another order."""
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = 20 * (1 + wave * np.cos(12 * angle) / 2)
    polygon = np.c_[30 + radius * np.cos(angle), 30 + radius * np.sin(angle)]
    assert not is_tangled(polygon)
    mixed = np.random.default_rng(1).permutation(polygon)
    assert is_tangled(mixed)
    assert fill([mixed], (60, 60)).tangled == 1
    assert fill([polygon], (60, 60)).tangled == 0


# --- segmentations --------------------------------------------------------------------------------------------------------------------


def _measures(dataset: pydicom.Dataset) -> Any:
    return dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]


@pytest.mark.parametrize("thickness", ["1", "2.5", "5", "10"])
@pytest.mark.parametrize("between", [None, "5", "2.5"])
def test_the_spacing_of_a_segmentation_comes_from_its_positions(spoil, seg, edit, thickness, between) -> None:  # type: ignore[no-untyped-def]
    spoil.rtstruct.unlink()

    def change(dataset: pydicom.Dataset) -> None:
        _measures(dataset).SliceThickness = thickness
        _measures(dataset).pop("SpacingBetweenSlices", None)
        if between is not None:
            _measures(dataset).SpacingBetweenSlices = between

    edit(seg, change)
    got = {r.name: r.volume_ml for r in read_study(spoil.folder).regions}
    assert got == pytest.approx({r.name: r.volume_ml for r in spoil.regions}, rel=1e-6)


def test_the_same_region_as_contours_and_as_a_segmentation(spoil, seg) -> None:  # type: ignore[no-untyped-def]
    """One region, two objects: the same volume and the same mean on the image."""
    drawn = {r.name: r for r in read_study(spoil.folder).regions if r.source == "RTSTRUCT"}
    spoil.rtstruct.unlink()
    study = read_study(spoil.folder)
    pet = study.pet_images()[0]
    for region in study.regions:
        other = drawn[region.name]
        assert region.volume_ml == pytest.approx(other.volume_ml, rel=0.015)
        means = [(pet.array * region_on(r, pet.grid)).sum() / region_on(r, pet.grid).sum() for r in (region, other)]
        assert means[0] == pytest.approx(means[1], rel=0.01)


def test_one_plane_takes_the_images_spacing(spoil) -> None:  # type: ignore[no-untyped-def]
    flat = np.zeros_like(spoil.regions[2].occupancy)
    flat[12:17, 10:14, 4] = 1.0
    region = Region("primary", RegionKind.LESION, flat, spoil.regions[2].grid)
    path = write_seg([region], spoil.ct, spoil.folder / "s.dcm", spoil.identity, description="S", series_number=8)
    spoil.rtstruct.unlink()
    dataset = pydicom.dcmread(path)
    _measures(dataset).SliceThickness = "1"
    _measures(dataset).pop("SpacingBetweenSlices", None)
    dataset.save_as(path)
    assert _read(spoil).volume_ml == pytest.approx(5 * 4 * 0.09)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d: setattr(_measures(d), "PixelSpacing", ["2.25", "2"]), "not those of the image"),
        (lambda d: setattr(_measures(d), "PixelSpacing", ["0.45", "0.4"]), "length of the image"),
        (lambda d: setattr(_measures(d), "PixelSpacing", ["45", "40"]), "size of a pixel"),
        (lambda d: setattr(_measures(d), "SpacingBetweenSlices", "12"), "larger than that"),
        (lambda d: d.SegmentSequence.pop(), "list does not name"),
        (lambda d: setattr(d.SegmentSequence[1], "SegmentNumber", 1), "one number"),
        (lambda d: d.PerFrameFunctionalGroupsSequence.pop(), "differ in number"),
    ],
)
def test_a_segmentation_that_contradicts_itself(spoil, seg, edit, change, problem) -> None:  # type: ignore[no-untyped-def]
    edit(seg, change)
    with pytest.raises(InputError, match=problem):
        read_study(spoil.folder)


@pytest.mark.parametrize(
    ("number", "label", "code"),
    [(0, "Background", "123037004"), (9, "Background", "123037004"), (9, "Hintergrund", "123037004"), (9, "rest", "125040")],
)
def test_the_background_of_a_label_map_is_no_region(spoil, number, label, code) -> None:  # type: ignore[no-untyped-def]
    spoil.rtstruct.unlink()
    path = write_seg(spoil.regions, spoil.ct, spoil.folder / "m.dcm", spoil.identity, description="M", series_number=8)
    dataset = pydicom.dcmread(path)
    stack = np.full((8, 16, 20), number, np.uint8)
    for n, region in enumerate(spoil.regions, start=1):
        stack[np.transpose(region.occupancy, (2, 1, 0)) > 0] = n
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.7"
    dataset.SegmentationType = "LABELMAP"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.NumberOfFrames, dataset.PixelData = 7, 8, stack.tobytes()
    dataset["PixelData"].VR = "OB"
    frames = []
    for k in range(8):
        item, place = pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = [f"{v:g}" for v in spoil.ct_volume.grid.index_to_mm(np.array([0, 0, k]))]
        item.PlanePositionSequence = pydicom.Sequence([place])
        frames.append(item)
    dataset.PerFrameFunctionalGroupsSequence = pydicom.Sequence(frames)
    rest = pydicom.Dataset()
    rest.SegmentNumber, rest.SegmentLabel = number, label
    for keyword in ("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence"):
        item = pydicom.Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", "x"
        setattr(rest, keyword, pydicom.Sequence([item]))
    dataset.SegmentSequence.append(rest)
    dataset.save_as(path)
    study = read_study(spoil.folder)
    assert sorted(r.name for r in study.regions) == ["kidney-left", "liver", "primary"]
    assert any("background" in w for w in study.warnings)
    assert _read(spoil).volume_ml == pytest.approx(PRIMARY_ML, rel=1e-6)


# --- label maps -----------------------------------------------------------------------------------------------------------------------


def write_labels(
    path: Path, spoil: Any, *, sform: Points | None = None, qform: Sequence[float] | None = None, names: str = "", zipped: bool = False
) -> Path:
    """A NIfTI-1 file written byte by byte: labels 1, 2, 3 of the study's regions."""
    grid = spoil.ct_volume.grid
    labels = np.zeros(grid.shape, np.uint8)
    for n, region in enumerate(spoil.regions, start=1):
        labels[region.occupancy > 0] = n
    extra = names.encode()
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *grid.shape, 1, 1, 1, 1)
    struct.pack_into("<hh", head, 70, 2, 8)
    struct.pack_into("<8f", head, 76, 1.0, *grid.spacing_mm, 0, 0, 0, 0)
    block = struct.pack("<ii", len(extra) + 8 + (-len(extra) - 8) % 16, 30) + extra + bytes((-len(extra) - 8) % 16) if extra else b""
    struct.pack_into("<f", head, 108, 352.0 + len(block))
    struct.pack_into("<hh", head, 252, 0 if qform is None else 1, 0 if sform is None else 2)
    if qform is not None:
        struct.pack_into("<6f", head, 256, *qform)
    if sform is not None:
        for row in range(3):
            struct.pack_into("<4f", head, 280 + 16 * row, *sform[row])
    head[344:348] = b"n+1\0"
    head[348] = 1 if extra else 0
    content = bytes(head) + block + labels.tobytes(order="F")
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


def _sform(spoil: Any) -> Points:
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ spoil.ct_volume.grid.affine


def _q(spoil: Any, shift: float = 0.0) -> list[float]:
    """The quaternion of a turn by 180° about z: x and y of NIfTI run against DICOM's."""
    at = _sform(spoil)[:3, 3]
    return [0, 0, 1, float(at[0]) + shift, float(at[1]), float(at[2])]


NAMES = {1: "liver", 2: "kidney-left", 3: "primary"}


@pytest.mark.parametrize("kind", ["sform", "qform", "both", "zipped"])
def test_a_label_map_lies_where_its_transform_says(spoil, tmp_path, kind) -> None:  # type: ignore[no-untyped-def]
    spoil.rtstruct.unlink()
    path = write_labels(
        tmp_path / ("l.nii.gz" if kind == "zipped" else "l.nii"), spoil, sform=None if kind == "qform" else _sform(spoil),
        qform=None if kind in ("sform", "zipped") else _q(spoil), zipped=kind == "zipped",
    )  # fmt: skip
    for region in read_study(spoil.folder, labels=path, label_names=NAMES).regions:
        truth = next(r for r in spoil.regions if r.name == region.name)
        assert region_on(region, truth.grid) == pytest.approx(truth.occupancy, abs=1e-4)


@pytest.mark.parametrize("shift", [3.0, -8.0, 24.0])
def test_two_transforms_that_differ_are_refused(spoil, tmp_path, shift) -> None:  # type: ignore[no-untyped-def]
    path = write_labels(tmp_path / "l.nii", spoil, sform=_sform(spoil), qform=_q(spoil, shift))
    with pytest.raises(InputError, match=rf"sform and qform.*{abs(shift):.1f} mm apart"):
        read_nifti_labels(path)


@pytest.mark.parametrize(("shear", "read"), [(0.0005, True), (0.005, True), (0.3, False), (0.5, False)])
def test_axes_that_are_not_quite_at_right_angles(spoil, tmp_path, shear, read) -> None:  # type: ignore[no-untyped-def]
    sform = _sform(spoil)
    sform[0, 1] += shear * 4.5
    path = write_labels(tmp_path / "l.nii", spoil, sform=sform)
    if not read:
        with pytest.raises(InputError, match=r"not at right angles.*°"):
            read_nifti_labels(path)
        return
    found = read_nifti_labels(path)
    axes = found.affine[:3, :3] / np.linalg.norm(found.affine[:3, :3], axis=0)
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-9)
    assert bool(found.warnings) == (shear > 0.001)


def test_a_label_map_without_a_transform_and_one_cut_short(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="where it lies"):
        read_nifti_labels(write_labels(tmp_path / "l.nii", spoil))
    path = write_labels(tmp_path / "m.nii", spoil, sform=_sform(spoil))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cut short"):
        read_nifti_labels(path)
    singular = _sform(spoil)
    singular[:, 1] = singular[:, 0]
    with pytest.raises(InputError, match="singular"):
        read_nifti_labels(write_labels(tmp_path / "n.nii", spoil, sform=singular))
    path.write_bytes(b"nothing of the kind" * 40)
    with pytest.raises(InputError, match="give a NIfTI file"):
        read_nifti_labels(path)


def test_names_inside_the_file(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """TotalSegmentator writes the names of its labels into the file."""
    spoil.rtstruct.unlink()
    xml = '<CaretExtension><LabelTable><Label Key="1" Red="1">liver</Label><Label Key="2">kidney_left</Label></LabelTable></CaretExtension>'
    path = write_labels(tmp_path / "l.nii", spoil, sform=_sform(spoil), names=xml)
    study = read_study(spoil.folder, labels=path)
    assert [r.name for r in study.regions] == ["liver", "kidney_left", "label-3"]
    assert any("label-3" in w and "--names" in w for w in study.warnings)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("totalsegmentator-v2", ["liver", "pancreas", "kidney_right"]),
        ("totalsegmentator-v1", ["liver", "aorta", "kidney_right"]),
        ("totalsegmentator-mr", ["liver", "pancreas", "kidney_right"]),
    ],
)
def test_a_map_of_numbers_alone_is_named_by_its_programs_list(spoil, tmp_path, words, names) -> None:  # type: ignore[no-untyped-def]
    """Labels 5, 7 and 2: the seventh class of version 2 is the pancreas, that of version 1 the aorta."""
    spoil.rtstruct.unlink()
    path = write_labels(tmp_path / "l.nii", spoil, sform=_sform(spoil))
    content = bytearray(path.read_bytes())
    values = np.frombuffer(content, np.uint8, offset=352)
    path.write_bytes(bytes(content[:352]) + np.array([0, 5, 7, 2], np.uint8)[values].tobytes())
    (spoil.folder / "settings.toml").write_text('[place]\ntrust = true\nreason = "a test of names alone"\n')
    plain = read_study(spoil.folder, labels=path)
    assert any("totalsegmentator-v2" in w for w in plain.warnings)
    study = read_study(spoil.folder, labels=path, label_names=Path(words))
    assert sorted(r.name for r in study.regions) == sorted(names)
    assert {r.name for r in study.organs()} >= {"liver", "kidney_right"}
    assert not any("names labels that the map does not hold" in w or "without a name" in w for w in study.warnings)


def test_a_label_beyond_the_list_is_refused(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Label 117 is of version 2: with the list of version 1 every number may mean another organ."""
    spoil.rtstruct.unlink()
    path = write_labels(tmp_path / "l.nii", spoil, sform=_sform(spoil))
    content = bytearray(path.read_bytes())
    values = np.frombuffer(content, np.uint8, offset=352)
    path.write_bytes(bytes(content[:352]) + np.array([0, 5, 117, 2], np.uint8)[values].tobytes())
    with pytest.raises(InputError, match="totalsegmentator-v1 does not.*1 to 104.*label-117"):
        read_study(spoil.folder, labels=path, label_names=Path("totalsegmentator-v1"))


def test_every_class_of_the_lists_has_a_name_of_its_own() -> None:
    for words, count in (("totalsegmentator-v1", 104), ("totalsegmentator-v2", 117), ("totalsegmentator-mr", 50)):
        names = [one.name for one in read_label_names(Path(words)).values()]
        assert len(names) == len(set(names)) == count
        kidneys = {name for name in names if role_from_name(name).why == "name: kidney"}
        assert kidneys == {"kidney_left", "kidney_right"}  # and no cyst
        assert {str(role_from_name(name).kind) for name in ("liver", "spleen", "pancreas", "urinary_bladder") if name in names} == {"organ"}


def test_a_folder_with_one_mask_an_organ(spoil, tmp_path) -> None:  # type: ignore[no-untyped-def]
    spoil.rtstruct.unlink()
    folder = tmp_path / "segmentations"
    folder.mkdir()
    whole = spoil.regions
    for region in whole:
        only = type("One", (), {"ct_volume": spoil.ct_volume, "regions": [region]})
        write_labels(folder / f"{region.name.replace('-', '_')}.nii.gz", only, sform=_sform(spoil), zipped=True)
    empty = type("None_", (), {"ct_volume": spoil.ct_volume, "regions": []})
    write_labels(folder / "brain.nii.gz", empty, sform=_sform(spoil), zipped=True)
    study = read_study(spoil.folder, labels=folder)
    assert {r.name: round(r.volume_ml, 6) for r in study.regions} == {r.name.replace("-", "_"): round(r.volume_ml, 6) for r in whole}
    assert any("Empty masks" in w and "brain" in w for w in study.warnings)


@pytest.mark.parametrize("names_slices", [True, False])
@pytest.mark.parametrize("first", ["pet", "ct"])
def test_contours_lie_on_the_image_that_they_were_drawn_on(spoil, edit, first, names_slices) -> None:  # type: ignore[no-untyped-def]
    """Drawn on every slice of a PET of 10 mm in a set that lists a CT of 5 mm too: three slices are 30 mm and not 25."""
    for path in spoil.pet[1::2]:
        path.unlink()
    slices = [pydicom.dcmread(p) for p in spoil.pet[::2]]
    edit(spoil.pet[::2], lambda d: (setattr(d, "SliceThickness", "10"), setattr(d, "NumberOfSlices", len(slices))))

    def change(dataset: pydicom.Dataset) -> None:
        listed = dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence
        ct, pet = listed[0], pydicom.Dataset()
        pet.SeriesInstanceUID = slices[0].SeriesInstanceUID
        pet.ContourImageSequence = pydicom.Sequence([_image(s) for s in slices])
        listed[:] = [pet, ct] if first == "pet" else [ct, pet]
        del dataset.ROIContourSequence[:2], dataset.StructureSetROISequence[:2], dataset.RTROIObservationsSequence[:2]
        contours = []
        for image in slices[1:4]:
            x, y, z = map(float, image.ImagePositionPatient)
            corners = [(x + 40, y + 9), (x + 60, y + 9), (x + 60, y + 27), (x + 40, y + 27)]
            one = pydicom.Dataset()
            one.ContourGeometricType, one.NumberOfContourPoints = "CLOSED_PLANAR", 4
            one.ContourData = [v for corner in corners for v in (*corner, z)]
            if names_slices:
                one.ContourImageSequence = pydicom.Sequence([_image(image)])
            contours.append(one)
        dataset.ROIContourSequence[0].ContourSequence = pydicom.Sequence(contours)

    edit(spoil.rtstruct, change)
    assert read_study(spoil.folder).regions[0].volume_ml == pytest.approx(2.0 * 1.8 * 3.0, rel=1e-6)


def _image(slice_: pydicom.Dataset) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = slice_.SOPClassUID, slice_.SOPInstanceUID
    return item

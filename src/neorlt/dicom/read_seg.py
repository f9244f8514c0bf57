"""Read DICOM Segmentations (PS3.3 A.51): binary, fractional and label map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.geometry import stack_grid
from neorlt.dicom.header import number, numbers, raw, required, text, where
from neorlt.dicom.naming import kind_of_segment
from neorlt.dicom.pixels import decode_instance, size
from neorlt.dicom.scan import Instance
from neorlt.imaging.region import Region
from neorlt.imaging.resample import crop_region
from neorlt.imaging.volume import Grid


def read_seg(instance: Instance) -> tuple[list[Region], list[str]]:
    """Return one region per segment, on grids cropped to them, and warnings.

    Raises
    ------
    InputError
        If frames lack their segment or position, planes are uneven, or pixels cannot be read.

    """
    header, name = instance.header, instance.name
    remedy = "export the segmentation again"
    frame_of_reference = required(text(header, "FrameOfReferenceUID", name), "FrameOfReferenceUID", name, remedy)
    shared = _first(header, "SharedFunctionalGroupsSequence", name)
    per_frame = list(raw(header, "PerFrameFunctionalGroupsSequence", name) or [])
    kind = text(header, "SegmentationType", name).upper()
    stored = np.asarray(decode_instance(instance))
    if stored.ndim == 2:
        stored = stored[np.newaxis]
    if len(per_frame) != len(stored):
        raise InputError(
            "frames and their descriptions differ in number",
            expected=f"{len(stored)}",
            found=f"{len(per_frame)}",
            where=where(name, "PerFrameFunctionalGroupsSequence"),
            remedy=remedy,
        )
    top, warnings = _scale(header, kind, name)
    geometry = [_plane(frame, shared, name) for frame in per_frame]
    if len({g[1:] for g in geometry}) > 1:
        raise InputError("the frames have different planes", where=where(name, "PlaneOrientationSequence"), remedy=remedy)
    positions = np.array([g[0] for g in geometry])
    orientation, spacing, thickness = list(geometry[0][1]), list(geometry[0][2]), geometry[0][3]
    numbers_of = np.zeros(len(stored), int) if kind == "LABELMAP" else np.array([_segment(f, shared, name) for f in per_frame])
    regions = []
    for segment in raw(header, "SegmentSequence", name) or []:
        index = int(required(number(segment, "SegmentNumber", name), "SegmentNumber", name, remedy))
        label = text(segment, "SegmentLabel", name) or f"segment-{index}"
        chosen = np.arange(len(stored)) if kind == "LABELMAP" else np.flatnonzero(numbers_of == index)
        planes = (stored[chosen] == index).astype(np.float32) if kind == "LABELMAP" else stored[chosen].astype(np.float32) / top
        if len(chosen) == 0 or not np.any(planes > 0):
            warnings.append(f"Segment {label!r} is empty and was left out.")
            continue
        grid, occupancy = _stack(planes, positions[chosen], orientation, spacing, thickness, size(instance), frame_of_reference, name)
        regions.append(crop_region(Region(label, kind_of_segment(segment, label), occupancy, grid, "SEG")))
    return regions, warnings


def _first(dataset: Dataset, keyword: str, name: str) -> Dataset:
    items = raw(dataset, keyword, name)
    return items[0] if items else Dataset()


def _scale(header: Dataset, kind: str, name: str) -> tuple[float, list[str]]:
    if kind in ("BINARY", "LABELMAP"):
        return 1.0, []
    if kind != "FRACTIONAL":
        raise InputError(
            "the segmentation is of an unknown type",
            expected="BINARY, FRACTIONAL or LABELMAP",
            found=kind or "no value",
            where=where(name, "SegmentationType"),
            remedy="export it as BINARY",
        )
    top = required(number(header, "MaximumFractionalValue", name), "MaximumFractionalValue", name, "export it again")
    if not top > 0:
        raise InputError("the largest fraction must be above 0", where=where(name, "MaximumFractionalValue"), remedy="export it again")
    if text(header, "SegmentationFractionalType", name).upper() == "PROBABILITY":
        return top, ["A segmentation holds probabilities; they were taken as the part of the voxel that is filled."]
    return top, []


def _group(frame: Dataset, shared: Dataset, keyword: str, name: str) -> Dataset:
    items = raw(frame, keyword, name) or raw(shared, keyword, name)
    if not items:
        raise InputError("a frame lacks its description", where=where(name, keyword), remedy="export the segmentation again")
    return items[0]  # type: ignore[no-any-return]


def _segment(frame: Dataset, shared: Dataset, name: str) -> int:
    item = _group(frame, shared, "SegmentIdentificationSequence", name)
    return int(required(number(item, "ReferencedSegmentNumber", name), "ReferencedSegmentNumber", name, "export it again"))


Plane = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], float]


def _plane(frame: Dataset, shared: Dataset, name: str) -> Plane:
    remedy = "export the segmentation again, in patient coordinates"
    position = numbers(_group(frame, shared, "PlanePositionSequence", name), "ImagePositionPatient", 3, name)
    angles = numbers(_group(frame, shared, "PlaneOrientationSequence", name), "ImageOrientationPatient", 6, name)
    measures = _group(frame, shared, "PixelMeasuresSequence", name)
    spacing = numbers(measures, "PixelSpacing", 2, name)
    thickness = number(measures, "SpacingBetweenSlices", name) or number(measures, "SliceThickness", name)
    return (
        tuple(required(position, "ImagePositionPatient", name, remedy)),
        tuple(required(angles, "ImageOrientationPatient", name, remedy)),
        tuple(required(spacing, "PixelSpacing", name, remedy)),
        abs(float(required(thickness, "SliceThickness", name, remedy))),
    )


def _stack(
    planes: NDArray[np.float32],
    positions: NDArray[np.float64],
    orientation: list[float],
    spacing: list[float],
    thickness: float,
    shape: tuple[int, int],
    frame_of_reference: str,
    name: str,
) -> tuple[Grid, NDArray[np.float32]]:
    """Stack a segment's frames; frames that hold nothing are usually left out, so gaps are empty planes."""
    rows, columns = shape
    if len(positions) == 1:
        grid, _ = stack_grid(positions, orientation, spacing, columns, rows, frame_of_reference, name, thickness)
        return grid, np.ascontiguousarray(np.transpose(planes, (2, 1, 0)))
    normal = np.cross(orientation[:3], orientation[3:])
    along = positions @ normal
    steps = np.diff(np.unique(np.round(along, 3)))
    if steps.size == 0 or steps.min() <= 0 or len(steps) + 1 != len(along):
        raise InputError(
            "two frames of one segment lie at the same place",
            where=where(name, "PlanePositionSequence"),
            remedy="export the segmentation again",
        )
    step = thickness if np.all(np.abs(steps / thickness - np.rint(steps / thickness)) < 0.05) else float(steps.min())
    level = (along - along.min()) / step
    if np.abs(level - np.rint(level)).max() > 0.05:
        raise InputError(
            "the planes of a segment are unevenly spaced",
            where=where(name, "PlanePositionSequence"),
            remedy="export the segmentation again",
        )
    k = np.rint(level).astype(int)
    lowest = positions[along.argmin()]
    full = lowest + np.outer(np.arange(k.max() + 1) * step, normal)
    grid, _ = stack_grid(full, orientation, spacing, columns, rows, frame_of_reference, name, thickness)
    occupancy = np.zeros((columns, rows, int(k.max()) + 1), np.float32)
    occupancy[:, :, k] = np.transpose(planes, (2, 1, 0))
    return grid, occupancy

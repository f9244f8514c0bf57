"""Read RT Structure Sets (PS3.3 A.19) as occupancy, true to the area of the polygons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.contours import rasterise
from neorlt.dicom.header import number, raw, text, where
from neorlt.dicom.naming import kind_of_roi
from neorlt.dicom.scan import Instance
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]

PIXEL_MM = 1.0
"""In-plane voxel of a region's own grid; edges are fractions, so that the area stays."""
MOST_GAP = 3
"""Contours missing on up to two neighbouring planes are filled in between; a wider gap separates two parts."""
_CLOSED = {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"}


def read_rtstruct(
    instance: Instance, image_grids: Mapping[str, Grid], image_positions: Mapping[str, Floats] | None = None
) -> tuple[list[Region], list[str]]:
    """Return the regions of a structure set and warnings.

    Parameters
    ----------
    image_grids
        Grids of the images by Series Instance UID; the referenced one gives the planes' orientation.
    image_positions
        Image Position (Patient) ``(3,)`` of the slices by SOP Instance UID: contours must lie on those that they name.

    Raises
    ------
    InputError
        If the structure set refers to a frame of reference without image, or a contour cannot be read.

    """
    header, name = instance.header, instance.name
    frames = {
        number(roi, "ROINumber", name): (text(roi, "ROIName", name), text(roi, "ReferencedFrameOfReferenceUID", name))
        for roi in raw(header, "StructureSetROISequence", name) or []
    }
    kinds = {
        number(item, "ReferencedROINumber", name): text(item, "RTROIInterpretedType", name)
        for item in raw(header, "RTROIObservationsSequence", name) or []
    }
    grids = _planes(header, name, image_grids)
    regions: list[Region] = []
    warnings: list[str] = []
    for drawn in raw(header, "ROIContourSequence", name) or []:
        key = number(drawn, "ReferencedROINumber", name)
        if key not in frames:
            raise InputError("contours belong to no structure", where=where(name, "ReferencedROINumber"), remedy="export it again")
        label, frame = frames[key]
        label = label or f"roi-{key:g}"
        grid = grids.get(frame)
        if grid is None:
            raise InputError(
                f"region {label!r} is drawn in a frame of reference that no image of the study has",
                where=where(name, "ReferencedFrameOfReferenceUID"),
                remedy="give the images that it was drawn on, or the structure set of these images",
            )
        polygons = _polygons(drawn, name, label, warnings)
        if not polygons:
            warnings.append(f"Structure {label!r} has no closed contour and was left out.")
            continue
        _check_slices(drawn, name, label, grid, image_positions or {})
        kind = kind_of_roi(kinds.get(key, ""), label)
        regions.append(region_from_polygons(label, kind, polygons, grid, name, warnings))
    return regions, warnings


def _planes(header: Dataset, name: str, image_grids: Mapping[str, Grid]) -> dict[str, Grid]:
    """Image grid that each frame of reference was drawn on: the referenced series first, any of that frame else."""
    found: dict[str, Grid] = {}
    for grid in image_grids.values():
        found.setdefault(grid.frame_of_reference, grid)
    for frame in raw(header, "ReferencedFrameOfReferenceSequence", name) or []:
        for study in raw(frame, "RTReferencedStudySequence", name) or []:
            for series in raw(study, "RTReferencedSeriesSequence", name) or []:
                grid_of = image_grids.get(text(series, "SeriesInstanceUID", name))
                if grid_of is not None:
                    found[text(frame, "FrameOfReferenceUID", name)] = grid_of
    return found


def _polygons(drawn: Dataset, name: str, label: str, warnings: list[str]) -> list[Floats]:
    polygons, other = [], 0
    for contour in raw(drawn, "ContourSequence", name) or []:
        if text(contour, "ContourGeometricType", name).upper() not in _CLOSED:
            other += 1
            continue
        points = _coordinates(contour, name, label)
        count = number(contour, "NumberOfContourPoints", name)
        if points.size % 3 or not np.all(np.isfinite(points)) or (count is not None and int(count) * 3 != points.size):
            raise InputError(
                f"a contour of {label!r} is incomplete", where=where(name, "ContourData"), remedy="export the structure set again"
            )
        if points.size >= 9:
            polygons.append(points.reshape(-1, 3))
    if other:
        warnings.append(f"Structure {label!r}: {other} points or open contours were left out.")
    return polygons


def _coordinates(contour: Dataset, name: str, label: str) -> Floats:
    """Contour Data (3006,0050) as numbers; the text is split here, since pydicom makes an object of every number."""
    element = contour.get_item("ContourData")
    value = None if element is None else element.value
    try:
        if isinstance(value, bytes):
            return np.array(value.decode("ascii").split("\\"), dtype=np.float64)
        return np.array([float(v) for v in value or []], dtype=np.float64)
    except (TypeError, ValueError, UnicodeDecodeError) as error:
        raise InputError(
            f"a contour of {label!r} holds what is not a number",
            where=where(name, "ContourData"),
            remedy="export the structure set again",
        ) from error


def _check_slices(drawn: Dataset, name: str, label: str, grid: Grid, positions: Mapping[str, Floats]) -> None:
    """Refuse contours that lie off the slices that they say they were drawn on: files shifted by a slice exist.

    Raises
    ------
    InputError
        If the middle contour lies more than half a slice off (Contour Image Sequence (3006,0016)).

    """
    normal = grid.affine[:3, 2] / np.linalg.norm(grid.affine[:3, 2])
    off = []
    for contour in raw(drawn, "ContourSequence", name) or []:
        images = raw(contour, "ContourImageSequence", name) or []
        position = positions.get(text(images[0], "ReferencedSOPInstanceUID", name)) if len(images) == 1 else None
        points = raw(contour, "ContourData", name)
        if position is None or points is None or len(points) < 3:
            continue
        off.append(float((np.array([float(v) for v in points[:3]]) - position) @ normal))
    slices = float(np.median(off)) / grid.spacing_mm[2] if off else 0.0
    if abs(slices) > 0.5:
        raise InputError(
            f"region {label!r} lies off the slices that it was drawn on",
            expected="contours on the slices that they name",
            found=f"an offset of {slices:+.1f} slices",
            where=where(name, "ContourImageSequence"),
            remedy="export the structure set again; the system that wrote it shifts contours",
        )


def region_from_polygons(label: str, kind: RegionKind, polygons: list[Floats], grid: Grid, where_: str, warnings: list[str]) -> Region:
    """Return a region on its own grid: pixels of 1 mm or the image's, planes where the contours lie.

    Parameters
    ----------
    polygons
        Each ``(n, 3)`` in patient millimetres.

    Raises
    ------
    InputError
        If contours do not lie in the image's planes, or lie outside the image.

    """
    axes = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    origin = grid.affine[:3, 3]
    local = [(p - origin) @ axes for p in polygons]  # mm along the image's own axes
    heights = np.array([float(p[:, 2].mean()) for p in local])
    if max(float(np.ptp(p[:, 2])) for p in local) > 0.5:
        raise InputError(
            f"region {label!r} is drawn across the image's planes",
            where=where_,
            remedy="draw it on the axial slices, or export it as a segmentation (SEG)",
        )
    step = _plane_step(heights, grid.spacing_mm[2], label, where_)
    plane = np.rint((heights - heights.min()) / step).astype(int)
    everything = np.concatenate(local)
    _check_inside(everything, step, grid, label, where_)
    pixel = min(PIXEL_MM, *grid.spacing_mm[:2]) if kind is not RegionKind.BODY else min(grid.spacing_mm[:2])
    low = np.floor(everything[:, :2].min(0) / pixel) - 1
    shape = (np.ceil(everything[:, :2].max(0) / pixel) - low + 2).astype(int)
    occupancy = np.zeros((shape[0], shape[1], int(plane.max()) + 1), np.float32)
    for k in np.unique(plane):
        inside = [p[:, :2] / pixel - low for p, at in zip(local, plane, strict=True) if at == k]
        occupancy[:, :, k] = rasterise(inside, (int(shape[0]), int(shape[1])))
    filled = _fill_gaps(occupancy, np.unique(plane))
    if filled:
        warnings.append(f"Structure {label!r}: {filled} planes without contour were filled in between their neighbours.")
    affine = np.eye(4)
    affine[:3, :3] = axes * np.array([pixel, pixel, step])
    affine[:3, 3] = origin + axes @ np.array([low[0] * pixel, low[1] * pixel, heights.min()])
    if not np.any(occupancy > 0):
        raise InputError(f"region {label!r} encloses no area", where=where_, remedy="draw it again")
    return Region(label, kind, occupancy, Grid(occupancy.shape, affine, grid.frame_of_reference), "RTSTRUCT")


def _plane_step(heights: Floats, image_step: float, label: str, where_: str) -> float:
    levels = np.unique(np.round(heights, 2))
    levels = levels[np.concatenate([[True], np.diff(levels) > 0.1 * image_step])]
    if len(levels) == 1:
        return image_step
    steps = np.diff(levels)
    base = float(np.median(steps[steps < 1.5 * steps.min()]))
    off = np.abs(steps / base - np.rint(steps / base))
    if off.max() > 0.25:
        raise InputError(
            f"the contours of region {label!r} are unevenly spaced",
            expected=f"multiples of {base:.2f} mm",
            found=f"{steps[off.argmax()]:.2f} mm",
            where=where(where_, "ContourData"),
            remedy="draw it on the slices of one series",
        )
    count = np.rint(steps / base).sum()
    return float((levels[-1] - levels[0]) / count)


def _check_inside(points: Floats, step: float, grid: Grid, label: str, where_: str) -> None:
    size = np.array(grid.shape) * np.array(grid.spacing_mm)
    half = 0.5 * np.array(grid.spacing_mm)
    beyond = np.maximum(-half - points, points - (size - half)).max(0)
    if np.any(beyond > np.array([*grid.spacing_mm[:2], step])):
        raise InputError(
            f"region {label!r} lies outside the image",
            found=f"{beyond.max():.1f} mm beyond its edge",
            where=where_,
            remedy="give the images that it was drawn on, or draw it again",
        )


def _fill_gaps(occupancy: NDArray[np.float32], planes: NDArray[np.int_]) -> int:
    """Interpolate planes between two drawn ones that lie at most ``MOST_GAP`` apart; return how many were filled."""
    filled = 0
    for low, high in zip(planes[:-1], planes[1:], strict=True):
        gap = int(high - low)
        if not 1 < gap <= MOST_GAP:
            continue
        one, other = _signed_distance(occupancy[:, :, low]), _signed_distance(occupancy[:, :, high])
        for k in range(1, gap):
            blend = one + (other - one) * (k / gap)
            occupancy[:, :, low + k] = np.clip(blend + 0.5, 0.0, 1.0)
            filled += 1
    return filled


def _signed_distance(plane: NDArray[np.float32]) -> Floats:
    """Distance to the half level in voxels, positive inside (shape-based interpolation, Raya and Udupa 1990)."""
    from scipy.ndimage import distance_transform_edt

    inside = plane >= 0.5
    if not inside.any():
        return np.full(plane.shape, -float(max(plane.shape)))
    return np.asarray(distance_transform_edt(inside) - distance_transform_edt(~inside) - np.where(inside, 0.5, -0.5))

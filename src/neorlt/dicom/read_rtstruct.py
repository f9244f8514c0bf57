"""Read RT Structure Sets (PS3.3 A.19) as occupancy, true to the area of the polygons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.absent import series_of_structures
from neorlt.dicom.contoured_region import region_from_polygons
from neorlt.dicom.geometry import OFF_SLICES
from neorlt.dicom.header import number, raw, text, where
from neorlt.dicom.naming import role_of_roi
from neorlt.dicom.scan import Instance
from neorlt.imaging.region import Region
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]
_XOR = "CLOSEDPLANAR_XOR"
_CLOSED = {"CLOSED_PLANAR", "INTERPOLATED_PLANAR", _XOR}
"""``INTERPOLATED_PLANAR`` is OsiriX's word for a contour between two that were drawn."""


def read_rtstruct(
    instance: Instance, image_grids: Mapping[str, Grid], image_positions: Mapping[str, Floats] | None = None
) -> tuple[list[Region], list[str]]:
    """Return the regions of a structure set and warnings.

    Parameters
    ----------
    image_grids
        Grids of the images by Series Instance UID; the one whose slices the contours name, else the referenced one whose planes they
        fit, gives planes and voxels.
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
    grids, referenced = _planes(header, name, image_grids)
    listed = _listed(header, name, image_grids)
    regions: list[Region] = []
    warnings: list[str] = []
    drawn_rois = set()
    off = _OffPlanes()
    for drawn in raw(header, "ROIContourSequence", name) or []:
        key = number(drawn, "ReferencedROINumber", name)
        if key not in frames:
            raise InputError("contours belong to no structure", where=where(name, "ReferencedROINumber"), remedy="export it again")
        drawn_rois.add(key)
        label, frame = frames[key]
        if not label:
            label = f"roi-{key:g}"
            what = f"Structure number {key:g} has no name (ROIName) and is shown as {label!r}"
            warnings.append(f"{what}: name it, or say what it is under [roles] in settings.toml.")
        grid = _drawn_on(drawn, name, label, grids.get(frame, []), listed, image_positions or {})
        if grid is None:
            raise InputError(
                f"region {label!r} is drawn in a frame of reference that no image of the study has",
                where=where(name, "ReferencedFrameOfReferenceUID"),
                remedy="give the images that it was drawn on, or the structure set of these images",
            )
        polygons, exclusive = _polygons(drawn, name, label, warnings)
        if not polygons:
            warnings.append(f"Structure {label!r} has no closed contour and was left out.")
            continue
        _check_slices(drawn, name, label, grid, image_grids, image_positions or {}, off)
        role = role_of_roi(kinds.get(key, ""), label)
        region = region_from_polygons(
            label, role.kind, polygons, grid, name, warnings, exclusive=exclusive, on_image_planes=frame in referenced
        )
        regions.append(replace(region, why=role.why))
    warnings += off.sentences()
    empty = [frames[key][0] or f"roi-{key:g}" for key in frames if key not in drawn_rois]
    if frames and not drawn_rois:
        raise InputError(
            "the structure set lists structures and holds no contour",
            expected=f"contours of {len(frames)} structures",
            found="none",
            where=where(name, "ROIContourSequence"),
            remedy="export the structure set again; it lost its contours",
        )
    if empty:
        warnings.append(f"Structures without contours were left out: {', '.join(map(repr, empty))}.")
    return regions, warnings


def lies_on_images(instance: Instance, image_grids: Mapping[str, Grid]) -> bool:
    """Whether any structure of a set is drawn in a frame of reference (3006,0024) of these images, or on one of them."""
    rois = raw(instance.header, "StructureSetROISequence", instance.name) or []
    grids, _ = _planes(instance.header, instance.name, image_grids)
    return not rois or any(text(roi, "ReferencedFrameOfReferenceUID", instance.name) in grids for roi in rois)


def _planes(header: Dataset, name: str, image_grids: Mapping[str, Grid]) -> tuple[dict[str, list[Grid]], set[str]]:
    """Image grids that each frame of reference may have been drawn on, and the frames whose referenced series is one of the images."""
    referenced: dict[str, list[Grid]] = {}
    for frame, series in series_of_structures(header, name):
        grid_of = image_grids.get(text(series, "SeriesInstanceUID", name))
        if grid_of is not None:
            referenced.setdefault(text(frame, "FrameOfReferenceUID", name), []).append(grid_of)
    found: dict[str, list[Grid]] = {}
    for grid in image_grids.values():
        found.setdefault(grid.frame_of_reference, [grid])
    return found | referenced, set(referenced)


def _listed(header: Dataset, name: str, image_grids: Mapping[str, Grid]) -> dict[str, Grid]:
    """Image grid of every slice (SOP Instance UID) that a structure set lists under its referenced series."""
    return {
        text(image, "ReferencedSOPInstanceUID", name): grid
        for _, series in series_of_structures(header, name)
        if (grid := image_grids.get(text(series, "SeriesInstanceUID", name))) is not None
        for image in raw(series, "ContourImageSequence", name) or []
    }


def _drawn_on(
    drawn: Dataset, name: str, label: str, grids: Sequence[Grid], listed: Mapping[str, Grid], positions: Mapping[str, Floats]
) -> Grid | None:
    """The image of several that contours were drawn on: whose slices they name, else the one with the most planes through them.

    Contours that name no slice are told by their own heights. Of images that fit alike the one with the widest planes counts: contours
    on every second plane of another leave gaps that nobody drew.
    """
    if len(grids) < 2:
        return grids[0] if grids else None
    places, named = [], []
    for contour in raw(drawn, "ContourSequence", name) or []:
        images = raw(contour, "ContourImageSequence", name) or []
        uid = text(images[0], "ReferencedSOPInstanceUID", name) if len(images) == 1 else ""
        position, points = positions.get(uid), _coordinates(contour, name, label)
        named += [listed[uid]] if uid in listed else []
        if position is not None:
            places.append(position)
        elif points.size >= 3:
            places.append(points[:3])
    if named:
        return max(grids, key=lambda grid: sum(grid is other for other in named))
    if not places:
        return grids[0]

    def fits(grid: Grid) -> tuple[int, float]:
        height = grid.mm_to_index(np.array(places))[:, 2]
        on = (np.abs(height - np.rint(height)) < OFF_SLICES) & (np.rint(height) >= 0) & (np.rint(height) < grid.shape[2])
        return int(on.sum()), grid.spacing_mm[2]

    return max(grids, key=fits)


def _polygons(drawn: Dataset, name: str, label: str, warnings: list[str]) -> tuple[list[Floats], bool]:
    """Closed contours ``(n, 3)`` in patient millimetres, and whether they exclude one another (``CLOSEDPLANAR_XOR``)."""
    polygons, other, kinds = [], 0, set()
    for contour in raw(drawn, "ContourSequence", name) or []:
        kind = text(contour, "ContourGeometricType", name).upper()
        if kind not in _CLOSED:
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
            kinds.add(kind)
        else:
            other += 1
    if other:
        warnings.append(f"Structure {label!r}: {other} points or open contours were left out.")
    if _XOR in kinds and len(kinds) > 1:
        raise InputError(
            f"the contours of {label!r} are of kinds that exclude one another",
            found=", ".join(sorted(kinds)),
            where=where(name, "ContourGeometricType"),
            remedy="export the structure set again (PS3.3 C.8.8.6.3 allows one kind)",
        )
    return polygons, _XOR in kinds


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


@dataclass
class _OffPlanes:
    """Contours that lie off the slices that they were drawn on, over all structures: files shifted by half a slice exist."""

    structures: list[str] = field(default_factory=list)
    contours: int = 0
    most_mm: float = 0.0
    named: bool = True

    def add(self, label: str, off: Floats, step: float, named: bool) -> None:
        """Take in the distances (mm) of one structure's contours from their slices, ``step`` mm apart."""
        beyond = np.abs(off)[np.abs(off) > OFF_SLICES * step]
        if beyond.size:
            self.structures.append(label)
            self.contours += beyond.size
            self.most_mm = max(self.most_mm, float(beyond.max()))
            self.named &= named

    def sentences(self) -> list[str]:
        """What a reader should know."""
        if not self.contours:
            return []
        shown = ", ".join(map(repr, self.structures[:3])) + (f" and {len(self.structures) - 3} more" if len(self.structures) > 3 else "")
        planes = "the slices that they name" if self.named else "the planes of every image"
        return [
            f"{self.contours} contour{'s' if self.contours > 1 else ''} of {shown} lie up to {self.most_mm:.1f} mm off {planes}, and were"
            " taken where they lie: one of the two was moved, or drawn on another image; compare them."
        ]


def _check_slices(drawn: Dataset, name: str, label: str, grid: Grid, grids: Mapping[str, Grid], positions: Mapping[str, Floats],
                  found: _OffPlanes) -> None:  # fmt: skip
    """Compare contours with the slices that they say they were drawn on, and those that name none with the planes of the images.

    Raises
    ------
    InputError
        If the middle contour lies more than half a slice off (Contour Image Sequence (3006,0016)).

    """
    normal = grid.affine[:3, 2] / np.linalg.norm(grid.affine[:3, 2])
    off, bare = [], []
    for contour in raw(drawn, "ContourSequence", name) or []:
        images = raw(contour, "ContourImageSequence", name) or []
        points = _coordinates(contour, name, label)
        if points.size < 3:
            continue
        if not images:
            bare.append(points[:3])
            continue
        position = positions.get(text(images[0], "ReferencedSOPInstanceUID", name)) if len(images) == 1 else None
        if position is not None:
            off.append(float((points[:3] - position) @ normal))
    slices = float(np.median(off)) / grid.spacing_mm[2] if off else 0.0
    if abs(slices) > 0.5:
        raise InputError(
            f"region {label!r} lies off the slices that it was drawn on",
            expected="contours on the slices that they name",
            found=f"an offset of {slices:+z.1f} slices",
            where=where(name, "ContourImageSequence"),
            remedy="export the structure set again; the system that wrote it shifts contours",
        )
    if off:
        found.add(label, np.array(off), grid.spacing_mm[2], True)
    elif bare:
        found.add(label, *_off_every_image(np.array(bare), normal, grid.frame_of_reference, grids), False)


def _off_every_image(points: Floats, normal: Floats, frame: str, grids: Mapping[str, Grid]) -> tuple[Floats, float]:
    """Distances (mm) of points ``(n, 3)`` from the planes of the image that they fit best, and the step of its planes.

    Only one distance for all says that they were shifted; contours of another raster lie at every height.
    """
    best, step = np.zeros(0), 1.0
    for grid in grids.values():
        axis = grid.affine[:3, 2] / np.linalg.norm(grid.affine[:3, 2])
        if grid.frame_of_reference != frame or abs(float(axis @ normal)) < 1.0 - 1e-4:
            continue
        height = (points - grid.affine[:3, 3]) @ axis
        off = height - grid.spacing_mm[2] * np.rint(height / grid.spacing_mm[2])
        if float(np.ptp(np.abs(off))) > OFF_SLICES * grid.spacing_mm[2]:
            return np.zeros(0), 1.0
        if not best.size or np.abs(off).max() < np.abs(best).max():
            best, step = off, grid.spacing_mm[2]
    return best, step

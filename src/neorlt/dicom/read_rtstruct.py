"""Read RT Structure Sets (PS3.3 A.19) as occupancy, true to the area of the polygons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.absent import series_of_structures
from neorlt.dicom.contours import Filled, fill, polygon_area
from neorlt.dicom.geometry import OFF_SLICES
from neorlt.dicom.header import number, raw, text, where
from neorlt.dicom.naming import role_of_roi
from neorlt.dicom.scan import Instance
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]

PIXEL_MM = 1.0
"""Largest in-plane voxel of a region's own grid: the image's own, cut into equal parts; edges are fractions, so that the area stays."""
MOST_GAP = 3
"""Contours missing on up to two neighbouring planes are filled in between."""
SAME_PLACE = 0.5
"""A plane without neighbours whose contour covers this much of that beyond a wider gap is a key slice: what lies between is filled."""
SAID, REFUSED = 0.02, 0.10
"""Volume kept against volume drawn: said from the first, refused from the second on where it is more than half a voxel layer too."""
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


def region_from_polygons(
    label: str,
    kind: RegionKind,
    polygons: list[Floats],
    grid: Grid,
    where_: str,
    warnings: list[str],
    *,
    exclusive: bool = False,
    on_image_planes: bool = False,
) -> Region:
    """Return a region on the image's own grid (voxels cut into equal parts of 1 mm or less), planes where the contours lie.

    Parameters
    ----------
    polygons
        Each ``(n, 3)`` in patient millimetres.
    exclusive
        Areas that an odd number of contours covers count (``CLOSEDPLANAR_XOR``).
    on_image_planes
        The contours name this image's series: they were drawn on its planes, so a step of several is a gap.

    Raises
    ------
    InputError
        If contours do not lie in the image's planes, lie outside the image, or the volume kept is not the volume drawn.

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
    step = _plane_step(heights, grid.spacing_mm[2], label, where_, on_image_planes)
    plane = np.rint((heights - heights.min()) / step).astype(int)
    everything = np.concatenate(local)
    _check_inside(everything, step, grid, label, where_)
    spacing = np.array(grid.spacing_mm[:2])
    parts = np.ceil(spacing / PIXEL_MM - 1e-6).astype(int) if kind is not RegionKind.BODY else np.ones(2, int)
    pixel = spacing / parts
    # whole voxels of the image, so that each of them is a block of the region's own
    low = (np.floor(everything[:, :2].min(0) / spacing + 0.5).astype(int) - 1) * parts
    high = (np.ceil(everything[:, :2].max(0) / spacing + 0.5).astype(int) + 1) * parts
    shape = (int(high[0] - low[0]), int(high[1] - low[1]))
    start = (low - 0.5 * parts + 0.5) * pixel  # centre of the first part: a voxel spans its centre ± half
    occupancy = np.zeros((*shape, int(plane.max()) + 1), np.float32)
    drawn = np.zeros(int(plane.max()) + 1)
    twins = crossing = tangled = 0
    for k in np.unique(plane):
        inside = [(p[:, :2] - start) / pixel for p, at in zip(local, plane, strict=True) if at == k]
        filled = fill(inside, shape, exclusive)
        occupancy[:, :, k] = filled.occupancy
        drawn[k] = _drawn_area(inside, filled)
        twins, crossing, tangled = twins + filled.twins, crossing + filled.crossing, tangled + filled.tangled
    if twins:
        warnings.append(f"Structure {label!r}: {twins} contour{'s' if twins > 1 else ''} drawn twice; each counts once.")
    if tangled:
        warnings.append(
            f"Structure {label!r}: contours that jump across themselves again and again ({tangled}): their points lost their order, and the"
            " volume is in doubt. Export the structure set again."
        )
    if crossing:
        warnings.append(f"Structure {label!r}: {crossing} contours cross others; they were united.")
    _fill_gaps(occupancy, np.unique(plane), label, warnings)
    if not np.any(occupancy > 0):
        raise InputError(f"region {label!r} encloses no area", where=where_, remedy="draw it again")
    affine = np.eye(4)
    affine[:3, :3] = axes * np.array([*pixel, step])
    affine[:3, 3] = origin + axes @ np.array([*start, heights.min()])
    _compare_volumes(occupancy, drawn, np.unique(plane), label, where_, warnings)
    return Region(label, kind, occupancy, Grid(occupancy.shape, affine, grid.frame_of_reference), "RTSTRUCT")


def _drawn_area(polygons: list[Floats], filled: Filled) -> float:
    """Area that the contours of a plane enclose, in voxels: by their corners where there is one, as filled else."""
    if len(polygons) == 1:
        return abs(polygon_area(polygons[0]))
    return float(filled.occupancy.sum(dtype=np.float64))


def _compare_volumes(
    occupancy: NDArray[np.float32], drawn: Floats, planes: NDArray[np.int_], label: str, where_: str, warnings: list[str]
) -> None:
    """Compare what was kept with what was drawn: on every drawn plane, and between planes where they were filled.

    Raises
    ------
    InputError
        If they differ by more than a tenth and by more than half a layer of voxels.
    """
    kept = occupancy.sum(axis=(0, 1), dtype=np.float64)
    wanted = np.where(np.isin(np.arange(len(kept)), planes), drawn, 0.0)
    for low, high in zip(planes[:-1], planes[1:], strict=True):
        for k in range(low + 1, high):
            if kept[k] > 0:
                wanted[k] = np.interp(k, [low, high], [drawn[low], drawn[high]])
    off = abs(kept.sum() - wanted.sum())
    edge = sum(_edge(occupancy[:, :, k]) for k in np.flatnonzero(kept))
    if off > REFUSED * wanted.sum() and off > 0.5 * edge:
        raise InputError(
            f"region {label!r} does not keep the volume that was drawn",
            expected=f"within {100 * REFUSED:g} %",
            found=f"{100 * off / max(wanted.sum(), 1e-9):.0f} %",
            where=where(where_, "ContourData"),
            remedy="look at the contours: they cross themselves; draw them again, or export a segmentation (SEG)",
        )
    if off > SAID * wanted.sum() and off > 0.01 * edge:
        warnings.append(f"Structure {label!r}: {100 * off / wanted.sum():.1f} % between the volume drawn and the volume kept.")


def _edge(plane: NDArray[np.float32]) -> float:
    """Voxels on the outline of a plane."""
    inside = plane >= 0.5
    inner = inside[1:-1, 1:-1] & inside[2:, 1:-1] & inside[:-2, 1:-1] & inside[1:-1, 2:] & inside[1:-1, :-2]
    return float(inside.sum() - inner.sum())


def _plane_step(heights: Floats, image_step: float, label: str, where_: str, on_image_planes: bool) -> float:
    levels = np.unique(np.round(heights, 2))
    levels = levels[np.concatenate([[True], np.diff(levels) > 0.1 * image_step])]
    if len(levels) == 1:
        return image_step
    steps = np.diff(levels)
    if on_image_planes and np.abs(steps / image_step - np.rint(steps / image_step)).max() < 0.1:
        return image_step
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


def _fill_gaps(occupancy: NDArray[np.float32], planes: NDArray[np.int_], label: str, warnings: list[str]) -> None:
    """Fill planes between drawn ones: short gaps, and those between key slices; say what was filled and what stays empty."""
    before = float(occupancy.sum(dtype=np.float64))
    filled = empty = 0
    key = False
    drawn = set(planes.tolist())
    for low, high in zip(planes[:-1], planes[1:], strict=True):
        gap = int(high - low)
        if gap == 1:
            continue
        alone = (low - 1 not in drawn) or (high + 1 not in drawn)
        if gap > MOST_GAP and not (alone and _same_place(occupancy[:, :, low], occupancy[:, :, high])):
            empty += gap - 1
            continue
        key |= gap > MOST_GAP
        one, other = _signed_distance(occupancy[:, :, low]), _signed_distance(occupancy[:, :, high])
        for k in range(1, gap):
            blend = one + (other - one) * (k / gap)
            occupancy[:, :, low + k] = np.clip(blend + 0.5, 0.0, 1.0)
            filled += 1
    span = int(planes[-1] - planes[0]) + 1
    if key:
        grown = float(occupancy.sum(dtype=np.float64)) / before
        warnings.append(
            f"Structure {label!r} is drawn on key slices, {len(planes)} of {span} planes; the {filled} between were filled, and the volume"
            f" is {grown:.2f} times that of the drawn planes: check it."
        )
    elif filled:
        planes_were = "plane without contour was" if filled == 1 else "planes without contour were"
        warnings.append(f"Structure {label!r}: {filled} {planes_were} filled in between neighbours.")
    if empty:
        warnings.append(
            f"Structure {label!r}: {empty} of {span} planes between its first and last are empty and were kept so (several parts?)."
        )


def _same_place(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether the smaller of two planes lies mostly over the other."""
    least = min(float(one.sum()), float(other.sum()))
    return least > 0 and float(np.minimum(one, other).sum()) >= SAME_PLACE * least


def _signed_distance(plane: NDArray[np.float32]) -> Floats:
    """Distance to the half level in voxels, positive inside (shape-based interpolation, Raya and Udupa 1990)."""
    from scipy.ndimage import distance_transform_edt

    inside = plane >= 0.5
    if not inside.any():
        return np.full(plane.shape, -float(max(plane.shape)))
    return np.asarray(distance_transform_edt(inside) - distance_transform_edt(~inside) - np.where(inside, 0.5, -0.5))

"""Contact of a lesion with a vessel as the drawn regions show it: which part of the vessel's circumference the lesion touches.

Radiologists judge contact in degrees of the circumference on the slice where it is greatest (NCCN; see
:mod:`neorlt.clinic.vessels`). Here the vessel's outline in each plane is walked once: the part of its length that lies within the
lesion, or touches its border, times 360°, is the contact. Borders are interpolated between voxels; where three regions share a
corner that alone parts two of them by up to :data:`APART_VOXELS` of a voxel, which therefore counts as touching. Each end of a
contact is uncertain by that and by half a voxel: with voxels of 2 mm the contact of a vessel of 7 mm is known to some 45°. Where a
lesion ends beside the vessel in a sliver thinner than a voxel, the drawing does not hold the sliver, and contact is read too low: 270° of
a vessel of 10 mm are read as 235 to 260° with voxels of 0.8 mm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.anatomy import vessels_of
from neorlt.imaging.planes import PLANES
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import filled_box
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]
PIXEL_MM = 0.5
"""Step of the grid on which borders are found; drawn voxels are larger, and the border between two is interpolated."""
NEAR_MM = 15.0
"""Length of vessel on either side of the nearest place whose course chooses the plane."""
MARGIN_MM = 15.0
"""How far round the vessel the lesion's border is looked for."""
APART_VOXELS = 1.0 - 0.5**0.5
"""A lone filled voxel's border, at one half between centres, passes its corner at this distance: (1 - x)(1 - y) = 1/2 at x = y."""


@dataclass(frozen=True)
class Contact:
    """Contact of one lesion with one vessel.

    Parameters
    ----------
    lesion, vessel
        Names of the two regions.
    degrees
        Greatest contact over the planes, 0 to 360; 0 where they lie apart.
    doubt_deg
        What the voxels leave open at the two ends of the contact, degrees; 0 where they lie apart.
    gap_mm
        Shortest distance of the two borders in the planes looked at; 0 where they touch, None where no plane shows both.
    plane
        ``axial``, ``coronal`` or ``sagittal``: the one that the vessel crosses most squarely.
    centre_mm
        ``(3,)`` centre of the vessel in the plane of greatest contact (else of the smallest gap), patient millimetres.
    length_mm
        Extent of the contact across the planes, mm.
    touching, vessel_outline, lesion_outline
        Lines ``(n, 3)`` in that plane, patient millimetres: the arcs of contact, and both borders.
    """

    lesion: str
    vessel: str
    degrees: float
    doubt_deg: float
    gap_mm: float | None
    plane: str
    centre_mm: Floats
    length_mm: float
    touching: tuple[Floats, ...] = ()
    vessel_outline: tuple[Floats, ...] = ()
    lesion_outline: tuple[Floats, ...] = ()


def vessel_regions(regions: Sequence[Region]) -> list[Region]:
    """The regions that are vessels beside the pancreas, by name."""
    return [region for region in regions if region.kind is not RegionKind.LESION and vessels_of(region.name)]


def contact(lesion: Region, vessel: Region, drawn_on: Grid | None = None) -> Contact:
    """Measure the contact of a lesion with a vessel.

    ``drawn_on`` is the image that the regions were drawn on, whose voxels limit how sure the contact is where they are larger than
    those of the regions.

    Raises
    ------
    ValueError
        If the two lie in different frames of reference.
    """
    if lesion.grid.frame_of_reference != vessel.grid.frame_of_reference:
        raise ValueError(f"{lesion.name} and {vessel.name} lie in different frames of reference")
    plane, box = _where(lesion, vessel)
    across, down, _ = PLANES[plane]
    through = 3 - across - down
    step = _spacing_along(vessel.grid, through)
    voxel_mm = max(_spacing_along(region.grid, axis) for region in (lesion, vessel) for axis in (across, down))
    image_mm = 0.0 if drawn_on is None else max(_spacing_along(drawn_on, axis) for axis in (across, down))
    best: Contact | None = None
    touched = 0
    for at in np.arange(box[0, through] + 0.5 * step, box[1, through], step):
        found = _in_plane(lesion, vessel, plane, float(at), box, voxel_mm)
        if found is None:
            continue
        touched += found.degrees > 0
        if best is None or _closer(found, best):
            best = found
    if best is None:
        return Contact(lesion.name, vessel.name, 0.0, 0.0, None, plane, _nearest(lesion, vessel)[0], 0.0)
    return replace(best, length_mm=touched * step, doubt_deg=min(best.doubt_deg * max(image_mm / voxel_mm, 1.0), best.degrees),
                   lesion_outline=_lesion_outline(lesion, plane, float(best.centre_mm[through])))


def _closer(one: Contact, other: Contact) -> bool:
    if one.degrees != other.degrees:
        return one.degrees > other.degrees
    return (np.inf if one.gap_mm is None else one.gap_mm) < (np.inf if other.gap_mm is None else other.gap_mm)


def _spacing_along(grid: Grid, axis: int) -> float:
    """Distance of two voxel layers along a patient axis, mm."""
    steps = grid.affine[:3, :3]
    return float(np.abs(steps[axis, int(np.argmax(np.abs(steps[axis])))]))


def _points(region: Region) -> Floats:
    return region.grid.index_to_mm(np.argwhere(region.occupancy >= min(0.5, float(region.occupancy.max()))))


def _extent(region: Region) -> Floats:
    """Lowest and highest corner ``(2, 3)`` of the filled voxels, mm."""
    first, last = filled_box(region.occupancy)
    corners = np.array(np.meshgrid(*[[a - 0.5, b + 0.5] for a, b in zip(first, last, strict=True)], indexing="ij")).reshape(3, -1).T
    places = region.grid.index_to_mm(corners)
    return np.stack([places.min(axis=0), places.max(axis=0)])


def _nearest(lesion: Region, vessel: Region) -> tuple[Floats, Floats]:
    """The vessel's voxel centre nearest to the lesion, and all of the vessel's, mm."""
    from scipy.spatial import cKDTree

    wall = _points(vessel)
    distance = np.asarray(cKDTree(_points(lesion)).query(wall)[0])
    close = wall[distance <= distance.min() + 1e-6]
    return np.asarray(close.mean(axis=0)), wall


def _where(lesion: Region, vessel: Region) -> tuple[str, Floats]:
    """The plane that the vessel crosses most squarely beside the lesion, and the box ``(2, 3)`` in mm of the vessel there."""
    nearest, wall = _nearest(lesion, vessel)
    part = wall[np.linalg.norm(wall - nearest, axis=1) <= NEAR_MM]
    course = np.linalg.eigh(np.cov(part.T))[1][:, -1] if len(part) > 3 else np.array([0.0, 0.0, 1.0])
    through = int(np.argmax(np.abs(course)))
    plane = next(name for name, (across, down, _) in PLANES.items() if 3 - across - down == through)
    both = np.stack([_extent(lesion), _extent(vessel)])
    low, high = both[:, 0].max(axis=0), both[:, 1].min(axis=0)
    box = np.stack([both[1, 0] - MARGIN_MM, both[1, 1] + MARGIN_MM])
    if low[through] < high[through]:
        box[:, through] = low[through], high[through]
    else:
        box[:, through] = both[1, :, through]
    return plane, box


def _slice(region: Region, plane: str, at: float, rows: Floats, columns: Floats) -> NDArray[np.float32]:
    """Occupancy ``(row, column)`` interpolated in a plane of the patient."""
    from scipy.ndimage import map_coordinates

    across, down, _ = PLANES[plane]
    place = np.empty((rows.size, columns.size, 3))
    place[..., across], place[..., down], place[..., 3 - across - down] = columns[None, :], rows[:, None], at
    index = np.moveaxis(region.grid.mm_to_index(place), -1, 0)
    # Outside its own box a region is nowhere: the interpolation runs down to 0 there.
    return np.asarray(map_coordinates(np.pad(region.occupancy, 1), index + 1, order=1, mode="constant", cval=0.0), np.float32)


def _outlines(mask: NDArray[np.float32]) -> list[Floats]:
    """Closed borders at one half, as pixels ``(n, 2)`` (row, column); holes are left out."""
    from skimage import measure

    find_contours: Any = measure.find_contours
    found = []
    for line in find_contours(np.pad(mask, 1), 0.5):
        line = line - 1.0
        # By skimage's rule higher values lie to the left of the direction of travel: a hole runs the other way round.
        area = 0.5 * float(np.sum(line[:-1, 1] * line[1:, 0] - line[1:, 1] * line[:-1, 0]))
        if len(line) > 3 and np.allclose(line[0], line[-1]) and area > 0:
            found.append(line)
    return found


def _even(line: Floats, step: float) -> Floats:
    """Points ``(n, 2)`` at equal steps along a closed line, without the last."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    n = max(int(np.ceil(length[-1] / step)), 24)
    at = np.arange(n) * length[-1] / n
    return np.stack([np.interp(at, length, line[:, i]) for i in (0, 1)], axis=1)


def _in_plane(lesion: Region, vessel: Region, plane: str, at: float, box: Floats, voxel_mm: float) -> Contact | None:
    """Contact in one plane; None where it does not show both."""
    from scipy.ndimage import distance_transform_edt, map_coordinates

    across, down, _ = PLANES[plane]
    rows = np.arange(box[0, down], box[1, down], PIXEL_MM)
    columns = np.arange(box[0, across], box[1, across], PIXEL_MM)
    tumour, lumen = (_slice(region, plane, at, rows, columns) for region in (lesion, vessel))
    if not (tumour >= 0.5).any() or not (lumen >= 0.5).any():
        return None
    # Signed distance from the border, mm: below 0 inside.
    apart = (distance_transform_edt(tumour < 0.5) - distance_transform_edt(tumour >= 0.5)) * PIXEL_MM
    apart -= 0.5 * PIXEL_MM * np.sign(apart)

    def place(line: Floats) -> Floats:
        return _placed(line, plane, at, rows[0], columns[0])

    best: tuple[float, float, float, Floats, NDArray[np.bool_]] | None = None
    outlines = _outlines(lumen)
    for outline in outlines:
        wall = _even(outline, 0.5)
        gap = map_coordinates(apart, wall.T, order=1, mode="nearest")
        # Regions that overlap by a voxel share no border that interpolation could part: there the wall is inside or it is not.
        near = gap <= (0.0 if gap.min() < -voxel_mm else APART_VOXELS * voxel_mm)
        length_mm = len(wall) * float(np.linalg.norm(np.diff(wall[:2], axis=0))) * PIXEL_MM
        degrees = 360.0 * float(near.mean())
        doubt = 0.0 if not near.any() or near.all() else 360.0 * 2.0 * (0.5 + APART_VOXELS) * voxel_mm / length_mm
        if best is None or (degrees, -gap.min()) > (best[0], -best[2]):
            best = (degrees, doubt, float(gap.min()), wall, near)
    if best is None:
        return None
    degrees, doubt, smallest, wall, near = best
    centre = place(wall).mean(axis=0)
    return Contact(
        lesion.name, vessel.name, degrees, min(doubt, degrees), 0.0 if degrees > 0 else smallest, plane, centre, 0.0,
        tuple(place(arc) for arc in _arcs(wall, near)), tuple(map(place, outlines)),
    )  # fmt: skip


def _lesion_outline(lesion: Region, plane: str, at: float) -> tuple[Floats, ...]:
    """The whole lesion's borders in one plane, mm."""
    across, down, _ = PLANES[plane]
    low, high = _extent(lesion)
    rows, columns = (np.arange(low[axis] - 2.0, high[axis] + 2.0, PIXEL_MM) for axis in (down, across))
    return tuple(_placed(line, plane, at, rows[0], columns[0]) for line in _outlines(_slice(lesion, plane, at, rows, columns)))


def _placed(line: Floats, plane: str, at: float, top: float, left: float) -> Floats:
    """Pixels ``(n, 2)`` (row, column) as patient millimetres ``(n, 3)``."""
    across, down, _ = PLANES[plane]
    out = np.empty((len(line), 3))
    out[:, down], out[:, across], out[:, 3 - across - down] = top + PIXEL_MM * line[:, 0], left + PIXEL_MM * line[:, 1], at
    return out


def _arcs(wall: Floats, near: NDArray[np.bool_]) -> list[Floats]:
    """The runs of touching points on a closed line."""
    if near.all():
        return [np.concatenate([wall, wall[:1]])]
    if not near.any():
        return []
    start = int(np.flatnonzero(~near)[0])
    wall, near = np.roll(wall, -start, axis=0), np.roll(near, -start)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], near, [False]]).astype(int)))
    return [wall[a:b] for a, b in edges.reshape(-1, 2) if b - a > 1]

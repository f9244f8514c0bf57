"""Read DICOM Segmentations (PS3.3 A.51): binary, fractional and label map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.geometry import OFF_SLICES, axes_of, stack_grid
from neorlt.dicom.header import number, numbers, raw, required, text, where
from neorlt.dicom.naming import is_background, role_of_segment
from neorlt.dicom.pixels import decode_instance, size
from neorlt.dicom.plausible import check_grid
from neorlt.dicom.scan import Instance
from neorlt.imaging.region import Region
from neorlt.imaging.resample import crop_region
from neorlt.imaging.volume import Grid


def read_seg(
    instance: Instance,
    image_grids: Mapping[str, Grid],
    image_positions: Mapping[str, NDArray[np.float64]] | None = None,
    image_series: Mapping[str, str] | None = None,
) -> tuple[list[Region], list[str]]:
    """Return one region per segment, on grids cropped to them, and warnings.

    The distance of planes comes from their positions, over all segments; slice thickness says nothing about it. Only where there is
    one plane, or a wide gap alone, the images of its frame of reference and Spacing Between Slices (0018,0088) are asked.

    Parameters
    ----------
    image_grids
        Grids of the study's images by Series Instance UID.
    image_positions
        Image Position (Patient) of the study's slices by SOP Instance UID: frames are compared with the slices that they name.
    image_series
        Series Instance UID of those slices: pixels are compared with those of the series that the frames name.

    Raises
    ------
    InputError
        If frames lack their segment or position, or name one that is not listed, planes are uneven or not the image's that they were
        drawn on, or pixels cannot be read.

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
    if len({g[1:3] for g in geometry}) > 1:
        raise InputError("the frames have different planes", where=where(name, "PlaneOrientationSequence"), remedy=remedy)
    positions = np.array([g[0] for g in geometry])
    orientation, spacing, thickness = list(geometry[0][1]), list(geometry[0][2]), geometry[0][3]
    planes = _Planes(positions, orientation, spacing, thickness, size(instance), frame_of_reference, name)
    sources = [_source_image(f, shared, name) for f in per_frame]
    named = {text(one, "SeriesInstanceUID", name) for one in raw(header, "ReferencedSeriesSequence", name) or []}
    named |= {(image_series or {})[uid] for uid in sources if uid in (image_series or {})}
    planes.compare({uid: g for uid, g in image_grids.items() if uid in named}, image_grids)
    warnings += planes.settle_step(image_grids)
    warnings += planes.off_their_images(sources, image_positions or {}, image_grids)
    numbers_of = np.zeros(len(stored), int) if kind == "LABELMAP" else np.array([_segment(f, shared, name) for f in per_frame])
    padding = number(header, "PixelPaddingValue", name) if kind == "LABELMAP" else None
    regions = []
    listed = set()
    for segment in raw(header, "SegmentSequence", name) or []:
        index = int(required(number(segment, "SegmentNumber", name), "SegmentNumber", name, remedy))
        if index in listed:
            raise InputError("two segments have one number", found=f"{index}", where=where(name, "SegmentNumber"), remedy=remedy)
        listed.add(index)
        label = text(segment, "SegmentLabel", name)
        if not label:
            label = f"segment-{index}"
            what = f"Segment number {index} has no name (SegmentLabel) and is shown as {label!r}"
            warnings.append(f"{what}: name it, or say what it is under [roles] in settings.toml.")
        if is_background(segment, label, None if padding is None else int(padding)):
            warnings.append(f"Segment {label!r} is the background and is no region.")
            continue
        chosen = np.arange(len(stored)) if kind == "LABELMAP" else np.flatnonzero(numbers_of == index)
        values = (stored[chosen] == index).astype(np.float32) if kind == "LABELMAP" else stored[chosen].astype(np.float32) / top
        if len(chosen) == 0 or not np.any(values > 0):
            warnings.append(f"Segment {label!r} is empty and was left out.")
            continue
        if float(values.max()) > 1.0:
            raise InputError(
                f"segment {label!r} holds more than the whole of a voxel",
                expected=f"at most {top:g}",
                found=f"{float(values.max()) * top:g}",
                where=where(name, "MaximumFractionalValue"),
                remedy=remedy,
            )
        filled = values.reshape(len(chosen), -1).any(axis=1) if kind == "LABELMAP" else np.ones(len(chosen), bool)
        grid, occupancy, empty = planes.stack(values[filled], chosen[filled])
        if empty:
            warnings.append(f"Segment {label!r}: {empty} of {occupancy.shape[2]} planes between its first and last are empty.")
        role = role_of_segment(segment, label)
        regions.append(crop_region(Region(label, role.kind, occupancy, grid, "SEG", role.why)))
    stray = sorted(set(np.unique(stored).tolist()) - listed - {0, padding}) if kind == "LABELMAP" else sorted(set(numbers_of) - listed)
    if stray:
        raise InputError(
            "the segmentation holds what its list does not name",
            expected=f"segments {', '.join(map(str, sorted(listed)))}",
            found=f"{', '.join(f'{int(v)}' for v in stray[:5])}",
            where=where(name, "SegmentSequence"),
            remedy=remedy,
        )
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


def _source_image(frame: Dataset, shared: Dataset, name: str) -> str:
    """SOP Instance UID of the one image that a frame was drawn on (PS3.3 C.7.6.16.2.6), or empty."""
    derivations = raw(frame, "DerivationImageSequence", name) or raw(shared, "DerivationImageSequence", name) or []
    images = [image for item in derivations for image in raw(item, "SourceImageSequence", name) or []]
    return text(images[0], "ReferencedSOPInstanceUID", name) if len(images) == 1 else ""


Plane = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], float | None]


def _plane(frame: Dataset, shared: Dataset, name: str) -> Plane:
    """Position, orientation and pixel spacing of a frame, and the distance of slices that it states."""
    remedy = "export the segmentation again, in patient coordinates"
    position = numbers(_group(frame, shared, "PlanePositionSequence", name), "ImagePositionPatient", 3, name)
    angles = numbers(_group(frame, shared, "PlaneOrientationSequence", name), "ImageOrientationPatient", 6, name)
    measures = _group(frame, shared, "PixelMeasuresSequence", name)
    spacing = numbers(measures, "PixelSpacing", 2, name)
    stated = number(measures, "SpacingBetweenSlices", name)
    thick = number(measures, "SliceThickness", name)
    if thick is not None and not thick > 0:
        raise InputError("the slice thickness must be above 0", found=f"{thick:g}", where=where(name, "SliceThickness"), remedy=remedy)
    return (
        tuple(required(position, "ImagePositionPatient", name, remedy)),
        tuple(required(angles, "ImageOrientationPatient", name, remedy)),
        tuple(required(spacing, "PixelSpacing", name, remedy)),
        None if stated is None else abs(stated),
    )


@dataclass
class _Planes:
    """The planes of a segmentation's frames and how far they lie apart."""

    positions: NDArray[np.float64]
    orientation: list[float]
    spacing: list[float]
    stated_mm: float | None
    shape: tuple[int, int]
    frame_of_reference: str
    name: str
    step: float = 0.0

    @property
    def _normal(self) -> NDArray[np.float64]:
        return axes_of(self.orientation, self.name)[2]

    def _levels(self) -> NDArray[np.float64]:
        along: NDArray[np.float64] = np.sort(self.positions @ self._normal)
        return np.asarray(along[np.concatenate([[True], np.diff(along) > 1e-3])])

    def _same_planes(self, grids: Mapping[str, Grid]) -> list[Grid]:
        """Images whose slices these planes are: same frame of reference, orientation and size, the corner on the first pixel."""
        rows, columns = self.shape
        found = []
        for grid in grids.values():
            if grid.frame_of_reference != self.frame_of_reference or grid.shape[:2] != (columns, rows):
                continue
            axes = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
            if abs(float(axes[:, 2] @ self._normal)) > 1.0 - 1e-4:
                offset = self.positions - grid.affine[:3, 3]
                if np.abs(offset @ axes[:, :2]).max() < 0.1:
                    found.append(grid)
        return found

    def compare(self, named: Mapping[str, Grid], grids: Mapping[str, Grid]) -> None:
        """Refuse pixels of another size than those of the image with the same corner and the same number of pixels.

        That is the image that the segmentation or its frames name (0008,1115), (0008,2112), where it is there, else any.

        Raises
        ------
        InputError
            Naming both sizes.
        """
        check_grid((self.spacing[1], self.spacing[0], self.stated_mm or self.spacing[0]), (self.shape[1], self.shape[0], 1), self.name)
        same = self._same_planes(named) or self._same_planes(grids)
        fitting = [g for g in same if np.allclose(g.spacing_mm[:2], self.spacing[::-1], rtol=1e-3)]
        if same and not fitting:
            raise InputError(
                "the segmentation's pixels are not those of the image that it was drawn on",
                expected=f"{same[0].spacing_mm[1]:g} x {same[0].spacing_mm[0]:g} mm",
                found=f"{self.spacing[0]:g} x {self.spacing[1]:g} mm",
                where=where(self.name, "PixelSpacing"),
                remedy="export both again; the geometry of the segmentation or of the image was changed",
            )

    def settle_step(self, grids: Mapping[str, Grid]) -> list[str]:
        """Settle how far planes lie apart, and return what a reader should know.

        Raises
        ------
        InputError
            If there is one plane and nothing says how thick it is, or the stated distance contradicts the positions.
        """
        steps = np.diff(self._levels())
        images = [g.spacing_mm[2] for g in self._same_planes(grids)]
        if steps.size:
            least = float(steps.min())
            fits = [s for s in images if np.abs(steps / s - np.rint(steps / s)).max() < 0.05]
            # three planes and more that all skip slices of the image were drawn on every second or third; two are two parts
            skips = bool(fits) and least / fits[0] > 1.5
            self.step = fits[0] if skips and len(steps) == 1 else least
            if self.stated_mm is not None and self.stated_mm > 1.05 * self.step:
                raise InputError(
                    "the stated distance of slices is larger than that of the segmentation's planes",
                    expected=f"{self.step:.3f} mm, from the planes' positions (0020,0032)",
                    found=f"{self.stated_mm:g} mm",
                    where=where(self.name, "SpacingBetweenSlices"),
                    remedy="export the segmentation again; its geometry was changed",
                )
            if skips and len(steps) > 1:
                return [
                    f"A segmentation has planes on one of {least / fits[0]:.0f} slices of its image only; each was taken to stand for those"
                    " between: check its volumes."
                ]
            return []
        if images:
            self.step = images[0]
            return []
        if self.stated_mm is None:
            raise InputError(
                "a segmentation of one plane needs the distance of slices",
                where=where(self.name, "SpacingBetweenSlices"),
                remedy="give the images that it was drawn on, or export it with Spacing Between Slices",
            )
        self.step = self.stated_mm
        return []

    def off_their_images(self, named: list[str], positions: Mapping[str, NDArray[np.float64]], grids: Mapping[str, Grid]) -> list[str]:
        """Say that frames do not lie on the slices that they name: image or segmentation was moved after it was drawn.

        Frames that name no slice are compared with the planes of the images that have their first pixel and their number of pixels.
        """
        pairs = [(at, positions[uid]) for at, uid in zip(self.positions, named, strict=True) if uid in positions]
        if pairs:
            off = np.abs(np.array([at - image for at, image in pairs]) @ self._normal)
            planes = "the slices that they name as their images"
        else:
            fits = [] if any(named) else [self._off_planes(grid) for grid in self._same_planes(grids)]
            off = min(fits, key=lambda one: float(one.max()), default=np.zeros(1))
            planes = "the planes of every image of their size"
        if off.max() <= OFF_SLICES * self.step:
            return []
        return [
            f"A segmentation's frames lie up to {off.max():.1f} mm off {planes}, and were taken where they lie: one of the two was moved,"
            " mirrored or made anew after it was drawn; compare them."
        ]

    def _off_planes(self, grid: Grid) -> NDArray[np.float64]:
        height = (self.positions - grid.affine[:3, 3]) @ self._normal / grid.spacing_mm[2]
        return np.asarray(np.abs(height - np.rint(height)) * grid.spacing_mm[2])

    def stack(self, planes: NDArray[np.float32], chosen: NDArray[np.intp]) -> tuple[Grid, NDArray[np.float32], int]:
        """Stack a segment's frames; frames that hold nothing are usually left out, so gaps are empty planes."""
        rows, columns = self.shape
        positions, normal = self.positions[chosen], self._normal
        along = positions @ normal
        level = (along - along.min()) / self.step
        k = np.rint(level).astype(int)
        if np.abs(level - k).max() > 0.05:
            raise InputError(
                "the planes of a segment are unevenly spaced",
                where=where(self.name, "PlanePositionSequence"),
                remedy="export the segmentation again",
            )
        if len(set(k.tolist())) != len(k):
            raise InputError(
                "two frames of one segment lie at the same place",
                where=where(self.name, "PlanePositionSequence"),
                remedy="export the segmentation again",
            )
        full = positions[along.argmin()] + np.outer(np.arange(k.max() + 1) * self.step, normal)
        grid, _ = stack_grid(full, self.orientation, self.spacing, columns, rows, self.frame_of_reference, self.name, self.step)
        occupancy = np.zeros((columns, rows, int(k.max()) + 1), np.float32)
        occupancy[:, :, k] = np.transpose(planes, (2, 1, 0))
        return grid, occupancy, int(k.max()) + 1 - len(k)

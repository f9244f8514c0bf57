"""Time points of one study against one another: how far apart they lie, and, where asked for, moved together.

Contours are drawn once; an image that lies elsewhere is measured in the wrong place. So the distance is estimated and
shown for every study, and what cannot be trusted stops the chain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import numpy as np

from neorlt.core.anatomy import is_kidney
from neorlt.core.errors import InputError
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.register import TRUST_MM, RegistrationStatus, RigidRegistration, register_rigid
from neorlt.imaging.study import Study
from neorlt.imaging.tracking import centre_mm
from neorlt.imaging.volume import Volume

FEWEST_VOXELS = 16
"""Images smaller than this along an axis hold too little to be registered."""
REGION_TRUST_MM = 2.5
"""A region's own registration must agree with itself this well (half a SPECT voxel), or the whole image's counts."""
MOST_OWN_SHIFT_MM = 25.0
"""An organ does not move farther than this against the spine between sessions: beyond, something else was matched."""


class AlignMode(StrEnum):
    """What is done about time points that lie apart."""

    CHECK = "check"
    RIGID = "rigid"
    REGIONS = "regions"
    OFF = "off"


@dataclass(frozen=True)
class Alignment:
    """One time point against the first: how far its regions lie apart, how sure that is, and whether it was moved.

    ``region`` is None for the image as a whole. ``error_mm`` is how far repeated registrations disagree.
    """

    time: datetime | None
    region: str | None
    shift_mm: float
    error_mm: float
    applied: bool
    note: str = ""

    def as_json(self) -> dict[str, object]:
        """Entry of ``registration``."""
        time = None if self.time is None else self.time.isoformat()
        return {**vars(self), "time": time}

    @property
    def sentence(self) -> str:
        """For the reader of a report."""
        what = "The SPECT" if self.region is None else f"Region {self.region!r}"
        when = "" if self.time is None else f" of {self.time:%Y-%m-%d %H:%M}"
        done = "was registered" if self.applied else "was left as it is"
        said = f"{what}{when} lies {self.shift_mm:.1f} mm (± {self.error_mm:.1f} mm) from the first and {done}."
        return f"{said} {self.note}".rstrip()


def align_time_points(study: Study, mode: AlignMode | str = AlignMode.CHECK) -> tuple[Study, tuple[Alignment, ...]]:
    """Estimate, and with ``rigid`` or ``regions`` undo, the movement between the therapy images of a study.

    ``check`` estimates only. ``rigid`` moves every image onto the first. ``regions`` does so too and then lets kidneys and
    lesions, which move against the spine, follow their own boxes: the study keeps where they lie at each time. ``off``
    does nothing, which is for images that were registered before and hold too few counts to be checked.

    Raises
    ------
    InputError
        If images lie apart and were to be checked only, a registration is not trusted, or the mode is unknown.
    """
    if mode not in list(AlignMode):
        raise InputError("unknown registration", expected=", ".join(AlignMode), found=str(mode), where="--register", remedy="choose one")
    mode = AlignMode(mode)
    images = study.therapy_images()
    frame = _frame_of(study)
    if mode is AlignMode.OFF or len(images) < 2:
        return _one_frame(study, images, frame), ()
    first = next((v for v in images if v.grid.frame_of_reference == frame), images[0])
    if min(first.grid.shape) < FEWEST_VOXELS:
        return _one_frame(study, images, frame), ()
    centres = [centre_mm(r) for r in (*study.organs(), *study.lesions())]
    points = np.array(centres or [first.grid.index_to_mm(np.array(first.grid.shape) / 2.0)])
    found: list[Alignment] = []
    moved: list[Volume] = []
    for image in images:
        if image is first:
            moved.append(image)
            continue
        registration = register_rigid(first, image, coarse=mode is AlignMode.CHECK)
        shift = registration.shift_mm(points)
        _stop(image, registration, shift, mode, same_frame=image.grid.frame_of_reference == frame)
        apply = mode is not AlignMode.CHECK
        found.append(Alignment(image.time, None, shift, registration.error_mm, apply))
        moved.append(registration.apply(image, first.grid) if apply else image)
    aligned = _with_images(study, images, tuple(moved))
    if mode is AlignMode.REGIONS:
        aligned, own = _follow_regions(aligned, first)
        found += own
    return aligned, tuple(found)


def _frame_of(study: Study) -> str:
    """Frame of reference of the regions, else of the CT, else of the first image."""
    if study.regions:
        return study.regions[0].grid.frame_of_reference
    return next((v.grid.frame_of_reference for v in study.volumes if v.modality != "NM"), study.volumes[0].grid.frame_of_reference)


def _one_frame(study: Study, images: tuple[Volume, ...], frame: str) -> Study:
    if any(v.grid.frame_of_reference != frame for v in images):
        raise InputError(
            "the SPECT lie in different frames of reference and were not registered",
            remedy="register them with --register rigid, or give images that share one frame of reference (0020,0052)",
        )
    return study


def _stop(image: Volume, found: RigidRegistration, shift_mm: float, mode: AlignMode, *, same_frame: bool) -> None:
    when = "" if image.time is None else f"the SPECT of {image.time:%Y-%m-%d %H:%M}"
    if found.status is not RegistrationStatus.OK:
        raise InputError(
            "the registration between time points is not trusted",
            found=f"an estimated error of {found.error_mm:.1f} mm",
            expected=f"{TRUST_MM:g} mm at most",
            where=when,
            remedy="register them on the workstation; if they are, and hold too few counts to be checked, give --register off",
        )
    if mode is AlignMode.CHECK and (not same_frame or shift_mm - found.error_mm > TRUST_MM):
        raise InputError(
            "the time points do not lie on one another",
            expected=f"{TRUST_MM:g} mm at most",
            found=f"{shift_mm:.1f} mm (± {found.error_mm:.1f} mm)",
            where=when,
            remedy="register them with --register rigid, or with --register regions if organs moved on their own",
        )


def _with_images(study: Study, old: tuple[Volume, ...], new: tuple[Volume, ...]) -> Study:
    changed = {id(a): b for a, b in zip(old, new, strict=True)}
    return replace(study, volumes=tuple(changed.get(id(v), v) for v in study.volumes))


def _follow_regions(study: Study, first: Volume) -> tuple[Study, list[Alignment]]:
    """Let kidneys and lesions follow their own boxes at each later time."""
    images = study.therapy_images()
    followed = [r for r in study.regions if r.kind is RegionKind.LESION or is_kidney(r.name)]
    found: list[Alignment] = []
    at_each: list[tuple[Region, ...]] = []
    for image in images:
        there = list(study.regions)
        if image.time != first.time:
            for region in followed:
                own = register_rigid(first, image, region=region)
                shift = own.shift_mm(centre_mm(region)[None])
                sure = own.error_mm <= REGION_TRUST_MM and shift <= MOST_OWN_SHIFT_MM
                note = "" if sure else "Its own box is not sure enough: the whole image's registration counts."
                found.append(Alignment(image.time, region.name, shift, own.error_mm, sure, note))
                if sure:
                    there[there.index(region)] = own.carry_region(region, image.grid.frame_of_reference)
        at_each.append(tuple(there))
    return replace(study, moved=tuple(at_each)), found

"""A study: one patient, its volumes and regions, what was injected and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from neorlt.core.errors import InputError
from neorlt.imaging.blur import BlurMap
from neorlt.imaging.ledger import LedgerRow
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.viable import viable_parts
from neorlt.imaging.volume import Unit, Volume
from neorlt.nuclides.imaged import given_to_treat

ONE_DAY = timedelta(days=1)
"""Cycles lie weeks apart: times of injection of one nuclide closer than this are two statements about one injection, or a slip."""


@dataclass(frozen=True)
class Administration:
    """One injection of a radiopharmaceutical."""

    nuclide: str
    activity_mbq: float
    time: datetime
    agent: str = ""

    def __post_init__(self) -> None:
        if not self.activity_mbq > 0:
            raise ValueError(f"administered activity must be above 0 MBq, found {self.activity_mbq}")


@dataclass(frozen=True)
class Study:
    """One patient's images.

    Parameters
    ----------
    patient_key
        A pseudonym made by hashing the DICOM identity: never a name, date of birth or identifier.
    volumes
        CT, PET and SPECT volumes, activity volumes in order of time.
    regions
        Organs and lesions.
    administrations
        Therapy and imaging injections found in the images.
    weight_kg
        Patient's weight (0010,1030), or None.
    psf_fwhm_mm
        Blur of the SPECT as stated in the study's settings or by the user, or None.
    psf_map
        The same by distance from the axis of rotation, where the settings state it, or None.
    calibration_cv
        Relative standard deviation of the camera's calibration, where ``calibration.toml`` scaled the SPECT, or None.
    moved
        Per therapy image, the regions as they lie at its time, where a registration moved them one by one; else empty.
    warnings
        What a reader of the report should know about the images.
    sources
        One sentence for every series read: what it is and how it was scaled.
    ledger
        Every step from stored numbers to the volumes' units, with tag, value and where it came from.
    """

    patient_key: str
    volumes: tuple[Volume, ...]
    regions: tuple[Region, ...]
    administrations: tuple[Administration, ...] = ()
    weight_kg: float | None = None
    sex: str | None = None
    age_y: float | None = None
    psf_fwhm_mm: float | None = None
    psf_map: BlurMap | None = None
    calibration_cv: float | None = None
    moved: tuple[tuple[Region, ...], ...] = ()
    warnings: tuple[str, ...] = ()
    sources: tuple[str, ...] = field(default=())
    ledger: tuple[LedgerRow, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.volumes:
            raise InputError("the study holds no image", remedy="point to a folder with CT, PET or SPECT images")
        names = [region.name for region in self.regions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError("two regions have the same name", found=", ".join(twice), remedy="rename one of them")

    def therapy_images(self) -> tuple[Volume, ...]:
        """SPECT volumes in Bq/ml, and PET of a therapy nuclide, in order of time."""
        found = [v for v in self.volumes if (v.modality == "NM" or given_to_treat(v.nuclide)) and v.unit is Unit.BQ_PER_ML]
        return tuple(sorted(found, key=lambda v: v.time))  # type: ignore[arg-type,return-value]

    def pet_images(self) -> tuple[Volume, ...]:
        """PET volumes, in order of time."""
        found = [v for v in self.volumes if v.modality == "PT"]
        return tuple(sorted(found, key=lambda v: v.time))  # type: ignore[arg-type,return-value]

    def ct_images(self) -> tuple[Volume, ...]:
        """CT volumes in Hounsfield units."""
        return tuple(v for v in self.volumes if v.modality == "CT")

    def role_rows(self) -> list[dict[str, Any]]:
        """Every region with its role and why it has it: ``name, role, why, volume_ml, source``, as documents show them."""
        return [{"name": r.name, "role": str(r.kind), "why": r.why, "volume_ml": r.volume_ml, "source": r.source} for r in self.regions]

    def lesions(self) -> tuple[Region, ...]:
        """Regions that are lesions; the enhancing part of one is not a lesion of its own."""
        parts = {part.name for part in self.viable_parts().values()}
        return tuple(r for r in self.regions if r.kind is RegionKind.LESION and r.name not in parts)

    def viable_parts(self) -> dict[str, Region]:
        """Enhancing part of each lesion that has one, by the lesion's name."""
        return viable_parts(self.regions)

    def organs(self) -> tuple[Region, ...]:
        """Regions that are organs."""
        return tuple(r for r in self.regions if r.kind is RegionKind.ORGAN)

    def regions_at(self, image: int, regions: Sequence[Region]) -> tuple[Region, ...]:
        """The given regions as they lie at the time of therapy image number ``image``."""
        if not self.moved:
            return tuple(regions)
        there = {region.name: region for region in self.moved[image]}
        return tuple(there.get(region.name, region) for region in regions)

    def therapy_administration(self) -> Administration:
        """The injection that the therapy images belong to.

        Raises
        ------
        InputError
            If there is none, or more than one: one curve holds one cycle (see :meth:`cycles`).
        """
        found = self._therapy_injections()
        if len(found) == 1:
            return found[0]
        nuclides = {v.nuclide for v in self.therapy_images()}
        named = "; ".join(f"{a.nuclide} on {a.time:%Y-%m-%d %H:%M}" for a in found)
        ordered = sorted(found, key=lambda a: (a.nuclide, a.time))
        if any(one.nuclide == other.nuclide and other.time - one.time < ONE_DAY for one, other in pairwise(ordered)):
            raise InputError(
                "the therapy images state times of injection less than a day apart",
                expected="one time of injection for the images of one cycle",
                found=f"{len(found)} times: {named}",
                remedy="if it is one injection, give its moment as --injected-at, or state injection_time with a reason under"
                " [correction] in settings.toml (a time zone (0008,0201) that differs between files does this too)",
            )
        raise InputError(
            "the folder holds images of several cycles" if found else "the therapy images need exactly one injection",
            expected="one injected activity and time for the SPECT series",
            found=f"{len(found)} injections: {named}" if found else f"0 for {', '.join(sorted(str(n) for n in nuclides)) or 'no SPECT'}",
            remedy="give one cycle's images, each with its injected activity (0018,1074) and start time (0018,1078)"
            + ("; --cycle 1 takes the first, and so on, and neorlt dose --cumulate adds all of them up" if found else ""),
        )

    def _therapy_injections(self) -> list[Administration]:
        nuclides = {v.nuclide for v in self.therapy_images()}
        return [a for a in self.administrations if a.nuclide in nuclides]

    def cycles(self) -> tuple[Study, ...]:
        """The study once for each therapy injection, with the therapy images between it and the next; PET and CT stay in each.

        A study of one injection is returned as it is.
        """
        found = sorted(self._therapy_injections(), key=lambda a: a.time)
        if len(found) < 2:
            return (self,)
        therapy = self.therapy_images()
        ends = [a.time for a in found[1:]] + [None]
        made = []
        for one, end in zip(found, ends, strict=True):
            own = [v for v in therapy if v.time is not None and v.time >= one.time and (end is None or v.time < end)]
            rest = tuple(v for v in self.volumes if not any(v is t for t in therapy) or any(v is o for o in own))
            others = tuple(a for a in self.administrations if a not in found)
            moved = tuple(m for v, m in zip(therapy, self.moved, strict=True) if any(v is o for o in own)) if self.moved else ()
            made.append(replace(self, volumes=rest, administrations=(*others, one), moved=moved))
        return tuple(made)

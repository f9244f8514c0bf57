"""A study: one patient, its volumes and regions, what was injected and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from neorlt.core.errors import InputError
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Unit, Volume


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
    warnings
        What a reader of the report should know about the images.
    sources
        One sentence for every series read: what it is and how it was scaled.
    """

    patient_key: str
    volumes: tuple[Volume, ...]
    regions: tuple[Region, ...]
    administrations: tuple[Administration, ...] = ()
    weight_kg: float | None = None
    sex: str | None = None
    age_y: float | None = None
    psf_fwhm_mm: float | None = None
    warnings: tuple[str, ...] = ()
    sources: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.volumes:
            raise InputError("the study holds no image", remedy="point to a folder with CT, PET or SPECT images")
        names = [region.name for region in self.regions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError("two regions have the same name", found=", ".join(twice), remedy="rename one of them")

    def therapy_images(self) -> tuple[Volume, ...]:
        """SPECT volumes in Bq/ml, in order of time."""
        found = [v for v in self.volumes if v.modality == "NM" and v.unit is Unit.BQ_PER_ML]
        return tuple(sorted(found, key=lambda v: v.time))  # type: ignore[arg-type,return-value]

    def pet_images(self) -> tuple[Volume, ...]:
        """PET volumes, in order of time."""
        found = [v for v in self.volumes if v.modality == "PT"]
        return tuple(sorted(found, key=lambda v: v.time))  # type: ignore[arg-type,return-value]

    def ct_images(self) -> tuple[Volume, ...]:
        """CT volumes in Hounsfield units."""
        return tuple(v for v in self.volumes if v.modality == "CT")

    def lesions(self) -> tuple[Region, ...]:
        """Regions that are lesions."""
        return tuple(r for r in self.regions if r.kind is RegionKind.LESION)

    def organs(self) -> tuple[Region, ...]:
        """Regions that are organs."""
        return tuple(r for r in self.regions if r.kind is RegionKind.ORGAN)

    def therapy_administration(self) -> Administration:
        """The injection that the SPECT images belong to.

        Raises
        ------
        InputError
            If there is none, or more than one: one study holds one cycle.
        """
        nuclides = {v.nuclide for v in self.therapy_images()}
        found = [a for a in self.administrations if a.nuclide in nuclides]
        if len(found) != 1:
            raise InputError(
                "the therapy images need exactly one injection",
                expected="one injected activity and time for the SPECT series",
                found=f"{len(found)} for {', '.join(sorted(str(n) for n in nuclides)) or 'no SPECT'}",
                remedy="give one cycle's images, each with its injected activity (0018,1074) and start time (0018,1072)",
            )
        return found[0]

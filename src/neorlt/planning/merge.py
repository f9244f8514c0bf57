"""Images and patient file become one patient: images win where both speak, and both values are kept for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from neorlt.core.anatomy import Organ, organ_of, organ_of_site
from neorlt.imaging.study import Study
from neorlt.planning.patient import LesionBaseline, Patient

AGREE = 0.05
"""Relative difference up to which the image and the file are said to agree."""


@dataclass(frozen=True)
class ImageLesion:
    """What the images say of a lesion."""

    id: str
    volume_ml: float
    longest_diameter_mm: float
    suv_max: float | None = None


@dataclass(frozen=True)
class Merged:
    """The merged patient, where image and file differ, and what was assumed."""

    patient: Patient
    conflicts: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]


def guess_site(name: str) -> str:
    """Site of a lesion that only the images know, from its region's name."""
    organ = organ_of_site(name)
    if organ in ("pancreas", "liver", "node"):
        return organ
    if organ_of(name) is Organ.LIVER:  # inside a word, as in METLIVER1
        return "liver"
    return "pancreas" if name.lower().startswith("primary") else "unknown"


def merge_patient(patient: Patient | None, study: Study, lesions: Sequence[ImageLesion]) -> Merged:
    """Merge the lesions of the images into the patient of the file (or make a patient from images alone).

    Lesions are matched by id; a lesion that one side lacks is kept with what the other says.
    """
    conflicts: list[dict[str, Any]] = []
    warnings: list[str] = []
    seen = {lesion.id: lesion for lesion in lesions}
    merged: list[LesionBaseline] = []
    for lesion in patient.lesions if patient is not None else ():
        image = seen.pop(lesion.id, None)
        if image is None:
            warnings.append(f"Lesion {lesion.id} is in the patient file but has no region in the images: file values are used.")
            merged.append(lesion)
        else:
            merged.append(_merge(lesion, image, conflicts))
    for image in seen.values():
        site = guess_site(image.id)
        if patient is not None:
            warnings.append(f"Lesion {image.id} has a region but is not in the patient file: site {site!r} was read from its name.")
        merged.append(LesionBaseline(image.id, site, image.longest_diameter_mm, image.volume_ml, True, suv_max=image.suv_max))
    if patient is None:
        patient = Patient(study.patient_key, tuple(merged), age_y=study.age_y, sex=study.sex, weight_kg=study.weight_kg)
        warnings.append("No patient file: laboratory values, Ki-67 and vessel contact are not known; endpoints that need them are empty.")
    else:
        patient = replace(patient, lesions=tuple(merged))
        for name in ("weight_kg", "age_y", "sex"):
            ours, theirs = getattr(patient, name), getattr(study, name)
            if theirs is None:
                continue
            if ours is not None and _differ(ours, theirs):
                conflicts.append({"field": name, "image": theirs, "file": ours, "used": "image"})
            patient = replace(patient, **{name: theirs})
    return Merged(patient, tuple(conflicts), tuple(warnings) + patient.warnings)


def _differ(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return bool(a != b)
    return abs(float(a) - float(b)) > AGREE * max(abs(float(a)), abs(float(b)))


def _merge(lesion: LesionBaseline, image: ImageLesion, conflicts: list[dict[str, Any]]) -> LesionBaseline:
    for name, ours in (
        ("longest_diameter_mm", lesion.longest_diameter_mm if lesion.diameter_given else None),
        ("volume_ml", lesion.volume_ml if lesion.volume_given else None),
        ("suv_max", lesion.suv_max),
    ):
        theirs = getattr(image, name)
        if ours is not None and theirs is not None and _differ(ours, theirs):
            conflicts.append({"field": f"{lesion.id}: {name}", "image": round(theirs, 3), "file": round(ours, 3), "used": "image"})
    return replace(
        lesion, longest_diameter_mm=image.longest_diameter_mm, volume_ml=image.volume_ml, volume_given=True, diameter_given=True,
        suv_max=image.suv_max if image.suv_max is not None else lesion.suv_max,
    )

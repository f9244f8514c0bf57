"""Vessel contact of the followed lesion: what the file states beside what the drawn regions show.

The prediction starts from what the file states: a radiologist sees an irregular wall, a closed lumen and fat planes that a contour
does not hold. Regions only measure and draw; where they and the file fall on two sides of a limit, that is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neorlt.clinic.vessels import ENCASEMENT_ABOVE_DEG
from neorlt.core.anatomy import vessels_of, words_of
from neorlt.documents.patient import Patient
from neorlt.imaging.contact import Contact, contact, vessel_regions
from neorlt.imaging.study import Study

NO_REGION = "no region of this vessel was drawn"
NO_LESION = "the lesion has no region in the images"
OTHER_FRAME = "its region lies in another frame of reference than the lesion's"


@dataclass(frozen=True)
class VesselContact:
    """One vessel: stated degrees, and the contact measured on regions, each None where there is none; ``reason`` says why."""

    vessel: str
    stated_deg: float | None
    measured: Contact | None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """Row of ``vessel_contacts`` of the plan document; places in patient millimetres (DICOM axes)."""
        found = self.measured
        return {
            "vessel": self.vessel, "stated_deg": self.stated_deg, "reason": self.reason,
            "measured": None if found is None else {
                "lesion": found.lesion, "region": found.vessel, "degrees": round(found.degrees, 1), "doubt_deg": round(found.doubt_deg, 1),
                "gap_mm": None if found.gap_mm is None else round(found.gap_mm, 1), "plane": found.plane,
                "length_mm": round(found.length_mm, 1), "at_mm": [round(float(v), 2) for v in found.centre_mm],
            },
        }


def vessel_contacts(patient: Patient, study: Study) -> list[VesselContact]:
    """Every vessel of the followed lesion that the file states or that was drawn, stated ones first."""
    lesion = patient.lesions[patient.followed]
    region = next((one for one in study.lesions() if one.name == lesion.id), None)
    drawn = vessel_regions(study.regions)
    used: set[str] = set()
    found: list[VesselContact] = []

    def measure(names: Sequence[str]) -> tuple[Contact | None, str]:
        if region is None:
            return None, NO_LESION
        same = [one for one in drawn if one.name in names and one.grid.frame_of_reference == region.grid.frame_of_reference]
        if not same:
            return None, OTHER_FRAME if names else NO_REGION
        ct = next((one.grid for one in study.ct_images() if one.grid.frame_of_reference == region.grid.frame_of_reference), None)
        return max((contact(region, one, ct) for one in same), key=lambda one: (one.degrees, -(one.gap_mm or 0.0))), ""

    for stated in lesion.vessels:
        names = [one.name for one in drawn if _same(stated.name, one.name)]
        used |= set(names)
        found.append(VesselContact(stated.name, stated.contact_deg, *measure(names)))
    for one in drawn:
        if one.name not in used:
            found.append(VesselContact(one.name, None, *measure([one.name])))
    return found


def _same(one: str, other: str) -> bool:
    return bool(vessels_of(one) & vessels_of(other)) or words_of(one) == words_of(other)


def contact_warnings(contacts: Sequence[VesselContact], lesion: str) -> list[str]:
    """Where the file and the regions fall into two classes of contact, or a touched vessel is not in the file."""
    said = []
    for row in contacts:
        found = row.measured
        if found is None:
            continue
        shown = f"{found.degrees:.0f}° (± {found.doubt_deg:.0f}°)"
        if row.stated_deg is None:
            if found.degrees > found.doubt_deg:
                said.append(f"The region of {row.vessel} touches {lesion} over {shown}, and the patient file does not name this vessel: "
                            f"resectability is judged without it. If it is touched, add it to vessels = [...].")
            continue
        ends = (max(found.degrees - found.doubt_deg, 0.0), found.degrees + found.doubt_deg)
        classes = {_class(end) for end in ends} | {_class(found.degrees)}
        if _class(row.stated_deg) not in classes:
            said.append(f"Contact with {row.vessel}: the patient file says {row.stated_deg:.0f}°, the drawn regions show {shown}, which "
                        "is another class of contact. The prediction starts from the file.")
    return said


def _class(degrees: float) -> int:
    """0 apart, 1 touched, 2 encased."""
    return int(degrees > 0) + int(degrees > ENCASEMENT_ABOVE_DEG)

"""Tumour and vessels: the contact now, stated and drawn, and what each scheme is predicted to leave of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neorlt.reporting.rounding import fixed, given, interval, is_number, times
from neorlt.reporting.views.cells import block, maps
from neorlt.reporting.views.schemes import letters_for

NOT_KNOWN = ("No vessel contact is stated and no vessel was drawn: whether the tumour touches a vessel is not known here. Draw the vessels "
             "beside the pancreas (SMV, SMA, PV, coeliac axis, CHA) in the study, or give vessels = [...] in the patient file.")
NOT_DRAWN = "No vessel was drawn in the images: no contact can be shown over them. The degrees are those that the patient file states."
NO_IMAGES = "This plan has no images: no contact can be shown over them. The degrees are those that the patient file states."
DRAWN = ("Magenta: the part of the vessel's wall that the lesion touches, on the plane where it is greatest. Predictions start from the "
         "degrees of the patient file, not from the drawing.")
RULE = "Above 180° a vessel counts as encased (NCCN, written for adenocarcinoma)."


def contact_rows(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """One row a vessel; a plan that kept none has those of its patient file."""
    kept = maps(plan.get("vessel_contacts"))
    if kept:
        return kept
    stated = maps(block(block(plan.get("answer")).get("resectability_baseline")).get("vessels"))
    return [{"vessel": row.get("name"), "stated_deg": row.get("contact_deg"), "measured": None, "reason": ""} for row in stated]


def predicted(scheme: Mapping[str, Any], vessel: str) -> Mapping[str, Any]:
    """Contact with a vessel at surgery under a scheme, or an empty mapping."""
    return next((row for row in maps(scheme.get("contact_deg")) if row.get("vessel") == vessel), {})


def degrees(row: Mapping[str, Any]) -> str:
    """Median and 90 % interval in words; empty where there is none."""
    shown = interval(row)
    return "" if shown is None else f"{shown[0]}°" + (f" (90\u00a0% interval {shown[1]}°)" if shown[1] else "")


def now(row: Mapping[str, Any]) -> list[str]:
    """What is known of one vessel's contact now, in sentences."""
    stated, measured = row.get("stated_deg"), block(row.get("measured"))
    said = [f"Patient file: {given(stated)}°." if is_number(stated) else "The patient file does not name this vessel."]
    if measured:
        if float(measured["degrees"]) > 0:
            shown = f"{fixed(measured['degrees'], 0)}° (± {fixed(measured['doubt_deg'], 0)}°)"
            length = f"{fixed(measured['length_mm'], 0)}\u00a0mm"
            said.append(f"Drawn regions: {shown} in the {measured['plane']} plane, along {length} of the vessel.")
        elif measured.get("gap_mm") is None:
            said.append("Drawn regions: apart; no plane across the vessel shows both.")
        else:
            said.append(f"Drawn regions: apart by {fixed(measured['gap_mm'], 1)}\u00a0mm.")
    elif row.get("reason"):
        said.append(f"Not drawn: {row['reason']}.")
    return said


def contact_section(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What the report and the page show of tumour and vessels."""
    rows, schemes = contact_rows(plan), maps(plan.get("schemes"))
    if not rows:
        # Without a followed tumour of the pancreas nobody asks for its vessels.
        return {"missing": NOT_KNOWN, "note": "", "rule": RULE, "vessels": []}
    has_images, any_drawn = "vessel_contacts" in plan, any(block(row.get("measured")) for row in rows)
    return {
        "missing": "",
        "note": DRAWN if any_drawn else NOT_DRAWN if has_images else NO_IMAGES,
        "rule": RULE,
        "vessels": [
            {"name": str(row.get("vessel")), "now": now(row), "at": _right_anterior_superior(block(row.get("measured")).get("at_mm")),
             "after": _after(schemes, str(row.get("vessel")))}
            for row in rows
        ],
    }


def _after(schemes: Sequence[Mapping[str, Any]], vessel: str) -> list[tuple[str, str, str]]:
    """Letter and name of each scheme with its predicted contact in words; empty where nothing is predicted for this vessel."""
    found = [(letter, times(str(scheme.get("name", ""))), degrees(predicted(scheme, vessel)))
             for letter, scheme in zip(letters_for(len(schemes)), schemes, strict=True)]
    return [row for row in found if row[2]]


def _right_anterior_superior(place: Any) -> list[float] | None:
    """Patient millimetres as the viewer has them; its axes grow to the right, the front and the head."""
    if not isinstance(place, Sequence) or len(place) != 3:
        return None
    return [-float(place[0]), -float(place[1]), float(place[2])]

"""What a region is, and why: what a file states outranks a word inside a name.

Order: ``[roles]`` of settings.toml and the names file, then codes (Segmented Property Type (0062,000F) and Category (0062,0003)) and
RT ROI Interpreted Type (3006,00A4), then words in seven languages. In a name lesions are looked for first ("liver met" is a
lesion), except where it says what was taken off: ``Liver-GTV`` (AAPM TG-263) is the liver without the tumour.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from neorlt.core.anatomy import Organ, is_help, is_vessel, organ_of, vessels_of, words_of
from neorlt.dicom.codes import BACKGROUND_CODES, LESION_CATEGORY_CODES, LESION_TYPE_CODES, ORGAN_CATEGORY_CODES
from neorlt.imaging.hot import remedy, without_role
from neorlt.imaging.region import Region, RegionKind

_LESION = re.compile(
    r"lesion|lesie|laesie|lasion|lesione|tumou?r|tumeur|tumore|\bprimary\b|\bprim(?:ar|aire|ario|arius)?\b|primartumor|\bgtv|\bgtvp\b|\bgtvn\b"
    r"|\bmets?\b|\bmet\d|\bmets?[a-z]?\d|metasta|filia|\bmalignan|neoplas|carcino|\bln\d*\b|\blk\d*\b|lymph|lymf|linfonod|ganglion|ganglio"
    r"|adenopat|nodul|nodus|\bnodes?\b|knoten|\bherd|herde?n?\b|\bp?an?net\d*\b|\bpnet\d*\b|\bnets?\d*\b|\bnen\d*\b|\bnec\d*\b|insulinom"
    r"|gastrinom|glucagonom|vipom|somatostatinom|paragangliom|phaochromoz|pheochromo|uitzaai|przerzut|\bguz|zmiana|wezel|wezly|deposit"
    r"|\bmass[ae]?s?\d*\b|\bmasas?\b|raumforder|karzino|cancer|krebs|kanker|cancro|\brak\b|adenoca|neuroendo[ck]r|sar[ck]om|melanom"
    r"|haard(?:en)?\d*\b|ognisk|\bfoc(?:us|i)\d*\b|\bfokus\d*\b|\bfoyers?\b|\bfocos?\b|focolai|ripetizion|secondarism|hot ?spot"
)
_WITH_ORGAN = re.compile(r"\bca\b")
"""Short for carcinoma beside the name of an organ; by itself it may be the coeliac artery."""
_BODY = re.compile(
    r"^ (?:body|external|patient|skin|outline|korper|haut|aussenkontur|corps|peau|contour externe|corpo|cute|cuerpo|piel|contorno|lichaam"
    r"|huid|cialo|skora) "
)
_BODY_MORE = re.compile(r"contour|mask|outline|whole body|total body")
_LESS = re.compile(r"[-–−][\s_]*(?:gtv|ctv|ptv|itv)", re.IGNORECASE)
"""``Liver-GTV`` of TG-263: only the hyphen says that the tumour was taken off."""
_WITHOUT = re.compile(
    r"\b(?:minus|without|w o|excl\w*|less|except|sub|ex|ohne|exkl\w*|abzuglich|ausser|sans|hors|senza|escluso|sin|menos|zonder|bez)\b(.+)"
)
_HEALTHY = re.compile(
    r"\b(?:normal|healthy)\b|\bno (?:tumou?r|lesion|mets?\b)|\bnon (?:tum|lesion)|(?:tumou?r|lesion|metastas[ei]n?) ?(?:free|frei)"
)
"""Words of a name, as :func:`words_of` gives them, that say that what is left of an organ is meant."""
_BACKGROUND = re.compile(r"^ (?:background|hintergrund|arriere plan|fond|sfondo|fondo|achtergrond|tlo) $")
_RT_LESION = {"GTV"}
_RT_TARGET = {"CTV", "PTV", "ITV"}
_RT_ORGAN = {"ORGAN", "AVOIDANCE"}
_RT_BODY = {"EXTERNAL"}
_TYPE_TAG = "(3006,00A4)"
TARGET = "a target volume with its margin"


@dataclass(frozen=True)
class Role:
    """What a region is, and why."""

    kind: RegionKind
    why: str


def role_from_name(name: str) -> Role:
    """Role of a region by its name alone."""
    text = words_of(name)
    organ = organ_of(name)
    if organ is not None and _is_the_rest(name):
        return Role(RegionKind.ORGAN, f"name: {organ} without what was taken off")
    found = _LESION.search(text)
    if not found and organ is not None and not is_vessel(name):
        found = _WITH_ORGAN.search(text)
    if found:
        return Role(RegionKind.LESION, f"name: {found[0].strip()!r}")
    if _BODY.search(text) and (len(text.split()) == 1 or _BODY_MORE.search(text)):
        return Role(RegionKind.BODY, "name")
    if vessels_of(name):
        return Role(RegionKind.OTHER, "name: vessel, for contact only")
    if organ is not None:
        return Role(RegionKind.ORGAN, f"name: {organ}")
    return Role(RegionKind.OTHER, "no type, code or word says what it is")


def _is_the_rest(name: str) -> bool:
    """Whether a name means an organ less its tumour: ``Liver-GTV``, ``liver_minus_tumour``, ``Leber tumorfrei``.

    What was taken off must follow the word: ``sin`` is Spanish for *without* and short for *sinistro*.
    """
    text = words_of(name)
    off = _WITHOUT.search(text)
    return bool(_LESS.search(name) or _HEALTHY.search(text) or (off and (_LESION.search(off[1]) or re.search(r"\b[cpi]tv", off[1]))))


def kind_from_name(name: str) -> RegionKind:
    """Kind of a region by its name alone."""
    return role_from_name(name).kind


def is_background(segment: Dataset, label: str, padding: int | None) -> bool:
    """Whether a segment is what is left outside all others: by its number, its code (125040, DCM), or its name."""
    number = segment.get("SegmentNumber")
    if number is not None and (int(number) == 0 or (padding is not None and int(number) == padding)):
        return True
    codes = (*(segment.get("SegmentedPropertyTypeCodeSequence") or []), *(segment.get("SegmentedPropertyCategoryCodeSequence") or []))
    if any(str(code.get("CodeValue", "")).strip() in BACKGROUND_CODES for code in codes):
        return True
    return bool(_BACKGROUND.search(words_of(label)))


def role_of_segment(segment: Dataset, name: str) -> Role:
    """Role of a segment: by its property type, then its category; an anatomical category of the whole body is the body."""
    for code in segment.get("SegmentedPropertyTypeCodeSequence") or []:
        value = str(code.get("CodeValue", "")).strip()
        if value in LESION_TYPE_CODES:
            return Role(RegionKind.LESION, f"property type {value} (0062,000F)")
    for code in segment.get("SegmentedPropertyCategoryCodeSequence") or []:
        value = str(code.get("CodeValue", "")).strip()
        if value in LESION_CATEGORY_CODES:
            return Role(RegionKind.LESION, f"property category {value} (0062,0003)")
        if value in ORGAN_CATEGORY_CODES:
            if role_from_name(name).kind is RegionKind.BODY:
                return Role(RegionKind.BODY, f"property category {value} (0062,0003)")
            return _organ(name, f"property category {value} (0062,0003)")
    return role_from_name(name)


def role_of_roi(interpreted_type: str, name: str) -> Role:
    """Role of an RT structure: by its type, else by its name."""
    kind = interpreted_type.strip().upper()
    if kind in _RT_LESION:
        return Role(RegionKind.LESION, f"type {kind} {_TYPE_TAG}")
    if kind in _RT_TARGET:
        return Role(RegionKind.LESION, f"type {kind} {_TYPE_TAG}, {TARGET}")
    if kind in _RT_BODY:
        return Role(RegionKind.BODY, f"type {kind} {_TYPE_TAG}")
    if kind in _RT_ORGAN:
        return _organ(name, f"type {kind} {_TYPE_TAG}")
    if kind:
        return Role(RegionKind.OTHER, f"type {kind} {_TYPE_TAG}")
    return role_from_name(name)


def _organ(name: str, why: str) -> Role:
    """Role of a region that its file calls anatomy: a vessel beside the pancreas is judged by its contact, whatever format names it."""
    if vessels_of(name):
        return Role(RegionKind.OTHER, f"{why}, vessel, for contact only")
    if is_help(name):
        return Role(RegionKind.OTHER, f"{why}, a planner's help by its name: an organ with a margin, or a ring")
    return Role(RegionKind.ORGAN, why)


def settle_roles(regions: Sequence[Region], stated: Mapping[str, str]) -> tuple[list[Region], list[str]]:
    """Apply the user's roles, put target volumes beside the tumours that they were drawn round, and say what plays no part.

    Parameters
    ----------
    stated
        Kind by the region's name, from ``[roles]``; case, accents and separators do not count.
    """
    wanted = {words_of(name): kind for name, kind in stated.items()}
    found, used = [], set()
    for region in regions:
        key = words_of(region.name)
        if key in wanted:
            used.add(key)
            region = replace(region, kind=RegionKind(wanted[key]), why="settings.toml [roles]")
        found.append(region)
    said = []
    drawn = any(r.kind is RegionKind.LESION and TARGET not in r.why for r in found)
    if drawn:
        found = [replace(r, kind=RegionKind.OTHER) if r.kind is RegionKind.LESION and TARGET in r.why else r for r in found]
    for region in found:
        named = role_from_name(region.name)
        if region.kind is RegionKind.ORGAN and named.kind is RegionKind.LESION and "settings" not in region.why:
            said.append(
                f"Region {region.name!r} is an organ by its {region.why}, and its name sounds like a lesion: if it is one, write"
                f' "{region.name}" = "lesion" under [roles] in settings.toml.'
            )
    for organ in (Organ.LIVER, Organ.SPLEEN, Organ.PANCREAS):  # there is one of each
        same = [r.name for r in found if r.kind is RegionKind.ORGAN and r.why.startswith("name") and organ_of(r.name) is organ]
        if len(same) > 1:
            names = ", ".join(map(repr, same))
            said.append(f"Several regions are the {organ} by their names: {names}. If one is a lesion in it, {remedy(same[-1])}")
    parts = without_role(found)
    if parts:
        shown = "; ".join(f"{r.name!r} ({r.why})" for r in parts)
        said.append(f"Neither organ nor lesion, and in no dose: {shown}. If one is, {remedy(parts[0].name)}")
    missing = [name for name in stated if words_of(name) not in used]
    if missing:
        said.append(f"settings.toml [roles] names regions that the study does not hold: {', '.join(map(repr, missing))}.")
    return found, said

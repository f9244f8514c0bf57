"""What a region is, from codes, interpreted types and names.

Order: Segmented Property Category (0062,0003), then RT ROI Interpreted Type (3006,00A4), then words in the name.
Words are matched anywhere in the lower-case name; lesions are looked for first ("liver met" is a lesion).
"""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from neorlt.dicom.codes import LESION_CATEGORY_CODES, ORGAN_CATEGORY_CODES
from neorlt.imaging.region import RegionKind

_LESION = re.compile(r"lesion|tumou?r|primary|\bgtv|^gtv|met(?:s|astas[ie]s)?(?:\b|[-_ ]|\d|$)|malignan|neoplas|carcino")
_BODY = re.compile(r"^(?:body|external|patient|skin|outline)(?:\b|[-_ ]|$)")
_ORGAN = re.compile(
    r"liver|spleen|kidney|renal|pancreas|marrow|bone|vertebra|pituitar|adrenal|salivar|parotid|bladder|stomach|duoden|bowel|colon"
    r"|heart|aorta|lung|gall|thyroid|oesoph|esoph|prostate|rib|hip|sacrum|femur|humerus|scapula|clavic|spinal|brain|muscle|gluteus"
    r"|autochthon|iliopsoas|vein|vena|artery|vessel|trachea|uterus|ovar|testi|skull|stern|costal"
)
_RT_LESION = {"GTV", "CTV", "PTV"}
_RT_ORGAN = {"ORGAN", "AVOIDANCE"}
_RT_BODY = {"EXTERNAL"}


def kind_from_name(name: str) -> RegionKind:
    """Kind of a region by its name alone."""
    low = name.strip().lower()
    if _LESION.search(low):
        return RegionKind.LESION
    if _BODY.search(low):
        return RegionKind.BODY
    return RegionKind.ORGAN if _ORGAN.search(low) else RegionKind.OTHER


def kind_of_segment(segment: Dataset, name: str) -> RegionKind:
    """Kind of a segment: an anatomical category of the whole body is the body; an unknown category goes by the name."""
    for code in segment.get("SegmentedPropertyCategoryCodeSequence") or []:
        value = str(code.get("CodeValue", "")).strip()
        if value in LESION_CATEGORY_CODES:
            return RegionKind.LESION
        if value in ORGAN_CATEGORY_CODES:
            by_name = kind_from_name(name)
            return RegionKind.BODY if by_name is RegionKind.BODY else RegionKind.ORGAN
    return kind_from_name(name)


def kind_of_roi(interpreted_type: str, name: str) -> RegionKind:
    """Kind of an RT structure."""
    kind = interpreted_type.strip().upper()
    if kind in _RT_LESION:
        return RegionKind.LESION
    if kind in _RT_BODY:
        return RegionKind.BODY
    if kind in _RT_ORGAN:
        by_name = kind_from_name(name)
        return by_name if by_name is RegionKind.LESION else RegionKind.ORGAN
    return kind_from_name(name)

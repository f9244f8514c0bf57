"""Enhancing parts of lesions: contours that a reader draws on the arterial phase, named after their lesion.

mRECIST measures the part that enhances (Lencioni & Llovet 2010, Semin Liver Dis 30:52). A contour of a lesion does not
state it, so it is drawn as a region of its own, ``<lesion>-viable`` or ``<lesion>-enhancing``. It is a part, never a lesion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from neorlt.imaging.region import Region, RegionKind

_PART = re.compile(r"^(?P<lesion>.+?)[-_ ]+(?:viable|enhancing)$", re.IGNORECASE)


def viable_parts(regions: Sequence[Region]) -> dict[str, Region]:
    """Return the enhancing part of each lesion that has one, by the lesion's name."""
    lesions = {r.name.lower(): r.name for r in regions if r.kind is RegionKind.LESION and not _PART.match(r.name)}
    found = {}
    for region in regions:
        part = _PART.match(region.name)
        if part and part["lesion"].lower() in lesions:
            found[lesions[part["lesion"].lower()]] = region
    return found

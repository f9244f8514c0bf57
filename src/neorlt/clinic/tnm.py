"""Stage of pancreatic neuroendocrine tumours: AJCC 8th edition and ENETS 2006.

Sources: PMC10453483 table 2 (T, N, M of AJCC 8; secondary) with the grouping partly recalled; hindawi tswj/2012/357475
table 1 and wjso s12957-018-1446-y table 2 (ENETS 2006; secondary), IIIA = T4 N0 M0 recalled. Downstaging is a lower
stage within **one** system; loss of vessel contact is another outcome (see ``vessels``).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Literal

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import floats, namespace, require_unchecked
from neorlt.core.errors import InputError

Boundary = Literal["enets", "ajcc-le-2"]


class StageAjcc8(IntEnum):
    """Stage groups of AJCC 8; smaller is earlier, −1 unknown."""

    I = 1  # noqa: E741
    II = 2
    III = 3
    IV = 4


class StageEnets(IntEnum):
    """Stage groups of ENETS 2006; smaller is earlier, −1 unknown."""

    I = 1  # noqa: E741
    IIA = 2
    IIB = 3
    IIIA = 4
    IIIB = 5
    IV = 6


def t_category(
    size_mm: ArrayLike, *, invades_duodenum_or_bile_duct: ArrayLike = False, invades_organ_or_artery: ArrayLike = False,
    boundary: Boundary = "enets",
) -> Any:
    """T 1–4; the same for AJCC 8 and ENETS.

    Parameters
    ----------
    size_mm
        Longest diameter of the primary.
    invades_duodenum_or_bile_duct
        T3 at any size.
    invades_organ_or_artery
        T4: stomach, spleen, colon, adrenal, or the wall of the coeliac axis or superior mesenteric artery.
    boundary
        ``"enets"``: T1 below 20 mm, T2 20–40 mm (PMC10453483, ENETS). ``"ajcc-le-2"``: T1 up to and with 20 mm, T2 above
        20 and below 40 mm (PMC7668515): the texts conflict, so the choice is the user's.
    """
    if boundary not in ("enets", "ajcc-le-2"):
        raise InputError("unknown T boundary", expected='"enets" or "ajcc-le-2"', found=repr(boundary), remedy="use one of these")
    xp = namespace(size_mm, invades_duodenum_or_bile_duct, invades_organ_or_artery)
    size = floats(xp, size_mm)
    if boundary == "enets":
        code = 1 + xp.where(size >= 20.0, 1, 0) + xp.where(size > 40.0, 1, 0)
    else:
        code = 1 + xp.where(size > 20.0, 1, 0) + xp.where(size >= 40.0, 1, 0)
    code = xp.where(xp.isnan(size), -1, code)
    code = xp.where(xp.asarray(invades_duodenum_or_bile_duct), 3, code)
    return xp.where(xp.asarray(invades_organ_or_artery), 4, code)


def stage_ajcc8(t: ArrayLike, n1: ArrayLike = False, m1: ArrayLike = False) -> Any:
    """Values of :class:`StageAjcc8` (−1 unknown): I T1, II T2–3, III T4 or N1, IV M1. Well-differentiated tumours only."""
    xp = namespace(t, n1, m1)
    category = xp.asarray(t)
    code = xp.where(category <= 1, 1, xp.where(category <= 3, 2, 3))
    code = xp.where(category < 0, -1, code)
    code = xp.where(xp.asarray(n1), 3, code)
    return xp.where(xp.asarray(m1), 4, code)


def stage_enets2006(t: ArrayLike, n1: ArrayLike = False, m1: ArrayLike = False) -> Any:
    """Values of :class:`StageEnets` (−1 unknown): I T1, IIA T2, IIB T3, IIIA T4, IIIB N1, IV M1."""
    xp = namespace(t, n1, m1)
    category = xp.asarray(t)
    code = xp.where(category < 0, -1, category)
    code = xp.where(xp.asarray(n1), 5, code)
    return xp.where(xp.asarray(m1), 6, code)


def m_subcategory(liver: bool, extrahepatic: bool, *, include_unchecked: bool = False) -> str:
    """M0, M1a (liver only), M1b (outside the liver only) or M1c (both): recalled, so only on request."""
    require_unchecked(include_unchecked, "AJCC 8 M1a/b/c", "recalled")
    if liver:
        return "M1c" if extrahepatic else "M1a"
    return "M1b" if extrahepatic else "M0"


def is_downstaged(stage_before: ArrayLike, stage_after: ArrayLike) -> Any:
    """Whether the stage fell, within one system; false where a stage is unknown."""
    xp = namespace(stage_before, stage_after)
    before, after = xp.asarray(stage_before), xp.asarray(stage_after)
    return (before > 0) & (after > 0) & (after < before)

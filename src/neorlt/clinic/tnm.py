"""Stage of pancreatic neuroendocrine tumours: AJCC 8th edition, ENETS 2006, and what was read of AJCC version 9.

Sources: PMC10453483 table 2 (T, N, M of AJCC 8; secondary) with the grouping partly recalled; hindawi tswj/2012/357475
table 1 and wjso s12957-018-1446-y table 2 (ENETS 2006; secondary), IIIA = T4 N0 M0 recalled; AJCC version 9:
doi 10.3322/caac.21840 (abstract). Downstaging is a lower stage within **one** system; loss of vessel contact is another
outcome (see ``vessels``). A category that was not given is unknown, never 0: T2 alone has no stage.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Literal

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import NOT_IN_THIS_VERSION, UNKNOWN, agree, floats, namespace, require_unchecked, tri, yes_no
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
    size_mm: ArrayLike, *, invades_duodenum_or_bile_duct: ArrayLike | None = None, invades_organ_or_artery: ArrayLike | None = None,
    boundary: Boundary = "enets",
) -> Any:
    """T 1–4, −1 where what is known does not settle it; the same for AJCC 8 and ENETS.

    Parameters
    ----------
    size_mm
        Longest diameter of the primary.
    invades_duodenum_or_bile_duct
        T3 at any size. Not given is unknown: T1 and T2 are tumours *limited to the pancreas*.
    invades_organ_or_artery
        T4: stomach, spleen, colon, adrenal, or the wall of the coeliac axis or superior mesenteric artery. Not given is
        unknown.
    boundary
        ``"enets"``: T1 below 20 mm, T2 20–40 mm (PMC10453483, ENETS). ``"ajcc-le-2"``: T1 up to and with 20 mm, T2 above
        20 and below 40 mm (PMC7668515): the texts conflict, so the choice is the user's.
    """
    if boundary not in ("enets", "ajcc-le-2"):
        raise InputError("unknown T boundary", expected='"enets" or "ajcc-le-2"', found=repr(boundary), remedy="use one of these")
    xp = namespace(size_mm, invades_duodenum_or_bile_duct, invades_organ_or_artery)
    size = floats(xp, size_mm)
    duct, organ = tri(xp, invades_duodenum_or_bile_duct), tri(xp, invades_organ_or_artery)
    if boundary == "enets":
        by_size = 1 + xp.where(size >= 20.0, 1, 0) + xp.where(size > 40.0, 1, 0)
    else:
        by_size = 1 + xp.where(size > 20.0, 1, 0) + xp.where(size >= 40.0, 1, 0)
    largest = xp.where(xp.isnan(size), 3, by_size)
    low = xp.where(organ.true, 4, xp.where(duct.true, 3, by_size))
    return agree(xp, low, xp.where(organ.may_be_true, 4, xp.where(duct.may_be_true, 3, largest)))


def _categories(xp: Any, t: ArrayLike, n1: ArrayLike | None, m1: ArrayLike | None) -> tuple[Any, Any, Any, Any]:
    category = floats(xp, t)
    known = (category >= 1) & (category <= 4)
    return xp.where(known, category, 1).astype(int), xp.where(known, category, 4).astype(int), tri(xp, n1), tri(xp, m1)


def stage_ajcc8(t: ArrayLike, n1: ArrayLike | None = None, m1: ArrayLike | None = None) -> Any:
    """Values of :class:`StageAjcc8` (−1 unknown): I T1, II T2–3, III T4 or N1, IV M1. Well-differentiated tumours only.

    ``t`` is 1–4 (−1 or NaN: TX); ``n1`` and ``m1`` are true, false or unknown. M1 is IV whatever the rest; an unknown M
    leaves every other stage unknown.
    """
    xp = namespace(t, n1, m1)
    low_t, high_t, n, m = _categories(xp, t, n1, m1)

    def code(category: Any, nodal: Any, distant: Any) -> Any:
        by_t = xp.where(category <= 1, 1, xp.where(category <= 3, 2, 3))
        return xp.where(distant, 4, xp.where(nodal, 3, by_t))

    return agree(xp, code(low_t, n.true, m.true), code(high_t, n.may_be_true, m.may_be_true))


def stage_enets2006(t: ArrayLike, n1: ArrayLike | None = None, m1: ArrayLike | None = None) -> Any:
    """Values of :class:`StageEnets` (−1 unknown): I T1, IIA T2, IIB T3, IIIA T4, IIIB N1, IV M1."""
    xp = namespace(t, n1, m1)
    low_t, high_t, n, m = _categories(xp, t, n1, m1)

    def code(category: Any, nodal: Any, distant: Any) -> Any:
        return xp.where(distant, 6, xp.where(nodal, 5, category))

    return agree(xp, code(low_t, n.true, m.true), code(high_t, n.may_be_true, m.may_be_true))


def stage_ajcc9(t: ArrayLike, m1: ArrayLike | None = None, *, nodes_recorded_as_x: ArrayLike | None = None) -> Any:
    """The one row of AJCC version 9 that was read: T1 NX M0 is stage I. All other rows: −2, not available in this version.

    ``nodes_recorded_as_x`` says that the category NX (nodes cannot be assessed) was *given*; that is a finding, and not the
    same as a blank. Source: doi 10.3322/caac.21840 (level: abstract).
    """
    xp = namespace(t, m1, nodes_recorded_as_x)
    category, m, nx = floats(xp, t), tri(xp, m1), tri(xp, nodes_recorded_as_x)
    known = (category >= 1) & (category <= 4)
    applies = known & (category == 1) & m.false & nx.true
    other = (known & (category != 1)) | m.true | nx.false
    return xp.where(applies, int(StageAjcc8.I), xp.where(other, NOT_IN_THIS_VERSION, UNKNOWN))


def m_subcategory(liver: bool | None, extrahepatic: bool | None, *, include_unchecked: bool = False) -> str:
    """M0, M1a (liver only), M1b (outside the liver only), M1c (both) or unknown: recalled, so only on request."""
    require_unchecked(include_unchecked, "AJCC 8 M1a/b/c", "recalled")
    if liver is None or extrahepatic is None:
        return "unknown"
    if liver:
        return "M1c" if extrahepatic else "M1a"
    return "M1b" if extrahepatic else "M0"


def is_downstaged(stage_before: ArrayLike, stage_after: ArrayLike) -> Any:
    """Whether the stage fell, within one system: 1 yes, 0 no, −1 unknown (a stage I before cannot fall)."""
    xp = namespace(stage_before, stage_after)
    before, after = floats(xp, stage_before), floats(xp, stage_after)
    both = (before > 0) & (after > 0)
    return yes_no(xp, both & (after < before), (both & (after >= before)) | ((before > 0) & (before <= 1)))

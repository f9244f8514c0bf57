"""Complications of pancreatic surgery: ISGPS definitions and Clavien–Dindo.

Sources: fistula Bassi 2017, doi 10.1016/j.surg.2016.11.014 (abstract); haemorrhage ISGPS 2007, jmedicalcasereports
s13256-021-02743-3 (secondary, the 24 h cut recalled); delayed emptying PMC2999788 table 2 (secondary); Clavien–Dindo
PMC10958949 table 3 (secondary). "Severe" as grade III or above is a convention. No text fixes the margin (0 or 1 mm) of
an R1 resection: a study table must say which rule it used.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import floats, namespace
from neorlt.core.errors import InputError

AMYLASE_MULTIPLE = 3.0
DRAIN_WEEKS = 3.0
EARLY_HAEMORRHAGE_H = 24.0


class Popf(IntEnum):
    """Postoperative pancreatic fistula, ISGPS 2016. A biochemical leak (former grade A) is not a fistula."""

    NONE = 0
    BIOCHEMICAL_LEAK = 1
    B = 2
    C = 3


class IsgpsGrade(IntEnum):
    """Grade of haemorrhage (PPH) or of delayed gastric emptying (DGE), ISGPS 2007."""

    NONE = 0
    A = 1
    B = 2
    C = 3


class ClavienDindo(IntEnum):
    """Clavien–Dindo grade; 0 is no complication."""

    NONE = 0
    I = 1  # noqa: E741
    II = 2
    IIIA = 3
    IIIB = 4
    IVA = 5
    IVB = 6
    V = 7


def classify_popf(
    amylase_ratio: ArrayLike, *, drain_weeks: ArrayLike = 0.0, drainage_or_angiography: ArrayLike = False,
    infection: ArrayLike = False, reoperation: ArrayLike = False, organ_failure: ArrayLike = False, death: ArrayLike = False,
) -> Any:
    """Fistula grade (values of :class:`Popf`).

    ``amylase_ratio`` is drain amylase over the upper limit of normal **serum** amylase. A leak is above 3; B adds a drain
    beyond 3 weeks, percutaneous or endoscopic drainage, angiography for bleeding, or infection without organ failure;
    C is reoperation, organ failure or death from the fistula. Without raised amylase there is no fistula.
    """
    flags = (drainage_or_angiography, infection, reoperation, organ_failure, death)
    xp = namespace(amylase_ratio, drain_weeks, *flags)
    drained, infected, again, failed, dead = (xp.asarray(flag) for flag in flags)
    leak = floats(xp, amylase_ratio) > AMYLASE_MULTIPLE
    code = xp.where((floats(xp, drain_weeks) > DRAIN_WEEKS) | drained | infected, int(Popf.B), int(Popf.BIOCHEMICAL_LEAK))
    code = xp.where(again | failed | dead, int(Popf.C), code)
    return xp.where(leak, code, int(Popf.NONE))


def is_clinically_relevant_popf(grade: ArrayLike) -> Any:
    """Grade B or C."""
    xp = namespace(grade)
    return xp.asarray(grade) >= int(Popf.B)


def classify_pph(onset_h: ArrayLike, severe: ArrayLike) -> Any:
    """Haemorrhage: A early (up to 24 h) and mild, B early and severe or late and mild, C late and severe."""
    xp = namespace(onset_h, severe)
    late = floats(xp, onset_h) > EARLY_HAEMORRHAGE_H
    return 1 + xp.where(late, 1, 0) + xp.where(xp.asarray(severe), 1, 0)


def classify_dge(
    tube_days: ArrayLike = 0.0, *, reinserted_after_day: ArrayLike = 0.0, solids_by_day: ArrayLike | None = None
) -> Any:
    """Delayed gastric emptying: A tube 4–7 d, reinserted after day 3 or no solids by day 7; B 8–14 d, 7, 14; C >14 d, 14, 21.

    ``solids_by_day`` is the day on which solid food was tolerated (NaN: never); left out, it is not used.
    """
    xp = namespace(tube_days, reinserted_after_day, solids_by_day)
    tube, again = floats(xp, tube_days), floats(xp, reinserted_after_day)
    code = xp.where((tube >= 4.0) | (again > 3.0), 1, 0)
    code = xp.where((tube >= 8.0) | (again > 7.0), 2, code)
    code = xp.where((tube > 14.0) | (again > 14.0), 3, code)
    if solids_by_day is None:
        return code
    solids = floats(xp, solids_by_day)
    solids = xp.where(xp.isnan(solids), xp.inf, solids)
    by_food = xp.where(solids > 7.0, 1, 0) + xp.where(solids > 14.0, 1, 0) + xp.where(solids > 21.0, 1, 0)
    return xp.maximum(code, by_food)


def is_severe(grade: ArrayLike) -> Any:
    """Clavien–Dindo III or above (convention)."""
    xp = namespace(grade)
    return xp.asarray(grade) >= int(ClavienDindo.IIIA)


def parse_clavien_dindo(text: str) -> ClavienDindo:
    """Read a grade such as ``"IIIa"``, ``"3b"``, ``"IVa-d"`` (the suffix d marks a disability at discharge) or ``"0"``.

    A bare III or IV is taken as its milder subgrade, which leaves "severe" unchanged.

    Raises
    ------
    InputError
        If the text is not a grade.
    """
    key = text.strip().upper().removeprefix("GRADE ").replace("-", "").replace(" ", "")
    key = key.removesuffix("D")
    roman = {"0": "NONE", "NONE": "NONE", "": "NONE", "1": "I", "2": "II", "3": "IIIA", "III": "IIIA", "3A": "IIIA", "3B": "IIIB",
             "4": "IVA", "IV": "IVA", "4A": "IVA", "4B": "IVB", "5": "V"}
    try:
        return ClavienDindo[roman.get(key, key)]
    except KeyError:
        raise InputError("not a Clavien–Dindo grade", expected="0, I, II, IIIa, IIIb, IVa, IVb or V", found=text,
                         remedy="write one of these") from None

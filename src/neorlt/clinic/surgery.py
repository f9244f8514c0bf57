"""Complications of pancreatic surgery: ISGPS definitions and Clavien–Dindo.

Sources: fistula Bassi 2017, doi 10.1016/j.surg.2016.11.014 (abstract); haemorrhage ISGPS 2007, jmedicalcasereports
s13256-021-02743-3 (secondary, the 24 h cut recalled); delayed emptying PMC2999788 table 2 (secondary); Clavien–Dindo
PMC10958949 table 3 (secondary). "Severe" as grade III or above is a convention. No text fixes the margin (0 or 1 mm) of
an R1 resection: a study table must say which rule it used. The amylase counts from the third day after surgery (recalled from
the definition's text; level: memory).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import UNKNOWN, agree, floats, namespace, tri, yes_no
from neorlt.core.errors import InputError

AMYLASE_MULTIPLE = 3.0
AMYLASE_FROM_DAY = 3.0
"""First day after surgery on which drain amylase counts."""
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
    amylase_ratio: ArrayLike, *, postoperative_day: ArrayLike | None = None, drain_weeks: ArrayLike | None = None,
    drainage_or_angiography: ArrayLike | None = None, infection: ArrayLike | None = None, reoperation: ArrayLike | None = None,
    organ_failure: ArrayLike | None = None, death: ArrayLike | None = None,
) -> Any:
    """Fistula grade (values of :class:`Popf`); −1 where what is known does not settle it.

    ``amylase_ratio`` is drain amylase over the upper limit of normal **serum** amylase, taken on ``postoperative_day``: before
    day 3 it says nothing. A leak is above 3; B adds a drain beyond 3 weeks, percutaneous or endoscopic drainage, angiography for
    bleeding, or infection without organ failure; C is reoperation, organ failure or death from the fistula. Without raised
    amylase there is no fistula. A consequence that was not recorded is unknown, not absent: a missing amylase is never
    "no fistula", and a leak without its course is not yet "no consequence".
    """
    flags = (drainage_or_angiography, infection, reoperation, organ_failure, death)
    xp = namespace(amylase_ratio, postoperative_day, drain_weeks, *flags)
    drained, infected, again, failed, dead = (tri(xp, flag) for flag in flags)
    ratio, day, drain = floats(xp, amylase_ratio), floats(xp, postoperative_day), floats(xp, drain_weeks)
    usable = ~xp.isnan(ratio) & (day >= AMYLASE_FROM_DAY)
    leak = ratio > AMYLASE_MULTIPLE
    long, may_be_long = drain > DRAIN_WEEKS, ~(drain <= DRAIN_WEEKS)

    def code(changed: Any, grave: Any) -> Any:
        return xp.where(grave, int(Popf.C), xp.where(changed, int(Popf.B), int(Popf.BIOCHEMICAL_LEAK)))

    mildest = code(long | drained.true | infected.true, again.true | failed.true | dead.true)
    worst = code(
        may_be_long | drained.may_be_true | infected.may_be_true, again.may_be_true | failed.may_be_true | dead.may_be_true
    )
    return xp.where(usable, xp.where(leak, agree(xp, mildest, worst), int(Popf.NONE)), UNKNOWN)


def is_clinically_relevant_popf(grade: ArrayLike) -> Any:
    """Grade B or C: 1 yes, 0 no, −1 unknown."""
    xp = namespace(grade)
    code = floats(xp, grade)
    return yes_no(xp, code >= int(Popf.B), (code >= 0) & (code < int(Popf.B)))


def classify_pph(onset_h: ArrayLike, severe: ArrayLike | None) -> Any:
    """Haemorrhage: A early (up to 24 h) and mild, B early and severe or late and mild, C late and severe; −1 unknown."""
    xp = namespace(onset_h, severe)
    onset, grave = floats(xp, onset_h), tri(xp, severe)
    late = xp.where(onset > EARLY_HAEMORRHAGE_H, 1, 0)
    low = 1 + late + xp.where(grave.true, 1, 0)
    high = 1 + xp.where(xp.isnan(onset), 1, late) + xp.where(grave.may_be_true, 1, 0)
    return agree(xp, low, high)


def classify_dge(
    tube_days: ArrayLike, *, reinserted_after_day: ArrayLike | None = None, solids_by_day: ArrayLike | None = None
) -> Any:
    """Delayed gastric emptying: A tube 4–7 d, reinserted after day 3 or no solids by day 7; B 8–14 d, 7, 14; C >14 d, 14, 21.

    ``tube_days`` and ``reinserted_after_day`` are 0 where there was no tube and no reinsertion; ``solids_by_day`` is the day on
    which solid food was tolerated, infinity where never. What is missing (None, NaN) is unknown: −1 unless the rest settles it.
    """
    xp = namespace(tube_days, reinserted_after_day, solids_by_day)
    tube, again, solids = floats(xp, tube_days), floats(xp, reinserted_after_day), floats(xp, solids_by_day)

    def step(value: Any, limits: tuple[float, float, float], inclusive: tuple[bool, bool, bool] = (False, False, False)) -> Any:
        code = xp.zeros(value.shape, int)
        for limit, with_limit in zip(limits, inclusive, strict=True):
            code = code + xp.where((value >= limit) if with_limit else (value > limit), 1, 0)
        return code

    parts = [
        (tube, step(tube, (4.0, 8.0, 14.0), (True, True, False))), (again, step(again, (3.0, 7.0, 14.0))),
        (solids, step(solids, (7.0, 14.0, 21.0))),
    ]
    low, high = xp.zeros((), int), xp.zeros((), int)
    for value, code in parts:
        low, high = xp.maximum(low, code), xp.maximum(high, xp.where(xp.isnan(value), int(IsgpsGrade.C), code))
    return agree(xp, low, high)


def is_severe(grade: ArrayLike) -> Any:
    """Clavien–Dindo III or above (convention): 1 yes, 0 no, −1 unknown."""
    xp = namespace(grade)
    code = floats(xp, grade)
    return yes_no(xp, code >= int(ClavienDindo.IIIA), (code >= 0) & (code < int(ClavienDindo.IIIA)))


def parse_clavien_dindo(text: str) -> ClavienDindo:
    """Read a grade such as ``"IIIa"``, ``"3b"``, ``"IVa-d"`` (the suffix d marks a disability at discharge) or ``"0"``.

    Raises
    ------
    InputError
        If the text is not a grade: a blank is unknown and not "no complication", and a bare III or IV lacks its subgrade.
    """
    key = text.strip().upper().removeprefix("GRADE ").replace("-", "").replace(" ", "")
    key = key.removesuffix("D")
    roman = {"0": "NONE", "NONE": "NONE", "1": "I", "2": "II", "3A": "IIIA", "3B": "IIIB", "4A": "IVA", "4B": "IVB", "5": "V"}
    if key in ("3", "III", "4", "IV"):
        raise InputError("a Clavien–Dindo grade lacks its subgrade", expected=f"{key}a or {key}b", found=text,
                         remedy="write the subgrade, or III or IV in a cohort table, where it stays without one")
    try:
        return ClavienDindo[roman.get(key, key)]
    except KeyError:
        raise InputError("not a Clavien–Dindo grade", expected="0, I, II, IIIa, IIIb, IVa, IVb or V", found=text,
                         remedy="write one of these, and leave the grade out where it is not known") from None

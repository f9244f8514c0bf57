"""WHO grade of gastro-entero-pancreatic neuroendocrine tumours (WHO 2017 pancreas, 2019 digestive, 2022 endocrine).

Source: tables at medilib.ir/uptodate/show/122325 and tech.snmjournals.org (level: secondary). G1 is a Ki-67 **below 3 %**:
WHO 2010 wrote "<= 2" and left 2.5 % without a grade, and PMC5697502 prints "< 2 %" by mistake. Mitoses are per 2 mm².
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic import _arrays
from neorlt.clinic._arrays import agree, floats, namespace, yes_no

VERSION = "WHO 2022 (same limits as WHO 2017 and 2019)"
G2_KI67_PCT = 3.0
G3_KI67_ABOVE_PCT = 20.0
G2_MITOSES = 2.0
G3_MITOSES_ABOVE = 20.0
UNKNOWN = _arrays.UNKNOWN


def who_grade(ki67_pct: ArrayLike, mitoses_per_2mm2: ArrayLike | None = None) -> Any:
    """Grade 1, 2 or 3 of a well-differentiated tumour; −1 where what is known does not settle it.

    Ki-67: G1 below 3 %, G2 3–20 %, G3 above 20 %; mitoses per 2 mm²: G1 below 2, G2 2–20, G3 above 20. The higher grade
    of the two wins. Without ``mitoses_per_2mm2`` the grade is the one by Ki-67 alone. Where mitoses are asked for and one
    of the two is missing (NaN), only a G3 by the other is certain.
    """
    xp = namespace(ki67_pct, mitoses_per_2mm2)
    low, high = _ends(xp, floats(xp, ki67_pct), G2_KI67_PCT, G3_KI67_ABOVE_PCT)
    if mitoses_per_2mm2 is None:
        return agree(xp, low, high)
    low_m, high_m = _ends(xp, floats(xp, mitoses_per_2mm2), G2_MITOSES, G3_MITOSES_ABOVE)
    return agree(xp, xp.maximum(low, low_m), xp.maximum(high, high_m))


def _ends(xp: Any, value: Any, g2: float, g3_above: float) -> tuple[Any, Any]:
    code = 1 + xp.where(value >= g2, 1, 0) + xp.where(value > g3_above, 1, 0)
    return code, xp.where(xp.isnan(value), 3, code)


def is_downgraded(grade_before: ArrayLike, grade_after: ArrayLike) -> Any:
    """Whether the grade fell: 1 yes, 0 no, −1 unknown.

    A biopsy and a resection sample differently: report the Ki-67 pair and the specimens too. A grade 1 cannot fall and a
    grade 3 after cannot be a fall, whatever the other was.
    """
    xp = namespace(grade_before, grade_after)
    before, after = floats(xp, grade_before), floats(xp, grade_after)
    known_before, known_after = before > 0, after > 0
    both = known_before & known_after
    never = (known_before & (before <= 1)) | (known_after & (after >= 3))
    return yes_no(xp, both & (after < before), never | (both & (after >= before)))

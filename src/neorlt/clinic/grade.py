"""WHO grade of gastro-entero-pancreatic neuroendocrine tumours (WHO 2017 pancreas, 2019 digestive, 2022 endocrine).

Source: tables at medilib.ir/uptodate/show/122325 and tech.snmjournals.org (level: secondary). G1 is a Ki-67 **below 3 %**:
WHO 2010 wrote "<= 2" and left 2.5 % without a grade, and PMC5697502 prints "< 2 %" by mistake. Mitoses are per 2 mm².
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import floats, namespace

G2_KI67_PCT = 3.0
G3_KI67_ABOVE_PCT = 20.0
G2_MITOSES = 2.0
G3_MITOSES_ABOVE = 20.0
UNKNOWN = -1


def who_grade(ki67_pct: ArrayLike, mitoses_per_2mm2: ArrayLike | None = None) -> Any:
    """Grade 1, 2 or 3 of a well-differentiated tumour; −1 where nothing is known.

    Ki-67: G1 below 3 %, G2 3–20 %, G3 above 20 %; mitoses per 2 mm²: G1 below 2, G2 2–20, G3 above 20. The higher grade
    of the two wins; a missing one (NaN) is left out.
    """
    xp = namespace(ki67_pct, mitoses_per_2mm2)
    by_ki67 = _three(xp, floats(xp, ki67_pct), G2_KI67_PCT, G3_KI67_ABOVE_PCT)
    if mitoses_per_2mm2 is None:
        return by_ki67
    return xp.maximum(by_ki67, _three(xp, floats(xp, mitoses_per_2mm2), G2_MITOSES, G3_MITOSES_ABOVE))


def _three(xp: Any, value: Any, g2: float, g3_above: float) -> Any:
    code = 1 + xp.where(value >= g2, 1, 0) + xp.where(value > g3_above, 1, 0)
    return xp.where(xp.isnan(value), UNKNOWN, code)


def is_downgraded(grade_before: ArrayLike, grade_after: ArrayLike) -> Any:
    """Whether the grade fell. A biopsy and a resection sample differently: report the Ki-67 pair and the specimens too.

    False where a grade is unknown; ask for both to be above 0 before counting a denominator.
    """
    xp = namespace(grade_before, grade_after)
    before, after = xp.asarray(grade_before), xp.asarray(grade_after)
    return (before > 0) & (after > 0) & (after < before)

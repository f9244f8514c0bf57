"""Uptake on somatostatin-receptor imaging: the Krenning score and the label's rule.

Source: Kwekkeboom 2002, Semin Nucl Med 32:84 (planar 111In-pentetreotide); radiopaedia.org, rev. 2021-09-01 (secondary).
Restatements differ at grade 2 (below or equal to the liver), and the product label accepts uptake *at least as high as*
the liver (SmPC 4.2, fulltext); so the cut-off is a setting and both rules are here. There is no accepted response
category for receptor PET: changes of SUV are reported without one.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import at_least, floats, namespace, require_unchecked, yes_no

GRADES = {0: "none", 1: "much lower than liver", 2: "slightly less than or equal to liver", 3: "greater than liver",
          4: "greater than spleen"}
USUAL_MINIMUM_GRADE = 3
"""Least grade usually asked for before radioligand therapy."""


def is_eligible_grade(grade: ArrayLike, minimum_grade: int = USUAL_MINIMUM_GRADE) -> Any:
    """Whether the score reaches the least grade for therapy (a setting: some accept 2): 1 yes, 0 no, −1 unknown."""
    xp = namespace(grade)
    score = floats(xp, grade)
    known = score >= 0
    return yes_no(xp, known & (score >= minimum_grade), known & (score < minimum_grade))


def meets_label_rule(tumour_uptake: ArrayLike, liver_uptake: ArrayLike) -> Any:
    """Whether the tumour takes up at least as much as normal liver (both in the same unit): 1 yes, 0 no, −1 unknown."""
    xp = namespace(tumour_uptake, liver_uptake)
    tumour, liver = floats(xp, tumour_uptake), floats(xp, liver_uptake)
    known = ~(xp.isnan(tumour) | xp.isnan(liver))
    enough = at_least(xp, tumour, liver)
    return yes_no(xp, known & enough, known & ~enough)


def krenning_from_pet(
    tumour_uptake: ArrayLike, liver_uptake: ArrayLike, spleen_uptake: ArrayLike, *, much_lower: float = 0.5,
    none_below: float = 0.1, include_unchecked: bool = False,
) -> Any:
    """The 0–4 scale read on PET from uptake values: unchecked, since the scale was written for planar images.

    ``much_lower`` and ``none_below`` are fractions of the liver's uptake that stand for the words "much lower" and
    "none": assumptions, since no text gives numbers.

    Raises
    ------
    InputError
        Without ``include_unchecked=True``.
    """
    require_unchecked(include_unchecked, "modified Krenning score on PET", "restated only, cancerimaging s40644-022-00465-3")
    xp = namespace(tumour_uptake, liver_uptake, spleen_uptake)
    tumour, liver, spleen = (floats(xp, value) for value in (tumour_uptake, liver_uptake, spleen_uptake))
    code = xp.where(tumour > liver, 3, 2)
    code = xp.where(tumour < much_lower * liver, 1, code)
    code = xp.where(tumour < none_below * liver, 0, code)
    code = xp.where((tumour > spleen) & (tumour > liver), 4, code)
    return xp.where(xp.isnan(tumour) | xp.isnan(liver) | xp.isnan(spleen), -1, code)

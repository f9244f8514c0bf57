"""Choi criteria (CT): size and attenuation. Source: Choi 2007, J Clin Oncol 25:1753; PMC5658474 table Tab2 (secondary)."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import at_least, at_most, floats, namespace, tri
from neorlt.clinic.recist import Response

VERSION = "Choi 2007"
PR_SIZE_CHANGE = -0.10
PR_ATTENUATION_CHANGE = -0.15
PD_SIZE_CHANGE = 0.10


def classify_choi(
    size_change: ArrayLike, attenuation_change: ArrayLike, new_lesion: ArrayLike | None = False, *,
    new_nodule: ArrayLike | None = False, all_gone: ArrayLike | None = False,
) -> Any:
    """Response by relative changes of the summed size and of the mean attenuation (−0.10 is a fall by 10 %).

    PR: size −10 % **or** attenuation −15 %, without a new lesion. PD: size +10 % that is not a PR by attenuation, a new
    lesion, or a new nodule inside a tumour. Returns values of ``Response``; ``NE`` where a missing size, attenuation or flag
    could change the class: without the attenuation only a PR by size is certain.
    """
    xp = namespace(size_change, attenuation_change, new_lesion, new_nodule, all_gone)
    size, attenuation = floats(xp, size_change), floats(xp, attenuation_change)
    lesion, nodule, gone = tri(xp, new_lesion), tri(xp, new_nodule), tri(xp, all_gone)
    by_size, grown, no_size = at_most(xp, size, PR_SIZE_CHANGE), at_least(xp, size, PD_SIZE_CHANGE), xp.isnan(size)
    by_attenuation, no_attenuation = at_most(xp, attenuation, PR_ATTENUATION_CHANGE), xp.isnan(attenuation)
    response = by_size | (by_attenuation & ~no_size)
    code = xp.where(response, int(Response.PR), xp.where(grown, int(Response.PD), int(Response.SD)))
    open_question = no_size | (no_attenuation & ~by_size)
    code = xp.where(open_question, int(Response.NE), code)
    cleared = gone.true | at_most(xp, size, -1.0)
    code = xp.where(cleared, int(Response.CR), xp.where(gone.may_be_true, int(Response.NE), code))
    appeared = lesion.true | nodule.true
    may_appear = (lesion.may_be_true | nodule.may_be_true) & (code != int(Response.PD))
    return xp.where(appeared, int(Response.PD), xp.where(may_appear, int(Response.NE), code))

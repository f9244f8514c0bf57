"""Choi criteria (CT): size and attenuation. Source: Choi 2007, J Clin Oncol 25:1753; PMC5658474 table Tab2 (secondary)."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import at_least, at_most, floats, namespace
from neorlt.clinic.recist import Response

PR_SIZE_CHANGE = -0.10
PR_ATTENUATION_CHANGE = -0.15
PD_SIZE_CHANGE = 0.10


def classify_choi(
    size_change: ArrayLike, attenuation_change: ArrayLike, new_lesion: ArrayLike = False, *, new_nodule: ArrayLike = False,
    all_gone: ArrayLike = False,
) -> Any:
    """Response by relative changes of the summed size and of the mean attenuation (−0.10 is a fall by 10 %).

    PR: size −10 % **or** attenuation −15 %, without a new lesion. PD: size +10 % that is not a PR by attenuation, a new
    lesion, or a new nodule inside a tumour. A missing attenuation cannot make a PR. Returns values of ``Response``.
    """
    xp = namespace(size_change, attenuation_change, new_lesion, new_nodule, all_gone)
    size, attenuation = floats(xp, size_change), floats(xp, attenuation_change)
    by_attenuation = at_most(xp, attenuation, PR_ATTENUATION_CHANGE)
    code = xp.where(at_most(xp, size, PR_SIZE_CHANGE) | by_attenuation, int(Response.PR), int(Response.SD))
    code = xp.where(at_least(xp, size, PD_SIZE_CHANGE) & ~by_attenuation, int(Response.PD), code)
    code = xp.where(xp.asarray(all_gone) | at_most(xp, size, -1.0), int(Response.CR), code)
    code = xp.where(xp.isnan(size), int(Response.NE), code)
    return xp.where(xp.asarray(new_lesion) | xp.asarray(new_nodule), int(Response.PD), code)

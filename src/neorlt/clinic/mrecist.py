"""mRECIST (hepatocellular carcinoma): response of the viable, arterially enhancing tumour.

Source: Lencioni & Llovet 2010, Semin Liver Dis 30:52; read in PMC6287184 table 4 (level: secondary). Written for
hepatocellular carcinoma: NCT04385992 applies it to liver metastases only, and RECIST 1.1 to the primary. A fall in
enhancement alone can be a hypovascular tumour and not a response.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import at_least, at_most, floats, namespace
from neorlt.clinic.recist import PD_CHANGE, PR_CHANGE, Response

TARGET_DIAMETER_MM = 10.0
"""Shortest longest diameter of a target, which must also enhance in the arterial phase and be well delineated."""


def is_target(longest_diameter_mm: ArrayLike, enhancing: ArrayLike, well_delineated: ArrayLike = True) -> Any:
    """Whether lesions may be mRECIST targets; the others go by RECIST 1.1."""
    xp = namespace(longest_diameter_mm, enhancing, well_delineated)
    size = floats(xp, longest_diameter_mm)
    return at_least(xp, size, TARGET_DIAMETER_MM) & xp.asarray(enhancing) & xp.asarray(well_delineated)


def classify_mrecist(
    viable_sum_mm: ArrayLike, baseline_mm: ArrayLike, nadir_mm: ArrayLike, new_lesion: ArrayLike = False
) -> Any:
    """Response by the sum of viable (enhancing) diameters; values of :class:`neorlt.clinic.recist.Response`.

    CR: no enhancement left; PR: −30 % from baseline; PD: +20 % over the nadir (no 5 mm rule) or a new lesion.
    """
    xp = namespace(viable_sum_mm, baseline_mm, nadir_mm, new_lesion)
    now, baseline, nadir = floats(xp, viable_sum_mm), floats(xp, baseline_mm), floats(xp, nadir_mm)
    lowest = xp.minimum(nadir, baseline)
    code = xp.where(at_most(xp, now, (1.0 + PR_CHANGE) * baseline), int(Response.PR), int(Response.SD))
    code = xp.where(at_least(xp, now, (1.0 + PD_CHANGE) * lowest) & (now > lowest), int(Response.PD), code)
    code = xp.where(now <= 0.0, int(Response.CR), code)
    unknown = xp.isnan(now) | xp.isnan(baseline) | xp.isnan(nadir) | (baseline <= 0.0)
    code = xp.where(unknown, int(Response.NE), code)
    return xp.where(xp.asarray(new_lesion), int(Response.PD), code)

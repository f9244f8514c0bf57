"""mRECIST (hepatocellular carcinoma): response of the viable, arterially enhancing tumour.

Source: Lencioni & Llovet 2010, Semin Liver Dis 30:52; read in PMC6287184 table 4 (level: secondary). Written for
hepatocellular carcinoma: NCT04385992 applies it to liver metastases only, and RECIST 1.1 to the primary. A fall in
enhancement alone can be a hypovascular tumour and not a response.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import at_least, at_most, floats, namespace, tri, yes_no
from neorlt.clinic.recist import PD_CHANGE, PR_CHANGE, Response

VERSION = "mRECIST (Lencioni & Llovet 2010)"
TARGET_DIAMETER_MM = 10.0
"""Shortest longest diameter of a target, which must also enhance in the arterial phase and be well delineated."""


def is_target(longest_diameter_mm: ArrayLike, enhancing: ArrayLike | None, well_delineated: ArrayLike | None = True) -> Any:
    """Whether lesions may be mRECIST targets (1 yes, 0 no, −1 unknown); the others go by RECIST 1.1."""
    xp = namespace(longest_diameter_mm, enhancing, well_delineated)
    size = floats(xp, longest_diameter_mm)
    bright, clear = tri(xp, enhancing), tri(xp, well_delineated)
    large, known = at_least(xp, size, TARGET_DIAMETER_MM), ~xp.isnan(size)
    return yes_no(xp, large & known & bright.true & clear.true, (known & ~large) | bright.false | clear.false)


def classify_mrecist(
    viable_sum_mm: ArrayLike, baseline_mm: ArrayLike, nadir_mm: ArrayLike, new_lesion: ArrayLike | None = False
) -> Any:
    """Response by the sum of viable (enhancing) diameters; values of :class:`neorlt.clinic.recist.Response`.

    CR: no enhancement left; PR: −30 % from baseline; PD: +20 % over the nadir (no 5 mm rule) or a new lesion; ``NE`` where
    a sum is missing, or where it is not known whether there is a new lesion and there is no other progression.
    """
    xp = namespace(viable_sum_mm, baseline_mm, nadir_mm, new_lesion)
    now, baseline, nadir = floats(xp, viable_sum_mm), floats(xp, baseline_mm), floats(xp, nadir_mm)
    new = tri(xp, new_lesion)
    lowest = xp.minimum(nadir, baseline)
    code = xp.where(at_most(xp, now, (1.0 + PR_CHANGE) * baseline), int(Response.PR), int(Response.SD))
    code = xp.where(at_least(xp, now, (1.0 + PD_CHANGE) * lowest) & (now > lowest), int(Response.PD), code)
    code = xp.where(now <= 0.0, int(Response.CR), code)
    unknown = xp.isnan(now) | xp.isnan(baseline) | xp.isnan(nadir) | (baseline <= 0.0)
    code = xp.where(unknown | (new.may_be_true & (code != int(Response.PD))), int(Response.NE), code)
    return xp.where(new.true, int(Response.PD), code)

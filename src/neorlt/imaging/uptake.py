"""A lesion's uptake against that of normal liver and spleen: ratios, the product label's rule, the Krenning scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from neorlt.clinic.krenning import krenning_from_pet, meets_label_rule
from neorlt.core.anatomy import organ_of
from neorlt.imaging.measures import RegionUptake
from neorlt.imaging.resample import region_on
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume


def normal_uptake(image: Volume, study: Study, name: str) -> float | None:
    """Mean uptake of an organ without the lesions in it; None where the study does not hold it."""
    wanted = organ_of(name)
    organ = next((r for r in study.organs() if organ_of(r.name) is wanted), None)
    if organ is None:
        return None
    weight = region_on(organ, image.grid).astype(np.float64)
    for lesion in study.lesions():
        weight = np.minimum(weight, 1.0 - region_on(lesion, image.grid))
    if weight.sum() <= 0:
        return None
    return float((image.array * weight).sum() / weight.sum())


def against_organs(uptake: RegionUptake | None, organs: Mapping[str, float | None], krenning: bool) -> dict[str, Any]:
    """Tumour-to-organ ratios of the mean, the label's rule, and the Krenning scale; the last two from the tumour's maximum."""
    liver, spleen = organs.get("liver"), organs.get("spleen")
    row: dict[str, Any] = {
        f"tumour_to_{name}": None if uptake is None or not organs.get(name) else uptake.mean / float(organs[name] or 1.0)
        for name in ("liver", "spleen")
    }
    row["at_least_liver"] = None if uptake is None or liver is None else bool(meets_label_rule(uptake.maximum, liver) == 1)
    row["krenning_score"], row["krenning_reason"] = None, None
    if uptake is None or liver is None or spleen is None:
        row["krenning_reason"] = "needs a PET, and liver and spleen drawn"
    elif not krenning:
        row["krenning_reason"] = "written for planar images and only restated for PET: ask for it with --krenning"
    else:
        row["krenning_score"] = int(krenning_from_pet(uptake.maximum, liver, spleen, include_unchecked=True))
        row["krenning_label"] = "assumption: SUVmax against the organs' mean; scale of planar images"
    return row

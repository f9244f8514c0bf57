"""The field's rules as array-ready tables: response, grade, stage, vessel contact, toxicity, surgery, eligibility.

Every function says in its docstring where its numbers come from and how they were read (*level*):
``fulltext`` (primary document), ``abstract`` (primary abstract), ``secondary`` (restated by another paper) or
``memory`` (recalled; only behind ``include_unchecked=True``). Functions take and return plain arrays, work on numpy
and on jax arrays, and never change their input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.clinic.choi import classify_choi
    from neorlt.clinic.eligibility import Eligibility, check_eligibility
    from neorlt.clinic.grade import is_downgraded, who_grade
    from neorlt.clinic.kidney import ckd_epi_2021, gfr_category
    from neorlt.clinic.krenning import krenning_from_pet, meets_label_rule
    from neorlt.clinic.limits import kidney_bed_limit_gy
    from neorlt.clinic.mrecist import classify_mrecist
    from neorlt.clinic.qol import gi_net21_scales, score_qlq_c30
    from neorlt.clinic.recist import Response, best_response, classify_recist, classify_series, select_targets
    from neorlt.clinic.surgery import ClavienDindo, IsgpsGrade, Popf, classify_dge, classify_popf, classify_pph, parse_clavien_dindo
    from neorlt.clinic.tnm import StageAjcc8, is_downstaged, stage_ajcc8, stage_enets2006, t_category
    from neorlt.clinic.vessels import Resectability, Vessel, VesselContact, classify_resectability

__all__ = [
    "ClavienDindo",
    "Eligibility",
    "IsgpsGrade",
    "Popf",
    "Resectability",
    "Response",
    "StageAjcc8",
    "Vessel",
    "VesselContact",
    "best_response",
    "check_eligibility",
    "ckd_epi_2021",
    "classify_choi",
    "classify_dge",
    "classify_mrecist",
    "classify_popf",
    "classify_pph",
    "classify_recist",
    "classify_resectability",
    "classify_series",
    "gfr_category",
    "gi_net21_scales",
    "is_downgraded",
    "is_downstaged",
    "kidney_bed_limit_gy",
    "krenning_from_pet",
    "meets_label_rule",
    "parse_clavien_dindo",
    "score_qlq_c30",
    "select_targets",
    "stage_ajcc8",
    "stage_enets2006",
    "t_category",
    "who_grade",
]

__getattr__ = offers(__name__)

"""Kidney function: estimated filtration, creatinine clearance, and the KDIGO categories.

Sources: CKD-EPI 2021, Inker 2021, doi 10.1056/NEJMoa2102953, read at kidney.org/ckd-epi-creatinine-equation-2021 (secondary);
Cockcroft & Gault 1976, doi 10.1159/000180580, read in Taber's dictionary (secondary); KDIGO 2012 table 5, Kidney Int Suppl
3:27, read at ccjm.org (secondary). Categories G1 and G2 are chronic kidney disease only with another sign of damage.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import UNKNOWN, floats, namespace, tri

VERSION = "KDIGO 2012"
UMOL_PER_MG_DL = 88.4
"""µmol/l of creatinine in 1 mg/dl."""


class GfrCategory(IntEnum):
    """KDIGO category of the filtration rate; −1 unknown."""

    G1 = 1
    G2 = 2
    G3A = 3
    G3B = 4
    G4 = 5
    G5 = 6


class AlbuminuriaCategory(IntEnum):
    """KDIGO category of the urine's albumin over creatinine; −1 unknown."""

    A1 = 1
    A2 = 2
    A3 = 3


def ckd_epi_2021(creatinine_mg_dl: ArrayLike, age_y: ArrayLike, female: ArrayLike | None) -> Any:
    """Estimated filtration in ml/min/1.73 m² from creatinine, age and sex (no race); NaN where one is missing."""
    xp = namespace(creatinine_mg_dl, age_y, female)
    creatinine, age, sex = floats(xp, creatinine_mg_dl), floats(xp, age_y), tri(xp, female)
    kappa, alpha = xp.where(sex.true, 0.7, 0.9), xp.where(sex.true, -0.241, -0.302)
    ratio = creatinine / kappa
    rate = 142.0 * xp.minimum(ratio, 1.0) ** alpha * xp.maximum(ratio, 1.0) ** -1.2 * 0.9938**age * xp.where(sex.true, 1.012, 1.0)
    return xp.where(sex.true | sex.false, rate, xp.nan)


def cockcroft_gault(creatinine_mg_dl: ArrayLike, age_y: ArrayLike, weight_kg: ArrayLike, female: ArrayLike | None) -> Any:
    """Creatinine clearance in ml/min (not per body surface), NaN where an input is missing."""
    xp = namespace(creatinine_mg_dl, age_y, weight_kg, female)
    creatinine, age, weight, sex = floats(xp, creatinine_mg_dl), floats(xp, age_y), floats(xp, weight_kg), tri(xp, female)
    clearance = (140.0 - age) * weight / (72.0 * creatinine) * xp.where(sex.true, 0.85, 1.0)
    return xp.where(sex.true | sex.false, clearance, xp.nan)


def gfr_category(gfr_ml_min_173: ArrayLike) -> Any:
    """Values of :class:`GfrCategory`: G1 from 90, G2 60–89, G3a 45–59, G3b 30–44, G4 15–29, G5 below 15 ml/min/1.73 m²."""
    xp = namespace(gfr_ml_min_173)
    rate = floats(xp, gfr_ml_min_173)
    code = 1 + sum(xp.where(rate < limit, 1, 0) for limit in (90.0, 60.0, 45.0, 30.0, 15.0))
    return xp.where(xp.isnan(rate), UNKNOWN, code)


def albuminuria_category(albumin_mg_per_g_creatinine: ArrayLike) -> Any:
    """Values of :class:`AlbuminuriaCategory`: A1 below 30, A2 30–300, A3 above 300 mg/g."""
    xp = namespace(albumin_mg_per_g_creatinine)
    ratio = floats(xp, albumin_mg_per_g_creatinine)
    return xp.where(xp.isnan(ratio), UNKNOWN, 1 + xp.where(ratio >= 30.0, 1, 0) + xp.where(ratio > 300.0, 1, 0))

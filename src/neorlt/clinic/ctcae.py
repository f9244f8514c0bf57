"""CTCAE version 5.0 grades from laboratory values.

Source: NCI CTCAE v5.0 of 2017-11-27, read in a machine copy (pharmaverse/admiral ``ncictcaev5.json``; level: fulltext).
Grade 1 needs the laboratory's limit of normal; without it the grade of a value that is not grade 2 or worse is −1
(not available), never 0. Grade 4 haemoglobin is a clinical judgement and never follows from the number.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import floats, namespace

NOT_AVAILABLE = -1
FALLING: dict[str, tuple[float, ...]] = {
    "platelets_e9_per_l": (75.0, 50.0, 25.0),
    "wbc_e9_per_l": (3.0, 2.0, 1.0),
    "neutrophils_e9_per_l": (1.5, 1.0, 0.5),
    "lymphocytes_e9_per_l": (0.8, 0.5, 0.2),
    "haemoglobin_g_dl": (10.0, 8.0),
    "albumin_g_l": (30.0, 20.0),
}
"""Values below these are grade 2, 3 (and 4) or worse; a value on the limit has the milder grade."""


def _falling(name: str, value: ArrayLike, lln: ArrayLike | None) -> Any:
    xp = namespace(value, lln)
    x, lower = floats(xp, value), floats(xp, lln)
    mild = xp.where(x < lower, 1, 0)
    code = xp.where(xp.isnan(lower), NOT_AVAILABLE, mild)
    for grade, limit in enumerate(FALLING[name], start=2):
        code = xp.where(x < limit, grade, code)
    return xp.where(xp.isnan(x), NOT_AVAILABLE, code)


def grade_platelets(platelets_e9_per_l: ArrayLike, lln_e9_per_l: ArrayLike | None = None) -> Any:
    """Platelets: 1 below the limit of normal to 75, 2 <75–50, 3 <50–25, 4 <25 × 10⁹/l."""
    return _falling("platelets_e9_per_l", platelets_e9_per_l, lln_e9_per_l)


def grade_wbc(wbc_e9_per_l: ArrayLike, lln_e9_per_l: ArrayLike | None = None) -> Any:
    """White cells: 1 below the limit of normal to 3.0, 2 <3–2, 3 <2–1, 4 <1 × 10⁹/l."""
    return _falling("wbc_e9_per_l", wbc_e9_per_l, lln_e9_per_l)


def grade_neutrophils(neutrophils_e9_per_l: ArrayLike, lln_e9_per_l: ArrayLike | None = None) -> Any:
    """Neutrophils: 1 below the limit of normal to 1.5, 2 <1.5–1.0, 3 <1.0–0.5, 4 <0.5 × 10⁹/l."""
    return _falling("neutrophils_e9_per_l", neutrophils_e9_per_l, lln_e9_per_l)


def grade_lymphocytes(lymphocytes_e9_per_l: ArrayLike, lln_e9_per_l: ArrayLike | None = None) -> Any:
    """Lymphocytes: 1 below the limit of normal to 0.8, 2 <0.8–0.5, 3 <0.5–0.2, 4 <0.2 × 10⁹/l."""
    return _falling("lymphocytes_e9_per_l", lymphocytes_e9_per_l, lln_e9_per_l)


def grade_haemoglobin(haemoglobin_g_dl: ArrayLike, lln_g_dl: ArrayLike | None = None) -> Any:
    """Haemoglobin: 1 below the limit of normal to 10.0, 2 <10–8, 3 <8 g/dl (or transfusion); 4 is clinical."""
    return _falling("haemoglobin_g_dl", haemoglobin_g_dl, lln_g_dl)


def grade_albumin(albumin_g_l: ArrayLike, lln_g_l: ArrayLike | None = None) -> Any:
    """Albumin: 1 below the limit of normal to 30, 2 <30–20, 3 <20 g/l."""
    return _falling("albumin_g_l", albumin_g_l, lln_g_l)


def grade_creatinine(creatinine: ArrayLike, uln: ArrayLike | None = None, baseline: ArrayLike | None = None) -> Any:
    """Creatinine (one unit for all three): 1 >ULN–1.5 ULN, 2 >1.5–3 baseline or ULN, 3 >3 baseline or >3–6 ULN, 4 >6 ULN.

    Version 5 has no grade 1 by 1–1.5 times the baseline (version 4 had). Without the ULN the grade is not available.
    """
    xp = namespace(creatinine, uln, baseline)
    x, upper, base = floats(xp, creatinine), floats(xp, uln), floats(xp, baseline)
    code = xp.where(x > upper, 1, 0)
    code = xp.where((x > 1.5 * upper) | (x > 1.5 * base), 2, code)
    code = xp.where((x > 3.0 * upper) | (x > 3.0 * base), 3, code)
    code = xp.where(x > 6.0 * upper, 4, code)
    return xp.where(xp.isnan(x) | xp.isnan(upper), NOT_AVAILABLE, code)


def _rising(
    value: ArrayLike, uln: ArrayLike | None, baseline: ArrayLike | None, limits: tuple[float, ...], first_abnormal: float
) -> Any:
    xp = namespace(value, uln, baseline)
    x, upper, base = floats(xp, value), floats(xp, uln), floats(xp, baseline)
    abnormal = base > upper
    reference = xp.where(abnormal, base, upper)
    mild = xp.where(abnormal & (first_abnormal > 1.0), x >= first_abnormal * reference, x > reference)
    code = xp.where(mild, 1, 0)
    for grade, limit in enumerate(limits, start=2):
        code = xp.where(x > limit * reference, grade, code)
    return xp.where(xp.isnan(x) | xp.isnan(upper), NOT_AVAILABLE, code)


def grade_transaminase(value: ArrayLike, uln: ArrayLike | None, baseline: ArrayLike | None = None) -> Any:
    """ALT or AST: 1 >1–3, 2 >3–5, 3 >5–20, 4 >20 times ULN; times the baseline (1 from 1.5) where that was above ULN."""
    return _rising(value, uln, baseline, (3.0, 5.0, 20.0), 1.5)


def grade_bilirubin(value: ArrayLike, uln: ArrayLike | None, baseline: ArrayLike | None = None) -> Any:
    """Bilirubin: 1 >1–1.5, 2 >1.5–3, 3 >3–10, 4 >10 times ULN; times the baseline where that was above ULN."""
    return _rising(value, uln, baseline, (1.5, 3.0, 10.0), 1.0)

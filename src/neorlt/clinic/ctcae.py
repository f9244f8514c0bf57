"""CTCAE grades from laboratory values, by version: 5.0 (default), and the rows of 4.03 and 6.0 that were read.

The rows stand in ``data/ctcae.json`` with the copy they were read in. A row that was not read, or that a version does not
have, answers −2, *not available in this version* (version 6 has no row for a fall of lymphocytes, for example). Grade 1
mostly needs the laboratory's limit of normal, and versions 5 and 6 grade liver values against the **baseline** where that
was abnormal: what is missing leaves the grade −1, unknown, unless it could not change it. Grade 4 haemoglobin and albumin
are clinical judgements and never follow from the number.
"""

from __future__ import annotations

import functools
from typing import Any

from numpy.typing import ArrayLike

from neorlt.clinic._arrays import NOT_IN_THIS_VERSION, UNKNOWN, Tri, agree, floats, namespace, tri
from neorlt.core.errors import InputError
from neorlt.core.tables import read_json

NOT_AVAILABLE = UNKNOWN
DEFAULT_VERSION = "5.0"
WORST = 4


@functools.cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = read_json("clinic", "ctcae.json")
    return table


def versions() -> tuple[str, ...]:
    """Versions of which rows were read."""
    return tuple(_table()["versions"])


def version_name(version: str = DEFAULT_VERSION) -> str:
    """Name of a version with its date, as it is printed beside a grade."""
    return str(_version(version)["name"])


def terms(version: str = DEFAULT_VERSION) -> tuple[str, ...]:
    """Laboratory values that a version grades here."""
    return tuple(_version(version)["rows"])


def _version(version: str) -> dict[str, Any]:
    found: dict[str, Any] | None = _table()["versions"].get(version)
    if found is None:
        raise InputError("unknown version of CTCAE", expected=", ".join(versions()), found=version, remedy="use one of these")
    return found


def _every_term() -> set[str]:
    return {term for version in versions() for term in terms(version)}


def row(term: str, version: str = DEFAULT_VERSION) -> dict[str, Any] | None:
    """The row of a value (limits, unit, term), with the version's name and source; None where it is not available.

    Raises
    ------
    InputError
        If the version or, in every version, the value is unknown.
    """
    content = _version(version)
    if term not in _every_term():
        raise InputError("unknown laboratory value", expected=", ".join(sorted(_every_term())), found=term, remedy="use one of these")
    found = content["rows"].get(term)
    if found is None:
        return None
    return {"source": content["source"], "name": content["name"], "level": content["level"], **found}


def grade(
    term: str, value: ArrayLike, *, lln: ArrayLike | None = None, uln: ArrayLike | None = None, baseline: ArrayLike | None = None,
    proteinuria: ArrayLike | None = None, version: str = DEFAULT_VERSION,
) -> Any:
    """Grade 0–4 of laboratory values; −1 unknown, −2 not available in this version.

    Parameters
    ----------
    term
        One of :func:`terms`.
    value
        In the row's unit; rows by multiples take any unit, the same for value, limits and baseline.
    lln, uln
        The laboratory's lower and upper limit of normal.
    baseline
        The patient's value before treatment.
    proteinuria
        Of ``egfr`` only: 2+ on the stick or a ratio above 0.5, which alone is grade 1.
    version
        One of :func:`versions`.
    """
    xp = namespace(value, lln, uln, baseline, proteinuria)
    x, lower, upper, base = (floats(xp, v) for v in (value, lln, uln, baseline))
    found = row(term, version)
    if found is None:
        return xp.full(xp.broadcast_shapes(x.shape, lower.shape, upper.shape, base.shape), NOT_IN_THIS_VERSION)
    kind = found["kind"]
    if kind == "falling":
        return _falling(xp, found, x, lower, tri(xp, proteinuria))
    if kind == "multiple":
        return _multiple(xp, found, x, upper, base)
    if kind == "creatinine":
        return _creatinine(xp, found, x, lower, upper, base)
    if kind == "above_both":
        settled = xp.where((x <= upper) | (x <= base), 0, UNKNOWN)
        return xp.where((x > upper) & (x > base), 1, settled)
    code = xp.where(x > found["none_above"], 0, UNKNOWN)
    for name, (low, high) in found["ranges"].items():
        code = xp.where((x > low) & (x <= high) | ((x == low) & (code == UNKNOWN)), int(name), code)
    return code


def _falling(xp: Any, found: dict[str, Any], x: Any, lower: Any, extra: Tri) -> Any:
    first = lower if found["grade_1_below"] == "lln" else xp.asarray(float(found["grade_1_below"]))
    below = xp.where(x < first, 1, 0)
    code = xp.where(xp.isnan(first), UNKNOWN, below)
    if "grade_1_also" in found:
        code = xp.where(extra.true | (code == 1), 1, xp.where(extra.false, code, UNKNOWN))
    for number, limit in enumerate(found["limits"], start=2):
        code = xp.where(x < limit, number, code)
    return xp.where(xp.isnan(x), UNKNOWN, code)


def _steps(xp: Any, x: Any, reference: Any, limits: list[float | None], first_included: bool = False) -> Any:
    """Grade by multiples of a reference; 0 where it is missing."""
    code = xp.zeros(xp.broadcast_shapes(x.shape, reference.shape), int)
    for number, limit in enumerate(limits, start=1):
        if limit is not None:
            reached = x >= limit * reference if (first_included and number == 1) else x > limit * reference
            code = xp.where(reached, number, code)
    return code


def _multiple(xp: Any, found: dict[str, Any], x: Any, upper: Any, base: Any) -> Any:
    normal = _steps(xp, x, upper, found["of_uln"])
    if "of_abnormal_baseline" not in found:
        return xp.where(xp.isnan(x) | xp.isnan(upper), UNKNOWN, normal)
    abnormal = _steps(xp, x, base, found["of_abnormal_baseline"], found["first_included"])
    cap = found.get("grade_3_baseline_up_to_x_uln")
    if cap is not None:
        # The text defines grade 3 only for a baseline up to this multiple: above it, the class is not written.
        abnormal = xp.where((abnormal == 3) & (base > cap * upper), UNKNOWN, abnormal)
    code = xp.where(base > upper, abnormal, normal)
    # Without the baseline a value within the limit is grade 0 either way; any other depends on it.
    code = xp.where(xp.isnan(base), xp.where(x <= upper, 0, UNKNOWN), code)
    return xp.where(xp.isnan(x) | xp.isnan(upper), UNKNOWN, code)


def _creatinine(xp: Any, found: dict[str, Any], x: Any, lower: Any, upper: Any, base: Any) -> Any:
    by_limit = _steps(xp, x, upper, found["of_uln"])
    low, high = by_limit, xp.where(xp.isnan(upper), WORST, by_limit)
    only_below = "of_baseline_below_lln" in found
    limits = found["of_baseline_below_lln" if only_below else "of_baseline"]
    by_base = _steps(xp, x, base, limits)
    worst = max(number for number, limit in enumerate(limits, start=1) if limit is not None)
    if only_below:
        counts, may_count = base < lower, ~(base >= lower)
        unknown_base = xp.isnan(base)
        low = xp.maximum(low, xp.where(counts, by_base, 0))
        high = xp.maximum(high, xp.where(may_count, xp.where(unknown_base, worst, by_base), 0))
    else:
        low = xp.maximum(low, by_base)
        high = xp.maximum(high, xp.where(xp.isnan(base), worst, by_base))
    return xp.where(xp.isnan(x), UNKNOWN, agree(xp, low, high))


def grade_platelets(platelets_e9_per_l: ArrayLike, lln_e9_per_l: ArrayLike | None = None, *, version: str = DEFAULT_VERSION) -> Any:
    """Platelets: 1 below the limit of normal to 75, 2 <75–50, 3 <50–25, 4 <25 × 10⁹/l (version 6: 3 <50–10, 4 <10)."""
    return grade("platelets", platelets_e9_per_l, lln=lln_e9_per_l, version=version)


def grade_wbc(wbc_e9_per_l: ArrayLike, lln_e9_per_l: ArrayLike | None = None, *, version: str = DEFAULT_VERSION) -> Any:
    """White cells: 1 below the limit of normal to 3.0, 2 <3–2, 3 <2–1, 4 <1 × 10⁹/l."""
    return grade("wbc", wbc_e9_per_l, lln=lln_e9_per_l, version=version)


def grade_neutrophils(neutrophils_e9_per_l: ArrayLike, lln_e9_per_l: ArrayLike | None = None, *, version: str = DEFAULT_VERSION) -> Any:
    """Neutrophils: 1 below the limit of normal to 1.5, 2 <1.5–1.0, 3 <1.0–0.5, 4 <0.5 × 10⁹/l.

    Version 6: 1 <1.5–1.0 (no limit of normal), 2 <1.0–0.5, 3 <0.5–0.1, 4 <0.1.
    """
    return grade("neutrophils", neutrophils_e9_per_l, lln=lln_e9_per_l, version=version)


def grade_lymphocytes(lymphocytes_e9_per_l: ArrayLike, lln_e9_per_l: ArrayLike | None = None, *, version: str = DEFAULT_VERSION) -> Any:
    """Lymphocytes: 1 below the limit of normal to 0.8, 2 <0.8–0.5, 3 <0.5–0.2, 4 <0.2 × 10⁹/l."""
    return grade("lymphocytes", lymphocytes_e9_per_l, lln=lln_e9_per_l, version=version)


def grade_haemoglobin(haemoglobin_g_dl: ArrayLike, lln_g_dl: ArrayLike | None = None, *, version: str = DEFAULT_VERSION) -> Any:
    """Haemoglobin: 1 below the limit of normal to 10.0, 2 <10–8, 3 <8 g/dl (or transfusion); 4 is clinical."""
    return grade("haemoglobin", haemoglobin_g_dl, lln=lln_g_dl, version=version)


def grade_albumin(albumin_g_l: ArrayLike, lln_g_l: ArrayLike | None = None, *, version: str = DEFAULT_VERSION) -> Any:
    """Albumin: 1 below the limit of normal to 30, 2 <30–20, 3 <20 g/l."""
    return grade("albumin", albumin_g_l, lln=lln_g_l, version=version)


def grade_creatinine(
    creatinine: ArrayLike, uln: ArrayLike | None = None, baseline: ArrayLike | None = None, *, lln: ArrayLike | None = None,
    version: str = DEFAULT_VERSION,
) -> Any:
    """Creatinine (one unit for all): 1 >ULN–1.5 ULN, 2 >1.5–3 baseline or ULN, 3 >3 baseline or >3–6 ULN, 4 >6 ULN.

    Version 4.03 adds grade 1 by 1–1.5 times the baseline; version 6 uses the baseline only where it was below normal.
    Without the baseline only a grade that it could not raise is given.
    """
    return grade("creatinine", creatinine, uln=uln, baseline=baseline, lln=lln, version=version)


def grade_transaminase(
    value: ArrayLike, uln: ArrayLike | None, baseline: ArrayLike | None = None, *, version: str = DEFAULT_VERSION
) -> Any:
    """ALT or AST: 1 >1–3, 2 >3–5, 3 >5–20, 4 >20 times ULN; times the baseline (1 from 1.5) where that was above ULN."""
    return grade("alt", value, uln=uln, baseline=baseline, version=version)


def grade_bilirubin(value: ArrayLike, uln: ArrayLike | None, baseline: ArrayLike | None = None, *, version: str = DEFAULT_VERSION) -> Any:
    """Bilirubin: 1 >1–1.5, 2 >1.5–3, 3 >3–10, 4 >10 times ULN; times the baseline where that was above ULN."""
    return grade("bilirubin", value, uln=uln, baseline=baseline, version=version)


def grade_egfr(
    egfr_ml_min_173: ArrayLike, lln: ArrayLike | None = None, *, proteinuria: ArrayLike | None = None, version: str = DEFAULT_VERSION
) -> Any:
    """Chronic kidney disease by eGFR: 1 below normal to 60 (or proteinuria), 2 <60–30, 3 <30–15, 4 <15 ml/min/1.73 m²."""
    return grade("egfr", egfr_ml_min_173, lln=lln, proteinuria=proteinuria, version=version)

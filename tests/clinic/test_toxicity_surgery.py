import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neorlt.clinic import ctcae, eligibility, limits, surgery
from neorlt.clinic.surgery import ClavienDindo, Popf
from neorlt.core.errors import InputError

RULES = json.loads((Path(__file__).parents[1] / "data" / "clinic" / "clinical_rules.json").read_text(encoding="utf-8"))
CASES: list[tuple[str, Callable[..., Any], float]] = [
    ("platelets", ctcae.grade_platelets, 150.0), ("wbc", ctcae.grade_wbc, 4.0), ("anc", ctcae.grade_neutrophils, 2.0),
    ("lymphocytes", ctcae.grade_lymphocytes, 1.0), ("hemoglobin_g_dL", ctcae.grade_haemoglobin, 12.0),
    ("albumin_g_L", ctcae.grade_albumin, 35.0),
]


@pytest.mark.parametrize(("key", "function", "lln"), CASES)
def test_falling_counts_follow_the_rule_table(key: str, function: Callable[..., Any], lln: float) -> None:
    table = RULES["toxicity_ctcae_v5"][key]
    for grade, text in table.items():
        numbers = re.findall(r"\d+\.?\d*", text.split("(")[0])
        if not numbers:
            continue
        upper = lln if "LLN" in text else float(numbers[0])
        lower = 0.0 if len(numbers) == 1 and "LLN" not in text else float(numbers[-1])
        assert int(function(upper, lln)) < int(grade), "a value on the limit has the milder grade"
        assert int(function(lower + 0.5 * (upper - lower), lln)) == int(grade)
        if lower > 0:
            assert int(function(lower, lln)) == int(grade)
    assert int(function(lln, lln)) == 0


@pytest.mark.parametrize(("key", "function", "lln"), CASES)
def test_without_the_limit_of_normal_grade_1_is_not_available(key: str, function: Callable[..., Any], lln: float) -> None:
    assert int(function(lln + 1.0)) == -1
    assert int(function(0.1)) >= 2
    assert int(function(np.nan, lln)) == -1


def test_haemoglobin_never_grades_4_from_the_number() -> None:
    assert int(ctcae.grade_haemoglobin(3.0, 12.0)) == 3


def test_creatinine_version_5() -> None:
    uln = 1.2
    assert int(ctcae.grade_creatinine(1.1, uln, 0.8)) == 0  # 1.4 x baseline: grade 1 in version 4 only
    assert int(ctcae.grade_creatinine(1.1, uln, 0.8, version="4.03")) == 1
    assert int(ctcae.grade_creatinine(1.3, uln, 1.2)) == 1
    assert int(ctcae.grade_creatinine(1.3, uln)) == -1  # against a baseline of 0.4 it would be grade 3
    assert int(ctcae.grade_creatinine(1.3, uln, 0.8)) == 2
    assert int(ctcae.grade_creatinine(4.0, uln)) == 3
    assert int(ctcae.grade_creatinine(7.3, uln)) == 4
    assert int(ctcae.grade_creatinine(4.0, None, 1.0)) == -1


def test_liver_values_by_baseline() -> None:
    assert ctcae.grade_transaminase([40.0, 41.0, 121.0, 201.0, 801.0], 40.0, 30.0).tolist() == [0, 1, 2, 3, 4]
    assert ctcae.grade_transaminase([40.0, 41.0, 801.0], 40.0).tolist() == [0, -1, -1]  # the baseline may have been abnormal
    assert ctcae.grade_transaminase([41.0, 801.0], 40.0, version="4.03").tolist() == [1, 4]  # version 4 asks for no baseline
    assert int(ctcae.grade_transaminase(110.0, 40.0, 80.0)) == 0
    assert int(ctcae.grade_transaminase(120.0, 40.0, 80.0)) == 1
    assert ctcae.grade_bilirubin([1.0, 1.1, 1.6, 3.1, 10.1], 1.0, 0.8).tolist() == [0, 1, 2, 3, 4]


QUIET = {"postoperative_day": 4, "drain_weeks": 1.0, "drainage_or_angiography": False, "infection": False, "reoperation": False,
         "organ_failure": False, "death": False}


def test_fistula_needs_amylase_and_consequence() -> None:
    def popf(ratio: float | None, **changed: object) -> int:
        return int(surgery.classify_popf(ratio, **{**QUIET, **changed}))  # type: ignore[arg-type]

    assert popf(3.0) == Popf.NONE
    assert popf(3.1) == Popf.BIOCHEMICAL_LEAK
    assert popf(10.0, drain_weeks=3.0) == Popf.BIOCHEMICAL_LEAK
    assert popf(10.0, drain_weeks=3.1) == Popf.B
    assert popf(10.0, infection=True) == Popf.B
    assert popf(10.0, infection=True, organ_failure=True) == Popf.C
    assert popf(1.0, reoperation=True) == Popf.NONE
    assert popf(None) == -1  # no amylase is not "no fistula"
    assert popf(10.0, postoperative_day=2) == -1
    assert popf(10.0, infection=None) == -1
    assert popf(10.0, infection=None, reoperation=True) == Popf.C
    assert surgery.is_clinically_relevant_popf([0, 1, 2, 3, -1]).tolist() == [0, 0, 1, 1, -1]


def test_haemorrhage_and_emptying() -> None:
    assert surgery.classify_pph([12, 24, 25, 12, 48], [False, False, False, True, True]).tolist() == [1, 1, 2, 2, 3]
    assert surgery.classify_pph([np.nan, 48, np.nan], [False, None, True]).tolist() == [-1, -1, -1]
    eats = {"reinserted_after_day": 0, "solids_by_day": 3}
    assert surgery.classify_dge([3, 4, 7, 8, 14, 15], **eats).tolist() == [0, 1, 1, 2, 2, 3]
    assert int(surgery.classify_dge(0, reinserted_after_day=0, solids_by_day=8)) == 1
    assert int(surgery.classify_dge(0, reinserted_after_day=0, solids_by_day=np.inf)) == 3
    assert int(surgery.classify_dge(0, reinserted_after_day=0)) == -1
    assert int(surgery.classify_dge(15)) == 3


@pytest.mark.parametrize(("text", "grade"), [("0", "NONE"), ("II", "II"), ("iiib", "IIIB"), ("3a", "IIIA"), ("IV a", "IVA"),
                                             ("grade IVb", "IVB"), ("II-d", "II"), ("V", "V")])
def test_clavien_dindo_is_read(text: str, grade: str) -> None:
    assert surgery.parse_clavien_dindo(text).name == grade


def test_severe_is_grade_3_or_above() -> None:
    assert surgery.is_severe([ClavienDindo.II, ClavienDindo.IIIA, ClavienDindo.V, -1]).tolist() == [0, 1, 1, -1]
    for text, words in (("VI", "VI"), ("", "not known"), ("III", "IIIa or IIIb"), ("4", "4a or 4b")):
        with pytest.raises(InputError, match=words):
            surgery.parse_clavien_dindo(text)


def test_eligibility_is_one_protocol_at_a_time() -> None:
    rules = eligibility.eligibility_set("chicago-preop-prrt")
    patient = {"haemoglobin_g_dl": 12.0, "wbc_e9_per_l": 5.0, "platelets_e9_per_l": [75.0, 74.0, 200.0], "inr": 1.0,
               "creatinine_clearance_ml_min": 80.0, "liver_burden_pct": 10.0, "bilirubin_mg_dl": 1.0, "albumin_g_dl": 4.0,
               "ki67_pct": [20.0, 8.0, 21.0], "sstr_uptake": 1.0}
    result = eligibility.check_eligibility(rules, patient)
    assert result.eligible.tolist() == [1, 0, 0]
    assert result.failed["platelets_e9_per_l >= 75"].tolist() == [False, True, False]
    del patient["inr"]
    unknown = eligibility.check_eligibility(rules, patient)
    assert unknown.eligible.tolist() == [-1, 0, 0]
    assert bool(unknown.missing["inr <= 1.5"])


def test_recalled_sets_and_limits_are_only_there_on_request() -> None:
    assert "netter-1" not in eligibility.names()
    with pytest.raises(InputError, match="include_unchecked"):
        eligibility.eligibility_set("netter-1")
    assert eligibility.eligibility_set("netter-1", include_unchecked=True).level == "memory"
    with pytest.raises(InputError, match="include_unchecked"):
        limits.unchecked_limit_gy("red_marrow")
    assert limits.unchecked_limit_gy("red_marrow", include_unchecked=True) == 2.0
    with pytest.raises(InputError, match="unknown"):
        eligibility.eligibility_set("netter-2")


def test_kidney_limit_depends_on_risk_factors() -> None:
    table = RULES["prrt"]["dose_limits"]["kidney_BED_Gy"]
    assert limits.kidney_bed_limit_gy([]) == table["without_risk_factors"]
    assert np.isnan(limits.kidney_bed_limit_gy(None))
    assert limits.kidney_bed_limit_gy(["none"]) == table["without_risk_factors"]
    assert limits.kidney_bed_limit_gy(["diabetes"]) == table["with_risk_factors"]
    assert limits.kidney_bed_limit_gy(["diabetes", "hypertension"]) == table["with_risk_factors"]

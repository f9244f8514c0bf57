"""Cases of the rules' own tables, each with the section it was read in; ``None`` is an answer that is not known."""

from typing import Any

import numpy as np
import pytest

from neorlt.clinic import ctcae, kidney, rules
from neorlt.core.errors import InputError

WHO = "WHO 2022 grade table (UpToDate table 122325)"
T = "AJCC 8, PMC10453483 table 2, T"
STAGE = "AJCC 8 stage groups (cancer.org net-staging; grouping partly recalled)"
ENETS = "ENETS 2006, wjso s12957-018-1446-y table 2"
V9 = "AJCC version 9, doi 10.3322/caac.21840 abstract"
TARGET = "Eisenhauer 2009 section 4.3.1 (PMC2755245 table T3)"
BACK = "RECIST group, clarification 'does a new lesion always result in PD'"
OVERALL = "Eisenhauer 2009 table 1"
ONLY = "Eisenhauer 2009 table 2"
MREC = "Lencioni & Llovet 2010, PMC6287184 table 4"
CHOI = "Choi 2007, PMC5658474 table Tab2"
POPF = "ISGPS 2016, wjso s12957-021-02372-6 table 1"
PPH = "ISGPS 2007 haemorrhage, jmedicalcasereports s13256-021-02743-3 table 1"
DGE = "ISGPS 2007 emptying, PMC2999788 table 2"
KDIGO = "KDIGO 2012 table 5"

LIMITED = {"invades_duodenum_or_bile_duct": False, "invades_organ_or_artery": False}
QUIET = {"postoperative_day": 4, "drain_weeks": 1, "drainage_or_angiography": False, "infection": False, "reoperation": False,
         "organ_failure": False, "death": False}
FLAGS = {"new_lesion": False, "targets_gone": False, "after_complete_response": False}
EATS = {"reinserted_after_day": 0, "solids_by_day": 3}


def recist(now: Any, base: Any, nadir: Any, **flags: Any) -> dict[str, Any]:
    return {"sum_mm": now, "baseline_mm": base, "nadir_mm": nadir, **FLAGS, **flags}


CASES: list[tuple[str, dict[str, Any], str | None, str]] = [
    ("who", {"ki67_pct": 2.9, "mitoses_per_2mm2": 1}, "G1", WHO),
    ("who", {"ki67_pct": 2.5, "mitoses_per_2mm2": 1.9}, "G1", WHO),
    ("who", {"ki67_pct": 3, "mitoses_per_2mm2": 1}, "G2", WHO),
    ("who", {"ki67_pct": 1, "mitoses_per_2mm2": 2}, "G2", WHO),
    ("who", {"ki67_pct": 20, "mitoses_per_2mm2": 20}, "G2", WHO),
    ("who", {"ki67_pct": 20.1, "mitoses_per_2mm2": 1}, "G3", WHO),
    ("who", {"ki67_pct": 1, "mitoses_per_2mm2": 21}, "G3", WHO),
    ("who", {"ki67_pct": 25}, "G3", WHO),
    ("who", {"ki67_pct": 5}, None, WHO),
    ("who", {"mitoses_per_2mm2": 1}, None, WHO),
    ("who-ki67", {"ki67_pct": 5}, "G2", WHO),
    ("who-ki67", {}, None, WHO),
    ("downgraded", {"grade_before": 2, "grade_after": 1}, "yes", WHO),
    ("downgraded", {"grade_before": 2, "grade_after": 2}, "no", WHO),
    ("downgraded", {"grade_before": 1}, "no", WHO),
    ("downgraded", {"grade_before": 2}, None, WHO),
    ("t", {"size_mm": 19.9, **LIMITED}, "T1", T),
    ("t", {"size_mm": 20, **LIMITED}, "T2", T),
    ("t", {"size_mm": 40, **LIMITED}, "T2", T),
    ("t", {"size_mm": 40.1, **LIMITED}, "T3", T),
    ("t", {"size_mm": 10, **LIMITED, "invades_duodenum_or_bile_duct": True}, "T3", T),
    ("t", {"size_mm": 10, **LIMITED, "invades_organ_or_artery": True}, "T4", T),
    ("t", {"invades_organ_or_artery": True}, "T4", T),
    ("t", {"size_mm": 50, "invades_organ_or_artery": False}, "T3", T),
    ("t", {"size_mm": 30}, None, T),
    ("ajcc8", {"t": 1, "n1": False, "m1": False}, "I", STAGE),
    ("ajcc8", {"t": 2, "n1": False, "m1": False}, "II", STAGE),
    ("ajcc8", {"t": 3, "n1": False, "m1": False}, "II", STAGE),
    ("ajcc8", {"t": 4, "n1": False, "m1": False}, "III", STAGE),
    ("ajcc8", {"t": 1, "n1": True, "m1": False}, "III", STAGE),
    ("ajcc8", {"n1": True, "m1": False}, "III", STAGE),
    ("ajcc8", {"t": 1, "n1": True, "m1": True}, "IV", STAGE),
    ("ajcc8", {"m1": True}, "IV", STAGE),
    ("ajcc8", {"t": 2, "m1": False}, None, STAGE),
    ("ajcc8", {"t": 2, "n1": False}, None, STAGE),
    ("ajcc8", {"t": 4, "m1": False}, "III", STAGE),
    ("enets2006", {"t": 1, "n1": False, "m1": False}, "I", ENETS),
    ("enets2006", {"t": 2, "n1": False, "m1": False}, "IIA", ENETS),
    ("enets2006", {"t": 3, "n1": False, "m1": False}, "IIB", ENETS),
    ("enets2006", {"t": 4, "n1": False, "m1": False}, "IIIA", ENETS + " (IIIA recalled)"),
    ("enets2006", {"t": 2, "n1": True, "m1": False}, "IIIB", ENETS),
    ("enets2006", {"t": 2, "n1": True, "m1": True}, "IV", ENETS),
    ("enets2006", {"t": 4, "m1": False}, None, ENETS),
    ("ajcc9", {"t": 1, "m1": False, "nodes_recorded_as_x": True}, "I", V9),
    ("ajcc9", {"t": 2, "m1": False, "nodes_recorded_as_x": True}, None, V9),
    ("ajcc9", {"t": 1, "m1": False}, None, V9),
    ("recist", recist(100, 100, 100), "SD", TARGET),
    ("recist", recist(70, 100, 100), "PR", TARGET),
    ("recist", recist(70.1, 100, 100), "SD", TARGET),
    ("recist", recist(0, 100, 40), "CR", TARGET),
    ("recist", recist(9, 60, 9, targets_gone=True), "CR", TARGET),
    ("recist", recist(24, 100, 20), "PR", TARGET),
    ("recist", recist(25, 100, 20), "PD", TARGET),
    ("recist", recist(120, 100, 100), "PD", TARGET),
    ("recist", recist(119.9, 100, 100), "SD", TARGET),
    ("recist", recist(120, 100, 130), "PD", TARGET),
    ("recist", recist(50, 100, 50, new_lesion=True), "PD", TARGET),
    ("recist", recist(None, 100, 50, new_lesion=True), "PD", TARGET),
    ("recist", recist(50, 100, 50, new_lesion=None), None, TARGET),
    ("recist", recist(130, 100, 100, new_lesion=None), "PD", TARGET),
    ("recist", recist(None, 100, 50), None, TARGET),
    ("recist", recist(4, 50, 0), "PD", BACK),
    ("recist", recist(11, 60, 9, after_complete_response=True), "PD", BACK),
    ("recist", recist(0, 50, 0, after_complete_response=True), "CR", BACK),
    ("recist-overall", {"target": 1, "non_target": 1, "new_lesion": False}, "CR", OVERALL),
    ("recist-overall", {"target": 1, "non_target": 0, "new_lesion": False}, "CR", OVERALL),
    ("recist-overall", {"target": 1, "non_target": 2, "new_lesion": False}, "PR", OVERALL),
    ("recist-overall", {"target": 1, "non_target": 5, "new_lesion": False}, "PR", OVERALL + " (recalled row)"),
    ("recist-overall", {"target": 2, "non_target": 5, "new_lesion": False}, "PR", OVERALL),
    ("recist-overall", {"target": 3, "non_target": 1, "new_lesion": False}, "SD", OVERALL),
    ("recist-overall", {"target": 3, "non_target": 4, "new_lesion": False}, "PD", OVERALL),
    ("recist-overall", {"target": 1, "non_target": 1, "new_lesion": True}, "PD", OVERALL),
    ("recist-overall", {"target": 1, "non_target": 1}, None, OVERALL),
    ("recist-overall", {"target": 1, "new_lesion": False}, None, OVERALL),
    ("recist-overall", {"non_target": 4}, "PD", OVERALL),
    ("recist-non-target-only", {"non_target": 1, "new_lesion": False}, "CR", ONLY),
    ("recist-non-target-only", {"non_target": 2, "new_lesion": False}, "NON_CR_NON_PD", ONLY),
    ("recist-non-target-only", {"non_target": 4, "new_lesion": False}, "PD", ONLY),
    ("recist-non-target-only", {"non_target": 2, "new_lesion": True}, "PD", ONLY),
    ("recist-non-target-only", {"new_lesion": False}, None, ONLY),
    ("measurable", {"size_mm": 10, "node": False}, "yes", TARGET),
    ("measurable", {"size_mm": 14.9, "node": True}, "no", TARGET),
    ("measurable", {"size_mm": 15}, "yes", TARGET),
    ("measurable", {"size_mm": 12}, None, TARGET),
    ("mrecist", {"viable_sum_mm": 0, "baseline_mm": 40, "nadir_mm": 40, "new_lesion": False}, "CR", MREC),
    ("mrecist", {"viable_sum_mm": 28, "baseline_mm": 40, "nadir_mm": 40, "new_lesion": False}, "PR", MREC),
    ("mrecist", {"viable_sum_mm": 24, "baseline_mm": 100, "nadir_mm": 20, "new_lesion": False}, "PD", MREC),
    ("mrecist", {"viable_sum_mm": 38, "baseline_mm": 40, "nadir_mm": 40, "new_lesion": False}, "SD", MREC),
    ("mrecist", {"viable_sum_mm": 38, "baseline_mm": 40, "nadir_mm": 40}, None, MREC),
    ("choi", {"size_change": -0.1, "attenuation_change": 0, "new_lesion": False, "new_nodule": False, "all_gone": False}, "PR", CHOI),
    ("choi", {"size_change": 0, "attenuation_change": -0.15, "new_lesion": False, "new_nodule": False, "all_gone": False}, "PR", CHOI),
    ("choi", {"size_change": 0.12, "attenuation_change": -0.2, "new_lesion": False, "new_nodule": False, "all_gone": False}, "PR", CHOI),
    ("choi", {"size_change": 0.1, "attenuation_change": 0, "new_lesion": False, "new_nodule": False, "all_gone": False}, "PD", CHOI),
    ("choi", {"size_change": -0.5, "attenuation_change": 0, "new_lesion": False, "new_nodule": True, "all_gone": False}, "PD", CHOI),
    ("choi", {"size_change": -0.05, "new_lesion": False, "new_nodule": False, "all_gone": False}, None, CHOI),
    ("popf", {"amylase_ratio": 3, **QUIET}, "none", POPF),
    ("popf", {"amylase_ratio": 3.1, **QUIET}, "biochemical leak", POPF),
    ("popf", {"amylase_ratio": 9, **QUIET, "drain_weeks": 3.1}, "B", POPF),
    ("popf", {"amylase_ratio": 9, **QUIET, "drainage_or_angiography": True}, "B", POPF),
    ("popf", {"amylase_ratio": 9, **QUIET, "infection": True}, "B", POPF),
    ("popf", {"amylase_ratio": 9, **QUIET, "infection": True, "organ_failure": True}, "C", POPF),
    ("popf", {"amylase_ratio": 9, **QUIET, "reoperation": True}, "C", POPF),
    ("popf", {"amylase_ratio": 9, **QUIET, "death": True}, "C", POPF),
    ("popf", {**QUIET}, None, POPF),
    ("popf", {"amylase_ratio": 9, **QUIET, "postoperative_day": 2}, None, POPF + " (day 3: recalled)"),
    ("popf", {"amylase_ratio": 2, "postoperative_day": 3}, "none", POPF),
    ("pph", {"onset_h": 24, "severe": False}, "A", PPH),
    ("pph", {"onset_h": 12, "severe": True}, "B", PPH),
    ("pph", {"onset_h": 25, "severe": False}, "B", PPH),
    ("pph", {"onset_h": 48, "severe": True}, "C", PPH),
    ("pph", {"onset_h": 48}, None, PPH),
    ("dge", {"tube_days": 3, **EATS}, "none", DGE),
    ("dge", {"tube_days": 4, **EATS}, "A", DGE),
    ("dge", {"tube_days": 14, **EATS}, "B", DGE),
    ("dge", {"tube_days": 15, **EATS}, "C", DGE),
    ("dge", {"tube_days": 0, "reinserted_after_day": 8, "solids_by_day": 3}, "B", DGE),
    ("dge", {"tube_days": 0, "reinserted_after_day": 0, "solids_by_day": np.inf}, "C", DGE),
    ("dge", {"tube_days": 5, "reinserted_after_day": 0}, None, DGE),
    ("severe-complication", {"grade": 2}, "no", "Clavien–Dindo, PMC10958949 table 3"),
    ("severe-complication", {"grade": 3}, "yes", "Clavien–Dindo, PMC10958949 table 3"),
    ("krenning-eligible", {"grade": 2}, "no", "Krenning, radiopaedia.org"),
    ("krenning-eligible", {"grade": 3}, "yes", "Krenning, radiopaedia.org"),
    ("label-uptake", {"tumour_uptake": 5, "liver_uptake": 5}, "yes", "SmPC section 4.2"),
    ("label-uptake", {"tumour_uptake": 5}, None, "SmPC section 4.2"),
    *[("gfr", {"gfr_ml_min_173": v}, c, KDIGO) for v, c in
      ((90, "G1"), (89.9, "G2"), (60, "G2"), (59, "G3a"), (44, "G3b"), (29, "G4"), (14, "G5"))],
    *[("albuminuria", {"albumin_mg_per_g_creatinine": v}, c, KDIGO) for v, c in ((29, "A1"), (30, "A2"), (300, "A2"), (301, "A3"))],
]


@pytest.mark.parametrize(("key", "patient", "expected", "section"), CASES, ids=lambda v: v if isinstance(v, str) and len(v) < 25 else "")
def test_table(key: str, patient: dict[str, Any], expected: str | None, section: str) -> None:
    assert section
    answer = rules.rule(key).answer(patient)
    assert answer.name == expected
    assert answer.version
    assert answer.source
    if expected is None:
        assert answer.reason


CTCAE = "NCI CTCAE v{}, row {}"
BLOOD: list[tuple[str, str, dict[str, Any], int]] = [
    *[(v, "platelets", {"value": x, "lln": 150}, g) for v in ("4.03", "5.0") for x, g in
      ((150, 0), (149, 1), (75, 1), (74, 2), (50, 2), (49, 3), (25, 3), (24, 4))],
    *[("6.0", "platelets", {"value": x, "lln": 150}, g) for x, g in ((150, 0), (149, 1), (74, 2), (49, 3), (24, 3), (10, 3), (9.9, 4))],
    *[(v, "neutrophils", {"value": x, "lln": 2}, g) for v in ("4.03", "5.0") for x, g in
      ((2, 0), (1.9, 1), (1.5, 1), (1.4, 2), (0.9, 3), (0.49, 4))],
    *[("6.0", "neutrophils", {"value": x}, g) for x, g in ((1.5, 0), (1.4, 1), (0.9, 2), (0.49, 3), (0.1, 3), (0.09, 4))],
    *[(v, "wbc", {"value": x, "lln": 4}, g) for v in ("4.03", "5.0", "6.0") for x, g in ((4, 0), (3.5, 1), (2.9, 2), (1.9, 3), (0.9, 4))],
    *[(v, "haemoglobin", {"value": x, "lln": 12}, g) for v in ("4.03", "5.0", "6.0") for x, g in
      ((12, 0), (11, 1), (9.9, 2), (7.9, 3), (4, 3))],
    *[(v, "lymphocytes", {"value": x, "lln": 1}, g) for v in ("4.03", "5.0") for x, g in
      ((1, 0), (0.9, 1), (0.7, 2), (0.4, 3), (0.1, 4))],
    ("6.0", "lymphocytes", {"value": 0.1, "lln": 1}, -2),
    *[(v, "albumin", {"value": x, "lln": 35}, g) for v in ("4.03", "5.0", "6.0") for x, g in ((35, 0), (31, 1), (29, 2), (19, 3))],
    *[("4.03", "alt", {"value": x, "uln": 40}, g) for x, g in ((40, 0), (41, 1), (121, 2), (201, 3), (801, 4))],
    *[("5.0", "alt", {"value": x, "uln": 40, "baseline": 80}, g) for x, g in ((110, 0), (120, 1), (241, 2), (401, 3), (1601, 4))],
    *[("6.0", "alt", {"value": x, "uln": 40, "baseline": 80}, g) for x, g in ((79, 0), (80, 1), (121, 2), (161, 3), (321, 4))],
    ("6.0", "alt", {"value": 750, "uln": 40, "baseline": 250}, -1),  # grade 3 is written for a baseline up to 5 ULN only
    ("6.0", "alt", {"value": 750, "uln": 40, "baseline": 30}, 3),
    *[("6.0", "bilirubin", {"value": x, "uln": 1, "baseline": 2}, g) for x, g in ((1.9, 0), (2, 1), (3.1, 2), (5.1, 3), (20.1, 4))],
    *[("5.0", "alp", {"value": x, "uln": 100, "baseline": 200}, g) for x, g in ((390, 0), (400, 1), (501, 2), (1001, 3), (4001, 4))],
    *[("6.0", "alp", {"value": x, "uln": 100, "baseline": 200}, g) for x, g in ((150, 0), (201, 1), (5000, 1))],
    *[("5.0", "ggt", {"value": x, "uln": 50, "baseline": 40}, g) for x, g in ((50, 0), (51, 1), (126, 2), (251, 3), (1001, 4))],
    *[("4.03", "creatinine", {"value": x, "uln": 1.2, "baseline": 0.8}, g) for x, g in ((0.8, 0), (1.1, 1), (1.3, 2), (2.5, 3), (7.3, 4))],
    *[("5.0", "creatinine", {"value": x, "uln": 1.2, "baseline": 0.8}, g) for x, g in ((1.1, 0), (1.3, 2), (2.5, 3), (7.3, 4))],
    *[("6.0", "creatinine", {"value": x, "uln": 1.2, "baseline": 0.8, "lln": 0.6}, g) for x, g in ((1.1, 0), (1.3, 1), (2.5, 2), (7.3, 4))],
    ("6.0", "creatinine", {"value": 1.1, "uln": 1.2, "baseline": 0.5, "lln": 0.6}, 2),
    *[("6.0", "creatinine_clearance", {"value": x}, g) for x, g in ((60, 0), (49, 2), (26, 2), (25, 3), (10, 3), (9, -1))],
    *[("5.0", "egfr", {"value": x, "lln": 90, "proteinuria": False}, g) for x, g in ((95, 0), (80, 1), (59, 2), (29, 3), (14, 4))],
    ("5.0", "egfr", {"value": 95, "lln": 90, "proteinuria": True}, 1),
    ("5.0", "egfr", {"value": 95, "lln": 90}, -1),
    ("4.03", "egfr", {"value": 95, "lln": 90}, -2),
    ("6.0", "egfr", {"value": 95, "lln": 90}, -2),
    ("5.0", "creatinine_clearance", {"value": 40}, -2),
    ("5.0", "platelets", {"value": 100}, -1),
    ("5.0", "platelets", {"value": 40}, 3),
]


@pytest.mark.parametrize(("version", "term", "values", "expected"), BLOOD)
def test_ctcae_row(version: str, term: str, values: dict[str, Any], expected: int) -> None:
    values = dict(values)
    assert int(ctcae.grade(term, values.pop("value"), version=version, **values)) == expected
    row = ctcae.row(term, version)
    assert (row is None) == (expected == -2), CTCAE.format(version, term)
    assert row is None or row["source"]


def test_versions_print_their_name_and_refuse_others() -> None:
    assert rules.rule("ctcae:neutrophils:6.0").answer({"value": 0.3}).version == "NCI CTCAE v6.0"
    assert rules.rule("ctcae:neutrophils:5.0").answer({"value": 0.3}).name == "grade 4"
    gone = rules.rule("ctcae:lymphocytes:6.0").answer({"value": 0.1})
    assert gone.reason == "not available in this version"
    with pytest.raises(InputError, match=r"4\.03, 5\.0, 6\.0"):
        ctcae.grade("platelets", 10, version="3.0")
    with pytest.raises(InputError, match="platelets"):
        ctcae.grade("shoe size", 10)
    with pytest.raises(InputError, match="who-ki67"):
        rules.rule("tnm7")
    with pytest.raises(InputError, match="ki67_pct"):
        rules.rule("who").answer({"ki67": 3})


def test_what_is_still_possible_is_said() -> None:
    answer = rules.rule("ajcc8").answer({"t": 2, "m1": False})
    assert answer.possible == ("II", "III")
    assert "n1" in str(answer.reason)
    assert rules.rule("ctcae:creatinine:5.0").answer({"value": 1.3, "uln": 1.2}).possible == ("grade 1", "grade 2", "grade 3")
    assert set(answer.as_json()) >= {"class", "rule", "version", "source"}


def test_kidney_equations_by_hand() -> None:
    # kidney.org's equation: 142 x (0.9/0.7)^-1.2 x 0.9938^55 x 1.012; Cockcroft-Gault: 80 x 80 / (72 x 1.2)
    assert float(kidney.ckd_epi_2021(0.9, 55, True)) == pytest.approx(142 * (0.9 / 0.7) ** -1.2 * 0.9938**55 * 1.012)
    assert float(kidney.ckd_epi_2021(0.8, 50, False)) == pytest.approx(142 * (0.8 / 0.9) ** -0.302 * 0.9938**50)
    assert float(kidney.cockcroft_gault(1.2, 60, 80, False)) == pytest.approx(74.07, abs=0.01)
    assert float(kidney.cockcroft_gault(0.9, 45, 65, True)) == pytest.approx(81.0, abs=0.1)
    assert np.isnan(kidney.ckd_epi_2021(0.9, 55, None))
    assert np.isnan(kidney.cockcroft_gault(0.9, 45, np.nan, True))

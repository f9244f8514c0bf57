import json
from pathlib import Path

import numpy as np
import pytest

from neorlt.clinic import grade, krenning, tnm
from neorlt.core.errors import InputError

RULES = json.loads((Path(__file__).parents[1] / "data" / "clinic" / "clinical_rules.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("ki67", "expected"), [(0.0, 1), (2.0, 1), (2.5, 1), (2.99, 1), (3.0, 2), (20.0, 2), (20.01, 3), (80.0, 3), (np.nan, -1)]
)
def test_who_grade_by_ki67(ki67: float, expected: int) -> None:
    assert int(grade.who_grade(ki67)) == expected


def test_the_higher_grade_of_ki67_and_mitoses_wins() -> None:
    codes = grade.who_grade([1.0, 1.0, 25.0, np.nan, 5.0, 25.0], [1.0, 2.0, 1.0, 21.0, np.nan, np.nan])
    assert codes.tolist() == [1, 2, 3, 3, -1, 3]


def test_cut_offs_are_those_of_the_rule_table() -> None:
    table = RULES["grading"]["who_gep_net"]
    assert table["ki67_pct"] == {"G1": f"<{grade.G2_KI67_PCT:g}", "G2": f"{grade.G2_KI67_PCT:g}-{grade.G3_KI67_ABOVE_PCT:g}",
                                 "G3": f">{grade.G3_KI67_ABOVE_PCT:g}"}
    assert table["mitoses_per_2mm2"]["G1"] == f"<{grade.G2_MITOSES:g}"


def test_downgrading_needs_both_grades() -> None:
    assert grade.is_downgraded([2, 2, -1, 3, 1], [1, 2, 1, -1, 2]).tolist() == [1, 0, -1, -1, 0]


@pytest.mark.parametrize(
    ("size", "enets", "other"), [(19.9, 1, 1), (20.0, 2, 1), (20.1, 2, 2), (39.9, 2, 2), (40.0, 2, 3), (40.1, 3, 3)]
)
def test_t_boundaries_at_2_and_4_cm(size: float, enets: int, other: int) -> None:
    limited = {"invades_duodenum_or_bile_duct": False, "invades_organ_or_artery": False}
    assert int(tnm.t_category(size, **limited)) == enets
    assert int(tnm.t_category(size, boundary="ajcc-le-2", **limited)) == other
    assert int(tnm.t_category(size)) == -1  # T1 to T3 are limited to the pancreas: not said is not known


def test_invasion_sets_t() -> None:
    assert int(tnm.t_category(10.0, invades_duodenum_or_bile_duct=True, invades_organ_or_artery=False)) == 3
    assert int(tnm.t_category(10.0, invades_organ_or_artery=True)) == 4
    with pytest.raises(InputError, match="boundary"):
        tnm.t_category(10.0, boundary="who")  # type: ignore[arg-type]


def test_stage_groups() -> None:
    t = np.array([1, 2, 3, 4, 1, 1, -1])
    n = np.array([0, 0, 0, 0, 1, 1, 0], bool)
    m = np.array([0, 0, 0, 0, 0, 1, 0], bool)
    assert tnm.stage_ajcc8(t, n, m).tolist() == [1, 2, 2, 3, 3, 4, -1]
    assert [tnm.StageEnets(int(s)).name for s in tnm.stage_enets2006(t, n, m)[:6]] == ["I", "IIA", "IIB", "IIIA", "IIIB", "IV"]
    assert tnm.is_downstaged([4, 3, 1, -1], [2, 3, 2, 1]).tolist() == [1, 0, 0, -1]
    assert int(tnm.stage_ajcc8(2)) == -1
    assert int(tnm.stage_ajcc8(2, None, False)) == -1
    assert int(tnm.stage_ajcc8(2, True, None)) == -1
    assert int(tnm.stage_ajcc8(-1, None, True)) == 4


def test_recalled_rules_are_only_there_on_request() -> None:
    assert RULES["sstr_uptake"]["modified_krenning_pet"]["status"] == "check_first"
    with pytest.raises(InputError, match="include_unchecked"):
        tnm.m_subcategory(True, False)
    assert tnm.m_subcategory(True, True, include_unchecked=True) == "M1c"
    assert tnm.m_subcategory(True, None, include_unchecked=True) == "unknown"
    with pytest.raises(InputError, match="include_unchecked"):
        krenning.krenning_from_pet(10, 5, 20)
    assert krenning.krenning_from_pet([10, 30, 5, 2, 0.1, np.nan], 5, 20, include_unchecked=True).tolist() == [3, 4, 2, 1, 0, -1]


def test_uptake_rules_differ_on_purpose() -> None:
    assert krenning.is_eligible_grade([2, 3, -1]).tolist() == [0, 1, -1]
    assert krenning.is_eligible_grade([2, 3], 2).tolist() == [1, 1]
    assert krenning.meets_label_rule([5.0, 4.9, np.nan], 5.0).tolist() == [1, 0, -1]

"""Who benefits: indices known on paper, and gains that behave."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.core.manifest import to_json
from neorlt.planning.benefit import FEATURES, benefit_document, benefit_of, dose_per_gbq, patient_of, sobol_indices, who_benefits
from neorlt.planning.scheme import parse_scheme

pytest.importorskip("SALib", reason="extra search is not installed")
SCHEME = parse_scheme("4 x 7.4 GBq Lu-177 every 8 weeks")


def test_ishigami_indices_are_those_of_the_paper():
    """Ishigami, a = 7, b = 0.1: variances in closed form (Saltelli 2008)."""
    a, b, pi = 7.0, 0.1, np.pi
    v1, v2 = 0.5 * (1 + b * pi**4 / 5) ** 2, a**2 / 8
    v13 = b**2 * pi**8 * (1 / 18 - 1 / 50)
    whole = v1 + v2 + v13

    def ishigami(x):
        return np.sin(x[:, 0]) + a * np.sin(x[:, 1]) ** 2 + b * x[:, 2] ** 4 * np.sin(x[:, 0])

    _, _, first, total = sobol_indices(ishigami, [[-pi, pi]] * 3, 2048, seed=1)
    assert first[0, :, 0] == pytest.approx([v1 / whole, v2 / whole, 0.0], abs=0.04)
    assert total[0, :, 0] == pytest.approx([(v1 + v13) / whole, v2 / whole, v13 / whole], abs=0.04)


def test_a_constant_has_no_index():
    _, _, first, total = sobol_indices(lambda x: np.ones(len(x)), [[0, 1]] * 2, 32)
    assert not first.any() and not total.any()


def patients(**changed):
    base = {"longest_diameter_mm": 45.0, "ki67_pct": 8.0, "gy_per_gbq": 0.5, "vein_deg": 220.0, "artery_deg": 60.0, "age_y": 60.0}
    return np.array([[(base | changed)[key] for key, *_ in FEATURES]])


def test_already_resectable_patients_gain_nothing():
    gains = benefit_of(SCHEME, patients(vein_deg=0.0, artery_deg=0.0), 30)
    assert gains.resectable[0] == 0 and 0 < gains.removed[0] < 1
    # An untouched tumour is operated on at once: RLT costs life and does not stand first.
    assert gains.months[0] < 0 and not gains.leads[0]


def test_the_gain_is_that_of_the_decision():
    """Another road: the decision of one such patient, in a world of its own; draws differ, the expectation does not."""
    from neorlt.planning.decision.decide import decide
    from neorlt.planning.decision.options import Kind

    rows = np.concatenate([patients(vein_deg=0.0, artery_deg=0.0), patients(vein_deg=300.0, artery_deg=190.0)])
    gains = benefit_of(SCHEME, rows, 1500, seed=3)
    for i, row in enumerate(rows):
        decision = decide(patient_of(row), [SCHEME], n_draws=1500, max_draws=1500, seed=4)
        mean = {option.name: value for option, value, open_ in zip(
            decision.options, decision.utility.mean(axis=0), decision.eligible, strict=True) if open_}
        rlt = {option.name for option in decision.options if option.kind.is_rlt}
        expected = 12 * (max(v for k, v in mean.items() if k in rlt) - max(v for k, v in mean.items() if k not in rlt))
        assert gains.months[i] == pytest.approx(expected, abs=2.5)
        assert gains.leads[i] == (decision.mildest.kind in (Kind.RLT_ALONE, Kind.RLT_THEN_SURGERY))


def test_more_dose_removes_more():
    removed = [benefit_of(SCHEME, patients(gy_per_gbq=q), 30).removed[0] for q in (0.05, 0.5, 0.95)]
    assert removed[0] < removed[1] < removed[2]


def test_company_does_not_change_a_patient():
    both = np.concatenate([patients(), patients(ki67_pct=15.0)])
    assert benefit_of(SCHEME, both, 20).removed[0] == pytest.approx(benefit_of(SCHEME, both[:1], 20).removed[0], abs=1e-6)
    assert benefit_of(SCHEME, both, 20).months[0] == pytest.approx(benefit_of(SCHEME, both[:1], 20).months[0], abs=1e-3)


def test_dose_runs_over_the_published_spread():
    assert dose_per_gbq(np.array(0.5)) == pytest.approx(3.142)
    assert np.log(dose_per_gbq(np.array(1.0)) / 3.142) == pytest.approx(1.96 * 0.54, rel=1e-3)


def test_document():
    document = benefit_document(who_benefits(SCHEME, n_base=16, n_draws=16))
    to_json(document)
    assert [row["feature"] for row in document["features"]] == [feature[0] for feature in FEATURES]
    assert "quality-adjusted months" in document["answer"]["sentences"][0] and document["assumptions"]
    assert set(document["mean_gain"]) == {"months", "resectable", "removed"} and 0 <= document["share_first"] <= 1


def test_a_value_that_is_no_number_is_refused_before_any_index():
    """SALib 1.6 answers zeros, plus or minus zero, for every feature where one output is NaN, and says nothing."""
    pytest.importorskip("SALib")
    with pytest.raises(InputError, match="no number for some patients"):
        sobol_indices(lambda x: np.where(np.arange(len(x)) == 3, np.nan, x[:, 0]), [[0.0, 1.0], [0.0, 1.0]], n_base=64)


@pytest.mark.parametrize("scale", [1e-9, 1e200])
def test_a_unit_changes_no_index(scale):
    """Squares of 1e200 overflow: SALib 1.6 answers zeros, plus or minus zero, for every feature, and only warns of constant values."""
    ends = [[0.0, 1.0], [0.0, 1.0]]
    plain, scaled = (sobol_indices(lambda x, by=by: by * (x[:, 0] + 2 * x[:, 1]), ends, n_base=64) for by in (1.0, scale))
    assert plain[2][0, :, 0] == pytest.approx([0.2, 0.8], abs=0.15)
    for index in (2, 3):
        assert scaled[index] == pytest.approx(plain[index], rel=1e-9)

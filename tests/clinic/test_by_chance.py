"""What noise does alone, by drawing it: thousands of unchanged tumours go through the house's own rules of response and grade."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binom

from neorlt.clinic.by_chance import (
    counted_grades,
    grade_document,
    lower_by_counting,
    noise_document,
    progression_by_noise,
    sum_log_sd,
)
from neorlt.clinic.grade import is_downgraded, who_grade
from neorlt.clinic.recist import Response, classify_series
from neorlt.core.errors import InputError

N = 200_000


@pytest.mark.parametrize(("sizes", "sd"), [([40.0], 0.10), ([40.0], 0.07), ([15.0], 0.10), ([40.0, 20.0, 15.0], 0.15), ([24.0], 0.08)])
def test_progression_by_noise_is_what_drawn_readings_give(sizes, sd):
    rng = np.random.default_rng(4)
    readings = np.array(sizes) * np.exp(sd * rng.standard_normal((N, 5, len(sizes))))
    called = np.logical_or.accumulate(np.asarray(classify_series(readings.sum(axis=-1))) == Response.PD, axis=1).mean(axis=0)
    found = [row["by_follow_up"] for row in noise_document(5, sizes, [sd])["readers"]][0]
    # Several targets: the sum of log-normal readings is taken as log-normal.
    assert found == pytest.approx(called.tolist(), abs=0.004)


def test_five_readings_of_a_large_target():
    # The figures that a reader is warned of: one patient in two, one in five.
    seven, ten = (progression_by_noise(5, sd)[-1] for sd in (0.07, 0.10))
    assert seven == pytest.approx(0.216, abs=0.001)
    assert ten == pytest.approx(0.496, abs=0.001)


def test_two_readings_have_a_closed_form():
    # One follow-up: log(x1 / x0) is normal with SD s * sqrt(2).
    from scipy.stats import norm

    for sd in (0.05, 0.1, 0.2):
        assert progression_by_noise(2, sd)[0] == pytest.approx(norm.sf(np.log(1.2) / (sd * np.sqrt(2))), abs=2e-4)


def test_noise_grows_with_visits_and_error_and_the_five_mm_rule_only_helps():
    assert np.all(np.diff(progression_by_noise(12, 0.08)) > 0)
    assert progression_by_noise(5, 0.12)[-1] > progression_by_noise(5, 0.08)[-1]
    assert progression_by_noise(5, 0.1, 12.0)[-1] < progression_by_noise(5, 0.1, 30.0)[-1] <= progression_by_noise(5, 0.1)[-1]
    assert sum_log_sd(0.1, [20.0] * 4) == pytest.approx(0.05)


@pytest.mark.parametrize("bad", [(1, 0.1, None), (5, 0.0, None), (5, 0.1, 0.0), (5, float("nan"), None)])
def test_readings_that_are_none_are_refused(bad):
    with pytest.raises(InputError):
        progression_by_noise(*bad)


@pytest.mark.parametrize("true_pct", [0.5, 2.0, 2.9, 10.0, 19.0, 25.0])
@pytest.mark.parametrize("fields", [1, 10])
def test_grades_by_counting_are_what_drawn_cells_give(true_pct, fields):
    rng = np.random.default_rng(7)
    counts = rng.binomial(500, true_pct / 100, (N // 4, fields)).max(axis=1)
    drawn = [(np.asarray(who_grade(100 * counts / 500)) == g).mean() for g in (1, 2, 3)]
    assert counted_grades(true_pct, 500, fields).tolist() == pytest.approx(drawn, abs=0.008)


def test_the_grade_null_by_hand():
    # Fifteen of 500 cells are 3.0 %: grade 2. One field: P(X >= 15) for X ~ B(500, 0.02); ten: one minus its complement to the tenth.
    one = binom.sf(14, 500, 0.02)
    found = grade_document()
    assert found["grade_2_in_one_field"] == pytest.approx(one, abs=1e-9)
    assert found["grade_2_in_the_hottest"] == pytest.approx(1 - (1 - one) ** 10, abs=1e-9)
    assert "in 8 % of single fields" in found["sentence"]
    assert "in 57 % where the hottest of 10 fields counts" in found["sentence"]
    rng = np.random.default_rng(8)
    before = rng.binomial(500, 0.02, (N // 4, 10)).max(axis=1)
    after = rng.binomial(500, 0.02, N // 4)
    fell = np.asarray(is_downgraded(who_grade(before / 5.0), who_grade(after / 5.0))) == 1
    assert lower_by_counting(2.0, 500, 10, 1) == pytest.approx(fell.mean(), abs=0.008)


def test_a_cohort_is_shown_both_nulls(tmp_path):
    from neorlt.cohorts.rates import downgrading
    from neorlt.cohorts.reading import read_cohort
    from neorlt.reporting.cohort import _response

    head = "patient_id,group,baseline_date,last_date,died,surgery_date,ki67_before_pct,ki67_after_pct"
    rows = [f"P{k},rlt,2020-01-01,2021-01-01,no,2020-06-01,{b},1" for k, b in enumerate([3.4, 4.2, 6, 12])]
    (tmp_path / "t.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    found = downgrading(read_cohort(tmp_path / "t.csv"))
    null = found["rlt"]["counting_null"]
    # The truth by drawing: shares by Jeffreys' prior, kept where the hottest of ten fields has the count that was seen.
    rng = np.random.default_rng(3)
    share = np.sin(rng.uniform(0.0, np.arcsin(np.sqrt(0.3)), 400_000)) ** 2  # Jeffreys' prior, as far as these counts reach
    hottest = np.max([rng.binomial(500, share) for _ in range(10)], axis=0)
    again = rng.binomial(500, share) < 15
    expected = sum(again[hottest == x].mean() for x in (17, 21, 30, 60))
    assert null["expected_if_hottest"] == pytest.approx(expected, abs=0.12)
    assert null["expected_if_hottest"] > 2 * null["expected"]
    assert found["by_counting_alone"]["grade_2_in_the_hottest"] == pytest.approx(0.572, abs=0.001)
    said = " ".join(_response({"downgrading": found})["intro"])
    assert "in 57 % where the hottest of 10 fields counts" in said
    assert "had the biopsy been counted in the hottest of 10 fields" in said


def test_a_review_says_it_beside_a_pool_of_downgrading():
    from neorlt.evidence.outcomes import OUTCOMES, OutcomePool
    from neorlt.evidence.page import _sentence
    from neorlt.evidence.pooling import PooledRate

    for outcome in OUTCOMES:
        shown = OutcomePool(outcome, PooledRate("auto", (), reason="no study prints this outcome"), {}, {}, {})
        said = _sentence({**shown.as_json(), "pooled": None})
        assert ("hottest of 10 fields" in said) == (outcome.key == "downgrading")


@pytest.mark.parametrize("options", [{"p0": 0.1, "p1": 0.3}, {"p0": 0.1, "p1": 0.3, "visits": 2, "reader_sd_pct": 5}])
def test_a_design_says_what_noise_does_to_its_endpoint(options):
    from neorlt.jobs.design import design_command

    document = json.loads(json.dumps(design_command("simon", **options)))
    noise = document["by_noise_alone"]
    readings = options.get("visits", 4) + 1
    assert noise["progression"]["readings"] == readings
    sds = [0.05] if "reader_sd_pct" in options else [0.07, 0.10]
    assert [row["chance"] for row in noise["progression"]["readers"]] == pytest.approx([progression_by_noise(readings, s)[-1] for s in sds])
    assert noise["lower_grade"]["sentence"] == grade_document()["sentence"]
    assert "by_noise_alone" not in design_command("safety", acceptable_rate=0.1, n=20)


@pytest.mark.parametrize("bad", [{"visits": 0}, {"visits": "two"}, {"reader_sd_pct": 0}, {"reader_sd_pct": 80}])
def test_readings_of_a_design_that_are_none_are_refused(bad):
    from neorlt.jobs.design import design_command

    with pytest.raises(InputError):
        design_command("simon", p0=0.1, p1=0.3, **bad)


def test_measure_prints_it_for_its_own_targets(monkeypatch):
    from neorlt.jobs.measure import response_sentences

    noise = noise_document(3, [40.0, 20.0])
    said = response_sentences({"series": [], "by_noise_alone": noise})
    assert said == [noise["sentence"]]
    assert "of 3 readings of an unchanged sum of 60 mm (2 targets)" in said[0]

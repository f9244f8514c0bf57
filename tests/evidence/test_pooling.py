"""Boundaries, refusals and properties of the pool."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats

from neorlt.core.errors import InputError
from neorlt.evidence.pooling import (
    Median,
    Ratio,
    StudyCounts,
    by_subgroup,
    coverage_table,
    default_method,
    glmm,
    leave_one_out,
    median_of_medians,
    method_names,
    pool,
    pool_ratios,
    read_counts,
    regress,
)


def _series(*counts: tuple[int, int], **more: str) -> list[StudyCounts]:
    return [StudyCounts(f"s{i}", x, n, **more) for i, (x, n) in enumerate(counts)]


def test_all_zero_gives_zero_with_the_exact_interval() -> None:
    result = pool(_series((0, 4), (0, 9), (0, 12), (0, 1), (0, 20)), "glmm")
    assert result.pooled == 0.0
    assert result.tau == 0.0
    assert result.ci95 == pytest.approx((0.0, 0.07706182705), abs=1e-9)
    assert result.prediction95[0] == 0.0
    assert result.prediction95[1] > result.ci95[1]


def test_all_events_mirrors_all_zero() -> None:
    none, every = (pool(_series(*counts), "glmm") for counts in (((0, 4), (0, 9), (0, 12)), ((4, 4), (9, 9), (12, 12))))
    assert every.pooled == 1.0
    assert every.tau == 0.0
    assert every.ci95 == pytest.approx((1 - none.ci95[1], 1.0))
    assert every.prediction95 == pytest.approx((1 - none.prediction95[1], 1.0), abs=1e-6)


def test_two_studies_have_no_pooled_number_but_a_reason() -> None:
    document = pool(_series((3, 11), (12, 20))).as_json()
    assert document["pooled"] is None
    assert document["ci95"] is None
    assert "no pooled number below three" in document["reason"]
    assert [study["rate"] for study in document["studies"]] == [3 / 11, 0.6]


def test_case_reports_stay_out_and_are_shown() -> None:
    reports = [StudyCounts("case", 1, 1, design="case_report")]
    series = _series((3, 11), (12, 20), (5, 9))
    with_reports, without = pool(series + reports), pool(series)
    assert with_reports.pooled == without.pooled
    assert with_reports.k == 3
    assert [study.study for study in with_reports.case_reports] == ["case"]


def test_overlapping_cohorts_are_refused() -> None:
    with pytest.raises(InputError, match="one cohort"):
        pool(_series((3, 11), (12, 20), cohort="rotterdam") + _series((1, 9)))


@pytest.mark.parametrize("method", ["glmm", "glmm-wald-t", "beta-binomial", "bayes"])
def test_mirror_symmetry(method: str) -> None:
    counts = [(2, 6), (9, 29), (15, 57), (20, 23), (0, 4)]
    one, other = pool(_series(*counts), method), pool(_series(*[(n - x, n) for x, n in counts]), method)
    assert one.pooled == pytest.approx(1 - other.pooled, abs=2e-5)
    assert one.ci95 == pytest.approx((1 - other.ci95[1], 1 - other.ci95[0]), abs=1e-4)


def test_likelihood_matches_brute_force_quadrature() -> None:
    for x, n, mu, tau in itertools.product((0, 3, 7), (7, 12), (-1.5, 0.7), (0.1, 0.8, 2.5)):
        z = np.linspace(-10, 10, 20001)
        p = special.expit(mu + tau * z)
        exact = math.log(integrate.simpson(stats.binom.pmf(x, n, p) * stats.norm.pdf(z), x=z))
        assert float(glmm.log_likelihood([x], [n], mu, tau)) == pytest.approx(exact, abs=2e-5)


def test_profile_interval_matches_an_independent_optimiser() -> None:
    x, n = np.array([2.0, 9, 15, 10, 22, 4]), np.array([6.0, 29, 57, 23, 49, 9])
    z, w = special.roots_hermitenorm(201)
    w = w / w.sum()

    def loglik(mu: float, tau: float) -> float:
        p = special.expit(mu + tau * z)
        return float(np.sum(np.log(stats.binom.pmf(x[:, None], n[:, None], p) @ w)))

    best = -optimize.minimize(lambda v: -loglik(v[0], v[1]), [-0.5, 0.3], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).fun
    threshold = stats.t.ppf(0.975, 5) ** 2 / 2
    result = pool(_series(*[(int(a), int(b)) for a, b in zip(x, n, strict=True)]), "glmm")

    def top(mu: float) -> float:
        spans = ((0, 1), (0.5, 5))
        return max(-optimize.minimize_scalar(lambda tau: -loglik(mu, tau), bounds=span, method="bounded").fun for span in spans)

    for bound in result.ci95:
        assert best - top(special.logit(bound)) == pytest.approx(threshold, abs=2e-3)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=3, max_size=8))
def test_any_counts_give_a_rate_inside_its_intervals(counts: list[tuple[int, int]]) -> None:
    result = pool(_series(*counts))
    low, high = result.ci95
    assert 0 <= low <= result.pooled <= high <= 1
    assert result.prediction95[0] <= low + 1e-9
    assert result.prediction95[1] >= high - 1e-9
    assert result.tau >= 0


def test_leave_one_out_and_subgroups() -> None:
    series = _series((2, 6), (9, 29), (15, 57), (20, 23))
    rows = leave_one_out(series)
    assert [row["without"] for row in rows] == ["s0", "s1", "s2", "s3"]
    assert rows[3]["pooled"] < pool(series).pooled
    assert leave_one_out(series[:3])[0]["reason"] is not None
    groups = by_subgroup(
        _series((1, 10), (2, 12), (1, 9), (3, 30), subgroup="a")
        + [StudyCounts(f"b{i}", x, n, subgroup="b") for i, (x, n) in enumerate([(9, 10), (10, 12), (8, 9), (27, 30)])]
    )
    assert groups["p_difference"] < 1e-4
    lonely = by_subgroup(_series((1, 10), (2, 12), (1, 9), subgroup="a"))
    assert lonely["p_difference"] is None
    assert lonely["reason"]


def test_meta_regression_recovers_a_planted_slope() -> None:
    activity = np.linspace(10, 40, 12)
    totals = np.full(12, 400)
    events = np.round(totals * special.expit(-2 + 0.08 * activity)).astype(int)
    studies = _series(*[(int(x), int(n)) for x, n in zip(events, totals, strict=True)])
    found = regress(studies, {"cumulative_activity_gbq": activity})
    assert found["coefficients"]["cumulative_activity_gbq"]["log_odds_per_unit"] == pytest.approx(0.08, abs=0.003)
    assert found["p"] < 1e-6
    with pytest.raises(InputError, match="too few series"):
        regress(studies[:9], {"cumulative_activity_gbq": activity[:9]})


def test_unknown_method_and_empty_input_are_named() -> None:
    with pytest.raises(InputError, match="unknown pooling method"):
        pool(_series((1, 2), (1, 3), (2, 4)), "dersimonian")
    with pytest.raises(InputError, match="no study"):
        pool([])
    assert not any(name.startswith("freeman") for name in method_names()[:7])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("study,events\na,1\n", "lacks a column .*add total"),
        ("study,events,total\na,7,5\n", "more events than patients"),
        ("study,events,total\na,31%,29\n", "whole numbers"),
        ("study,events,total\n", "no study"),
        ("study,events,total\na,1,2\na,1,3\n", "more than one row"),
        ("", "is empty"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=match):
        read_counts(path)


def test_ratios_match_the_closed_form_when_all_are_alike() -> None:
    alike = [Ratio(f"s{i}", 0.5, 0.25, 1.0) for i in range(4)]
    found = pool_ratios(alike)["likelihood"]
    error = math.log(4) / (2 * stats.norm.ppf(0.975)) / 2
    assert found["pooled"] == pytest.approx(0.5)
    assert found["tau"] == 0.0
    assert found["ci95"] == pytest.approx([0.5 * math.exp(s * stats.t.ppf(0.975, 3) * error) for s in (-1, 1)])
    assert pool_ratios(alike[:2])["pooled"] is None
    with pytest.raises(InputError, match="outside its interval"):
        Ratio("x", 2.0, 0.5, 1.5)


def test_bayesian_ratios_match_brute_force_integration() -> None:
    ratios = [Ratio("a", 0.28, 0.18, 0.42), Ratio("b", 0.7, 0.45, 1.09), Ratio("c", 0.84, 0.6, 1.17)]
    found = pool_ratios(ratios)
    effect = np.log([item.ratio for item in ratios])
    error = np.array([math.log(item.high / item.low) for item in ratios]) / (2 * stats.norm.ppf(0.975))
    mean, tau = np.linspace(-4, 3, 1401), np.linspace(0, 3, 601)
    grid = np.exp(
        stats.norm.logpdf(effect[:, None, None], mean[None, :, None], np.sqrt(error[:, None, None] ** 2 + tau**2)).sum(axis=0)
        + stats.norm.logpdf(mean, 0, 2)[:, None]
        + stats.halfnorm.logpdf(tau, scale=0.5)[None]
    )
    density = integrate.trapezoid(grid, tau, axis=1)
    below = integrate.cumulative_trapezoid(density, mean, initial=0) / integrate.trapezoid(density, mean)
    for bound, tail in zip((found["ci95"][0], found["pooled"], found["ci95"][1]), (0.025, 0.5, 0.975), strict=True):
        assert np.interp(math.log(bound), mean, below) == pytest.approx(tail, abs=1e-3)
    assert "half-normal(0.5)" in found["method_text"]
    assert "not estimable" in pool_ratios(ratios[:2])["reason"]


def test_the_default_is_read_from_the_shipped_coverage_table() -> None:
    table = coverage_table()
    assert table["n_runs_a_cell"] == 10_000
    rows = {(row["method"], row["k"]): row for row in table["by_k"]}
    assert {row["method"] for row in table["by_k"]} == set(method_names())
    for k in range(3, 13):
        chosen = rows[default_method(k), k]
        assert chosen["worst_coverage"] >= 0.91
    # Where the default of 0.1 said nothing (k = 3: nearly every interval wider than 0.95), ours is at most 60 % as wide.
    old = [row for row in table["by_k"] if row["method"] == "glmm" and row["share_useless"] > 0.1]
    assert [row["k"] for row in old] == [3, 4]
    for row in old:
        assert rows[default_method(row["k"]), row["k"]]["mean_width"] <= 0.6 * row["mean_width"]


def test_the_table_was_made_by_the_methods_that_are_here() -> None:
    import hashlib

    from neorlt.evidence import pooling

    home = Path(str(pooling.__file__)).parent
    source = b"".join((home / name).read_bytes() for name in ("bayes.py", "betabinomial.py", "glmm.py", "twostage.py"))
    assert hashlib.sha256(source).hexdigest() == coverage_table()["methods_sha256"]


def test_three_alike_series_have_an_interval_that_a_reader_can_use() -> None:
    result = pool(_series((5, 12), (2, 9), (7, 20)))
    assert result.method == "bayes"
    assert result.pooled == pytest.approx(0.341, abs=0.01)
    assert result.ci95 == pytest.approx((0.17, 0.58), abs=0.01)
    equal = pool(_series((5, 12), (5, 12), (5, 12)))
    assert equal.ci95[1] - equal.ci95[0] > 0.38  # wider than 0.26 to 0.59, which takes equal counts for equal centres
    old = pool(_series((5, 12), (2, 9), (7, 20)), "glmm")
    assert old.pooled is old.ci95 is None
    assert "not estimable" in str(old.reason)


def test_medians_are_weighted_by_patients() -> None:
    found = median_of_medians([Median("a", 10, 5), Median("b", 20, 100), Median("c", 60, 7)])
    assert found["median"] == 20
    assert found["range"] == [10, 60]
    even = median_of_medians([Median("a", 10, 25), Median("b", 20, 25), Median("c", 30, 50)])
    assert even["median"] == 25
    assert median_of_medians([Median("a", 10, 5)])["reason"]

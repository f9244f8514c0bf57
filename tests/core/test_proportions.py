"""Limits of one proportion, by roads that are not the code's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, binomtest, chi2

from neorlt.core.errors import InputError
from neorlt.core.proportions import exact_interval, likelihood_interval, limits_differ

PAIRS = [(0, 23), (23, 23), (1, 20), (7, 31), (5, 23), (3, 400), (0, 1), (1, 1)]


def test_none_of_23_by_hand():
    # Exact: (1 - p)^23 = 0.025. Likelihood: -46 log(1 - p) = 3.841.
    assert exact_interval(0, 23) == pytest.approx((0.0, 1 - 0.025 ** (1 / 23)), abs=1e-12)
    assert likelihood_interval(0, 23) == pytest.approx((0.0, 1 - math.exp(-3.841458820694124 / 46)), abs=1e-10)
    assert [round(100 * v, 1) for v in (exact_interval(0, 23)[1], likelihood_interval(0, 23)[1])] == [14.8, 8.0]
    assert limits_differ(exact_interval(0, 23), likelihood_interval(0, 23))
    assert not limits_differ(exact_interval(30, 4000), likelihood_interval(30, 4000))


@pytest.mark.parametrize(("x", "n"), PAIRS)
def test_exact_is_that_of_scipy(x, n):
    them = binomtest(x, n).proportion_ci(0.95, "exact")
    assert exact_interval(x, n) == pytest.approx((them.low, them.high), abs=1e-10)


@pytest.mark.parametrize(("x", "n"), PAIRS)
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_likelihood_limits_are_where_twice_the_log_ratio_is_the_quantile(x, n, level):
    def fall(p):
        return 2 * (binom.logpmf(x, n, x / n) - binom.logpmf(x, n, p)) - chi2.ppf(level, 1)

    low, high = likelihood_interval(x, n, level)
    assert low == pytest.approx(0.0 if x == 0 else brentq(fall, 1e-12, x / n, xtol=1e-13), abs=1e-9)
    assert high == pytest.approx(1.0 if x == n else brentq(fall, x / n, 1 - 1e-12, xtol=1e-13), abs=1e-9)


def test_likelihood_limits_mirror():
    for x, n in PAIRS:
        low, high = likelihood_interval(x, n)
        assert likelihood_interval(n - x, n) == pytest.approx((1 - high, 1 - low), abs=1e-10)


@pytest.mark.parametrize(("x", "n"), [(3, 2), (-1, 4), (0, 0)])
def test_counts_that_are_no_proportion_are_refused(x, n):
    for limits in (exact_interval, likelihood_interval):
        with pytest.raises(InputError, match="not a proportion"):
            limits(x, n)


def test_every_room_prints_both_for_a_small_series():
    from neorlt.cohorts.rates import Rate
    from neorlt.evidence.pooling import StudyCounts, pool, with_limits
    from neorlt.reporting.views.cohort import RATE_HEADS, rate_rows
    from neorlt.reporting.views.schemes import rates
    from neorlt.response.readouts import baseline_rates

    rate = Rate(0, 23).as_json()
    assert rate["likelihood95"][1] == pytest.approx(0.0801, abs=1e-4)
    rows = rate_rows({"downgrading": {"rlt": {"lower": rate}}})
    assert rows[0][RATE_HEADS.index("likelihood limits")] == "0.0 % to 8.0 %"
    assert "14.8 %" in rows[0][RATE_HEADS.index("rate (exact 95 % interval)")]
    result = pool([StudyCounts("a", 0, 23), StudyCounts("b", 1, 30), StudyCounts("c", 150, 4000)])
    pooled = with_limits(result.as_json(), result)
    assert pooled["studies"][0]["likelihood95"] == pytest.approx(rate["likelihood95"])
    assert pooled["limits"][0] == "a, 0 of 23: exact limits 0.0 to 14.8 %, likelihood limits 0.0 to 8.0 %"
    assert len(pooled["limits"]) == 2  # of 4 000 patients both limits are the same to a point
    for row in baseline_rates().values():
        assert np.all(np.diff(row.as_json()["likelihood95"]) > 0)
    shown = rates([{"endpoint": "p_response", "events": 0, "n": 23, "ci95": rate["ci95"], "likelihood95": rate["likelihood95"]}])
    assert [part[-4:] for part in shown[0]["band"].replace("\xa0", " ").split("; by likelihood ")] == ["15 %", " 8 %"]

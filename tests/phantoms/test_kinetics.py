"""Analytic integral against numerical integration, and physics that no curve may break."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from neorlt.phantoms.cases import CASES, LU177_HALF_LIFE_H
from neorlt.phantoms.kinetics import Kinetics, uptake, washout

ALL = [(c.name, s) for c in CASES.values() for s in c.active()]


@pytest.mark.parametrize(("case", "source"), ALL, ids=[f"{c}-{s.name}" for c, s in ALL])
def test_tia_equals_numerical_integral(case, source):
    numeric = sum(
        quad(lambda t: float(source.kinetics.activity_mbq(t, 7400.0)), a, b, epsabs=1e-9)[0]
        for a, b in ((0, 5), (5, 50), (50, 500), (500, 5000))
    )
    assert source.kinetics.tia_mbq_h(7400.0) == pytest.approx(numeric, rel=1e-7)


@pytest.mark.parametrize(("case", "source"), ALL, ids=[f"{c}-{s.name}" for c, s in ALL])
def test_activity_is_never_negative_and_ends_no_slower_than_physical_decay(case, source):
    time = np.linspace(0, 1000, 4001)
    activity = source.kinetics.activity_mbq(time, 7400.0)
    assert np.all(activity >= -1e-12)
    late = time > 100
    rate = -np.diff(np.log(activity[late])) / np.diff(time[late])
    assert np.all(rate > np.log(2) / LU177_HALF_LIFE_H)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_no_more_activity_than_was_injected(case):
    for time in (0.5, 4.0, 24.0, 168.0):
        total = sum(float(s.kinetics.activity_mbq(time, 7400.0)) for s in case.active())
        assert total < 7400.0 * 2 ** (-time / LU177_HALF_LIFE_H)


@given(st.floats(1e-4, 0.1), st.floats(20, 150), st.floats(0, 1), st.floats(1, 15))
def test_washout_at_zero_and_scaling(slow, slow_h, share, fast_h):
    curve = washout(slow, slow_h, share, fast_h)
    assert float(curve.activity_mbq(0.0, 100.0)) == pytest.approx(100 * slow * (1 + share))
    assert curve.tia_mbq_h(200.0) == pytest.approx(2 * curve.tia_mbq_h(100.0))


def test_uptake_rises_then_falls():
    activity = uptake(0.002, 95.0).activity_mbq(np.array([0.0, 8.0, 200.0]), 7400.0)
    assert activity[0] < activity[1] > activity[2]


@pytest.mark.parametrize(
    ("fractions", "half_lives"), [((), ()), ((0.1,), (0.0,)), ((0.1, -0.2), (50.0, 2.0)), ((-0.1, 0.2), (50.0, 2.0))]
)
def test_impossible_curves_are_refused(fractions, half_lives):
    with pytest.raises(ValueError):
        Kinetics(fractions, half_lives)

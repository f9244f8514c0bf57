"""Time–activity fits: recovery of known curves, the bound by physical decay, honest intervals, named statuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.dosimetry.exponentials import MODELS, evaluate, integrate, jacobian, terms
from neorlt.dosimetry.fit import fit_curve, fit_curves
from neorlt.dosimetry.objects import FitStatus, TimeActivity

LU_H = 6.647 * 24
DECAY = np.log(2) / LU_H
TIMES = np.array([4.0, 24.0, 96.0, 168.0])


def _curve(
    activity: np.ndarray, times: np.ndarray = TIMES, cv: float = 0.05, name: str = "region", **more: float
) -> TimeActivity:
    activity = np.asarray(activity, dtype=float)
    return TimeActivity(name, "Lu-177", 100.0, times, activity, cv * np.abs(activity) + 1e-9, activity, **more)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_derivatives_match_finite_differences_and_terms_match_the_curve(model) -> None:  # type: ignore[no-untyped-def]
    theta = np.array([[2.0, -5.0, -1.0, -0.4, -2.5]])[:, list(model.free)]
    value, slope = jacobian(model, theta, TIMES[None, :], DECAY)
    assert np.allclose(value, evaluate(model, theta, TIMES, DECAY), rtol=1e-12)
    for k in range(model.n_free):
        step = np.zeros_like(theta)
        step[0, k] = 1e-6
        numeric = (evaluate(model, theta + step, TIMES, DECAY) - evaluate(model, theta - step, TIMES, DECAY)) / 2e-6
        assert np.allclose(slope[..., k], numeric, rtol=1e-5, atol=1e-8)
    amplitude, rate = terms(model, theta, DECAY)
    fine = np.linspace(0, 3000, 600_001)
    total = np.trapezoid(evaluate(model, theta, fine, DECAY)[0], fine)
    assert integrate(amplitude, rate)[0] == pytest.approx(total, rel=1e-4)


@settings(max_examples=25, deadline=None)
@given(half_life=st.floats(20, 140), amplitude=st.floats(1, 1e4), uptake_h=st.floats(0.3, 3))
def test_noise_free_curves_are_recovered(half_life: float, amplitude: float, uptake_h: float) -> None:
    r, u = np.log(2) / half_life, np.log(2) / uptake_h
    times = np.array([1.0, 4.0, 24.0, 72.0, 120.0, 168.0])
    truth = amplitude * (1 / r - 1 / (r + u))
    fit = fit_curve(
        _curve(amplitude * (np.exp(-r * times) - np.exp(-(r + u) * times)), times, cv=0.01), n_draws=200, seed=1, half_life_h=LU_H
    )
    assert np.median(fit.draws_mbq_h) == pytest.approx(truth, rel=0.03)


def test_integral_scales_with_activity() -> None:
    one = fit_curve(_curve(50 * np.exp(-TIMES / 80)), n_draws=300, seed=3, half_life_h=LU_H)
    ten = fit_curve(_curve(500 * np.exp(-TIMES / 80)), n_draws=300, seed=3, half_life_h=LU_H)
    assert np.allclose(ten.draws_mbq_h, 10 * one.draws_mbq_h, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), cv=st.floats(0.02, 0.3))
def test_no_draw_is_slower_than_physical_decay(seed: int, cv: float) -> None:
    rng = np.random.default_rng(seed)
    activity = np.abs(100 * np.exp(-DECAY * 0.3 * TIMES) * (1 + cv * rng.standard_normal(4))) + 1e-3
    fit = fit_curve(_curve(activity, cv=cv), n_draws=100, seed=seed, half_life_h=LU_H)
    assert np.all(fit.rate_per_h >= DECAY * (1 - 1e-12))
    assert np.all(fit.draws_mbq_h > 0)


def test_statuses_say_what_is_wrong() -> None:
    def status(activity: np.ndarray, times: np.ndarray = TIMES, cv: float = 0.03) -> tuple[FitStatus, ...]:
        return fit_curve(_curve(activity, times, cv), n_draws=200, seed=0, half_life_h=LU_H).status

    assert status(100 * np.exp(-TIMES * np.log(2) / 50)) == (FitStatus.OK,)
    assert FitStatus.PHYSICAL_DECAY_BOUND in status(100 * np.exp(-TIMES * DECAY * 0.2))
    assert FitStatus.RISING_LAST_POINT in status(np.array([100.0, 80.0, 50.0, 70.0]))
    early = np.array([2.0, 6.0, 24.0])
    assert FitStatus.TAIL_NOT_SAMPLED in status(100 * np.exp(-early * np.log(2) / 70), early)
    assert FitStatus.SINGLE_TIME_POINT in status(np.array([30.0]), np.array([96.0]))
    assert FitStatus.TOO_FEW_POINTS in status(np.array([50.0, 30.0]), np.array([24.0, 96.0]))
    wild = np.array([4.0, 12.0, 24.0, 48.0, 72.0, 96.0, 168.0])
    motion = 100 * np.exp(-wild * np.log(2) / 60) * np.array([1, 1.6, 0.6, 1.5, 0.6, 1.5, 0.7])
    assert FitStatus.POOR_FIT in status(motion, wild)
    for member in FitStatus:
        assert member.sentence
        assert member.advice


def test_coverage_of_four_points_with_uptake() -> None:
    rng = np.random.default_rng(11)
    curves, truth = [], []
    for i in range(300):
        r = np.log(2) / (55 * np.exp(0.25 * rng.standard_normal()))
        u = np.log(2) / (1.2 * np.exp(0.4 * rng.standard_normal()))
        clean = 100 * (np.exp(-r * TIMES) - np.exp(-(r + u) * TIMES))
        sd = 0.05 * clean
        curves.append(TimeActivity(f"r{i}", "Lu-177", 100.0, TIMES, clean + sd * rng.standard_normal(4), sd, clean))
        truth.append(100 * (1 / r - 1 / (r + u)))
    fits = fit_curves(curves, n_draws=400, seed=2, half_life_h=[LU_H] * 300)
    low, high = np.array([np.quantile(f.draws_mbq_h, [0.05, 0.95]) for f in fits]).T
    covered = np.mean((low < truth) & (np.array(truth) < high))
    # 300 patients: a right 90 % interval covers 86.7–93.3 % with 95 % probability.
    assert 0.85 <= covered <= 0.95


def test_draws_do_not_depend_on_order_and_share_the_calibration() -> None:
    a = _curve(100 * np.exp(-TIMES / 80), name="a", shared_cv=0.2)
    b = _curve(30 * np.exp(-TIMES / 120), name="b", shared_cv=0.2)
    ab = fit_curves([a, b], n_draws=500, seed=7, half_life_h=[LU_H] * 2)
    ba = fit_curves([b, a], n_draws=500, seed=7, half_life_h=[LU_H] * 2)
    assert np.array_equal(ab[0].draws_mbq_h, ba[1].draws_mbq_h)
    correlation = np.corrcoef(np.log(ab[0].draws_mbq_h), np.log(ab[1].draws_mbq_h))[0, 1]
    assert correlation > 0.8


def test_aicc_forbids_what_the_points_cannot_carry() -> None:
    fit = fit_curve(_curve(100 * np.exp(-TIMES / 80)), n_draws=50, seed=0, half_life_h=LU_H, criterion="aicc")
    assert fit.model_weights == (("mono-exponential", 1.0),)


def test_trapezoid_matches_its_own_definition() -> None:
    times = np.array([4.0, 24.0, 96.0])
    activity = np.array([60.0, 50.0, 20.0])
    curve = TimeActivity("r", "Lu-177", 10.0, times, activity, 1e-6 * activity, activity)
    fit = fit_curve(curve, n_draws=20, seed=0, half_life_h=LU_H, method="trapezoid")
    tail = activity[-1] / (np.log(50 / 20) / 72)
    expected = 0.5 * 4 * 60 + np.trapezoid(activity, times) + tail
    assert fit.draws_mbq_h == pytest.approx(expected, rel=1e-4)
    assert fit.model == "trapezoid and tail"


def test_no_activity_is_refused() -> None:
    curve = TimeActivity("r", "Lu-177", 10.0, TIMES, np.zeros(4), np.ones(4), np.zeros(4))
    with pytest.raises(InputError, match="holds no activity"):
        fit_curve(curve, seed=0, half_life_h=LU_H)

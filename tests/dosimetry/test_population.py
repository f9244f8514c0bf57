"""Few points: the population carries what they do not, widens honestly, and gives way to measurements."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.dosimetry.fit import fit_curve, fit_curves
from neorlt.dosimetry.objects import FitStatus, TimeActivity
from neorlt.dosimetry.population import (
    LU177_HALF_LIFE_H,
    POPULATION,
    LastCycle,
    median_log_sd,
    population_from_curves,
    population_prior,
    prior_from_last_cycle,
)
from neorlt.dosimetry.priors import WEAK
from neorlt.dosimetry.two_point import two_point
from neorlt.dosimetry.voxel_fit import fit_voxels


def _curve(times: list[float], half_life: float, name: str = "kidney-left", cv: float = 0.05) -> TimeActivity:
    t = np.array(times)
    y = 100.0 * np.exp2(-t / half_life)
    return TimeActivity(name, "Lu-177", 150.0, t, y, cv * y, y)


def test_single_point_at_96_h_of_a_kidney_is_within_eight_percent_in_the_median() -> None:
    rng = np.random.default_rng(3)
    curves, truth = [], []
    for i in range(200):
        half_life = 50.0 * np.exp(0.2 * rng.standard_normal())
        clean = _curve([96.0], half_life, f"kidney-{i}")
        y = clean.activity_mbq * (1 + 0.05 * rng.standard_normal())
        curves.append(TimeActivity(clean.name, "Lu-177", 150.0, clean.time_h, y, 0.05 * y, y))
        truth.append(100.0 * half_life / np.log(2))
    fits = fit_curves(curves, n_draws=300, seed=1, half_life_h=[LU177_HALF_LIFE_H] * 200, priors=[POPULATION["kidney"]] * 200)
    error = np.abs([np.median(f.draws_mbq_h) for f in fits] / np.array(truth) - 1)
    assert np.median(error) <= 0.08
    assert all(FitStatus.SINGLE_TIME_POINT in f.status for f in fits)


@pytest.mark.parametrize(("organ", "time_h"), [("lesion", 24.0), ("lesion", 96.0), ("kidney", 96.0)])
def test_a_single_point_has_the_interval_of_the_population_itself(organ: str, time_h: float) -> None:
    # By another road: draw the population's curves, scale each through the point, and take quantiles of their integrals.
    prior, decay, n = POPULATION[organ], np.log(2) / LU177_HALF_LIFE_H, 200_000
    rng = np.random.default_rng(11)

    def draw(belief: tuple[float, float]) -> np.ndarray:
        return belief[0] * np.exp(belief[1] * rng.standard_normal(n))

    slow = decay + np.log(2) / draw(prior.slow_half_life_h)
    fast = slow + np.log(2) / draw(prior.fast_half_life_h)
    rise = fast + np.log(2) / draw(prior.uptake_half_time_h)
    q = draw(prior.fast_ratio)
    seen = np.exp(-slow * time_h) + q * np.exp(-fast * time_h) - (1 + q) * np.exp(-rise * time_h)
    exact = 100.0 * (1 + 0.05 * rng.standard_normal(n)) * (1 / slow + q / fast - (1 + q) / rise) / seen
    point = np.array([100.0])
    curves = [TimeActivity(f"{organ}-{i}", "Lu-177", 100.0, np.array([time_h]), point, 0.05 * point, point) for i in range(8)]
    fits = fit_curves(curves, n_draws=2500, seed=5, half_life_h=[LU177_HALF_LIFE_H] * 8, priors=[prior] * 8)
    found = np.concatenate([fit.draws_mbq_h for fit in fits])
    assert np.quantile(found, [0.05, 0.5, 0.95]) == pytest.approx(np.quantile(exact, [0.05, 0.5, 0.95]), rel=0.025)


def test_the_median_s_uncertainty_is_that_of_the_effective_half_life() -> None:
    for organ, effective in (("kidney", 50.0), ("lesion", 90.0)):
        biological = [1 / (1 / (effective * factor) - 1 / LU177_HALF_LIFE_H) for factor in (1.0, np.exp(0.2))]
        assert median_log_sd(effective) == pytest.approx(np.log(biological[1] / biological[0]))
        assert POPULATION[organ].knows_shape
    assert not WEAK.knows_shape


def test_more_points_make_the_interval_narrower() -> None:
    widths = []
    for times in ([24.0], [24.0, 96.0], [4.0, 24.0, 96.0, 168.0]):
        fit = fit_curve(_curve(times, 50.0), n_draws=2000, seed=0, half_life_h=LU177_HALF_LIFE_H, prior=POPULATION["kidney"])
        widths.append(float(np.std(np.log(fit.draws_mbq_h))))
    assert widths[0] > widths[1] > widths[2]


def test_five_points_overrule_a_wrong_population() -> None:
    fit = fit_curve(_curve([4, 24, 72, 120, 168], 90.0), n_draws=500, seed=0, half_life_h=LU177_HALF_LIFE_H, prior=POPULATION["kidney"])
    assert np.median(fit.draws_mbq_h) == pytest.approx(100 * 90 / np.log(2), rel=0.05)


def test_names_find_their_organ() -> None:
    assert population_prior("kidney-right", False) is POPULATION["kidney"]
    assert population_prior("liver-1", True) is POPULATION["lesion"]
    assert population_prior("pancreas", False) is WEAK
    assert all(prior.label is Label.ASSUMPTION for prior in POPULATION.values())


def test_a_centre_s_own_curves_become_its_population_and_the_last_cycle_a_patient_s() -> None:
    rng = np.random.default_rng(0)
    half_lives = 60 * np.exp(0.1 * rng.standard_normal(12))
    fits = [
        fit_curve(_curve([4, 24, 96, 168], h, f"kidney-{i}", cv=0.03), n_draws=300, seed=2, half_life_h=LU177_HALF_LIFE_H)
        for i, h in enumerate(half_lives)
    ]
    own = population_from_curves(fits, LU177_HALF_LIFE_H, base=POPULATION["kidney"])
    expected = 1 / (1 / 60 - 1 / LU177_HALF_LIFE_H)
    assert own.slow_half_life_h[0] == pytest.approx(expected, rel=0.25)
    assert own.label is Label.MEASURED
    last = prior_from_last_cycle(LastCycle.of(fits[0], LU177_HALF_LIFE_H), base=POPULATION["kidney"])
    assert last.slow_half_life_h[1] < POPULATION["kidney"].slow_half_life_h[1]
    with pytest.raises(InputError, match="too few curves"):
        population_from_curves(fits[:3], LU177_HALF_LIFE_H)


def test_two_points_are_the_exact_exponential_and_bounded_by_decay() -> None:
    exact = two_point(_curve([24.0, 96.0], 60.0, cv=1e-6), half_life_h=LU177_HALF_LIFE_H, n_draws=10, seed=0)
    assert exact.tia_mbq_h == pytest.approx(100 * 60 / np.log(2), rel=1e-4)
    slow = two_point(_curve([24.0, 96.0], 400.0, cv=1e-6), half_life_h=LU177_HALF_LIFE_H, n_draws=10, seed=0)
    assert slow.bounded == 1.0
    assert slow.effective_half_life_h == pytest.approx(LU177_HALF_LIFE_H)
    with pytest.raises(InputError, match="two points"):
        two_point(_curve([24.0], 60.0), half_life_h=LU177_HALF_LIFE_H, seed=0)


def test_voxel_fits_are_exact_and_bounded() -> None:
    rng = np.random.default_rng(0)
    half_life = rng.uniform(30, 150, (6, 5, 4)).astype(np.float32)
    times = [4.0, 24.0, 96.0, 168.0]
    images = [(50 * np.exp2(-t / half_life)).astype(np.float32) for t in times]
    images[2][0, 0, 0] = 0.0
    tia, found = fit_voxels(images, times, LU177_HALF_LIFE_H)
    expected = 50 * half_life / np.log(2)
    alive = np.ones_like(tia, dtype=bool)
    alive[0, 0, 0] = False
    assert tia[alive] == pytest.approx(expected[alive], rel=2e-3)
    assert found[alive] == pytest.approx(half_life[alive], rel=2e-3)
    assert tia[0, 0, 0] == 0.0
    frozen, bound = fit_voxels([np.full((2, 2, 2), 5.0, np.float32)] * 2, [24.0, 96.0], LU177_HALF_LIFE_H)
    assert bound == pytest.approx(LU177_HALF_LIFE_H, rel=1e-5)
    assert np.all(frozen > 0)
    with pytest.raises(ValueError, match="two or more"):
        fit_voxels(images[:1], times[:1], LU177_HALF_LIFE_H)

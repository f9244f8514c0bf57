"""Kidneys and blood: by-construction targets met, and limits of the models."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spheres import sphere_s_values
from neorlt.response import blood
from neorlt.response.kidney import egfr_course, kidney_bed_gy
from neorlt.response.parameters import crossfire, draw_parameters


@pytest.fixture(scope="module")
def parameters():
    return draw_parameters(200, 1, "prior")


def test_kidney_bed_of_one_cycle_is_the_closed_form(parameters):
    dose, t_eff = 3.3, 50.0
    bed = kidney_bed_gy(parameters, np.array([[[dose, 0.0]]]), np.array([[t_eff, 30.0]]), [0.0])
    np.testing.assert_allclose(bed, dose * (1 + 2.8 / (2.8 + t_eff) * dose / 2.6), rtol=1e-5)


def test_kidney_bed_of_nuclides_together_exceeds_their_sum(parameters):
    half = np.array([[50.0, 30.0]])
    both = kidney_bed_gy(parameters, np.array([[[3.0, 3.0]]]), half, [0.0])
    apart = [kidney_bed_gy(parameters, np.array([[d]]), half, [0.0]) for d in ([3.0, 0.0], [0.0, 3.0])]
    assert np.all(both > apart[0] + apart[1] + 0.05)


def test_no_cycle_gives_no_bed(parameters):
    assert np.all(kidney_bed_gy(parameters, np.zeros((1, 0, 2)), np.ones((1, 2)), []) == 0)


def test_egfr_course_repeats_the_series(parameters):
    course = egfr_course(np.full(20_000, 14.22), 85.0, [0.0, 52.18], seed=1)
    change = course.egfr_ml_min[:, 1] / 85 - 1
    assert change.mean() == pytest.approx(-0.018, abs=0.006)
    assert change.std() == pytest.approx(0.189, abs=0.01)


def test_kidney_pays_more_for_90y_and_less_so_for_large_tumours():
    """Kidney Gy per tumour Gy, 90Y over 177Lu: above 1 at every size and falling (same biology, own decay)."""
    lu, y = get_nuclide("Lu-177"), get_nuclide("Y-90")

    def gain(mass_g: float, washout: float) -> float:
        mass = np.array([mass_g])
        energy = sphere_s_values("Y-90", mass).s_mgy_per_mbq_s[0] / sphere_s_values("Lu-177", mass).s_mgy_per_mbq_s[0]
        return float(energy) * (washout + lu.decay_constant_per_h) / (washout + y.decay_constant_per_h)

    ratios = [gain(150.0, 0.01) / gain(4 / 3 * np.pi * (d / 20) ** 3, 0.00375) for d in (2, 5, 10, 20, 60)]
    assert all(r > 1 for r in ratios)
    assert all(a > b for a, b in zip(ratios, ratios[1:], strict=False))


def test_crossfire_makes_90y_more_even_than_177lu():
    own, sd = crossfire(np.array([0.5, 2.0, 10.0]))
    assert np.all(own[:, 1] < own[:, 0]) and np.all(sd[:, 1] < sd[:, 0])
    assert np.all(np.diff(own, axis=0) > 0)


@pytest.fixture(scope="module")
def first_cycle(parameters):
    dose, half_life = blood.marrow_dose_gy(parameters, np.array([[7.4, 0.0]]))
    return blood.blood_course(parameters, dose, half_life, [0.0], weeks=26.0, n_replicates=5)


def test_platelet_nadir_of_a_first_cycle_by_construction(first_cycle):
    day = first_cycle.relative[:, 0, :57].argmin(axis=1)
    assert np.median(day) / 7 == pytest.approx(5.1, abs=0.7)
    assert np.median(first_cycle.relative[:, 0, 70]) > np.median(first_cycle.relative[:, 0].min(axis=1)) + 0.1


def test_blood_chain_matches_scipy():
    parameters = draw_parameters(1, 1, "prior").replace(platelet_transit_time_d=19.0)
    slope, t_eff_d, dose = 1.2, 2.0, 0.5
    course = blood.blood_course(parameters, np.array([[[dose, 0.0]]]), np.array([[48.0, 33.0]]), [0.0], weeks=26.0,
                                slopes=np.full((1, 4), slope, np.float32))
    k, lam = 4 / 19.0, np.log(2) / t_eff_d

    def rhs(t, y):
        p, a, b, c, out = y
        rate = dose * lam * np.exp(-lam * t)
        return [k * p * (out**-0.16 - 1) - slope * rate * p, k * (p - a), k * (a - b), k * (b - c), k * (c - out)]

    exact = solve_ivp(rhs, (0, 182), np.ones(5), t_eval=np.arange(183), rtol=1e-8, atol=1e-10).y[4]
    np.testing.assert_allclose(course.relative[0, 0], exact, atol=0.012)


def test_no_dose_keeps_the_counts(parameters):
    course = blood.blood_course(parameters, np.zeros((1, 1, 2)), np.full((1, 2), 40.0), [0.0], weeks=26.0)
    np.testing.assert_allclose(course.relative, 1.0, atol=1e-4)


def test_a_sensitiser_costs_blood(parameters):
    dose, half_life = blood.marrow_dose_gy(parameters, np.array([[7.4, 0.0]]))
    slopes = blood.draw_slopes(parameters.n_draws, 3)
    plain, drug = (
        blood.blood_course(parameters, dose, half_life, [0.0], weeks=26.0, slopes=slopes, sensitiser=[code]).nadir("platelets")[0]
        for code in (0, 1)
    )
    assert drug.mean() < plain.mean()
    ratio = np.log(drug) / np.log(plain)
    assert np.corrcoef(ratio, parameters.sensitiser_toxicity_factor)[0, 1] > 0.9


def test_90y_marrow_dose_exceeds_177lu(parameters):
    dose, half_life = blood.marrow_dose_gy(parameters, np.array([[1.0, 1.0]]))
    assert np.all(dose[:, 0, 1] / dose[:, 0, 0] > 3)
    assert np.all(half_life[:, 1] < half_life[:, 0])


def test_cycles_wait_for_low_platelets_and_stop_when_they_stay_low():
    relative = np.ones((3, 4, 400), np.float32)
    relative[1, 0, 50:70] = 0.2  # 40 x 10^9/l around the second cycle, then back
    relative[2, 0, 50:] = 0.2
    course = blood.BloodCourse(relative, np.array([0, 56, 112]))
    found = blood.cycle_decisions(course, {"platelets": 200.0})
    assert found["delay"].tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert found["stop"].tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 1]]


def test_secondary_myeloid_neoplasm_is_a_range():
    assert blood.myeloid_risk()["range"] == [0.02, 0.05]

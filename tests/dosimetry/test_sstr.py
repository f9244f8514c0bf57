"""SSTR kinetics: regression of the equations, conservation of mass, a general-purpose solver, limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from neorlt.core.errors import InputError
from neorlt.dosimetry import sstr

LU_H = 6.647 * 24
ELECTRON_MEV = 0.147


def test_regression_case_of_the_equations() -> None:
    """Our own earlier run of these equations, not the paper's output."""
    people = sstr.patients(peptide_ug=[50, 100, 151, 250, 400], tumour_ml=80, total_tumour_ml=283)
    kinetics = sstr.simulate(people, half_life_h=LU_H)
    assert kinetics.dose_gy("tumour", 7271.0, ELECTRON_MEV) == pytest.approx([34.77, 29.21, 22.69, 14.77, 9.36], rel=5e-3)
    assert kinetics.dose_gy("kidneys", 7271.0, ELECTRON_MEV)[2] / 7.271 == pytest.approx(0.374, rel=5e-3)


def test_mass_is_conserved_to_rounding() -> None:
    people = sstr.patients(peptide_ug=200, tumour_ml=40, total_tumour_ml=500, n_draws=200, seed=3)
    assert sstr.simulate(people, half_life_h=LU_H).mass_balance() < 1e-8


def test_agrees_with_a_stiff_solver() -> None:
    people = sstr.patients(peptide_ug=[60, 151, 390], tumour_ml=[5, 80, 300], total_tumour_ml=[5, 283, 900])
    kinetics = sstr.simulate(people, half_life_h=LU_H)
    decay = np.log(2) / LU_H
    for p in range(3):
        flow = people.flow_per_h[:, p] * people.fraction_unbound[p]
        rest = people.rest_flow_per_h[p] * people.fraction_unbound[p]

        def right(t: float, y: np.ndarray, p: int = p, flow: np.ndarray = flow, rest: float = rest) -> np.ndarray:
            bound = flow * y[0] * (1 - y[1:5] / people.capacity_ug[:, p])
            out = np.empty(12)
            out[0] = -people.excretion_per_h[p] * y[0] - bound.sum() - rest * y[0]
            out[1:5] = bound - people.degradation_per_h[:, p] * y[1:5]
            out[5] = rest * y[0] - people.rest_degradation_per_h[p] * y[5]
            out[6:] = y[:6] * np.exp(-decay * t)
            return out

        start = np.zeros(12)
        start[0] = people.peptide_ug[p]
        reference = solve_ivp(right, (0, sstr.END_H), start, method="Radau", rtol=1e-9, atol=1e-11)
        residence = reference.y[6:, -1] / people.peptide_ug[p]
        assert kinetics.residence_h[:, p] == pytest.approx(residence, rel=1e-5)


def test_no_saturation_means_no_dependence_on_peptide() -> None:
    few = sstr.simulate(sstr.patients(peptide_ug=[1e-4, 1e-3], tumour_ml=80, total_tumour_ml=80), half_life_h=LU_H)
    assert few.residence_h[:, 0] == pytest.approx(few.residence_h[:, 1], rel=1e-4)


def test_more_tumour_means_less_spleen_and_more_peptide_means_less_tumour_dose() -> None:
    sink = sstr.simulate(sstr.patients(peptide_ug=150, tumour_ml=50, total_tumour_ml=[50, 500, 2000]), half_life_h=LU_H)
    assert np.all(np.diff(sink.residence_h[1]) < 0)
    mass = sstr.simulate(sstr.patients(peptide_ug=np.linspace(50, 400, 8), tumour_ml=50, total_tumour_ml=50), half_life_h=LU_H)
    assert np.all(np.diff(mass.dose_gy("tumour", 7400, ELECTRON_MEV)) < 0)


def test_population_is_reproducible_and_spread() -> None:
    people = sstr.patients(peptide_ug=150, tumour_ml=80, total_tumour_ml=283, n_draws=2000, seed=5)
    again = sstr.patients(peptide_ug=150, tumour_ml=80, total_tumour_ml=283, n_draws=2000, seed=5)
    assert np.array_equal(people.capacity_ug, again.capacity_ug)
    log_sd = np.std(np.log(people.capacity_ug[sstr.BOUND.index("kidneys")]))
    assert log_sd == pytest.approx(np.sqrt(np.log1p(0.25)), rel=0.05)


def test_wrong_inputs_are_refused() -> None:
    with pytest.raises(InputError, match="not above 0"):
        sstr.patients(peptide_ug=0, tumour_ml=10, total_tumour_ml=10)
    with pytest.raises(InputError, match="larger than all"):
        sstr.patients(peptide_ug=100, tumour_ml=20, total_tumour_ml=10)


def test_integrator_is_of_fourth_order() -> None:
    people = sstr.patients(peptide_ug=300, tumour_ml=80, total_tumour_ml=283)
    reference = sstr.simulate(people, half_life_h=LU_H, steps_h=np.full(2400, 24 / 2400)).residence_h
    errors = [
        np.max(np.abs(sstr.simulate(people, half_life_h=LU_H, steps_h=np.full(n, 24 / n)).residence_h - reference))
        for n in (200, 400)
    ]
    assert np.log2(errors[0] / errors[1]) > 3.7

"""Marrow by two methods, prediction from PET, and the tornado of one dose."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.dosimetry.compute import DoseResult
from neorlt.dosimetry.marrow import (
    blood_concentration_from_kinetics,
    marrow_dose_from_blood,
    marrow_dose_from_vertebrae,
    marrow_to_blood_ratio,
)
from neorlt.dosimetry.pet_to_therapy import SuvReference, lesion_population, predict_from_pet
from neorlt.dosimetry.tornado import tornado, tornado_rows
from neorlt.dosimetry.uncertainty import DEFAULT


def test_marrow_from_blood_by_hand() -> None:
    assert float(marrow_to_blood_ratio(0.43)) == pytest.approx(1 / 3, rel=1e-3)
    dose = marrow_dose_from_blood(0.5, 0.43, 0.147)
    by_hand = 0.5 / 3 * 3.6e9 * 0.147 * 1.602176634e-13 / 1.03e-3
    assert float(dose.draws_gy[0]) == pytest.approx(by_hand, rel=1e-3)
    assert "disagree" in dose.note
    assert float(blood_concentration_from_kinetics(0.4, 7400.0, 4000.0)) == pytest.approx(0.74)
    with pytest.raises(InputError, match="haematocrit"):
        marrow_to_blood_ratio(43)


def test_marrow_from_vertebrae_is_their_dose(result: DoseResult) -> None:
    dose = marrow_dose_from_vertebrae(result.doses[0])
    assert np.array_equal(dose.draws_gy, result.doses[0].draws_gy)
    assert dose.label.value == "measured"


def test_prediction_from_pet_has_the_published_strength() -> None:
    """R² over a population of lesions comes out as put in; the spread of one lesion is honest."""
    rng = np.random.default_rng(0)
    reference = SuvReference()
    suv = reference.median * np.exp(reference.log_sd * rng.standard_normal(4000))
    draws = np.log(predict_from_pet(suv, n_draws=40, seed=1).gy_per_gbq)
    r = np.corrcoef(np.tile(np.log(suv), 40), draws.ravel())[0, 1]
    table = lesion_population()
    assert r**2 == pytest.approx(table["suv_r2"], abs=0.02)
    assert np.std(draws) == pytest.approx(table["gy_per_gbq_log_sd"], rel=0.03)
    one = predict_from_pet(reference.median, n_draws=4000, seed=2)
    low, high = np.quantile(one.gy_per_gbq, [0.05, 0.95])
    assert high / low > 3
    assert "not a measurement" in one.notice


def test_y90_from_pet_needs_a_volume_and_gives_more_gray_per_gigabecquerel() -> None:
    lutetium = predict_from_pet(25.0, seed=0, n_draws=50)
    yttrium = predict_from_pet(25.0, nuclide="Y-90", volume_ml=20.0, seed=0, n_draws=50)
    ratio = yttrium.gy_per_gbq / lutetium.gy_per_gbq
    assert np.allclose(ratio, ratio[0])
    assert 1.5 < float(ratio[0, 0]) < 5.0
    with pytest.raises(InputError, match="volume"):
        predict_from_pet(25.0, nuclide="Y-90")
    with pytest.raises(InputError, match="SUV"):
        predict_from_pet(0.0)


def test_tornado_shares_add_up_and_explain_the_spread(result: DoseResult) -> None:
    for dose in result.doses:
        bars = tornado(dose, fwhm_mm=10.0)
        assert sum(bar.share for bar in bars) == pytest.approx(1.0)
        assert [bar.share for bar in bars] == sorted((bar.share for bar in bars), reverse=True)
        total_sd = np.sqrt(sum((np.log(bar.high_gy / bar.low_gy) / 2 / 1.6448536) ** 2 for bar in bars))
        assert total_sd == pytest.approx(np.std(np.log(dose.draws_gy)), rel=0.12)
        assert all(bar.advice for bar in bars)
        further = tornado(dose, fwhm_mm=10.0, between_cycles=True)
        scatter = next(bar for bar in further if bar.part == "between cycles")
        assert np.log(scatter.high_gy / scatter.low_gy) == pytest.approx(2 * 1.6448536 * DEFAULT.between_cycle_log_sd)
        assert sum(bar.share for bar in further) == pytest.approx(1.0)
    assert set(tornado_rows(result.doses, fwhm_mm=10.0)) == {dose.name for dose in result.doses}

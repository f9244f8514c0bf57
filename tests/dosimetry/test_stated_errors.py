"""The errors of the coverage studies have the sizes that the intervals state, and each happens where it should."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import small_study as small
import stated_errors as stated

from neorlt.dosimetry.population import POPULATION
from neorlt.dosimetry.uncertainty import DEFAULT

NAMES = ("kidney-left", "liver")


def test_every_cause_has_its_stated_size() -> None:
    rng = np.random.default_rng(5)
    drawn = [stated.draw_errors(rng, NAMES, 3) for _ in range(4000)]
    seen = {
        "calibration_cv": np.std([one.calibration for one in drawn]), "per_image_cv": np.std([one.images for one in drawn]),
        "psf_fwhm_sd_mm": np.std([one.blur_mm for one in drawn]), "s_value_cv": np.std([one.s_value for one in drawn]),
        "contour_sd_mm": np.std([one.step_mm["liver"] for one in drawn]),
        "contour_shift_sd_mm": np.std([one.shift_mm["liver"] for one in drawn]),
    }  # fmt: skip
    for name, size in seen.items():
        assert size == pytest.approx(getattr(DEFAULT, name), rel=0.05), name
    images = np.array([one.images for one in drawn])
    assert abs(np.corrcoef(images.T)[0, 1]) < 0.05, "each image has its own"
    steps = np.array([[one.step_mm[name] for name in NAMES] for one in drawn])
    assert abs(np.corrcoef(steps.T)[0, 1]) < 0.05, "each contour has its own"


def test_a_size_that_is_switched_off_moves_nothing() -> None:
    none = replace(DEFAULT, calibration_cv=0.0, per_image_cv=0.0, psf_fwhm_sd_mm=0.0, contour_sd_mm=0.0, contour_shift_sd_mm=0.0,
                   s_value_cv=0.0)
    errors = stated.draw_errors(np.random.default_rng(1), NAMES, 2, none)
    kidney = small.ORGANS[0]
    assert stated.drawn_contour(kidney, errors) == kidney
    assert (errors.calibration, errors.blur_mm, errors.s_value, errors.images.tolist()) == (1.0, 0.0, 1.0, [1.0, 1.0])


def test_a_contour_lies_and_reaches_where_it_was_drawn() -> None:
    """By hand: a ball of 15 mm whose surface lies 3 mm out and 4 mm aside holds (18/15)³ of its volume, its centre moved by 4 mm."""
    lesion = small.ORGANS[2]
    errors = stated.StudyErrors(1.0, np.ones(1), 0.0, 1.0, {"primary": 3.0}, {"primary": np.array([4.0, 0.0, 0.0])})
    region = next(r for r in small.make_study().regions if r.name == "primary")
    there = stated.contour_region(stated.drawn_contour(lesion, errors, (0.0, 0.0, 2.0)), region)
    assert there.volume_ml == pytest.approx(4 / 3 * np.pi * 18.0**3 / 1000.0, rel=0.02)
    index = np.array(np.nonzero(there.occupancy > 0.5)).mean(axis=1)
    centre = there.grid.affine[:3, :3] @ index + there.grid.affine[:3, 3]
    assert centre == pytest.approx(np.array(lesion.centre) + [4.0, 0.0, 2.0], abs=0.3)


def test_a_patient_of_the_population_has_its_half_lives() -> None:
    """The slow half-life by the last hours of the curve, the integral by summing the curve, not by its formula."""
    prior = POPULATION["kidney"]
    beliefs = (prior.slow_half_life_h, prior.uptake_half_time_h, prior.fast_ratio, prior.fast_half_life_h)
    rng = np.random.default_rng(3)
    slow = []
    for _ in range(800):
        one = stated.draw_kinetics(rng, 100.0, beliefs)
        effective = -np.log(one.at(3001.0) / one.at(3000.0))
        slow.append(np.log(2.0) / (effective - stated.DECAY))
    assert np.median(slow) == pytest.approx(prior.slow_half_life_h[0], rel=0.05)
    assert np.std(np.log(slow)) == pytest.approx(prior.slow_half_life_h[1], rel=0.08)
    hours = np.linspace(0.0, 4000.0, 400_001)
    assert one.at(0.0) == pytest.approx(0.0, abs=1e-9)
    assert one.tia_mbq_h == pytest.approx(np.trapezoid([one.at(hour) for hour in hours[::40]], hours[::40]), rel=0.01)
    assert stated.nominal(small.ORGANS[0], 7400.0).tia_mbq_h == pytest.approx(small.true_tia_mbq_h(small.ORGANS[0], 7400.0))

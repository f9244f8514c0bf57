"""The activity law: what it refuses, what it says, and that no draw breaks it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_study import BODY, ORGANS, make_study, true_tia_mbq_h

from neorlt.core.errors import InputError
from neorlt.dosimetry.compute import compute_doses
from neorlt.dosimetry.conservation import ActivityBalance, HeldActivity, balance_worlds, peak_share, refuse_few
from neorlt.dosimetry.fit import physical_half_life_h
from neorlt.dosimetry.objects import FitStatus, TimeActivity, TimeIntegratedActivity
from neorlt.imaging.study import Study
from neorlt.jobs.dose import dose_command

LU = physical_half_life_h("Lu-177")
BOUND = 7400.0 * LU / np.log(2.0)


def _only(study: Study, *indices: int) -> Study:
    """The study with some of its SPECT alone."""
    images = study.therapy_images()
    gone = [image for n, image in enumerate(images) if n not in indices]
    return replace(study, volumes=tuple(v for v in study.volumes if not any(v is g for g in gone)))


def _times(study: Study, factor: float) -> Study:
    return replace(study, volumes=tuple(v.with_array(v.array * factor) if v.modality == "NM" else v for v in study.volumes))


@pytest.mark.parametrize("images", [(2,), (3,), (0, 1)])
def test_few_images_give_a_dose_under_the_law(study: Study, images: tuple[int, ...]) -> None:
    """One SPECT once gave 10⁹ Gy: the interval holds the truth and nothing is above what was injected."""
    result = compute_doses(_only(study, *images), seed=1, n_draws=400)
    for organ, tia in zip(ORGANS, result.tias, strict=True):
        low, high = np.quantile(tia.draws_mbq_h, [0.02, 0.98])
        assert low < true_tia_mbq_h(organ, 7400.0) < high
        assert tia.draws_mbq_h.max() < 1.1 * BOUND
    assert result.rest is not None and result.balance is not None
    everything = [*result.tias, result.rest]
    assert peak_share(everything, LU, 7400.0).max() < 1.1
    assert np.median(result.rest.draws_mbq_h) < 3.0 * true_tia_mbq_h(BODY, 7400.0)
    assert result.balance.effective_draws >= 200
    assert float(result.dose.array.max()) < 50.0 * max(float(np.median(d.draws_gy)) for d in result.doses)


def test_images_a_hundred_times_too_bright_are_refused_by_name(study: Study) -> None:
    with pytest.raises(InputError, match="more activity than was injected.*calibration"):
        compute_doses(_times(study, 100.0), seed=1, n_draws=50)


def test_a_faint_sum_is_said_and_not_refused(study: Study) -> None:
    result = compute_doses(_times(study, 0.01), seed=1, n_draws=50)
    assert any("hold little of the injected activity" in text and "field of view" in text for text in result.warnings)


def test_above_one_by_two_standard_deviations_is_said() -> None:
    held = (HeldActivity(1.0, 1150.0, 1000.0, 400.0),)
    balance = balance_worlds(held, [_mono(0.5, 60.0)], injected_mbq=1.0, half_life_h=LU, n_draws=100, seed=0)
    assert "more than the uncertainty" in balance.sentences[0]
    quiet = balance_worlds((replace(held[0], held_mbq=1050.0),), [_mono(0.5, 60.0)], injected_mbq=1.0, half_life_h=LU, n_draws=100, seed=0)
    assert quiet.sentences == ()


def _mono(amplitude: float, half_life: float, spread: float = 0.0, n: int = 2000, seed: int = 0) -> TimeIntegratedActivity:
    rng = np.random.default_rng(seed)
    curve = TimeActivity("a", "Lu-177", 10.0, np.array([72.0]), np.array([1.0]), np.array([0.1]), np.array([1.0]))
    a = amplitude * np.exp(spread * rng.standard_normal((n, 1)))
    return TimeIntegratedActivity("a", "Lu-177", curve, "mono", a, np.full((n, 1), np.log(2.0) / half_life), (FitStatus.OK,))


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 2.0), st.floats(5.0, 159.0), st.floats(0.0, 2.0), st.integers(0, 5))
def test_no_kept_world_breaks_the_law(amplitude: float, half_life: float, spread: float, seed: int) -> None:
    one, two = _mono(amplitude, half_life, spread, seed=seed), _mono(0.3, 100.0, 0.3, seed=seed + 10)
    balance = balance_worlds((HeldActivity(72.0, 0.1, 0.7, 400.0),), [one, two], injected_mbq=1.0, half_life_h=LU, n_draws=500, seed=seed)
    if not balance.effective_draws:
        with pytest.raises(InputError, match="contradict"):
            refuse_few(balance, 500)
        return
    total = sum(t.amplitude_mbq[balance.kept].sum(axis=1) for t in (one, two))
    assert total.max() <= np.exp(5.0 * np.log1p(0.02))  # at most the net activity of the brightest of 2000 worlds
    assert len(balance.kept) == 500
    integrated = sum(t.draws_mbq_h[balance.kept] for t in (one, two))
    assert integrated.max() <= 1.11 * LU / np.log(2.0)


def test_the_law_moves_nothing_where_nothing_is_near_it() -> None:
    held = (HeldActivity(4.0, 0.4, 1.0, 400.0),)
    balance = balance_worlds(held, [_mono(0.4, 60.0, 0.1)], injected_mbq=1.0, half_life_h=LU, n_draws=300, seed=0)
    assert balance.shift == 1.0 and balance.allowed == 1.0 and np.array_equal(balance.kept, np.arange(300))


def test_too_few_worlds_are_refused() -> None:
    refused = ActivityBalance((), np.zeros(0, dtype=np.intp), 8000, 199, 0.02, 1.0)
    with pytest.raises(InputError, match="at least 200 of 8000"):
        refuse_few(refused, 1000)


def test_document_says_what_the_law_found_and_maps_follow_the_medians(study: Study) -> None:
    document, volumes = dose_command(study, seed=1, n_draws=200)
    law = document.activity_law
    assert law is not None
    assert 0.1 < law.images[0].share < 1.0
    assert law.effective_draws >= 160
    assert any("mean is its reported median" in note for note in volumes["dose"].notes)
    for row in document.regions:
        assert row.dose_gy.ci90[0] < row.dose_gy.median < row.dose_gy.ci90[1]
        assert row.voxel_dose.mean_gy == pytest.approx(row.dose_gy.median, rel=1e-6)


def test_a_study_with_another_seed_keeps_its_medians() -> None:
    """The law prints what it moved; on a study within it that is next to nothing."""
    result = compute_doses(make_study(seed=7), seed=3, n_draws=200)
    assert result.balance is not None
    assert result.balance.shift == pytest.approx(1.0, abs=0.02)

"""Three engines, one dose: maps and histograms follow the regions, local difference is predicted, Monte Carlo carries its error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_study import grid, make_study

from neorlt.core.errors import InputError
from neorlt.dosimetry.compute import DoseResult, compute_doses
from neorlt.dosimetry.derive import derived_dose
from neorlt.dosimetry.engines import RegionRatio, difference_warnings, region_ratio, scaled_to_regions, with_ratio
from neorlt.dosimetry.s_values import local_s_values, settled_occupancies, sphere_s_gy_per_mbq_h
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Unit, Volume


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.lists(st.floats(0.5, 60.0), min_size=3, max_size=3))
def test_every_regions_mean_is_its_target_and_the_rest_is_left(seed: int, targets: list[float]) -> None:
    rng = np.random.default_rng(seed)
    where = grid(4.0)
    dose = Volume(rng.uniform(0.5, 20.0, where.shape).astype(np.float32), where, Unit.GY, "DOSE")
    free, occupancies = np.ones(where.shape, dtype=np.float32), []
    for n in range(3):
        part = np.zeros(where.shape, dtype=np.float32)
        # neighbours share their border voxels
        part[8 * n : 8 * n + 9, 5:15, 5:15] = rng.uniform(0.3, 1.0, (9, 10, 10))
        occupancies.append(np.minimum(part, free))
        free = free - occupancies[-1]
    scaled = scaled_to_regions(dose, occupancies, targets)
    for occupancy, target in zip(occupancies, targets, strict=True):
        assert float(np.average(scaled.array, weights=occupancy)) == pytest.approx(target, rel=1e-4)
    outside = free == 1.0
    assert np.array_equal(scaled.array[outside], dose.array[outside])
    assert "reported median" in scaled.notes[-1]


@pytest.mark.parametrize(("nuclide", "low", "high"), [("Y-90", 0.20, 0.28), ("Lu-177", -0.05, 0.05)])
def test_local_deposition_in_five_millilitres(nuclide: str, low: float, high: float) -> None:
    """90Y leaves a 5 ml sphere: local deposition is about 24 % high; 177Lu gains in photons what it loses in electrons."""
    mass = 5.0 * 1.04
    local = local_s_values(nuclide, np.array([mass]), n_sources=1).s_gy_per_mbq_h[0, 0]
    assert low < local / sphere_s_gy_per_mbq_h(nuclide, mass) - 1.0 < high


def test_local_method_is_what_was_predicted_and_is_warned_of(study: Study, result: DoseResult) -> None:
    local = compute_doses(study, method="local", seed=1, n_draws=100)
    kernel = compute_doses(study, seed=1, n_draws=100)
    for one, other, histogram in zip(local.doses, kernel.doses, local.histograms, strict=True):
        measured = float(np.median(one.draws_gy) / np.median(other.draws_gy)) - 1.0
        assert measured == pytest.approx(kernel.local_difference[one.name], abs=0.01)
        assert histogram.mean_gy == pytest.approx(float(np.median(one.draws_gy)), rel=1e-6)
        assert "local deposition" in one.method
    assert difference_warnings({"a": 0.24, "b": -0.02}) == [
        "a: local deposition gives +24 % against the kernel (what leaves the region, photons and neighbours)."
    ]
    assert result.local_difference.keys() == kernel.local_difference.keys()


def test_monte_carlo_follows_its_ratio_and_carries_its_error(study: Study, result: DoseResult) -> None:
    occupancies = settled_occupancies([r for r in study.regions if r.name in {d.name for d in result.doses}], result.dose.grid)
    simulated = result.dose.with_array(result.dose.array * 1.03)
    error = result.dose.with_array(np.full(result.dose.grid.shape, 0.02 * float(result.dose.array.max()), dtype=np.float32))
    found = region_ratio(simulated, error, result.dose, occupancies)
    assert found.ratio == pytest.approx(np.full(3, 1.03), rel=1e-4)
    assert np.all((found.relative_error > 0) & (found.relative_error < 0.05))
    wide = RegionRatio(found.ratio, np.full(3, 0.10))
    changed = with_ratio(result.doses, wide, method="Monte Carlo", seed=1)
    for before, after in zip(result.doses, changed, strict=True):
        assert np.median(after.draws_gy) == pytest.approx(1.03 * np.median(before.draws_gy), rel=0.03)
        assert np.std(np.log(after.draws_gy)) > np.std(np.log(before.draws_gy))
        # BED = D + g D²: what lies above the dose goes with its square
        extra = (after.bed_gy - after.draws_gy) / (before.bed_gy - before.draws_gy)
        assert extra == pytest.approx((after.draws_gy / before.draws_gy) ** 2, rel=1e-9)


def test_another_method_is_refused_before_any_work(study: Study) -> None:
    with pytest.raises(InputError, match="unknown dose method"):
        compute_doses(replace(study, psf_fwhm_mm=None), method="guess")  # type: ignore[arg-type]


def test_y90_from_lu177_images_is_that_of_a_study_simulated_with_y90(study: Study, result: DoseResult) -> None:
    """By 90Y's own S-values between the same regions: within 1 %, where scaling by spheres was up to 3 % off."""
    seen = compute_doses(make_study(seed=4, nuclide="Y-90", injected_mbq=2800.0), seed=1, n_draws=400)
    for lutetium, yttrium in zip(result.doses, seen.doses, strict=True):
        derived = derived_dose(lutetium, "Y-90", 2800.0)
        assert np.median(derived.draws_gy) == pytest.approx(np.median(yttrium.draws_gy), rel=0.01)
        assert "derived from Lu-177" in derived.method
    with pytest.raises(InputError, match="is not there"):
        derived_dose(replace(result.doses[0], others=()), "Y-90", 2800.0)

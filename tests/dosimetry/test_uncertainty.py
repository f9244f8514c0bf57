"""Sizes of the uncertainty chain: sphere recovery by Monte Carlo, limits, and labels for every size."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from neorlt.dosimetry.compute import compute_doses
from neorlt.dosimetry.tornado import Z90, tornado
from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings, contour_power, recovery_cv, sphere_recovery, volume_cv
from neorlt.imaging.partial_volume import correct_regions
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid, Unit, Volume


@pytest.mark.parametrize(("radius", "fwhm"), [(8.0, 10.0), (12.0, 14.5), (30.0, 10.0)])
def test_sphere_recovery_by_monte_carlo(radius: float, fwhm: float) -> None:
    rng = np.random.default_rng(0)
    direction = rng.standard_normal((400_000, 3))
    start = direction / np.linalg.norm(direction, axis=1)[:, None] * radius * rng.random((400_000, 1)) ** (1 / 3)
    end = start + fwhm / np.sqrt(8 * np.log(2)) * rng.standard_normal(start.shape)
    stayed = np.mean(np.linalg.norm(end, axis=1) < radius)
    assert sphere_recovery(radius, fwhm) == pytest.approx(stayed, abs=0.003)


def test_limits() -> None:
    assert sphere_recovery(10.0, 0.0) == 1.0
    assert sphere_recovery(500.0, 10.0) > 0.98
    assert recovery_cv(5.0, 12.0, 0.7) > 5 * recovery_cv(1000.0, 12.0, 0.7)
    assert volume_cv(10.0, 1.0) == pytest.approx(0.3)


def test_every_size_has_a_label_and_a_source() -> None:
    assert set(DEFAULT.origins()) == set(DEFAULT.__dataclass_fields__) - {"source", "stated"}
    with pytest.raises(ValueError, match="calibration_cv"):
        UncertaintySettings(calibration_cv=-0.1)


SPACING, N = 4.0, 32


def ball(radius: float) -> np.ndarray:
    """Part of every voxel inside a ball."""
    x = (np.arange(6 * N) - (6 * N - 1) / 2) * SPACING / 6
    inside = x[:, None, None] ** 2 + x[None, :, None] ** 2 + x[None, None, :] ** 2 <= radius**2
    return inside.reshape(N, 6, N, 6, N, 6).mean(axis=(1, 3, 5)).astype(np.float32)


@pytest.mark.parametrize(("radius", "fwhm"), [(10.0, 8.0), (10.0, 14.0), (20.0, 10.0)])
def test_a_contour_drawn_too_large_finds_more_activity_as_the_correction_does(radius: float, fwhm: float) -> None:
    """The closed form against the correction itself, on balls drawn half a millimetre too large and too small."""
    grid = Grid((N, N, N), np.diag([SPACING, SPACING, SPACING, 1.0]), "frame")
    blurred = gaussian_filter(ball(radius).astype(float), fwhm / np.sqrt(8 * np.log(2)) / SPACING)
    image = Volume((1e6 * blurred).astype(np.float32), grid, Unit.BQ_PER_ML, "NM", datetime(2026, 1, 1), "Lu-177")
    found, volume = [], []
    for size in (radius - 0.5, radius + 0.5):
        region = Region("ball", RegionKind.LESION, ball(size), grid, "synthetic")
        found.append(correct_regions(image, [region], fwhm).corrected_mbq[0])
        volume.append(region.volume_ml)
    power = np.log(found[1] / found[0]) / np.log(volume[1] / volume[0])
    assert contour_power(radius, fwhm, 0.5, corrected=True) == pytest.approx(power, abs=0.05)


def test_limits_of_the_contours_power() -> None:
    # Without blur and correction half of the moves find all of it, half find what lies inside.
    assert contour_power(20.0, 0.0, 0.01, corrected=False) == pytest.approx(0.5, abs=1e-3)
    # Under a blur far wider than the ball the image is flat over it: the sum goes with the volume, the corrected activity stays.
    assert contour_power(5.0, 60.0, 0.1, corrected=False) == pytest.approx(1.0, abs=0.02)
    assert contour_power(5.0, 60.0, 0.1, corrected=True) == pytest.approx(0.0, abs=0.02)


def test_the_doubt_of_a_dose_is_what_its_causes_add_up_to(study) -> None:
    """One cause, one draw: the variance of the log dose is the sum of the tornado's rows within 10 %."""
    doses = compute_doses(study, seed=3, n_draws=1500).doses
    for dose in doses:
        bars = tornado(dose, fwhm_mm=study.psf_fwhm_mm)
        rows = sum((np.log(bar.high_gy / bar.low_gy) / (2 * Z90)) ** 2 for bar in bars)
        assert np.var(np.log(dose.draws_gy)) == pytest.approx(rows, rel=0.15), dose.name
    # A contour is one draw: mass and activity of a world come from the same one.
    dose = doses[0]
    heavier = dose.tia.curve.volume_factor(3, 1500)
    assert np.array_equal(heavier, dose.tia.curve.volume_factor(3, 1500)) and heavier.std() > 0

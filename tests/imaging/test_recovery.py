"""Recovery: closed form against numerical blur, and the real NEMA phantom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from neorlt.core.errors import InputError
from neorlt.imaging.phantom_curves import fit_volume_recovery
from neorlt.imaging.recovery import (
    NEMA_DIAMETERS_MM,
    PhantomScan,
    fit_blur,
    locate_nema_spheres,
    measure_nema,
    measure_spheres,
    sphere_profile,
    sphere_recovery,
)
from neorlt.imaging.volume import Grid

DATA = Path(__file__).parent.parent / "data" / "imaging" / "nema_iq" / "nema_iq_crop.npz"
SIGMA = 1 / (2 * np.sqrt(2 * np.log(2)))


@pytest.fixture(scope="module")
def nema() -> PhantomScan:
    held = np.load(DATA)
    array = held["stored"].astype(np.float32) * float(held["slope"])
    return PhantomScan(array, Grid(array.shape, held["affine"], "nema"))


@pytest.mark.parametrize(("radius", "fwhm"), [(5.0, 6.0), (10.0, 14.5), (18.5, 4.0)])
def test_closed_form_against_a_blurred_ball(radius: float, fwhm: float) -> None:
    half = 45
    axis = np.arange(-half, half + 1.0)
    r = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    soft = np.clip(radius - r + 0.5, 0, 1)  # edge voxels in part
    blurred = gaussian_filter(soft, fwhm * SIGMA)
    assert sphere_recovery(radius, fwhm) == pytest.approx((blurred * soft).sum() / soft.sum(), rel=0.01)
    along = [0, 3, int(radius), int(radius) + 4]
    assert sphere_profile(np.array(along, float), radius, fwhm) == pytest.approx([blurred[half + r, half, half] for r in along], abs=0.01)


def test_limits() -> None:
    assert sphere_recovery(50.0, 0.5) > 0.98
    assert sphere_recovery(2.0, 20.0) < 0.02
    values = [sphere_recovery(r, 8.0) for r in (4, 6, 9, 14, 30)]
    assert values == sorted(values)


def test_real_spheres_are_found_where_the_phantom_has_them(nema: PhantomScan) -> None:
    centres = locate_nema_spheres(nema)
    middle = centres.mean(0)
    assert np.linalg.norm(centres - middle, axis=1) == pytest.approx(57.2, abs=0.3)
    for sphere in measure_spheres(nema, centres):
        assert sphere.mean > 1.5 * sphere.background


def test_real_recovery_is_monotonic_and_predicts_the_13_mm_sphere(nema: PhantomScan) -> None:
    fit = measure_nema(nema)
    means = [s.relative_mean for s in fit.spheres]
    assert [s.diameter_mm for s in fit.spheres] == list(NEMA_DIAMETERS_MM)
    assert means == sorted(means, reverse=True)
    diameters, relative = np.array(NEMA_DIAMETERS_MM), np.array(means)
    others = diameters != 13
    blur = fit_blur(diameters[others], relative[others])
    predicted = sphere_recovery(6.5, blur) / sphere_recovery(18.5, blur)
    assert predicted == pytest.approx(relative[~others][0], abs=0.15)
    assert 0 < fit.sd_mm < 1


def test_planted_blur_comes_back() -> None:
    """A synthetic phantom with known blur, tilted, on a coarse SPECT grid."""
    fine = Grid((90, 90, 40), np.diag([2.0, 2.0, 2.0, 1.0]), "f")
    index = np.moveaxis(np.indices(fine.shape), 0, -1)
    where = fine.index_to_mm(index)
    truth = np.ones(fine.shape)
    centre, phase = np.array([90.0, 88.0, 41.0]), 0.7
    for n, d in enumerate(NEMA_DIAMETERS_MM):
        at = centre + 57.2 * np.array([np.cos(phase - n * np.pi / 3), np.sin(phase - n * np.pi / 3), 0.02])
        truth += 7 * np.clip(d / 2 - np.linalg.norm(where - at, axis=-1) + 0.5, 0, 1)
    image = gaussian_filter(truth, 9.0 * SIGMA / 2.0)
    image += np.random.default_rng(1).normal(0, 0.05, image.shape)
    fit = measure_nema(PhantomScan(image.astype(np.float32), fine))
    assert fit.fwhm_mm == pytest.approx(9.0, abs=0.6)


def test_no_phantom_is_refused() -> None:
    grid = Grid((60, 60, 40), np.diag([3.0, 3.0, 3.0, 1.0]), "f")
    with pytest.raises(InputError):
        measure_nema(PhantomScan(np.ones((60, 60, 40), np.float32), grid))


def test_volume_curve_comes_back() -> None:
    volume = np.array([0.5, 1.1, 2.6, 5.6, 11.5, 26.5])
    recovery = 1 / (1 + (1.7 / volume) ** 0.9)
    curve = fit_volume_recovery(volume, recovery)
    assert (curve.half_ml, curve.power) == pytest.approx((1.7, 0.9), rel=1e-6)
    assert curve.of(4.0, sphericity=0.8) < curve.of(4.0)
    draws = fit_volume_recovery(volume, recovery * np.array([1.02, 0.97, 1.01, 0.98, 1.02, 0.99])).draws(4.0, np.linspace(-2, 2, 9))
    assert np.all(np.diff(draws) < 0)
    with pytest.raises(InputError, match="falls with size"):
        fit_volume_recovery(volume, recovery[::-1])

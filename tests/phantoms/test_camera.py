"""The blur conserves activity, varies by place, and is not one Gaussian; the noise is Poisson's."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from neorlt.core.draws import generator
from neorlt.phantoms.anatomy import axis_grid
from neorlt.phantoms.camera import FWHM_PER_SIGMA, Blur, blurred, counted
from neorlt.phantoms.cases import SPECT

FINE = axis_grid((120, 100, 60), (2.0, 2.0, 2.0))
IMAGE = axis_grid((60, 50, 40), (4.8, 4.8, 4.8))


def point(x, y, z):
    array = np.zeros(FINE.shape, dtype=np.float32)
    array[x, y, z] = 1.0
    return array


@pytest.mark.parametrize("place", [(60, 50, 30), (100, 60, 25), (20, 80, 35)])
def test_activity_is_conserved(place):
    assert blurred(point(*place), FINE, IMAGE, SPECT.blur).sum() == pytest.approx(1.0, abs=2e-3)


def test_centre_of_mass_stays():
    image = blurred(point(80, 40, 30), FINE, IMAGE, replace(SPECT.blur, tail_share=0.0))
    index = np.argwhere(image > 0)
    centre = np.average(IMAGE.index_to_mm(index), axis=0, weights=image[image > 0])
    assert centre == pytest.approx(FINE.index_to_mm(np.array([80, 40, 30])), abs=0.05)


def test_one_width_equals_scipy_gaussian_and_block_sums():
    plain = Blur(near_mm=10.0, slope=0.0, orbit_mm=(300.0, 300.0), tail_share=0.0, tail_fwhm_mm=1.0)
    rng = np.random.default_rng(1)
    array = np.zeros(FINE.shape, dtype=np.float32)
    array[40:80, 35:65, 20:40] = rng.random((40, 30, 20))
    blocks = axis_grid((60, 50, 30), (4.0, 4.0, 4.0))
    expected = ndimage.gaussian_filter(array, 10.0 / FWHM_PER_SIGMA / 2.0, mode="constant", truncate=6)
    expected = expected.reshape(60, 2, 50, 2, 30, 2).sum(axis=(1, 3, 5))
    found = blurred(array, FINE, blocks, plain)
    # scipy samples the Gaussian, the camera integrates it over voxels: they differ in the fourth digit of the peak
    assert np.abs(found - expected).max() < 0.01 * expected.max()


def width_mm(place, blur):
    image = blurred(point(*place), FINE, FINE, blur)
    profile = image[:, place[1], place[2]] / image.max()
    half = np.interp([0.5], profile[place[0] :][::-1], np.arange(profile[place[0] :].size)[::-1])
    return float(2 * half[0] * 2.0)


def test_blur_is_narrower_near_the_skin_than_on_the_axis():
    blur = replace(SPECT.blur, orbit_mm=(130.0, 110.0))
    assert width_mm((110, 50, 30), blur) < 0.95 * width_mm((60, 50, 30), blur)


def test_blur_is_not_one_gaussian():
    image = blurred(point(60, 50, 30), FINE, FINE, SPECT.blur)
    width = width_mm((60, 50, 30), SPECT.blur)
    offset = FINE.index_to_mm(np.argwhere(image >= 0)) - FINE.index_to_mm(np.array([60, 50, 30]))
    far = np.linalg.norm(offset, axis=1) > 1.5 * width
    # one Gaussian leaves 0.6 % of a point beyond 1.5 widths (3.5 sigma in three dimensions)
    assert image.ravel()[far].sum() > 0.012


def test_noise_has_poisson_mean_and_variance():
    truth = np.full((40, 40, 40), 0.05, dtype=np.float32)
    noisy = counted(truth, SPECT, generator(3, "noise")).astype(np.float64)
    expected_counts = 0.05 * SPECT.counts_per_mbq
    assert noisy.mean() == pytest.approx(0.05, rel=4 / np.sqrt(expected_counts * truth.size))
    assert noisy.var() == pytest.approx(0.05 / SPECT.counts_per_mbq, rel=0.03)


def test_bad_blurs_are_refused():
    for change in ({"near_mm": 0.0}, {"tail_share": 1.0}, {"orbit_mm": (0.0, 100.0)}):
        with pytest.raises(ValueError):
            replace(SPECT.blur, **change)

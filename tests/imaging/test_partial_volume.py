"""The transfer matrix against spheres of which the blur is known in closed form, and against finer, other truth."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from neorlt.core.errors import InputError
from neorlt.imaging.partial_volume import BACKGROUND, correct_regions
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Unit

SIGMA = 1 / (2 * np.sqrt(2 * np.log(2)))


def sphere_recovery(radius_mm: float, fwhm_mm: float) -> float:
    """Mean inside a ball of its own Gaussian blur, by the closed radial profile and one-dimensional integration."""
    s, big = fwhm_mm * SIGMA, radius_mm

    def profile(r: float) -> float:
        if r < 1e-9:
            return float(erf(big / (s * 2**0.5)) - 2 * big / (s * (2 * np.pi) ** 0.5) * np.exp(-(big**2) / (2 * s**2)))
        a, b = (big - r) / (s * 2**0.5), (big + r) / (s * 2**0.5)
        tail = np.exp(-(a**2)) - np.exp(-(b**2))
        return float(0.5 * (erf(a) + erf(b)) - s / (r * (2 * np.pi) ** 0.5) * tail)

    return quad(lambda r: 4 * np.pi * r**2 * profile(r), 0, big)[0] / (4 / 3 * np.pi * big**3)


@pytest.mark.parametrize("radius", [9.0, 14.0, 25.0])
@pytest.mark.parametrize("fwhm", [8.0, 14.5])
def test_own_transfer_of_a_ball_is_its_closed_form_recovery(make_ball, make_grid, make_volume, radius, fwhm) -> None:  # type: ignore[no-untyped-def]
    grid = make_grid((48, 48, 48), (2.0, 2.0, 2.0), (-47.0, -47.0, -47.0))
    found = correct_regions(make_volume(np.ones(grid.shape), grid), [make_ball("b", (0, 0, 0), radius)], fwhm, background=False)
    # the image's voxel is a box of variance w²/12 on each axis, once in the image and once in the sampling mask
    with_voxels = np.sqrt(fwhm**2 + 2 * 2.0**2 / 12 / SIGMA**2)
    assert found.transfer[0, 0] == pytest.approx(sphere_recovery(radius, with_voxels), rel=0.01)


def _image(balls, values, background, grid, fwhm, kernel="gaussian"):  # type: ignore[no-untyped-def]
    """Truth on a 1 mm grid, blurred there, then averaged over the image's voxels."""
    step = 1.0
    shape = tuple(int(n * s / step) for n, s in zip(grid.shape, grid.spacing_mm, strict=True))
    axes = [grid.affine[a, 3] - grid.spacing_mm[a] / 2 + step * (np.arange(n) + 0.5) for a, n in enumerate(shape)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    truth = np.full(shape, background, np.float32)
    for (centre, radius), value in zip(balls, values, strict=True):
        truth[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 <= radius**2] = value
    if kernel == "gaussian":
        blurred = gaussian_filter(truth, fwhm * SIGMA / step, mode="nearest")
    else:  # not quite Gaussian: a narrow core and wide wings
        blurred = 0.8 * gaussian_filter(truth, 0.9 * fwhm * SIGMA, mode="nearest")
        blurred += 0.2 * gaussian_filter(truth, 1.5 * fwhm * SIGMA, mode="nearest")
    parts = [int(s / step) for s in grid.spacing_mm]
    n = grid.shape
    return blurred.reshape(n[0], parts[0], n[1], parts[1], n[2], parts[2]).mean(axis=(1, 3, 5))


BALLS = [((0.0, 0.0, 0.0), 40.0), ((25.0, 0.0, 0.0), 10.0), ((-60.0, 10.0, 0.0), 12.0), ((62.0, -5.0, 0.0), 20.0)]
VALUES = [2e5, 1e6, 8e5, 4e5]


def _regions(make_ball):  # type: ignore[no-untyped-def]
    kinds = [RegionKind.ORGAN, RegionKind.LESION, RegionKind.LESION, RegionKind.ORGAN]
    return [make_ball(f"r{n}", c, r, 2.0, k) for n, ((c, r), k) in enumerate(zip(BALLS, kinds, strict=True))]


@pytest.fixture
def grid(make_grid):  # type: ignore[no-untyped-def]
    return make_grid((48, 32, 28), (4.0, 4.0, 5.0), (-94.0, -62.0, -67.5))


@pytest.mark.parametrize("background", [0.0, 3e4])
def test_activities_are_recovered_from_finer_truth(make_ball, make_volume, grid, background) -> None:  # type: ignore[no-untyped-def]
    """The lesion lies inside the organ; the organ's mask covers it and must give it up."""
    image = make_volume(_image(BALLS, VALUES, background, grid, 14.5), grid)
    found = correct_regions(image, _regions(make_ball), 14.5)
    volumes = [4 / 3 * np.pi * r**3 / 1000 for _, r in BALLS]
    volumes[0] -= volumes[1]
    truth = np.array(VALUES) * volumes / 1e6
    assert found.corrected_mbq[:4] == pytest.approx(truth, rel=0.03)
    assert found.volume_ml[:4] == pytest.approx(volumes, rel=0.01)
    assert np.all(found.uncorrected_mbq[1:3] < 0.75 * truth[1:3])  # the bias that the correction takes away
    assert found.recovery[:4] == pytest.approx(found.uncorrected_mbq[:4] / found.corrected_mbq[:4])
    rest = found.of(BACKGROUND)
    assert found.corrected_mbq[rest] * 1e6 / found.volume_ml[rest] == pytest.approx(background, abs=2e3)


def test_another_blur_than_stated_leaves_a_bias(make_ball, make_volume, grid) -> None:  # type: ignore[no-untyped-def]
    """So the test above can fail: 2.5 mm too little blur leaves the small lesions more than 8 % low."""
    image = make_volume(_image(BALLS, VALUES, 3e4, grid, 14.5), grid)
    found = correct_regions(image, _regions(make_ball), 12.0)
    truth = np.array(VALUES[1:3]) * [4 / 3 * np.pi * r**3 / 1e3 for _, r in BALLS[1:3]] / 1e6
    assert np.all(found.corrected_mbq[1:3] < 0.92 * truth)


def test_a_blur_that_is_not_gaussian_is_corrected_within_fifteen_per_cent(make_ball, make_volume, grid) -> None:  # type: ignore[no-untyped-def]
    image = make_volume(_image(BALLS, VALUES, 3e4, grid, 14.5, kernel="winged"), grid)
    found = correct_regions(image, _regions(make_ball), 14.5)
    volumes = np.array([4 / 3 * np.pi * r**3 / 1000 for _, r in BALLS])
    volumes[0] -= volumes[1]
    assert found.corrected_mbq[:4] == pytest.approx(np.array(VALUES) * volumes / 1e6, rel=0.15)


def test_blur_along_three_axes(make_ball, make_volume, grid) -> None:  # type: ignore[no-untyped-def]
    image = make_volume(np.ones(grid.shape), grid)
    even = correct_regions(image, _regions(make_ball), (12.0, 12.0, 12.0)).transfer
    assert even == pytest.approx(correct_regions(image, _regions(make_ball), 12.0).transfer)
    assert correct_regions(image, _regions(make_ball), (12.0, 12.0, 16.0)).transfer[1, 1] < even[1, 1]


def test_a_body_outline_bounds_the_background(make_ball, make_volume, grid) -> None:  # type: ignore[no-untyped-def]
    image = make_volume(_image(BALLS, VALUES, 3e4, grid, 14.5), grid)
    body = Region("body", RegionKind.BODY, np.ones(grid.shape), grid)
    found = correct_regions(image, [*_regions(make_ball), body], 14.5)
    assert "body" not in found.names
    assert BACKGROUND in found.names


def test_regions_that_cannot_be_told_apart_are_refused(make_ball, make_grid, make_volume) -> None:  # type: ignore[no-untyped-def]
    grid = make_grid((30, 30, 30), (4.0, 4.0, 4.0), (-58.0, -58.0, -58.0))
    one, other = make_ball("one", (0, 0, 0), 2.0), make_ball("other", (3, 0, 0), 2.0)
    with pytest.raises(InputError, match="cannot be told apart"):
        correct_regions(make_volume(np.ones(grid.shape), grid), [one, other], 25.0)


def test_the_same_region_twice_is_refused(make_ball, make_grid, make_volume) -> None:  # type: ignore[no-untyped-def]
    grid = make_grid((30, 30, 30), (4.0, 4.0, 4.0), (-58.0, -58.0, -58.0))
    regions = [make_ball("one", (0, 0, 0), 12.0), make_ball("other", (0, 0, 0), 12.0)]
    with pytest.raises(InputError, match="filled by other regions"):
        correct_regions(make_volume(np.ones(grid.shape), grid), regions, 10.0)


@pytest.mark.parametrize("blur", [0.0, -3.0, float("nan"), 80.0])
def test_a_blur_that_is_none_is_refused(make_ball, make_grid, make_volume, blur) -> None:  # type: ignore[no-untyped-def]
    grid = make_grid((10, 10, 10), (4.0, 4.0, 4.0), (-18.0, -18.0, -18.0))
    with pytest.raises(InputError, match="blur"):
        correct_regions(make_volume(np.ones(grid.shape), grid), [make_ball("b", (0, 0, 0), 8.0)], blur)


def test_region_outside_and_wrong_unit_are_refused(make_ball, make_grid, make_volume) -> None:  # type: ignore[no-untyped-def]
    grid = make_grid((10, 10, 10), (4.0, 4.0, 4.0), (-18.0, -18.0, -18.0))
    with pytest.raises(InputError, match="lies outside"):
        correct_regions(make_volume(np.ones(grid.shape), grid), [make_ball("b", (200, 0, 0), 8.0)], 10.0)
    with pytest.raises(InputError, match="concentration"):
        correct_regions(make_volume(np.ones(grid.shape), grid, Unit.SUV_BW), [make_ball("b", (0, 0, 0), 8.0)], 10.0)


@pytest.mark.slow
def test_twelve_regions_on_128_cubed_take_less_than_ten_seconds(make_ball, make_grid, make_volume) -> None:  # type: ignore[no-untyped-def]
    grid = make_grid((128, 128, 128), (4.0, 4.0, 4.0), (-254.0, -254.0, -254.0))
    regions = [make_ball(f"r{n}", (-200 + 36 * n, 30 * (n % 3), 20 * (n % 2)), 12 + n, 2.0) for n in range(12)]
    image = make_volume(np.ones(grid.shape), grid)
    start = time.process_time()
    correct_regions(image, regions, 14.5)
    assert time.process_time() - start < 10

"""What a simulated phantom says of its camera: recovery by size, and the blur by place that the camera was given."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.imaging.phantom_curves import fit_blur_map, fit_volume_recovery, sphere_fwhm
from neorlt.imaging.recovery import PHANTOMS, measure_nema, sphere_recovery, without_voxels
from neorlt.phantoms.camera import FWHM_PER_SIGMA, Blur, Camera
from neorlt.phantoms.cases import SPECT
from neorlt.phantoms.jaszczak import CONCENTRATION_MBQ_PER_ML, centres_mm, scan_jaszczak

PLACES = ((0.0, 0.0), (70.0, 0.0))


@pytest.fixture(scope="module")
def fits():  # type: ignore[no-untyped-def]
    return [measure_nema(scan_jaszczak(SPECT, place, seed=3), PHANTOMS["jaszczak"]) for place in PLACES]


def test_spheres_are_found_where_they_are(fits) -> None:  # type: ignore[no-untyped-def]
    for fit, place in zip(fits, PLACES, strict=True):
        found = np.array([s.centre_mm for s in fit.spheres])
        assert np.abs(found - np.array(centres_mm(place))).max() < 1.5


def test_recovery_falls_with_size_and_the_curve_by_volume_follows(fits) -> None:  # type: ignore[no-untyped-def]
    recovery = np.array(fits[0].recovery)
    assert np.all(np.diff(recovery) < 0)
    volume = np.pi / 6 * np.array(PHANTOMS["jaszczak"].diameters_mm) ** 3 / 1000
    curve = fit_volume_recovery(volume, recovery)
    assert [curve.of(float(v)) for v in volume] == pytest.approx(recovery.tolist(), abs=0.04)


def test_the_blur_by_place_is_the_cameras(fits) -> None:  # type: ignore[no-untyped-def]
    """Against the camera's own widths, which the fit never sees; its long tail widens what one Gaussian must explain."""
    found = fit_blur_map(fits, CONCENTRATION_MBQ_PER_ML)
    for radius in (20.0, 60.0, 100.0):
        widths, share = SPECT.blur.widths_mm(np.array(radius), np.array(0.0))
        assert found.at(np.array([radius, 0.0, 0.0])) == pytest.approx(float((widths * share).sum()), abs=1.0)
    assert found.fwhm_mm[0] - found.fwhm_mm[-1] > 1.0
    assert found.sd_mm is not None
    assert 0.0 < found.sd_mm < 1.0


def test_one_blur_everywhere_comes_back_as_one() -> None:
    """A camera with one Gaussian: the map is flat and its width is the planted one, voxels taken out."""
    even = Camera(Blur(10.0, 0.0, (200.0, 200.0), 0.0, 1.0), 1000.0, 1800.0, 1.0, 1.0)
    fits = [measure_nema(scan_jaszczak(even, place), PHANTOMS["jaszczak"]) for place in PLACES]
    found = fit_blur_map(fits, CONCENTRATION_MBQ_PER_ML)
    assert found.fwhm_mm == pytest.approx([10.0] * len(found.fwhm_mm), abs=0.5)
    assert fits[0].reconstruction_fwhm_mm == pytest.approx(10.0, abs=0.5)


def test_widths_and_voxels_by_hand() -> None:
    assert sphere_fwhm(20.0, sphere_recovery(10.0, 11.0)) == pytest.approx(11.0, abs=1e-3)
    variance = (13.0 / FWHM_PER_SIGMA) ** 2 - 2 * 4.8**2 / 12
    assert without_voxels(13.0, (4.8, 4.8, 4.8)) == pytest.approx(np.sqrt(variance) * FWHM_PER_SIGMA)


def test_what_cannot_give_a_map_is_refused(fits) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="how the blur changes with place"):
        fit_blur_map(fits[:1], CONCENTRATION_MBQ_PER_ML)
    with pytest.raises(InputError, match="no blur explains"):
        fit_blur_map(fits, 0.5)
    with pytest.raises(InputError, match="above 0"):
        fit_blur_map(fits, 0.0)

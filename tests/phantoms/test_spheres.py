"""Spheres against their formula, and the camera's stated blur against the table that ships it."""

import math

import numpy as np
import pytest

from neorlt.core.tables import read_json
from neorlt.phantoms.anatomy import axis_grid
from neorlt.phantoms.camera import FWHM_PER_SIGMA, Blur
from neorlt.phantoms.cases import SPECT
from neorlt.phantoms.spheres import NEMA_DIAMETERS_MM, nema_centres, recovery, sphere_occupancy, sphere_region

GRID = axis_grid((50, 50, 50), (2.0, 2.0, 3.0))


@pytest.mark.parametrize("diameter", [10.0, 22.0, 37.0])
def test_volume_is_the_formula(diameter):
    region = sphere_region(GRID, (3.1, -2.2, 5.7), diameter)
    assert region.volume_ml == pytest.approx(math.pi * diameter**3 / 6000, rel=0.01)


def test_centre_is_where_asked():
    occupancy = sphere_occupancy(GRID, (3.0, -7.0, 9.0), 22.0)
    index = np.argwhere(occupancy > 0)
    centre = np.average(GRID.index_to_mm(index), axis=0, weights=occupancy[occupancy > 0])
    assert centre == pytest.approx([3.0, -7.0, 9.0], abs=0.05)


def test_spheres_do_not_touch():
    for a, da in zip(nema_centres(), NEMA_DIAMETERS_MM, strict=True):
        for b, db in zip(nema_centres(), NEMA_DIAMETERS_MM, strict=True):
            if a != b:
                assert math.dist(a, b) > (da + db) / 2


def analytic_recovery(radius_mm, sigma_mm):
    """Mean over a sphere of its Gaussian-blurred self: integral over distances of its self-convolution."""
    r = np.linspace(0, 2 * radius_mm, 20001)
    overlap = 1 - 3 * r / (4 * radius_mm) + r**3 / (16 * radius_mm**3)
    gauss = np.exp(-(r**2) / (2 * sigma_mm**2)) / ((2 * math.pi) ** 1.5 * sigma_mm**3)
    return float(np.trapezoid(4 * math.pi * r**2 * overlap * gauss, r))


def test_recovery_of_a_gaussian_is_the_analytic_one():
    assert analytic_recovery(1e4, 1.0) == pytest.approx(1.0, abs=1e-3)
    found = recovery(Blur(near_mm=12.0, slope=0.0, orbit_mm=(300.0, 300.0), tail_share=0.0, tail_fwhm_mm=1.0))
    wanted = [analytic_recovery(d / 2, 12.0 / FWHM_PER_SIGMA) for d in NEMA_DIAMETERS_MM]
    assert found == pytest.approx(wanted, abs=0.012)


def test_shipped_recovery_and_blur_are_what_the_camera_gives():
    shipped = read_json("phantoms", "camera.json")["SPECT"]
    assert shipped["camera"] == SPECT.as_json()
    assert list(recovery(SPECT.blur)) == pytest.approx(shipped["recovery"], abs=2e-3)
    # the stated width is the best of its neighbours
    def misfit(fwhm):
        modelled = [analytic_recovery(d / 2, fwhm / FWHM_PER_SIGMA) for d in NEMA_DIAMETERS_MM]
        return float(((np.array(modelled) - np.array(shipped["recovery"])) ** 2).sum())

    stated = shipped["psf_fwhm_mm"]
    assert misfit(stated) < min(misfit(stated - 0.6), misfit(stated + 0.6))

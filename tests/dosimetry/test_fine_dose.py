"""Dose inside small spheres against the analytic radial profile, and the bias of a voxel mask beside it."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.dosimetry import fine_dose
from neorlt.dosimetry.dvh import dose_volume_histogram, sphere
from neorlt.dosimetry.voxel_dose import voxel_dose
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid, Unit, Volume

RHO = 1.04
CENTRE = np.array([0.7, -1.1, 0.4])


def _analytic(nuclide: str, radius_mm: float) -> tuple[dict[int, float], float]:
    """D98, D90, D50, D2 and mean of a uniform sphere over the dose at equilibrium, electrons only."""
    from neorlt.nuclides.kernels import electron_point_kernel

    kernel = electron_point_kernel(nuclide)
    shell, energy = kernel.shells()
    shell = shell / RHO * 10.0
    r = np.linspace(0.001, 1.0, 4000) * radius_mm
    at = r[:, None]
    inside = np.where(
        shell <= radius_mm - at,
        1.0,
        np.where(shell >= radius_mm + at, 0.0, (radius_mm**2 - (at - shell) ** 2) / (4 * at * shell)),
    )
    dose = (inside * energy).sum(axis=1) / kernel.total_mev
    order = np.argsort(-dose)
    filled = np.cumsum(r[order] ** 2) / np.sum(r**2)
    numbers = {x: float(np.interp(x / 100, filled, dose[order])) for x in (98, 90, 50, 2)}
    return numbers, float(np.average(dose, weights=r**2))


def _sphere(volume_ml: float, spacing: float, nuclide: str) -> tuple[Volume, Region, float]:
    radius = (3 * volume_ml * 1000 / 4 / np.pi) ** (1 / 3)
    n, cut = int(np.ceil((2 * radius + 30) / spacing)), 8
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -spacing * (n - 1) / 2
    grid = Grid((n, n, n), affine, "1.2.3")
    x, y, z = (((np.arange(n * cut) + 0.5) / cut * spacing - n * spacing / 2 - c) ** 2 for c in CENTRE)
    fine = (x[:, None, None] + y[None, :, None] + z[None, None, :]) < radius**2
    occupancy = fine.reshape(n, cut, n, cut, n, cut).mean(axis=(1, 3, 5)).astype(np.float32)
    region = Region("sphere", RegionKind.LESION, occupancy, grid)
    return Volume(occupancy * 100.0, grid, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide=nuclide), region, radius


def _equilibrium_gy(nuclide: str) -> float:
    from neorlt.nuclides.kernels import electron_point_kernel

    return 100.0 * electron_point_kernel(nuclide).total_mev * 1.602176634e-13 * 3600e6 / (RHO * 1e-3)


@pytest.fixture
def electrons_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_dose, "photon_dose", lambda tia: np.zeros(tia.grid.shape, np.float32))


@pytest.mark.usefixtures("electrons_only")
@pytest.mark.parametrize("nuclide", ["Lu-177", "Y-90"])
@pytest.mark.parametrize("spacing", [2.0, 4.0, 5.0])
@pytest.mark.parametrize("known", ["contour", "mask"])
def test_ten_millilitres_off_grid(nuclide: str, spacing: float, known: str) -> None:
    tia, region, radius = _sphere(10.0, spacing, nuclide)
    numbers, mean = _analytic(nuclide, radius)
    contours = {"sphere": sphere(CENTRE, radius, softness_mm=1e-6)} if known == "contour" else None
    found = fine_dose.fine_doses(tia, [region], [100.0 * region.volume_ml], contours=contours)[0]
    unit = _equilibrium_gy(nuclide)
    histogram = found.histogram()
    assert found.mean_gy / unit == pytest.approx(mean, rel=0.01)
    assert histogram.mean_gy == pytest.approx(found.mean_gy, rel=1e-5)
    assert histogram.total_ml == pytest.approx(10.0, rel=0.01)
    assert histogram.d_gy(98) / unit == pytest.approx(numbers[98], rel=0.03)
    assert histogram.d_gy(90) / unit == pytest.approx(numbers[90], rel=0.03)
    assert histogram.d_gy(50) / unit == pytest.approx(numbers[50], rel=0.03)
    assert histogram.d_gy(2) / unit == pytest.approx(numbers[2], rel=0.03)


@pytest.mark.usefixtures("electrons_only")
def test_activity_outside_of_the_region_is_left_where_it_is() -> None:
    """A background of a tenth of the region's concentration: what lies outside adds its own dose, once."""
    tia, region, radius = _sphere(10.0, 4.0, "Y-90")
    contours = {"sphere": sphere(CENTRE, radius, softness_mm=1e-6)}
    hot = fine_dose.fine_doses(tia, [region], [100.0 * region.volume_ml], contours=contours)[0]
    background = tia.with_array(tia.array + 10.0 * (1.0 - region.occupancy))
    both = fine_dose.fine_doses(background, [region], [100.0 * region.volume_ml], contours=contours)[0]
    _, mean = _analytic("Y-90", radius)
    # Reciprocity: what a uniform surrounding of concentration 1 gives is what the sphere loses, 1 - mean.
    gained = (both.mean_gy - hot.mean_gy) / _equilibrium_gy("Y-90")
    assert gained == pytest.approx(0.1 * (1.0 - mean), rel=0.03)


@pytest.mark.usefixtures("electrons_only")
def test_half_a_millilitre() -> None:
    tia, region, radius = _sphere(0.5, 4.0, "Lu-177")
    _, mean = _analytic("Lu-177", radius)
    found = fine_dose.fine_doses(tia, [region], [100.0 * region.volume_ml])[0]
    assert found.mean_gy / _equilibrium_gy("Lu-177") == pytest.approx(mean, rel=0.02)


@pytest.mark.parametrize(("spacing", "bias"), [(2.0, -0.07), (4.0, -0.14), (5.0, -0.17)])
def test_bias_of_the_image_s_own_voxels_is_what_it_is(spacing: float, bias: float) -> None:
    """What the fine grid is for: the same sphere on its image's voxels is low by several per cent."""
    tia, region, _ = _sphere(10.0, spacing, "Lu-177")
    fine = fine_dose.fine_doses(tia, [region], [100.0 * region.volume_ml])[0].mean_gy
    voxels = dose_volume_histogram(voxel_dose(tia), region).mean_gy
    assert voxels / fine - 1 == pytest.approx(bias, abs=0.05)


def test_lesion_inside_an_organ_is_not_part_of_it() -> None:
    tia, lesion, _ = _sphere(10.0, 4.0, "Lu-177")
    organ = Region("organ", RegionKind.ORGAN, np.ones(tia.grid.shape, np.float32), tia.grid)
    map_ = tia.with_array(np.where(lesion.occupancy > 0.5, 100.0, 1.0))
    found = fine_dose.fine_doses(map_, [organ, lesion], [organ.volume_ml - 10.0, 1000.0])
    inside = np.array(tia.grid.shape) // 2
    cuts = np.array(found[0].occupancy.shape) // np.array(tia.grid.shape)
    assert found[0].occupancy[tuple(inside * cuts)] == 0.0
    assert found[0].histogram().total_ml == pytest.approx(organ.volume_ml - 10.0, rel=0.01)

"""Dose–volume histograms against analytic spheres and against their own definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.dosimetry.dvh import DoseVolumeHistogram, dose_volume_histogram, sphere
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid, Unit, Volume


def _grid(spacing: float, extent_mm: float, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Grid:
    n = int(np.ceil(extent_mm / spacing))
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = -0.5 * spacing * (n - 1) + np.array(shift)
    return Grid((n, n, n), affine, "1.2.3")


def _centres(grid: Grid) -> np.ndarray:
    return grid.index_to_mm(np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), -1))


@pytest.mark.parametrize("spacing", [2.0, 4.0, 5.0])
def test_linear_dose_in_an_off_grid_sphere(spacing: float) -> None:
    """A dose that is linear in x is interpolated exactly, so every error is the boundary's."""
    radius, centre = 13.365, np.array([0.7, -1.1, 0.4])  # 10 ml
    grid = _grid(spacing, 60.0)
    dose = Volume(100.0 + 2.0 * _centres(grid)[..., 0], grid, Unit.GY, "DOSE")
    histogram = dose_volume_histogram(
        dose, "sphere", inside=sphere(centre, radius), bounds_mm=np.stack([centre - radius, centre + radius])
    )
    assert histogram.total_ml == pytest.approx(10.0, rel=0.01)
    assert histogram.mean_gy == pytest.approx(100.0 + 2.0 * centre[0], rel=0.002)
    # Part of a sphere below height z above its lowest point: (3 z² R − z³) / 4 R³.
    z = np.linspace(0, 2 * radius, 20_001)
    filled = (3 * z**2 * radius - z**3) / (4 * radius**3)
    for percent in (98, 90, 50, 2):
        height = np.interp(1 - percent / 100, filled, z) - radius + centre[0]
        assert histogram.d_gy(percent) == pytest.approx(100.0 + 2.0 * height, rel=0.01)


def test_mask_region_keeps_its_volume_and_a_uniform_dose_is_uniform() -> None:
    grid = _grid(4.0, 48.0)
    distance = np.linalg.norm(_centres(_grid(1.0, 48.0)), axis=-1)
    fine = (distance < 9.0).astype(np.float32)
    occupancy = fine.reshape(12, 4, 12, 4, 12, 4).mean(axis=(1, 3, 5))
    region = Region("lesion", RegionKind.LESION, occupancy, grid)
    dose = Volume(np.full(grid.shape, 7.0), grid, Unit.GY, "DOSE")
    histogram = dose_volume_histogram(dose, region)
    assert histogram.total_ml == pytest.approx(region.volume_ml, rel=0.005)
    assert histogram.mean_gy == pytest.approx(7.0, rel=1e-6)
    assert histogram.d_gy(98) == pytest.approx(histogram.d_gy(2))
    assert histogram.v_fraction(6.9) == 1.0
    assert histogram.v_fraction(7.1) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 5)), min_size=3, max_size=60))
def test_order_of_the_numbers(cells: list[tuple[float, float]]) -> None:
    dose, volume = np.array(cells).T
    histogram = DoseVolumeHistogram("r", dose, volume)
    assert histogram.d_gy(98) <= histogram.d_gy(50) <= histogram.d_gy(2)
    assert dose.min() - 1e-9 <= histogram.eud_gy(-10) <= histogram.mean_gy + 1e-6
    assert histogram.mean_gy - 1e-6 <= histogram.eud_gy(10) <= dose.max() + 1e-9
    assert histogram.eud_gy(1) == pytest.approx(histogram.mean_gy, rel=1e-9)
    axis, fraction = histogram.curve()
    assert fraction[0] == pytest.approx(1.0)
    assert np.all(np.diff(fraction) <= 1e-12)
    assert fraction[-1] == pytest.approx(0.0, abs=1e-12)
    # The area under the cumulative histogram is the mean dose.
    assert np.trapezoid(fraction, axis) == pytest.approx(histogram.mean_gy, rel=0.05, abs=0.02 * dose.max())


def test_refusals() -> None:
    grid = _grid(4.0, 40.0)
    region = Region("r", RegionKind.LESION, np.ones(grid.shape), grid)
    counts = Volume(np.ones(grid.shape), grid, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide="Lu-177")
    with pytest.raises(InputError, match="needs absorbed dose"):
        dose_volume_histogram(counts, region)
    far = Region("far", RegionKind.LESION, np.ones((10, 10, 10)), _grid(4.0, 40.0, (500.0, 0.0, 0.0)))
    with pytest.raises(InputError, match="outside the dose volume"):
        dose_volume_histogram(Volume(np.ones(grid.shape), grid, Unit.GY, "DOSE"), far)

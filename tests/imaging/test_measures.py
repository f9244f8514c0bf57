"""Sizes of shapes whose sizes are known, and uptake worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.imaging.measures import longest_diameter, longest_diameter_mm, measure_region, sphere_kernel
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid, Unit


@pytest.mark.parametrize("radius", [5.0, 11.0, 30.0])
@pytest.mark.parametrize("step", [1.0, 2.0])
def test_diameter_of_a_ball(make_ball, radius, step) -> None:  # type: ignore[no-untyped-def]
    size = longest_diameter(make_ball("b", (3, 4, 5), radius, step))
    assert size.longest_mm == pytest.approx(2 * radius, abs=0.35 * step)
    assert size.perpendicular_mm == pytest.approx(2 * radius, abs=0.5 * step)
    assert size.slice_mm == pytest.approx(5, abs=1.01 * step)


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 3.0), (4.0, 4.5, 5.0), (6.0, 6.0, 6.0)])
@pytest.mark.parametrize("diameter", [15.0, 28.3])
def test_diameter_of_a_ball_of_whole_voxels_is_known_to_one_voxel(make_grid, spacing, diameter) -> None:  # type: ignore[no-untyped-def]
    """A mask keeps no parts of voxels: its longest diameter is the largest of many that were rounded, and tends to be too long."""
    rng, grid = np.random.default_rng(4), make_grid((28, 28, 24), spacing)
    axes = [np.arange(n) * s for n, s in zip((28, 28, 24), spacing, strict=True)]
    off = []
    for _ in range(12):
        centre = np.array([14, 14, 12]) * spacing + (rng.random(3) - 0.5) * spacing
        x, y, z = np.meshgrid(*((a - c) ** 2 for a, c in zip(axes, centre, strict=True)), indexing="ij")
        mask = (x + y + z <= (0.5 * diameter) ** 2).astype(np.float32)
        off.append(longest_diameter(Region("b", RegionKind.LESION, mask, grid)).longest_mm - diameter)
    assert np.abs(off).max() < max(spacing[:2])
    assert np.mean(off) > 0.0


def test_diameter_of_an_ellipse_at_an_angle(make_grid) -> None:  # type: ignore[no-untyped-def]
    grid = make_grid((80, 80, 5), (1.0, 1.0, 5.0))
    x, y = np.meshgrid(np.arange(80) - 40.0, np.arange(80) - 40.0, indexing="ij")
    u, v = x * np.cos(0.5) + y * np.sin(0.5), -x * np.sin(0.5) + y * np.cos(0.5)
    plane = np.clip(0.5 - (np.hypot(u / 30, v / 12) - 1) * 12, 0, 1)
    occupancy = np.zeros((80, 80, 5), np.float32)
    occupancy[:, :, 2] = plane
    size = longest_diameter(Region("e", RegionKind.LESION, occupancy, grid))
    assert size.longest_mm == pytest.approx(60, abs=0.6)
    assert size.perpendicular_mm == pytest.approx(24, abs=0.6)
    (a, b), slice_mm = size.ends_mm, size.slice_mm
    assert slice_mm == pytest.approx(10)
    direction = (np.array(b) - np.array(a))[:2] / size.longest_mm
    assert abs(direction @ [np.cos(0.5), np.sin(0.5)]) == pytest.approx(1, abs=1e-3)


def test_binary_voxels_count_to_their_edges(make_grid) -> None:  # type: ignore[no-untyped-def]
    occupancy = np.zeros((10, 10, 3), np.float32)
    occupancy[2:8, 5, 1] = 1.0  # six voxels of 2 mm in a row
    size, slice_mm, _ = longest_diameter_mm(Region("row", RegionKind.LESION, occupancy, make_grid((10, 10, 3), (2.0, 2.0, 5.0))))
    assert size == pytest.approx(12, abs=0.1)
    assert slice_mm == 5


def test_diameter_is_axial_even_on_coronal_planes() -> None:
    """A rod along the patient's axis, stored on coronal planes: its axial size is its width."""
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    occupancy = np.zeros((20, 40, 20), np.float32)
    occupancy[5:15, 5:35, 5:15] = 1.0
    size = longest_diameter(Region("rod", RegionKind.LESION, occupancy, Grid((20, 40, 20), affine, "f")))
    assert size.longest_mm == pytest.approx(10 * np.sqrt(2), abs=1.0)


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (4.07, 4.07, 3.0), (5.0, 5.0, 5.0)])
def test_peak_sphere_is_one_millilitre(make_grid, spacing) -> None:  # type: ignore[no-untyped-def]
    kernel = sphere_kernel(make_grid((3, 3, 3), spacing), 6.2035, supersample=15)
    assert kernel.sum() == pytest.approx(1.0)
    voxel_ml = np.prod(spacing) / 1000
    assert kernel.max() == pytest.approx(voxel_ml / 1.0, rel=0.02)  # the central voxel is wholly inside


def test_uptake_by_hand(make_grid, make_volume) -> None:  # type: ignore[no-untyped-def]
    grid = make_grid((21, 21, 21), (2.0, 2.0, 2.0))
    array = np.ones((21, 21, 21))
    array[10, 10, 10] = 9.0
    array[2, 2, 2] = 100.0  # outside the region
    occupancy = np.zeros((21, 21, 21), np.float32)
    occupancy[8:13, 8:13, 8:13] = 1.0
    occupancy[13, 8:13, 8:13] = 0.25  # edge: counted in part
    region = Region("r", RegionKind.LESION, occupancy, grid)
    found = measure_region(make_volume(array, grid, Unit.SUV_BW, "PT"), region)
    filled = 125 + 25 * 0.25
    assert found.maximum == 9.0
    assert found.mean == pytest.approx((filled + 8) / filled)
    assert found.volume_ml == pytest.approx(filled * 0.008)
    assert found.peak == pytest.approx(1 + 8 * 0.008, rel=0.01)  # one hot voxel of 0.008 ml in a 1 ml sphere
    assert found.total == pytest.approx(found.mean * found.volume_ml)


def test_region_outside_the_image_is_refused(make_ball, make_grid, make_volume) -> None:  # type: ignore[no-untyped-def]
    grid = make_grid((10, 10, 10), (2.0, 2.0, 2.0))
    with pytest.raises(InputError, match="lies outside"):
        measure_region(make_volume(np.ones((10, 10, 10)), grid), make_ball("b", (100, 0, 0), 5.0))


def test_a_region_that_is_nowhere_half_filled_is_refused(make_grid) -> None:  # type: ignore[no-untyped-def]
    faint = Region("faint", RegionKind.LESION, np.full((4, 4, 4), 0.2), make_grid((4, 4, 4), (2.0, 2.0, 2.0)))
    with pytest.raises(InputError, match="no plane"):
        longest_diameter(faint)

"""Shapes with known sizes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid, Unit, Volume

T0 = datetime(2026, 3, 2, 9, 0)


def grid_of(shape: tuple[int, int, int], spacing: tuple[float, float, float], origin: tuple[float, float, float] = (0, 0, 0)) -> Grid:
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return Grid(shape, affine, "frame")


def ball(name: str, centre: tuple[float, float, float], radius_mm: float, step_mm: float = 1.0,
         kind: RegionKind = RegionKind.LESION) -> Region:  # fmt: skip
    """A ball on its own grid, edges as fractions (5³ points a voxel)."""
    n = int(np.ceil(radius_mm / step_mm)) + 2
    low = np.array(centre) - n * step_mm
    grid = grid_of((2 * n + 1,) * 3, (step_mm,) * 3, tuple(low))  # type: ignore[arg-type]
    fine = (np.arange((2 * n + 1) * 5) + 0.5) / 5 - 0.5
    x = fine * step_mm - n * step_mm
    inside = (x[:, None, None] ** 2 + x[None, :, None] ** 2 + x[None, None, :] ** 2) <= radius_mm**2
    m = 2 * n + 1
    return Region(name, kind, inside.reshape(m, 5, m, 5, m, 5).mean(axis=(1, 3, 5), dtype=np.float32), grid)


@pytest.fixture
def make_ball() -> Callable[..., Region]:
    return ball


@pytest.fixture
def make_grid() -> Callable[..., Grid]:
    return grid_of


@pytest.fixture
def make_volume() -> Callable[..., Volume]:
    def make(array: np.ndarray, grid: Grid, unit: Unit = Unit.BQ_PER_ML, modality: str = "NM") -> Volume:  # type: ignore[type-arg]
        return Volume(array, grid, unit, modality, T0, "Lu-177")

    return make

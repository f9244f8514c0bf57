"""Spheres on a grid: a uniform one for tests, and the six of the NEMA body phantom for the camera's reported blur."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid
from neorlt.phantoms.anatomy import axis_grid
from neorlt.phantoms.camera import Blur, blurred

NEMA_DIAMETERS_MM = (10.0, 13.0, 17.0, 22.0, 28.0, 37.0)
NEMA_RING_RADIUS_MM = 57.2
"""Inner diameters and ring radius of the spheres of the NEMA NU 2 body phantom."""


def sphere_occupancy(
    grid: Grid, centre_mm: tuple[float, float, float], diameter_mm: float, points: int = 4
) -> NDArray[np.float32]:
    """Part of each voxel inside a sphere (0…1), by ``points``³ points a voxel; shape ``grid.shape``.

    Raises
    ------
    ValueError
        If the diameter is not positive.

    """
    if not diameter_mm > 0:
        raise ValueError(f"a sphere needs a positive diameter, found {diameter_mm} mm")
    radius = diameter_mm / 2
    reach = radius + float(np.linalg.norm(grid.spacing_mm))
    corners = np.array(centre_mm) + reach * np.array([[-1, -1, -1], [1, 1, 1]])
    index = np.sort(grid.mm_to_index(corners), axis=0)
    low = np.floor(index[0]).astype(int).clip(0, grid.shape)
    high = (np.ceil(index[1]).astype(int) + 1).clip(0, grid.shape)
    out = np.zeros(grid.shape, dtype=np.float32)
    box = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), axis=-1)
    step = (np.arange(points) + 0.5) / points - 0.5
    count = np.zeros(box.shape[:3])
    for offset in np.stack(np.meshgrid(step, step, step, indexing="ij"), axis=-1).reshape(-1, 3):
        count += np.linalg.norm(grid.index_to_mm(box + offset) - np.array(centre_mm), axis=-1) < radius
    out[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = count / points**3
    return out


def sphere_region(grid: Grid, centre_mm: tuple[float, float, float], diameter_mm: float, name: str = "sphere") -> Region:
    """A sphere as a lesion region on the whole grid."""
    return Region(name, RegionKind.LESION, sphere_occupancy(grid, centre_mm, diameter_mm), grid, "synthetic")


def nema_centres() -> tuple[tuple[float, float, float], ...]:
    """Centres in mm of the six spheres, 60° apart on their ring."""
    angles = [math.radians(60.0 * k) for k in range(len(NEMA_DIAMETERS_MM))]
    return tuple((NEMA_RING_RADIUS_MM * math.cos(a), NEMA_RING_RADIUS_MM * math.sin(a), 0.0) for a in angles)


@functools.cache
def recovery(blur: Blur) -> tuple[float, ...]:
    """Recovery coefficients of the six hot spheres in a cold phantom: mean in the true contour over true mean."""
    grid = axis_grid((95, 95, 39), (2.0, 2.0, 2.0), "phantom")
    found = []
    for centre, diameter in zip(nema_centres(), NEMA_DIAMETERS_MM, strict=True):
        occupancy = sphere_occupancy(grid, centre, diameter)
        image = blurred(occupancy, grid, grid, blur)
        found.append(float((image * occupancy).sum() / occupancy.sum()))
    return tuple(found)


def _gaussian(fwhm_mm: float) -> Blur:
    return Blur(near_mm=fwhm_mm, slope=0.0, orbit_mm=(300.0, 300.0), tail_share=0.0, tail_fwhm_mm=1.0)


@functools.cache
def reported_fwhm_mm(blur: Blur) -> float:
    """Blur that a centre would state for this camera: the one Gaussian that fits the spheres' recovery best.

    The phantom is scanned on the patient's orbit; rounded to 0.1 mm.
    """
    measured = np.array(recovery(blur))

    def misfit(fwhm_mm: float) -> float:
        return float(((np.array(recovery(_gaussian(fwhm_mm))) - measured) ** 2).sum())

    fitted = minimize_scalar(misfit, bounds=(3.0, 25.0), method="bounded", options={"xatol": 0.02})
    return round(float(fitted.x), 1)

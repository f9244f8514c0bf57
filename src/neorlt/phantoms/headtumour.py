"""A pancreatic-head primary drawn round two vessels, and two liver metastases, added to the real anatomy.

Everything here is geometry in patient millimetres (DICOM axes). The vessels are straight, slightly tilted tubes; the
primary is an irregular ellipsoid whose longest diameter is exact by scaling; each vessel lies where the wanted part of its
circumference is within the primary's outline (largest over the axial slices).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neorlt.imaging.volume import Grid
from neorlt.phantoms.anatomy import Anatomy, axis_grid, fine, native, resampled

PRIMARY_DIAMETER_MM = 45.0
PRIMARY_CENTRE_MM = (-24.0, -32.0, 27.0)
PRIMARY_HALF_AXES = (20.0, 17.0, 22.5)
CONTACT_DEG = {"SMV": 220.0, "SMA": 90.0}
NEW_CODES = {"primary": 9, "liver-1": 10, "liver-2": 11, "SMV": 12, "SMA": 13}
RENAMED = {"tumour-1": "node-1", "tumour-2": "node-2", "tumour-3": "node-3"}
SOFT_TISSUE_HU = {"primary": 42.0, "liver-1": 55.0, "liver-2": 55.0, "SMV": 45.0, "SMA": 45.0}
METASTASES = {"liver-1": ((-75.0, -10.0, 85.0), 22.0), "liver-2": ((-20.0, -60.0, 88.0), 15.0)}
"""Centre in mm and diameter in mm of the two spheres in the liver."""


def _surface_factor(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radius of the primary relative to its ellipsoid along unit vectors (..., 3): the irregularity."""
    x, y, z = unit[..., 0], unit[..., 1], unit[..., 2]
    return 1.0 + 0.10 * (x**3 - 3 * x * y**2) + 0.12 * x * y * z - 0.06 * (2 * z**2 - x**2 - y**2) * y


@functools.cache
def _scale() -> float:
    """Factor that makes the primary's longest diameter (largest distance of two surface points) exact."""
    n = 4000
    k = np.arange(n) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    unit = np.stack([np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1)
    points = unit * _surface_factor(unit)[:, None] * np.array(PRIMARY_HALF_AXES)
    longest = max(float(np.linalg.norm(points - p, axis=1).max()) for p in points[:: 4])
    return PRIMARY_DIAMETER_MM / longest


def in_primary_outline(point_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points (..., 3) lie inside the primary's outline (vessels not yet cut out)."""
    place = (point_mm - np.array(PRIMARY_CENTRE_MM)) / np.array(PRIMARY_HALF_AXES)
    radius = np.linalg.norm(place, axis=-1)
    unit = place / np.maximum(radius, 1e-9)[..., None]
    return np.asarray(radius < _scale() * _surface_factor(unit))


@dataclass(frozen=True)
class Vessel:
    """A straight tube: centre in mm at the height of the primary's centre, radius in mm, tilt in mm per mm of height."""

    x_mm: float
    y_mm: float
    radius_mm: float
    tilt: float

    def centre(self, z_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Axis position at heights ``z_mm``."""
        return self.x_mm + self.tilt * (z_mm - PRIMARY_CENTRE_MM[2]), self.y_mm

    def contains(self, point_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether points (..., 3) lie inside the tube (60 mm above and below the primary's centre)."""
        x, y = self.centre(point_mm[..., 2])
        inside = np.hypot(point_mm[..., 0] - x, point_mm[..., 1] - y) < self.radius_mm
        return inside & (np.abs(point_mm[..., 2] - PRIMARY_CENTRE_MM[2]) < 60.0)

    def contact_deg(self) -> float:
        """Largest part of the circumference, in degrees, within the primary's outline over axial slices of 1 mm."""
        z = PRIMARY_CENTRE_MM[2] + np.arange(-25.0, 25.5, 1.0)
        angle = np.deg2rad(np.arange(0.0, 360.0, 1.0))
        x, y = self.centre(z)
        wall = np.stack(
            np.broadcast_arrays(
                x[:, None] + self.radius_mm * np.cos(angle), y + self.radius_mm * np.sin(angle)[None, :], z[:, None]
            ),
            axis=-1,
        )
        return float(in_primary_outline(wall).sum(axis=1).max())


def _placed(start: tuple[float, float], away: tuple[float, float], radius_mm: float, tilt: float, wanted_deg: float) -> Vessel:
    """Move a vessel from ``start`` along ``away`` (contact falls) until its contact is the wanted one."""
    low, high = 0.0, 40.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        vessel = Vessel(start[0] + middle * away[0], start[1] + middle * away[1], radius_mm, tilt)
        low, high = (middle, high) if vessel.contact_deg() > wanted_deg else (low, middle)
    return vessel


@functools.cache
def vessels() -> dict[str, Vessel]:
    """Superior mesenteric vein (radius 5.5 mm) and, to its left, artery (3.5 mm) with their contacts."""
    return {
        "SMV": _placed((-10.0, -38.0), (0.95, -0.31), 5.5, 0.06, CONTACT_DEG["SMV"]),
        "SMA": _placed((-10.0, -27.0), (0.97, 0.24), 3.5, 0.02, CONTACT_DEG["SMA"]),
    }


def _occupancy(grid: Grid, name: str) -> NDArray[np.float32]:
    """Part of each voxel that a drawn region fills, by 3 × 3 × 3 points a voxel, in a box round the region."""
    centre, half = np.array(PRIMARY_CENTRE_MM), np.array([27.0, 27.0, 27.0])
    if name in METASTASES:
        centre, half = np.array(METASTASES[name][0]), np.full(3, METASTASES[name][1])
    elif name != "primary":
        vessel = vessels()[name]
        centre = np.array([vessel.x_mm, vessel.y_mm, PRIMARY_CENTRE_MM[2]])
        half = np.array([12.0, 12.0, 62.0])
    low = np.floor(grid.mm_to_index(centre - half)).astype(int).clip(0)
    high = np.minimum(np.ceil(grid.mm_to_index(centre + half)).astype(int) + 1, grid.shape)
    out = np.zeros(grid.shape, dtype=np.float32)
    index = np.stack(np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), axis=-1)
    total = np.zeros(index.shape[:3], dtype=np.float32)
    thirds = (-1 / 3, 0.0, 1 / 3)
    for offset in [(a, b, c) for a in thirds for b in thirds for c in thirds]:
        point = grid.index_to_mm(index + np.array(offset))
        if name == "primary":
            inside = in_primary_outline(point)
        elif name in METASTASES:
            inside = np.linalg.norm(point - centre, axis=-1) < METASTASES[name][1] / 2
        else:
            inside = vessels()[name].contains(point)
        total += inside
    out[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = total / 27
    return out


def added_to(base: Anatomy) -> Anatomy:
    """Anatomy with primary, vessels and metastases; the drawn nodes keep their voxels under new names.

    Vessels are cut out of the primary; all three give way to drawn organs (none is touched by design).
    """
    label, hounsfield = base.label.copy(), base.hounsfield.copy()
    for name in ("primary", "SMV", "SMA", "liver-1", "liver-2"):
        mask = (_occupancy(base.grid, name) >= 0.5) & (base.label == (base.codes["liver"] if name in METASTASES else 1))
        label[mask] = NEW_CODES[name]
        hounsfield[mask] = SOFT_TISSUE_HU[name] + 0.3 * np.clip(hounsfield[mask] - SOFT_TISSUE_HU[name], -60, 60)
    codes = {RENAMED.get(name, name): code for name, code in base.codes.items()} | NEW_CODES
    return replace(base, label=label, hounsfield=hounsfield, codes=codes)


@functools.cache
def drawn() -> Anatomy:
    """The anatomy on the CT grid of the study: in-plane voxels halved (1.95 mm) so that the small vessel shows."""
    coarse = native()
    nx, ny, nz = coarse.grid.shape
    sx, sy, sz = coarse.grid.spacing_mm
    grid = axis_grid((2 * nx, 2 * ny, nz), (sx / 2, sy / 2, sz), coarse.grid.frame_of_reference)
    label = coarse.label.repeat(2, axis=0).repeat(2, axis=1)
    return added_to(Anatomy(resampled(coarse.hounsfield, coarse.grid, grid), label, grid, dict(coarse.codes)))


@functools.cache
def drawn_fine() -> Anatomy:
    """The same on the 2 mm grid of the truth."""
    return added_to(fine())

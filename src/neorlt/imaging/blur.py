"""How wide a scanner blurs, by place: a number, three numbers along the voxel axes, or widths by distance from the axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]

MOST_MM = 50.0
SIGMA_PER_FWHM = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))


@dataclass(frozen=True)
class BlurMap:
    """Full width at half maximum by the distance from the axis of rotation, as a phantom at two places shows it.

    Parameters
    ----------
    radius_mm, fwhm_mm
        Distances (rising) and the width there; between them widths are interpolated, beyond them they stay.
    axis_mm
        Where the axis of rotation crosses the transverse plane, patient millimetres x and y.
    sd_mm
        Standard deviation of the widths, or None where it is not known.

    Raises
    ------
    InputError
        If the lists do not fit or a width is none.
    """

    radius_mm: tuple[float, ...]
    fwhm_mm: tuple[float, ...]
    axis_mm: tuple[float, float] = (0.0, 0.0)
    sd_mm: float | None = None

    def __post_init__(self) -> None:
        radius = np.asarray(self.radius_mm, dtype=np.float64)
        if radius.ndim != 1 or radius.size == 0 or len(self.fwhm_mm) != radius.size or np.any(np.diff(radius) <= 0) or radius[0] < 0:
            raise InputError(
                "the blur by distance cannot be read",
                expected="as many widths as distances, distances from 0 mm rising",
                found=f"{len(self.radius_mm)} distances, {len(self.fwhm_mm)} widths",
                where="psf_by_radius",
                remedy="correct it",
            )
        for width in self.fwhm_mm:
            check_fwhm(width)
        if self.sd_mm is not None and not 0 <= self.sd_mm < MOST_MM:
            raise InputError("the blur's standard deviation must be 0 mm or more", found=f"{self.sd_mm:g}", remedy="correct it")

    def at(self, point_mm: NDArray[Any]) -> Floats:
        """Width at points ``(..., 3)`` in patient millimetres."""
        point = np.asarray(point_mm, dtype=np.float64)
        radius = np.hypot(point[..., 0] - self.axis_mm[0], point[..., 1] - self.axis_mm[1])
        return np.asarray(np.interp(radius, self.radius_mm, self.fwhm_mm))

    def on(self, grid: Grid) -> Floats:
        """Width at every voxel of a grid ``(nx, ny, nz)``."""
        return self.at(grid.index_to_mm(np.moveaxis(np.indices(grid.shape), 0, -1)))

    def widened(self, by_mm: float) -> BlurMap:
        """Return the map with every width changed by the same amount."""
        return BlurMap(self.radius_mm, tuple(f + by_mm for f in self.fwhm_mm), self.axis_mm, self.sd_mm)

    @property
    def middle_mm(self) -> float:
        """One width for what takes a single number: the middle of the range."""
        return 0.5 * (min(self.fwhm_mm) + max(self.fwhm_mm))


Blur = float | tuple[float, float, float] | BlurMap


def check_fwhm(psf_fwhm_mm: float | tuple[float, float, float]) -> Floats:
    """Return the three widths of a blur that is the same everywhere.

    Raises
    ------
    InputError
        If one is no width.
    """
    blur = np.array(np.broadcast_to(np.asarray(psf_fwhm_mm, dtype=np.float64), (3,)))
    if not np.all(np.isfinite(blur)) or np.any(blur <= 0) or np.any(blur > MOST_MM):
        raise InputError(
            "the blur must be a width in millimetres",
            expected="above 0, at most 50",
            found=str(psf_fwhm_mm),
            where="psf_fwhm_mm",
            remedy="give the full width at half maximum of the reconstruction",
        )
    return blur


def widened(blur: Blur, by_mm: float) -> Blur:
    """Return a blur with every width changed by the same amount."""
    if isinstance(blur, BlurMap):
        return blur.widened(by_mm)
    x, y, z = (float(v) + by_mm for v in check_fwhm(blur))
    return (x, y, z)


def widest(blur: Blur) -> Floats:
    """Largest width along the three axes ``(3,)``."""
    return np.full(3, max(blur.fwhm_mm)) if isinstance(blur, BlurMap) else check_fwhm(blur)

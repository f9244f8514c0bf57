"""From DICOM position and orientation to a grid (PS3.3 C.7.6.2.1.1; NM: C.8.4.11)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]

UNEVEN_MM = 0.05
"""Slice positions may leave an even raster by this much: vendors round positions to a hundredth of a millimetre."""
OFF_SLICES = 0.1
"""Contours and frames further off their slices, in parts of the step, are said: rounding of positions stays far below."""


def axes_of(orientation: list[float], where: str) -> tuple[Floats, Floats, Floats]:
    """Return unit vectors along a row (growing column), along a column (growing row), and their normal.

    Raises
    ------
    InputError
        If (0020,0037) is not two unit vectors at right angles.

    """
    values = np.asarray(orientation, dtype=np.float64)
    if values.shape != (6,) or not np.all(np.isfinite(values)):
        raise InputError("image orientation is not six numbers", where=f"{where} (0020,0037)", remedy="export the series again")
    row, column = values[:3], values[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if abs(lengths[0] - 1) > 1e-2 or abs(lengths[1] - 1) > 1e-2 or abs(float(row @ column)) > 1e-3:
        raise InputError(
            "image orientation is not two unit vectors at right angles",
            found="\\".join(f"{v:g}" for v in values),
            where=f"{where} (0020,0037)",
            remedy="export the series again",
        )
    row, column = row / lengths[0], column / lengths[1]
    return row, column, np.cross(row, column)


def stack_grid(
    positions: Floats,
    orientation: list[float],
    pixel_spacing: list[float],
    columns: int,
    rows: int,
    frame_of_reference: str,
    where: str,
    thickness_mm: float | None = None,
) -> tuple[Grid, NDArray[np.intp]]:
    """Return the grid of a stack of slices and the order that sorts them along the slice normal.

    Parameters
    ----------
    positions
        ``(n, 3)`` Image Position (Patient) of each slice, mm.
    pixel_spacing
        Between rows, between columns (PS3.3 10.7.1.3), mm.
    thickness_mm
        Slice thickness, used only for a single slice.

    Raises
    ------
    InputError
        For slices that lie on one another, a missing or uneven slice, or a stack that shears.

    """
    row, column, normal = axes_of(orientation, where)
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    sorted_along = along[order]
    if len(pixel_spacing) != 2 or not all(np.isfinite(v) and v > 0 for v in pixel_spacing):
        raise InputError(
            "pixel spacing must be two positive numbers",
            found=str(pixel_spacing),
            where=f"{where} (0028,0030)",
            remedy="export the series again",
        )
    if len(order) == 1:
        if thickness_mm is None or not thickness_mm > 0:
            raise InputError("a single slice needs its thickness", where=f"{where} (0018,0050)", remedy="give the whole series")
        step = thickness_mm
    else:
        step = _even_step(sorted_along, where)
    sideways = positions[order] - sorted_along[:, None] * normal
    drift = np.abs(sideways - sideways[0]).max()
    if drift > 0.1:
        raise InputError(
            "the slices are shifted sideways against one another (tilted gantry)",
            found=f"a shift of {drift:.2f} mm",
            where=f"{where} (0020,0032)",
            remedy="resample the series to a straight stack on the scanner's workstation",
        )
    affine = np.eye(4)
    affine[:3, 0] = row * pixel_spacing[1]
    affine[:3, 1] = column * pixel_spacing[0]
    affine[:3, 2] = normal * step
    affine[:3, 3] = positions[order[0]]
    return Grid((columns, rows, len(order)), affine, frame_of_reference), order


def _even_step(along: Floats, where: str) -> float:
    steps = np.diff(along)
    step = float(np.median(steps))
    if steps.min() < 1e-3:
        raise InputError(
            "two slices of one series lie at the same place",
            where=f"{where} (0020,0032)",
            remedy="give one time frame of the series, and no duplicate files",
        )
    mean = float((along[-1] - along[0]) / (len(along) - 1))
    off = np.abs(along - along[0] - mean * np.arange(len(along))).max()
    if off > max(UNEVEN_MM, 0.02 * mean):
        gaps = np.flatnonzero(steps > 1.5 * step)
        raise InputError(
            "the slices are not evenly spaced" if gaps.size == 0 else "a slice is missing from the series",
            expected=f"{step:.3f} mm between slices",
            found=f"{steps.max():.3f} mm",
            where=f"{where} (0020,0032)",
            remedy="export the whole series again",
        )
    return mean

"""The real anatomy under the synthetic images: low-dose CT and drawn regions of one treated patient.

Source: "Phantoms for nuclear medicine imaging simulation" (The Christie NHS Foundation Trust; MIT, licence text in
``LICENSES/``). Uptake in that source is one number per region, so every activity image of this room is synthetic.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neorlt.core.tables import read_npz
from neorlt.imaging.volume import Grid

BODY = 1
CODES = {"liver": 2, "spleen": 3, "kidney-left": 4, "kidney-right": 5, "tumour-1": 6, "tumour-2": 7, "tumour-3": 8}
"""Code of each drawn region in the label map; 0 is outside the body, 1 the rest of the body."""
FRAME = "synthetic-christie"
FINE_MM = 2.0


@dataclass(frozen=True)
class Anatomy:
    """CT and label map on one grid.

    Parameters
    ----------
    hounsfield
        ``(nx, ny, nz)`` in HU; air outside the body.
    label
        ``(nx, ny, nz)`` integer codes: 0 outside, 1 rest of the body, then regions.
    grid
        Where the voxels lie.
    codes
        Region name to code.

    """

    hounsfield: NDArray[np.float32]
    label: NDArray[np.uint8]
    grid: Grid
    codes: dict[str, int]

    def __post_init__(self) -> None:
        if self.hounsfield.shape != self.grid.shape or self.label.shape != self.grid.shape:
            raise ValueError(f"CT {self.hounsfield.shape} and labels {self.label.shape} must fit the grid {self.grid.shape}")

    def volume_ml(self, name: str) -> float:
        """Volume of a region in millilitres."""
        return int(np.count_nonzero(self.label == self.codes[name])) * self.grid.voxel_ml


def axis_grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], frame: str = FRAME) -> Grid:
    """Grid along the patient's axes, centred on the origin."""
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [-0.5 * (n - 1) * s for n, s in zip(shape, spacing_mm, strict=True)]
    return Grid(shape, affine, frame)


@functools.cache
def native() -> Anatomy:
    """The anatomy as published (3.9 × 3.9 × 4.4 mm), turned to DICOM's patient axes, without the couch."""
    table = read_npz("phantoms", "christie_anatomy.npz")
    spacing = tuple(float(v) for v in table["spacing_mm"])
    grid = axis_grid(table["label"].shape, (spacing[0], spacing[1], spacing[2]))
    return Anatomy(table["hounsfield"].astype(np.float32), table["label"], grid, dict(CODES))


def _interpolation(source: Grid, target: Grid, axis: int) -> NDArray[np.float32]:
    """Matrix (target, source) of linear interpolation along one axis, held constant beyond the ends."""
    step = source.affine[axis, axis]
    centre = target.affine[axis, 3] + target.affine[axis, axis] * np.arange(target.shape[axis])
    place = np.clip((centre - source.affine[axis, 3]) / step, 0, source.shape[axis] - 1)
    weight = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(source.shape[axis])[None, :]))
    return np.asarray(weight, dtype=np.float32)


def resampled(array: NDArray[np.float32], source: Grid, target: Grid) -> NDArray[np.float32]:
    """Linear interpolation between two grids along the patient's axes."""
    out = np.tensordot(_interpolation(source, target, 0), array, axes=(1, 0))
    out = np.tensordot(out, _interpolation(source, target, 2), axes=(2, 1))
    return np.ascontiguousarray(np.einsum("xyz,jy->xjz", out, _interpolation(source, target, 1), optimize=True))


@functools.cache
def fine() -> Anatomy:
    """The anatomy on the 2 mm grid of the truth.

    Every region keeps its published volume: its indicator is smoothed (sigma 0.6 voxels) and interpolated, and the
    ``volume / 8 mm³`` voxels with the highest value become the region, small regions first, so that edges are smooth
    and volumes agree to one voxel.
    """
    coarse = native()
    edge = [n * s for n, s in zip(coarse.grid.shape, coarse.grid.spacing_mm, strict=True)]
    shape = tuple(round(e / FINE_MM) for e in edge)
    grid = axis_grid((shape[0], shape[1], shape[2]), (FINE_MM, FINE_MM, FINE_MM))
    hounsfield = resampled(coarse.hounsfield, coarse.grid, grid)
    inside = resampled((coarse.label > 0).astype(np.float32), coarse.grid, grid) >= 0.5
    label = inside.astype(np.uint8)
    for name, code in sorted(coarse.codes.items(), key=lambda item: coarse.volume_ml(item[0])):
        smooth = ndimage.gaussian_filter((coarse.label == code).astype(np.float32), 0.6, truncate=3)
        member = resampled(smooth, coarse.grid, grid)
        member[label != BODY] = 0.0
        wanted = round(coarse.volume_ml(name) / grid.voxel_ml)
        near = np.flatnonzero(member > 0.05)
        chosen = near[np.argsort(-member.reshape(-1)[near], kind="stable")[:wanted]]
        label.reshape(-1)[chosen] = code
    return Anatomy(hounsfield, label, grid, dict(CODES))

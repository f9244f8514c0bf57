"""A volume: an array that knows where it lies, in which unit, of when, and of which nuclide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.imaging.ledger import LedgerRow


class Unit(StrEnum):
    """Unit of a volume's values. A volume without one of these is not built."""

    HU = "HU"
    BQ_PER_ML = "Bq/ml"
    SUV_BW = "SUVbw g/ml"
    TIA_MBQ_H_PER_ML = "MBq.h/ml"
    GY = "Gy"
    G_PER_CM3 = "g/cm3"


@dataclass(frozen=True)
class Grid:
    """Where voxels lie: shape ``(nx, ny, nz)`` and the affine from voxel index to patient millimetres.

    Patient coordinates are those of DICOM (x to the patient's left, y to the back, z to the head: LPS).
    ``affine`` is 4 × 4 and maps the *centre* of voxel ``(i, j, k)``.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    frame_of_reference: str

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.all(np.isfinite(affine)) or not np.array_equal(affine[3], [0, 0, 0, 1]):
            raise ValueError(f"affine must be a finite 4 x 4 matrix with last row 0 0 0 1, found shape {affine.shape}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ValueError("affine is singular: two voxel axes point the same way")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"shape must be three positive sizes, found {self.shape}")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Length of the three voxel edges in millimetres."""
        return tuple(float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))  # type: ignore[return-value]

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3])) / 1000.0)

    def index_to_mm(self, index: NDArray[Any]) -> NDArray[np.float64]:
        """Map voxel indices ``(..., 3)`` (fractions allowed) to patient millimetres ``(..., 3)``."""
        return np.asarray(np.asarray(index, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def mm_to_index(self, point_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Map patient millimetres ``(..., 3)`` to fractional voxel indices ``(..., 3)``."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(np.asarray(point_mm, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3])

    def same_as(self, other: Grid, tolerance_mm: float = 1e-3) -> bool:
        """Whether two grids have the same voxels in the same frame of reference."""
        return (
            self.shape == other.shape
            and self.frame_of_reference == other.frame_of_reference
            and bool(np.allclose(self.affine, other.affine, atol=tolerance_mm, rtol=0))
        )


@dataclass(frozen=True)
class Volume:
    """A three-dimensional image.

    Parameters
    ----------
    array
        float32, axes ``(x, y, z)`` in voxel order of ``grid``; made read-only.
    grid
        Where the voxels lie.
    unit
        Unit of the values.
    modality
        ``"CT"``, ``"PT"``, ``"NM"`` or ``"DOSE"``.
    time
        When activity images are right: the moment to which their values are decay-corrected (time zone aware or
        naive, but the same within a study). None for CT and dose.
    nuclide
        For example ``"Lu-177"``; None for CT.
    description
        Series description without anything that identifies a person.
    notes
        How the values came to be (scale factors, corrections), for the report.
    weight_kg
        The patient's weight in the image's own study (0010,1030), from which its SUV is made; None where it states none.
    ledger
        Every step from stored numbers to ``unit``.
    """

    array: NDArray[np.float32]
    grid: Grid
    unit: Unit
    modality: str
    time: datetime | None = None
    nuclide: str | None = None
    description: str = ""
    notes: tuple[str, ...] = ()
    weight_kg: float | None = None
    ledger: tuple[LedgerRow, ...] = ()

    def __post_init__(self) -> None:
        array = np.ascontiguousarray(self.array, dtype=np.float32)
        if array.shape != self.grid.shape:
            raise ValueError(f"array of shape {array.shape} does not fit the grid of shape {self.grid.shape}")
        if not np.all(np.isfinite(array)):
            raise ValueError("a volume holds values that are not finite")
        if self.unit in (Unit.BQ_PER_ML, Unit.SUV_BW) and (self.time is None or self.nuclide is None):
            raise ValueError(f"a volume in {self.unit} needs its time and its nuclide")
        array = array.view()
        array.setflags(write=False)
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "unit", Unit(self.unit))

    def with_array(self, array: NDArray[Any], unit: Unit | None = None, **changes: Any) -> Volume:
        """Return a volume on the same grid with other values (and unit)."""
        return replace(self, array=array, unit=self.unit if unit is None else unit, **changes)

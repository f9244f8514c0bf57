"""A region: a named part of the patient, as occupancy (0 to 1) of the voxels of its own grid."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from neorlt.imaging.volume import Grid


class RegionKind(StrEnum):
    """What a region is."""

    ORGAN = "organ"
    LESION = "lesion"
    BODY = "body"
    OTHER = "other"


@dataclass(frozen=True)
class Region:
    """A named part of the patient.

    Parameters
    ----------
    name
        As the report shows it, for example ``"kidney-left"`` or ``"primary"``.
    kind
        Organ, lesion, body outline or other.
    occupancy
        float32 ``(nx, ny, nz)`` in 0…1: the part of each voxel that the region fills.
    grid
        The region's own grid (usually cropped to the region with a margin).
    source
        Where the contour came from: ``"SEG"``, ``"RTSTRUCT"``, ``"NIfTI"``, ``"threshold"`` …
    why
        What made it of this kind: a type, a code, the names file, the settings, or a word in its name.
    """

    name: str
    kind: RegionKind
    occupancy: NDArray[np.float32]
    grid: Grid
    source: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        occupancy = np.ascontiguousarray(self.occupancy, dtype=np.float32)
        if occupancy.shape != self.grid.shape:
            raise ValueError(f"region {self.name!r}: occupancy of shape {occupancy.shape}, grid of shape {self.grid.shape}")
        if occupancy.size and (float(occupancy.min()) < 0 or float(occupancy.max()) > 1 or not np.all(np.isfinite(occupancy))):
            raise ValueError(f"region {self.name!r}: occupancy must lie in 0…1")
        if not np.any(occupancy > 0):
            raise ValueError(f"region {self.name!r} is empty")
        if not self.name.strip():
            raise ValueError("a region needs a name")
        occupancy = occupancy.view()
        occupancy.setflags(write=False)
        object.__setattr__(self, "occupancy", occupancy)
        object.__setattr__(self, "kind", RegionKind(self.kind))

    @property
    def volume_ml(self) -> float:
        """Volume in millilitres."""
        return float(self.occupancy.sum(dtype=np.float64)) * self.grid.voxel_ml

"""NIfTI files of volumes, written with SimpleITK (which shares DICOM's patient axes)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.imaging.volume import Grid, Volume


def write_nifti(volume: Volume, path: Path) -> Path:
    """Write a volume as ``.nii`` or ``.nii.gz``; values and unit as they are, axes and origin from the grid."""
    return write_array(volume.array, volume.grid, path, str(volume.unit))


def write_array(array: NDArray[Any], grid: Grid, path: Path, said: str) -> Path:
    """Write an array ``(x, y, z)`` of numbers or labels on a grid; ``said`` stands in the header's ``descrip`` after the program's name."""
    import SimpleITK

    image: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)))
    spacing = np.array(grid.spacing_mm)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    image.SetDirection((grid.affine[:3, :3] / spacing).ravel().tolist())
    image.SetMetaData("ITK_FileNotes", f"neorlt {said}"[:79])
    SimpleITK.WriteImage(image, str(path))
    return path

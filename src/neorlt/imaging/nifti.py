"""NIfTI files of volumes, written with SimpleITK (which shares DICOM's patient axes)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from neorlt.imaging.volume import Volume


def write_nifti(volume: Volume, path: Path) -> Path:
    """Write a volume as ``.nii`` or ``.nii.gz``; values and unit as they are, axes and origin from the grid."""
    import SimpleITK

    image: Any = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.array.transpose(2, 1, 0)))
    spacing = np.array(volume.grid.spacing_mm)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(volume.grid.affine[:3, 3].tolist())
    image.SetDirection((volume.grid.affine[:3, :3] / spacing).ravel().tolist())
    image.SetMetaData("descrip", f"neorlt {volume.unit}"[:79])
    SimpleITK.WriteImage(image, str(path))
    return path

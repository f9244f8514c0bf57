"""NIfTI files of volumes: whole ones, written with SimpleITK (which shares DICOM's patient axes), and small ones of 16 bits for looking."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.imaging.volume import Grid, Unit, Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From DICOM's patient axes to NIfTI's."""
_TOP = 32_000
_INTENT_LABEL = 1002
"""NIFTI_INTENT_LABEL of nifti1.h: values are names, not measures."""


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


def write_small_nifti(volume: Volume, path: Path, *, labels: bool = False) -> int:
    """Write ``.nii.gz`` with 16-bit values and a scale, or with labels that stand as they are; returns the bytes on disk.

    Fields by the NIfTI-1.1 header (nifti1.h): an sform from voxel to right-anterior-superior millimetres.
    """
    content = small_nifti(volume, labels=labels)
    path.write_bytes(content)
    return len(content)


def small_slope(volume: Volume, *, labels: bool = False) -> float:
    """What the 16-bit numbers of :func:`small_nifti` are to be multiplied by."""
    highest = float(np.max(np.abs(volume.array), initial=0.0))
    # Hounsfield units are whole numbers and stand as they are; other values use the range of 16 bits.
    return 1.0 if labels or volume.unit is Unit.HU else max(highest, 1e-30) / _TOP


def small_nifti(volume: Volume, *, labels: bool = False) -> bytes:
    """The bytes of :func:`write_small_nifti`."""
    slope = small_slope(volume, labels=labels)
    values = np.clip(np.rint(volume.array / slope), -32_768, 32_767).astype("<i2")
    affine = LPS_TO_RAS @ volume.grid.affine
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *volume.grid.shape, 1, 1, 1, 1)
    struct.pack_into("<h", header, 68, _INTENT_LABEL if labels else 0)
    struct.pack_into("<2h", header, 70, 4, 16)  # signed short
    struct.pack_into("<8f", header, 76, 1.0, *volume.grid.spacing_mm, 0.0, 0.0, 0.0, 0.0)
    struct.pack_into("<3f", header, 108, 352.0, slope, 0.0)
    struct.pack_into("<B", header, 123, 2)  # millimetres
    text = f"neorlt {'labels' if labels else volume.unit}".encode("ascii", "replace")[:79]
    header[148 : 148 + len(text)] = text
    struct.pack_into("<2h", header, 252, 0, 1)  # no qform; sform in scanner coordinates
    struct.pack_into("<12f", header, 280, *affine[:3].ravel())
    header[344:348] = b"n+1\0"
    return gzip.compress(bytes(header) + values.tobytes(order="F"), compresslevel=5, mtime=0)

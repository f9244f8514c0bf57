"""GDCM's Python: ImageReader with its own origin, spacing, direction, slope and intercept."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import gdcm
import numpy as np
import probe

TYPES = {
    gdcm.PixelFormat.UINT8: np.uint8, gdcm.PixelFormat.UINT16: np.uint16, gdcm.PixelFormat.INT16: np.int16,
    gdcm.PixelFormat.FLOAT32: np.float32, gdcm.PixelFormat.SINGLEBIT: np.uint8,
}  # fmt: skip


def _volume(path):
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise RuntimeError("ImageReader.Read says no")
    read = reader.GetImage()
    kind = read.GetPixelFormat().GetScalarType()
    data = np.frombuffer(read.GetBuffer().encode("utf-8", errors="surrogateescape"), TYPES[kind])
    if kind == gdcm.PixelFormat.SINGLEBIT:
        data = np.unpackbits(data, bitorder="little")
    size = list(read.GetDimensions()) + [1]
    array = data[: int(np.prod(size[:3]))].reshape(size[2], size[1], size[0]).T * read.GetSlope() + read.GetIntercept()
    cosines = np.array(read.GetDirectionCosines()).reshape(2, 3)
    axes = np.column_stack([*cosines, np.cross(*cosines)])
    spacing = (list(read.GetSpacing()) + [1.0])[:3]
    origin = (list(read.GetOrigin()) + [0.0, 0.0])[:3]
    return array, probe.affine_of(spacing, origin, axes)


probe.main(probe.images(_volume, "parametric map", "rtdose", "nm") | probe.seg_as_one(_volume))

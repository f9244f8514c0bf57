"""Read a phantom scan for its shape alone: its values may be in any unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import NuclearMedicineImageStorage, PositronEmissionTomographyImageStorage

from neorlt.core.errors import InputError
from neorlt.dicom.pixels import decode_instance
from neorlt.dicom.read_nm import is_reconstructed, nm_grid
from neorlt.dicom.scan import scan
from neorlt.dicom.stack import read_stack, rescale, slice_stack
from neorlt.imaging.recovery import PhantomScan


def read_phantom(folder: Path) -> PhantomScan:
    """Return the one PET series or reconstructed SPECT of a folder, without unit.

    Raises
    ------
    InputError
        If there is no such scan, or more than one.
    """
    found = scan(Path(folder))
    series = [s for s in found.series if s.sop_class == PositronEmissionTomographyImageStorage]
    spects = [i for s in found.series if s.sop_class == NuclearMedicineImageStorage for i in s.instances if is_reconstructed(i)]
    if len(series) + len(spects) != 1:
        raise InputError(
            "a recovery measurement needs one scan",
            expected="one PET series or one reconstructed SPECT",
            found=f"{len(series)} PET, {len(spects)} SPECT",
            where=Path(folder).name,
            remedy="point to the folder of the phantom's scan",
        )
    if spects:
        grid, order, _ = nm_grid(spects[0])
        stored = np.asarray(decode_instance(spects[0]), dtype=np.float32)
        return PhantomScan(np.ascontiguousarray(stored[order].transpose(2, 1, 0)), grid)
    grid, instances = slice_stack(series[0])
    factors = [rescale(i) for i in instances]

    def scale(k: int, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        return np.asarray(stored, np.float32) * np.float32(factors[k][0]) + np.float32(factors[k][1])

    return PhantomScan(read_stack(instances, grid, scale, "phantom"), grid)

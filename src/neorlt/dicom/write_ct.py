"""Write a CT volume as a series of CT Image Storage objects (PS3.3 A.3)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.uid import CTImageStorage

from neorlt.dicom.identity import Identity
from neorlt.dicom.writing import check_frame, new_dataset, right_handed, save, series_uid_of, set_date_time, set_pixels, set_plane
from neorlt.imaging.volume import Unit, Volume


def write_ct(
    volume: Volume,
    folder: Path,
    identity: Identity,
    *,
    description: str,
    series_number: int,
    acquisition_time: datetime | None = None,
) -> list[Path]:
    """Write one file per slice and return their paths, in order of position along the slice normal.

    Values are rounded to whole Hounsfield units and must lie in −32 768…32 767. ``acquisition_time`` defaults to
    the study's time.

    Raises
    ------
    ValueError
        If the volume is not in HU, lies in another frame of reference, or does not fit 16 bits.

    """
    if volume.unit is not Unit.HU:
        raise ValueError(f"a CT is written in {Unit.HU}, the volume is in {volume.unit}")
    check_frame(volume, identity)
    array, grid = right_handed(volume)
    if array.min() < -32768 or array.max() > 32767:
        raise ValueError(f"values of {array.min():.0f}…{array.max():.0f} HU do not fit 16 bits")
    series_uid = series_uid_of(identity, "CT", series_number, description)
    moment = acquisition_time or identity.study_time
    paths = []
    for k in range(grid.shape[2]):
        dataset = new_dataset(
            CTImageStorage,
            identity,
            series_uid,
            modality="CT",
            description=description,
            series_number=series_number,
            instance_number=k + 1,
            moment=moment,
        )
        dataset.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
        set_date_time(dataset, "Acquisition", moment)
        dataset.AcquisitionNumber = 1
        dataset.BodyPartExamined = "ABDOMEN"
        dataset.PatientPosition = "HFS"
        dataset.KVP = None
        dataset.RescaleIntercept = "0"
        dataset.RescaleSlope = "1"
        dataset.RescaleType = "HU"
        set_plane(dataset, grid, k)
        set_pixels(dataset, np.rint(array[:, :, k].T).astype(np.int16), signed=True)
        paths.append(save(dataset, Path(folder) / f"ct_{k + 1:04d}.dcm"))
    return paths

"""Write a PET volume as a series of Positron Emission Tomography Image Storage objects (PS3.3 A.21)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import PositronEmissionTomographyImageStorage

from neorlt.dicom.codes import AGENT, HEADFIRST, INTRAVENOUS, RADIONUCLIDE, RECUMBENT, SUPINE, code_item, code_sequence
from neorlt.dicom.decay import average_time_s, decay_factor, half_life_s
from neorlt.dicom.identity import Identity
from neorlt.dicom.writing import check_frame, ds, new_dataset, right_handed, save, series_uid_of, set_date_time, set_pixels, set_plane
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Unit, Volume

DecayCorrection = Literal["START", "ADMIN", "NONE"]


def write_pet(
    volume_bq_per_ml: Volume,
    folder: Path,
    identity: Identity,
    *,
    administration: Administration,
    decay_correction: DecayCorrection = "START",
    acquisition_time: datetime,
    frame_duration_s: float,
    description: str,
    series_number: int,
    agent: str = "68Ga-DOTATATE",
) -> list[Path]:
    """Write one file per slice, in Bq/ml, and return their paths in order of position.

    The volume's values hold for ``volume.time``; they are decayed to the moment that ``decay_correction`` (0054,1102)
    names: START the beginning of the acquisition, ADMIN the injection, NONE the average of the frame itself.
    Every slice has its own Rescale Slope (0028,1053), as scanners write it.

    Raises
    ------
    ValueError
        For another unit, a nuclide that differs from the injected one, another frame of reference, or times that
        run backwards.

    """
    if volume_bq_per_ml.unit is not Unit.BQ_PER_ML or volume_bq_per_ml.time is None:
        raise ValueError(f"a PET is written in {Unit.BQ_PER_ML}, the volume is in {volume_bq_per_ml.unit}")
    if volume_bq_per_ml.nuclide != administration.nuclide:
        raise ValueError(f"the volume shows {volume_bq_per_ml.nuclide}, the injection is of {administration.nuclide}")
    if acquisition_time < administration.time:
        raise ValueError("the acquisition starts before the injection")
    check_frame(volume_bq_per_ml, identity)
    half_life = half_life_s(administration.nuclide)
    average_s = average_time_s(half_life, frame_duration_s)
    reference = {
        "START": acquisition_time,
        "ADMIN": administration.time,
        "NONE": acquisition_time + timedelta(seconds=average_s),
    }[decay_correction]
    array, grid = right_handed(volume_bq_per_ml)
    array = array * np.float32(decay_factor(half_life, volume_bq_per_ml.time, reference))
    series_uid = series_uid_of(identity, "PT", series_number, description)
    paths = []
    for k in range(grid.shape[2]):
        dataset = new_dataset(
            PositronEmissionTomographyImageStorage,
            identity,
            series_uid,
            modality="PT",
            description=description,
            series_number=series_number,
            instance_number=k + 1,
            moment=acquisition_time,
        )
        dataset.ImageType = ["ORIGINAL", "PRIMARY"]
        set_date_time(dataset, "Acquisition", acquisition_time)
        dataset.BodyPartExamined = "ABDOMEN"
        dataset.PatientOrientationCodeSequence = code_sequence(RECUMBENT)
        dataset.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = code_sequence(SUPINE)
        dataset.PatientGantryRelationshipCodeSequence = code_sequence(HEADFIRST)
        dataset.Units = "BQML"
        dataset.CountsSource = "EMISSION"
        dataset.SeriesType = ["STATIC", "IMAGE"]
        dataset.NumberOfSlices = grid.shape[2]
        dataset.CorrectedImage = ["ATTN", "SCAT", "NORM", "DTIM", "RAN"] + (["DECY"] if decay_correction != "NONE" else [])
        dataset.RandomsCorrectionMethod = "NONE"
        dataset.DecayCorrection = decay_correction
        dataset.CollimatorType = "NONE"
        dataset.RadiopharmaceuticalInformationSequence = Sequence([_isotope(administration, agent, half_life)])
        dataset.FrameReferenceTime = ds(average_s * 1000.0)
        dataset.ActualFrameDuration = int(round(frame_duration_s * 1000.0))
        dataset.ImageIndex = k + 1
        if decay_correction != "NONE":
            # counts over the frame, and from it to the reference (PS3.3 C.8.9.4.1.6)
            frame_average = acquisition_time + timedelta(seconds=average_s)
            dataset.DecayFactor = ds(decay_factor(half_life, frame_average, reference))
        slope = _set_scaled(dataset, array[:, :, k].T)
        dataset.RescaleSlope = slope
        dataset.RescaleIntercept = "0"
        set_plane(dataset, grid, k)
        paths.append(save(dataset, Path(folder) / f"pt_{k + 1:04d}.dcm"))
    return paths


def _set_scaled(dataset: Dataset, plane: NDArray[np.float32]) -> str:
    peak = float(np.abs(plane).max())
    slope = ds(peak / 32767.0) if peak > 0 else "1"
    if float(slope) * 32767.0 < peak:  # the 16 characters of a DS may have rounded down
        slope = ds(peak / 32766.0)
    set_pixels(dataset, np.rint(plane / float(slope)).astype(np.int16), signed=True)
    return slope


def _isotope(administration: Administration, agent: str, half_life: float) -> Dataset:
    """Radiopharmaceutical Information item of PET (PS3.3 C.8.9.2): dose in Bq, half-life in s."""
    item = Dataset()
    item.Radiopharmaceutical = agent
    item.AdministrationRouteCodeSequence = code_sequence(INTRAVENOUS)
    item.RadiopharmaceuticalStartTime = administration.time.strftime("%H%M%S.%f")
    item.RadiopharmaceuticalStartDateTime = administration.time.strftime("%Y%m%d%H%M%S.%f")
    item.RadionuclideTotalDose = ds(administration.activity_mbq * 1e6)
    item.RadionuclideHalfLife = ds(half_life)
    if administration.nuclide not in RADIONUCLIDE:
        raise ValueError(f"no code is known for {administration.nuclide!r}; known: {', '.join(RADIONUCLIDE)}")
    item.RadionuclideCodeSequence = Sequence([code_item(RADIONUCLIDE[administration.nuclide])])
    if agent in AGENT:
        item.RadiopharmaceuticalCodeSequence = Sequence([code_item(AGENT[agent])])
    return item

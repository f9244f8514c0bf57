"""Write a SPECT volume as one reconstructed multi-frame Nuclear Medicine Image Storage object (PS3.3 A.5)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import NuclearMedicineImageStorage

from neorlt.dicom.codes import (
    AGENT,
    BQ_PER_ML,
    HEADFIRST,
    INTRAVENOUS,
    RADIONUCLIDE,
    RECUMBENT,
    SUPINE,
    code_item,
    code_sequence,
)
from neorlt.dicom.decay import decay_factor, half_life_s
from neorlt.dicom.identity import Identity
from neorlt.dicom.writing import check_frame, ds, new_dataset, orientation, right_handed, save, series_uid_of, set_date_time, set_pixels
from neorlt.imaging.study import Administration
from neorlt.imaging.volume import Unit, Volume

ROTATION_STEPS = 60
"""Angular views per detector that the header states; the frame time is the duration divided by it."""

SCALE = ("RealWorldValueMappingSequence", "Units", "RescaleSlope", "RescaleIntercept")
"""What states that the stored numbers are Bq/ml: an object without these holds counts."""


def write_spect(
    volume_bq_per_ml: Volume,
    path: Path,
    identity: Identity,
    *,
    administration: Administration,
    acquisition_time: datetime,
    frame_duration_s: float,
    description: str,
    series_number: int,
    agent: str = "177Lu-DOTATATE",
) -> Path:
    """Write a ``RECON TOMO`` object whose Real World Value Mapping (0040,9096) gives Bq/ml at the start of acquisition.

    The volume's values hold for ``volume.time`` and are decayed to ``acquisition_time``. The injected activity
    (0018,1074) is in MBq in this IOD (PS3.3 C.8.4.10), unlike PET. Position and orientation go to the Detector
    Information Sequence (PS3.3 C.8.4.11).

    Raises
    ------
    ValueError
        For another unit, a nuclide that differs from the injected one, negative values, another frame of reference,
        or times that run backwards.

    """
    if volume_bq_per_ml.unit is not Unit.BQ_PER_ML or volume_bq_per_ml.time is None:
        raise ValueError(f"a SPECT is written in {Unit.BQ_PER_ML}, the volume is in {volume_bq_per_ml.unit}")
    if volume_bq_per_ml.nuclide != administration.nuclide:
        raise ValueError(f"the volume shows {volume_bq_per_ml.nuclide}, the injection is of {administration.nuclide}")
    if acquisition_time < administration.time:
        raise ValueError("the acquisition starts before the injection")
    check_frame(volume_bq_per_ml, identity)
    array, grid = right_handed(volume_bq_per_ml)
    if array.min() < 0:
        raise ValueError("a SPECT volume in Bq/ml must not hold negative values")
    array = array * np.float32(decay_factor(half_life_s(administration.nuclide), volume_bq_per_ml.time, acquisition_time))
    series_uid = series_uid_of(identity, "NM", series_number, description)
    dataset = new_dataset(
        NuclearMedicineImageStorage,
        identity,
        series_uid,
        modality="NM",
        description=description,
        series_number=series_number,
        instance_number=1,
        moment=acquisition_time,
    )
    frames = grid.shape[2]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    set_date_time(dataset, "Acquisition", acquisition_time)
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.FrameOfReferenceUID = grid.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.PatientOrientationCodeSequence = code_sequence(RECUMBENT)
    dataset.PatientOrientationCodeSequence[0].PatientOrientationModifierCodeSequence = code_sequence(SUPINE)
    dataset.PatientGantryRelationshipCodeSequence = code_sequence(HEADFIRST)
    _set_multiframe(dataset, frames)
    dataset.CountsAccumulated = None
    dataset.CorrectedImage = ["ATTN", "SCAT", "DECY"]
    dx, dy, dz = grid.spacing_mm
    dataset.PixelSpacing = [ds(dy), ds(dx)]
    dataset.SliceThickness = ds(dz)
    dataset.SpacingBetweenSlices = ds(dz)
    dataset.EnergyWindowInformationSequence = Sequence([Dataset()])
    dataset.EnergyWindowInformationSequence[0].EnergyWindowName = administration.nuclide
    dataset.RadiopharmaceuticalInformationSequence = Sequence([_isotope(administration, agent)])
    detector = Dataset()
    detector.CollimatorType = "PARA"
    detector.ImagePositionPatient = [ds(v) for v in grid.index_to_mm(np.zeros(3))]
    detector.ImageOrientationPatient = orientation(grid)
    dataset.DetectorInformationSequence = Sequence([detector])
    # not in this IOD, written as a Standard Extended SOP Class (PS3.2): readers that know no detectors look for the place here
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = detector.ImagePositionPatient, detector.ImageOrientationPatient
    dataset.RotationInformationSequence = Sequence([_rotation(frame_duration_s)])
    _set_mapped(dataset, np.transpose(array, (2, 1, 0)))
    return save(dataset, Path(path))


def _set_multiframe(dataset: Dataset, frames: int) -> None:
    dataset.NumberOfFrames = frames
    dataset.FrameIncrementPointer = Tag(0x0054, 0x0080)  # Slice Vector, for RECON TOMO (PS3.3 C.8.4.8)
    dataset.SliceVector = list(range(1, frames + 1))
    dataset.NumberOfSlices = frames
    dataset.NumberOfEnergyWindows = 1
    dataset.NumberOfDetectors = 1
    dataset.NumberOfRotations = 1


def _rotation(duration_s: float) -> Dataset:
    item = Dataset()
    item.TableHeight = None
    item.StartAngle = "0"
    item.AngularStep = ds(360.0 / ROTATION_STEPS)
    item.RotationDirection = "CC"
    item.ScanArc = "360"
    item.ActualFrameDuration = int(round(duration_s * 1000.0 / ROTATION_STEPS))
    item.NumberOfFramesInRotation = ROTATION_STEPS
    return item


def _isotope(administration: Administration, agent: str) -> Dataset:
    item = Dataset()
    item.Radiopharmaceutical = agent
    item.AdministrationRouteCodeSequence = code_sequence(INTRAVENOUS)
    item.RadiopharmaceuticalStartTime = administration.time.strftime("%H%M%S.%f")
    # not in this IOD, which has no place for the day of the injection; written as a Standard Extended SOP Class (PS3.2)
    item.RadiopharmaceuticalStartDateTime = administration.time.strftime("%Y%m%d%H%M%S.%f")
    item.RadionuclideTotalDose = ds(administration.activity_mbq)  # MBq (PS3.3 C.8.4.10)
    if administration.nuclide not in RADIONUCLIDE:
        raise ValueError(f"no code is known for {administration.nuclide!r}; known: {', '.join(RADIONUCLIDE)}")
    item.RadionuclideCodeSequence = Sequence([code_item(RADIONUCLIDE[administration.nuclide])])
    if agent in AGENT:
        item.RadiopharmaceuticalCodeSequence = Sequence([code_item(AGENT[agent])])
    return item


def _set_mapped(dataset: Dataset, frames_bq_per_ml: NDArray[np.float32]) -> None:
    """Store 16-bit numbers and the mapping to Bq/ml (PS3.3 C.7.6.16.2.11)."""
    peak = float(frames_bq_per_ml.max())
    slope = peak / 65535.0 if peak > 0 else 1.0
    stored = np.rint(frames_bq_per_ml / slope).clip(0, 65535).astype(np.uint16)
    set_pixels(dataset, stored, signed=False)
    mapping = Dataset()
    mapping.LUTExplanation = "Activity concentration at the start of acquisition"
    mapping.LUTLabel = "BQML"
    mapping.MeasurementUnitsCodeSequence = code_sequence(BQ_PER_ML)
    mapping.add_new(Tag(0x0040, 0x9216), "US", 0)
    mapping.add_new(Tag(0x0040, 0x9211), "US", 65535)
    mapping.RealWorldValueIntercept = 0.0
    mapping.RealWorldValueSlope = slope
    dataset.RealWorldValueMappingSequence = Sequence([mapping])
    # Standard Extended too, as vendors write it: who knows no real-world values (SimpleITK, dcm2niix) would show stored numbers
    dataset.Units, dataset.RescaleSlope, dataset.RescaleIntercept = "BQML", ds(slope), "0"

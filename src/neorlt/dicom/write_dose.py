"""Write absorbed dose: a Parametric Map as the record (PS3.3 A.75), a 16-bit RT Dose as a courtesy to viewers (A.18)."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import RTDoseStorage

from neorlt.dicom import codes
from neorlt.dicom.identity import Identity
from neorlt.dicom.reference import read_reference
from neorlt.dicom.writing import ds, finish, library_head, new_dataset, orientation, right_handed, save, series_uid_of, set_pixels
from neorlt.imaging.volume import Unit, Volume


def _check(volume_gy: Volume) -> None:
    if volume_gy.unit is not Unit.GY:
        raise ValueError(f"a dose is written in {Unit.GY}, the volume is in {volume_gy.unit}")
    if volume_gy.array.min() < 0:
        raise ValueError("an absorbed dose must not be negative")


def write_dose_parametric_map(
    volume_gy: Volume,
    reference_paths: Seq[Path],
    path: Path,
    identity: Identity,
    *,
    description: str = "Absorbed dose",
    series_number: int = 1,
) -> Path:
    """Write float32 absorbed dose in Gy with a Real World Value Mapping (quantity 128513 DCM, unit Gy UCUM).

    The map keeps the dose's own grid and refers to the reference images as its source.

    Raises
    ------
    ValueError
        If the volume is not in Gy, is negative, or lies in another frame of reference than the reference images.

    """
    import highdicom as hd
    from highdicom.sr import CodedConcept

    _check(volume_gy)
    reference = read_reference(reference_paths)
    if volume_gy.grid.frame_of_reference != reference.grid.frame_of_reference:
        raise ValueError("the dose and the reference images lie in different frames of reference")
    array, grid = right_handed(volume_gy)
    dx, dy, dz = grid.spacing_mm
    mapping = hd.pm.RealWorldValueMapping(
        lut_label="Gy",
        lut_explanation="Absorbed dose",
        unit=CodedConcept(*codes.GRAY),
        value_range=(0.0, max(float(array.max()), 1e-6)),
        slope=1.0,
        intercept=0.0,
        quantity_definition=CodedConcept(*codes.ABSORBED_DOSE),
    )
    top = max(float(array.max()), 1.0)
    numbers = [float(v) for v in orientation(grid)]
    parametric = hd.pm.ParametricMap(
        source_images=reference.datasets,
        pixel_array=np.ascontiguousarray(np.transpose(array, (2, 1, 0)), dtype=np.float32),
        **library_head(identity, "PM", series_number, description),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=top / 2.0, window_width=top)],
        plane_orientation=hd.PlaneOrientationSequence("PATIENT", numbers),
        plane_positions=[
            hd.PlanePositionSequence("PATIENT", tuple(float(v) for v in grid.index_to_mm(np.array([0, 0, k]))))
            for k in range(grid.shape[2])
        ],
        pixel_measures=hd.PixelMeasuresSequence((dy, dx), dz, dz),
        content_label="DOSE",
    )
    parametric.BodyPartExamined = "ABDOMEN"  # an unpaired part: without it laterality would be asked for
    parametric.ContentCreatorName = ""  # type 2 (PS3.3 Table 10-12): stands, if empty
    parametric.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = Sequence([_anatomy()])
    _ascend(parametric, np.cross(numbers[:3], numbers[3:]))
    return finish(parametric, Path(path), identity)


def _ascend(parametric: Dataset, normal: NDArray[np.float64]) -> None:
    """Lay the frames in order along the normal: the library stores them the other way, and dcmqi's reader stacks them as they come."""
    frames = list(parametric.PerFrameFunctionalGroupsSequence)
    along = [float(normal @ np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)) for frame in frames]
    order = np.argsort(along, kind="stable")
    stored = np.frombuffer(parametric.FloatPixelData, "<f4").reshape(len(frames), parametric.Rows, parametric.Columns)
    parametric.FloatPixelData = stored[order].tobytes()
    parametric.PerFrameFunctionalGroupsSequence = Sequence([frames[n] for n in order])
    for number, frame in enumerate(parametric.PerFrameFunctionalGroupsSequence, start=1):
        frame.FrameContentSequence[0].DimensionIndexValues = number


def _anatomy() -> Dataset:
    """Frame Anatomy (PS3.3 C.7.6.16.2.8), which dcmqi's reader takes for granted: without it it ends and gives no image."""
    item = Dataset()
    item.FrameLaterality = "U"
    item.AnatomicRegionSequence = codes.code_sequence(codes.ABDOMEN)
    return item


def write_rtdose(
    volume_gy: Volume,
    reference_paths: Seq[Path],
    path: Path,
    identity: Identity,
    *,
    description: str = "Absorbed dose",
    series_number: int = 1,
) -> Path:
    """Write a 16-bit RT Dose (Dose Units GY, Dose Type PHYSICAL) and return the path.

    This therapy has no RT plan: the object refers to no plan, and says so in Dose Comment (3004,0006). The Parametric
    Map is the record.

    Raises
    ------
    ValueError
        If the volume is not in Gy, is negative, or lies in another frame of reference than the reference images.

    """
    _check(volume_gy)
    reference = read_reference(reference_paths)
    if volume_gy.grid.frame_of_reference != reference.grid.frame_of_reference:
        raise ValueError("the dose and the reference images lie in different frames of reference")
    array, grid = right_handed(volume_gy)
    dx, dy, dz = grid.spacing_mm
    series_uid = series_uid_of(identity, "RTDOSE", series_number, description)
    dataset = new_dataset(
        RTDoseStorage,
        identity,
        series_uid,
        modality="RTDOSE",
        description=description,
        series_number=series_number,
        instance_number=1,
        moment=identity.study_time,
    )
    dataset.OperatorsName = ""
    dataset.FrameOfReferenceUID = grid.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.ImagePositionPatient = [ds(v) for v in grid.index_to_mm(np.zeros(3))]
    dataset.ImageOrientationPatient = orientation(grid)
    dataset.PixelSpacing = [ds(dy), ds(dx)]
    dataset.SliceThickness = ds(dz)
    peak = float(array.max())
    scaling = ds(peak / 65534.0) if peak > 0 else "1"
    set_pixels(dataset, np.rint(np.transpose(array, (2, 1, 0)) / float(scaling)).clip(0, 65535).astype(np.uint16), signed=False)
    dataset.NumberOfFrames = grid.shape[2]
    dataset.FrameIncrementPointer = Tag(0x3004, 0x000C)
    dataset.GridFrameOffsetVector = [ds(k * dz) for k in range(grid.shape[2])]
    dataset.DoseUnits = "GY"
    dataset.DoseType = "PHYSICAL"
    # a defined term may be extended (PS3.5 6.3); every standard term would need a plan or a treatment record
    dataset.DoseSummationType = "RADIONUCLIDE"
    dataset.DoseComment = "Radioligand therapy, no RT plan; parametric map is the record"
    dataset.DoseGridScaling = scaling
    return save(dataset, Path(path), own_series=True)

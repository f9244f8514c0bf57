"""What every written object has in common: the modules of patient, study, series, equipment and plane, and the file itself."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from neorlt import __version__
from neorlt.dicom.identity import Identity, make_uid
from neorlt.imaging.volume import Grid, Volume

MANUFACTURER = "neorlt"
IMPLEMENTATION_CLASS_UID = UID(make_uid("implementation class"))


def series_uid_of(identity: Identity, kind: str, series_number: int, description: str) -> str:
    """Series Instance UID of a series of images: the same study, kind, number and description give the same.

    Objects that are a series of their own get another by :func:`name_by_content` when they are written.
    """
    return make_uid(identity.study_uid, kind, str(series_number), description)


def library_head(identity: Identity, kind: str, series_number: int, description: str) -> dict[str, Any]:
    """Head of an object that highdicom builds: its series, instance and equipment (PS3.3 C.7.3.1, C.12.1, C.7.5.2).

    The library takes patient and study from the images or objects that it is given; :func:`finish` checks that they are
    the identity's.
    """
    return {
        "series_instance_uid": series_uid_of(identity, kind, series_number, description),
        "series_number": series_number,
        "series_description": description,
        "sop_instance_uid": make_uid(identity.study_uid, kind, str(series_number), description, "1"),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": "neorlt",
        "software_versions": __version__,
        "device_serial_number": "0",
    }


def finish(dataset: Dataset, path: Path, identity: Identity) -> Path:
    """Check the owner of an object that highdicom built, settle its times, name it by its content, write it, and return its path.

    Raises
    ------
    ValueError
        If the images or objects that it was built on are another patient's.
    """
    if dataset.PatientID != identity.patient_id:
        raise ValueError("the reference images belong to another patient than the identity")
    settle(dataset, identity.study_time)
    name_by_content(dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)
    return path


def ds(value: float) -> str:
    """Return a decimal string of at most 16 characters (PS3.5 6.2, VR DS)."""
    return format_number_as_ds(float(value))


def set_date_time(dataset: Dataset, stem: str, moment: datetime) -> None:
    """Write ``moment`` to ``<stem>Date`` and ``<stem>Time``."""
    setattr(dataset, f"{stem}Date", moment.strftime("%Y%m%d"))
    setattr(dataset, f"{stem}Time", moment.strftime("%H%M%S.%f"))


def new_dataset(
    sop_class_uid: str,
    identity: Identity,
    series_uid: str,
    *,
    modality: str,
    description: str,
    series_number: int,
    instance_number: int,
    moment: datetime,
) -> FileDataset:
    """Return a dataset with patient, study, series, equipment and SOP common modules filled in."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(make_uid(series_uid, "instance", str(instance_number)))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    set_identity(dataset, identity)
    dataset.Modality = modality
    dataset.SeriesInstanceUID = series_uid
    dataset.SeriesNumber = series_number
    dataset.SeriesDescription = description
    dataset.InstanceNumber = instance_number
    set_date_time(dataset, "Series", moment)
    set_date_time(dataset, "Content", moment)
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = "neorlt"
    dataset.SoftwareVersions = __version__
    dataset.InstanceCreatorUID = IMPLEMENTATION_CLASS_UID
    return dataset


def set_identity(dataset: Dataset, identity: Identity) -> None:
    """Fill in the patient, general study and patient study modules."""
    dataset.PatientName = identity.patient_name
    dataset.PatientID = identity.patient_id
    dataset.PatientBirthDate = identity.birth_date.strftime("%Y%m%d") if identity.birth_date else ""
    dataset.PatientSex = identity.sex
    if identity.age_y is not None:
        dataset.PatientAge = f"{int(identity.age_y):03d}Y"
    if identity.weight_kg is not None:
        dataset.PatientWeight = ds(identity.weight_kg)
    if identity.size_m is not None:
        dataset.PatientSize = ds(identity.size_m)
    dataset.StudyInstanceUID = identity.study_uid
    set_date_time(dataset, "Study", identity.study_time)
    dataset.StudyID = "1"
    dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyDescription = "neorlt study"


def right_handed(volume: Volume) -> tuple[NDArray[np.float32], Grid]:
    """Return array and grid with slices ordered along the normal of rows and columns, as DICOM stacks them.

    Raises
    ------
    ValueError
        If the voxel axes are not at right angles: DICOM cannot hold a sheared grid.

    """
    array, affine = np.asarray(volume.array), np.array(volume.grid.affine)
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):
        raise ValueError("the voxel axes are not at right angles; resample the volume before writing it")
    if np.linalg.det(axes) < 0:
        affine[:3, 3] += affine[:3, 2] * (volume.grid.shape[2] - 1)
        affine[:3, 2] *= -1
        array = array[:, :, ::-1]
    return array, Grid(volume.grid.shape, affine, volume.grid.frame_of_reference)


def orientation(grid: Grid) -> list[str]:
    """Image Orientation (Patient) (0020,0037) of a grid."""
    axes = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    return [ds(v) for v in (*axes[:, 0], *axes[:, 1])]


def set_plane(dataset: Dataset, grid: Grid, index: int) -> None:
    """Fill in image plane and frame of reference of slice ``index`` (PS3.3 C.7.6.2, C.7.4.1)."""
    dx, dy, dz = grid.spacing_mm
    dataset.FrameOfReferenceUID = grid.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.ImagePositionPatient = [ds(v) for v in grid.index_to_mm(np.array([0, 0, index]))]
    dataset.ImageOrientationPatient = orientation(grid)
    dataset.PixelSpacing = [ds(dy), ds(dx)]  # spacing between rows first (PS3.3 10.7.1.3)
    dataset.SliceThickness = ds(dz)


def set_pixels(dataset: Dataset, stored: NDArray[np.int16] | NDArray[np.uint16], *, signed: bool) -> None:
    """Fill in the image pixel module from ``(rows, columns)`` or ``(frames, rows, columns)`` of 16-bit numbers."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(signed)
    dataset.PixelData = np.ascontiguousarray(stored, dtype="<i2" if signed else "<u2").tobytes()
    dataset["PixelData"].VR = "OW"


def check_frame(volume: Volume, identity: Identity) -> None:
    """Refuse a volume that lies in another frame of reference than the study.

    Raises
    ------
    ValueError
        If the two differ.

    """
    if volume.grid.frame_of_reference != identity.frame_of_reference_uid:
        raise ValueError(
            f"the volume lies in frame of reference {volume.grid.frame_of_reference!r}, "
            f"the identity names {identity.frame_of_reference_uid!r}"
        )


def settle(dataset: Dataset, moment: datetime) -> None:
    """Replace what highdicom reads from the clock; its random identifiers follow from the content (:func:`name_by_content`)."""
    set_date_time(dataset, "Series", moment)
    set_date_time(dataset, "Content", moment)
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = dataset.ContentDate, dataset.ContentTime
    for item in dataset.get("ContributingEquipmentSequence", []):
        if "ContributionDateTime" in item:
            item.ContributionDateTime = moment.strftime("%Y%m%d%H%M%S.%f")


def name_by_content(dataset: Dataset) -> None:
    """Derive the SOP and Series Instance UID of an object that is a series of its own from all that it holds.

    An archive keeps the first object that it is given under an identifier and drops the next: a corrected result under the
    identifier of the wrong one would never arrive (PS3.5 9: an identifier names one instance for ever). The same content gives the
    same identifiers, so sending a result twice does no harm.
    """
    stand_in = "2.25.0"
    own = str(dataset.SOPInstanceUID)
    places = [(item, "DimensionOrganizationUID") for keyword in ("DimensionOrganizationSequence", "DimensionIndexSequence")
              for item in dataset.get(keyword, [])]
    for item, keyword in [(dataset, "SOPInstanceUID"), (dataset, "SeriesInstanceUID"), *places]:
        setattr(item, keyword, stand_in)
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_dataset(stream, dataset)
    digest = hashlib.sha256(stream.getvalue().replace(own.encode(), stand_in.encode())).hexdigest()
    uid = make_uid(str(dataset.StudyInstanceUID), str(dataset.Modality), digest)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    dataset.SeriesInstanceUID = make_uid(uid, "series")
    for item, keyword in places:
        setattr(item, keyword, make_uid(uid, "dimensions"))


def save(dataset: FileDataset, path: Path, *, own_series: bool = False) -> Path:
    """Write the file (PS3.10) and return its path; an object that is a series of its own is named by its content."""
    if own_series:
        name_by_content(dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path

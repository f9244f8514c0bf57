#!/usr/bin/env bash
# PET slices carry a Rescale Slope each (0028,1053). Read as a series by SimpleITK.
# Guess: every slice is scaled by its own slope, in floating point.
# Seen: the pixel type follows the first slice. Where its slope is a whole number the volume is an integer one, and the activity of all
# other slices is cut to whole Bq/ml. Turned round, the same slices read right. Nothing is said. Who measures SUV with it is hurt.
. "$(dirname "$0")/_start.sh" SimpleITK==2.5.7 pydicom==3.0.2 numpy==2.4.6
check <<'PY'
import numpy as np, SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

KIND = "1.2.840.10008.5.1.4.1.1.128"

def series(name, slopes):
    study, uid, frame, paths = generate_uid(), generate_uid(), generate_uid(), []
    for k, slope in enumerate(slopes):
        d = Dataset()
        d.SOPClassUID, d.SOPInstanceUID, d.Modality, d.PatientID = KIND, generate_uid(), "PT", "1"
        d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID, d.InstanceNumber = study, uid, frame, k + 1
        d.ImagePositionPatient, d.ImageOrientationPatient = [0, 0, 4.0 * k], [1, 0, 0, 0, 1, 0]
        d.PixelSpacing, d.SliceThickness, d.Rows, d.Columns = [4, 4], 4, 2, 2
        d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 1
        d.SamplesPerPixel, d.PhotometricInterpretation, d.Units = 1, "MONOCHROME2", "BQML"
        d.RescaleSlope, d.RescaleIntercept = slope, 0
        d.PixelData = np.full((2, 2), 3, "<i2").tobytes()
        d.file_meta = FileMetaDataset()
        d.file_meta.TransferSyntaxUID, d.file_meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, KIND
        d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
        d.save_as(f"{name}-{k}.dcm", enforce_file_format=True)
        paths.append(f"{name}-{k}.dcm")
    return sitk.ReadImage(paths)

whole, part = series("whole", [1, 0.25, 0.5]), series("part", [0.25, 0.5, 1])
seen = [sitk.GetArrayFromImage(image)[:, 0, 0].tolist() for image in (whole, part)]
print("slopes 1, 0.25, 0.5 of a stored 3:", whole.GetPixelIDTypeAsString(), seen[0], "| 0.25, 0.5, 1:", part.GetPixelIDTypeAsString(), seen[1])
holds = seen == [[3, 0, 1], [0.75, 1.5, 3.0]]
PY

#!/usr/bin/env bash
# A binary DICOM Segmentation of one segment, 36 voxels of 1 bit set, written by highdicom; read by SimpleITK.
# Guess: an image of 0 and 1, whose sum is the number of voxels.
# Seen: 0 and 255, so a sum of the mask is 255 times the voxels (place and spacing are right). Who multiplies dose by the mask, or counts
# the volume by its sum, is off by 255; who compares with 1 finds an empty region.
. "$(dirname "$0")/_start.sh" SimpleITK==2.5.7 highdicom==0.28.2 pydicom==3.0.2 numpy==2.4.6
check <<'PY'
import highdicom as hd, numpy as np, SimpleITK as sitk
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

study, series, frame, source = generate_uid(), generate_uid(), generate_uid(), []
for k in range(8):
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID, d.file_meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    d.SOPClassUID, d.SOPInstanceUID, d.Modality, d.PatientID, d.PatientName = CTImageStorage, generate_uid(), "CT", "1", "1"
    d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID, d.InstanceNumber = study, series, frame, k + 1
    d.StudyID = d.AccessionNumber = d.StudyDate = d.StudyTime = d.PatientBirthDate = d.PatientSex = d.ReferringPhysicianName = ""
    d.ImagePositionPatient, d.ImageOrientationPatient = [-40, -30, 100.0 + 5 * k], [1, 0, 0, 0, 1, 0]
    d.PixelSpacing, d.SliceThickness, d.Rows, d.Columns = [4.5, 4], 5, 16, 20
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation, d.SamplesPerPixel = 16, 16, 15, 1, 1
    d.PhotometricInterpretation, d.RescaleSlope, d.RescaleIntercept, d.PixelData = "MONOCHROME2", 1, 0, bytes(16 * 20 * 2)
    source.append(d)
mask = np.zeros((8, 16, 20), np.uint8)
mask[2:5, 2:5, 12:16] = 1
tissue = CodedConcept("85756007", "SCT", "Tissue")
segment = hd.seg.SegmentDescription(1, "lesion", tissue, tissue, "MANUAL")
seg = hd.seg.Segmentation(source, mask, "BINARY", [segment], generate_uid(), 2, generate_uid(), 1, "a", "b", "1", "2")
seg.save_as("seg.dcm")
read = sitk.ReadImage("seg.dcm")
array = sitk.GetArrayFromImage(read)
print("voxels set", int(mask.sum()), "values", np.unique(array).tolist(), "sum", int(array.sum(dtype=np.int64)), "spacing", read.GetSpacing())
holds = np.unique(array).tolist() == [0, 255] and int((array > 0).sum()) == 36 and read.GetSpacing() == (4.0, 4.5, 5.0)
PY

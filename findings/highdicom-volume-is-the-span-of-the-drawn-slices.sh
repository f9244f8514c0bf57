#!/usr/bin/env bash
# A segmentation drawn on the second and fourth of six CT slices, empty frames left out (highdicom's default), read as a volume.
# Guess: the six slices of the CT that it was drawn on, or an error.
# Seen: three slices, those from the first drawn to the last, in reversed order: an array that does not lie on the CT's without its affine.
. "$(dirname "$0")/_start.sh" highdicom==0.28.2 pydicom==3.0.2 numpy==2.4.6
check <<'PY'
import highdicom as hd, numpy as np, pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

study, series, frame, slices = generate_uid(), generate_uid(), generate_uid(), []
for k in range(6):
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID, d.Modality = "1.2.840.10008.5.1.4.1.1.2", generate_uid(), "CT"
    d.PatientID = d.PatientName = d.StudyID = "1"
    d.PatientBirthDate = d.PatientSex = d.AccessionNumber = d.ReferringPhysicianName = d.StudyDate = d.StudyTime = ""
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = study, series, frame
    d.ImagePositionPatient, d.ImageOrientationPatient = [0, 0, 5.0 * k], [1, 0, 0, 0, 1, 0]
    d.PixelSpacing, d.SliceThickness, d.Rows, d.Columns, d.InstanceNumber, d.SeriesNumber = [2, 3], 5, 8, 8, k + 1, 1
    d.BitsAllocated = d.BitsStored = 16
    d.HighBit, d.PixelRepresentation, d.SamplesPerPixel, d.PhotometricInterpretation = 15, 1, 1, "MONOCHROME2"
    d.PixelData = bytes(128)
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID, d.file_meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, d.SOPClassUID
    d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
    d.save_as(f"{k}.dcm", enforce_file_format=True)
    slices.append(pydicom.dcmread(f"{k}.dcm"))
drawn = np.zeros((6, 8, 8), np.uint8)
drawn[1, 2, 3] = drawn[3, 2, 3] = 1
what = hd.seg.SegmentDescription(1, "lesion", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm, "MANUAL")
hd.seg.Segmentation(slices, drawn, "BINARY", [what], generate_uid(), 1, generate_uid(), 1, "maker", "model", "1", "1").save_as("seg.dcm")
volume = hd.seg.segread("seg.dcm").get_volume()
print("CT slices: 6; volume:", volume.array.shape, "first slice at z =", volume.affine[2, 3], "step", volume.affine[2, 0])
holds = volume.array.shape[0] == 3 and volume.affine[2, 3] == 15.0 and volume.affine[2, 0] == -5.0
PY

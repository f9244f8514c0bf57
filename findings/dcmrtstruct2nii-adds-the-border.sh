#!/usr/bin/env bash
# A contour of 40 mm by 20 mm on five slices of 5 mm (20 000 mm3), turned into a mask by dcmrtstruct2nii (voxels of 3 x 2 x 5 mm).
# Guess: within a few per cent of 20 000 mm3.
# Seen: 23 100 mm3, 15 % too much: every voxel that the line touches is taken, and the middle moves by half a millimetre.
# (It needs pydicom 2: with 3 it ends with an AttributeError.)
. "$(dirname "$0")/_start.sh" dcmrtstruct2nii==5 pydicom==2.4.4 numpy==1.26.4 nibabel==5.3.2
check <<'PY'
import nibabel as nib, numpy as np
from pathlib import Path
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

def item(**fields):
    d = Dataset()
    for name, value in fields.items():
        setattr(d, name, Sequence(value) if name.endswith("Sequence") else value)
    return d

def save(d, path, kind):
    d.SOPClassUID, d.is_little_endian, d.is_implicit_VR = kind, True, False
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID, d.file_meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, kind
    d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
    d.save_as(path, write_like_original=False)

study, series, frame, CT = generate_uid(), generate_uid(), generate_uid(), "1.2.840.10008.5.1.4.1.1.2"
Path("ct").mkdir()
references = []
for k in range(12):
    d = item(SOPInstanceUID=generate_uid(), Modality="CT", PatientID="1", PatientName="1", StudyInstanceUID=study, SeriesInstanceUID=series,
             FrameOfReferenceUID=frame, ImagePositionPatient=[-10, -20, 5.0 * k], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
             PixelSpacing=[2, 3], SliceThickness=5, Rows=40, Columns=48, BitsAllocated=16, BitsStored=16, HighBit=15, PixelRepresentation=1,
             SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", RescaleSlope=1, RescaleIntercept=0, InstanceNumber=k + 1)
    d.PixelData = bytes(40 * 48 * 2)
    save(d, f"ct/{k}.dcm", CT)
    references.append(item(ReferencedSOPClassUID=CT, ReferencedSOPInstanceUID=d.SOPInstanceUID))
corners = [(20, 10), (60, 10), (60, 30), (20, 30)]
contours = [item(ContourImageSequence=[references[k]], ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=4,
                 ContourData=[float(v) for x, y in corners for v in (x, y, 5.0 * k)]) for k in range(3, 8)]
d = item(SOPInstanceUID=generate_uid(), Modality="RTSTRUCT", PatientID="1", PatientName="1", StudyInstanceUID=study,
         SeriesInstanceUID=generate_uid(), StructureSetLabel="A", StructureSetDate="20260101", StructureSetTime="100000",
         ReferencedFrameOfReferenceSequence=[item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[item(
             ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1", ReferencedSOPInstanceUID=study,
             RTReferencedSeriesSequence=[item(SeriesInstanceUID=series, ContourImageSequence=references)])])],
         StructureSetROISequence=[item(ROINumber=1, ReferencedFrameOfReferenceUID=frame, ROIName="box", ROIGenerationAlgorithm="MANUAL")],
         ROIContourSequence=[item(ReferencedROINumber=1, ROIDisplayColor=[255, 0, 0], ContourSequence=contours)],
         RTROIObservationsSequence=[item(ObservationNumber=1, ReferencedROINumber=1, RTROIInterpretedType="", ROIInterpreter="")])
save(d, "rs.dcm", "1.2.840.10008.5.1.4.1.1.481.3")
from dcmrtstruct2nii import dcmrtstruct2nii
dcmrtstruct2nii("rs.dcm", "ct", "out/")
image = nib.load("out/mask_box.nii.gz")
mask = image.get_fdata() > 0
volume = float(mask.sum() * np.prod(image.header.get_zooms()))
print("drawn 20000 mm3, mask", volume, "mm3; middle (RAS)", nib.affines.apply_affine(image.affine, np.argwhere(mask).mean(0)), "for -40 -20 25")
holds = abs(volume - 23100.0) < 1.0
PY

#!/usr/bin/env bash
# A box contour of 9 mm by 10 mm on three slices of 4 mm (1.08 ml) with a dose on voxels of 3 x 4 x 5 mm: the volume of dicompyler-core's
# histogram (dvhcalc.get_dvh), without interpolation as by default.
# Guess: the contours' own volume within a few per cent: area by the polygon, thickness from the slices.
# Seen: 1.296 ml, 20 % too much: the area is counted in whole voxels of the dose whose middles lie inside. A lesion of 1 ml on the
# coarse grid of a SPECT dose is off by a fifth, and a dose-volume histogram with it.
. "$(dirname "$0")/_start.sh" dicompyler-core==0.5.6 pydicom==2.4.4 numpy==1.26.4
check <<'PY'
import numpy as np
from dicompylercore import dvhcalc
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

def item(**fields):
    d = Dataset()
    for name, value in fields.items():
        setattr(d, name, Sequence(value) if name.endswith("Sequence") else value)
    return d

def save(d, path, kind):
    d.SOPClassUID, d.SOPInstanceUID, d.is_little_endian, d.is_implicit_VR = kind, generate_uid(), True, False
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID, d.file_meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, kind
    d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
    d.save_as(path, write_like_original=False)

frame, study = generate_uid(), generate_uid()
patient = dict(PatientID="1", PatientName="1", StudyInstanceUID=study, SeriesInstanceUID=generate_uid(), FrameOfReferenceUID=frame)
x0, x1, y0, y1 = 3.25, 12.25, -24.0, -14.0
corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
contours = [item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=4, ContourData=[v for x, y in corners for v in (x, y, z)])
            for z in (114.0, 118.0, 122.0)]
structures = item(Modality="RTSTRUCT", StructureSetLabel="s", **patient,
                  StructureSetROISequence=[item(ROINumber=1, ROIName="lesion", ReferencedFrameOfReferenceUID=frame)],
                  ROIContourSequence=[item(ReferencedROINumber=1, ROIDisplayColor=[255, 0, 0], ContourSequence=contours)],
                  RTROIObservationsSequence=[item(ObservationNumber=1, ReferencedROINumber=1, RTROIInterpretedType="GTV")])
save(structures, "rs.dcm", "1.2.840.10008.5.1.4.1.1.481.3")
dose = item(Modality="RTDOSE", **patient, ImagePositionPatient=[-38, -30, 103], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[4, 3], Rows=16, Columns=20, NumberOfFrames=12, BitsAllocated=16, BitsStored=16, HighBit=15,
            PixelRepresentation=0, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", DoseUnits="GY", DoseType="PHYSICAL",
            DoseSummationType="PLAN", DoseGridScaling="0.001", GridFrameOffsetVector=[5.0 * k for k in range(12)])
dose.PixelData = np.full((12, 16, 20), 10000, "<u2").tobytes()
save(dose, "rd.dcm", "1.2.840.10008.5.1.4.1.1.481.2")
volume = float(dvhcalc.get_dvh("rs.dcm", "rd.dcm", 1).volume)
true = (x1 - x0) * (y1 - y0) * 3 * 4.0 / 1000
print(f"drawn {true:.3f} ml, histogram {volume:.3f} ml, off by {100 * (volume / true - 1):+.0f} %")
holds = abs(true - 1.08) < 1e-9 and 1.25 < volume < 1.35
PY

#!/usr/bin/env bash
# Longest diameter of a lesion by LabelShapeStatistics: a row of four voxels of 1 mm.
# Guess: about 4 mm.
# Seen: 0.0 without an error unless ComputeFeretDiameterOn() was called before, and then 3.0: it runs between voxel centres, one voxel
# short. Response by RECIST on it is hurt twice.
. "$(dirname "$0")/_start.sh" SimpleITK==2.5.7 numpy==2.4.6
check <<'PY'
import numpy as np, SimpleITK as sitk

mask = np.zeros((6, 6, 6), np.uint8)
mask[2, 2, 1:5] = 1
image = sitk.GetImageFromArray(mask)
shape = sitk.LabelShapeStatisticsImageFilter()
shape.Execute(image)
first = shape.GetFeretDiameter(1)
shape.ComputeFeretDiameterOn()
shape.Execute(image)
print("default:", first, "| switched on:", shape.GetFeretDiameter(1), "| volume:", shape.GetPhysicalSize(1))
holds = first == 0.0 and shape.GetFeretDiameter(1) == 3.0 and shape.GetPhysicalSize(1) == 4.0
PY

#!/usr/bin/env bash
# Longest diameter of a three-dimensional lesion by regionprops: a row of four voxels, and a ball.
# Guess: a number for both (about 4 for the row).
# Seen: the row raises "Surface level must be within volume data range"; a ball of radius 8 voxels gives 17.2, half a voxel beyond each end.
# A small metastasis on one slice ends the whole table.
. "$(dirname "$0")/_start.sh" scikit-image==0.26.0 numpy==2.4.6 scipy==1.17.1
check <<'PY'
import numpy as np
from skimage.measure import regionprops

row = np.zeros((6, 6, 6), int)
row[2, 2, 1:5] = 1
try:
    said = str(regionprops(row)[0].feret_diameter_max)
except ValueError as error:
    said = str(error)
z, y, x = np.ogrid[:20, :20, :20]
ball = regionprops((((z - 10) ** 2 + (y - 10) ** 2 + (x - 10) ** 2) <= 64).astype(int))[0].feret_diameter_max
print("row of four:", said, "| ball of radius 8:", round(ball, 3))
holds = "Surface level" in said and 17.0 < ball < 17.5
PY

"""SimpleITK: ReadImage of a file, ImageSeriesReader of a series."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import probe
import SimpleITK as sitk


def _volume(source):
    if source.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(source)))
        read = reader.Execute()
    else:
        read = sitk.ReadImage(str(source))
    array = sitk.GetArrayFromImage(read).T
    return array, probe.affine_of(read.GetSpacing()[:3], read.GetOrigin()[:3], np.array(read.GetDirection()).reshape(3, 3))


images = probe.images(_volume, "parametric map", "rtdose", "nm", "pet", "nifti", "view", "gate")
probe.main(images | probe.seg_as_one(_volume) | probe.label_map(_volume))

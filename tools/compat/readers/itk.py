"""ITK's Python: itk.imread of a file or of the files of a series."""

import sys
from pathlib import Path

sys.path.pop(0)  # this folder: the script has the package's name
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import itk
import probe


def _volume(source):
    if source.is_dir():
        names = itk.GDCMSeriesFileNames.New(Directory=str(source))
        read = itk.imread(list(names.GetInputFileNames()))
    else:
        read = itk.imread(str(source))
    array = itk.array_from_image(read).T
    direction = itk.array_from_matrix(read.GetDirection())[:3, :3]
    return array, probe.affine_of(list(read.GetSpacing())[:3], list(read.GetOrigin())[:3], direction)


images = probe.images(_volume, "parametric map", "rtdose", "nm", "pet", "nifti", "view", "gate")
probe.main(images | probe.seg_as_one(_volume) | probe.label_map(_volume))

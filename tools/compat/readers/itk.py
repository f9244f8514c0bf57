"""ITK's Python: itk.imread of a file or of the files of a series."""

import sys
from pathlib import Path

sys.path.pop(0)  # this folder: the script has the package's name
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import itk
import numpy as np
import probe


def _volume(read):
    array = itk.array_from_image(read).T
    direction = itk.array_from_matrix(read.GetDirection())[:3, :3]
    return array, probe.affine_of(list(read.GetSpacing())[:3], list(read.GetOrigin())[:3], direction)


def _file(name):
    return lambda folder: probe.image(*_volume(itk.imread(str(folder / name))))


def _series(folder):
    names = itk.GDCMSeriesFileNames.New(Directory=str(folder / "study" / "pet"))
    return probe.image(*_volume(itk.imread(list(names.GetInputFileNames()))))


def _seg(folder):
    array, affine = _volume(itk.imread(str(folder / "regions_seg.dcm")))
    return {"regions": {"all": probe.region(array, affine)}, "spacing_mm": np.linalg.norm(affine[:3, :3], axis=0).tolist()}


probe.main({
    "parametric map": _file("absorbed_dose_parametric_map.dcm"), "rtdose": _file("absorbed_dose_rtdose.dcm"), "seg": _seg,
    "nm": _file("study/spect_4h.dcm"), "pet": _series, "nifti": _file("absorbed_dose_gy.nii.gz"),
})  # fmt: skip

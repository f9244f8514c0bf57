"""SimpleITK: ReadImage of a file, ImageSeriesReader of a series."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
import probe
import SimpleITK as sitk


def _volume(read):
    array = sitk.GetArrayFromImage(read).T
    return array, probe.affine_of(read.GetSpacing()[:3], read.GetOrigin()[:3], np.array(read.GetDirection()).reshape(3, 3))


def _file(name):
    return lambda folder: probe.image(*_volume(sitk.ReadImage(str(folder / name))))


def _series(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder / "study" / "pet")))
    return probe.image(*_volume(reader.Execute()))


def _seg(folder):
    """One stack of frames without a word of segments: taken as one region by whoever opens it."""
    array, affine = _volume(sitk.ReadImage(str(folder / "regions_seg.dcm")))
    return {"regions": {"all": probe.region(array, affine)}, "spacing_mm": np.linalg.norm(affine[:3, :3], axis=0).tolist()}


def _labels(folder):
    import json

    array, affine = _volume(sitk.ReadImage(str(folder / "regions.nii.gz")))
    names = json.loads((folder / "regions_names.json").read_text())
    return probe.regions(array, affine, {int(number): one["name"] for number, one in names.items()})


probe.main({
    "parametric map": _file("absorbed_dose_parametric_map.dcm"), "rtdose": _file("absorbed_dose_rtdose.dcm"), "seg": _seg,
    "label map": _labels, "nm": _file("study/spect_4h.dcm"), "pet": _series, "nifti": _file("absorbed_dose_gy.nii.gz"),
})  # fmt: skip

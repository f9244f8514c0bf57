"""nibabel: load."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import nibabel
import probe


def _dose(folder):
    path = folder / "absorbed_dose_gy.nii.gz"
    said = bytes(nibabel.load(path).header["descrip"]).decode().strip("\0 ")
    return probe.image(*probe.nifti(path), said.removeprefix("neorlt ") or None)


def _labels(folder):
    names = {int(number): item["name"] for number, item in json.loads((folder / "regions_names.json").read_text()).items()}
    return probe.regions(*probe.nifti(folder / "regions.nii.gz"), names)


probe.main({"nifti": _dose, "label map": _labels})

"""dcmrtstruct2nii: dcmrtstruct2nii(structure set, CT folder, output)."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe
from dcmrtstruct2nii import dcmrtstruct2nii


def _structures(folder):
    with tempfile.TemporaryDirectory() as work:
        dcmrtstruct2nii(str(folder / "regions_rtstruct.dcm"), str(folder / "study" / "ct"), work + "/", convert_original_dicom=False)
        return {"regions": {path.name.removeprefix("mask_").removesuffix(".nii.gz"): probe.region(*probe.nifti(path))
                            for path in Path(work).glob("mask_*.nii.gz")}}  # fmt: skip


probe.main({"rtstruct": _structures})

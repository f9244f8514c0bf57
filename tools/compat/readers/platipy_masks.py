"""platipy: convert_rtstruct of the CT folder and the structure set."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe
from platipy.dicom.io.rtstruct_to_nifti import convert_rtstruct


def _structures(folder):
    with tempfile.TemporaryDirectory() as work:
        convert_rtstruct(str(folder / "study" / "ct"), str(folder / "regions_rtstruct.dcm"), prefix="Struct_", output_dir=work)
        return {"regions": {path.name.removeprefix("Struct_").removesuffix(".nii.gz"): probe.region(*probe.nifti(path))
                            for path in Path(work).glob("Struct_*.nii.gz")}}  # fmt: skip


probe.main({"rtstruct": _structures})

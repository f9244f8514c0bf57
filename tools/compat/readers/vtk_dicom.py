"""vtk-dicom: dicomtonifti."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _converted(source):
    with tempfile.TemporaryDirectory() as work:
        out = Path(work, "x.nii")
        given = probe.files(source)
        probe.run("dicomtonifti", "-o", out, *given)
        array, affine = probe.nifti(out)
        return array.copy(), affine


probe.main(probe.images(_converted, "parametric map", "rtdose", "nm", "pet") | probe.seg_as_one(_converted))

"""dicom2nifti: convert_dicom.dicom_series_to_nifti of a folder."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import dicom2nifti
import probe


def _series(folder):
    with tempfile.TemporaryDirectory() as work:
        out = Path(work, "x.nii.gz")
        dicom2nifti.dicom_series_to_nifti(str(folder / "study" / "pet"), str(out), reorient_nifti=False)
        array, affine = probe.nifti(out)
        return probe.image(array.copy(), affine)


probe.main({"pet": _series})

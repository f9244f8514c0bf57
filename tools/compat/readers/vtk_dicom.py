"""vtk-dicom: dicomtonifti."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _converted(source):
    with tempfile.TemporaryDirectory() as work:
        out = Path(work, "x.nii")
        given = [source] if source.is_file() else sorted(source.glob("*.dcm"))
        probe.run("dicomtonifti", "-o", out, *given)
        array, affine = probe.nifti(out)
        return array.copy(), affine


def _file(name):
    return lambda folder: probe.image(*_converted(folder / name))


def _seg(folder):
    array, affine = _converted(folder / "regions_seg.dcm")
    return {"regions": {"all": probe.region(array, affine)}}


probe.main({
    "parametric map": _file("absorbed_dose_parametric_map.dcm"), "rtdose": _file("absorbed_dose_rtdose.dcm"), "seg": _seg,
    "nm": _file("study/spect_4h.dcm"), "pet": _file("study/pet"),
})  # fmt: skip

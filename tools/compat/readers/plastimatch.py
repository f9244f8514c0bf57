"""plastimatch convert: dose, image, structures and segmentation."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _converted(source, *options):
    with tempfile.TemporaryDirectory() as work:
        out = Path(work, "x.nii.gz")
        probe.run("plastimatch", "convert", "--input", source, *options, out)
        array, affine = probe.nifti(out)
        return array.copy(), affine


def _image(name):
    return lambda folder: probe.image(*_converted(folder / name, "--output-img"))


def _dose(folder):
    return probe.image(*_converted(folder / "absorbed_dose_rtdose.dcm", "--output-dose-img"))


def _structures(folder):
    with tempfile.TemporaryDirectory() as work:
        probe.run("plastimatch", "convert", "--input", folder / "regions_rtstruct.dcm", "--referenced-ct", folder / "study" / "ct",
                  "--output-prefix", work, "--prefix-format", "nii.gz")  # fmt: skip
        return {"regions": {path.name.removesuffix(".nii.gz"): probe.region(*probe.nifti(path)) for path in Path(work).glob("*.nii.gz")}}


def _seg(folder):
    array, affine = _converted(folder / "regions_seg.dcm", "--output-img")
    return {"regions": {"all": probe.region(array, affine)}}


probe.main({
    "parametric map": _image("absorbed_dose_parametric_map.dcm"), "rtdose": _dose, "seg": _seg, "rtstruct": _structures,
    "nm": _image("study/spect_4h.dcm"), "pet": _image("study/pet"), "nifti": _image("absorbed_dose_gy.nii.gz"),
})  # fmt: skip

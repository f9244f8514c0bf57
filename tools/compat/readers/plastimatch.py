"""plastimatch convert: dose, image, structures and segmentation."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _converted(option):
    def read(source):
        with tempfile.TemporaryDirectory() as work:
            out = Path(work, "x.nii.gz")
            probe.run("plastimatch", "convert", "--input", source, option, out)
            array, affine = probe.nifti(out)
            return array.copy(), affine

    return read


def _structures(folder):
    with tempfile.TemporaryDirectory() as work:
        probe.run("plastimatch", "convert", "--input", folder / "regions_rtstruct.dcm", "--referenced-ct", folder / "study" / "ct",
                  "--output-prefix", work, "--prefix-format", "nii.gz")  # fmt: skip
        return {"regions": {path.name.removesuffix(".nii.gz"): probe.region(*probe.nifti(path)) for path in Path(work).glob("*.nii.gz")}}


image = _converted("--output-img")
probe.main(
    probe.images(image, "parametric map", "nm", "pet", "nifti", "view", "gate") | probe.images(_converted("--output-dose-img"), "rtdose")
    | probe.seg_as_one(image) | probe.label_map(image) | {"rtstruct": _structures}
)  # fmt: skip

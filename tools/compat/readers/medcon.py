"""(X)MedCon: medcon to NIfTI, stored numbers turned to values (-qs)."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _converted(source):
    with tempfile.TemporaryDirectory() as work:
        given = [source] if source.is_file() else sorted(source.glob("*.dcm"))
        stack = ["-stacks"] if len(given) > 1 else []
        probe.run("medcon", "-w", "-qs", *stack, "-c", "nifti", "-o", Path(work, "x"), "-f", *given)
        made = [path for path in Path(work).iterdir() if path.name.endswith((".nii", ".nii.gz"))]
        if len(made) != 1:
            raise RuntimeError(f"{len(made)} files")
        array, affine = probe.nifti(made[0])
        return array.copy(), affine


def _file(name):
    return lambda folder: probe.image(*_converted(folder / name))


def _seg(folder):
    array, affine = _converted(folder / "regions_seg.dcm")
    return {"regions": {"all": probe.region(array, affine)}}


probe.main({
    "parametric map": _file("absorbed_dose_parametric_map.dcm"), "rtdose": _file("absorbed_dose_rtdose.dcm"), "seg": _seg,
    "nm": _file("study/spect_4h.dcm"), "pet": _file("study/pet"), "nifti": _file("absorbed_dose_gy.nii.gz"),
})  # fmt: skip

"""dcm2niix on the folder of one object; the program is the one beside this Python, or Debian's with NEORLT_DCM2NIIX=debian."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe

PROGRAM = "/usr/bin/dcm2niix" if os.environ.get("NEORLT_DCM2NIIX") == "debian" else Path(sys.executable).with_name("dcm2niix")


def _converted(source):
    with tempfile.TemporaryDirectory() as work:
        given, out = Path(work, "in"), Path(work, "out")
        given.mkdir()
        out.mkdir()
        for path in [source] if source.is_file() else sorted(source.glob("*.dcm")):
            shutil.copy(path, given)
        said = probe.run(PROGRAM, "-o", out, "-f", "x", given)
        made = sorted(out.glob("*.nii"))
        if len(made) != 1:
            raise RuntimeError(f"{len(made)} files; {said.splitlines()[-1]}")
        array, affine = probe.nifti(made[0])
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

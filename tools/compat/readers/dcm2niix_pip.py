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
        for path in probe.files(source):
            shutil.copy(path, given)
        said = probe.run(PROGRAM, "-o", out, "-f", "x", given)
        made = sorted(out.glob("*.nii"))
        if len(made) != 1:
            raise RuntimeError(f"{len(made)} files; {said.splitlines()[-1]}")
        array, affine = probe.nifti(made[0])
        return array.copy(), affine


probe.main(probe.images(_converted, "parametric map", "rtdose", "nm", "pet") | probe.seg_as_one(_converted))

"""dicom3tools: dciodvfy. Errors are counted; the place of a pixel is not its task."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe

FILES = {
    "parametric map": "absorbed_dose_parametric_map.dcm", "rtdose": "absorbed_dose_rtdose.dcm", "seg": "regions_seg.dcm",
    "rtstruct": "regions_rtstruct.dcm", "nm": "study/spect_4h.dcm", "pet": "study/pet/pt_0001.dcm", "sr": "measurements_sr.dcm",
    "rrdsr": "radiopharmaceutical_dose_sr.dcm", "patient dose sr": "patient_dose_sr.dcm",
}  # fmt: skip


def _file(name):
    def read(folder):
        done = subprocess.run(["dciodvfy", str(folder / name)], capture_output=True, text=True)
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        return {"errors": errors}

    return read


probe.main({kind: _file(name) for kind, name in FILES.items()})

"""dicom3tools: dciodvfy. Errors are counted; the place of a pixel is not its task."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _errors(place):
    def read(folder):
        done = subprocess.run(["dciodvfy", str(probe.files(folder / place)[0])], capture_output=True, text=True)
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        return {"errors": errors}

    return read


probe.main({kind: _errors(place) for kind, place in probe.PLACES.items() if kind not in ("nifti", "view", "gate")})  # those are no DICOM

"""Make ``phantoms/data/camera.json``: the blur that a NEMA phantom would report for the bundled SPECT and PET cameras.

Run: ``python tools/phantoms/make_camera.py``. Six hot spheres are imaged by the synthetic camera; the width of the single
Gaussian whose recovery fits theirs best (least squares) is what the study's settings state.
"""

import json
from pathlib import Path

from neorlt.phantoms.cases import PET, SPECT
from neorlt.phantoms.spheres import NEMA_DIAMETERS_MM, recovery, reported_fwhm_mm

cameras = {
    name: {
        "psf_fwhm_mm": reported_fwhm_mm(camera.blur),
        "sphere_diameters_mm": list(NEMA_DIAMETERS_MM),
        "recovery": [round(r, 4) for r in recovery(camera.blur)],
        "camera": camera.as_json(),
    }
    for name, camera in (("SPECT", SPECT), ("PET", PET))
}
target = Path(__file__).parents[2] / "src/neorlt/phantoms/data/camera.json"
target.write_text(json.dumps(cameras, indent=1) + "\n")

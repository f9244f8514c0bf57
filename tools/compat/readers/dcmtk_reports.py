"""DCMTK: dsrdump of reports, drtdump of radiotherapy objects."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _numbers(name, concepts):
    def read(folder):
        said = probe.run("/usr/bin/dsrdump", folder / name)
        found = {}
        for key, words in concepts.items():
            match = re.search(rf'<contains NUM:\([^)]*"{words}"\)="([\d.]+)" \(([^,]*),', said)
            found[key] = [float(match.group(1)), match.group(2)] if match else None
        return {"numbers": found}

    return read


probe.main({
    "sr": _numbers("measurements_sr.dcm", {"volume": "Volume", "dose": "Absorbed Dose"}),
    "rrdsr": _numbers("radiopharmaceutical_dose_sr.dcm", {"injected": "Administered activity"}),
    "patient dose sr": _numbers("patient_dose_sr.dcm", {"dose": "Mean Absorbed Radiation Dose"}),
})  # fmt: skip

"""DCMTK: dsrdump of reports, drtdump of radiotherapy objects."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe


def _numbers(kind):
    def read(folder):
        said = probe.run("/usr/bin/dsrdump", folder / probe.PLACES[kind])
        found = {}
        for key, words in probe.NUMBERS[kind].items():
            match = re.search(rf'<contains NUM:\([^)]*"{words}"\)="([\d.]+)" \(([^,]*),', said)
            found[key] = [float(match.group(1)), match.group(2)] if match else None
        return {"numbers": found}

    return read


probe.main({kind: _numbers(kind) for kind in probe.NUMBERS})

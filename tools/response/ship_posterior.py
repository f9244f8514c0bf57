"""Ship a calibration: copy its posterior into the room's data and write its hashes.

Usage: ``neorlt calibrate --out DIR`` and then ``python tools/response/ship_posterior.py DIR``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "src/neorlt/response/data"


def main() -> None:
    """Copy and hash."""
    source = Path(sys.argv[1])
    manifest = json.loads((DATA / "MANIFEST.json").read_text())
    for name in ("posterior.npz", "posterior.json"):
        shutil.copy(source / name, DATA / name)
        manifest[name] = {
            "sha256": hashlib.sha256((DATA / name).read_bytes()).hexdigest(),
            "made_by": "neorlt calibrate --out DIR; python tools/response/ship_posterior.py DIR",
            "source": "fitted to the terms marked fit in data/evidence with the priors of priors.json", "licence": "Apache-2.0",
        }
    (DATA / "MANIFEST.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()

"""Run every benchmark of the folder, one after another; each prints its own figures beside its baseline.

The ``scale_*`` scripts (a million courses, a hundred thousand instances or records) run with ``--scale`` only, as they take long.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    status = 0
    for script in sorted(HERE.glob("*/*.py")):
        if script.name.startswith("scale_") and "--scale" not in sys.argv:
            continue
        print(f"== {script.relative_to(HERE)}", flush=True)
        status |= subprocess.run([sys.executable, str(script)], check=False).returncode
    return status


if __name__ == "__main__":
    sys.exit(main())

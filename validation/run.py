"""The long proofs, one after another (hours allowed); each writes its results beside itself. All are run, whatever one says."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def scripts() -> list[Path]:
    """Every proof of this folder."""
    return sorted(path for path in HERE.glob("*.py") if path.name != "run.py")


def main() -> int:
    """Run the proofs; 1 where one of them failed."""
    said = []
    for script in scripts():
        print(f"== {script.name}", flush=True)
        started = time.monotonic()
        status = subprocess.run([sys.executable, str(script)], check=False).returncode
        said.append((script.name, status, time.monotonic() - started))
    print("== summary")
    for name, status, seconds in said:
        print(f"{name:40s} {'passed' if status == 0 else f'FAILED ({status})':12s} {seconds:7.0f} s")
    return int(any(status for _, status, _ in said))


if __name__ == "__main__":
    sys.exit(main())

"""Time and peak memory of `import neorlt` and `neorlt --help`, each beside a bare interpreter."""

from __future__ import annotations

import resource
import subprocess
import sys
import time


def measure(*command: str) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> int:
    for name, command in (
        ("bare interpreter", (sys.executable, "-c", "pass")),
        ("import neorlt", (sys.executable, "-c", "import neorlt")),
        ("neorlt --help", (sys.executable, "-m", "neorlt.cli", "--help")),
    ):
        print(f"{name:20s} {measure(*command):.3f} s")
    print(f"peak memory of the largest: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Growth of one step with size: each size in a process of its own, so that its peak memory is its own; a plain baseline beside it.

Used by the ``scale_*.py`` scripts: ``python benchmarks/evidence/scale_records.py [--sizes 1000 10000 100000] [--json FILE]``.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Step = Callable[[int], dict[str, Any]]


def spent(act: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What an act gives, and its wall and CPU seconds (children included)."""
    def cpu() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in used)

    wall, before = time.perf_counter(), cpu()
    found = act()
    return found, {"wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(cpu() - before, 2)}


def peak_mb(who: int = resource.RUSAGE_SELF) -> float:
    """Peak memory of this process, or of its largest child, in MB."""
    return round(resource.getrusage(who).ru_maxrss / 1024)


def main(script: str, sides: dict[str, Step], sizes: Sequence[int]) -> int:
    """Run every side at every size, or the one that ``--one SIDE SIZE`` names; print a line each as JSON."""
    arguments = sys.argv[1:]
    if "--one" in arguments:
        side, size = arguments[arguments.index("--one") + 1 :][:2]
        print(json.dumps({"side": side, "size": int(size), **sides[side](int(size))}))
        return 0
    if "--sizes" in arguments:
        sizes = [int(word) for word in _words(arguments, "--sizes")]
    rows = []
    for size in sizes:
        for side in sides:
            done = subprocess.run([sys.executable, script, "--one", side, str(size)], capture_output=True, text=True, check=False)
            if done.returncode:
                print(done.stderr[-3000:], file=sys.stderr)
                return 1
            rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
            print(json.dumps(rows[-1]), flush=True)
    if "--json" in arguments:
        Path(_words(arguments, "--json")[0]).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.get("passed", True) for row in rows) else 1


def _words(arguments: list[str], option: str) -> list[str]:
    rest = arguments[arguments.index(option) + 1 :]
    end = next((i for i, word in enumerate(rest) if word.startswith("--")), len(rest))
    return rest[:end]

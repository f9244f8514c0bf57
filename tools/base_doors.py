"""Every documented door in an environment that holds no extra: each ends with 0, 2 or 3, and one that needs an extra names it.

``PYTHON -P tools/base_doors.py`` with the Python of such an environment (``tools/check_wheel.sh`` makes one). The commands and their
files are those of ``tests/cli/doors.py``; each is run with every input, those that need an extra without any too, in one process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import shlex
import sys
import tempfile
import time
from pathlib import Path

from neorlt.cli.app import run
from neorlt.jobs.registry import CAPABILITIES, COMMANDS

CLI = Path(__file__).resolve().parent.parent / "tests" / "cli"
ENDS = (0, 2, 3)
SHARED = {"defusedxml", "sklearn"}
"""Modules that an extra names and the base holds."""
NOT_RUN = {"serve": "serve", "calibrate": "calibrate --out {new}"}
"""Doors that run for long where their extra is there; without it they end at once."""


def extras_found() -> list[str]:
    """Modules of extras that this environment holds all the same."""
    named = {module for able in CAPABILITIES if able.extra is not None for module in able.modules}
    return sorted(module for module in named - SHARED if importlib.util.find_spec(module) is not None)


def main() -> int:
    if there := extras_found():
        print(f"this environment holds extras ({', '.join(there)}): nothing would be proven", file=sys.stderr)
        return 1
    sys.path.append(str(CLI.parent / "shared"))
    from by_path import load

    doors, started = load(CLI / "doors.py"), time.monotonic()
    wrong, ended = [f"no line for {row.words}" for row in COMMANDS if row.words not in {**doors.DOORS, **NOT_RUN}], dict.fromkeys(ENDS, 0)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        files = load(CLI / "made.py").make(Path(folder, "made"))

        def say(line: str) -> tuple[int, str]:
            texts = {name: str(path) for name, path in files.items()} | {"new": str(Path(folder, f"out-{sum(ended.values())}"))}
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = run(shlex.split(line.format(**texts)))
            ended[status] = ended.get(status, 0) + 1
            if status not in ENDS or "Traceback" in err.getvalue() + out.getvalue():
                wrong.append(f"neorlt {line}\n  ended with {status}: {err.getvalue()[-300:]}")
            return status, err.getvalue()

        for row in COMMANDS:
            door = doors.DOORS.get(row.words)
            if door is not None:
                say(f"{row.words} {' '.join(door.optional.values())} {door.needed}")
            if row.extra is not None:  # what it needs is said first, before anything that is wrong with what was typed
                line = NOT_RUN[row.words] if door is None else f"{row.words} {door.needed}"
                status, said = say(line)
                if status != 2 or f"the extra {row.extra}; install that with: python -m pip install" not in said:
                    wrong.append(f"neorlt {line}\n  does not name its extra {row.extra} ({status}): {said[-300:]}")
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
    counts = ", ".join(f"{n} with {status}" for status, n in sorted(ended.items()))
    print(f"{len(COMMANDS)} commands without any extra: {counts}, {len(wrong)} wrong, in {time.monotonic() - started:.0f} s")
    return int(bool(wrong))


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.exit(main())

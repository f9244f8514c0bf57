"""Run every code block of README.md and docs/: a page whose code fails fails the check.

``python`` blocks of one page run in order in one namespace; ``console`` blocks run line by line where a line starts
with ``$ neorlt``. All of it happens in a temporary folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def run_page(page: Path, work: Path) -> int:
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    if not blocks:
        return 0
    started = time.monotonic()
    source = "\n".join(text for kind, text in blocks if kind == "python")
    commands = [line[2:] for kind, text in blocks if kind == "console" for line in text.splitlines() if line.startswith("$ neorlt")]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "MPLBACKEND": "Agg"}
    for command in commands:
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=work, env=environment, capture_output=True, text=True)
        if result.returncode:
            print(f"{page.relative_to(ROOT)}: {command}\n{result.stdout}{result.stderr}", file=sys.stderr)
            return 1
    if source:
        result = subprocess.run([sys.executable, "-c", source], cwd=work, env=environment, capture_output=True, text=True)
        if result.returncode:
            print(f"{page.relative_to(ROOT)}:\n{result.stdout}{result.stderr}", file=sys.stderr)
            return 1
    print(f"{page.relative_to(ROOT)}: {len(blocks)} blocks ran in {time.monotonic() - started:.0f} s")
    return 0


def main() -> int:
    status = 0
    with tempfile.TemporaryDirectory(prefix="neorlt-docs-") as folder:
        work = Path(folder)
        for name in ("examples", "validation"):
            (work / name).symlink_to(ROOT / name)
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            status |= run_page(page, work)
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Plant the faults of ``validation/mutants.toml`` one after another in a copy of the source: each must be found by its tests.

Writes ``validation/mutants.md``. ``--only WORD`` runs those whose description or file holds the word; the others' rows stay as they are.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIST, REPORT = ROOT / "validation" / "mutants.toml", ROOT / "validation" / "mutants.md"
ROW = re.compile(r"^\| (.+?) \| `.+` \| .+ \|$", re.MULTILINE)
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


def run_tests(tests: str, source: Path) -> tuple[int, str]:
    """Status of pytest and the first test that failed, with this source."""
    options = ["-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no", "-m", "not slow"]
    command = [sys.executable, "-m", "pytest", *options, *tests.split()]
    environment = os.environ | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    found = FAILED.search(done.stdout)
    return done.returncode, found.group(1) if found else ""


def plant(mutant: dict[str, Any], source: Path) -> None:
    """Change the one place of a fault.

    Raises
    ------
    ValueError
        If the place is not there, or there twice.
    """
    path = source / "neorlt" / mutant["file"]
    text = path.read_text(encoding="utf-8")
    if text.count(mutant["old"]) != 1:
        raise ValueError(f"{mutant['file']}: stands {text.count(mutant['old'])} times: {mutant['old']}")
    path.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")


def judge(mutant: dict[str, Any]) -> dict[str, Any]:
    """Plant one fault and see which test finds it."""
    with tempfile.TemporaryDirectory(prefix="neorlt-mutant-") as folder:
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            plant(mutant, source)
        except ValueError as error:
            return mutant | {"found_by": "", "said": str(error)}
        status, test = run_tests(mutant["tests"], source)
    found = {0: "", 1: test or "a test"}.get(status, "")
    said = "found" if found else ("SURVIVED" if status == 0 else f"pytest ended with {status}")
    print(f"{said:10s} {mutant['what']} {found}", flush=True)
    return mutant | {"found_by": found, "said": said}


def main() -> int:
    listed = tomllib.loads(LIST.read_text(encoding="utf-8"))["mutant"]
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else None
    mutants = [m for m in listed if only is None or only in m["what"] or only in m["file"]]
    started = time.monotonic()
    # Tests that fail without a fault prove nothing.
    bad = [tests for tests in dict.fromkeys(m["tests"] for m in mutants) if run_tests(tests, ROOT / "src")[0] != 0]
    if bad:
        print("these fail without any fault: " + "; ".join(bad), file=sys.stderr)
    with ThreadPoolExecutor(max_workers=int(os.environ.get("NEORLT_MUTANTS", "2"))) as pool:
        judged = list(pool.map(judge, [m for m in mutants if m["tests"] not in bad]))
    missed = [m for m in judged if not m["found_by"]]
    rows = {found[1]: found[0] for found in ROW.finditer(REPORT.read_text(encoding="utf-8"))} if REPORT.exists() else {}
    rows |= {m["what"]: f"| {m['what']} | `{m['file']}` | {('`' + m['found_by'] + '`') if m['found_by'] else m['said']} |" for m in judged}
    rows = {m["what"]: rows[m["what"]] for m in listed if m["what"] in rows}
    found = sum(row.endswith("` |") for row in rows.values())
    lines = ["# Planted faults", "", f"Written by `make mutants`: {len(rows)} faults planted, {found} found.", "",
             "| fault | file | found by |", "| --- | --- | --- |", *rows.values()]
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(judged) - len(missed)} of {len(judged)} found in {time.monotonic() - started:.0f} s")
    return int(bool(missed or bad))


if __name__ == "__main__":
    sys.exit(main())

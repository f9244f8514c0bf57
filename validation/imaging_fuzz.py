"""The whole fuzz of the readers: 10 000 mutated studies, of which a tenth runs with the tests.

Writes ``docs/fuzz.md``, the report of the run. Run by ``make validate``: about fifteen minutes on one core. With a file's name
(``python validation/imaging_fuzz.py PARTS.json``) every part that is done is kept there, and a run that was stopped goes on.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

CASES = 10_000
ROOT = Path(__file__).resolve().parent.parent


def main(cases: int = CASES, out: Path = ROOT / "docs" / "fuzz.md", kept: Path | None = None) -> int:
    """Run all cases and write the report; 1 where one failed. ``kept`` holds the parts that are done."""
    fuzz = runpy.run_path(str(ROOT / "tests" / "dicom" / "test_fuzz.py"), run_name="fuzz")
    return int(fuzz["main"](cases, out, kept))


if __name__ == "__main__":
    sys.exit(main(kept=Path(sys.argv[1]) if len(sys.argv) > 1 else None))

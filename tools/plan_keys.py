"""Write the key paths of a real plan, against which the tests hold their invented ones.

Usage: ``python tools/plan_keys.py FOLDER``, with the folder of ``neorlt plan`` on ``neorlt example pannet-head``. Names
of regions, schemes and nuclides that stand as keys are written as they are; no value is kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[1] / "tests" / "data" / "plan_keys.json"


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Every path of a document: ``.lesions[].gy_per_gbq.ci90[]``."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, f"{at}.{key}")
    elif isinstance(value, list | tuple):
        for item in value:
            yield from paths(item, f"{at}[]")
    if at:
        yield at


def main() -> int:
    plan = json.loads((Path(sys.argv[1]) / "plan.json").read_text(encoding="utf-8"))
    TARGET.write_text(json.dumps(sorted(set(paths(plan))), indent=0) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: {len(json.loads(TARGET.read_text()))} paths")
    return 0


if __name__ == "__main__":
    sys.exit(main())

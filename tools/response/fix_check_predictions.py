"""Write what a calibration predicts of every row that is a check, without what was seen: fixed before any score is read.

Usage: ``neorlt calibrate --out DIR`` and then ``python tools/response/fix_check_predictions.py DIR``. Commit the file before opening
``DIR/posterior.json``; the commit is the proof of the order.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

OUT = Path(__file__).resolve().parents[2] / "validation/synthesis_check_predictions.json"
SAID = ("study", "term", "kind", "statistic", "month", "n", "predicted_pct", "ci90_pct", "predicted")
"""Of a row: what names it and what is predicted; nothing that was seen and no score."""


def main() -> None:
    """Write the file and its hash."""
    report = json.loads((Path(sys.argv[1]) / "posterior.json").read_text(encoding="utf-8"))
    rows = [{name: row[name] for name in SAID if name in row} for row in report["checks"]["rows"]]
    content = json.dumps(rows, sort_keys=True)
    made = {"about": "predictions of rows that were never fitted, written before their scores were read", "rows": rows,
            "posterior_hash": report["posterior_hash"], "sha256": hashlib.sha256(content.encode()).hexdigest(),
            "written": datetime.now(UTC).isoformat(timespec="minutes")}
    OUT.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

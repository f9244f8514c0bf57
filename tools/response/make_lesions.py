"""Make ``src/neorlt/response/data/lesions.json``: the lesions that calibrate the model, and those that check it.

Usage: ``python tools/response/make_lesions.py`` (reads ``tests/data/reference/response/jahn2021_lesion_dose_response.csv``).
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests/data/reference/response/jahn2021_lesion_dose_response.csv"
USE = {"7A": "calibration", "6A": "check (the same lesions by diameter: never more data)", "7B": "contrast", "6B": "contrast check"}


def main() -> None:
    """Write the table."""
    groups: dict[str, dict[str, object]] = {}
    with TABLE.open(newline="") as stream:
        for row in csv.DictReader(stream):
            group = groups.setdefault(row["figure"], {
                "population": row["population"], "doi": row["doi"], "use": USE[row["figure"]], "dose_quantity": row["dose_quantity"],
                "read": "digitised by a third party (github.com/toralfhus/PRRT_sample_size)",
                "dose_gy": [], "change_pct": [], "impossible": []})
            group["dose_gy"].append(float(row["dose_gy"]))  # type: ignore[attr-defined]
            group["change_pct"].append(float(row["change_percent_negative_is_shrinkage"]))  # type: ignore[attr-defined]
            group["impossible"].append(row["quality_flag"].startswith("impossible"))  # type: ignore[attr-defined]
    (ROOT / "src/neorlt/response/data/lesions.json").write_text(json.dumps(groups) + "\n")


if __name__ == "__main__":
    main()

"""Make ``src/neorlt/dosimetry/data/lesion_population.json`` from the table of model parameters.

Usage: ``python tools/dosimetry/make_lesion_population.py`` (reads ``tests/data/reference/response/model_parameters.yaml``).
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests/data/reference/response/model_parameters.yaml"
OUT = ROOT / "src/neorlt/dosimetry/data/lesion_population.json"
JAHN_ACTIVITY_GBQ = 7.4  # usual activity of one 177Lu cycle, by which the dose per cycle is divided


def main() -> None:
    """Write the table and its line in the manifest."""
    rows = {row["symbol"]: row for row in yaml.safe_load(TABLE.read_text())["dose_coefficients"]}
    median, log_sd = (float(v) for v in re.fullmatch(r"lognormal\((.+), (.+)\)", rows["D_les"]["prior"]).groups())  # type: ignore[union-attr]
    content = {
        "gy_per_gbq_median": median / JAHN_ACTIVITY_GBQ,
        "gy_per_gbq_log_sd": log_sd,
        "gy_per_gbq_source": f"{rows['D_les']['source']}; per {JAHN_ACTIVITY_GBQ} GBq",
        "suv_r2": rows["r2_suv"]["value"],
        "suv_rmse_gy_per_gbq": rows["r2_suv"]["rmse_gy_per_gbq"],
        "suv_source": rows["r2_suv"]["source"],
        "within_lesion_log_sd": rows["sd_cyc"]["value"],
        "within_lesion_source": rows["sd_cyc"]["source"],
    }
    OUT.write_text(json.dumps(content, indent=1) + "\n")
    manifest = OUT.parent / "MANIFEST.json"
    entries = json.loads(manifest.read_text()) if manifest.is_file() else {}
    entries[OUT.name] = {
        "licence": "Apache-2.0",
        "made_by": "python tools/dosimetry/make_lesion_population.py",
        "sha256": hashlib.sha256(OUT.read_bytes()).hexdigest(),
        "source": "Jahn 2020 doi 10.1159/000504001; Bruvoll 2023 doi 10.3390/cancers15041134",
    }
    manifest.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()

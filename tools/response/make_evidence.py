"""Copy the published rows of response into ``src/neorlt/response/data/evidence/``: one folder a study, and list them with hashes.

Usage: ``python tools/response/make_evidence.py`` (reads ``tests/data/reference/response/*.csv``).

A folder holds the study's rows as they were read (``arms.csv``, ``pfs.csv``, ``lesions.csv`` ...) and, where a row enters the fit or is
predicted as a check, ``assumptions.toml``, which is written by hand: what the paper does not say, and the likelihood of each row. Adding
a study touches its folder alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "tests/data/reference/response"
DATA = ROOT / "src/neorlt/response/data"
OUT = DATA / "evidence"
BY_STUDY = ("arms", "pfs", "effects", "growth", "time_course", "resectability")
LESIONS = {"jahn2021_lesion_dose_response": "jahn_2021", "ha2024_half": "ha_2024", "hebert2024_half": "hebert_2024"}
JOINED = {"sansovini_2017": "sansovini_2013", "clarinet_ole": "clarinet",
          "netter1_strosberg_2020": "netter1", "partelli_2016_abstract": "partelli_2018"}
"""Reports of the same patients: their rows stand in one folder, since the unit that is left out is the study."""


def rows_by_folder() -> dict[tuple[str, str], list[dict[str, str]]]:
    """``(folder, file)`` to its rows, in the order of the tables."""
    found: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for table in BY_STUDY:
        with (TABLES / f"{table}.csv").open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                found[JOINED.get(row["study"], row["study"]), f"{table}.csv"].append(row)
    for table, study in LESIONS.items():
        with (TABLES / f"{table}.csv").open(newline="", encoding="utf-8") as stream:
            found[study, "lesions.csv"].extend(csv.DictReader(stream))
    with (TABLES / "warfvinge2024_g2_tcp.csv").open(newline="", encoding="utf-8") as stream:
        found["warfvinge_2024", "control.csv"].extend(csv.DictReader(stream))
    return found


def main() -> None:
    """Write the rows and the manifest's entries."""
    written = set()
    for (folder, name), rows in rows_by_folder().items():
        (OUT / folder).mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        (OUT / folder / name).write_text(text.getvalue(), encoding="utf-8")
        written.add(OUT / folder / name)
    for stale in set(OUT.rglob("*.csv")) - written:
        stale.unlink()
    path = DATA / "MANIFEST.json"
    manifest = {name: entry for name, entry in json.loads(path.read_text()).items() if not name.startswith("evidence/")}
    for file in sorted(OUT.rglob("*.*")):
        by_hand = file.name == "assumptions.toml"
        manifest[str(file.relative_to(DATA))] = {
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "licence": "Apache-2.0" if by_hand else "facts",
            "made_by": "by hand" if by_hand else "python tools/response/make_evidence.py",
            "source": "assumptions named in the file" if by_hand else "published numbers; each row names its source",
        }
    path.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

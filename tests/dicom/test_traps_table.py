"""The table of layouts in ``docs/dicom-traps.md`` is the one that its command wrote, and holds nothing silent."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_table_is_the_commands_and_nothing_is_silent() -> None:
    rows = json.loads((ROOT / "validation" / "imaging_traps.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "dicom-traps.md").read_text(encoding="utf-8")
    assert len(rows) >= 35
    assert all(row["outcome"] in ("right", "said", "refused", "refused later") for row in rows)
    for row in rows:
        assert f"| {row['trap']} | {row['outcome']} | {row['words'].replace('|', '/')} |" in text


def test_every_test_that_the_page_names_exists() -> None:
    text = (ROOT / "docs" / "dicom-traps.md").read_text(encoding="utf-8")
    named = re.findall(r"`(?:[\w/]*/)?(test_\w+\.py|conftest\.py)?::(\w+)", text)
    rooms = (ROOT / "tests" / "imaging", ROOT / "tests" / "dosimetry", ROOT / "tests" / "dicom")  # the last counts of files of one name
    files = {path.name: path.read_text(encoding="utf-8") for room in rooms for path in room.glob("*.py")}
    assert len(named) > 60
    file = ""
    for given, name in named:
        file = given or file
        assert re.search(rf"^def {name}\(", files[file], re.MULTILINE), f"{file}::{name}"

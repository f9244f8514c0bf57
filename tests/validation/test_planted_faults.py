"""Each planted fault can still be planted: its place stands once, its tests exist, and the committed report says which test found it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from by_path import load

ROOT = Path(__file__).resolve().parents[2]
FAULTS = tomllib.loads((ROOT / "validation" / "mutants.toml").read_text(encoding="utf-8"))["mutant"]
tool = load(ROOT / "tools" / "mutants.py")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["what"])
def test_a_fault_has_its_place_and_its_tests(fault):
    assert (ROOT / "src" / "neorlt" / fault["file"]).read_text(encoding="utf-8").count(fault["old"]) == 1
    for test in fault["tests"].split():
        file, *name = test.split("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not name or f"def {name[0].split('[')[0]}(" in text, test


def test_the_report_holds_every_fault_and_each_was_found():
    text = (ROOT / "validation" / "mutants.md").read_text(encoding="utf-8")
    rows = {row[1]: row[0] for row in tool.ROW.finditer(text)}
    assert list(rows) == [fault["what"] for fault in FAULTS]
    assert [what for what, row in rows.items() if not row.endswith("` |")] == []
    assert f"{len(FAULTS)} faults planted, {len(FAULTS)} found" in text

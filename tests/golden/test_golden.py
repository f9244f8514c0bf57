"""Golden outputs: what version 0.1 answered guards every later change (see ``tools/golden.py``)."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path

import pytest
from by_path import load

ROOT = Path(__file__).resolve().parents[2]


golden = load(ROOT / "tools" / "golden.py")
ROWS = json.loads(golden.VALUES.read_text(encoding="utf-8"))["values"]


def test_values_without_chance_stand():
    values = golden.exact_values()
    assert len(values) > 100
    assert golden.moved(values, ROWS) == []


def test_predictions_of_thirty_patients_stand():
    values = golden.patient_values(golden.SEEDS[0])
    assert len(values) > 600
    assert golden.moved(values, ROWS) == []
    gone = {key for key in ROWS if key.startswith("predict.")} - set(values)
    # A value that has become "not known" is named in the changelog as a changed one is.
    assert not {key for key in gone if not any(fnmatch(key, pattern) for pattern in golden.named_changes())}


def test_doses_of_a_bundled_study_stand(tmp_path):
    study = Path(golden.call("example", "christie", "--out", str(tmp_path / "example"))["study"])
    values = golden.example_values(golden.SEEDS[0], "christie", study, tmp_path / "dose")
    assert golden.moved(values, ROWS) == []
    gone = {key for key in ROWS if key.startswith("dose.christie.")} - set(values)
    assert not gone


def test_every_change_since_the_first_version_is_named_in_the_changelog():
    assert golden.unnamed(ROWS, golden.named_changes()) == []


@pytest.mark.parametrize("factor", [1 + 1e-5, 1.5, 0.0])
def test_a_moved_value_is_seen(factor):
    exact = {key: row["now"] * factor for key, row in ROWS.items() if "sd" not in row and row["now"] != 0}
    assert len(golden.moved(exact, ROWS)) == len(exact)


def test_an_unnamed_change_is_seen():
    rows = {"dose.x.kidney": {"first": 4.0, "now": 3.9, "sd": 0.001}}
    assert golden.unnamed(rows, []) == ["dose.x.kidney"]
    text = "# Changes\n### Dose changes\n- `dose.x.*`: 4.0 -> 3.9, the contour is one draw.\n### Fixed\n- `dose.y`: no\n"
    assert golden.named_changes(text) == ["dose.x.*"]
    assert golden.unnamed(rows, golden.named_changes(text)) == []

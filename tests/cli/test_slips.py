"""Slips that a person makes: each is told as what it is, before anything is computed; none is passed over, none is our fault."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from neorlt.cli.app import run
from neorlt.planning.document import plan_document
from neorlt.planning.patient import patient_from
from neorlt.planning.scheme import parse_scheme

PATIENT = """id = "slip"
[baseline]
age_y = 58
[[lesion]]
id = "primary"
site = "pancreas-head"
longest_diameter_mm = 45
"""
SCHEME = 'name = "mine"\n[[cycle]]\nweek = 0\nactivity_gbq = { "Lu-177" = 7.4 }\n'
UPDATE = 'week = 15\n[lesion]\nid = "primary"\nlongest_diameter_mm = 39\n'
TWICE = "week = 15\n" + 2 * '[[lesion]]\nid = "primary"\nlongest_diameter_mm = 39\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "folder").mkdir()
    for name, text in {"p.toml": PATIENT, "one.toml": PATIENT.replace("[[lesion]]", "[lesion]"), "a.toml": SCHEME,
                       "b.toml": SCHEME.replace("7.4", "3.7"), "c.toml": SCHEME.replace("[[cycle]]", "[cycle]"), "u.toml": UPDATE,
                       "v.toml": TWICE,
                       "d.toml": SCHEME + SCHEME.partition("\n")[2]}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("predict p.toml --scheme neolupanet --scheme neolupanet", "two schemes have the same name"),
        ("predict p.toml --scheme a.toml --scheme b.toml", "two schemes have the same name (found mine)"),
        ("plan --patient p.toml --out o --scheme neolupanet --scheme NEOLUPANET", "two schemes have the same name"),
        ("decide p.toml --scheme a.toml --scheme b.toml", "two schemes have the same name"),
        ("predict p.toml --scheme d.toml", "two cycles stand in one week (found 0)"),
        ("predict one.toml", "write [[lesion]] on a line"),
        ("predict p.toml --scheme c.toml", "write [[cycle]] on a line"),
        ("adapt p.toml --scheme neolupanet --after 2 --updates u.toml", "write [[lesion]] on a line"),
        ("adapt p.toml --scheme neolupanet --after 2 --updates v.toml", "speaks of a lesion twice"),
        ("predict p.toml --seed -1", "--seed"),
        ("plan --patient p.toml --out o --seed -1", "--seed"),
        ("predict folder", "is a folder"),
        ("predict absent.toml", "check the path"),
        ("optimise p.toml --limits surgery_week=30,surgery_week=40", "limits.surgery_week is given twice"),
    ],
)
def test_a_slip_is_told(here: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(text.split()) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert words in said
    assert "--patient" not in said
    assert not (here / "o").exists()


def test_a_pair_of_pacs_keys_is_given_once() -> None:
    from neorlt.core.errors import InputError
    from neorlt.jobs.pacs import read_keys

    with pytest.raises(InputError, match="PatientID is given twice"):
        read_keys(["PatientID=42", "PatientID=43"])


def _said(**lesion: float) -> str:
    document = {"id": "slip", "baseline": {}, "lesion": [{"id": "primary", "site": "pancreas-head", **lesion}]}
    return " ".join(patient_from(document, "p.toml").warnings)


def test_a_volume_that_its_diameter_cannot_hold_is_said() -> None:
    # No body of diameter 45 mm is larger than the ball, 47.7 ml; 4000 stands for mm³ or a slip of the comma.
    assert "83.8 times the sphere" in _said(longest_diameter_mm=45, volume_ml=4000)
    assert "sphere" not in _said(longest_diameter_mm=45, volume_ml=60)
    assert "sphere" not in _said(longest_diameter_mm=45, volume_ml=12)
    assert "sphere" not in _said(volume_ml=4000)


def test_why_nothing_is_put_first_is_said() -> None:
    document = {"id": "slip", "lesion": [{"id": "primary", "site": "pancreas-head", "longest_diameter_mm": 45}]}
    scheme = parse_scheme("2 x 7.4 GBq Lu-177 every 8 weeks")

    def said(**baseline: float) -> bool:
        found = plan_document(patient_from({**document, "baseline": baseline}, "p.toml"), [scheme], n_draws=50).as_json()
        first = any("first:" in sentence for sentence in found["answer"]["sentences"])
        told = any("Nothing is put first" in warning and "age" in warning for warning in found["warnings"])
        assert first != told
        return told

    assert said()
    assert not said(age_y=58)


def test_a_prediction_says_as_a_plan_does_that_its_patient_is_invented(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "s.toml").write_text(PATIENT.replace('"slip"', '"synthetic-1"'))
    assert run(["plan", "--patient", "s.toml", "--out", "o", "--draws", "50", "--scheme", "neolupanet", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["synthetic"]
    for words in ("predict s.toml --draws 50 --scheme neolupanet --json", "predict --plan o --scheme neolupanet --json"):
        assert run(words.split()) == 0
        assert json.loads(capsys.readouterr().out)["synthetic"] == planned
    assert "invented" in planned
    assert run(["predict", "p.toml", "--draws", "50", "--scheme", "neolupanet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["synthetic"] is None


def test_a_count_without_its_baseline_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "w.toml").write_text("week = 15\nplatelets_e9_per_l = 150\n" + UPDATE.partition("\n")[2].replace("[lesion]", "[[lesion]]"))
    (here / "q.toml").write_text(PATIENT.replace("age_y = 58", "age_y = 58\nplatelets_e9_per_l = 230"))
    for name, used in (("p.toml", False), ("q.toml", True)):
        assert run(f"adapt {name} --scheme neolupanet --after 2 --updates w.toml --worlds 200 --json".split()) == 0
        document = json.loads(capsys.readouterr().out)
        assert any(row["what"] == "platelets" for row in document["measured"]) == used
        assert any("platelets now were not used" in warning for warning in document["warnings"]) != used


def test_the_package_runs_as_a_module() -> None:
    found = subprocess.run([sys.executable, "-m", "neorlt", "--version"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout[:7]) == (0, "neorlt ")


@pytest.mark.parametrize("words", [[], ["cohort"], ["pacs"]])
def test_no_word_gives_the_help_and_no_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("Usage: ") and "error" not in said.split("\n")[0]

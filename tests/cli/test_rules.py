"""The doors of the rules: class, rule, version and source; a blank is never a class."""

import json

import pytest
from typer.testing import CliRunner

from neorlt.cli import app
from neorlt.cli.app import run


def ask(text: str) -> dict:
    result = CliRunner().invoke(app, [*text.split(), "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert {"class", "rule", "version", "source"} <= set(document)
    return document


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("grade --ki67-pct 5", "G2"),
        ("grade --ki67-pct 5 --mitoses 1", "G2"),
        ("grade --ki67-pct 5 --mitoses unknown", None),
        ("grade --ki67-pct unknown", None),
        ("grade popf amylase_ratio=2 postoperative_day=3", "none"),
        ("grade popf postoperative_day=3", None),
        ("grade dge tube_days=0 reinserted_after_day=0 solids_by_day=never", "C"),
        ("grade gfr gfr_ml_min_173=50", "G3a"),
        ("grade eligibility:start-net haemoglobin_g_dl=8", "no"),
        ("stage --t 2 --n 0 --m 0", "II"),
        ("stage --t T4 --n N0 --m M0 --system enets2006", "IIIA"),
        ("stage --t 2 --m 0", None),
        ("stage --t 2 --n 0", None),
        ("stage --m 1", "IV"),
        ("stage --size-mm 25 --duodenum-or-bile-duct no --organ-or-artery no --n 0 --m 0", "II"),
        ("stage --size-mm 25 --organ-or-artery no --n 0 --m 0", "II"),  # T2 or T3: stage II either way
        ("stage --size-mm 15 --organ-or-artery no --n 0 --m 0", None),
        ("stage --system ajcc9 --t 1 --n x --m 0", "I"),
        ("stage --system ajcc9 --t 2 --n 0 --m 0", None),
        ("recist --sums 100,60 --weeks 12 --new no", "PR"),
        ("recist --sums 100,60 --weeks 12", None),
        ("recist --sums 100,90 --weeks 3 --new no", None),
        ("recist --sums 50,0,4 --weeks 12,24 --new no,no --confirm", "SD"),
        ("ctcae neutrophils 0.3 --lln 2", "grade 4"),
        ("ctcae neutrophils 0.3 --version 6.0", "grade 3"),
        ("ctcae platelets 15 --version 6.0", "grade 3"),
        ("ctcae creatinine 1.1 --uln 1.2 --baseline 0.8 --version 4.03", "grade 1"),
        ("ctcae lymphocytes 0.3 --version 6.0", None),
        ("ctcae platelets unknown --lln 150", None),
    ],
)
def test_class(text: str, name: str | None) -> None:
    document = ask(text)
    assert document["class"] == name
    assert (document["reason"] is None) == (name is not None)


def test_each_visit_is_shown_and_a_lesion_that_is_back_is_progression() -> None:
    document = ask("recist --sums 50,0,4 --weeks 12,24 --new no,no")
    assert [visit["class"] for visit in document["visits"]] == ["CR", "PD"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grade nothing ki67_pct=3", "who-ki67"),
        ("grade who ki67=3 mitoses_per_2mm2=1", "ki67_pct"),
        ("grade who ki67_pct=high", "a number, or unknown"),
        ("stage --t 5 --n 0 --m 0", "1, 2, 3, 4"),
        ("stage --t 2 --size-mm 20", "T is given twice"),
        ("stage --system uicc --t 1", "ajcc8"),
        ("recist --sums 100", "two sums"),
        ("recist --sums 100,50 --new no,no", "1 values"),
        ("recist --sums 100,small --new no", "numbers"),
        ("recist --sums 100,50 --new perhaps", "yes, no"),
        ("ctcae platelets 10 --version 3", "4.03, 5.0, 6.0"),
        ("ctcae shoes 10", "platelets"),
    ],
)
def test_refusals_say_what_to_do(text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(text.split()) == 2
    error = capsys.readouterr().err
    assert words in error
    assert ": " in error


def test_every_rule_is_listed() -> None:
    result = CliRunner().invoke(app, ["grade", "--list", "--json"])
    keys = {row["rule"] for row in json.loads(result.stdout)["rules"]}
    assert {"who", "ajcc8", "popf", "choi", "ctcae:platelets:6.0", "eligibility:start-net"} <= keys

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


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("recist --sums 100,60,80 --weeks 8,16 --new ?,no", ["PR", "PD"]),  # a new lesion in week 8, or a response before progression
        ("recist --sums 100,60,80 --weeks 8,16", ["PR", "PD"]),
        ("recist --sums 100,95,60 --weeks 8,16 --new ?,no", ["PR", "PD"]),
        ("recist --sums 100,60,?,80 --weeks 8,16,24 --new no,?,no", ["PR"]),  # a scan that was not done is passed over
        ("recist --sums 100,130,60 --weeks 8,16 --new ?,?", ["PD"]),
        ("recist --sums 100,60,50 --weeks 8,16 --new no,no --gone ?,no", ["CR", "PR"]),
    ],
)
def test_a_best_response_is_named_only_where_no_unknown_could_change_it(text: str, possible: list[str]) -> None:
    document = ask(text)
    assert document["class"] == (possible[0] if len(possible) == 1 else None)
    assert document["possible"] == (possible if len(possible) > 1 else [])
    assert (document["reason"] is None) == (len(possible) == 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recist --sums 100,inf", "numbers with commas"),
        ("kinetics pet --suv nan", "numbers with commas"),
        ("kinetics pet --suv 20,inf", "numbers with commas"),
        ("kinetics what-if --tumour-ml 80 --total-tumour-ml 10", "all tumours"),
        ("design simon --p0 0,1 --p1 0.3", "--p0"),
        ("design simon --p0 10% --p1 30%", "--p0"),
        ("design safety --acceptable-rate 0.2 --n 20.5", "a whole number"),
        ("design safety --acceptable-rate 0.2 --n nan", "a whole number"),
        ("design two-arm --p-experimental 0.4 --p-control 0.2 --ratio inf", "--ratio"),
        ("design survival --hazard-ratio 0.6 --control-median 24 --accrual 24 --follow-up inf", "--follow-up"),
        ("design group-sequential --boundary 5", "a word"),
        ("design simon --p0 0.1 --p1 0.3 --p0 0.2", "p0 is given twice"),
        ("grade popf amylase_ratio=9 amylase_ratio=1", "amylase_ratio is given twice"),
    ],
)
def test_a_value_that_is_no_number_or_stands_twice_is_refused_by_name(text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(text.split()) == 2
    assert words in " ".join(capsys.readouterr().err.split())

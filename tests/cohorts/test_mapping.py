"""A centre's table as it comes: eight exports read right after `map` with at most one hand edit; refusals that help."""

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from neorlt.cli import app
from neorlt.cli.app import run
from neorlt.cohorts.cells import plain_number, read_date, read_number
from neorlt.cohorts.cohort import TableError
from neorlt.cohorts.dictionary import BY_NAME
from neorlt.cohorts.exports import read_source
from neorlt.cohorts.guessing import propose
from neorlt.cohorts.mapping import read_map
from neorlt.cohorts.reading import Cohort, read_cohort
from neorlt.core.errors import InputError

from .messy import EDITS, EXPORTS, TRUTH

EPOCH = dt.date(1970, 1, 1)


def mapped(name: str, folder: Path) -> Cohort:
    table = EXPORTS[name](folder)
    dictionary = folder / "dictionary.csv" if name == "redcap" else None
    text = propose(read_source(table, None, dictionary)).text()
    if name in EDITS:
        assert text.count(EDITS[name][0]) == 1
        text = text.replace(*EDITS[name])
    (folder / "map.toml").write_text(text, encoding="utf-8")
    return read_cohort(table, read_map(folder / "map.toml"), dictionary)


def column(cohort: Cohort, name: str) -> list[Any]:
    values = cohort.columns[name].tolist()
    return [None if v == "" or (isinstance(v, float) and math.isnan(v)) else v for v in values]


def days(key: str) -> list[float | None]:
    return [None if r[key] is None else float((r[key] - EPOCH).days) for r in TRUTH]


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_eight_exports_are_read_right_after_map_with_at_most_one_edit(name: str, tmp_path: Path) -> None:
    cohort = mapped(name, tmp_path)
    assert cohort.n == len(TRUTH)
    assert column(cohort, "patient_id") == [r["id"] for r in TRUTH]
    assert column(cohort, "group") == [r["group"] for r in TRUTH]
    assert column(cohort, "age_y") == [r["age"] for r in TRUTH]
    assert column(cohort, "sex") == [r["sex"] for r in TRUTH]
    assert column(cohort, "baseline_date") == days("baseline")
    assert column(cohort, "last_date") == days("last")
    assert column(cohort, "died") == [float(r["died"]) for r in TRUTH]
    if name != "sdtm":
        assert column(cohort, "surgery_date") == days("surgery")
    if name in ("italian", "leftovers", "german", "xlsx", "spss", "stata"):
        assert column(cohort, "size_before_mm") == pytest.approx([r["size"] for r in TRUTH])
    if name in ("italian", "leftovers", "german", "xlsx"):
        low, high = cohort.bounds("ki67_before_pct")
        assert (low[3], high[3]) == (0.0, math.nextafter(3.0, 0.0))
        assert (low[4], high[4]) == (10.0, 15.0)
        assert np.isnan(low[5])
        exact = [r["ki67"] if isinstance(r["ki67"], float) else None for r in TRUTH]
        assert column(cohort, "ki67_before_pct") == pytest.approx(exact)
        assert any("2 cell(s) give only an interval" in w for w in cohort.warnings)
    if name == "xlsx":
        assert column(cohort, "margin") == [r["margin"] or None for r in TRUTH]
    if name == "spss":
        assert column(cohort, "ki67_before_pct") == [r["ki67"] if isinstance(r["ki67"], float) else None for r in TRUTH]
    if name in ("redcap", "sdtm"):
        assert column(cohort, "sum_before_mm") == pytest.approx([r["sum"] for r in TRUTH])
        assert column(cohort, "fu1_date") == days("scan")  # the earlier scan, though the export lists it second
        assert column(cohort, "fu1_sum_mm") == pytest.approx([r["scan_sum"] for r in TRUTH])
    if name == "redcap":
        assert column(cohort, "fu1_new_lesion") == [float(r["new"]) for r in TRUTH]
        assert column(cohort, "fu2_sum_mm") == pytest.approx([r["scan_sum"] + 5 for r in TRUTH])


def test_nothing_is_dropped_in_silence(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("id;gruppo;data diagnosi;ultimo follow up;deceduto;hobby\nA;PRRT;24/01/2013;24/01/2015;no;golf\n", encoding="utf-8")
    proposal = propose(read_source(table))
    (tmp_path / "m.toml").write_text(proposal.text(), encoding="utf-8")
    cohort = read_cohort(table, read_map(tmp_path / "m.toml"))
    assert cohort.unused == ("hobby",)
    assert any("hobby" in warning for warning in cohort.warnings)


BASE = "id;gruppo;data diagnosi;ultimo follow up;deceduto;ki67 pre;dimensione"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["A;PRRT;24/01/2013;24/01/2015;boh;4;20"], ["'deceduto'", "row 2", "'boh'", "yes or no", "codes"]),
        (["A;PRRT;24/01/2013;24/01/2015;no;n.v.;20"], ["'ki67 pre'", "row 2", "'n.v.'", "missing of the column"]),
        (["A;PRRT;24/01/2013;24/01/2015;no;120;20"], ["'ki67 pre'", "row 2", "120 is outside 0 to 100", "correct the cell"]),
        (["A;placebo;24/01/2013;24/01/2015;no;4;20"], ["'gruppo'", "row 2", "'placebo'", "rlt, upfront_surgery"]),
        (["A;PRRT;04/01/2013;05/02/2015;no;4;20"], ["data diagnosi", "dmy or mdy"]),
    ],
)
def test_each_question_names_column_row_value_and_remedy(tmp_path: Path, rows: list[str], words: list[str]) -> None:
    table = tmp_path / "t.csv"
    good = [f"{name};PRRT;{name == 'Y' and 24 or 4:02d}/01/2013;05/02/2015;no;4;20" for name in "XYZ" if rows[0][7:9] == "24"]
    table.write_text("\n".join([BASE, *rows, *good]), encoding="utf-8")
    problems = " | ".join(propose(read_source(table)).problems)
    for word in words:
        assert word in problems


def test_an_open_question_is_refused_until_it_is_settled(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(BASE + "\nA;PRRT;04/01/2013;05/02/2015;no;4;20\nB;altro;04/01/2013;05/02/2015;no;4;20\n", encoding="utf-8")
    (tmp_path / "m.toml").write_text(propose(read_source(table)).text(), encoding="utf-8")
    with pytest.raises(InputError, match=r"gruppo: code 'altro'") as caught:
        read_cohort(table, read_map(tmp_path / "m.toml"))
    assert "dates (dmy, mdy or ymd)" in str(caught.value)


def test_a_wrong_cell_under_a_map_is_named_by_row_and_both_names(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text(BASE + "\nA;PRRT;24/01/2013;24/01/2015;no;4;20\n\nB;PRRT;31/02/2013;24/01/2015;no;4,5;20\n", encoding="utf-8")
    (tmp_path / "m.toml").write_text(propose(read_source(table)).text(), encoding="utf-8")
    with pytest.raises(TableError) as caught:
        read_cohort(table, read_map(tmp_path / "m.toml"))
    text = str(caught.value)
    assert "row 4, data diagnosi (baseline_date): '31/02/2013' is not a date that exists" in text
    assert "say in the map" in text


def test_case_20_a_code_for_missing_is_refused_and_mapped_as_missing(tmp_path: Path) -> None:
    head = "patient_id,group,baseline_date,surgery_date,last_date,died,ki67_before_pct,ki67_after_pct,margin,margin_rule_mm"
    rows = [head] + [
        f"P{n:02d},rlt,2020-01-{n + 1:02d},2020-09-{n + 1:02d},2023-01-{n + 1:02d},no,{4 + n % 3},{99 if n < 6 else 3},R0,1"
        for n in range(14)
    ]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(TableError) as caught:
        read_cohort(table)
    for word in ("ki67_after_pct", "99 stands in 6 rows (2, 3, 4, 5, 6, 7)", "code for missing", "cohort map"):
        assert word in str(caught.value)
    proposal = propose(read_source(table))
    (tmp_path / "m.toml").write_text(proposal.text(), encoding="utf-8")
    cohort = read_cohort(table, read_map(tmp_path / "m.toml"))
    assert int(np.isnan(cohort.number("ki67_after_pct")).sum()) == 6
    real = proposal.text().replace('missing = ["99"]', "missing = []")
    (tmp_path / "real.toml").write_text(real, encoding="utf-8")
    assert (read_cohort(table, read_map(tmp_path / "real.toml")).number("ki67_after_pct") == 99).sum() == 6


@pytest.mark.parametrize("hint", [False, True])
def test_case_27_what_excel_leaves_behind_is_passed_over_and_said(tmp_path: Path, hint: bool) -> None:
    head = "patient_id;group;baseline_date;last_date;died"
    rows = [head] + [f"P{n:02d};rlt;2020-01-{n + 1:02d};2023-01-{n + 1:02d};no" for n in range(9)]
    text = "sep=;\n" + "\n".join(rows) if hint else "\n".join(r + ";;" for r in rows)
    table = tmp_path / "table.csv"
    table.write_text(text + "\n", encoding="utf-8-sig")
    cohort = read_cohort(table)
    assert cohort.n == 9
    assert any("passed over" in warning for warning in cohort.warnings)
    result = CliRunner().invoke(app, ["cohort", str(table), "--out", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["n"] == 9


def test_the_two_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = EXPORTS["italian"](tmp_path)
    result = CliRunner().invoke(app, ["cohort", "map", str(table), "--out", str(tmp_path / "map.toml"), "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert {"columns", "problems"} <= set(document)
    assert len(document["rows"]) == 5
    assert run(["cohort", "map", str(table), "--out", str(tmp_path / "map.toml")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert run(["cohort", str(table), "--map", str(tmp_path / "map.toml"), "--out", str(tmp_path / "out")]) == 0
    assert run(["cohort", "--out", str(tmp_path / "out"), str(table), "--map", str(tmp_path / "map.toml")]) == 0
    assert run(["cohort", str(table), "--out", str(tmp_path / "out2")]) == 2
    assert "cohort map" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('dates = "dmy"', 'dates = "ddmm"'), "dmy, mdy, ymd"),
        (('to = "age_y"', 'to = "years"'), "years"),
        (('from = "Sesso"', 'from = "Sex"'), "Sex"),
        (('to = "age_y"', 'to = "died"'), "died"),
        (('to = "age_y"', 'to = "age_y"\nkolor = 3'), "kolor"),
        (('to = "ki67_before_pct"', 'to = "ki67_before_pct"\ncensored = "guess"'), "bounds, limit, half"),
    ],
)
def test_a_wrong_map_is_refused(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    table = EXPORTS["italian"](tmp_path)
    text = propose(read_source(table)).text()
    if "censored" in change[1]:
        text = text.replace('censored = "bounds"   # <3: bounds keeps the interval; limit, half or refuse\n', "")
    assert change[0] in text
    (tmp_path / "m.toml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_cohort(table, read_map(tmp_path / "m.toml"))


@given(value=st.floats(0.0, 99999.0), decimal=st.sampled_from([".", ","]), group=st.sampled_from(["", " ", "'", "other"]))
def test_numbers_survive_every_dialect(value: float, decimal: str, group: str) -> None:
    mark = {"other": "," if decimal == "." else "."}.get(group, group)
    text = f"{value:,.3f}".replace(",", "G").replace(".", decimal).replace("G", mark)
    assert plain_number(text, decimal) == pytest.approx(round(value, 3))


@given(day=st.dates(dt.date(1950, 1, 1), dt.date(2026, 11, 1)), sep=st.sampled_from(["/", ".", "-", " "]))
def test_dates_survive_every_order(day: dt.date, sep: str) -> None:
    assert read_date(day.strftime(f"%d{sep}%m{sep}%Y"), "dmy") == day
    assert read_date(day.strftime(f"%m{sep}%d{sep}%Y"), "mdy") == day
    assert read_date(day.isoformat(), "dmy") == day
    assert read_date(day.strftime("%d %b %Y"), "?") == day
    assert read_date(str((day - dt.date(1899, 12, 30)).days), "excel") == day


@pytest.mark.parametrize("text", ["2013", "01/2013", "31/02/2013", "ieri", "24/13/2013"])
def test_what_is_no_full_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="date"):
        read_date(text, "dmy")


def test_censored_cells() -> None:
    ki67 = BY_NAME["ki67_before_pct"]
    assert read_number("≤3", ki67).high == 3.0
    assert read_number(">20", ki67).low > 20.0
    assert read_number("<3", ki67, censored="half").exact == 1.5
    assert read_number("<3", ki67, censored="limit").exact == 3.0
    with pytest.raises(ValueError, match="no single value"):
        read_number("10-15", ki67, censored="refuse")
    with pytest.raises(ValueError, match="negative"):
        read_number("-4", ki67)
    assert read_number("4.5 cm", BY_NAME["size_before_mm"]).exact == 45.0

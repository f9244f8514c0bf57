"""Tables as surgeons keep them: totals, merged headers, hidden sheets, thousands, mixed dates; read right or refused by row."""

import datetime as dt
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from neorlt.cohorts.cells import plain_number
from neorlt.cohorts.cohort import EPOCH, Cohort, TableError
from neorlt.cohorts.exports import read_source
from neorlt.cohorts.guessing import Proposal, propose
from neorlt.cohorts.mapping import read_map
from neorlt.cohorts.outcomes import describe, overall
from neorlt.cohorts.reading import read_cohort
from neorlt.core.errors import InputError

HEAD = "patient_id,group,baseline_date,last_date,died,size_before_mm"
ROWS = [f"P{k},rlt,2015-01-{10 + k},2019-02-{10 + k},{'yes' if k % 3 == 0 else 'no'},{20 + k}" for k in range(9)]


def text_table(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "table.csv"
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def proposed(table: Path) -> Proposal:
    return propose(read_source(table, None, None))


def mapped(table: Path, *edits: tuple[str, str]) -> Cohort:
    text = proposed(table).text()
    for old, new in edits:
        assert text.count(old) == 1, text
        text = text.replace(old, new)
    where = table.parent / "map.toml"
    where.write_text(text, encoding="utf-8")
    return read_cohort(table, read_map(where))


def days(cohort: Cohort, name: str) -> list[dt.date]:
    return [EPOCH + dt.timedelta(days=int(day)) for day in cohort.columns[name]]


def test_a_map_reads_the_file_with_a_byte_order_mark_that_it_was_made_from(tmp_path: Path) -> None:
    assert mapped(text_table(tmp_path, HEAD, *ROWS, encoding="utf-8-sig")).n == 9


def test_polish_words_and_characters_are_read(tmp_path: Path) -> None:
    head = "Nr pacjenta;Grupa;Płeć;Data rozpoznania;Data operacji;Data ostatniej kontroli;Zgon;Wielkość guza (mm);Ki-67 przed (%)"
    rows = [f"P{k};{'PRRT' if k % 2 else 'operacja'};{'K' if k % 3 else 'M'};{13 + k}.01.2015;2015-08-{13 + k};{13 + k}.02.2019;"
            f"{'tak' if k % 4 == 0 else 'nie'};{20 + k},5;{k + 1},2" for k in range(9)]
    for encoding in ("cp1250", "utf-8"):
        cohort = mapped(text_table(tmp_path, head, *rows, encoding=encoding))
        assert cohort.columns["sex"].tolist() == ["M", "F", "F"] * 3
        assert cohort.columns["died"].tolist() == [float(k % 4 == 0) for k in range(9)]
        assert cohort.columns["size_before_mm"].tolist() == [20.5 + k for k in range(9)]
        assert days(cohort, "surgery_date")[0] == dt.date(2015, 8, 13)


def test_western_letters_are_not_taken_for_polish_ones(tmp_path: Path) -> None:
    head = HEAD.replace("size_before_mm", "Größe vor Therapie (mm)")
    table = text_table(tmp_path, head + ",Piastrine (10³/mm³)", *(f"{row},250" for row in ROWS), encoding="cp1252")
    assert proposed(table).grid.settings["encoding"] == "cp1252"
    assert mapped(table).columns["platelets_e9_per_l"].tolist() == [250.0] * 9


@pytest.mark.parametrize("mark", [".", "'", " ", "\u202f", "’"])
def test_thousands_beside_decimal_commas_are_thousands(tmp_path: Path, mark: str) -> None:
    head = "Patient;Group;Diagnosis date;Last contact;dead;Size mm;Activity (MBq);Platelets (/µl)"
    rows = [f"A{k};PRRT;1{k}.01.2015;1{k}.02.2020;no;3{k},2;29{mark}600;2{k}0{mark}000" for k in range(4)]
    cohort = mapped(text_table(tmp_path, head, *rows))
    assert cohort.columns["activity_gbq"] == pytest.approx([29.6] * 4)
    assert cohort.columns["platelets_e9_per_l"] == pytest.approx([200.0, 210.0, 220.0, 230.0])


def test_thousands_that_could_be_decimals_are_asked_and_never_guessed(tmp_path: Path) -> None:
    head = "patient_id;group;baseline_date;last_date;died;Activity (MBq)"
    table = text_table(tmp_path, head, *(f"P{k};rlt;2015-01-1{k};2019-01-1{k};no;29.600" for k in range(4)))
    assert any("'29.600'" in problem and "thousands" in problem for problem in proposed(table).problems)
    with pytest.raises(InputError, match="Activity"):
        mapped(table)
    assert mapped(table, ('decimal = "?"', 'decimal = ","')).columns["activity_gbq"] == pytest.approx([29.6] * 4)
    assert mapped(table, ('decimal = "?"', 'decimal = "."')).columns["activity_gbq"] == pytest.approx([0.0296] * 4)


def test_a_bare_group_of_three_is_refused_where_nothing_settles_it() -> None:
    with pytest.raises(ValueError, match="decimal comma"):
        plain_number("29.600", ",")
    assert plain_number("29.600", ",", grouped=True) == 29600.0


def test_days_first_and_months_first_in_one_file_leave_no_column_to_a_guess(tmp_path: Path) -> None:
    rows = []
    for k in range(12):
        form = "%d/%m/%Y" if k < 6 else "%m/%d/%Y"
        start, last = dt.date(2016, 1 + k, 3), dt.date(2019, 1 + k, 18)
        rows.append(f"Q{k},rlt,{start.strftime(form)},{last.strftime(form)},no,{20 + k}")
    problems = "\n".join(proposed(text_table(tmp_path, HEAD, *rows)).problems)
    assert "row 2, '18/01/2019'" in problems and "row 8, '07/18/2019'" in problems
    assert "column 'baseline_date'" in problems
    with pytest.raises(InputError, match=r"baseline_date: dates; last_date: dates"):
        mapped(tmp_path / "table.csv")


def test_totals_and_notes_below_a_table_are_no_patients(tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD, *ROWS, "Mean,rlt,2015-01-10,2019-02-10,no,24", "", "* from the registry,,,,,")
    with pytest.raises(TableError, match=r"row 11: 'Mean' is a total.*row 13: '\* from the registry' stands alone.*skip_rows = \[11, 13\]"):
        read_cohort(table)
    assert any("skip_rows = [11, 13]" in problem for problem in proposed(table).problems)
    cohort = mapped(table, ("\n\n[file]\n", "\n\n[file]\nskip_rows = [11, 13]\n"))
    assert cohort.n == 9
    assert "rows left out by the map: 11, 13" in cohort.warnings


@pytest.mark.parametrize(("said", "total"), [
    ("Total", True), ("Total (n = 24)", True), ("Średnia", True), ("MEAN ± SD", True), ("Summe", True),
    ("N 24", False), ("N24", False), ("Media-07", False), ("Sumatra", False), ("7", False),
])
def test_what_is_a_total_and_what_a_pseudonym(tmp_path: Path, said: str, total: bool) -> None:
    table = text_table(tmp_path, HEAD, *ROWS, f"{said},rlt,2015-01-10,2019-02-10,no,24")
    if total:
        with pytest.raises(TableError, match="is a total or a mean"):
            read_cohort(table)
    else:
        assert read_cohort(table).n == 10


def book(folder: Path, *, mac: bool = False) -> tuple[openpyxl.Workbook, Path]:
    made = openpyxl.Workbook()
    if mac:
        made.epoch = CALENDAR_MAC_1904
    return made, folder / "table.xlsx"


def test_a_header_in_two_rows_with_merged_titles_and_a_hidden_sheet(tmp_path: Path) -> None:
    made, path = book(tmp_path)
    sheet = made.active
    sheet.append(["Patient", None, "Dates", None, "Outcome", "Ki-67", None])
    sheet.merge_cells("C1:D1")
    sheet.append(["ID", "arm", "diagnosis date", "last contact", None, "before", "of the specimen, after"])
    sheet["E2"], sheet["F2"], sheet["G2"] = "dead", "Ki-67 before (%)", "comment"
    for k in range(6):
        sheet.append([f"P{k}", "PRRT", dt.datetime(2015, 1, 10 + k), dt.datetime(2019, 1, 10 + k), "no", 5.5, "seen"])
    old = made.create_sheet("archive")
    old.append(["ID", "arm", "diagnosis date", "last contact", "dead", "size", "sex"])
    for k in range(30):
        old.append([f"OLD{k}", "PRRT", dt.datetime(2010, 1, 1), dt.datetime(2014, 1, 1), "no", 30, "F"])
    old.sheet_state = "hidden"
    made.save(path)
    cohort = mapped(path)
    assert cohort.columns["patient_id"].tolist() == [f"P{k}" for k in range(6)]
    assert cohort.columns["ki67_before_pct"].tolist() == [5.5] * 6
    assert any("hidden sheets are not read: archive" in warning for warning in cohort.warnings)


def test_a_name_that_stands_twice_takes_the_title_above_it(tmp_path: Path) -> None:
    made, path = book(tmp_path)
    made.active.append([None, None, None, None, None, "Ki-67 (%)", None, "Size (mm)", None])
    made.active.append(["ID", "arm", "diagnosis date", "last contact", "dead", "before", "after", "before", "after"])
    for k in range(6):
        made.active.append([f"P{k}", "PRRT", dt.datetime(2015, 1, 10 + k), dt.datetime(2019, 1, 10 + k), "no", 5.5, None, 30 + k, None])
    made.save(path)
    cohort = mapped(path)
    assert cohort.columns["ki67_before_pct"].tolist() == [5.5] * 6
    assert cohort.columns["size_before_mm"].tolist() == [30.0 + k for k in range(6)]


def test_formulas_without_a_saved_result_are_refused_and_not_read_as_empty(tmp_path: Path) -> None:
    made, path = book(tmp_path)
    made.active.append(["patient_id", "group", "baseline_date", "last_date", "died", "age"])
    for k in range(5):
        made.active.append([f"P{k}", "rlt", dt.datetime(2015, 1, 10), dt.datetime(2019, 1, 10), "no", "=YEAR(C2)-1950"])
    made.save(path)
    with pytest.raises(TableError, match=r"row 2, column F: the result of the formula was not saved.*open the file in Excel"):
        proposed(path)


def test_day_numbers_of_a_book_that_counts_from_1904(tmp_path: Path) -> None:
    made, path = book(tmp_path, mac=True)
    made.active.append(["patient_id", "group", "baseline_date", "last_date", "died"])
    start, last = dt.date(2015, 1, 13), dt.date(2019, 1, 13)
    for k in range(5):
        made.active.append([f"P{k}", "rlt", (start - dt.date(1904, 1, 1)).days + k, dt.datetime(2019, 1, 13), "no"])
    made.save(path)
    cohort = mapped(path)
    assert days(cohort, "baseline_date") == [start + dt.timedelta(days=k) for k in range(5)]
    assert days(cohort, "last_date") == [last] * 5


def test_duplicates_and_impossible_dates_are_named_with_their_values(tmp_path: Path) -> None:
    head = "Patient;Group;Diagnosis date;Surgery date;Date of death;Last seen"
    rows = ["A1;PRRT;12.01.2015;30.09.2015;;01.02.2020", "A2;PRRT;13.01.2015;30.09.2015;01.02.2019;", "A2;PRRT;13.01.2015;;01.02.2019;",
            "A3;PRRT;14.02.2015;30.09.2015;01.08.2015;", "A4;PRRT;15.03.2015;;;01.02.2014"]
    with pytest.raises(TableError) as caught:
        mapped(text_table(tmp_path, head, *rows))
    assert [problem.split(":", 1) for problem in caught.value.problems] == [
        ["row 4, Patient (patient_id)", " the patient of row 3 appears again"],
        ["row 5, last_date", " 2015-08-01 lies before surgery_date 2015-09-30"],
        ["row 6, last_date", " 2014-02-01 lies before baseline_date 2015-03-15"],
    ]


def test_a_table_that_names_no_patient_says_so(tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD.partition(",")[2], *(row.partition(",")[2] for row in ROWS))
    assert any("no column names the patient" in note for note in proposed(table).grid.notes)


def test_nobody_dead_yet_is_no_certainty(tmp_path: Path) -> None:
    """Seven of seven alive: the exact interval of 7 of 7, 59.04 % to 100 % (0.025 ** (1 / 7))."""
    rows = [row.replace(",yes,", ",no,") for row in ROWS[:7]]
    cohort = mapped(text_table(tmp_path, HEAD, *rows))
    found, _ = describe(cohort, overall(cohort))
    assert found["groups"]["rlt"]["survival"]["36"]["ci95"] == pytest.approx([0.025 ** (1 / 7), 1.0])


def test_status_1_and_2_is_asked_whole_as_programs_differ(tmp_path: Path) -> None:
    table = text_table(tmp_path, HEAD, *(row.replace(",yes,", ",2,").replace(",no,", ",1,") for row in ROWS))
    codes = next(column.codes for column in proposed(table).table_map.columns if column.target == "died")
    assert codes == {"1": "?", "2": "?"}


def test_dates_that_are_none_or_lie_ahead_are_named(tmp_path: Path) -> None:
    ahead = dt.date.today() + dt.timedelta(days=400)
    table = text_table(tmp_path, HEAD, *ROWS, "P10,rlt,2015-02-31,2019-01-01,no,30", "P11,rlt,2015,2019-01-01,no,30")
    problems = "\n".join(proposed(table).problems)
    assert "row 11: '2015-02-31' is not a date that exists" in problems and "row 12: '2015' is not a full date" in problems
    cohort = read_cohort(text_table(tmp_path, HEAD, *ROWS, f"P10,rlt,2015-02-01,{ahead},no,30"))
    assert any(f"row 11, last_date: {ahead} lies in the future" in warning for warning in cohort.warnings)


def test_ki67_as_a_fraction_is_asked_and_never_taken_for_per_cent(tmp_path: Path) -> None:
    """0.05 of a cell that Excel showed as 5 % would make every tumour G1."""
    rows = [f"{row},0.0{k + 1}" for k, row in enumerate(ROWS)]
    table = text_table(tmp_path, f"{HEAD},ki67_before_pct", *rows)
    with pytest.raises(TableError, match=r"row 2, ki67_before_pct: all 9 values are below 1.*factor = 100"):
        read_cohort(table)
    with pytest.raises(InputError, match="ki67_before_pct: to"):
        mapped(table)
    as_fraction = mapped(table, ('to = "?"', 'to = "ki67_before_pct"\nfactor = 100'))
    assert as_fraction.columns["ki67_before_pct"] == pytest.approx([k + 1.0 for k in range(9)])
    as_it_is = mapped(table, ('to = "?"', 'to = "ki67_before_pct"'))
    assert as_it_is.columns["ki67_before_pct"] == pytest.approx([(k + 1) / 100 for k in range(9)])


def test_a_header_that_comes_again_is_no_patient(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="row 11: repeats the header"):
        read_cohort(text_table(tmp_path, HEAD, *ROWS, HEAD))

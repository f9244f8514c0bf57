from pathlib import Path

import numpy as np
import pytest

from neorlt.cohorts.dictionary import FIELDS, dictionary_table
from neorlt.cohorts.reading import TableError, read_cohort
from neorlt.core.errors import InputError
from neorlt.jobs.cohort import cohort_command

HEADER = "patient_id,group,age_y,baseline_date,surgery_date,last_date,died,size_before_mm,ki67_before_pct,margin,margin_rule_mm"
GOOD = "P1,rlt,60,2020-01-01,2020-12-01,2022-01-01,no,45,8,R0,1"


def table(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_good_row_is_read(tmp_path: Path) -> None:
    cohort = read_cohort(table(tmp_path, GOOD, "P2,upfront_surgery,NA,2020-01-01,,2021-01-01,yes,,,,"))
    assert cohort.n == 2
    assert cohort.number("ki67_before_pct")[0] == 8
    assert np.isnan(cohort.number("age_y")[1])
    assert cohort.months("baseline_date", "last_date")[0] == pytest.approx(24.0, abs=0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("45", "-45"), ["row 3", "size_before_mm", "negative"]),
        (("45", "4.5"), ["row 3", "size_before_mm", "looks like cm", "mixed units"]),
        (("45", "4.5 cm"), ["row 3", "carries a unit"]),
        ((",8,", ",108,"), ["row 3", "ki67_before_pct", "100"]),
        ((",8,", ',"8,5",'), ["row 3", "decimal point"]),
        (("2020-12-01", "2020-02-30"), ["row 3", "surgery_date", "not a date"]),
        (("2020-12-01", "2019-12-01"), ["row 3", "surgery_date", "before baseline_date"]),
        (("2022-01-01", "2020-06-01"), ["row 3", "last_date", "before surgery_date"]),
        (("R0", "R9"), ["row 3", "margin", "R0, R1, R2"]),
        (("R0,1", "R0,"), ["row 3", "margin_rule_mm"]),
        (("2020-12-01", ""), ["row 3", "margin", "without a surgery_date"]),
        (("no,45", "maybe,45"), ["row 3", "died", "yes or no"]),
        (("P2,rlt", "P2,placebo"), ["row 3", "group"]),
        (("P2", "p1"), ["row 3", "row 2", "appears again"]),
        (("P2,rlt", ",rlt"), ["row 3", "patient_id", "empty"]),
    ],
)
def test_every_wrong_cell_is_named_with_its_row(tmp_path: Path, change: tuple[str, str], words: list[str]) -> None:
    bad = GOOD.replace("P1", "P2").replace(*change)
    with pytest.raises(TableError) as caught:
        read_cohort(table(tmp_path, GOOD, bad))
    for word in words:
        assert word in str(caught.value)


def test_all_problems_are_listed_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    rows = [GOOD.replace("P1", f"P{i}").replace("45", "-1").replace(",8,", ",900,") for i in range(30)]
    path = table(tmp_path, *rows)
    with pytest.raises(TableError) as caught:
        cohort_command(path, tmp_path / "out")
    assert len(caught.value.problems) == 60
    assert "and 40 more" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_missing_columns_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="baseline_date"):
        read_cohort(table(tmp_path, "P1,rlt", header="patient_id,group"))
    with pytest.raises(InputError, match="does not exist"):
        read_cohort(tmp_path / "none.csv")
    with pytest.raises(TableError, match="row 3: 3 cells"):
        read_cohort(table(tmp_path, GOOD, "P2,rlt,60"))
    with pytest.raises(InputError, match="twice"):
        read_cohort(table(tmp_path, "1,2", header="age_y,age_y"))
    with pytest.raises(InputError, match="no rows"):
        read_cohort(table(tmp_path))


def test_a_column_that_means_nothing_is_said_to_be_unused(tmp_path: Path) -> None:
    cohort = read_cohort(table(tmp_path, GOOD + ",7", header=HEADER + ",shoe_size"))
    assert "shoe_size" in cohort.warnings[0]


def test_semicolons_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\ufeff" + HEADER.replace(",", ";") + "\n" + GOOD.replace(",", ";"), encoding="utf-8")
    assert read_cohort(path).n == 1


def test_dictionary_says_what_each_column_is() -> None:
    assert len({f.name for f in FIELDS}) == len(FIELDS)
    assert all(row["description"] for row in dictionary_table())
    assert all(f.unit for f in FIELDS if f.name.endswith(("_mm", "_pct", "_gbq", "_deg", "_y")))

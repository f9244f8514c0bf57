"""What a reviewer meets: exports cut short, titles in other scripts, retractions, cells of the wrong shape, cohorts in two spellings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neorlt.core.errors import InputError
from neorlt.evidence.alike import Features, same_paper
from neorlt.evidence.checks import check_fields
from neorlt.evidence.claims import registry_rows
from neorlt.evidence.dedupe import dedupe
from neorlt.evidence.importers import import_bytes
from neorlt.evidence.outcomes import collect_ratios
from neorlt.evidence.pooling import StudyCounts, pool, read_counts
from neorlt.evidence.records import Record
from neorlt.evidence.retraction import retraction_of
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.review.report import folder_table, review_flow
from neorlt.evidence.review.writing import bibtex
from neorlt.evidence.studies import shipped_review
from neorlt.jobs.evidence.table import table_command

LATIN_ID = "print:b0201030839e7edd"
SPACED_ID = "print:7d1aa991bad0a608"
SOURCE = {"where": "p. 3", "how": "fulltext"}


def _include(review: ReviewFolder, record: Record) -> str:
    review.add_records([record], "pubmed")
    for who in review.protocol.reviewers[:2]:
        review.decide(record.id, "include", who=who, why="fits")
    return record.id


def test_papers_in_another_script_stay_apart(tmp_path: Path) -> None:
    # A fingerprint of Latin letters alone is the same for all of these.
    titles = ("前置放射性配体治疗", "胰腺神经内分泌肿瘤的手术", "Неоадъювантная радиолигандная терапия", "Хирургия опухолей")
    records = [Record(title=title, source="ris", year=2021) for title in titles]
    assert len({record.id for record in records}) == 4
    review = ReviewFolder.create(tmp_path / "review")
    assert review.add_records(records, "cnki")["new"] == 4


def test_ids_of_latin_titles_are_as_they_were() -> None:
    # Made by version 0.1; records in folders bear these ids.
    assert Record(title="Título: 177Lu in β-emitters", source="ris", authors=("Íñiguez, Ñ",), year=2020).id == LATIN_ID
    assert Record(title="A", source="ris", authors=("Doe J B",), year=2020).id == SPACED_ID


def test_latex_of_titles_leaves_what_it_sets() -> None:
    text = rb"""
@article{a, title={{[\textsuperscript{177}Lu]Lu} \emph{or} $^{90}\mathrm{Y}$, $\kappa$, \url{x.y} in 50\,\% of \v{C}ech},
    author={Sow\k{a}, D and \O{}stby, E and Ko\v ci, C and others}, year=2020}"""
    _, (record,) = import_bytes(text)
    assert record.title == "[177Lu]Lu or 90Y, κ, x.y in 50 % of Čech"
    assert record.authors == ("Sową, D", "Østby, E", "Koči, C")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("PMID- 1\nTI  - A\nSO  - J.\n\nPMID- 2\nTI  - A second tit", "no SO line"),
        ("Title,Authors,Year\nA,Doe J,2020\nA second tit", "last line is cut short"),
        ("Title,Authors,Year\nA title, with a comma,Doe J,2020\n", "more cells"),
        ("Title,Authors,Year\n,Doe J,2020\n", "without title and without identifier.*in cut"),
    ],
)
def test_a_file_cut_short_or_misread_is_refused_with_its_place(text: str, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        import_bytes(text.encode(), "cut")
    assert "cut" in str(caught.value.where)


@pytest.mark.parametrize(
    ("record", "blocked"),
    [
        (Record(title="A (Retracted article. See vol. 5)", source="csv"), True),
        (Record(title="[Retracted] A", source="csv"), True),
        (Record(title="A", source="csv", kinds=("Retracted",)), True),
        (Record(title="A", source="wos", kinds=("Article; Retracted Publication",)), True),
        (Record(title="A", source="csv", kinds=("Retraction of Publication",)), False),
        (Record(title="Retraction: A", source="csv"), False),
        (Record(title="Withdrawn patients in a trial", source="csv"), False),
    ],
)
def test_retracted_papers_are_known_by_every_source(record: Record, blocked: bool) -> None:
    assert (retraction_of(record) is not None) is blocked


def test_a_retraction_in_the_keywords_of_ris_is_seen() -> None:
    _, (record,) = import_bytes(b"TY  - JOUR\nTI  - A\nPY  - 2020\nKW  - Retracted Publication\nER  - \n")
    assert retraction_of(record)


BAD: list[tuple[str, Any]] = [
    ("response", "PR in 5"),
    ("vessel_involvement", "yes"),
    ("vessel_involvement", {"became_resectable": "3 of 5"}),
    ("vessel_involvement", {"became_resectable": {"all": [6]}}),
    ("grade_change", {"pre_vs_post": {"lower_after": 3, "same": None}}),
    ("grade_change", {"pre_vs_post": {"lower_after": "3"}}),
    ("toxicity", {"g3_4": "3/4"}),
    ("toxicity", {"g3_4": [3, None]}),
    ("surgery", {"pancreatic_fistula": {"rlt": [0, 9], "upfront": 4}}),
    ("primary_size_mm", {"before": "60", "after": 40}),
    ("primary_size_mm", {"before": 0, "after": 40}),
    ("activity_per_cycle_gbq", "7.4 GBq"),
    ("survival", {"pfs_median_months": {"hr": "0.5"}}),
    ("survival", {"pfs_median_months": {"hr": 0.5, "hr_ci95": [0.9, 0.3]}}),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_cell_of_the_wrong_shape_is_refused_with_its_place(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=field) as caught:
        check_fields({field: value}, "a paper")
    assert caught.value.where
    assert caught.value.remedy


def test_cells_of_the_wrong_shape_that_were_stored_break_no_table_and_can_be_corrected(tmp_path: Path) -> None:
    review = ReviewFolder.create(tmp_path / "review")
    key = _include(review, Record(title="A series of our own", source="pubmed", pmid="11111111", authors=("Doe J",), year=2025))
    for field, value in BAD:
        review.store.add_event("first", "extract", key, {"field": field, "value": value, **SOURCE})
    table = folder_table(review)
    assert any("left out" in text for text in next(study for study in table.studies if study.id == key).conflicts)
    review.extract(key, "response", {"n_evaluable": 9, "cr_or_pr": 3, "criteria": "RECIST 1.1"}, who="first", **SOURCE)
    review.extract(key, "primary_size_mm", {"before": 60, "after": 40}, who="first", **SOURCE)
    review.extract(key, "isotopes", "177Lu", who="first", **SOURCE)
    review.extract(key, "cohort", "own", who="first", **SOURCE)
    found = table_command(review.folder)["pooled"]["outcomes"]["objective_response"]
    assert [item["total"] for item in found["studies"] if item["study"] == "Doe 2025"] == [9]
    assert "177Lu" in found["by_nuclide"]["groups"]
    assert "1 + 7" not in str(found["by_nuclide"])
    # Every series of the pool stands in one group.
    assert sum(group["k"] for group in found["by_nuclide"]["groups"].values()) == found["k"]


@pytest.mark.parametrize("size", [45, "45 mm", {"before": 60}, {"text": "shrank"}, {"stat": "median", "before": 60, "after": 40}])
def test_a_size_is_shown_however_much_of_it_is_known(tmp_path: Path, size: Any) -> None:
    review = ReviewFolder.create(tmp_path / "review")
    key = _include(review, Record(title="A series of our own", source="pubmed", pmid="11111111", year=2025))
    review.extract(key, "primary_size_mm", size, who="first", **SOURCE)
    row = next(row for row in table_command(review.folder)["rows"] if row["id"] == key)
    words = size.get("text", "60") if isinstance(size, dict) else "45"
    assert words in row["cells"]["size"]["text"]


@pytest.mark.parametrize("name", ["Kraków", "KRAKOW", "neolupanet_2024", "Neolupanet 2024"])
def test_a_cohort_in_another_spelling_enters_once(tmp_path: Path, name: str) -> None:
    review = ReviewFolder.create(tmp_path / "review")
    before = table_command(review.folder)["pooled"]["outcomes"]["objective_response"]["k"]
    key = _include(review, Record(title="The same patients again", source="pubmed", pmid="22222222", authors=("Roe K",), year=2025))
    review.extract(key, "response", {"n_evaluable": 40, "cr_or_pr": 20}, who="first", **SOURCE)
    review.extract(key, "cohort", name, who="first", **SOURCE)
    assert table_command(review.folder)["pooled"]["outcomes"]["objective_response"]["k"] == before
    with pytest.raises(InputError, match="one cohort"):
        pool([StudyCounts("a", 1, 9, cohort="Kraków"), StudyCounts("b", 1, 9, cohort="krakow"), StudyCounts("c", 1, 9)])


def test_reports_of_one_cohort_are_one_study(tmp_path: Path) -> None:
    review = ReviewFolder.create(tmp_path / "review")
    for number, cohort in enumerate(("Ours", "ours", "Krakow", None)):
        record = Record(title=f"Report {number}", source="pubmed", pmid=f"3333333{number}", year=2025)
        key = _include(review, record)
        if cohort:
            review.extract(key, "cohort", cohort, who="first", **SOURCE)
    numbers = review_flow(review).numbers
    assert (numbers["new_studies"], numbers["new_reports"]) == (2, 4)  # ours, and the one that states no cohort


@pytest.mark.parametrize("design", ["case report", "Case report", "case-report", "case_report", "Case Reports"])
def test_a_case_report_stays_out_however_it_is_written(design: str) -> None:
    result = pool([*(StudyCounts(name, 3, 9) for name in "abc"), StudyCounts("one", 1, 1, design=design)])
    assert (result.k, len(result.case_reports)) == (3, 1)


def test_hazard_ratios_of_series_do_not_stand_for_trials(tmp_path: Path) -> None:
    review = ReviewFolder.create(tmp_path / "review")
    before = len(collect_ratios(folder_table(review), "pfs")[0])
    key = _include(review, Record(title="RLT and surgery against surgery", source="pubmed", pmid="44444444", authors=("Poe L",), year=2025))
    review.extract(key, "survival", {"pfs_median_months": {"hr": 0.5, "hr_ci95": [0.3, 0.9]}}, who="first", **SOURCE)
    review.extract(key, "design", "retrospective_cohort", who="first", **SOURCE)
    found, left_out = collect_ratios(folder_table(review), "pfs")
    assert len(found) == before
    assert "no randomised trial" in left_out[key]


def test_counts_of_a_spreadsheet_in_another_locale(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes("\ufeffStudy;Events;Total\r\nA;1;5\r\nB;0;7\r\n".encode())
    assert [(study.events, study.total) for study in read_counts(path)] == [(1, 5), (0, 7)]
    path.write_text("study,events,total\nA,1,5,9\n")
    with pytest.raises(InputError, match="more cells"):
        read_counts(path)


PAPER = Record(
    title="RLT before surgery in forty patients with pancreatic tumours", source="nbib", pmid="55555555", doi="10.5555/paper",
    authors=("Doe J",), year=2023, journal="J Nucl Med",
)  # fmt: skip


def test_a_preprint_and_its_paper_are_two_works_of_the_same_patients_and_said_so(tmp_path: Path) -> None:
    preprint = replace(PAPER, source="ris", pmid=None, doi="10.1101/2023.01.01.12345", journal="medRxiv")
    said = []
    for name, order in (("a", (PAPER, preprint)), ("b", (preprint, PAPER))):
        review = ReviewFolder.create(tmp_path / name)
        for record in order:
            review.add_records([record], record.source)
        found = dedupe(review)
        assert found["left"] == 2
        said.append(found["problems"])
    assert said[0] == said[1]
    (problem,) = said[0]
    assert "preprint" in problem
    assert "same cohort" in problem


@pytest.mark.parametrize(
    "change",
    [
        {"title": f"Erratum: {PAPER.title}"},
        {"title": f"{PAPER.title} [correction]"},
        {"title": f"{PAPER.title} (vol 64, pg 1, 2023)"},
        {"kinds": ("Published Erratum",)},
        {"kinds": ("Correction",)},
    ],
)
def test_an_erratum_is_no_copy_of_its_paper_however_it_is_marked(change: dict[str, Any]) -> None:
    notice = replace(PAPER, pmid=None, doi=None, source="csv", **change)
    assert same_paper(Features("paper", PAPER), Features("notice", notice)) is None
    copy = replace(PAPER, pmid=None, doi=None, source="csv")
    assert same_paper(Features("paper", PAPER), Features("copy", copy))


def test_one_erratum_under_two_words_is_one() -> None:
    one = replace(PAPER, pmid=None, doi=None, title=f"Erratum: {PAPER.title}")
    assert Features("one", one).secondary == Features("other", replace(one, title=f"Correction: {PAPER.title}")).secondary == "erratum"


def test_a_number_that_was_found_later_stands_in_the_registry_table() -> None:
    found = {row["name"].split(":")[0]: row["nct"] for row in registry_rows(shipped_review())}
    assert found["NETTER-3"] == "NCT06784752"


@pytest.mark.parametrize(
    "title", [r"A \alpha of 5 % & $10_000 ~ # 2^3", "P < .05 at p^2 and a_b", "Żółć, Ł, ø and α", "前置放射性配体治疗"]
)
def test_what_is_written_as_bibtex_is_read_as_it_was(title: str) -> None:
    record = replace(PAPER, title=title, authors=("Müller, A", "de la Cruz, J B"), url="https://example.org/~doe/a_b")
    _, (again,) = import_bytes(bibtex({record.id: record}).encode())
    assert (again.title, again.authors, again.url, again.doi) == (title, record.authors, record.url, record.doi)


@pytest.mark.parametrize(
    "name",
    [
        "Parghane, Rahul V.",
        "Parghane, R.V.",
        "Parghane RV",
        "Parghane R V",
        "Parghane R. V.",
        "PARGHANE R V",
        "R. V. Parghane",
        "Parghane RV 3rd",
    ],
)
def test_an_author_is_one_in_every_database(name: str) -> None:
    record = replace(PAPER, authors=(name,))
    assert (record.first_author, record.first_initial) == ("parghane", "r")


@pytest.mark.parametrize(
    ("one", "other"), [("O'Brien, K", "K O'Brien"), ("Sartre-Bon, J", "J. Sartre-Bon"), ("de Herder, W", "de Herder W W")]
)
def test_a_family_name_of_several_words_is_kept(one: str, other: str) -> None:
    assert replace(PAPER, authors=(one,)).first_author == replace(PAPER, authors=(other,)).first_author

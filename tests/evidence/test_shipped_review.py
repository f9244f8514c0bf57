"""The shipped review: the table, what stays empty, what is recomputed, what is pooled."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from neorlt.core.errors import InputError
from neorlt.evidence import appraisal
from neorlt.evidence.claims import VERDICTS, choose, claims_html, shipped_claims
from neorlt.evidence.derived import fisher_p, recompute
from neorlt.evidence.outcomes import OUTCOMES, collect, nuclide_of, pool_review
from neorlt.evidence.prisma import KEYS, flow, shipped_flow
from neorlt.evidence.studies import parse_study, shipped_review
from neorlt.evidence.table1 import COLUMNS, NOT_READ, REVIEW_SAYS, cell_text, table_csv, table_html
from neorlt.jobs.registry import COMMANDS

SOURCE = Path(__file__).parents[1] / "data" / "reference" / "evidence" / "studies.yaml"
SHIPPED = Path(__file__).parents[2] / "src" / "neorlt" / "evidence" / "data" / "neoadjuvant-rlt-pannet.json"


@pytest.fixture(scope="module")
def records() -> dict[str, dict]:
    return {record["id"]: record for record in yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["studies"]}


def test_the_review_counts_eleven_papers() -> None:
    table = shipped_review()
    assert sum(study.in_review for study in table.of_table()) == table.review["totals"]["papers"] == 11
    assert all(study.in_review for study in table.of_table()[:11])
    assert any(study.after_review for study in table.of_table())


def test_nothing_from_memory_is_shipped(records: dict[str, dict]) -> None:
    text = SHIPPED.read_text(encoding="utf-8").lower()
    assert "memory" not in text
    for record in records.values():
        if record["verified"] != "memory":
            continue
        assert record["id"] not in text
        if record["title"] is not None:
            assert record["title"].lower() not in text
    for study in shipped_review().studies:
        if study.is_placeholder:
            assert not study.fields
            assert not any(study.bibliography.values())
            texts = {cell_text(study, column)[0] for column in COLUMNS}
            assert NOT_READ in texts
            assert all(text == NOT_READ or text.endswith(REVIEW_SAYS) for text in texts)


def test_what_was_withheld_is_listed_and_says_how_it_was_read() -> None:
    table = shipped_review()
    assert not any(study.results_withheld for study in table.studies)
    row = next(row for row in csv.DictReader(io.StringIO(table_csv(table))) if row["id"] == "neolupanet_2024")
    assert (row["operated"], row["r0"]) == ("29/31", "24/29")
    assert table.study("compete_pnet").verified == table.study("oclurandom").verified == "secondary"
    record = json.loads(SHIPPED.read_text())["studies"][0] | {"results_withheld": True}
    with pytest.raises(InputError, match="carries results"):
        parse_study(record)


def test_the_reviews_own_words_are_shown_beside_the_cells_and_never_pooled() -> None:
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(table_csv(shipped_review())))}
    assert rows["kaemmerer_2009"]["nuclide"] == f"90Y {REVIEW_SAYS}"
    assert rows["opalinska_2021"]["toxicity"] == f"mild and transient haematological toxicity {REVIEW_SAYS}"
    assert rows["unread_reference_24"]["vessels"].startswith("extremely large primary")
    assert rows["schiavo_lena_2020"]["histology"].startswith("stroma %")
    assert nuclide_of(shipped_review().study("kaemmerer_2009")) == "not stated"


def test_every_claim_of_the_review_is_answered() -> None:
    """The CSV of the review's claims is walked: each has a verdict, an answer and a command that exists; rows agree word for word."""
    rows = list(csv.DictReader((SOURCE.parent / "review_claims.csv").open(encoding="utf-8")))
    claims = shipped_claims()
    assert [(claim.n, claim.claim) for claim in claims] == [(int(row["n"]), row["claim_or_need_of_the_review"]) for row in rows]
    assert len(claims) == 83
    ids = {study.id for study in shipped_review().studies} | {"since"} | {patient["study"] for patient in shipped_review().patients}
    ids |= {patient["id"] for patient in shipped_review().patients}
    words = {command.words for command in COMMANDS}
    page = claims_html(claims)
    for claim in claims:
        assert claim.verdict in VERDICTS
        assert len(claim.answer) > 10
        assert {command.removeprefix("neorlt ") for command in claim.shown_by} <= words
        assert set(claim.sources) <= ids
        assert f'id="claim-{claim.n}"' in page
    for number in (26, 58, 66, 70, 77):  # overlap, Barber, monotherapy, LET, the EudraCT digit
        assert choose(claims, number=number)[0].verdict == "corrected"


def test_numbers_in_the_answers_are_those_of_the_table() -> None:
    by_number = {claim.n: claim for claim in shipped_claims()}
    study = shipped_review().study
    neolupanet = study("neolupanet_2024").fields
    assert f"{neolupanet['response']['pr']} partial responses, {neolupanet['response']['sd']} stable" in str(by_number[1].since)
    assert f"complications in {neolupanet['surgery']['complications_any'][0]}" in str(by_number[48].since)
    assert sum(study(name).fields["n_total"] for name in by_number[67].sources) == 8 > 148 - 141
    grades = study("partelli_2016_abstract").fields["grade_change"]["pre_vs_post"]
    said = f"the same in {grades['concordant']}, higher in {grades['higher_after']}, lower in {grades['lower_after']}"
    assert said in by_number[39].answer
    assert f"HR {study('netter2').fields['survival']['pfs_median_months']['hr']}" in str(by_number[2].since)
    assert round(100 * (56 - 72) / 72) == -22
    assert round(100 * (17 - 24) / 24) == -29


def test_the_reviews_list_of_references_is_told_as_far_as_it_is_known() -> None:
    references = shipped_review().references
    assert [item["number"] for item in references] == list(range(1, 43))
    assert all(item["cited_for"] for item in references)
    for item in references:
        assert (item["paper"] is None) == (item["known"] is None)
    assert next(item for item in references if item["number"] == 28)["pmid"] == 21906907
    assert next(item for item in references if item["number"] == 22)["paper"] is None
    assert len(shipped_review().trials) == 16
    assert len(shipped_review().patients) == 5


def test_every_shipped_cell_is_the_one_that_was_read(records: dict[str, dict]) -> None:
    for study in shipped_review().studies:
        if study.is_placeholder:
            continue
        record = records[study.id]
        for field, value in study.fields.items():
            assert json.dumps(value).replace("the review", "seed").replace("The review", "Seed") == json.dumps(record[field])
            cell = study.cell(field)
            assert cell.sources
            assert all(source.read for source in cell.sources)


def test_fisher_is_recomputed_beside_the_printed_value() -> None:
    assert fisher_p(0, 23, 4, 23) == pytest.approx(0.109, abs=5e-4)
    rows = {(row.study, row.what.split(" ")[0]): row for row in recompute(shipped_review())}
    fistula = rows[("partelli_2018", "pancreatic")]
    assert fistula.value == pytest.approx(4 * 23 * 22 * 21 * 20 * 2 / (4 * 46 * 45 * 44 * 43), abs=1e-12)
    assert fistula.printed == "P <.02"
    assert fistula.agrees is False
    assert "0.036" in fistula.how
    assert rows[("minczeles_2022", "partial")].value == pytest.approx(0.021, abs=5e-4)
    assert rows[("minczeles_2022", "partial")].agrees is True
    html = table_html(shipped_review())
    assert "0.109" in html
    assert "P &lt;.02" in html


def test_derived_intervals_match_the_table(records: dict[str, dict]) -> None:
    from neorlt.evidence.pooling import clopper_pearson

    for name, field in (("van_vliet_2015", "operated_pct_ci95"), ("opalinska_2021", "operated_pct_ci95")):
        fields = shipped_review().study(name).fields
        low, high = clopper_pearson(fields["n_operated"], fields["n_total"])
        expected = records[name]["derived"][field]
        found = [100 * fields["n_operated"] / fields["n_total"], 100 * low, 100 * high]
        assert found == pytest.approx(expected, abs=0.05)


def test_overlapping_cohorts_are_never_pooled_together() -> None:
    table = shipped_review()
    cohorts = {study.id: study.cohort for study in table.studies if study.cohort}
    assert cohorts["van_vliet_2015"] == cohorts["minczeles_2022"] == "rotterdam"
    assert cohorts["sowa_staszczak_2011"] == cohorts["opalinska_2021"] == "krakow"
    assert cohorts["partelli_2018"] == cohorts["partelli_2016_abstract"] == cohorts["schiavo_lena_2020"] == "milan"
    for outcome in OUTCOMES:
        studies, _, left_out = collect(table, outcome)
        named = [study.cohort for study in studies if study.cohort]
        assert len(named) == len(set(named))
        assert all(left_out.values())


def test_the_pooled_rates_stand_beside_the_crude_one() -> None:
    document = pool_review(shipped_review())
    surgery, r0, response = (document["outcomes"][key] for key in ("surgery", "r0", "objective_response"))
    assert [(s["events"], s["total"]) for s in surgery["studies"]] == [(1, 5), (15, 57), (4, 9), (26, 49)]
    assert surgery["pooled"] == pytest.approx(0.3812, abs=1e-3)
    assert surgery["method"] == "bayes"
    assert "half-normal(1)" in surgery["method_text"]
    assert "neolupanet_2024" in surgery["left_out"]
    assert "partelli_2018" in surgery["left_out"]
    assert len(surgery["case_reports"]) == 2
    assert r0["pooled"] is None
    assert "no pooled number" in r0["reason"]
    assert [(s["events"], s["total"]) for s in response["studies"]] == [(2, 6), (23, 57), (22, 49), (18, 31)]
    crude = document["printed_crude"]
    assert (crude["events"], crude["total"]) == (72, 148)
    assert len(crude["explanation"]) >= 4


def test_the_flow_has_its_24_keys() -> None:
    numbers = shipped_flow(shipped_review()).numbers
    assert tuple(numbers) == KEYS
    assert len(KEYS) == 24
    assert numbers["previous_studies"] == 11
    assert numbers["database_results"] is None
    with pytest.raises(InputError, match="does not add up"):
        flow({"database_results": 100, "register_results": 0, "duplicates": 10, "excluded_automatic": 0, "records_screened": 95})
    with pytest.raises(InputError, match="unknown PRISMA key"):
        flow({"records": 3})


def test_the_html_is_well_formed_and_calls_nobody() -> None:
    class Balance(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: list) -> None:
            assert tag not in ("script", "img", "link", "iframe")
            if tag not in ("br", "meta"):
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    parser = Balance()
    parser.feed(table_html(shipped_review()))
    assert parser.open == []


def test_appraisal_is_by_number_and_grade_has_reasons() -> None:
    document = appraisal.summary(shipped_review())
    assert {j["item"] for j in document["judgements"] if j["tool"] == "jbi"} == {str(i) for i in range(1, 11)}
    assert all(j["why"] for j in document["judgements"])
    for item in document["grade"]:
        assert item["certainty"] == "very low"
        assert all(step["why"] for step in item["steps"])
    for tool, entry, answer in (("jbi", "11", "yes"), ("jbi", "1", "maybe"), ("robins-i", "luck", "low"), ("amstar", "1", "yes")):
        with pytest.raises(InputError):
            appraisal.check_judgement(tool, entry, answer)


def test_counts_read_as_fractions_and_spans_as_spans() -> None:
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(table_csv(shipped_review())))}
    assert "pancreatic fistula RLT 0/23; upfront 4/23; P printed <.02" in rows["partelli_2018"]["surgery"]
    assert "became resectable all 15/57" in rows["parghane_2021"]["vessels"]
    assert "interval weeks 6 to 9" in rows["sowa_staszczak_2011"]["cycles"]
    assert rows["minczeles_2022"]["operated"] == "26/49"
    assert rows["minczeles_2022"]["overlaps_with"] == "van_vliet_2015"
    assert rows["partelli_2018"]["nuclide_source"] != rows["partelli_2018"]["size_source"]


def test_the_pages_of_the_documentation_are_made_from_the_tables() -> None:
    done = subprocess.run([sys.executable, "tools/evidence/make_docs.py", "--check"], cwd=SOURCE.parents[4], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

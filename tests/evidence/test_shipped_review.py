"""The shipped review: the table, what stays empty, what is recomputed, what is pooled."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from neorlt.core.errors import InputError
from neorlt.evidence import appraisal
from neorlt.evidence.derived import fisher_p, recompute
from neorlt.evidence.outcomes import OUTCOMES, collect, pool_review
from neorlt.evidence.prisma import KEYS, flow, shipped_flow
from neorlt.evidence.studies import WITHHELD, parse_study, shipped_review
from neorlt.evidence.table1 import COLUMNS, NOT_READ, cell_text, table_csv, table_html

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
            assert {cell_text(study, column)[0] for column in COLUMNS} == {NOT_READ}


def test_withheld_results_stay_empty_and_say_so() -> None:
    withheld = [study for study in shipped_review().studies if study.results_withheld]
    assert {study.id for study in withheld} >= {"neolupanet_2024", "compete_pnet", "oclurandom"}
    for study in withheld:
        assert study.cell("n_operated").value is None
        assert study.cell("response").how == WITHHELD
    row = next(row for row in csv.DictReader(io.StringIO(table_csv(shipped_review()))) if row["id"] == "neolupanet_2024")
    assert row["response"] == row["operated"] == row["survival"] == WITHHELD
    record = json.loads(SHIPPED.read_text())["studies"][0] | {"results_withheld": True}
    with pytest.raises(InputError, match="carries results"):
        parse_study(record)


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
    fistula = rows[("partelli_2018", "pancreatic_fistula")]
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
    assert [(s["events"], s["total"]) for s in surgery["studies"]] == [(15, 57), (4, 9), (26, 49)]
    assert surgery["pooled"] == pytest.approx(0.3976, abs=1e-3)
    assert "partelli_2018" in surgery["left_out"]
    assert len(surgery["case_reports"]) == 2
    assert r0["pooled"] is None
    assert "no pooled number" in r0["reason"]
    assert [(s["events"], s["total"]) for s in response["studies"]] == [(2, 6), (23, 57), (22, 49)]
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

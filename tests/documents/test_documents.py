"""Documents read back as they were written, and one that lacks what a page needs cannot be built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.documents.patient import Lesion, Patient, Vessel
from neorlt.documents.plan import PlanDocument, build_plan, read_plan
from neorlt.documents.scheme import Cycle, Scheme
from neorlt.documents.store import plain, read
from neorlt.planning.document import plan_document
from neorlt.planning.patient import read_patient
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.world import build_world

EXAMPLE = Path(__file__).parents[2] / "examples" / "pannet-head.toml"
maybe = st.one_of(st.none(), st.booleans())
texts = st.text(min_size=1, max_size=12).filter(lambda t: t.strip())
vessels = st.builds(Vessel, texts, st.floats(1, 360), maybe, maybe, maybe)
lesions = st.builds(Lesion, texts, st.sampled_from(["liver", "pancreas-head"]), st.floats(2, 400), st.floats(0.01, 2e4), st.booleans(),
                    st.booleans(), st.none() | st.floats(0.1, 100), st.none() | st.floats(0.1, 900),
                    st.lists(st.floats(0.1, 900), max_size=3).map(tuple), st.none() | st.floats(0.1, 50), st.none() | st.floats(0.01, 200),
                    st.lists(vessels, max_size=2).map(tuple))
patients = st.builds(Patient, texts, st.lists(lesions, min_size=1, max_size=3, unique_by=lambda x: x.id).map(tuple),
                     age_y=st.none() | st.floats(0, 120), sex=st.sampled_from([None, "F", "M"]),
                     kidney_risk_factors=st.none() | st.lists(texts, max_size=2).map(tuple), prior_chemotherapy=maybe, functioning=maybe,
                     krenning=st.none() | st.integers(0, 4), platelets_e9_per_l=st.none() | st.floats(1, 900))
cycles = st.builds(Cycle, st.floats(0, 40), st.dictionaries(st.sampled_from(["Lu-177", "Y-90"]), st.floats(0.01, 50), min_size=1),
                   st.sampled_from(["none", "captem"]), st.none() | texts, st.none() | st.floats(1, 500))
courses = st.lists(cycles, max_size=4, unique_by=lambda c: c.week).map(lambda c: tuple(sorted(c, key=lambda x: x.week)))
schemes = st.builds(Scheme, texts, courses, st.floats(2, 104),
                    st.none() | st.floats(0, 90), texts, st.none() | st.floats(0.01, 0.99))


@settings(max_examples=60, deadline=None)
@given(patients, schemes)
def test_patients_and_schemes_read_back_as_they_were(patient, scheme):
    for kind, thing in ((Patient, patient), (Scheme, scheme)):
        assert read(kind, json.loads(json.dumps(plain(thing))), "file") == thing


def test_what_cannot_be_read_back_is_refused_with_its_place():
    scheme = plain(parse_scheme("4 x 7.4 GBq Lu-177 every 8 weeks"))
    scheme["cycles"][1]["week"] = "late"
    with pytest.raises(InputError, match=r"file, cycles\.1\.week"):
        read(Scheme, scheme, "file")


@pytest.fixture(scope="module")
def document() -> PlanDocument:
    world = build_world(read_patient(EXAMPLE), n_draws=50, n_replicates=32)
    return plan_document(world, [parse_scheme("2 x 7.4 GBq Lu-177 every 8 weeks", "two"), parse_scheme("no RLT")])


def test_a_plan_reads_back_as_it_was_written(document):
    assert read_plan(document.text) == document
    assert document.whole_patient == read_patient(EXAMPLE)
    with pytest.raises(Exception, match="frozen"):
        document.warnings = ()


@pytest.mark.parametrize("key", ["world", "inputs", "kidneys", "lesions", "schemes", "run", "citations", "warnings"])
def test_a_document_that_lacks_what_a_page_needs_cannot_be_built(document, key):
    content = document.as_json()
    del content[key]
    with pytest.raises(ValueError, match=key):
        build_plan(content)


@pytest.mark.parametrize(("change", "said"), [
    (lambda d: d["schemes"][0].pop("kidney_bed_gy"), "kidney_bed_gy"),
    (lambda d: d["schemes"][0].update(p_resectable=1.2), "p_resectable"),
    (lambda d: d["schemes"][0].update(p_resectable=None, p_resectable_reason=""), "no value and no reason"),
    (lambda d: d["schemes"][0].update(p_ressectable=0.5), "p_ressectable"),
    (lambda d: d["schemes"][0]["labels"].update(p_resectable="proven"), "proven"),
    (lambda d: d["schemes"][0]["labels"].pop("kidney_bed_gy"), "no label"),
    (lambda d: d["schemes"][0]["lesion_dose_gy"].pop("primary"), "a lesion has no dose"),
    (lambda d: d["lesions"].pop(), "rows of lesions"),
    (lambda d: d["schemes"].reverse(), "rows of schemes"),
    (lambda d: d.update(seed=9), "the world is not the one"),
    (lambda d: d["kidneys"]["gy_per_gbq"]["Lu-177"].pop("sd"), "sd"),
])
def test_a_wrong_part_is_refused_where_it_stands(document, change, said):
    content = document.as_json()
    change(content)
    with pytest.raises(ValueError, match=said):
        build_plan(content)


def test_a_plan_of_the_first_version_is_refused_with_the_remedy(document):
    content = document.as_json()
    for key in ("world", "inputs", "run", "rule", "not_resolved"):
        del content[key]
    with pytest.raises(InputError, match="did not keep its world.*plan again"):
        read_plan(json.dumps(content | {"neorlt": "0.1.0"}))
    with pytest.raises(InputError, match="not JSON"):
        read_plan("plan")


def test_every_value_with_doubt_has_median_interval_mean_and_sd(document):
    row = document.as_json()["schemes"][0]
    for key in ("diameter_change_pct", "kidney_bed_gy", "kidney_dose_gy", "stroma_pct"):
        assert {"median", "ci90", "mean", "sd"} <= set(row[key]), key


def test_report_tables_and_fhir_are_views_of_the_document(document, tmp_path):
    """With a real document, not a double: every view reads what is there, and what one number says no other says otherwise."""
    from neorlt.planning.exports import write_steps
    from neorlt.reporting.fhir import fhir_bundle
    from neorlt.reporting.report import render_report

    content = read_plan(document.text).as_json()
    page = render_report(content)
    for row in content["schemes"]:
        assert row["name"] in page
    assert write_steps(content, tmp_path / "steps") and len(fhir_bundle(content)["entry"]) > 3
    assert content == document.as_json()

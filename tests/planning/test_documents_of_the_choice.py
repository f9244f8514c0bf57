"""Published schemes, reporting items, tables of the steps, and the report's sections of the choice."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from neorlt.core.errors import InputError
from neorlt.planning.exports import write_steps
from neorlt.planning.published import load_scheme, named_scheme, published_schemes
from neorlt.planning.reporting_items import level_of_prescription, reporting_items
from neorlt.planning.scheme import parse_scheme

INTERVAL = {"median": 20.0, "ci90": [10.0, 30.0]}


def plan():
    scheme = parse_scheme("2 x 7.4 GBq Lu-177 every 8 weeks", "two")
    return {
        "n_draws": 100, "kidneys": {"origin": "images"},
        "lesions": [{"id": "primary", "dose_origin": "images", "nuclide": "Lu-177", "volume_ml": 40.0, "mass_g": 41.6, "recovery": 0.8,
                     "model": "mono", "method": "kernel", "tia_mbq_h": {"mean": 5000.0, "sd": 400.0}, "effective_half_life_h": 80.0,
                     "dose_gy": {"mean": 25.0, "sd": 3.0, **INTERVAL}, "gy_per_gbq": INTERVAL, "gy_per_gbq_y90": INTERVAL}],
        "organs": [{"name": "kidney-left", "volume_ml": 150.0, "dose_gy": {"mean": 3.0, "sd": 0.3},
                    "tia_mbq_h": {"mean": 900.0, "sd": 50.0}}],
        "curves": [{"name": "primary", "nuclide": "Lu-177", "time_h": [4.0, 24.0], "activity_mbq": [90.0, 80.0], "sd_mbq": [5.0, 5.0],
                    "uncorrected_mbq": [70.0, 62.0]}],
        "schemes": [{"name": "two", "cycles": [cycle.as_json() for cycle in scheme.cycles], "diameter_change_pct": INTERVAL,
                     "diameter_mm_at_surgery": INTERVAL, "kidney_dose_gy": INTERVAL, "kidney_bed_gy": {**INTERVAL, "p_over_limit": 0.02},
                     "lesion_dose_gy": {"primary": INTERVAL}, "p_objective_response": 0.4, "p_objective_response_ci90": [0.2, 0.6],
                     "p_resectable": None, "p_not_locally_advanced": None}],
    }


def test_every_published_scheme_has_a_source_that_can_be_found():
    found = published_schemes()
    assert len(found) >= 5 and len({row.key for row in found}) == len(found)
    for row in found:
        assert row.doi or row.pmid or row.registry, row.key
        assert row.level in ("abstract", "fulltext", "secondary") and row.scheme.source


@pytest.mark.parametrize("name", ["NEOLUPANET", "neolupanet", "Netter 1", "control-nets"])
def test_schemes_are_found_by_name(name):
    scheme = load_scheme(name)
    assert len(scheme.cycles) == 4 and scheme.source


def test_netter1_is_the_printed_one():
    scheme = named_scheme("netter-1")
    assert [(c.week, dict(c.activity_gbq)) for c in scheme.cycles] == [(8.0 * i, {"Lu-177": 7.4}) for i in range(4)]
    assert "10.1056/NEJMoa1607427" in scheme.source and named_scheme("no such trial") is None


def test_captem_arm_carries_its_sensitiser():
    assert named_scheme("control nets").sensitiser == "captem"


def test_level_of_prescription_follows_what_was_measured():
    document = plan()
    assert level_of_prescription(document).startswith("dose-based")
    document["kidneys"] = {"origin": "population"}
    assert "in part" in level_of_prescription(document)
    document["lesions"][0]["dose_origin"] = "population"
    assert level_of_prescription(document).startswith("activity-based: doses are those of a published population")


def test_reporting_items_say_what_was_done_and_what_was_not():
    items = {row["item"]: row["value"] for row in reporting_items(plan())}
    assert "2 per region, at 4, 24 h" in items["Time points"] and "0.80" in items["Partial-volume correction"]
    assert "25.0 ± 3.0 Gy" in items["Absorbed dose of the measured cycle"]
    assert "not given" in items["Effective dose"]
    bare = {row["item"]: row["value"] for row in reporting_items({"n_draws": 10, "schemes": [], "lesions": [], "kidneys": {}})}
    assert "no images" in bare["Time points"]


def test_steps_hold_the_numbers_of_the_plan(tmp_path):
    names = write_steps(plan(), tmp_path / "steps")
    assert names == ["1_activity.csv", "2_regions.csv", "3_cycles.csv", "4_schemes.csv"]
    tables = {name: list(csv.DictReader((tmp_path / "steps" / name).open())) for name in names}
    assert float(tables["1_activity.csv"][1]["activity_mbq"]) == 80.0
    primary = next(row for row in tables["2_regions.csv"] if row["region"] == "primary")
    assert float(primary["dose_gy_mean"]) == 25.0 and float(primary["tia_mbq_h_mean"]) == 5000.0
    assert [row["lu177_gbq"] for row in tables["3_cycles.csv"]] == ["7.4", "7.4"]
    assert {row["quantity"] for row in tables["4_schemes.csv"]} >= {"kidney_bed_gy", "lesion_dose_gy", "p_objective_response"}


def test_plan_folder_holds_steps_and_fhir(tmp_path):
    from neorlt.jobs.plan import run_plan

    example = Path(__file__).parents[2] / "examples" / "pannet-head.toml"
    run_plan(None, example, tmp_path / "out", schemes=["netter-1"], n_draws=50)
    assert {"report.html", "plan.json", "run.json", "fhir.json", "steps"} <= {p.name for p in (tmp_path / "out").iterdir()}
    assert "Level of prescription" in (tmp_path / "out" / "report.html").read_text()


def test_schemes_of_the_reviews_studies_are_called_by_name_or_say_what_is_missing():
    scheme = named_scheme("sowa-staszczak-2011")
    assert sum(dict(cycle.activity_gbq)["Y-90"] for cycle in scheme.cycles) == pytest.approx(13.6)
    with pytest.raises(InputError, match="not complete in what was read"):
        named_scheme("Partelli 2018")

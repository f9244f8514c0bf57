"""patient.toml: what is read, and what is refused."""

import copy
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.planning.patient import patient_from, read_patient, sphere_diameter_mm, sphere_volume_ml

TEXT = """
id = "synthetic"
[baseline]
age_y = 58
sex = "F"
weight_kg = 70
egfr_ml_min = 85
kidney_risk_factors = ["diabetes"]
platelets_e9_per_l = 230
[[lesion]]
id = "primary"
site = "pancreas-head"
longest_diameter_mm = 45
ki67_pct = 8
vessels = [ { name = "SMV", contact_deg = 220, irregular = true } ]
[[lesion]]
id = "liver-1"
site = "liver"
volume_ml = 5.5
dose_gy = [30, 28]
"""


def test_the_documented_keys_are_read(tmp_path):
    (tmp_path / "p.toml").write_text(TEXT)
    patient = read_patient(tmp_path / "p.toml")
    assert patient.primary is not None
    assert patient.primary.vessels[0].irregular
    assert patient.kidney_risk_factors == ("diabetes",)
    assert patient.lesions[1].is_liver
    assert patient.lesions[1].longest_diameter_mm == pytest.approx(21.9, abs=0.05)
    assert patient.ki67_pct == 8
    assert any("dose_activity_gbq" in text for text in patient.warnings)


@given(st.floats(2, 300))
def test_sphere_volume_and_diameter_are_inverse(diameter_mm):
    assert sphere_diameter_mm(sphere_volume_ml(diameter_mm)) == pytest.approx(diameter_mm)


@pytest.mark.parametrize(("path", "value", "message"), [
    (("baseline", "weight_kg"), -1, "weight_kg"), (("baseline", "weight_kg"), "70", "weight_kg"), (("baseline", "sex"), "X", "sex"),
    (("baseline", "weigth_kg"), 70, "unknown key"), (("baseline", "prior_chemotherapy"), "no", "prior_chemotherapy"),
    (("lesion", 0, "ki67_pct"), 120, "ki67_pct"), (("lesion", 0, "longest_diameter_mm"), 0, "longest_diameter_mm"),
    (("lesion", 0, "longest_diameter_mm"), True, "longest_diameter_mm"), (("lesion", 1, "id"), "primary", "same id"),
    (("lesion", 1, "dose_gy"), [30, -1], "dose_gy"), (("lesion", 1, "gy_per_gbq"), 4.0, "both"),
    (("lesion", 0, "vessels", 0, "contact_deg"), 400, "contact_deg"), (("lesion", 0, "site"), "", "site"), (("id",), None, "id"),
    (("lesion",), [], "no lesion"),
])
def test_bad_values_are_named_with_their_place(path, value, message):
    document = copy.deepcopy(tomllib.loads(TEXT))
    target = document
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    with pytest.raises(InputError, match=message) as caught:
        patient_from(document, "p.toml")
    assert "p.toml" in str(caught.value) or message == "same id"


def test_lesion_without_size_is_refused():
    with pytest.raises(InputError, match="no size"):
        patient_from({"id": "a", "lesion": [{"id": "x", "site": "liver"}]}, "p.toml")


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_patient(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe id = ")
    with pytest.raises(InputError, match="not valid TOML"):
        read_patient(tmp_path / "bad.toml")


@pytest.mark.parametrize(("changes", "message"), [
    ({"pregnant": True, "sex": "M"}, "pregnant contradicts sex"), ({"pregnant": True, "age_y": 80}, "pregnant contradicts age_y"),
    ({"carcinoma": True}, "carcinoma contradicts ki67_pct"), ({"egfr_ml_min": 0}, "egfr_ml_min"), ({"age_y": 150}, "age_y"),
    ({"krenning": 5}, "krenning"), ({"performance_status": 1.5}, "performance_status"), ({"functioning": "no"}, "functioning"),
    ({"prior_rlt_cycles": 0, "prior_rlt_gbq": 7.4}, "prior_rlt_gbq contradicts"), ({"albumin_g_l": 4000}, "albumin_g_l"),
    ({"leukocytes_e9_per_l": 2, "neutrophils_e9_per_l": 4}, "neutrophils_e9_per_l contradicts"),
    ({"leukocytes_e9_per_l": 4, "neutrophils_e9_per_l": 3, "lymphocytes_e9_per_l": 3}, "lymphocytes_e9_per_l contradicts"),
    ({"prior_rlt_cycles": 4, "prior_rlt_gbq": 0}, "prior_rlt_gbq contradicts"),
])
def test_facts_that_cannot_all_be_true_are_refused_by_name(changes, message):
    document = tomllib.loads(TEXT)
    document["baseline"] |= changes
    with pytest.raises(InputError, match=message) as caught:
        patient_from(document, "patient.toml")
    assert caught.value.remedy


@pytest.mark.parametrize("site", ["head", "Uncinate process", "tail", "body/tail"])
def test_a_part_without_its_organ_is_refused_and_not_read_as_a_metastasis(site):
    document = tomllib.loads(TEXT)
    document["lesion"][0]["site"] = site
    with pytest.raises(InputError, match="a part and no organ") as caught:
        patient_from(document, "patient.toml")
    assert "pancreas-" in caught.value.remedy and "lesion 1" in str(caught.value)


@pytest.mark.parametrize(("site", "organ"), [("vertebral body L3", "vertebral"), ("femoral head", "femoral"), ("Pankreaskopf", "pancreas"),
                                             ("páncreas-cola", "pancreas"), ("Leber Segment 4", "liver"), ("fegato", "liver"),
                                             ("peripancreatic tissue", "peripancreatic"), ("pancreatic lymph node", "node")])
def test_other_organs_keep_their_heads_and_bodies(site, organ):
    document = tomllib.loads(TEXT)
    document["lesion"][0] |= {"site": site, "vessels": []}
    assert patient_from(document, "patient.toml").lesions[0].organ == organ


def test_vessels_of_a_lesion_in_the_liver_are_refused():
    document = tomllib.loads(TEXT)
    document["lesion"][0] |= {"site": "liver", "vessels": [{"name": "SMV", "contact_deg": 90}]}
    with pytest.raises(InputError, match="in the liver") as caught:
        patient_from(document, "patient.toml")
    assert caught.value.remedy and caught.value.expected


@pytest.mark.parametrize(("baseline", "lesion", "words"), [
    ({}, {"site": "pancreese head"}, "is not known"), ({"primary": "small-intestine"}, {}, "second primary"), ({"age_y": 4}, {}, "label"),
    ({}, {"vessels": [{"name": "SMA", "contact_deg": 90, "reconstructible": True}]}, "veins alone"),
    ({}, {"site": "mesentery", "vessels": [{"name": "SMA", "contact_deg": 90}]}, "those of tumours of the pancreas"),
])
def test_what_is_hardly_true_or_read_by_no_rule_is_said(baseline, lesion, words):
    document = tomllib.loads(TEXT)
    plain = patient_from(document, "patient.toml").warnings
    document["baseline"] |= baseline
    document["lesion"][0] |= lesion
    new = [text for text in patient_from(document, "patient.toml").warnings if text not in plain]
    assert any(words in text for text in new)
    assert not any(words in text for text in plain)


def test_an_occluded_vessel_without_contact_is_refused():
    document = tomllib.loads(TEXT)
    document["lesion"][0]["vessels"] = [{"name": "SMV", "contact_deg": 0, "occluded": True}]
    with pytest.raises(InputError, match="occluded contradicts contact_deg"):
        patient_from(document, "patient.toml")


@pytest.mark.parametrize(("vessels", "message"), [
    ([("SMV", 0), ("smv", 270)], "given twice"), ([("SMA", 10), ("superior mesenteric artery", 270)], "given twice"),
    ([("SMV", 30), ("PV", 90), ("splenic vein", 20), ("GDA", 10)], None),
])
def test_a_vessel_has_one_contact(vessels, message):
    document = tomllib.loads(TEXT)
    document["lesion"][0]["vessels"] = [{"name": name, "contact_deg": degrees} for name, degrees in vessels]
    if message is None:
        assert len(patient_from(document, "patient.toml").lesions[0].vessels) == len(vessels)
        return
    with pytest.raises(InputError, match=message) as caught:
        patient_from(document, "patient.toml")
    assert caught.value.remedy and "lesion 1" in str(caught.value)


def test_an_irregular_outline_without_contact_is_refused():
    document = tomllib.loads(TEXT)
    document["lesion"][0]["vessels"] = [{"name": "SMV", "contact_deg": 0, "irregular": True}]
    with pytest.raises(InputError, match="irregular contradicts contact_deg"):
        patient_from(document, "patient.toml")


def test_what_the_file_does_not_say_is_unknown_never_false():
    patient = patient_from(tomllib.loads(TEXT), "patient.toml")
    for name in ("functioning", "performance_status", "krenning", "pregnant", "carcinoma", "life_expectancy_months", "prior_rlt_cycles",
                 "prior_rlt_gbq", "leukocytes_e9_per_l", "bilirubin_umol_l", "albumin_g_l"):
        assert getattr(patient, name) is None


@pytest.mark.parametrize("text", ["small-intestine", "small_intestine", "Small intestine"])
def test_the_origin_is_read_however_its_words_are_joined(text):
    lesion = {"id": "a", "site": "liver", "longest_diameter_mm": 30}
    assert patient_from({"id": "synthetic", "baseline": {"primary": text}, "lesion": [lesion]}, "p").origin == "small-intestine"
    for wrong in ("bowel", "", 1):
        with pytest.raises(InputError, match="primary is not understood"):
            patient_from({"id": "synthetic", "baseline": {"primary": wrong}, "lesion": [lesion]}, "p")

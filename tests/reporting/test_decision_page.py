"""The decision's block: what it leads with, and that it stands in the report and on its own page."""

from __future__ import annotations

from neorlt.reporting.decision import render_decision
from neorlt.reporting.views.decision import decision_opening, decision_section, quantity_words

OPTION = {"name": "operate now", "kind": "operate-now", "eligible": "yes", "p_operated": 0.9, "p_r0": 0.0, "p_operative_death": 0.01,
          "p_severe_complication": 0.2, "p_grade34_blood": None, "p_second_neoplasm_10y": 0.0, "weeks_to_surgery": {"median": 4.0},
          "event_free_years_10": {"mean": 8.0, "ci90": [7.0, 9.0]}, "qaly_10": {"mean": 7.0, "ci90": [6.0, 8.0]}, "loss_months": 0.0}
OTHER = OPTION | {"name": "4 x 7.4 GBq Lu-177 every 8 weeks, then surgery", "eligible": "no", "loss_months": 3.0}
DOCUMENT = {
    "sentences": ["Operate now: <b>+1</b> month.", "Harm: none.", "Sure."], "eligibility": ["RLT before surgery is not eligible, because "
        "of platelets."],
    "options": [OTHER, OPTION], "best": "operate now", "mildest": "operate now", "tied": [], "rule": "A rule.", "meaning": "A meaning.",
    "flips": [{"assumption": "scar", "quantity": "scar", "unit": "", "from": 0.5, "to": None}], "evppi": [], "assumptions": [],
    "ceiling": {"p_resectable_at_most": 0.8, "p_resectable_now": 0.7, "binds_for": []},
    "trials": {"sd": [0.1, 0.3], "rows": [{"name": "2 x 100", "n": 200, "months": [0.1, 0.5]}], "note": "A note."}}


def test_what_the_gate_forbids_leads_and_the_choice_stands_first_in_the_table():
    found = decision_section(DOCUMENT)
    assert found["gate_leads"] and found["body"][0][0] == "operate now" and found["years"][0][-1] == "first"
    assert found["body"][0][3] == "0" and found["body"][0][6] == "–"
    assert found["trials"] == [["2 × 100", "200", "0.10", "0.50"]] and found["firm"] == "scar"
    # Another quantity than the chance of the class resectable, which the same page gives for every scheme.
    assert "cap the chance" in found["ceiling"] and "another figure" in found["ceiling"]
    assert decision_section({}) is None


def test_the_page_is_whole_and_escapes_what_it_shows():
    page = render_decision(DOCUMENT, "p<script>")
    assert "<script>" not in page and "<b>+1" not in page and "&lt;b&gt;" in page
    assert page.index("is not eligible") < page.index("Harm: none") < page.index("Which trial would tell")


def test_watching_that_is_closed_does_not_lead():
    assert not decision_section(DOCUMENT | {"eligibility": ["Observing is not eligible, because of size."]})["gate_leads"]


def test_a_plan_without_a_decision_says_why():
    assert "age is not given" in decision_opening({"patient": {"id": "p"}})["missing"]
    assert "age" not in decision_opening({"patient": {"age_y": 60}, "decision": None})["missing"]
    assert decision_opening({"decision": DOCUMENT})["missing"] == ""


def test_a_turning_point_close_to_the_value_is_told_from_it_and_the_unit_stands_apart():
    flip = {"assumption": "a", "quantity": "doubling time", "unit": "days", "from": 0.991, "to": 0.994, "new_best": "x", "p_beyond": 0.5}
    assert decision_section(DOCUMENT | {"flips": [flip]})["flips"][0][:3] == ["doubling time, days", "0.991", "0.994"]


def test_one_value_is_not_shown_as_two_by_its_trailing_zeros():
    flip = {"assumption": "a", "quantity": "hazard ratio", "unit": "", "from": 0.999, "to": 1.0307, "new_best": "x", "p_beyond": 0.5}
    assert decision_section(DOCUMENT | {"flips": [flip]})["flips"][0][1:3] == ["0.999", "1.03"]


def test_parameters_have_words_of_the_field():
    assert quantity_words("log_or_death_per_ps") == "log odds ratio, death per point of performance status"
    assert quantity_words("log_hr_recurrence_r1") == "log hazard ratio, recurrence R1"
    assert quantity_words("logit_r0_untouched") == "log odds, R0 untouched"
    assert quantity_words("p_captem_grade34_blood") == "chance, CAPTEM grade 3\u20134 blood"
    assert quantity_words("u_loss_ssa") == "utility lost, somatostatin analogue"
    assert quantity_words("contact_of_the_series") == "contact of the series"
    page = render_decision(DOCUMENT | {"assumptions": [{"name": "log_or_death_head", "source": "a series", "label": "assumption"}]}, "p")
    assert "log odds ratio, death head: a series" in " ".join(page.split()) and "log or death" not in page


def test_a_sheet_says_of_whom_and_when_and_that_data_are_invented():
    page = render_decision(DOCUMENT, "p", made="2026-03-02T09:30:00+00:00", synthetic="Invented values.")
    assert "report of 2 March 2026" in page.split(">", 2)[1] and "Made 2 March 2026, 09:30 UTC, by neorlt" in page
    assert "Synthetic data." in page and "Invented values." in page
    assert "Synthetic" not in render_decision(DOCUMENT, "p")


def test_a_small_error_of_simulation_is_not_none():
    worth = [{"assumption": "operability", "months": 0.03, "mc_error": 0.001}]
    assert decision_section(DOCUMENT | {"evppi": worth})["worth"][0][1] == "0.03 (± < 0.01)"

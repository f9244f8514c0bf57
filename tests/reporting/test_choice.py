"""The report's sections of the choice: the search, the update between cycles, and the page of who benefits."""

from __future__ import annotations

import dataclasses
import re

from neorlt.planning.decision.settings import CRITERIA
from neorlt.planning.search_space import Limits
from neorlt.reporting.choice import render_benefit
from neorlt.reporting.figures.choice import benefit_against_harm
from neorlt.reporting.report import render_report
from neorlt.reporting.views import choice
from neorlt.reporting.views.choice import search_section, update_section

RULE = "Two schemes cannot be told apart when the interval contains zero."


def row(name, resectable, blood, mean, verdict):
    chance = {"p_resectable": resectable, "p_objective_response": 0.4, "tumour_left": 0.5, "p_kidney_over": 0.02,
              "p_blood_grade34": blood, "p_secondary_neoplasm": 0.03}
    return {"name": name, "surgery_week": 28.0, "objectives": {key: {"mean": value} for key, value in chance.items()},
            "utility": {"mean": mean, "ci90": [mean - 0.3, mean + 0.3]}, "within_limits": True,
            "best_minus_this": {"mean": 0.1, "ci90": [-0.1, 0.3], "verdict": verdict}}


def search():
    chosen = row("A <b>scheme</b>", 0.24, 0.09, 0.4, "cannot be told apart")
    front = [chosen, row("4 x 7.4 GBq Lu-177", 0.21, 0.03, 0.38, "cannot be told apart"), row("B", 0.1, 0.01, 0.2, "told apart")]
    return {"chosen": chosen, "front": front, "references": [row("No RLT", 0.0, 0.0, -0.03, "told apart")], "rule": RULE,
            "tied_with_chosen": ["4 x 7.4 GBq Lu-177"], "limits": {"p_kidney_over": 0.1, "surgery_week": None, "kept": True},
            "decision": {"criterion": "qaly_10", "delta_months": 0.5},
            "n_screened": 10000, "n_screen_draws": 100, "n_full": 52, "n_draws": 1000,
            "answer": {"sentences": ["Highest expected utility within the limits: A."]},
            "assumptions": [{"text": "Weights are a choice.", "label": "assumption"}],
            "cloud": {"benefit": [0.1, 0.2], "harm": [0.02, 0.2], "surgery_week": [20.0, 30.0]}}


def update():
    numbers = {"p_resectable": 0.2, "p_objective_response": 0.3, "p_kidney_over": 0.01, "p_blood_grade34": 0.05}
    after = {**numbers, "p_resectable": 0.31}
    option = {"option": "as planned", "scheme": "4 x 7.4 GBq Lu-177 every 8 weeks", "before": numbers, "after": after,
              "best_minus_this": {"mean": 0.2, "verdict": "cannot be told apart"}}
    other = {**option, "option": "stop now, surgery"}
    block = {"median": 41.0, "ci90": [33.0, 47.0]}
    return {"cycles_given": 2, "week": 15.0, "changes": ["primary: longest diameter: 39 mm measured, 41 expected."], "rule": RULE,
            "measured": [{"what": "primary: longest diameter", "unit": "mm", "measured": 39.0, "expected_before": block,
                          "expected_after": block}],
            "options": [option, other], "chosen": option, "method": "Worlds were weighted.", "warnings": []}


def page(**extra):
    return render_report({"patient": {"id": "synthetic"}, "lesions": [{"id": "primary", "site": "pancreas-head"}], **extra})


def test_search_section_names_the_choice_and_its_ties():
    section = search_section(search())
    verdicts = {line[0]: line[-1] for line in section["body"]}
    assert list(verdicts.values())[0] == "stands first" and verdicts["B"].endswith("months (told apart)")
    assert verdicts["4 × 7.4 GBq Lu-177"] == "tied with the best"
    old = search()
    for line in old["front"]:
        line["chosen_minus_this"] = line.pop("best_minus_this")
    assert {line[0]: line[-1] for line in search_section(old)["body"]}["B"] == "told apart"  # a document of version 0.1
    assert "10000 schemes were screened on 100 common draws, 52 went through the full model on 1000." in section["size"]
    assert section["limits"].replace("\u00a0", " ") == "kidneys over the limit of their biologically effective dose in at most 10 %"
    assert section["told"] == "Compared by quality-adjusted years within ten years."


def test_every_limit_and_criterion_that_can_be_set_has_its_words():
    limits = {field.name for field in dataclasses.fields(Limits)}
    assert limits | {"kidney_bed_gy"} == set(choice.LIMITS) and set(CRITERIA) == set(choice.CRITERIA)


def test_the_choice_of_a_search_or_an_update_is_its_answer():
    """Its report said "No decision stands here" above the decision."""
    for extra in ({"search": search()}, {"update": update()}):
        html = page(**extra)
        assert "No decision stands here" not in html and 'href="#decision"' not in html and 'href="#answer"' in html
    assert "No decision stands here" in page() and 'href="#decision"' in page()


def test_a_scheme_that_is_named_by_its_words_is_not_told_twice():
    name = "3 x 3.7 GBq Y-90 every 8 weeks, surgery 24 weeks after"
    cycles = [{"week": 0.0, "activity_gbq": {"Y-90": 3.7}}]
    html = re.sub(r"</?bdi[^>]*>", "", page(schemes=[{"name": name, "text": name, "cycles": cycles, "surgery_week": 40.0}]))
    table = html.replace("\u00a0", " ").split('id="schemes"')[1].split("</table>")[0]
    assert table.count("3.7 GBq Y-90 every") == 1


def test_report_shows_the_search_and_escapes_names():
    html = page(search=search())
    assert 'id="search"' in html and RULE in html and "<b>scheme</b>" not in html and "Benefit against harm" in html
    assert 'id="update"' not in html


def test_report_shows_before_and_after():
    html = re.sub(r"</?bdi[^>]*>", "", page(update=update())).replace("\u00a0", " ")
    assert "Update after cycle 2 (week 15)" in html and re.search(r"20\s%\s→\s31\s%", html)
    assert "39 mm measured" in html and 'id="search"' not in html


def test_a_measurement_outside_what_was_expected_is_called_so():
    far = update()
    before, after = ({"median": mid, "ci90": ends} for mid, ends in ((170.0, [100.0, 210.0]), (90.0, [60.0, 120.0])))
    far["measured"].append({"what": "platelets", "unit": "10^9/l", "measured": 60.0, "expected_before": before, "expected_after": after})
    near, out = update_section(far)["measured"][1]
    assert "outside" not in near[1] and out[1] == "60.0 × 10⁹/l, outside the 90 % interval"


def test_no_section_without_its_block():
    assert search_section({}) is None and update_section({}) is None
    assert 'id="search"' not in page() and 'id="update"' not in page()


def test_figure_needs_a_benefit():
    empty = search()
    empty["chosen"]["objectives"]["p_resectable"]["mean"] = None
    empty["chosen"]["objectives"]["p_objective_response"]["mean"] = None
    assert benefit_against_harm(empty) is None


def test_benefit_page_is_self_contained():
    index = {"first": 0.2, "first_half_width95": 0.05, "total": 0.3, "total_half_width95": 0.05}
    features = [{"text": text, "unit": "mm", "range": [20.0, 80.0], "ideal": {"from": 30.0, "to": 60.0}, "months": index,
                 "resectable": index, "removed": index} for text in ("size of the primary", "Ki-67")]
    html = render_benefit({"scheme": "4 x <i>7.4</i>", "features": features, "answer": {"sentences": ["The tenth that gains most."]},
                           "assumptions": [{"text": "Ranges are assumptions."}]})
    assert "<i>7.4" not in html and html.count("<svg") == 3 and "Ranges are assumptions." in html
    assert "http" not in re.sub(r"http-equiv", "", html).replace("http://www.w3.org", "")

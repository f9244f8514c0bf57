"""The law over all rules: an input made unknown leaves the answer unknown or as it was; it never makes another class."""

import importlib
import inspect
import math
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import neorlt.clinic
from neorlt.clinic import rules
from neorlt.clinic.rules import Rule

EVERY = rules.every_rule()
NO_CLASS = {
    "raw_score": "a mean of answers with the manual's half rule; gives no class",
    "score_qlq_c30": "scores, NaN by the manual's half rule", "summary_score": "a mean of scores, NaN where one is missing",
    "gi_net21_scales": "a list of items", "ckd_epi_2021": "a number, NaN where an input is missing",
    "cockcroft_gault": "a number, NaN where an input is missing", "recorded_size_mm": "a size, NaN where unknown (tested apart)",
    "select_targets": "a choice among lesions, by is_measurable", "all_targets_gone": "over lesions (tested apart)",
    "classify_series": "classify_recist over time (tested apart)", "best_response": "over time (tested apart)",
    "best_responses": "best_response of many patients",
    "sum_log_sd": "a number", "progression_by_noise": "a chance", "noise_document": "chances",
    "counted_grades": "chances", "grade_document": "chances", "lower_by_counting": "a chance",
    "resectability_code": "over vessels (tested apart)", "classify_resectability": "resectability_code of one tumour",
    "vessel_code": "reads a name", "vessel_codes": "reads names", "is_head": "reads a site, or refuses",
    "names_part": "reads a site",
    "parse_clavien_dindo": "reads a grade, or refuses", "m_subcategory": "unchecked; tested apart",
    "krenning_from_pet": "unchecked; tested apart", "unchecked_limit_gy": "a number, unchecked",
    "kidney_bed_limit_gy": "a limit; NaN for None",
    "eligibility_set": "a list of conditions", "names": "a list", "check_eligibility": "behind the eligibility: rules",
    "grade": "behind the ctcae: rules", "row": "a row of the table", "version_name": "a name", "terms": "a list", "versions": "a list",
    "rule": "the list itself", "ctcae_rule": "the list itself", "eligibility_rule": "the list itself", "every_rule": "the list itself",
}


def test_every_public_rule_is_in_the_list_or_said_not_to_be_one() -> None:
    listed = {item.apply.__name__ for item in rules.RULES} | {"who_grade"}
    for module in pkgutil.iter_modules(neorlt.clinic.__path__):
        if module.name.startswith("_"):
            continue
        loaded = importlib.import_module(f"neorlt.clinic.{module.name}")
        for name, value in vars(loaded).items():
            if inspect.isfunction(value) and value.__module__ == loaded.__name__ and not name.startswith("_"):
                by_row = loaded.__name__.endswith("ctcae") and name.startswith("grade_")
                assert name in listed or name in NO_CLASS or by_row, f"{module.name}.{name} is neither a listed rule nor exempt"


def some_patient(rule: Rule) -> st.SearchStrategy[dict[str, object]]:
    @st.composite
    def draw(pick: st.DrawFn) -> dict[str, object]:
        values: dict[str, object] = {}
        for item in rule.inputs:
            ways = item.ways(values)
            steps = st.sampled_from(ways)
            if not item.flag and max(ways) > 5 and not rule.key.startswith(("downgraded", "ajcc", "enets", "recist-")):
                steps |= st.floats(0.0, 100.0)
            values[item.name] = pick(steps)
        return values

    return draw()


@pytest.mark.parametrize("rule", EVERY, ids=lambda r: r.key)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_unknown_in_gives_unknown_or_unchanged_out(rule: Rule, data: st.DataObject) -> None:
    patient = data.draw(some_patient(rule))
    known = rule.code(patient)
    hidden = data.draw(st.sets(st.sampled_from([item.name for item in rule.inputs]), min_size=1))
    for as_unknown in (None, math.nan):
        code = rule.code({name: as_unknown if name in hidden else value for name, value in patient.items()})
        assert code in rule.unknown or code == known, f"{sorted(hidden)} hidden from {patient}: {known} became {code}"


@pytest.mark.parametrize("rule", EVERY, ids=lambda r: r.key)
def test_nothing_known_is_nothing_said(rule: Rule) -> None:
    answer = rule.answer({})
    assert answer.name is None
    assert answer.reason
    assert "not available" in answer.reason or all(item.name in answer.reason for item in rule.inputs)


@pytest.mark.parametrize("rule", EVERY, ids=lambda r: r.key)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_what_is_possible_holds_what_is_true(rule: Rule, data: st.DataObject) -> None:
    patient = {item.name: data.draw(st.sampled_from(item.ways({}))) for item in rule.inputs}
    true = rule.names.get(rule.code(patient))
    hidden = data.draw(st.sampled_from([item.name for item in rule.inputs]))
    found = rule.answer({name: value for name, value in patient.items() if name != hidden})
    if found.name is None and true is not None and rule.code(patient) not in rule.unknown:
        assert true in found.possible


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_resectability_with_an_unknown_vessel(data: st.DataObject) -> None:
    from neorlt.clinic.vessels import Vessel, resectability_code

    vessels = data.draw(st.lists(st.sampled_from([int(v) for v in Vessel]), min_size=1, max_size=4, unique=True))
    degrees = np.array([data.draw(st.sampled_from([0.0, 90.0, 180.0, 181.0, 360.0])) for _ in vessels])
    flags = {name: np.array([data.draw(st.booleans()) for _ in vessels]) for name in ("irregular", "occluded", "reconstructible")}
    options = {"head": data.draw(st.booleans()), "gda_intact": data.draw(st.booleans())}
    known = int(resectability_code(vessels, degrees, **flags, **options))
    hide = data.draw(st.sampled_from(["contact", *flags]))
    which = data.draw(st.integers(0, len(vessels) - 1))
    if hide == "contact":
        degrees = degrees.copy()
        degrees[which] = np.nan
    else:
        flags[hide] = np.where(np.arange(len(vessels)) == which, np.nan, flags[hide].astype(float))
    assert int(resectability_code(vessels, degrees, **flags, **options)) in (-1, known)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_gone_targets_and_best_response_with_a_gap(data: st.DataObject) -> None:
    from neorlt.clinic.recist import Response, all_targets_gone, best_response

    sizes = np.array(data.draw(st.lists(st.sampled_from([0.0, 5.0, 9.0, 10.0, 30.0]), min_size=1, max_size=4)))
    node = np.array([data.draw(st.booleans()) for _ in sizes])
    known = int(all_targets_gone(sizes, node=node))
    which = data.draw(st.integers(0, len(sizes) - 1))
    assert int(all_targets_gone(np.where(np.arange(len(sizes)) == which, np.nan, sizes), node=node)) in (-1, known)
    assert int(all_targets_gone(sizes, node=np.where(np.arange(len(sizes)) == which, np.nan, node.astype(float)))) in (-1, known)
    series = data.draw(st.lists(st.sampled_from([1, 2, 3, 4, 5]), min_size=1, max_size=5))
    weeks = [8.0 * (k + 1) for k in range(len(series))]
    assert best_response(series) in (Response.NE, best_response(series, weeks=weeks))


def test_a_flag_that_is_none_of_three_is_refused() -> None:
    from neorlt.clinic.tnm import stage_ajcc8
    from neorlt.core.errors import InputError

    with pytest.raises(InputError, match="flag"):
        stage_ajcc8(2, 3, 0)

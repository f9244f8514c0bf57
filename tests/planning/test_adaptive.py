"""Updating between cycles: towards the truth, by Bayes' rule, and through to the rest of the schedule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.core.manifest import to_json
from neorlt.planning.adaptive import adapt, adapt_document
from neorlt.planning.patient import patient_from, read_patient
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.updates import DOSE_LOG_SD, read_update, update_from

EXAMPLE = Path(__file__).parents[2] / "examples" / "pannet-head.toml"
SCHEME = parse_scheme("4 x 7.4 GBq Lu-177 every 8 weeks")
N = 1500


@pytest.fixture(scope="module")
def patient():
    return read_patient(EXAMPLE)


def run(patient, **document):
    return adapt(patient, SCHEME, 2, update_from({"week": 15.0, **document}, patient), n_proposals=N, seed=1)


@pytest.fixture(scope="module")
def shrunk(patient):
    return run(patient, lesion=[{"id": "primary", "longest_diameter_mm": 30.0}])


@pytest.fixture(scope="module")
def grown(patient):
    return run(patient, lesion=[{"id": "primary", "longest_diameter_mm": 52.0}])


def test_kidney_dose_update_is_the_conjugate_one(patient):
    """Normal prior and normal reading on the log scale have a posterior known on paper."""
    adapted = run(patient, kidney_dose_gy=[5.0])
    # The dose of a cycle varies between patients (0.35) and, in one, between cycles (0.19).
    prior_mean, prior_sd = np.log(0.45 * 7.4), np.hypot(0.35, 0.19)
    precision = 1 / prior_sd**2 + 1 / DOSE_LOG_SD**2
    mean = (prior_mean / prior_sd**2 + np.log(5.0) / DOSE_LOG_SD**2) / precision
    after = np.log(adapted.measured[0].after)
    assert after.mean() == pytest.approx(mean, abs=0.02)
    assert after.std() == pytest.approx(precision**-0.5, rel=0.1)


def test_shrinkage_raises_and_growth_lowers_the_chance_of_response(shrunk, grown):
    for adapted, sign in ((shrunk, 1), (grown, -1)):
        planned = adapted.options.index("as planned")
        change = adapted.after.p_objective_response[planned].mean() - adapted.before.p_objective_response[planned].mean()
        assert sign * change > 0.05


def test_the_same_worlds_before(shrunk, grown):
    assert np.array_equal(shrunk.before.p_objective_response, grown.before.p_objective_response)


def test_a_high_kidney_dose_raises_the_kidney_bed(patient):
    low, high = (run(patient, kidney_dose_gy=[d, d]) for d in (2.0, 8.0))
    assert np.median(high.after.kidney_bed_gy[0]) > 2 * np.median(low.after.kidney_bed_gy[0])


def test_low_platelets_hold_the_next_cycle(patient):
    adapted = run(patient, platelets_e9_per_l=60.0)
    assert "as planned" not in adapted.options and adapted.rules and "waits" in adapted.rules[0]
    assert any("later" in option for option in adapted.options) and any("stop" in option for option in adapted.options)


def test_options_stand_after_what_was_given(shrunk):
    assert {"as planned", "half the activity from the next cycle on", "1 cycle fewer", "stop now, surgery"} <= set(shrunk.options)
    for candidate in shrunk.after.candidates:
        assert candidate.activity_gbq[:2] == ((7.4, 0.0), (7.4, 0.0)) and candidate.cycle_weeks[:2] == (0.0, 8.0)


def test_document_says_what_changed_and_why(shrunk):
    document = adapt_document(shrunk)
    to_json(document)
    assert document["measured"][0]["measured"] == 30.0
    assert any("expected" in text for text in document["changes"]) and "weighted" in document["method"]
    answer = document["answer"]["sentences"]
    assert answer[0].startswith(f"First now: {document['chosen']['option']}") and document["changes"][-len(answer):] == answer
    assert {"before", "after"} <= set(document["options"][0]) and document["effective_worlds"] > 10


def test_what_follows_is_chosen_by_the_decision(shrunk):
    choice, document = shrunk.choice, adapt_document(shrunk)
    value = shrunk.values[1].utility
    assert choice.best == int(np.argmax(value.mean(axis=0)))
    assert document["chosen"]["option"] == shrunk.options[choice.mildest]
    assert document["chosen"]["best_minus_this"]["mean"] <= 0.5 + 1e-9
    assert all(shrunk.values[1].mildness[choice.mildest] <= shrunk.values[1].mildness[i] for i in choice.tied)


def test_surprising_measurements_are_called_so(patient):
    adapted = run(patient, kidney_dose_gy=[60.0])
    assert adapt_document(adapted)["warnings"]


@pytest.mark.parametrize("document", [
    {}, {"week": 15.0}, {"week": 15.0, "tumour": 1}, {"week": -1.0, "platelets_e9_per_l": 100},
    {"week": 15.0, "lesion": [{"id": "nobody", "longest_diameter_mm": 20}]}, {"week": 15.0, "kidney_dose_gy": [-1.0]},
    {"week": 15.0, "platelets_e9_per_l": True}])
def test_wrong_updates_are_refused(patient, document):
    with pytest.raises(InputError):
        update_from(document, patient)


def test_updates_that_do_not_fit_the_scheme_are_refused(patient):
    with pytest.raises(InputError):
        adapt(patient, SCHEME, 5, update_from({"week": 15.0, "platelets_e9_per_l": 200}, patient))
    with pytest.raises(InputError):
        adapt(patient, SCHEME, 3, update_from({"week": 15.0, "platelets_e9_per_l": 200}, patient))
    with pytest.raises(InputError):
        adapt(patient, SCHEME, 1, update_from({"week": 15.0, "kidney_dose_gy": [3.0, 3.0]}, patient))


def test_cycles_as_given_stand_in_the_place_of_the_planned_ones(patient):
    """A cycle a day early and a tenth weaker: expected doses follow what was given, the rest of the schedule moves with it."""
    cycles = [{"week": 0.0, "activity_gbq": {"Lu-177": 7.4}}, {"week": 7.86, "activity_gbq": {"177Lu": 6.66}}]
    measured = {"week": 7.86, "kidney_dose_gy": [3.0, 3.0]}
    with pytest.raises(InputError, match="before the last given cycle"):
        adapt(patient, SCHEME, 2, update_from(measured, patient), n_proposals=200)
    planned = adapt(patient, SCHEME, 2, update_from(measured | {"week": 8.0}, patient), n_proposals=200)
    real = adapt(patient, SCHEME, 2, update_from(measured | {"cycle": cycles}, patient), n_proposals=200)
    np.testing.assert_allclose(real.measured[0].before, planned.measured[0].before)
    np.testing.assert_allclose(real.measured[1].before, 0.9 * planned.measured[1].before, rtol=1e-6)
    assert [cycle.week for cycle in real.scheme.cycles] == pytest.approx([0.0, 7.86, *(c.week - 0.14 for c in SCHEME.cycles[2:])])
    with pytest.raises(InputError, match="another number of cycles"):
        adapt(patient, SCHEME, 1, update_from({"week": 8.0, "platelets_e9_per_l": 200, "cycle": cycles}, patient), n_proposals=200)
    with pytest.raises(InputError, match="needs its week"):
        update_from({"week": 8.0, "platelets_e9_per_l": 200, "cycle": [{"week": 0.0}]}, patient)


def test_update_file_is_read(tmp_path, patient):
    path = tmp_path / "update.toml"
    path.write_text('week = 15\nplatelets_e9_per_l = 140\n[[lesion]]\nid = "primary"\nlongest_diameter_mm = 40\ndose_gy = [30, 28]\n')
    update = read_update(path, patient)
    assert update.lesions[0].dose_gy == (30.0, 28.0) and update.counts == {"platelets": 140.0}
    with pytest.raises(InputError):
        read_update(tmp_path / "none.toml", patient)


def test_a_patient_without_counts_cannot_learn_from_them():
    patient = patient_from({"id": "synthetic-bare", "lesion": [{"id": "a", "site": "liver", "longest_diameter_mm": 30}]}, "p")
    adapted = adapt(patient, SCHEME, 2, update_from({"week": 15.0, "platelets_e9_per_l": 150.0}, patient), n_proposals=200)
    assert not adapted.measured and adapted.effective_worlds == pytest.approx(200)
    # Nor is anything put first without an age.
    document = adapt_document(adapted)
    assert document["chosen"] is None and "age" in document["chosen_reason"] and "age" in document["changes"][-1]

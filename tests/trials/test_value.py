"""Expected value of sample information: the regression against a closed form, and what must hold of every design."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from neorlt.core.errors import InputError
from neorlt.planning.decision.decide import decide, with_unmodelled_sd
from neorlt.planning.decision.value import main_effects, worth
from neorlt.planning.patient import patient_from
from neorlt.trials.value import InformationArm, Study, evsi, known, simulate_summaries, trial_table, usual_studies

PATIENT = patient_from({"id": "p", "baseline": {
    "age_y": 58, "sex": "F", "egfr_ml_min": 85, "platelets_e9_per_l": 230, "krenning": 3}, "lesion": [{
        "id": "primary", "site": "pancreas-head", "longest_diameter_mm": 45, "ki67_pct": 8,
        "vessels": [{"name": "SMV", "contact_deg": 220, "irregular": True, "reconstructible": True}, {"name": "SMA", "contact_deg": 90}]}]},
            "test")


@pytest.fixture(scope="module")
def decision():
    return with_unmodelled_sd(decide(PATIENT, n_draws=1500, max_draws=1500), 0.6)


def test_regression_repeats_the_closed_form_of_a_normal_trial():
    """Two options that differ by theta ~ N(m, s^2), a trial that shows it with error: preposterior normal, unit loss integral."""
    rng = np.random.default_rng(3)
    m, s, noise, n = 0.05, 0.4, 2.0, 50
    theta = rng.normal(m, s, 10_000)
    shown = theta + noise / np.sqrt(n) * rng.standard_normal(10_000)
    utility = np.stack([np.zeros_like(theta), theta], axis=1)
    fitted = main_effects(utility, {"trial": shown[:, None]})
    after = s**2 / np.sqrt(s**2 + noise**2 / n)
    exact = after * norm.pdf(m / after) + m * norm.cdf(m / after) - m
    gain, error = worth(fitted.curves["trial"], utility.mean(axis=0), [True, True])
    assert gain == pytest.approx(exact, abs=max(0.05 * exact, 3 * error))


def test_a_trial_is_worth_no_more_than_knowing_everything_and_more_patients_are_worth_more(decision):
    studies = [Study(f"n {n}", (InformationArm(decision.options[0].name, n), InformationArm(decision.options[2].name, n))) for n in (10,
        400)]
    given = known(decision, studies)
    few, many = (evsi(decision, study, 0.6, given) for study in studies)
    assert 0 <= few.months <= many.months + 2 * many.mc_error
    assert many.months <= many.ceiling + 2 * many.mc_error and many.months > 0


def test_a_single_arm_holds_the_effect_of_its_centres(decision):
    chances = [np.full((4000, 3), 0.5)]
    spread = {sd: simulate_summaries(Study("a", (InformationArm("x", 200),), centre_sd=sd), chances, np.random.default_rng(1)).std(axis=0)
              for sd in (0.0, 0.6)}
    assert np.all(spread[0.6] > 2 * spread[0.0])
    both = simulate_summaries(Study("b", (InformationArm("x", 200), InformationArm("y", 200)), centre_sd=0.6), chances * 2,
                              np.random.default_rng(1))
    # Between two arms of the same centres it falls out.
    assert np.all(both[:, 6:].std(axis=0) < 1.6 * spread[0.0])


def test_those_enrolled_are_taken_off(decision):
    study = usual_studies(decision)[0]
    found = evsi(decision, study, 0.6)
    assert found.per_enrolled(10, 3.1) == pytest.approx(0.0)
    assert found.per_enrolled(31, 2) == pytest.approx(found.months)


def test_the_table_ranks_designs_at_every_spread(decision):
    table = trial_table(decision)
    assert len(table["rows"]) == 3 and table["sd"] == [0.1, 0.3, 0.6]
    months = [row["months"][1] for row in table["rows"]]
    assert months == sorted(months, reverse=True)
    assert all(len(row["mc_error"]) == 3 for row in table["rows"])


def test_an_arm_that_is_no_option_is_refused(decision):
    with pytest.raises(InputError, match="not an option"):
        evsi(decision, Study("x", (InformationArm("nothing", 5),)))

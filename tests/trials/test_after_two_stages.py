"""Rates after a two-stage trial: unbiased by summing over every way the trial can end, the plain rate not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.trials.designs.after_two_stages import NOTE, estimate, estimates_document, outcome_probabilities, plain_rate_if_promising
from neorlt.trials.designs.simon import evaluate


@st.composite
def designs(draw):
    n1 = draw(st.integers(3, 18))
    n = n1 + draw(st.integers(2, 20))
    r1 = draw(st.integers(0, n1 - 2))
    r = draw(st.integers(r1, n - 2))
    return evaluate(0.1, 0.3, r1, n1, r, n)


@settings(max_examples=40, deadline=None)
@given(designs(), st.floats(0.02, 0.95))
def test_the_mean_of_the_unbiased_rate_over_all_ends_is_the_true_rate(design, p):
    rows = outcome_probabilities(design, p)
    assert sum(q for *_, q in rows) == pytest.approx(1.0, abs=1e-9)
    mean = sum(estimate(design, s, n).unbiased * q for s, n, q in rows)
    assert mean == pytest.approx(p, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(designs())
def test_more_responses_never_lower_a_rate(design):
    later = [estimate(design, s, design.n) for s in range(design.r1 + 1, design.n + 1)]
    for name in ("plain", "unbiased", "median_unbiased"):
        assert (np.diff([getattr(one, name) for one in later]) > -1e-9).all()


def test_the_plain_rate_of_promising_trials_is_too_high():
    """Simon's optimal design for 10 against 30 % at 10 and 10 % (1 of 12, 5 of 35): by simulation of whole trials."""
    design = evaluate(0.1, 0.3, 1, 12, 5, 35)
    rng = np.random.default_rng(7)
    first = rng.binomial(12, 0.2, 400_000)
    total = first + rng.binomial(23, 0.2, 400_000)
    promising = (first > 1) & (total > 5)
    simulated = total[promising].mean() / 35
    assert plain_rate_if_promising(design, 0.2) == pytest.approx(simulated, abs=4 * total[promising].std() / 35 / promising.sum() ** 0.5)
    assert 0.23 < plain_rate_if_promising(design, 0.2) < 0.25


def test_estimates_after_a_known_trial():
    """One of 12 goes on at two: after 6 of 35 the unbiased rate, counted by hand over the second stage's ways."""
    from math import comb

    design = evaluate(0.1, 0.3, 1, 12, 5, 35)
    ways = sum(comb(12, x) * comb(23, 6 - x) for x in range(2, 7))
    first = sum(comb(11, x - 1) * comb(23, 6 - x) for x in range(2, 7))
    found = estimate(design, 6, 35)
    assert found.unbiased == pytest.approx(first / ways, rel=1e-12)
    assert found.plain == pytest.approx(6 / 35)
    assert found.unbiased > found.plain  # over all trials the plain rate is too low: those that started badly are missing here
    assert estimate(design, 1, 12).unbiased == pytest.approx(1 / 12)


@settings(max_examples=20, deadline=None)
@given(designs(), st.floats(0.05, 0.6))
def test_no_estimate_takes_off_what_choosing_the_successes_adds(design, p):
    """What the note says: at every end of the second stage the unbiased rate is at least the plain one, which is too high already."""
    promising = [(s, n, q) for s, n, q in outcome_probabilities(design, p) if n == design.n and s > design.r]
    found = [estimate(design, s, n) for s, n, _ in promising]
    assert all(one.unbiased >= one.plain - 1e-12 for one in found)
    assert sum(one.plain * q for one, (*_, q) in zip(found, promising, strict=True)) > p * sum(q for *_, q in promising)


@pytest.mark.parametrize("p", [0.1, 0.2, 0.3])
def test_the_median_unbiased_rate_does_not_take_it_off_either(p):
    design = evaluate(0.1, 0.3, 1, 12, 5, 35)
    promising = [(s, n, q) for s, n, q in outcome_probabilities(design, p) if n == design.n and s > design.r]
    mean = sum(estimate(design, s, n).median_unbiased * q for s, n, q in promising) / sum(q for *_, q in promising)
    assert mean > plain_rate_if_promising(design, p) > p
    assert estimates_document(design, 0.1, 0.3)["note"] == NOTE


def test_an_end_that_cannot_be_is_refused():
    design = evaluate(0.1, 0.3, 1, 12, 5, 35)
    for responses, n in ((2, 12), (1, 35), (36, 35), (3, 20)):
        with pytest.raises(InputError, match="cannot have ended"):
            estimate(design, responses, n)

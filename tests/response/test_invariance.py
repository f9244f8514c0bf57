"""What must not matter does not: the order of lesions and terms, names, draws that come twice, a cycle told in two parts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.planning.patient import patient_from
from neorlt.planning.predict import build_world, predict
from neorlt.planning.scheme import parse_scheme
from neorlt.response import centre, fitting, studies, surface, synthesis
from neorlt.response.parameters import draw_parameters

NAMED = {t.name: t for t in studies.read_terms()}
FIGURE = NAMED["jahn_2021: figure 7A"]
TERMS = (
    dataclasses.replace(FIGURE, dose_gy=FIGURE.dose_gy[:6], log_volume=FIGURE.log_volume[:6]),
    NAMED["alipour_2023: all: response at 3 months"], NAMED["netter1: octreotide: PFS"], NAMED["radiant3: placebo: PFS"],
)
EFFECTS = {"jahn_2021": (0.4, -0.3), "alipour_2023": (-0.8, 0.2), "netter1": (0.0, -1.1), "radiant3": (0.0, 0.6)}
POINT = np.linspace(-0.6, 0.6, len(synthesis.POPULATION)).astype(np.float32)


def courses_in_closed_form(surfaces: surface.Surfaces) -> np.ndarray:
    """Coefficients ``(course, effect, growth, visit)`` of made-up courses that tell schedules and weeks apart: none has to be run."""
    killed = -np.exp(np.clip(surfaces.log_effect, -3, 1)) / 3
    grown = np.exp(surfaces.log_growth) * 168
    value = np.stack([[killed * (1 - np.exp(-week / (10 + c.cycles))) + grown * week * (1 + 0.01 * c.interval_week)
                       for week in c.visits_week] for c in surfaces.courses])
    first, second = (surface._to_coefficients(n) for n in (surfaces.n_effect, surfaces.n_growth))
    value = value.reshape(len(surfaces.courses), -1, surfaces.n_effect, surfaces.n_growth)
    return np.einsum("ax,bg,stxg->sabt", first, second, value).astype(np.float32)


def log_likelihood(terms: tuple[studies.Term, ...], effects: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Log likelihood by name of the term, each study with its own effects, by the layout that the chains use."""
    model, layout = synthesis.Synthesis(terms, 16), fitting.Layout.of(terms)
    at_u, at_v = layout.index(terms)
    u = np.array([effects[s][0] for s in layout.treated], np.float32)
    v = np.array([effects[s][1] for s in layout.all], np.float32)
    found = model.log_likelihood(model.answer(synthesis.constrain(POINT), u[at_u], v[at_v], courses_in_closed_form(model.surfaces)))
    return {t.id: float(x) for t, x in zip(terms, found, strict=True)}


@pytest.fixture(scope="module")
def whole() -> dict[str, float]:
    return log_likelihood(TERMS, EFFECTS)


@settings(max_examples=3, deadline=None)
@given(order=st.permutations(range(len(TERMS))))
def test_the_order_of_terms_moves_no_term(whole, order):
    assert log_likelihood(tuple(TERMS[i] for i in order), EFFECTS) == pytest.approx(whole, abs=2e-3)


@settings(max_examples=3, deadline=None)
@given(order=st.permutations(range(6)))
def test_the_order_of_a_figures_lesions_moves_nothing(whole, order):
    figure = dataclasses.replace(TERMS[0], dose_gy=TERMS[0].dose_gy[list(order)], log_volume=TERMS[0].log_volume[list(order)])
    assert log_likelihood((figure, *TERMS[1:]), EFFECTS) == pytest.approx(whole, abs=2e-3)


@settings(max_examples=3, deadline=None)
@given(names=st.lists(st.text("abz9_", min_size=1, max_size=6), min_size=4, max_size=4, unique=True))
def test_a_studys_name_moves_nothing(whole, names):
    of = dict(zip(EFFECTS, names, strict=True))
    terms = tuple(dataclasses.replace(t, study=of[t.study]) for t in TERMS)
    assert log_likelihood(terms, {of[s]: value for s, value in EFFECTS.items()}) == pytest.approx(whole, abs=2e-3)


def test_effects_belong_to_their_study(whole):
    """The tests above could not fail if effects did nothing."""
    other = log_likelihood(TERMS, EFFECTS | {"radiant3": (0.0, 1.6), "jahn_2021": (1.4, -0.3)})
    moved = {name for name in whole if abs(other[name] - whole[name]) > 0.05}
    assert moved == {"figure 7A", "placebo: PFS"}


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000))
def test_draws_that_come_twice_say_what_they_said_once(seed):
    parameters = draw_parameters(24, seed)
    table = centre.CentreTable(np.array([0, 1]), np.array([5.0, 5.0]), np.array([80.0, 150.0]), np.array([4, 4]), np.array([37.0, np.nan]),
                               np.array([-0.5, -0.9]))
    once = centre.densities(parameters, table)[0]
    twice = centre.densities(parameters.take(np.tile(np.arange(24), 2)), table)[0]
    np.testing.assert_allclose(twice, np.tile(once, (2, 1)), rtol=1e-4, atol=1e-4)


LESIONS = [{"id": "primary", "site": "pancreas-head", "longest_diameter_mm": 45, "ki67_pct": 8, "suv_max": 32},
           {"id": "liver-1", "site": "liver", "longest_diameter_mm": 22, "ki67_pct": 8, "suv_max": 20},
           {"id": "liver-2", "site": "liver", "longest_diameter_mm": 30, "ki67_pct": 12, "suv_max": 12}]
SCHEME = "4 x 7.4 GBq Lu-177 every 8 weeks"


def said(lesions: list[dict], name: str = "p", n: int = 200, scheme: str = SCHEME, seed: int = 3):
    world = build_world(patient_from({"id": name, "lesion": lesions}, "p"), n_draws=n, seed=seed)
    return predict(world, parse_scheme(scheme))


@pytest.fixture(scope="module")
def plain():
    return said(LESIONS)


@settings(max_examples=3, deadline=None)
@given(name=st.text("abcXYZ-09", min_size=1, max_size=12))
def test_a_patients_name_moves_nothing(plain, name):
    assert said(LESIONS, name).as_json() == plain.as_json()


def error_of(one, other) -> float:
    """Four standard errors of the difference of two chances that are each a mean over their draws."""
    return 4 * float(np.hypot(*(p.draws.std() / np.sqrt(len(p.draws)) for p in (one, other))))


@settings(max_examples=3, deadline=None)
@given(order=st.permutations(range(3)))
def test_the_order_of_a_patients_lesions_moves_a_chance_by_no_more_than_its_error(plain, order):
    one, other = plain.p_objective_response, said([LESIONS[i] for i in order]).p_objective_response
    assert abs(other.value - one.value) < error_of(one, other) < 0.2


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(4, 50))
def test_twice_the_draws_move_a_chance_by_no_more_than_its_error(plain, seed):
    one, other = plain.p_objective_response, said(LESIONS, n=400, seed=seed).p_objective_response
    assert abs(other.value - one.value) < error_of(one, other) < 0.2


@settings(max_examples=2, deadline=None)
@given(share=st.floats(0.2, 0.8))
def test_a_cycle_told_in_two_parts_at_one_instant_is_one_cycle(share):
    """The fall of uptake and the course both go by what was given, not by how many lines told it."""
    from neorlt.response.course import cycle_doses_gy

    per_gbq = np.full((1, 2), 4.0)
    whole = cycle_doses_gy(per_gbq, np.array([[7.4, 0.0], [7.4, 0.0]]), fall=0.14)[0, :, 0]
    parts = cycle_doses_gy(per_gbq, np.array([[7.4, 0.0], [share * 7.4, 0.0], [(1 - share) * 7.4, 0.0]]), fall=0.14)[0, :, 0]
    assert parts[1:].sum() == pytest.approx(whole[1], rel=1e-9)

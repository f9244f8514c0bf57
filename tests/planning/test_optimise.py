"""The search: textbook optima known on paper, ties that must be called ties, and numbers that are those of the model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.planning.decision.choice import Verdict, expected_loss, tied_pairs
from neorlt.planning.decision.gate import Verdict as Gate
from neorlt.planning.decision.options import Kind
from neorlt.planning.decision.settings import Settings
from neorlt.planning.doses import Kinetics
from neorlt.planning.evaluate import Evaluator, Outcomes
from neorlt.planning.objectives import allowed, means, violations
from neorlt.planning.optimise import Search, optimise, optimise_document, screen
from neorlt.planning.patient import patient_from, read_patient
from neorlt.planning.predict import build_world, predict
from neorlt.planning.search import fronts, search, spread
from neorlt.planning.search_space import Candidate, Limits, SearchSpace, read_limits
from neorlt.planning.valued import value_of

pytest.importorskip("pymoo", reason="extra search is not installed")
EXAMPLE = Path(__file__).parents[2] / "examples" / "pannet-head.toml"
SMALL = SearchSpace(max_cycles=3, interval_weeks=(8.0,), surgery_weeks_after_last=(8.0, 12.0))


@pytest.fixture(scope="module")
def patient():
    return read_patient(EXAMPLE)


@pytest.fixture(scope="module")
def world(patient):
    return build_world(patient, n_draws=60, n_replicates=5, seed=3)


@pytest.fixture(scope="module")
def found(patient) -> Search:
    return optimise(patient, space=SMALL, n_screen=300, n_screen_draws=30, n_full=8, n_draws=60, seed=2)


def lattice(high):
    return np.zeros(len(high), int), np.array(high)


def test_textbook_linear_two_nuclides_one_limit():
    # max 4 x + 12 y (tumour Gy) with 0.5 x + 2 y <= 10 (kidney Gy), x <= 14.8, y <= 10 GBq. Per kidney Gy, x gives 8 and y
    # gives 6: x goes to its most, 14.8, and y takes what is left, (10 - 7.4) / 2 = 1.3.
    def evaluate(genes):
        x = genes * 0.1
        return -(x @ [4.0, 12.0])[:, None], (x @ [0.5, 2.0] - 10.0)[:, None]

    result = search(evaluate, *lattice([148, 100]), 1, 1, n_candidates=4000, seed=1)
    best = result.genes[result.front == 0]
    assert best.tolist() == [[148, 13]]


def test_textbook_diminishing_returns_has_a_mixed_optimum():
    # max sqrt(x) + sqrt(y) with x + 2 y <= 12: Lagrange gives x = 4 y, so y = 2 and x = 8, inside the box.
    def evaluate(genes):
        x = genes * 0.1
        return -np.sqrt(x).sum(axis=1)[:, None], (x @ [1.0, 2.0] - 12.0)[:, None]

    result = search(evaluate, *lattice([120, 60]), 1, 1, n_candidates=5000, seed=1)
    best = result.genes[result.front == 0][0] * 0.1
    assert best == pytest.approx([8.0, 2.0], abs=0.15)
    assert -result.objectives[result.front == 0][0, 0] == pytest.approx(np.sqrt(8) + np.sqrt(2), abs=1e-3)


def test_textbook_pareto_front_is_found():
    # Both x and 10 - x are to be low: every x is on the front, whatever y; y > 0 is dominated.
    def evaluate(genes):
        x, y = genes[:, 0], genes[:, 1]
        return np.stack([x + y, 10 - x + y], axis=1).astype(float), np.zeros((len(genes), 0))

    result = search(evaluate, *lattice([10, 10]), 2, 0, n_candidates=121, seed=1)
    front = result.genes[result.front == 0]
    assert sorted(front[:, 0].tolist()) == list(range(11)) and not front[:, 1].any()


def kinetics(name, lu, y, n, half_life=60.0):
    return Kinetics(name, np.tile([lu, y], (n, 1)).astype(float), np.full((n, 2), half_life), "patient file", Label.MEASURED)


def test_textbook_patient_through_the_real_model():
    """Cell kill almost linear in dose, BED almost the dose: the best mix fills the nuclide with more tumour Gy per kidney Gy.

    Tumour 4 (177Lu) and 12 (90Y) Gy/GBq, kidneys 1 and 4: 4 against 3 tumour Gy per kidney Gy. With 40 Gy for the kidneys and up to
    four cycles of 7.4 GBq, 177Lu takes 29.6 Gy of it, and 90Y the rest: 10.4 / 4 = 2.6 GBq.
    """
    patient = patient_from({"id": "synthetic-textbook", "lesion": [
        {"id": "primary", "site": "pancreas-head", "longest_diameter_mm": 40, "ki67_pct": 5}]}, "p")
    n = 20
    world = build_world(patient, n_draws=n, n_replicates=1, seed=1)
    big = {"alpha_beta_gy": 1e5, "kidney_alpha_beta_gy": 1e6, "alpha_per_gy": 0.004, "omega_alpha": 0.0, "residual_fraction": 0.02,
           "fibrosis_fraction": 0.0, "sigma_h": 0.0, "rho": 0.0, "eta": 0.0, "nu": 0.0, "clearance_half_life_d": 10.0,
           "doubling_time_d": 1e5}
    world = dataclasses.replace(world, parameters=world.parameters.replace(**big), kinetics=(kinetics("primary", 4, 12, n),),
                                kidneys=kinetics("kidneys", 1, 4, n),
                                cycle_z=0.0 * world.cycle_z, kidney_cycle_z=0.0 * world.kidney_cycle_z)
    space = SearchSpace(max_cycles=4, max_activity_gbq={"Lu-177": 7.4, "Y-90": 3.0}, min_activity_gbq={"Lu-177": 5.4, "Y-90": 0.2},
                        step_gbq={"Lu-177": 1.0, "Y-90": 0.1}, interval_weeks=(8.0,), surgery_weeks_after_last=(24.0,))
    limits = Limits(p_kidney_over=0.0, p_blood_grade34=None, surgery_week=None)
    world.falls[:] = 0.0
    evaluator = Evaluator(world, one_patient=True)

    def evaluate(genes):
        outcomes = evaluator([space.decode(row) for row in genes])
        return outcomes.tumour_left.mean(axis=1)[:, None], violations(outcomes, limits)[1]

    result = search(evaluate, *space.gene_bounds(), 1, 1, n_candidates=1500, seed=1)
    best = space.decode(result.genes[result.front == 0][0])
    totals = np.sum(best.activity_gbq, axis=0)
    # 2.6 GBq can be met by one cycle of 2.6, two of 1.3 (0.1 steps) and so on.
    assert totals == pytest.approx([29.6, 2.6], abs=0.11)


def test_numbers_are_those_of_the_prediction(world):
    candidate = Candidate(((7.4, 0.0), (7.4, 0.0), (0.0, 2.8)), 8.0, 12.0)
    outcomes, prediction = Evaluator(world)([candidate]), predict(world, candidate.scheme())
    assert outcomes.p_resectable[0] == pytest.approx(prediction.p_resectable.draws, abs=1e-6)
    assert np.median(outcomes.kidney_bed_gy[0]) == pytest.approx(prediction.kidney_bed_gy.median, rel=1e-9)
    assert outcomes.p_objective_response[0].mean() == pytest.approx(prediction.p_objective_response.value, abs=1e-5)
    assert outcomes.kidney_over[0].mean() == prediction.p_kidney_over_limit


def test_order_and_company_do_not_change_a_scheme(world):
    rng = np.random.default_rng(1)
    low, high = SMALL.gene_bounds()
    candidates = [SMALL.decode(rng.integers(low, high + 1)) for _ in range(6)]
    evaluator = Evaluator(world)
    together, alone = evaluator(candidates), evaluator(candidates[3:4])
    for name in ("p_resectable", "p_objective_response", "tumour_left", "kidney_bed_gy", "p_blood_grade34", "p_secondary_neoplasm"):
        assert getattr(together, name)[3] == pytest.approx(getattr(alone, name)[0], abs=1e-5), name


def test_more_activity_never_lowers_a_harm(world):
    outcomes = Evaluator(world)([Candidate(((a, 0.0),) * 3, 8.0, 12.0) for a in (3.4, 5.4, 7.4)])
    for name in ("p_kidney_over", "p_blood_grade34", "p_secondary_neoplasm"):
        assert np.all(np.diff(means(outcomes)[name]) >= 0), name
    assert np.all(np.diff(outcomes.kidney_bed_gy, axis=0) > 0)


def test_nothing_given_harms_nobody(world):
    outcomes = Evaluator(world)([Candidate((), 8.0, 6.0)])
    assert outcomes.kidney_bed_gy.max() == 0 and outcomes.p_secondary_neoplasm.max() == 0
    assert outcomes.surgery_week.tolist() == [6.0]


def test_the_same_scheme_twice_is_tied(world):
    same = Candidate(((7.4, 0.0),) * 2, 8.0, 12.0)
    found = value_of(world, Evaluator(world)([same, same]))
    choice = found.choose([True, True], 0.5 / 12)
    assert choice.tied == (1 - choice.best,) and choice.losses[choice.tied[0]].mean == pytest.approx(0.0, abs=1e-9)
    assert choice.losses[choice.tied[0]].verdict is Verdict.TIED


def test_a_loss_decides_by_its_mean_and_its_monte_carlo_error():
    rng = np.random.default_rng(0)
    common = rng.normal(0, 10, 2000)
    # Each alone is far wider than the difference: only pairing can tell them apart, whichever comes first.
    assert expected_loss(common + 1.0, common, 0.04).verdict is Verdict.APART
    assert expected_loss(common, common + 1.0, 0.04).verdict is Verdict.APART
    assert expected_loss(common + 0.01, common, 0.04).verdict is Verdict.TIED
    assert expected_loss(common + rng.normal(0.04, 1.0, 2000), common, 0.04).verdict is Verdict.NOT_RESOLVED


def test_ties_are_symmetric():
    rng = np.random.default_rng(0)
    value = rng.normal(0, 1, 100)[:, None] + np.array([0, 0.01, 9, 9.01])
    assert tied_pairs(value, range(4), 0.04) == [(0, 1), (2, 3)]


def test_limits_are_kept_and_a_broken_one_is_said(world):
    candidates = [Candidate(((7.4, 0.0),) * n, 8.0, 12.0) for n in (1, 2, 3)]
    outcomes = Evaluator(world)(candidates)
    kept, within = allowed(outcomes, Limits(surgery_week=21.0))
    assert within and kept.tolist() == [True, True, False]
    nobody, within = allowed(outcomes, Limits(surgery_week=3.0))
    assert not within and nobody.tolist() == [True, False, False]


def test_what_passes_a_limit_is_not_recommended_among_all_options(patient):
    """Few draws screen, more judge: some of the schemes judged pass the limit that all kept when they were screened."""
    found = optimise(patient, Limits(p_blood_grade34=0.10), space=SMALL, n_screen=300, n_screen_draws=10, n_full=8, n_draws=60, seed=2)
    share = means(found.full)["p_blood_grade34"]
    past = {candidate.scheme().name for candidate, p in zip(found.full.candidates, share, strict=True) if p > 0.10}
    chosen = (found.decision.best, found.decision.mildest, *found.decision.tied)
    assert past and found.within_limits
    assert not past & {option.scheme.name for option in chosen if option.scheme is not None}
    document = optimise_document(found)
    assert any(text.startswith(f"{len(past)} of the ") and "pass a limit" in text for text in document["answer"]["sentences"])
    assert not any(f"{name}, then surgery" in [document["best"], document["mildest"], *document["tied"]] for name in past)


def test_barred_schemes_leave_the_same_draws_and_never_no_choice(found: Search):
    decision = found.decision
    every = [option.scheme.name for option in decision.options if option.scheme is not None]
    left = decision.without(every)
    assert left.mildest.scheme is None and left.utility is decision.utility and left.gates == decision.gates
    only = dataclasses.replace(decision.inputs, gates=tuple(
        dataclasses.replace(gate, verdict=Gate.NO if option.scheme is None else gate.verdict)
        for gate, option in zip(decision.gates, decision.options, strict=True)))
    one = dataclasses.replace(decision, inputs=only)
    assert one.without(every) is one


def test_search_gives_the_numbers_of_the_decision(found: Search):
    """Another road: the decision asked for one scheme of the search alone."""
    from neorlt.planning.decision.decide import decide_in

    i = next(i for i, c in enumerate(found.full.candidates) if c.activity_gbq)
    scheme = found.full.candidates[i].scheme()
    alone = decide_in(found.world, [scheme])
    assert alone.utility[:, alone.column(scheme)] == pytest.approx(found.utility[:, i], abs=1e-9)
    assert found.columns[0] == next(k for k, option in enumerate(found.decision.options) if option.kind is Kind.OPERATE_NOW)


def test_the_screening_ranks_as_the_decision_does(found: Search):
    """Cycles given as planned and a few draws are an approximation of the decision, not another utility."""
    treated = [i for i, c in enumerate(found.full.candidates) if c.activity_gbq]
    screened = value_of(found.world, found.full.take(treated)).utility.mean(axis=0)
    assert np.corrcoef(screened, found.utility[:, treated].mean(axis=0))[0, 1] > 0.8


def test_a_small_quiet_tumour_at_seventy_is_not_sent_to_radioligand_therapy():
    patient = patient_from({"id": "synthetic-small", "baseline": {
        "age_y": 70, "sex": "M", "egfr_ml_min": 85, "platelets_e9_per_l": 230, "neutrophils_e9_per_l": 4.1, "haemoglobin_g_dl": 13.0},
        "lesion": [{"id": "primary", "site": "pancreas-tail", "longest_diameter_mm": 20, "ki67_pct": 1, "suv_max": 30}]}, "p")
    document = optimise_document(optimise(patient, space=SMALL, n_screen=100, n_screen_draws=20, n_full=4, n_draws=200, seed=1))
    assert document["best_kind"] in ("observe", "operate-now") and document["mildest_kind"] in ("observe", "operate-now")
    assert document["answer"]["sentences"][0].startswith("RLT before surgery is not eligible")
    assert not document["chosen"]["cycles"]
    said = " ".join(document["answer"]["sentences"])
    assert "told apart" not in said.split("4 x 7.4")[0] and "not open to this patient" in said
    usual = next(row for row in document["references"] if "4 x 7.4" in row["name"])
    assert usual["eligible"] == "no" and usual["reasons"]


def test_an_age_is_needed(world):
    patient = patient_from({"id": "synthetic-bare", "lesion": [{"id": "a", "site": "liver", "longest_diameter_mm": 30}]}, "p")
    with pytest.raises(InputError, match="age"):
        optimise(patient, space=SMALL, n_screen=60, n_screen_draws=10, n_full=4, n_draws=50)


def test_search_is_reproducible_and_counts_what_it_screens(patient, world):
    first, second = (screen(world.first(20), Limits(), SMALL, 200, 5) for _ in range(2))
    assert first.candidates == second.candidates and len(set(first.candidates)) == len(first.candidates) >= 200
    assert np.array_equal(first.tumour_left, second.tumour_left)


def test_chosen_keeps_the_limits_and_nobody_on_the_front_is_dominated(found: Search):
    values = means(found.full)
    assert found.within_limits and found.choice is not None
    assert values["p_kidney_over"][found.chosen] <= 0.10 and values["surgery_week"][found.chosen] <= 52
    assert found.chosen not in found.tied
    mild = [found.decision.options[c].mildness for c in found.columns]
    assert all(mild[found.chosen] <= mild[i] for i in found.tied)
    assert abs(found.choice.p_best.sum() - 1) < 1e-9


def test_document_holds_the_fixed_keys(found: Search):
    from neorlt.core.manifest import to_json

    document = optimise_document(found)
    assert {"front", "chosen", "limits", "indistinguishable"} <= set(document)
    assert document["chosen"]["name"] not in document["tied_with_chosen"]
    assert document["n_screened"] >= 300 and document["n_full"] >= 8
    references = [row["name"] for row in document["references"]]
    assert references[0].startswith("No RLT") and "4 x 7.4 GBq Lu-177 every 8 weeks" in references[1]
    for row in document["front"]:
        for name in ("p_resectable", "p_objective_response", "tumour_left", "p_blood_grade34", "p_secondary_neoplasm"):
            low, high = row["objectives"][name]["ci90"]
            assert 0 <= low <= high <= 1
    to_json(document)


def test_patient_without_vessels_or_counts_gets_reasons(world):
    patient = patient_from({"id": "synthetic-bare", "baseline": {"age_y": 60}, "lesion": [
        {"id": "a", "site": "pancreas-tail", "longest_diameter_mm": 30}]}, "p")
    found = optimise(patient, space=SMALL, n_screen=60, n_screen_draws=10, n_full=4, n_draws=50, seed=1)
    document = optimise_document(found)
    row = document["references"][1]["objectives"]
    assert row["p_resectable"]["mean"] is None and "vessel" in row["p_resectable"]["reason"]
    assert row["p_blood_grade34"]["mean"] is None and "count" in row["p_blood_grade34"]["reason"]


def test_fronts_and_spread():
    objectives = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    kept = np.array([[0.0], [0.0], [0.0], [1.0]])
    assert fronts(objectives, kept).tolist() == [0, 0, 1, -1]
    assert spread(objectives, kept, 2).tolist() == [0, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=7, max_size=7))
def test_every_gene_gives_a_valid_scheme(numbers):
    space = SearchSpace()
    low, high = space.gene_bounds()
    candidate = space.decode(low + np.array(numbers) % (high - low + 1))
    scheme = candidate.scheme()
    assert len(scheme.cycles) <= space.max_cycles and scheme.surgery_week == candidate.surgery_week
    for cycle in scheme.cycles:
        for nuclide, activity in cycle.activity_gbq.items():
            assert activity in space.levels(nuclide)


def test_levels_step_down_from_the_most():
    levels = SearchSpace().levels("Lu-177")
    assert levels[-1] == 7.4 and levels[0] >= 1.9 and np.allclose(np.diff(levels), 0.5)
    assert SearchSpace(max_activity_gbq={"Lu-177": 7.4}).levels("Y-90") == ()


def test_limits_are_read(tmp_path):
    limits, told, space = read_limits(
        ["p_kidney_over=0.05, surgery_week=none", "decision.delta_months=1,decision.criterion=qaly_10,space.max_cycles=3"])
    assert limits.p_kidney_over == 0.05 and limits.surgery_week is None and space.max_cycles == 3
    assert told == Settings(criterion="qaly_10", delta_months=1.0)
    path = tmp_path / "l.toml"
    path.write_text('[limits]\nsurgery_week = 30\n[space]\ninterval_weeks = [8]\nmax_activity_gbq = { "Y-90" = 0 }\n')
    limits, _, space = read_limits([str(path), "y90_gbq=4"])
    assert limits.surgery_week == 30 and limits.y90_gbq == 4 and space.interval_weeks == (8.0,) and space.levels("Y-90") == ()


@pytest.mark.parametrize("text", ["p_kidney=0.1", "p_kidney_over=2", "p_kidney_over", "p_kidney_over=x", "nowhere.x=1",
                                  "weights.p_resectable=1", "missing.toml", "decision.delta_months=-1", "decision.discount=none",
                                  "space.sensitiser=3"])
def test_wrong_limits_are_refused(text):
    with pytest.raises(InputError):
        read_limits([text])


def test_outcomes_join_and_take(world):
    from neorlt.planning.evaluate import join

    evaluator = Evaluator(world)
    candidates = [Candidate(((a, 0.0),), 8.0, 12.0) for a in (3.4, 7.4)]
    both = join([evaluator(candidates[:1]), evaluator(candidates[1:])])
    assert isinstance(both, Outcomes) and both.take([1]).candidates == (candidates[1],)


def test_a_front_is_recorded_with_what_drew_it(found, tmp_path, monkeypatch):
    # One seed, three releases of pymoo, three fronts: the release is part of the result.
    import importlib.metadata
    import re

    from neorlt.core.manifest import build_manifest
    from neorlt.planning import search as searching
    from neorlt.reporting.views.choice import search_section

    version = importlib.metadata.version("pymoo")
    document = optimise_document(found)
    used = document["optimiser"]
    assert (used["package"], used["version"], used["algorithm"]) == ("pymoo", version, "NSGA-III")
    assert f"pymoo {version} (NSGA-III)" in search_section(document)["size"]
    assert build_manifest("optimise")["packages"]["pymoo"] == version
    # What the program was checked with is what the lock installs.
    lock = (EXAMPLE.parents[1] / "requirements-dev.lock").read_text(encoding="utf-8")
    assert re.search(r"^pymoo==(\S+)", lock, re.M).group(1) == used["checked_with"]
    monkeypatch.setattr(searching, "installed", lambda *names: {"pymoo": "0.5.0"})
    assert "pymoo 0.5.0" in searching.optimiser(2)["note"]
    assert f"checked with {used['checked_with']}" in searching.optimiser(2)["note"]
    assert searching.optimiser(2)["algorithm"] == "NSGA-II"

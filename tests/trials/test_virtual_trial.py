import contextlib
import json
import os
import pickle
import signal
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neorlt.core.draws import generator
from neorlt.core.errors import InputError
from neorlt.core.tables import read_json
from neorlt.jobs.trial import trial_command
from neorlt.nuclides import nuclide, therapy
from neorlt.nuclides.user import read_nuclide
from neorlt.response.parameters import draw_parameters
from neorlt.trials import run
from neorlt.trials.answer import assumptions
from neorlt.trials.decide import logrank_z, single_arm_rule, two_arm_region
from neorlt.trials.design import BINARY, TrialDesign, design_from, read_design
from neorlt.trials.document import run_trial
from neorlt.trials.population import draw_population, enrol, population_table
from neorlt.trials.response_arm import treat
from neorlt.trials.rules import Rule
from neorlt.trials.run import here, make_plan, on_dask, run_block, run_block_elsewhere, run_plan

EXAMPLES = Path(__file__).parents[2] / "examples" / "trials"


def design(**changes: Any) -> TrialDesign:
    document: dict[str, Any] = {
        "name": "test",
        "n_draws": 40,
        "trials_per_draw": 5,
        "seed": 7,
        "arm": [{"name": "rlt", "n": 20, "scheme": "4 x 7.4 GBq Lu-177 every 8 weeks"}],
        "test": {"endpoint": "r0", "p0": 0.4, "alpha": 0.1},
    }
    document.update(changes)
    return design_from(document, Path("test.toml"))


TWO_ARMS: dict[str, Any] = {
    "arm": [
        {"name": "upfront", "kind": "upfront-surgery", "n": 30},
        {"name": "rlt", "n": 30, "scheme": "2 x 7.4 GBq Lu-177 every 8 weeks"},
    ],
    "test": {"kind": "score", "endpoint": "r0", "alpha": 0.025},
}


@pytest.fixture(scope="module")
def single() -> dict[str, Any]:
    return run_trial(design())


def test_marginals_are_those_stated_and_every_one_has_a_source() -> None:
    table = population_table()
    drawn = draw_population(40_000, generator(3, "test"))
    for name, spec in table["marginals"].items():
        assert spec["label"] in ("assumption", "by construction", "calibrated", "checked")
        assert len(spec["source"]) > 10
        if name in drawn and spec["family"] == "lognormal" and name != "liver_burden_pct":
            assert np.median(drawn[name]) == pytest.approx(spec["parameters"][0], rel=0.03)
        if name in drawn and spec["family"] == "bernoulli":
            assert drawn[name].mean() == pytest.approx(spec["parameters"][0], abs=0.01)
    rho = np.corrcoef(np.log(drawn["size_mm"]), np.log(drawn["ki67_pct"]))[0, 1]
    stated = next(r for a, b, r in table["correlation"]["pairs"] if (a, b) == ("size_mm", "ki67_pct"))
    assert rho == pytest.approx(stated, abs=0.05)
    assert (drawn["vein_deg"] > 0).mean() == pytest.approx(14 / 20, abs=0.01)
    assert np.all(drawn["liver_burden_pct"][drawn["liver_metastases"] == 0] == 0)


def test_only_eligible_patients_are_enrolled_and_screening_is_counted() -> None:
    rule = Rule("ki67_pct <= 20 and (size_mm > 40 or nodes_positive == 1) and not resectability == 2")
    patients = enrol(500, rule, generator(1, "test"))
    assert patients.n == 500
    assert rule(patients.columns).all()
    share = rule({**patients.columns}).mean()
    assert share == 1.0
    everybody = enrol(20_000, Rule(""), generator(2, "test"))
    assert 500 / patients.screened == pytest.approx(rule(everybody.columns).mean(), abs=0.06)


@pytest.mark.parametrize(
    "text", ["__import__('os')", "size_mm.real > 3", "size_mm > foo", "size_mm + 3 > 5", "size_mm in [1]", "size_mm >"]
)
def test_a_rule_can_do_nothing_but_compare(text: str) -> None:
    with pytest.raises(InputError, match="eligibility rule"):
        Rule(text)


def test_a_rule_that_nobody_passes_is_named() -> None:
    with pytest.raises(InputError, match="hardly any"):
        enrol(10, Rule("age_y > 87.99 and size_mm > 190"), generator(1, "test"))


def test_a_centres_table_replaces_the_marginals(tmp_path: Path) -> None:
    rows = ["patient_id,group,baseline_date,last_date,died,size_before_mm,ki67_before_pct,site"]
    rows += [f"P{i},rlt,2020-01-01,2021-01-01,no,{30 + i % 3},7,head" for i in range(12)]
    (tmp_path / "mine.csv").write_text("\n".join(rows), encoding="utf-8")
    from neorlt.cohorts.reading import read_cohort

    patients = enrol(300, Rule(""), generator(1, "t"), read_cohort(tmp_path / "mine.csv"))
    assert set(patients["size_mm"]) == {30.0, 31.0, 32.0}
    assert set(patients["ki67_pct"]) == {7.0}
    assert set(patients["head"]) == {1.0}
    assert len(set(patients["age_y"])) > 100  # not in the table: as drawn


def test_result_has_the_fixed_keys_and_all_enrolled_count(single: dict[str, Any]) -> None:
    assert {"arms", "endpoints", "power", "assurance", "n_simulated"} <= set(single)
    json.dumps(single, allow_nan=False)
    assert single["n_simulated"] == 200
    ends = single["arms"][0]["endpoints"]
    by = ends["r0_by_denominator"]
    assert by["enrolled"]["mean"] <= by["evaluated"]["mean"] <= by["resected"]["mean"]
    assert by["enrolled"]["count"] == by["resected"]["count"]
    assert ends["r0"]["mean"] == pytest.approx(ends["surgery"]["mean"] * by["resected"]["mean"], rel=1e-6)
    curve = ends["overall_survival"]["share"]
    assert curve[0] == 1.0
    assert all(b <= a for a, b in zip(curve, curve[1:], strict=False))
    risks, free = ends["cumulative_incidence"], ends["recurrence_free_survival"]["share"]
    total = np.array(risks["recurrence"]) + np.array(risks["death"]) + np.array(free)
    assert total == pytest.approx(np.ones(len(free)), abs=1e-9)
    assert any("Virtual trial" in note for note in single["notes"])


def test_what_no_data_stand_behind_is_named(single: dict[str, Any], tmp_path: Path) -> None:
    table, shipped = population_table(), read_json("trials", "scenarios.json")["base"]["values"]
    named = {row["name"] for row in single["assumptions"]}
    assert named >= {name for name, spec in table["marginals"].items() if spec["label"] == "assumption"}
    assert named >= {name for name, spec in shipped.items() if spec["label"] == "assumption"}
    assert {"correlation", "suv_dose_correlation", "lesion_shared_variance", "suv_max"} <= named
    assert not named & {name for name, spec in table["marginals"].items() if spec["label"] != "assumption"}
    assert all(row["source"] for row in single["assumptions"])
    (tmp_path / "mine.csv").write_text(
        "patient_id,group,baseline_date,last_date,died,age_y\nA,rlt,2020-01-01,2021-01-01,no,60\nB,rlt,2020-01-01,2021-01-01,no,50",
        encoding="utf-8",
    )
    own = design_from(
        {
            "arm": [{"name": "rlt", "n": 20, "scheme": "4 x 7.4 GBq Lu-177 every 8 weeks"}],
            "test": {"endpoint": "r0", "p0": 0.4},
            "population": {"table": "mine.csv"},
            "values": {"os_median_unresected_months": 40.0},
        },
        tmp_path / "test.toml",
    )
    rows = {row["name"]: row for row in assumptions(own)}
    assert "age_y" not in rows
    assert "suv_max" in rows
    assert rows["os_median_unresected_months"]["source"] == "the design file"


def test_the_answer_says_how_many_which_endpoint_and_what_chance() -> None:
    document = run_trial(design(**TWO_ARMS, sizes=[10, 30], scenario={"use": ["model", "null"]}))
    said = " ".join(document["answer"])
    best = max(document["sizes"], key=lambda row: row["p_clear_answer"])
    words = {"r0": "R0", "diameter_change_pct": "the change of diameter"}.get(best["endpoint"], best["endpoint"].replace("_", " "))
    assert f"{words} with {best['n_per_arm']} in each arm" in said
    assert "A clear answer" in said
    assert "80 % power would take about" in said or "no size would show" in said
    assert isinstance(document["type_one_error"]["within_nominal"], bool)


def test_the_same_seed_gives_the_same_trial_and_another_seed_another(single: dict[str, Any]) -> None:
    assert run_trial(design()) == single
    assert run_trial(design(seed=8)) != single


def test_blocks_do_not_depend_on_their_order() -> None:
    plan = make_plan(design(n_draws=60, trials_per_draw=20))
    assert plan.n_blocks > 1
    assert plan.n_trials == 1200

    def backwards(p: Any, indices: Any) -> list[dict[str, Any]]:
        wanted = list(indices)
        done = {i: run_block(p, i) for i in reversed(wanted)}
        return [done[i] for i in wanted]

    a, b = run_plan(plan, here), run_plan(plan, backwards)
    for name, part in a["scenarios"].items():
        assert np.array_equal(part["positive"], b["scenarios"][name]["positive"])


def test_scenarios_are_ordered_and_the_model_does_not_change_response(single: dict[str, Any]) -> None:
    rates = {name: part["rates_of_enrolled"]["rlt"] for name, part in single["scenarios"].items()}
    assert rates["pessimistic"]["r0"] < rates["model"]["r0"] < rates["optimistic"]["r0"]
    assert rates["optimistic"]["fistula"] < rates["model"]["fistula"] < rates["pessimistic"]["fistula"]
    assert rates["pessimistic"]["objective_response"] == rates["optimistic"]["objective_response"]
    assert single["scenarios"]["optimistic"]["label"] == "assumption"


def test_single_arm_level_is_the_enumerated_one() -> None:
    from scipy.stats import binom

    many = run_trial(design(n_draws=40, trials_per_draw=50, scenario={"use": ["model", "null"]}))
    one = many["type_one_error"]
    rule = single_arm_rule(design())
    assert rule.level == pytest.approx(binom.sf(rule.r, 20, 0.4), abs=1e-12)
    assert one["enumerated_largest"] == rule.level <= one["nominal"]
    assert abs(one["simulated"] - rule.level) < 3 * one["se"]


def test_two_stage_rule_is_that_of_simon() -> None:
    changed = design(
        arm=[{"name": "rlt", "n": 35, "scheme": "4 x 7.4 GBq Lu-177 every 8 weeks"}],
        test={"endpoint": "objective_response", "p0": 0.1, "r1": 1, "n1": 12, "cutoff": 6, "alpha": 0.1},
    )
    rule = single_arm_rule(changed)
    assert (rule.r, rule.stage1) == (5, (1, 12))
    assert rule.level == pytest.approx(0.0977182821621964, abs=1e-12)


def test_two_arm_type_one_error_is_at_most_nominal() -> None:
    found = run_trial(design(n_draws=60, trials_per_draw=10, scenario={"use": ["model", "null"]}, **TWO_ARMS))
    one = found["type_one_error"]
    assert one["simulated"] <= one["nominal"] + 2 * one["se"]
    region, level = two_arm_region(design(**TWO_ARMS), 30, 30)
    assert one["enumerated_largest"] == level
    assert region[30, 0]
    rates = found["scenarios"]["null"]["rates_of_enrolled"]
    assert rates["upfront"]["r0"] == pytest.approx(rates["rlt"]["r0"], abs=0.02)


def test_survival_test_holds_its_level_under_the_null() -> None:
    changed = {**TWO_ARMS, "test": {"kind": "logrank", "endpoint": "overall_survival", "alpha": 0.05}}
    found = run_trial(design(n_draws=40, trials_per_draw=10, scenario={"use": ["model", "null"]}, **changed))
    one = found["type_one_error"]
    assert one["simulated"] <= one["nominal"] + 3 * one["se"]
    assert one["enumerated_largest"] is None


def test_logrank_is_that_of_the_cohort_room() -> None:
    from neorlt.cohorts.survival import logrank

    rng = np.random.default_rng(5)
    time, event = rng.exponential(5, (3, 60)), rng.random((3, 60)) < 0.7
    arm = np.arange(60) >= 30
    z = logrank_z(time, event, arm)
    for i in range(3):
        assert z[i] ** 2 == pytest.approx(logrank(time[i], event[i], arm)[0], rel=1e-6)


def test_assurance_spreads_where_power_is_sharp(single: dict[str, Any]) -> None:
    assert 0 <= single["power"] <= 1
    low, high = single["conditional_power"]["ci90"]
    assert low <= single["assurance"] <= high or low == high


def test_more_cycles_shrink_more_and_no_dose_grows() -> None:
    parameters = draw_parameters(60, 1)
    patients = enrol(80, Rule("ki67_pct <= 20"), generator(1, "p"))
    zero = np.zeros(60)

    def change(scheme: str) -> float:
        d = design(arm=[{"name": "a", "n": 20, "scheme": scheme}])
        return float(treat(d, d.arms[0], patients, parameters, zero, 1.0, 3).diameter_change_pct.mean())

    assert change("4 x 7.4 GBq Lu-177 every 8 weeks") < change("2 x 7.4 GBq Lu-177 every 8 weeks") < 0
    assert change("4 x 0.01 GBq Lu-177 every 8 weeks") > -3


def test_toxicity_stops_or_delays_treatment() -> None:
    parameters = draw_parameters(40, 1)
    patients = enrol(60, Rule(""), generator(1, "p"))
    d = design()
    spared = treat(d, d.arms[0], patients, parameters, np.zeros(40), 1.0, 3)
    harmed = treat(d, d.arms[0], patients, parameters, np.ones(40), 1.0, 3)
    assert np.all(spared.cycles == 4)
    assert harmed.cycles.min() == 1
    assert harmed.haematotoxicity.all()
    assert np.mean(harmed.cycles == 4) == pytest.approx(0.5, abs=0.05)
    assert np.any(harmed.week > spared.week)
    assert harmed.diameter_change_pct.mean() > spared.diameter_change_pct.mean()


def test_dosimetry_guided_arms_differ_in_cycles() -> None:
    d = design(arm=[{"name": "g", "n": 20, "scheme": "8 x 7.4 GBq Lu-177 every 8 weeks", "dosimetry_guided": True}])
    patients = enrol(40, Rule(""), generator(1, "p"))
    got = treat(d, d.arms[0], patients, draw_parameters(30, 1), np.zeros(30), 1.0, 3)
    assert got.cycles.min() >= 1
    assert len(np.unique(got.cycles)) > 3


@pytest.mark.parametrize("name", ["neolupanet.toml", "which-scheme.toml"])
def test_examples_are_read_and_ask_what_they_say(name: str) -> None:
    found = read_design(EXAMPLES / name)
    assert found.n_draws * found.trials_per_draw == 10_000
    assert [arm.n for arm in found.arms] == ([31] if name == "neolupanet.toml" else [100, 100])


def test_the_outcome_of_neolupanet_is_used_nowhere() -> None:
    for table in ("population.json", "scenarios.json"):
        assert "znae178" not in json.dumps(read_json("trials", table))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arm": []}, "no \\[\\[arm\\]\\]"),
        ({"arm": [{"name": "a", "n": 20}]}, "needs its scheme"),
        ({"arm": [{"name": "a", "n": 1, "scheme": "4 x 7.4 GBq Lu-177 every 8 weeks"}]}, "n is out of range"),
        ({"test": {"endpoint": "happiness"}}, "unknown endpoint"),
        ({"test": {"endpoint": "r0"}}, "p0 is out of range"),
        ({"test": {"kind": "logrank", "endpoint": "r0"}}, "does not fit"),
        ({"test": {"kind": "score", "endpoint": "r0"}}, "number of arms"),
        ({"population": {"eligible": "x"}}, "unknown key"),
        ({"follow_up": {"restaging_weeks": 12}}, "unknown key"),
        ({"colour": "red"}, "unknown key"),
        ({"scenario": {"use": ["rosy"]}}, "unknown scenario"),
        ({"scenario": {"use": ["null"], "main": "model"}}, "main scenario"),
        ({"values": {"p_luck": 1}}, "unknown key"),
    ],
)
def test_wrong_designs_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        design(**change)


def test_missing_files_and_schedulers_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        trial_command(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("name = ", encoding="utf-8")
    with pytest.raises(InputError, match="not valid TOML"):
        trial_command(bad)


def test_every_binary_endpoint_is_reported(single: dict[str, Any]) -> None:
    assert set(BINARY) <= set(single["arms"][0]["endpoints"])


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_same_result() -> None:
    distributed = pytest.importorskip("distributed")
    plan = make_plan(design(n_draws=200, trials_per_draw=20, scenario={"use": ["model"]}))
    assert plan.n_blocks >= 5
    alone = run_plan(plan, here)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        mapper = on_dask(cluster.scheduler_address)
        victim = next(iter(cluster.workers.values())).process.pid
        killed = threading.Event()

        def kill() -> None:
            os.kill(victim, signal.SIGKILL)
            killed.set()

        threading.Timer(2.0, kill).start()
        together = run_plan(plan, mapper)
        assert killed.is_set(), "the worker was to die in the middle of the work"
    assert np.array_equal(alone["scenarios"]["model"]["positive"], together["scenarios"]["model"]["positive"])
    for name, counts in alone["scenarios"]["model"]["arms"][0]["counts"].items():
        assert np.array_equal(counts, together["scenarios"]["model"]["arms"][0]["counts"][name])


HOLMIUM = Path(__file__).parents[1] / "data" / "nuclides" / "ho166.toml"
OWN_NUCLIDE = """
name = "own nuclide"
n_draws = 20
trials_per_draw = 5
seed = 7
scenario = { use = ["model"] }
test = { endpoint = "r0", p0 = 0.4, alpha = 0.1 }
arm = [{ name = "ho", n = 20, scheme = "3 x 1 GBq Ho-166 every 8 weeks" }]
"""


def test_workers_are_told_a_nuclide_of_the_users_own(monkeypatch: pytest.MonkeyPatch, forget_nuclides: Callable[[], None]) -> None:
    """What a scheduler carries is bytes, and a worker has read no file: every block brings the nuclide and the order of the axes."""
    pytest.importorskip("distributed")
    read_nuclide(HOLMIUM)
    plan = make_plan(design_from(tomllib.loads(OWN_NUCLIDE), Path("test.toml")))
    here_known = nuclide.get_nuclide("Ho-166").electron_energy_mev
    carried: list[bytes] = []

    class Client:
        def submit(self, function: Any, *args: Any, **_: Any) -> None:
            carried.append(pickle.dumps((function, args)))

        def gather(self, _: list[None]) -> list[Any]:
            found = []
            for task in carried:
                forget_nuclides()
                function, args = pickle.loads(task)
                found.append(function(*args))
            return found

    monkeypatch.setattr(run, "connected", lambda address: contextlib.nullcontext(Client()))
    monkeypatch.setattr(run, "run_block", lambda p, i: (i, p.nuclides, nuclide.get_nuclide("Ho-166").electron_energy_mev))
    expected = [(i, ("Lu-177", "Y-90", "Ho-166"), here_known) for i in range(3)]
    assert on_dask("tcp://elsewhere")(plan, range(3)) == expected


def test_a_worker_that_knows_another_nuclide_by_this_name_refuses(tmp_path: Path) -> None:
    read_nuclide(HOLMIUM)
    plan = make_plan(design_from(tomllib.loads(OWN_NUCLIDE), Path("test.toml")))
    row = therapy.added_row("Ho-166")
    run_block_elsewhere([row], plan, 0)
    other = row | {"emissions": row["emissions"] | {"half_life_h": 30.0}}
    with pytest.raises(InputError, match="another Ho-166 on a worker.*start the workers again"):
        run_block_elsewhere([other], plan, 0)


def test_parameters_follow_the_nuclides_of_the_plan_not_of_an_earlier_trial() -> None:
    run_block(make_plan(design(n_draws=20)), 0)
    read_nuclide(HOLMIUM)
    run_block(make_plan(design_from(tomllib.loads(OWN_NUCLIDE), Path("test.toml"))), 0)


def test_arms_without_radioligand_therapy_are_what_they_say() -> None:
    d = design(
        arm=[{"name": "chemo", "kind": "chemotherapy", "n": 20}, {"name": "now", "kind": "upfront-surgery", "n": 20}],
        test={"kind": "t", "endpoint": "diameter_change_pct"},
    )
    patients, parameters = enrol(400, Rule(""), generator(1, "p")), draw_parameters(10, 1)
    chemo, now = (treat(d, arm, patients, parameters, np.zeros(10), 1.0, 3) for arm in d.arms)
    assert np.median(chemo.diameter_change_pct) == pytest.approx(100 * (np.exp(-0.35 / 3) - 1), abs=1.0)
    assert np.all(now.diameter_change_pct == 0)
    assert np.array_equal(now.resectability[0], patients["resectability"].astype(int))
    assert chemo.cycles.max() == 0


def test_fewer_complications_and_smaller_tumours_count_as_better() -> None:
    from scipy.stats import binom

    from neorlt.trials.decide import compare

    rng = np.random.default_rng(1)

    def arm(rate: float, change: float) -> dict[str, Any]:
        return {
            "flags": {"complication": rng.random((5, 4, 30)) < rate},
            "values": {"diameter_change_pct": rng.normal(change, 5, (5, 4, 30))},
        }

    d = design(**TWO_ARMS)
    bad, good = arm(0.8, 0.0), arm(0.1, -30.0)
    for endpoint in ("complication", "diameter_change_pct"):
        better, worse = compare(d, endpoint, bad, good, 30)
        assert better.all()
        assert not worse.any()
    # One arm against a rate of complications that is too high: patients without one are counted.
    rule = single_arm_rule(design(test={"endpoint": "complication", "p0": 0.6, "alpha": 0.1}))
    assert rule.level == pytest.approx(binom.sf(rule.r, 20, 0.4), abs=1e-12)
    assert rule.level <= 0.1

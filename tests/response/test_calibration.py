"""What is shipped: the posterior belongs to this model, its report tells the truth, and a centre's own lesions can be set against it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.stats import norm

from neorlt.core import tables
from neorlt.core.draws import systematic
from neorlt.core.errors import InputError
from neorlt.jobs.calibrate import calibrate_command
from neorlt.response import centre, fitting, judging, nuts
from neorlt.response.parameters import (
    LEVEL_NAMES,
    MODEL_VERSION,
    TUMOUR_NAMES,
    calibration_warnings,
    draw_from,
    draw_parameters,
    read_priors,
)
from neorlt.response.reading import best_log_density


def test_best_of_follow_ups_density_matches_simulation():
    volumes, sd = np.array([-0.4, -0.9, -1.0, -0.7]), 0.1
    rng = np.random.default_rng(1)
    s = 3 * sd / np.sqrt(2)
    reading = volumes + s * (rng.standard_normal((400_000, 4)) - rng.standard_normal((400_000, 1)))
    best = reading.min(axis=1)
    for y in (-1.6, -1.3, -1.1, -0.8):
        counted = np.mean(np.abs(best - y) < 0.02) / 0.04
        density = float(np.exp(best_log_density(np.asarray(y), volumes, sd)))
        assert density == pytest.approx(counted, rel=0.03)
        above = float(np.exp(best_log_density(np.asarray(y), volumes, sd, density=False)))
        assert above == pytest.approx(np.mean(best > y), abs=0.004)


def test_priors_use_nothing_from_the_lesions():
    priors = read_priors()
    assert (priors["alpha_per_gy"]["family"], priors["alpha_per_gy"]["parameters"]) == ("lognormal", [0.05, 1.2])
    assert (priors["omega_alpha"]["family"], priors["omega_alpha"]["parameters"]) == ("half-normal", [1.5])
    assert priors["ki67_log_alpha"]["parameters"][0] == 0.0 and priors["origin_small_intestine"]["parameters"][0] == 0.0


def test_shipped_posterior_belongs_to_this_model():
    from neorlt.response.calibrate import fingerprint

    report = tables.read_json("response", "posterior.json")
    assert report["model_version"] == MODEL_VERSION
    assert report["posterior_hash"] == hashlib.sha256(tables.read_bytes("response", "posterior.npz")).hexdigest()
    names = set(tables.read_npz("response", "posterior.npz"))
    np.testing.assert_allclose(fingerprint(), report["fingerprint"], atol=2e-3)
    assert names == {*TUMOUR_NAMES, "fibrosis_fraction", *LEVEL_NAMES}


def test_shipped_posterior_is_the_default_only_if_it_converged():
    report = tables.read_json("response", "posterior.json")
    meets = report["divergences"] == 0 and report["rhat_max"] <= 1.01 and report["ess_min"] >= 1000
    meets = meets and report["reweighting"]["pareto_k"] <= 0.7
    assert report["converged"] == meets
    assert [w["name"] for w in calibration_warnings()] == ([] if meets else ["calibration-not-converged"])
    assert draw_parameters(10, 1).source == ("posterior" if meets else "prior")


def test_every_study_is_left_out_and_beside_it_stand_models_without_mechanism():
    report = tables.read_json("response", "posterior.json")
    rows = report["left_out"]["rows"]
    assert {row["study"] for row in rows} == set(report["studies"]) and len(rows) == report["n_terms"]
    assert all(row["use"] == "fit" for row in rows) and all(row["use"] == "check" for row in report["checks"]["rows"])
    assert sum(bool(row["baselines"]) for row in rows) >= len(rows) - 1
    assert set(report["left_out"]["refit_needed"]) == {row["study"] for row in rows if row["pareto_k"] > 0.7}


def test_a_new_patient_is_of_a_new_study():
    parameters = draw_parameters(4000, 1, "posterior")
    tau = float(np.median(tables.read_npz("response", "posterior.npz")["study_log_sd"]))
    assert np.std(parameters.study_log_alpha) == pytest.approx(tau, rel=0.35)


def test_doubling_the_draws_moves_no_median_by_more_than_its_error():
    few, many = (draw_parameters(n, 1, "posterior").alpha_per_gy for n in (1000, 2000))
    error = np.std(np.log(few)) * 1.2533 / np.sqrt(1000)
    assert abs(np.median(np.log(few)) - np.median(np.log(many))) < 4 * error


HEADER = "origin,ki67_pct,dose_gy,cycles,activity_gbq,week,change_diameter_pct\n"


def _table(tmp_path, *rows):
    path = tmp_path / "ours.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_bad_rows_of_a_centres_table_are_all_named(tmp_path):
    path = _table(tmp_path, "pancreas,5,100,4,7.4,36,-20", "lung,5,100,4,7.4,36,-20", "pancreas,5,much,4,7.4,36,-20")
    with pytest.raises(InputError, match="2 rows") as caught:
        centre.read_table(path)
    assert "line 3" in str(caught.value) and "line 4" in str(caught.value)
    bad = tmp_path / "bad.csv"
    bad.write_text("origin,dose_gy\npancreas,3\n", encoding="utf-8")
    with pytest.raises(InputError, match="columns are missing"):
        centre.read_table(bad)


@pytest.mark.parametrize(("head", "row", "message"), [
    ("origin,ki67,dose_gy,cycles,week,change_diameter_pct", "pancreas,12,100,4,,-10", "rename it ki67_pct"),
    ("origin,ki67_pct,dose_gy,cycles,week,change_diameter_pct", "pancreas,12,100,2.5,,-10", "whole number"),
])
def test_a_misspelt_column_or_half_a_cycle_is_refused_by_name(tmp_path, head, row, message):
    """Ki-67 under another name would be taken as unknown, and 5 % be assumed without a word."""
    path = tmp_path / "t.csv"
    path.write_text(f"{head}\n{row}\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        centre.read_table(path)
    path.write_text("origin,dose_gy,cycles,week,change_diameter_pct,colour\npancreas,100,4,,-10,red\n", encoding="utf-8")
    assert centre.read_table(path).n == 1, "a centre's own columns stay"


def test_a_lesion_is_named_by_its_line_and_one_that_stands_twice_is_told(tmp_path):
    """Blank lines of a spreadsheet are lines too; a row that was copied counts twice, which no score shows."""
    path = tmp_path / "t.csv"
    path.write_text("origin,dose_gy,cycles,week,change_diameter_pct\npancreas,120,4,,-10\n\n,,,,\npancreas,100,4,37,-20\n"
                    "pancreas,120,4,,-10\npancreas,120,4,37,-10\n", encoding="utf-8")
    found = centre.read_table(path)
    assert found.lines.tolist() == [2, 5, 6, 7] and found.alike == [[2, 6]] and found.take(np.array([2, 1])).lines.tolist() == [6, 5]
    told = centre.check(found, draw_parameters(20, 1, "posterior"))
    assert [row["line"] for row in told["lesions"]] == [2, 5, 6, 7]
    assert len(told["warnings"]) == 1 and "Lines 2, 6 are alike" in told["warnings"][0]


def test_a_table_with_both_changes_is_told_to_keep_one(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("origin,dose_gy,cycles,week,change_diameter_pct,change_volume_pct\npancreas,120,4,,-10,-27\n", encoding="utf-8")
    with pytest.raises(InputError, match="keep the one"):
        centre.read_table(path)


@pytest.mark.parametrize("other", [{"table": Path("t.csv")}, {"import_likelihood": [Path("other.npz")]}])
def test_a_study_cannot_be_left_out_of_draws_that_saw_it(other):
    with pytest.raises(InputError, match="--leave-out refits"):
        calibrate_command(None, leave_out="netter2", **other)


def test_one_lesion_has_no_standard_error(tmp_path):
    one = centre.read_table(_table(tmp_path, "pancreas,5,100,4,7.4,36,-20"))
    told = centre.check(one, draw_parameters(60, 1, "posterior"))
    assert all(value["standard_error"] is None for value in told["against"].values())


@pytest.mark.parametrize(("k", "survivors", "trusted"), [
    (0.3, 900.0, True), (0.9, 900.0, False), (0.3, 7.0, False), (float("inf"), 1.0, False)])
def test_where_few_draws_are_left_it_is_said_what_to_do(k, survivors, trusted):
    told = centre.trust(k, survivors)
    assert told["trusted"] is trusted and ("--check" in told.get("note", "")) is not trusted


def test_lesions_that_the_model_made_are_covered_and_their_order_is_nothing(tmp_path):
    """Lesions of the posterior's own making; permuting them permutes what is said and changes no score."""
    parameters = draw_parameters(64, 2, "posterior")
    rng = np.random.default_rng(5)
    n = 20
    table = centre.CentreTable(np.zeros(n, np.intp), np.full(n, 6.0), rng.uniform(40, 250, n), np.full(n, 4), np.full(n, 37.0), np.zeros(n))
    one = parameters.take(np.array([17]))
    z = rng.standard_normal(n)
    volume = np.array([centre.log_volumes(one, table.take(np.array([i])), np.float32([z[i]]), np.float32([0.0]))[0, 0, 0, 0]
                       for i in range(n)])
    read = volume + 3 * float(one.sigma_d[0]) * rng.standard_normal(n)
    made = centre.CentreTable(table.origin, table.ki67_pct, table.dose_gy, table.cycles, table.week, read)
    found = centre.check(made, parameters)
    assert found["coverage"]["90"] > 0.7
    order = rng.permutation(n)
    again = centre.check(made.take(order), parameters)
    assert again["log_score_per_lesion"] == pytest.approx(found["log_score_per_lesion"], abs=1e-6)
    np.testing.assert_allclose(np.array(again["pit"]), np.array(found["pit"])[order], atol=2e-4)


def test_the_predicted_interval_holds_what_the_chance_of_less_says(tmp_path):
    """Two roads to one distribution: readings that are drawn, and the integral over nodes."""
    parameters = draw_parameters(150, 3, "posterior")
    for week in (37.0, np.nan):
        table = centre.CentreTable(np.array([0]), np.array([5.0]), np.array([90.0]), np.array([4]), np.array([week]), np.array([0.0]))
        predicted = centre.predicted_pct(parameters, table)[:, 0]
        below = [float(centre.densities(parameters, dataclasses.replace(table, log_volume=np.array([3 * np.log1p(x / 100)])))[1].mean())
                 for x in predicted]
        np.testing.assert_allclose(below, centre.LEVELS, atol=0.02)


@pytest.mark.parametrize("week", [37.0, np.nan])
def test_a_lesions_density_is_that_of_many_points(week):
    """A reading's error is narrow beside the spread of lesions: the integral is that of 301 deviations, the model asked at each."""
    parameters = draw_parameters(12, 2, "posterior")
    seen = np.array([-1.6, -0.9, -0.4, 0.1])
    n = len(seen)
    table = centre.CentreTable(np.zeros(n, np.intp), np.full(n, 6.0), np.array([60.0, 90.0, 150.0, 220.0]), np.full(n, 4), np.full(n, week),
                               seen)
    found, below = centre.densities(parameters, table)
    z = np.linspace(-5, 5, 301)
    weight = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum() / 2
    density, chance = np.zeros(found.shape), np.zeros(found.shape)
    sd = np.asarray(parameters.sigma_d, np.float64)[:, None, None]
    for growth in (-1.0, 1.0):
        for i, part in enumerate(np.array_split(z.astype(np.float32), 7)):
            volume = centre.log_volumes(parameters, table, part, np.full(len(part), growth, np.float32))
            mass = np.array_split(weight, 7)[i][None, :, None]
            if np.isnan(week):
                by_visit = np.moveaxis(volume, -1, 0)
                each, above = (np.exp(np.asarray(best_log_density(seen, by_visit, sd, kind), np.float64)) for kind in (True, False))
            else:
                each, above = norm.pdf(seen, volume[..., 0], 3 * sd), norm.sf(seen, volume[..., 0], 3 * sd)
            density, chance = density + (mass * each).sum(axis=1), chance + (mass * (1 - above)).sum(axis=1)
    np.testing.assert_allclose(found, np.log(density), atol=0.03)
    np.testing.assert_allclose(below, chance, atol=0.005)


def test_a_check_is_drawn(tmp_path):
    from neorlt.jobs.calibrate import calibrate_command

    path = _table(tmp_path, "pancreas,5,100,4,7.4,36,-20", "small_intestine,,60,4,7.4,,-12", "pancreas,9,220,4,7.4,36,-95")
    document = calibrate_command(tmp_path / "out", check=path)
    held = json.loads((tmp_path / "out" / "check.json").read_text(encoding="utf-8"))
    assert held["pit"] == document["pit"] and held["coverage"] == document["coverage"]
    assert document["picture"] == str(tmp_path / "out" / "check.svg")
    svg = (tmp_path / "out" / "check.svg").read_text(encoding="utf-8")
    inside = sum(abs(p - 0.5) <= 0.45 for p in document["pit"])
    assert f"{inside} of 3 inside 90 %" in svg
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"  # else a browser shows its source
    for row in document["lesions"]:
        low, high = row["interval90_pct"]
        assert low <= row["interval50_pct"][0] <= row["median_pct"] <= row["interval50_pct"][1] <= high
    with pytest.raises(InputError, match="fits nothing"):
        calibrate_command(tmp_path / "out2", check=path, leave_out="netter2")


def test_counts_of_arms_are_no_weights_of_draws(tmp_path, monkeypatch):
    from neorlt.cohorts.contributions import FORMAT
    from neorlt.jobs import calibrate

    path = tmp_path / "likelihood.json"
    path.write_text(json.dumps({"format": FORMAT, "arms": []}), encoding="utf-8")
    with pytest.raises(InputError, match="counts of arms"):
        calibrate._read_likelihood(path, "x", 3)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="no exported likelihood"):
        calibrate._read_likelihood(path, "x", 3)


class Toy(fitting.Problem):
    """A normal posterior in the clothes of the synthesis: the chains are real, the likelihood is not."""

    def __init__(self, terms=(), n_points=1):
        self.terms, self.n_points = tuple(terms), n_points
        self.sizes, self.told = {"pop": 2, "u": 1, "v": 1}, {"u": np.zeros(1), "v": np.zeros(1)}
        self.mode, self.metric = (np.zeros(4), np.eye(4)), np.eye(4)
        self.density = lambda q: (float(-0.5 * (q**2).sum()), -q)

    def standard(self, z):
        return z

    def walked(self, standard):
        return np.asarray(standard)


def test_chains_on_a_cluster_give_the_numbers_of_one_process_and_go_on_where_they_were(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    from neorlt.core.cluster import connected

    monkeypatch.setattr(fitting, "Problem", Toy)
    monkeypatch.setattr(fitting, "CHUNK", 7)
    alone = Toy().sample(tmp_path / "alone", 5, 2, 60, 20)
    told = []
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster, \
            connected(cluster.scheduler_address) as client:
        executor = client.get_executor(pure=False, retries=5)
        Toy().sample(tmp_path / "together", 5, 2, 60, 0, None, executor)  # stopped after the warm-up
        together = Toy().sample(tmp_path / "together", 5, 2, 60, 20, lambda k, n: told.append((k, n)), executor)
    for name, value in alone.items():
        np.testing.assert_array_equal(together[name], value)
    assert told[-1] == (160, 160) and told[0][0] > 120


def test_a_cluster_that_does_not_answer_is_named(tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    from neorlt.core import cluster
    from neorlt.jobs.calibrate import calibrate_command

    monkeypatch.setattr(cluster, "WAIT_S", 1)
    with pytest.raises(InputError, match="no dask scheduler"):
        calibrate_command(tmp_path / "out", dask="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="chains of a refit"):
        calibrate_command(check=tmp_path / "x.csv", dask="tcp://127.0.0.1:9")


def test_data_that_are_given_are_the_data_that_were_baked_in():
    """One compiled density for all data says of each what a density of its own says."""
    def function(x, y):
        return -((x["a"] - y["seen"]) ** 2).sum()

    bound = nuts.with_data(function, lambda q: {"a": q})
    for seen in (np.float32([1, 2]), np.float32([0, 5])):
        own = nuts.as_density(lambda x, seen=seen: function(x, {"seen": seen}), lambda q: {"a": q})
        given, baked = bound({"seen": seen})(np.array([0.3, 0.4])), own(np.array([0.3, 0.4]))
        assert given[0] == pytest.approx(baked[0]) and given[1] == pytest.approx(baked[1])


def test_a_centre_whose_lesions_shrink_more_learns_that_of_itself():
    free = {name: value[:60] for name, value in tables.read_npz("response", "posterior.npz").items()}
    levels = {name: np.asarray(draw_from(read_priors()[name], np.random.default_rng(1), 60), np.float32) for name in LEVEL_NAMES}
    posterior = levels | free
    n = 12
    table = centre.CentreTable(np.zeros(n, np.intp), np.full(n, 6.0), np.full(n, 60.0), np.full(n, 4), np.full(n, 37.0), np.full(n, -1.6))
    found = centre.update(table, posterior, 3)
    assert found.study_effect["after"]["median"] > found.study_effect["before"]["median"] + 0.2
    assert len(found.log_likelihood) == 60 and set(found.posterior) >= {"study_alpha_z", "alpha_per_gy"}


def test_weights_that_are_even_keep_every_draw():
    np.testing.assert_array_equal(np.sort(systematic(np.full(50, 0.02), 50, np.random.default_rng(1))), np.arange(50))


def test_a_mixture_of_one_draw_scores_its_own_density():
    assert judging.mixture_score(np.array([-3.0, -9.0]), np.array([1.0, 0.0])) == pytest.approx(-3.0)


def test_a_lesion_that_is_gone_is_as_small_by_diameter_as_by_volume(tmp_path):
    """By volume it counted as 5 % of the volume, by diameter as 5 % of the diameter."""
    found = []
    for column, changes in (("change_diameter_pct", ("-100", "-50")), ("change_volume_pct", ("-100", "-87.5"))):
        path = tmp_path / f"{column}.csv"
        path.write_text(f"origin,dose_gy,cycles,week,{column}\n" + "".join(f"pancreas,{100 + i},4,36,{x}\n" for i, x in enumerate(changes)))
        found.append(centre.read_table(path).log_volume)
    assert found[0] == pytest.approx(found[1]) and found[0] == pytest.approx(3 * np.log([0.05, 0.5]))

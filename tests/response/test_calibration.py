"""The calibration's pieces: likelihood against simulation, priors, leave-one-out, stacking, what is shipped."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from neorlt.core import tables
from neorlt.response import calibration, loo, sbc
from neorlt.response.calibration import Assumptions
from neorlt.response.parameters import MODEL_VERSION, calibration_warnings, draw_parameters, has_posterior, read_priors, truncated_fibrosis

shipped = pytest.mark.skipif(not has_posterior(), reason="no posterior of this model version is shipped")


def test_best_of_follow_ups_density_matches_simulation():
    import jax.numpy as jnp

    volumes, sd = np.array([-0.4, -0.9, -1.0, -0.7]), 0.1
    rng = np.random.default_rng(1)
    s = 3 * sd / np.sqrt(2)
    reading = volumes + s * (rng.standard_normal((400_000, 4)) - rng.standard_normal((400_000, 1)))
    best = reading.min(axis=1)
    for y in (-1.6, -1.3, -1.1, -0.8):
        counted = np.mean(np.abs(best - y) < 0.02) / 0.04
        density = float(np.exp(calibration.best_log_density(jnp.asarray(y), jnp.asarray(volumes), sd)))
        assert density == pytest.approx(counted, rel=0.03)
        above = float(np.exp(calibration.best_log_density(jnp.asarray(y), jnp.asarray(volumes), sd, density=False)))
        assert above == pytest.approx(np.mean(best > y), abs=0.004)


def test_lesions_are_those_of_the_paper():
    lesions = calibration.read_lesions("7A")
    assert len(lesions.dose_gy) == 23
    assert int((lesions.dose_gy > 100).sum()) == 12
    assert np.expm1(lesions.log_volume).max() == pytest.approx(0.444)


def test_priors_use_nothing_from_the_lesions():
    priors = read_priors()
    assert (priors["alpha_per_gy"]["family"], priors["alpha_per_gy"]["parameters"]) == ("lognormal", [0.05, 1.2])
    assert (priors["omega_alpha"]["family"], priors["omega_alpha"]["parameters"]) == ("half-normal", [1.5])
    assert (priors["residual_fraction"]["family"], priors["residual_fraction"]["parameters"]) == ("beta", [2.0, 9.0])
    assert priors["clearance_half_life_d"]["parameters"] == [45.0, 0.6]


def test_cut_fibrosis_prior_stays_below_the_residual():
    from scipy.stats import beta

    r = np.full(20_000, 0.15)
    phi = truncated_fibrosis(np.random.default_rng(0).uniform(size=len(r)), r)
    assert phi.max() <= 0.15
    expected = beta.expect(lambda x: x, (2, 6), lb=0, ub=0.15, conditional=True)
    assert phi.mean() == pytest.approx(expected, rel=0.01)


@shipped
def test_the_fit_s_quadrature_costs_nothing():
    found = tables.read_json("response", "posterior.json")["quadrature"]
    assert found["effective_share"] > 0.9 and found["pareto_k"] < 0.7


def test_effects_are_integrated_as_many_drawn_lesions_would():
    """The fit's 32 points against plain Monte Carlo over lesions, one population."""
    import jax.numpy as jnp

    lesions = calibration.read_lesions("7A")
    free = {"alpha_per_gy": 0.03, "omega_alpha": 0.8, "alpha_beta_gy": 10.0, "repair_half_time_h": 1.5, "residual_fraction": 0.12,
            "clearance_half_life_d": 45.0, "eta": 0.1, "nu": -0.2, "clone_fraction": 0.3, "clone_ki67_ratio": 3.0,
            "activity_log_sd": 0.6, "patch_diameter_mm": 2.0, "sigma_d": 0.12, "fibrosis_fraction": 0.05, "doubling_z": 0.0}
    found = np.asarray(calibration.make_marginal(lesions, Assumptions())(free, np.asarray(lesions.log_volume, np.float32)))
    rng = np.random.default_rng(4)
    n = 1024
    one = {name: np.full(1, value, np.float32) for name, value in free.items()}
    volumes = calibration.simulate_best(one, lesions.dose_gy, Assumptions(), rng, n)[0]
    density = np.asarray(calibration.best_log_density(jnp.asarray(lesions.log_volume), jnp.asarray(np.moveaxis(volumes, 1, 0)), 0.12))
    truth = np.log(np.exp(density).mean(axis=0))
    np.testing.assert_allclose(found, truth, atol=0.1)


def test_psis_loo_matches_exact_leave_one_out():
    """Normal mean with known SD: leave-one-out density is known in closed form."""
    rng = np.random.default_rng(5)
    y = rng.normal(0.3, 1.0, 20)
    post = rng.normal(y.mean(), 1 / np.sqrt(20), 20_000)
    density = -0.5 * (y - post[:, None]) ** 2 - 0.5 * np.log(2 * np.pi)
    found = loo.psis_loo(density)
    rest = (y.sum() - y) / 19
    exact = -0.5 * (y - rest) ** 2 / (1 + 1 / 19) - 0.5 * np.log(2 * np.pi * (1 + 1 / 19))
    np.testing.assert_allclose(found.elpd_pointwise, exact, atol=0.01)
    assert found.pareto_k.max() < 0.7


def test_stacking_prefers_the_model_that_predicts():
    good, bad = np.full(20, -1.0), np.full(20, -3.0)
    assert loo.stacking_weights(np.array([good, bad]))[0] > 0.95
    half = np.where(np.arange(20) % 2, -1.0, -9.0)
    np.testing.assert_allclose(loo.stacking_weights(np.array([half, half[::-1]])), 0.5, atol=0.02)


def test_holm_rejects_step_by_step():
    assert sbc.holm({"a": 0.0001, "b": 0.006, "c": 0.5}, 0.01) == {"a": True, "b": False, "c": False}


def test_uniformity_finds_a_bias_and_spares_uniform_ranks():
    rng = np.random.default_rng(0)
    fair = {"x": rng.integers(0, 100, 400).tolist()}
    assert sbc.uniformity(fair)["uniform"]
    biased = {"x": np.clip(rng.integers(0, 100, 400) + 15, 0, 99).tolist()}
    assert not sbc.uniformity(biased)["uniform"]


def test_true_values_of_a_replicate_survive_the_way_to_the_samplers_scale():
    """The way back is numpyro's own."""
    util = pytest.importorskip("numpyro.infer.util")
    for seed in range(5):
        truth = sbc.draw_truth(np.random.default_rng(seed))
        z = {name: np.float32(value) for name, value in sbc.to_unconstrained(truth).items()}
        back = util.constrain_fn(calibration.sample_population, (), {}, z, return_deterministic=True)
        for name in sbc.RANKED:
            np.testing.assert_allclose(float(back[name]), truth[name][0], rtol=2e-5, atol=1e-6, err_msg=name)


def test_finished_replicates_are_not_run_again(tmp_path):
    pytest.importorskip("numpyro")
    rng = np.random.default_rng(3)
    rows = [{"seed": 4, "replicate": i, "ranks": {name: int(rng.integers(100)) for name in sbc.RANKED}, "diverging_moves": int(i == 2),
             "acceptance": 0.9} for i in range(30)]  # fmt: skip
    finished = tmp_path / "finished.jsonl"
    finished.write_text("".join(json.dumps(row) + "\n" for row in rows[::-1]), encoding="utf-8")
    report = sbc.run_sbc(30, 4, finished)
    assert report["ranks"]["eta"] == [row["ranks"]["eta"] for row in rows]
    assert (report["n"], report["replicates_with_divergences"], report["median_acceptance"]) == (30, 1, 0.9)
    assert len(finished.read_text(encoding="utf-8").splitlines()) == 30


@shipped
def test_shipped_posterior_belongs_to_this_model():
    from neorlt.response.calibrate import fingerprint

    report = tables.read_json("response", "posterior.json")
    assert report["model_version"] == MODEL_VERSION
    assert report["posterior_hash"] == hashlib.sha256(tables.read_bytes("response", "posterior.npz")).hexdigest()
    np.testing.assert_allclose(fingerprint(), report["fingerprint"], rtol=2e-3)


@shipped
def test_shipped_posterior_is_the_default_only_if_it_converged():
    report = tables.read_json("response", "posterior.json")
    meets = report["divergences"] == 0 and report["rhat_max"] <= 1.01 and report["ess_min"] >= 1000
    assert report["converged"] == meets
    assert [w["name"] for w in calibration_warnings()] == ([] if meets else ["calibration-not-converged"])
    assert draw_parameters(10, 1).source == ("posterior" if meets else "prior")
    median = np.median(draw_parameters(4000, 1, "posterior").alpha_per_gy)
    assert median == pytest.approx(report["summary"]["alpha_per_gy"]["median"], rel=0.1)


@shipped
def test_posterior_differs_from_the_prior_where_data_speak():
    prior, posterior = (draw_parameters(2000, 1, source) for source in ("prior", "posterior"))
    spread = [np.ptp(np.quantile(np.log(p.alpha_per_gy), [0.05, 0.95])) for p in (prior, posterior)]
    assert spread[1] < 0.8 * spread[0]

"""Noise is not doubt: chances are integrals, the same as brute force finds, and twice the points move them by next to nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtr

from neorlt.planning import chances
from neorlt.planning.patient import read_patient
from neorlt.planning.predict import predict
from neorlt.planning.scheme import parse_scheme
from neorlt.planning.world import build_world
from neorlt.response import blood
from neorlt.response.arrays import LesionEffects
from neorlt.response.simulate import simulate

EXAMPLE = Path(__file__).parents[2] / "examples" / "pannet-head.toml"
SCHEME = parse_scheme("4 x 7.4 GBq Lu-177 every 8 weeks")
DUAL = parse_scheme("2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks")


@pytest.fixture(scope="module")
def patient():
    return read_patient(EXAMPLE)


def test_interpolated_lesions_give_the_chances_of_simulated_ones(patient):
    """Every point simulated by itself, against eight by three nodes: the same chance in every draw within two points."""
    world = build_world(patient, n_draws=60, seed=2)
    schedule = world.schedule(SCHEME, np.array([36.0]))
    at_nodes = simulate(world.parameters, world.lesions, schedule, world.node_effects).relative_volume
    carried = chances.carry_log(world, at_nodes)[:, :, :, 0]
    alpha, growth = (z.reshape(-1, 3).astype(np.float32) for z in (world.points.alpha_z, world.points.growth_z))
    effects = LesionEffects(alpha, growth, 0 * alpha, world.n_points, 1)
    direct = simulate(world.parameters, world.lesions, schedule, effects).relative_volume.reshape(carried.shape)
    sd = world.parameters.sigma_d[:, None, None]
    chance = [ndtr((np.log(0.7) - np.log(volume) / 3) / sd).mean(axis=1) for volume in (carried, direct)]
    assert np.abs(chance[0].mean(axis=0) - chance[1].mean(axis=0)).max() < 0.003
    assert np.abs(chance[0] - chance[1]).max() < 0.03


def test_blood_chances_are_the_share_of_simulated_marrows(patient):
    world = build_world(patient, n_draws=40, seed=2)
    baselines = {"platelets": 110.0, "neutrophils": 2.2}
    activity, weeks = DUAL.given_gbq(("Lu-177", "Y-90")), [c.week for c in DUAL.cycles]
    marrow = chances.marrow_course(world, activity, weeks, [0] * 4, 52.0, keep_days=False)
    found = chances.grade34_chances({line: marrow.log_fall(line) for line in baselines}, baselines)
    rng, n = np.random.default_rng(1), 256
    shared = float(blood.blood_table()["shared_variance"]["value"])
    z = np.sqrt(shared) * rng.standard_normal((40, n, 1)) + np.sqrt(1 - shared) * rng.standard_normal((40, n, 4))
    slopes = np.exp(world.slope_centre[:, None] + world.slope_spread[:, None] * z).reshape(-1, 4).astype(np.float32)
    dose = (world.marrow_gy_per_gbq[:, None] * activity).astype(np.float32)
    counted = blood.p_grade34(blood.blood_course(
        world.parameters, dose, world.marrow_half_life_h, weeks, weeks=52.0, slopes=slopes, n_replicates=n,
        persistent=np.repeat(world.persistent, n), keep_days=False), baselines, n)
    for name in ("platelets", "neutrophils", "any"):
        assert found[name].mean() == pytest.approx(counted[name].mean(), abs=0.01), name
        assert np.abs(found[name] - counted[name]).max() < 0.13, name


def test_twice_the_points_move_no_chance_and_no_interval(patient):
    world = build_world(patient, n_draws=500, seed=3)
    twice = dataclasses.replace(world, n_points=2 * world.n_points)
    for scheme in (SCHEME, DUAL):
        few, many = predict(world, scheme), predict(twice, scheme)
        for name in ("p_objective_response", "p_resectable", "p_not_locally_advanced"):
            a, b = getattr(few, name), getattr(many, name)
            assert a.value == pytest.approx(b.value, abs=0.005), name
            assert a.ci90 == pytest.approx(b.ci90, abs=0.010), name
        assert few.platelets.p_grade34 == pytest.approx(many.platelets.p_grade34, abs=0.005)
        assert few.p_downgrading == pytest.approx(many.p_downgrading, abs=0.005)

"""The evidence synthesis: what enters it, its integrals against simulation, its sampler, its baselines, its labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.response import arms, baselines, fitting, judging, nuts, ranks, reach, studies, surface, synthesis
from neorlt.response.arrays import LesionArrays, ScheduleArrays, origin_code
from neorlt.response.fitting import Problem
from neorlt.response.parameters import draw_parameters
from neorlt.response.simulate import simulate


def test_a_population_enters_once():
    fitted = studies.fitted()
    rows = [(t.study, t.id) for t in fitted]
    assert len(rows) == len(set(rows))
    ids = {t.id for t in fitted if t.study == "netter2" and t.kind == "counts" and t.treatment == "rlt"}
    assert ids == {"RLT, pancreas: response", "RLT, small intestine: response", "RLT, other origin: response"}
    assert sum(t.counts[0] for t in fitted if t.study == "netter2" and t.treatment == "rlt" and t.kind == "counts") == 65
    assert not {"neolupanet_2024", "oclurandom", "waldherr_2002", "ha_2024"} & {t.study for t in fitted}
    assert [t.id for t in fitted if t.study == "compete"] == ["RLT, gastroenteric: response"]
    assert {t.study for t in fitted} & {"minczeles_2022", "brabander_2017", "van_der_zwan_2019", "van_vliet_2015"} == {"minczeles_2022"}


def test_each_curve_is_counted_by_one_number():
    curves = [t for t in studies.fitted() if t.kind == "pfs"]
    assert len({(t.study, t.id.split(":")[0]) for t in curves}) == len(curves)
    ratio = [t for t in curves if t.statistic == "hazard_ratio"]
    assert [t.study for t in ratio] == ["netter1"] and ratio[0].free == pytest.approx(0.214)


def test_a_row_marked_check_cannot_be_fitted():
    entry = {"id": "x", "kind": "counts", "use": "fit", "table": "arms.csv", "row": "RLT, G1", "origin": {"pancreas": 1.0},
             "ki67_median_pct": 5.0, "ki67_log_sd": 0.5}
    with pytest.raises(InputError, match="marked check"):
        studies._term("compete", entry)


def test_leaving_out_an_unknown_study_is_refused():
    with pytest.raises(InputError, match="no fitted study"):
        studies.fitted("nobody_2020")
    assert all(t.study != "netter2" for t in studies.fitted("netter2"))


LATENT = np.array([[0.05, -0.1, -0.25, -0.33, -0.36, -0.3, -0.2], [0.02, 0.05, 0.1, 0.14, 0.2, 0.3, 0.4],
                   [-0.05, -0.2, -0.4, -0.5, -0.5, -0.45, -0.4]])


def test_best_response_matches_patients_read_one_by_one():
    rng = np.random.default_rng(2)
    weeks, sd, exits, n = np.array([16, 24, 36, 48, 60, 72, 96.0]), 0.07, 0.002, 60_000
    given = arms.points(1024, 7)
    sums = np.repeat(LATENT[:, None, :], 1024, axis=1)
    three = np.repeat(weeks[None], 3, axis=0)
    rate = np.full((3, 1024), exits)
    sds, ratios = np.full(3, sd), np.full(3, np.log(0.7))
    response, first = (np.asarray(x).mean(axis=1) for x in arms.best_response(sums, three, rate, sds, ratios, given))
    curve = np.asarray(arms.free_of_progression(sums, three, rate, np.full(3, sd), given)).mean(axis=1)
    for i, latent in enumerate(LATENT):
        read = latent + sd * (rng.standard_normal((n, 7)) - rng.standard_normal((n, 1)))
        out = rng.exponential(1 / exits, n)[:, None] < weeks
        nadir = np.minimum.accumulate(np.concatenate([np.zeros((n, 1)), read[:, :-1]], axis=1), axis=1)
        stopped = (read >= np.log(1.2) + nadir) | out
        answered = read <= np.log(0.7)
        when = np.where(stopped.any(1), stopped.argmax(1), 99)
        answer = np.where(answered.any(1), answered.argmax(1), 99)
        assert response[i] == pytest.approx(np.mean((answer < 99) & (answer < when)), abs=0.015)
        assert first[i] == pytest.approx(np.mean(when == 0), abs=0.01)
        np.testing.assert_allclose(curve[i], [(when > j).mean() for j in range(7)], atol=0.015)


def test_the_integral_over_visits_has_the_gradient_of_its_differences():
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        given = arms.Points(*(np.asarray(x, np.float64) for x in arms.points(64, 7)))
        weeks = jnp.asarray(np.repeat([[16, 24, 36, 48, 60, 72, 96.0]], 3, axis=0))

        def total(shift: float, sd: float) -> float:
            sums = jnp.asarray(np.repeat(LATENT[:, None, :], 64, axis=1)) + shift
            found = arms.best_response(sums, weeks, jnp.full((3, 64), 0.002), jnp.full(3, sd), jnp.full(3, np.log(0.7)), given)
            return found[0].mean() + arms.free_of_progression(sums, weeks, jnp.full((3, 64), 0.002), jnp.full(3, sd), given).mean()

        value, gradients = jax.jit(total), jax.jit(jax.grad(total, argnums=(0, 1)))
        for which, h in ((0, 1e-6), (1, 1e-6)):
            gradient = float(gradients(0.01, 0.07)[which])
            step = [np.array([0.01, 0.07]) + sign * h * np.eye(2)[which] for sign in (1, -1)]
            difference = float(value(*step[0]) - value(*step[1])) / (2 * h)
            assert gradient == pytest.approx(difference, rel=1e-4, abs=1e-6)


def held_growth(x):
    """Untreated growth, held where it would leave the exponential's range."""
    free = {"residual_fraction": 0.1 + 0.05 * x[0], "fibrosis_fraction": 0.05 + 0.02 * x[1], "clone_fraction": 0.2 + 0.1 * x[2],
            "clone_ki67_ratio": 4.0 + x[3]}
    return surface.untreated(free, -6.0 + 3.0 * x[4], np.array([12.0, 24.0, 52.0, 96.0])).sum()


def held_share(x):
    """A share free of progression between two visits, held above 0."""
    import jax.numpy as jnp

    curve = jnp.exp(-10.0 * jnp.cumsum(jnp.exp(x[:4])))[None]
    return arms.log_curve_at(curve, np.array([[8.0, 16.0, 24.0, 32.0]]), np.array([19.0]))[0] + x[4]


def held_place(x):
    """A lesion's place on the surface, held inside it."""
    import jax.numpy as jnp

    low, high = surface.EFFECT_RANGE
    middle = 0.5 * (low + high)
    return (surface.basis(jnp.exp(0.1 * x[0]) * middle + (high - low) * x[1], 8, low, high) * np.arange(1.0, 9.0)).sum() + x[2:].sum()


@pytest.mark.parametrize("held", [held_growth, held_share, held_place])
def test_what_is_held_at_a_limit_has_the_gradient_of_its_differences(held):
    """Compiled, on both sides of the limit: no share of a gradient is lost (findings/jax-gradient-of-minimum-when-unrolled)."""
    import jax

    with jax.enable_x64(True):
        x, h = np.random.default_rng(5).uniform(-1, 1, (400, 5)), 1e-6
        value, gradient = jax.jit(jax.vmap(held)), jax.jit(jax.vmap(jax.grad(held)))
        found = np.asarray(gradient(x))
        step = h * np.eye(5)
        difference = np.stack([np.asarray(value(x + d) - value(x - d)) / (2 * h) for d in step], axis=1)
        np.testing.assert_allclose(found, difference, rtol=1e-5, atol=1e-6 * np.abs(difference).max())


def test_lesions_read_off_the_surface_are_those_of_direct_courses():
    free = {"alpha_beta_gy": 10.0, "repair_half_time_h": 1.5, "residual_fraction": 0.12, "clearance_half_life_d": 45.0, "eta": 0.1,
            "nu": -0.2, "clone_fraction": 0.3, "clone_ki67_ratio": 3.0, "activity_log_sd": 0.6, "patch_diameter_mm": 2.0,
            "fibrosis_fraction": 0.05}
    surfaces = surface.Surfaces((surface.Course(4, 8.0, (16.0, 36.0, 48.0, 72.0)),))
    assert surface.surface_error(surfaces, free)["rms_log_diameter"] < 0.02


@pytest.mark.parametrize("figure", ["odd half", "figure 7A"])
def test_no_lesion_is_impossible_for_lying_between_nodes(figure):
    """Lesions drawn one by one: their mean log density is that of the density itself, in single readings and in the best of several.

    On 16 nodes to 3 standard deviations, growth at plus and minus one, these stood 0.45 and 0.99 too low (50 standard errors and more).
    """
    import jax
    import jax.numpy as jnp

    term = next(t for t in studies.fitted() if t.id == figure)
    term = dataclasses.replace(term, dose_gy=np.array([60.0]), log_volume=np.array([0.0]), dose_per_cycle_gy=None, cycles=4)
    model = synthesis.Synthesis((term,))
    free = {name: float(value) for name, value in synthesis.constrain(np.zeros(len(synthesis.POPULATION), np.float32)).items()}
    free |= {"sigma_d": 0.03}
    coefficients = model.surfaces(free)
    volumes, weight = model.lesion_volumes(free, coefficients, term, 0.0, 0.0)

    rng, n = np.random.default_rng(3), 4000
    origin = rng.choice(len(term.origin), n, p=np.array(term.origin) / sum(term.origin))
    by_origin = np.array([0.0, free["origin_small_intestine"], free["origin_other"]])[origin]
    ki67 = np.log(term.ki67_median_pct / synthesis.KI67_REFERENCE_PCT) + term.ki67_log_sd * rng.standard_normal(n)
    true_dose = np.log(60.0) + np.sqrt(0.1 / (0.1 + term.dose_log_sd**2)) * term.dose_log_sd * rng.standard_normal(n)
    effect = np.log(free["alpha_per_gy"]) + by_origin + free["line_log_alpha"] * (term.first_line - 0.5) + true_dose \
        + np.log(free["dose_modifying_factor"]) * term.sensitiser + free["ki67_log_alpha"] * ki67 \
        + free["omega_alpha"] * rng.standard_normal(n)
    growth = np.log(np.log(2) / (24 * free["doubling_time_d"])) + free["ki67_log_growth"] * ki67 \
        + free["growth_log_sd"] * rng.standard_normal(n)
    column = [model.visits_of[0].index(week) for week in synthesis.follow_ups(4, term.interval_weeks, term.read_week)]
    effect, growth = (x[None].astype(np.float32) for x in (effect, growth))
    latent = np.asarray(model.surfaces.read(coefficients, np.array([0]), effect, growth))[0]
    sd = 3 * free["sigma_d"] / np.sqrt(2)
    read = (latent[:, column] + sd * (rng.standard_normal((n, len(column))) - rng.standard_normal((n, 1)))).min(axis=1)

    @jax.jit
    def log_density(y):
        return jax.lax.map(lambda one: synthesis.lesion_log_density(volumes, weight, one[None], free["sigma_d"])[0], y)

    grid = np.linspace(-7, 5, 6001).astype(np.float32)
    on = np.asarray(log_density(jnp.asarray(grid)), float)
    density = np.exp(on) * (grid[1] - grid[0])
    mean = (density * on).sum()
    error = np.sqrt(((density * on**2).sum() - mean**2) / n)
    seen = np.asarray(log_density(jnp.asarray(read, jnp.float32)), float)
    assert density.sum() == pytest.approx(1.0, abs=1e-3)
    assert abs(seen.mean() - mean) < 4 * error


def test_beta_prior_has_the_quantiles_of_its_table():
    from scipy.stats import beta, norm

    z = np.array([-2.0, -0.5, 0.0, 1.0, 2.5])
    np.testing.assert_allclose(synthesis.beta_quantile(z, 2.0, 9.0), beta.ppf(norm.cdf(z), 2, 9), rtol=2e-3)


def test_the_sampler_finds_a_normal_and_goes_on_as_if_never_stopped():
    precision = np.linalg.inv(np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 4.0]]))

    def density(q: np.ndarray) -> tuple[float, np.ndarray]:
        return float(-0.5 * (q - 1) @ precision @ (q - 1)), -precision @ (q - 1)

    whole = nuts.Chain(density, np.zeros(3), 3, 300)
    q = np.array([whole.advance()[0] for _ in range(150)])
    whole.learn(q[50:])
    q = np.concatenate([q, [whole.advance()[0] for _ in range(2150)]])
    assert np.abs(q[300:].mean(axis=0) - 1).max() < 0.15
    np.testing.assert_allclose(q[300:].var(axis=0), [1.0, 1.0, 4.0], rtol=0.2)
    first, second = nuts.Chain(density, np.zeros(3), 3, 300), nuts.Chain(density, np.ones(3), 9, 300)
    head = [first.advance()[0] for _ in range(150)]
    first.learn(np.array(head[50:]))
    head += [first.advance()[0] for _ in range(20)]
    second.load(first.dump())
    np.testing.assert_array_equal(np.array(head + [second.advance()[0] for _ in range(230)]), q[:400])


class StoppedError(Exception):
    """The kill of a fit."""


def test_a_fit_killed_or_run_elsewhere_gives_the_same(tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    for module, name, value in ((nuts, "FIRST_WINDOW", 4), (nuts, "BASE_WINDOW", 8), (nuts, "LAST_WINDOW", 4), (fitting, "CHUNK", 3),
                                (surface, "N_TRAINING", 400), (nuts, "FIRST_DEPTH", 2), (fitting, "MAX_TREE_DEPTH", 2)):
        monkeypatch.setattr(module, name, value)
    problem = Problem([t for t in studies.fitted() if t.kind == "lesions" and t.study == "jahn_2021"])
    assert len(problem.terms) == 2
    how = {"seed": 4, "n_chains": 2, "n_warmup": 20, "n_samples": 4}
    whole = problem.sample(tmp_path / "whole", **how)

    def stop_at(count):
        def told(done, of):
            assert of == 48
            if done >= count:
                raise StoppedError

        return told

    for count in (9, 27, 33):  # in the first window, as one chain has learned the metric and the other has not, after
        with pytest.raises(StoppedError):
            problem.sample(tmp_path / "stopped", **how, progress=stop_at(count))
    again = problem.sample(tmp_path / "stopped", **how)
    with ThreadPoolExecutor(1) as executor:
        elsewhere = problem.sample(tmp_path / "elsewhere", **how, executor=executor)
    for name, value in whole.items():
        np.testing.assert_array_equal(value, again[name])
        np.testing.assert_array_equal(value, elsewhere[name])

    opened, load = [], np.load
    monkeypatch.setattr(np, "load", lambda path: opened.append(path) or load(path))
    plan = fitting.Plan(problem.terms, problem.n_points, tmp_path / "whole", 4, 2, 20)
    assert plan.advance(0, 25, problem) == 25
    assert opened == [plan.path(0)]  # a file that grows with the fit is read once a piece


def test_models_without_mechanism_are_distributions():
    events, totals = np.array([3, 8, 20]), np.array([20, 30, 50])
    for chances in (baselines.rate_predictive(events, totals, np.log([20.0, 25, 30]), np.log(28.0), 12, slope=True),
                    baselines.constant_predictive(events, totals, 12)):
        assert chances.sum() == pytest.approx(1.0, abs=1e-6) and len(chances) == 13
    wide = baselines.rate_predictive(np.array([1, 19]), np.array([20, 20]), np.zeros(2), 0.0, 20, slope=False)
    narrow = baselines.constant_predictive(np.array([1, 19]), np.array([20, 20]), 20)
    assert wide[0] > narrow[0] and wide[20] > narrow[20]


def test_growth_and_sensitivity_have_no_steps_at_the_classes_borders():
    parameters = draw_parameters(64, 3)
    week = (0.0, 8.0, 16.0, 24.0)
    dose = np.zeros((1, 2, 4, 2), np.float32)
    dose[..., 0] = 25.0
    for border in (3.0, 20.0):
        pair = LesionArrays(volume_ml=[20.0, 20.0], ki67_pct=[border * 0.9999, border * 1.0001])
        plan = ScheduleArrays(np.asarray(week), dose, np.full((1, 2, 2), 86.0), np.array([36.0]))
        volume = simulate(parameters, pair, plan).relative_volume[:, :, 0]
        np.testing.assert_allclose(volume[:, 0], volume[:, 1], rtol=0.01)
    apart = LesionArrays(volume_ml=[20.0, 20.0], ki67_pct=[3.0, 20.0])
    volume = simulate(parameters, apart, plan).relative_volume[:, :, 0]
    assert np.mean(np.abs(volume[:, 0] / volume[:, 1] - 1) > 1e-3) > 0.9


def test_a_reading_at_the_edge_of_what_can_be_has_a_slope():
    import jax
    import jax.numpy as jnp

    patients = arms.points(8, 3, 5)
    # Gone at the first visit: response and progression leave no room between them, and single precision rounds their sum to 1.
    last = patients._replace(reading=np.full((8, 3), 0.9999999, np.float32))
    log_sum = jnp.full((1, 8, 3), -9.0)

    weeks, exits, ratio = np.array([[8.0, 16.0, 24.0]]), jnp.full((1, 8), 0.01), np.array([np.log(0.7)])

    def share(sd):
        return arms.best_response(log_sum, weeks, exits, sd, ratio, last)[0].sum()

    assert np.isfinite(np.asarray(jax.grad(share)(jnp.array([0.1])))).all()


def test_a_sensitivity_makes_up_for_alpha_beta_and_repair():
    """What is told of is the volume: by direct courses, and the prior's density by SciPy's log-normal."""
    import jax
    from scipy.stats import lognorm

    rng = np.random.default_rng(3)
    pop = np.zeros((12, len(synthesis.POPULATION)), np.float32)
    pop[:, synthesis.POPULATION.index("alpha_per_gy")] = rng.standard_normal(12)
    drawn = rng.standard_normal((12, 2)).astype(np.float32)
    moved, log_ratio = judging.compensate(pop, drawn)
    surfaces = surface.Surfaces((surface.Course(4, 8.0, (36.0, 60.0)),), 2, 2)
    growth = np.log(np.log(2) / (24 * 900))
    errors = {"left": [], "made up": []}
    for before, after, other, ratio in zip(pop, moved, drawn, log_ratio, strict=True):
        free, turned, same = synthesis.constrain(before), synthesis.constrain(after, other), synthesis.constrain(before, other)
        a, b = (float(one["alpha_per_gy"]) for one in (free, turned))
        p = tables.read_json("response", "priors.json")["alpha_per_gy"]["parameters"]
        # densities of log alpha: the draw is moved by a shift on that scale
        expected = [lognorm.logpdf(x, p[1], scale=p[0]) + np.log(x) for x in (a, b)]
        assert ratio == pytest.approx(expected[1] - expected[0], abs=2e-3)
        effect = [np.log(100.0 * float(one["alpha_per_gy"])) for one in (free, turned, same)]
        said = [np.asarray(jax.numpy.ravel(surfaces.direct(one, np.full(4, x), np.full(4, growth)))) / 3
                for one, x in zip((free, turned, same), effect, strict=True)]
        errors["made up"].append(np.abs(said[1] - said[0]).max())
        errors["left"].append(np.abs(said[2] - said[0]).max())
    assert sum(errors["made up"]) < 0.5 * sum(errors["left"])


def test_an_emulator_is_held_outside_the_cloud_of_its_training():
    import jax
    import jax.numpy as jnp

    cloud = surface.Cloud((0.5, -1.0), (0.5, 2.0))
    rng = np.random.default_rng(4)
    near = np.float32(np.array(cloud.centre) + np.array(cloud.spread) * rng.uniform(-2.5, 2.5, (200, 2)))
    np.testing.assert_allclose(cloud.standard(near) * np.array(cloud.spread) + np.array(cloud.centre), near, atol=1e-5)
    ray = np.float32(np.array(cloud.centre) + np.array(cloud.spread) * np.array([[3.0, -4.0]]) * np.array([[1.0], [2.0], [50.0]]))
    held = np.asarray(cloud.standard(ray))
    np.testing.assert_allclose(held, np.tile([0.6 * cloud.RADIUS, -0.8 * cloud.RADIUS], (3, 1)), rtol=1e-5)
    slope = jax.grad(lambda z: cloud.standard(z).sum())
    for point in (jnp.array(cloud.centre), jnp.array([40.0, 3.0])):
        assert np.isfinite(np.asarray(slope(point))).all()


def test_limits_of_the_labels_are_those_of_the_fitted_lesions():
    doses = np.concatenate([t.dose_gy for t in studies.fitted() if t.kind == "lesions"])
    assert reach.DOSE_GY == pytest.approx((doses.min(), doses.max()), abs=0.7)
    treated = [t for t in studies.fitted() if t.treatment == "rlt" and t.cycles]
    gaps = [t.interval_weeks for t in treated]
    assert reach.INTERVAL_WEEKS == pytest.approx((min(gaps), max(gaps)))
    cycles = np.concatenate([synthesis.lesion_cycles(t) for t in studies.fitted() if t.kind == "lesions"])
    assert reach.CYCLES[0] == max(cycles.max(), *(t.cycles for t in treated))


@pytest.mark.parametrize(("n", "interval", "label"), [
    (1, 0.0, Label.CALIBRATED), (4, 8.0, Label.CALIBRATED), (6, 13.0, Label.CALIBRATED), (4, 6.0, Label.EXTRAPOLATED),
    (8, 8.0, Label.EXTRAPOLATED), (4, 16.0, Label.EXTRAPOLATED), (10, 8.0, Label.ASSUMPTION), (4, 52.0, Label.ASSUMPTION),
    (2, 1.0, Label.ASSUMPTION),
])
def test_a_course_that_no_study_gave_is_not_calibrated(n, interval, label):
    """Ten cycles, and a year between two, were called calibrated."""
    lesions = LesionArrays(volume_ml=[10.0], ki67_pct=[8.0], diameter_mm=[40.0], origin=[0])
    found = reach.farthest(reach.reach(lesions, [120.0], ["Lu-177"], [k * interval for k in range(n)]))
    assert found.label is label and bool(found.reasons) is (label is not Label.CALIBRATED)
    assert found == reach.farthest(reach.reach(lesions, [120.0], ["Lu-177"], np.repeat([k * interval for k in range(n)], 2)))
    late = reach.reach(lesions, [120.0], ["Lu-177"], [0.0, 8.0, 60.0])
    assert late[0].reasons == ("52 weeks between cycles",)


@pytest.mark.parametrize(("origin", "ki67", "dose", "size", "nuclide", "label"), [
    (0, 8.0, 120.0, 40.0, "Lu-177", Label.CALIBRATED), (1, 8.0, 120.0, 40.0, "Lu-177", Label.CALIBRATED),
    (0, 30.0, 120.0, 40.0, "Lu-177", Label.EXTRAPOLATED), (2, 30.0, 120.0, 40.0, "Lu-177", Label.EXTRAPOLATED),
    (2, 30.0, 120.0, 15.0, "Lu-177", Label.ASSUMPTION), (0, 70.0, 120.0, 40.0, "Lu-177", Label.ASSUMPTION),
    (0, 8.0, 2000.0, 40.0, "Lu-177", Label.ASSUMPTION), (0, 8.0, 120.0, 40.0, "Y-90", Label.EXTRAPOLATED),
    (0, 8.0, 120.0, 40.0, "Ho-166", Label.ASSUMPTION),
])
def test_labels_follow_the_distance_to_the_data(origin, ki67, dose, size, nuclide, label):
    lesions = LesionArrays(volume_ml=[10.0], ki67_pct=[ki67], diameter_mm=[size], origin=[origin])
    assert reach.farthest(reach.reach(lesions, [dose], ["Lu-177", nuclide])).label is label


def test_a_metastasis_has_the_origin_of_its_primary():
    assert origin_code(["pancreas-head", "liver"]) == (0, True)
    assert origin_code(["liver", "pancreatic tail"]) == (0, True) and origin_code(["pancreatic lymph node"]) == (0, False)
    assert origin_code(["liver", "ileum"]) == (1, True)
    assert origin_code(["liver"], "small_intestine") == (1, True)
    assert origin_code(["liver"]) == (0, False)
    assert origin_code(["lung"], "lung") == (2, True)


def test_small_intestine_liver_lesions_are_warned_of():
    from neorlt.response.readouts import validity_warnings

    lesions = LesionArrays(volume_ml=[30.0], ki67_pct=[4.0], is_liver=[True], origin=[1])
    assert {w["name"] for w in validity_warnings(lesions, [120.0], ["liver"])} == {"origin-not-pancreas"}
    assert not validity_warnings(LesionArrays(volume_ml=[30.0], ki67_pct=[4.0], is_liver=[True]), [120.0], ["liver"])


def test_holm_rejects_step_by_step():
    assert ranks.holm({"a": 0.0001, "b": 0.006, "c": 0.5}, 0.01) == {"a": True, "b": False, "c": False}


def test_uniformity_finds_a_bias_and_spares_uniform_ranks():
    rng = np.random.default_rng(0)
    assert ranks.uniformity({"x": rng.integers(0, 100, 400).tolist()})["uniform"]
    assert not ranks.uniformity({"x": np.clip(rng.integers(0, 100, 400) + 15, 0, 99).tolist()})["uniform"]


@settings(max_examples=8, deadline=None)
@given(share=st.floats(0.05, 0.95), dose=st.floats(5.0, 60.0))
def test_a_cycle_in_two_parts_at_one_instant_is_one_cycle(share, dose):
    parameters, lesion = draw_parameters(32, 4), LesionArrays(volume_ml=[20.0], ki67_pct=[6.0])

    def volume(doses: list[float], weeks: list[float]) -> np.ndarray:
        given_gy = np.zeros((1, 1, len(doses), 2), np.float32)
        given_gy[0, 0, :, 0] = doses
        plan = ScheduleArrays(np.asarray(weeks), given_gy, np.full((1, 1, 2), 86.0), np.array([24.0, 48.0]))
        return simulate(parameters, lesion, plan).relative_volume

    whole = volume([dose, dose], [0.0, 8.0])
    parts = volume([dose, share * dose, (1 - share) * dose], [0.0, 8.0, 8.0])
    np.testing.assert_allclose(parts, whole, rtol=2e-4)


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(4)))
def test_the_order_of_lesions_moves_no_lesion(order):
    parameters = draw_parameters(32, 4)
    size, ki67, doses = np.array([5.0, 20.0, 40.0, 80.0]), np.array([2.0, 6.0, 12.0, 25.0]), np.array([60.0, 30.0, 20.0, 10.0])

    def volume(index: list[int]) -> np.ndarray:
        given_gy = np.zeros((1, 4, 4, 2), np.float32)
        given_gy[0, :, :, 0] = doses[index, None]
        plan = ScheduleArrays(np.array([0.0, 8.0, 16.0, 24.0]), given_gy, np.full((1, 4, 2), 86.0), np.array([36.0]))
        lesions = LesionArrays(volume_ml=size[index], ki67_pct=ki67[index], origin=np.array([0, 1, 2, 0])[index])
        return simulate(parameters, lesions, plan).relative_volume

    np.testing.assert_allclose(volume(list(order)), volume([0, 1, 2, 3])[:, list(order)], rtol=1e-5)

def test_weights_of_a_draw_without_a_likelihood_are_refused():
    with pytest.raises(ValueError, match="draw 1"):
        judging.smooth_weights(np.array([0.0, np.nan, 1.0]))

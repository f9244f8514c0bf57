"""Limits of the tumour model; truth by another road (closed forms, ODE integration, quadrature)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from neorlt.response.arrays import LesionArrays, ScheduleArrays, draw_lesion_effects
from neorlt.response.parameters import Parameters, draw_parameters
from neorlt.response.simulate import simulate

N_DRAWS = 64


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return draw_parameters(N_DRAWS, seed=5, source="prior")


@pytest.fixture(scope="module")
def lesion() -> LesionArrays:
    return LesionArrays(volume_ml=[40.0], ki67_pct=[8.0])


def schedule(dose_gy, week=(0, 8, 16, 24), times=(0, 4, 12, 26, 52), nuclide=0, half_life_h=(86.0, 50.0)) -> ScheduleArrays:
    dose = np.zeros((1, 1, len(week), 2))
    dose[0, 0, :, nuclide] = dose_gy
    return ScheduleArrays(np.asarray(week, float), dose, np.asarray(half_life_h).reshape(1, 1, 2), np.asarray(times, float))


def test_no_dose_is_growth_alone(parameters, lesion):
    out = simulate(parameters, lesion, schedule(0.0))
    days = np.array([0, 4, 12, 26, 52]) * 7.0
    s = parameters.unresponsive_fraction[:, None]
    f = parameters.clone_fraction[:, None]
    ratio = parameters.clone_ki67_ratio[:, None]
    mean = 1 - f + f * ratio
    rate = np.log(2) / parameters.doubling_time_d[:, None]
    grown = (1 - f) * np.exp(rate / mean * days) + f * np.exp(rate * ratio / mean * days)
    expected = s + (1 - s) * grown
    credible = expected < 1e3  # single precision loses a million-fold growth, which only the prior's far corner holds
    np.testing.assert_allclose(out.relative_volume[:, 0][credible], expected[credible], rtol=1e-4)
    np.testing.assert_allclose(out.surviving_fraction, 1.0, atol=1e-6)
    stroma = 1.0 - out.viable_fraction / out.relative_volume
    np.testing.assert_allclose(out.stroma_fraction, stroma, atol=1e-5)


def test_no_dose_is_the_limit_of_a_small_one(parameters, lesion):
    """The closed form of lesions that nothing is given, at read-outs of each lesion's own too, against the steps of the compiled course."""
    two = LesionArrays(volume_ml=[40.0, 8.0], ki67_pct=[8.0, 3.0])
    own = np.array([[0.0, 6.0, 12.0, 26.0], [2.0, 4.0, 20.0, 30.0]])

    def volume(dose_gy: float) -> tuple[np.ndarray, ...]:
        dose = np.full((1, 2, 1, 2), dose_gy)
        out = simulate(parameters, two, ScheduleArrays(np.zeros((2, 1)), dose, np.full((1, 2, 2), 60.0), own))
        return out.relative_volume, out.ki67_pct, out.stroma_fraction, out.viable_fraction

    none, little = volume(0.0), volume(1e-5)
    slow = none[0] < 20  # past that the steps of 28 days are too coarse, which is why there is a closed form
    for exact, stepped in zip(none, little, strict=True):
        np.testing.assert_allclose(exact[slow], stepped[slow], rtol=5e-3, atol=1e-4)


def test_volume_without_growth_or_dose_stays(parameters, lesion):
    still = parameters.replace(doubling_time_d=1e9)
    np.testing.assert_allclose(simulate(still, lesion, schedule(0.0)).relative_volume, 1.0, atol=1e-5)


def test_huge_dose_leaves_the_residual(parameters, lesion):
    fast = parameters.replace(clearance_half_life_d=5.0)
    out = simulate(fast, lesion, schedule(1e5, week=(0,), times=(0, 52)))
    np.testing.assert_allclose(out.relative_volume[:, 0, -1], fast.residual_fraction, atol=2e-3)
    np.testing.assert_allclose(out.stroma_fraction[:, 0, -1], 1.0, atol=2e-3)


def test_two_halves_at_one_instant_equal_the_whole(parameters, lesion):
    whole = simulate(parameters, lesion, schedule(40.0, week=(2,)))
    halves = simulate(parameters, lesion, schedule(20.0, week=(2, 2)))
    np.testing.assert_allclose(halves.relative_volume, whole.relative_volume, rtol=1e-4)


def test_two_nuclides_of_equal_kinetics_are_one(parameters, lesion):
    same = parameters.replace(sigma_h=0.3, rho=0.5)
    whole = simulate(same, lesion, schedule(40.0, week=(0, 8), half_life_h=(60.0, 60.0)))
    split = schedule(40.0, week=(0, 8), half_life_h=(60.0, 60.0))
    dose = np.array(split.dose_gy)
    dose[...] = 20.0
    both = ScheduleArrays(split.week, dose, split.effective_half_life_h, split.times_week)
    np.testing.assert_allclose(simulate(same, lesion, both).relative_volume, whole.relative_volume, rtol=1e-4)


def _alpha_per_gy(p: Parameters) -> np.ndarray:
    """Sensitivity of a pancreatic lesion at the reference Ki-67: what a study's own effect makes of it."""
    return np.asarray(p.alpha_per_gy) * np.exp(np.asarray(p.study_log_alpha))


def _survival_by_quadrature(p: Parameters, i: int, doses, half_life_h: float, g_factors) -> float:
    """Direct integral over the dose pattern of persistent sub-volumes, cycles far apart."""
    f = np.array([1 - p.clone_fraction[i], p.clone_fraction[i]])
    kappa = np.array([1.0, p.clone_ki67_ratio[i]])
    kappa = kappa / (f @ kappa)
    u = kappa ** p.nu[i]
    u = u / (f @ u)
    alpha = _alpha_per_gy(p)[i] * kappa ** p.eta[i]
    total = 0.0
    for k in range(2):
        patch = 1 + p.rho[i, 0] * (u[k] - 1)

        def integrand(z, k=k, patch=patch):
            h = np.exp(p.sigma_h[i, 0] * z - p.sigma_h[i, 0] ** 2 / 2)
            local = [(h * patch * d, g) for d, g in zip(doses, g_factors, strict=True)]
            effect = sum(alpha[k] * d * (1 + g * d / p.alpha_beta_gy[i]) for d, g in local)
            return np.exp(-effect - z * z / 2) / np.sqrt(2 * np.pi)

        total += f[k] * quad(integrand, -9, 9, limit=400)[0]
    return total


def test_survival_matches_a_direct_integral_with_hot_spots_that_stay_hot(parameters, lesion):
    still = parameters.replace(doubling_time_d=1e9)
    t_eff = 60.0
    out = simulate(still, lesion, schedule(10.0, week=(0, 20), times=(60.0,), half_life_h=(t_eff, 50.0)))
    for i in range(12):
        g = float(still.repair_half_time_h[i] / (still.repair_half_time_h[i] + t_eff))
        expected = _survival_by_quadrature(still, i, [10.0, 10.0], t_eff, [g, g])
        assert out.surviving_fraction[i, 0, 0] == pytest.approx(expected, rel=5e-3, abs=1e-5)


def test_redrawn_hot_spots_would_kill_more(parameters, lesion):
    """The product of one-cycle survivals (pattern redrawn) lies below the persistent pattern's: the two do differ."""
    still = parameters.replace(doubling_time_d=1e9, nu=0.0, eta=0.0)
    one = simulate(still, lesion, schedule(20.0, week=(0,), times=(60.0,))).surviving_fraction[:, 0, 0]
    four = simulate(still, lesion, schedule(20.0, times=(60.0,))).surviving_fraction[:, 0, 0]
    assert np.all(four >= one**4 - 1e-6)
    assert np.mean(four > 1.2 * one**4 + 1e-6) > 0.5


def test_an_instant_dose_has_no_time_to_repair(parameters, lesion):
    flat = parameters.replace(doubling_time_d=1e9, sigma_h=0.0, nu=0.0, eta=0.0)
    out = simulate(flat, lesion, schedule(6.0, week=(0,), times=(30.0,), half_life_h=(1e-3, 1e-3)))
    expected = np.exp(-_alpha_per_gy(flat) * 6.0 * (1 + 6.0 / flat.alpha_beta_gy))
    np.testing.assert_allclose(out.surviving_fraction[:, 0, 0], expected, rtol=3e-3, atol=1e-6)


def test_uptake_pattern_conserves_dose(parameters):
    from neorlt.response import tumour
    from neorlt.response.simulate import expand

    lesion = LesionArrays(volume_ml=[40.0], ki67_pct=[8.0])
    cells, _, _ = expand(parameters, lesion, schedule(10.0), None)
    f, kappa, uptake, _ = (np.asarray(x) for x in tumour.clones(cells))
    np.testing.assert_allclose((f * uptake).sum(0), 1.0, rtol=1e-5)
    np.testing.assert_allclose((f * kappa).sum(0), 1.0, rtol=1e-5)
    z, p = tumour.quadrature()
    h = np.exp(parameters.sigma_h[:, :1] * z - parameters.sigma_h[:, :1] ** 2 / 2)
    np.testing.assert_allclose((h * p).sum(1), 1.0, rtol=1e-4)


def test_equal_clones_keep_ki67(parameters, lesion):
    equal = parameters.replace(clone_ki67_ratio=1.0)
    np.testing.assert_allclose(simulate(equal, lesion, schedule(30.0)).ki67_pct, 8.0, rtol=1e-4)


def test_course_matches_an_ode_integrated_by_scipy(parameters, lesion):
    """One clone, no pattern: N, X and F by a stiff solver with the dose-rate equations themselves."""
    flat = parameters.replace(sigma_h=0.0, nu=0.0, eta=0.0, clone_ki67_ratio=1.0)
    weeks, dose, t_eff = (0.0, 1.0), 15.0, 60.0
    times = np.array([2.0, 10.0, 40.0])
    out = simulate(flat, lesion, schedule(dose, week=weeks, times=times, half_life_h=(t_eff, 50.0)))
    for i in range(4):
        alpha, ab = float(_alpha_per_gy(flat)[i]), float(flat.alpha_beta_gy[i])
        mu, lam = np.log(2) / float(flat.repair_half_time_h[i]), np.log(2) / t_eff
        g = np.log(2) / float(flat.doubling_time_d[i]) / 24
        k = np.log(2) / float(flat.clearance_half_life_d[i]) / 24
        s, phi = float(flat.unresponsive_fraction[i]), float(flat.fibrosis_fraction[i])

        def rhs(t, y, alpha=alpha, ab=ab, mu=mu, lam=lam, g=g, k=k, phi=phi):
            rate, held, n, x, fib = y
            hazard = alpha * (rate + 2 * rate * held / ab)
            return [-lam * rate, rate - mu * held, (g - hazard) * n, hazard * n - k * x, phi * k * x]

        y = np.array([0.0, 0.0, 1 - s, 0.0, 0.0])
        got, start = {}, 0.0
        stops = sorted([(w * 168, True) for w in weeks] + [(t * 168, False) for t in times])
        for stop, is_cycle in stops:
            if stop > start:
                y = solve_ivp(rhs, (start, stop), y, method="LSODA", rtol=1e-8, atol=1e-12).y[:, -1]
                start = stop
            if is_cycle:
                y[0] += dose * lam
            else:
                got[stop] = s + y[2] + y[3] + y[4]
        np.testing.assert_allclose(out.relative_volume[i, 0], [got[t * 168] for t in times], rtol=8e-3)


def test_float32_agrees_with_float64(parameters, lesion):
    import jax

    from neorlt.response import tumour
    from neorlt.response.simulate import expand, make_grids

    plan = schedule(30.0)
    cells, _, n = expand(parameters, lesion, plan, None)
    grid, _, _ = make_grids(plan, n)
    single = tumour.course(cells, tumour.Grid(*(np.asarray(x, np.float32) if x.dtype.kind == "f" else x for x in grid)))
    with jax.enable_x64(True):
        double = tumour.course(tumour.Cells(*(np.asarray(x, np.float64) for x in cells)), grid)
        volume = np.asarray(double.volume)
    np.testing.assert_allclose(np.asarray(single.volume), volume, rtol=3e-4)


@pytest.mark.parametrize(("weeks", "times"), [((0, 8, 16, 24), (12.0, 36.0, 52.0)), ((0,), (4.0, 26.0, 104.0)), ((0, 6, 12), (20.0, 60.0))])
def test_grid_of_a_prediction_is_fine_enough(parameters, lesion, weeks, times):
    """Against half-day steps: 1.2 % of the volume is 0.4 % of the diameter, far below a reading's error."""
    from neorlt.response.simulate import make_grids, read_batch

    plan = schedule(30.0, week=weeks, times=times)
    cells, _, n = expand_cells(parameters, lesion, plan)
    volumes = []
    for options in ({}, {"after_d": tuple(np.arange(0.0, 56.1, 0.5)), "fill_d": 2.0}):
        grid, readout, _ = make_grids(plan, n, **options)
        volumes.append(np.asarray(read_batch(cells, grid, readout)[0])[:, : len(times)])
    assert np.abs(np.log(volumes[0] / volumes[1])).max() < 0.012


def expand_cells(parameters, lesion, plan):
    """Cells of a schedule with lesions that differ."""
    from neorlt.response import tumour
    from neorlt.response.simulate import expand

    cells, worlds, n = expand(parameters, lesion, plan, draw_lesion_effects(parameters, lesion, 2, 5))
    return tumour.Cells(*(np.asarray(x) for x in cells)), worlds, n


def devices(kind):
    """Devices of a kind; none where jax was built without it."""
    import jax

    try:
        return jax.devices(kind)
    except RuntimeError:
        return []


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_same_code_gives_the_same_on_every_device(parameters, lesion, kind):
    import jax

    from neorlt.response import tumour
    from neorlt.response.simulate import make_grids, read_batch

    if not devices(kind):
        pytest.skip(f"this machine has no {kind}")
    plan = schedule(30.0)
    cells, _, n = expand_cells(parameters, lesion, plan)
    grid, readout, _ = make_grids(plan, n)
    expected = read_batch(cells, grid, readout)
    there = jax.device_put((cells, tumour.Grid(*grid), readout), devices(kind)[0])
    found = jax.jit(read_batch)(*there)
    assert found[0].devices() == {devices(kind)[0]}
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=2e-3, atol=1e-6)


def test_survival_is_a_power_of_two():
    import jax
    import jax.numpy as jnp

    from neorlt.response.tumour import survive

    x = np.concatenate([np.linspace(-126, 0, 200_001), [-0.5, -1e-8, -300.0]]).astype(np.float32)
    true = np.exp2(np.maximum(x.astype(np.float64), -126.0))
    np.testing.assert_allclose(np.asarray(survive(jnp.asarray(x)), np.float64), true, rtol=3e-7)
    inside = x[:-1:97]
    slope = jax.vmap(jax.grad(survive))(jnp.asarray(inside))
    np.testing.assert_allclose(slope, np.log(2) * np.exp2(inside.astype(np.float64)), rtol=2e-5, atol=1e-32)


def test_gradient_is_finite_and_right(parameters, lesion):
    import jax

    from neorlt.response import tumour
    from neorlt.response.simulate import expand, make_grids

    plan = schedule(15.0, week=(0, 8), times=(26.0,))
    cells, _, n = expand(parameters.take(np.arange(8)), lesion, plan, None)
    grid, readout, _ = make_grids(plan, n)
    cells = tumour.Cells(*(np.asarray(x) for x in cells))

    def last(scale):
        return tumour.course(cells._replace(dose_gy=cells.dose_gy * scale), grid).volume[readout[0]].sum()

    slope = float(jax.grad(last)(1.0))
    step = 1e-2
    numeric = (float(last(1.0 + step)) - float(last(1.0 - step))) / (2 * step)
    assert np.isfinite(slope) and slope < 0
    assert slope == pytest.approx(numeric, rel=2e-2)


def test_per_lesion_weeks_equal_shared_weeks(parameters):
    two = LesionArrays(volume_ml=[40.0, 5.0], ki67_pct=[8.0, 2.0])
    dose = np.full((1, 2, 2, 2), 0.0)
    dose[..., 0] = 20.0
    half = np.full((1, 2, 2), 70.0)
    times = np.array([0.0, 12.0, 30.0])
    shared = simulate(parameters, two, ScheduleArrays(np.array([0.0, 8.0]), dose, half, times))
    rows = simulate(parameters, two, ScheduleArrays(np.array([[0.0, 8.0]] * 2), dose, half, times))
    np.testing.assert_allclose(rows.relative_volume, shared.relative_volume, rtol=1e-5)


def test_a_sensitiser_kills_more(parameters, lesion):
    plain = schedule(20.0)
    with_drug = ScheduleArrays(plain.week, plain.dose_gy, plain.effective_half_life_h, plain.times_week, sensitiser=np.full(4, 2))
    strong = parameters.replace(dose_modifying_factor=np.array([1.0, 1.2, 1.2, 1.2], np.float32))
    a, b = (simulate(strong, lesion, x).surviving_fraction[..., -1] for x in (plain, with_drug))
    assert np.all(b <= a + 1e-6) and b.mean() < a.mean()


def test_order_of_lesions_and_batches_does_not_matter(parameters):
    many = LesionArrays(volume_ml=np.linspace(1, 80, 40), ki67_pct=np.full(40, 5.0), patient=np.arange(40))
    effects = draw_lesion_effects(parameters, many, 1, seed=2)
    dose = np.zeros((1, 40, 1, 2))
    dose[0, :, 0, 0] = np.linspace(1, 60, 40)
    plan = ScheduleArrays(np.array([0.0]), dose, np.full((1, 40, 2), 80.0), np.array([20.0]))
    whole = simulate(parameters, many, plan, effects).relative_volume
    few = LesionArrays(volume_ml=many.volume_ml[7:8], ki67_pct=many.ki67_pct[7:8])
    part = type(effects)(effects.alpha_z[:, 7:8], effects.growth_z[:, 7:8], effects.baseline_z[:, 7:8], 1, 2)
    alone = simulate(parameters, few, ScheduleArrays(plan.week, dose[:, 7:8], plan.effective_half_life_h[:, 7:8], plan.times_week), part)
    np.testing.assert_allclose(whole[:, 7:8], alone.relative_volume, rtol=1e-5)


def test_a_fast_clone_over_ten_years_is_large_and_never_no_number(parameters, lesion):
    """Seen in one draw of a fit's two thousand: growth past single precision, and an infinity times zero, made a lesion no number."""
    fast = parameters.replace(doubling_time_d=25.0, clone_fraction=0.1, clone_ki67_ratio=8.0, clearance_half_life_d=6.0)
    for dose in (0.0, 30.0):
        out = simulate(fast, lesion, schedule(dose, times=(0, 104, 260, 520)))
        for name in ("relative_volume", "stroma_fraction", "surviving_fraction", "diameter_mm"):
            assert np.isfinite(np.asarray(getattr(out, name), np.float64)).all(), name
        if dose == 0.0:
            assert (np.asarray(out.relative_volume)[:, 0, -1] > 1e20).all()
    # One clone that doubles 42 times: what it grows to is known.
    known = parameters.replace(doubling_time_d=520 * 7 / 42.0, clone_ki67_ratio=1.0)
    volume = np.asarray(simulate(known, lesion, schedule(0.0, times=(0, 520))).relative_volume, np.float64)[:, 0, -1]
    np.testing.assert_allclose(np.log(volume), 42 * np.log(2) + np.log1p(-known.unresponsive_fraction), rtol=1e-4)

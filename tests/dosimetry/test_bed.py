"""BED: the closed form against numerical double integration, limits, and the published kidney examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.dosimetry.bed import (
    HOURS_PER_WEEK,
    KIDNEY,
    DoseRate,
    bed_gy,
    eqd2_gy,
    joined,
    mono_dose_rate,
    repair_integral_gy2,
    repair_parameters,
)


def _numerical(cycles: list[DoseRate], repair_half_time_h: float) -> float:
    """∬ by the equivalent ODE pair: u' = R − μ u, I' = 2 R u (u the unrepaired dose), Gauss–Legendre panels for u."""
    mu = np.log(2) / repair_half_time_h
    nodes, weights = np.polynomial.legendre.leggauss(12)
    starts = sorted({c.start_week * HOURS_PER_WEEK for c in cycles})
    edges: set[float] = set()
    for start in starts:
        edges |= set(start + np.concatenate([np.linspace(0, 20, 81), np.geomspace(20, 4000, 400)]))
    grid = np.array(sorted(edges))

    def rate(t: np.ndarray, lower: float) -> np.ndarray:
        out = np.zeros_like(t)
        for c in cycles:
            since = lower - c.start_week * HOURS_PER_WEEK
            if since >= -1e-9:
                tau = t - c.start_week * HOURS_PER_WEEK
                out += (c.amplitude_gy_per_h * np.exp(-c.rate_per_h * tau[..., None])).sum(-1)
        return out

    unrepaired, total = 0.0, 0.0
    for a, b in zip(grid[:-1], grid[1:], strict=True):
        t = a + (b - a) * (nodes + 1) / 2
        inner = np.empty_like(t)
        for i, ti in enumerate(t):
            s = a + (ti - a) * (nodes + 1) / 2
            inner[i] = np.sum(weights * rate(s, a) * np.exp(-mu * (ti - s))) * (ti - a) / 2
        total += 2 * np.sum(weights * rate(t, a) * (unrepaired * np.exp(-mu * (t - a)) + inner)) * (b - a) / 2
        end = a + (b - a) * (nodes + 1) / 2
        unrepaired = unrepaired * np.exp(-mu * (b - a)) + np.sum(weights * rate(end, a) * np.exp(-mu * (b - end))) * (b - a) / 2
    return float(total)


def test_bed_equals_double_integration_with_overlap_two_nuclides_and_uptake() -> None:
    lu = DoseRate(0.0, np.array([0.10, 0.05, -0.15]), np.array([0.012, 0.06, 0.9]))
    y = DoseRate(0.0, np.array([0.30, -0.30]), np.array([0.025, 0.5]))
    soon = DoseRate(0.7, np.array([0.12, -0.12]), np.array([0.011, 0.7]))
    later = DoseRate(2.0, np.array([0.2]), np.array([np.log(2) / 2.8]))
    cycles = [joined([lu, y]), soon, later]
    closed = repair_integral_gy2(cycles, 2.8)
    assert closed == pytest.approx(_numerical(cycles, 2.8), rel=1e-6)
    assert repair_integral_gy2(cycles[::-1], 2.8) == pytest.approx(closed, rel=1e-14)


@pytest.mark.parametrize(
    ("gy_per_gbq", "gbq", "half_life_h", "dose", "bed"), [(0.6, 7.4, 50.0, 17.8, 19.4), (2.4, 2.8, 30.0, 26.9, 32.8)]
)
def test_kidney_examples(gy_per_gbq: float, gbq: float, half_life_h: float, dose: float, bed: float) -> None:
    cycles = [mono_dose_rate(gy_per_gbq * gbq, half_life_h, start_week=8.0 * c) for c in range(4)]
    assert sum(float(c.dose_gy) for c in cycles) == pytest.approx(dose, abs=0.05)
    assert float(bed_gy(cycles, KIDNEY.alpha_beta_gy, KIDNEY.repair_half_time_h)) == pytest.approx(bed, abs=0.05)


@settings(max_examples=60, deadline=None)
@given(
    dose=st.floats(0.1, 60),
    half_life=st.floats(1.0, 150),
    repair=st.floats(0.2, 20),
    alpha_beta=st.floats(1, 20),
    gap=st.floats(0, 12),
)
def test_mono_exponential_limits(dose: float, half_life: float, repair: float, alpha_beta: float, gap: float) -> None:
    one = [mono_dose_rate(dose, half_life)]
    expected = dose + dose**2 / alpha_beta * repair / (repair + half_life)
    assert float(bed_gy(one, alpha_beta, repair)) == pytest.approx(expected, rel=1e-10)
    two = [*one, mono_dose_rate(dose, half_life, start_week=gap)]
    bed = float(bed_gy(two, alpha_beta, repair))
    # Two cycles lie between two that never meet and one of double dose.
    assert 2 * expected * (1 - 1e-12) <= bed
    assert bed <= 2 * dose + (2 * dose) ** 2 / alpha_beta * repair / (repair + half_life) + 1e-9


def test_draws_broadcast_and_jax_agrees() -> None:
    rng = np.random.default_rng(0)
    amplitude, rate = rng.uniform(0.01, 0.2, (50, 3)), rng.uniform(0.005, 0.5, (50, 3))
    cycles = [DoseRate(0.0, amplitude, rate), DoseRate(1.0, amplitude, rate)]
    alpha_beta, repair = rng.uniform(2, 3, 50), rng.uniform(2, 4, 50)
    draws = bed_gy(cycles, alpha_beta, repair)
    one = bed_gy([DoseRate(0.0, amplitude[7], rate[7]), DoseRate(1.0, amplitude[7], rate[7])], alpha_beta[7], repair[7])
    assert draws.shape == (50,)
    assert draws[7] == pytest.approx(one, rel=1e-13)
    jnp = pytest.importorskip("jax.numpy")
    as_jax = [DoseRate(c.start_week, jnp.asarray(c.amplitude_gy_per_h), jnp.asarray(c.rate_per_h)) for c in cycles]
    assert np.allclose(bed_gy(as_jax, jnp.asarray(alpha_beta), jnp.asarray(repair), xp=jnp), draws, rtol=1e-5)


def test_instant_delivery_is_the_external_beam_limit_and_eqd2_inverts() -> None:
    fast = [mono_dose_rate(2.0, 1e-6)]
    bed = float(bed_gy(fast, 10.0, 1.5))
    assert bed == pytest.approx(2.0 * (1 + 2.0 / 10.0), rel=1e-5)
    assert float(eqd2_gy(bed, 10.0)) == pytest.approx(2.0, rel=1e-5)


def test_region_gets_its_convention() -> None:
    assert repair_parameters("kidney-left", False) is KIDNEY
    assert repair_parameters("liver-1", True).alpha_beta_gy == 10.0

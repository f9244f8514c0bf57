"""Calibration by simulation of the synthesis, small: what is right passes, what ignores the data is found by its likelihood alone."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from by_path import load

SCRIPT = Path(__file__).resolve().parents[2] / "validation" / "response_synthesis_sbc.py"
N = 16


@pytest.fixture(scope="module")
def sbc() -> ModuleType:
    module = load(SCRIPT)
    module.N_WARMUP, module.N_SAMPLES, module.N_LESIONS, module.STUDIES = 60, 99, 6, ("hebert_2024: odd half",)
    return module


@pytest.fixture(scope="module")
def bench(sbc):
    return sbc.Bench(sbc.reduced_terms(), ("alpha_per_gy", "omega_alpha", "sigma_d"))


def test_a_right_fit_passes_and_one_that_ignores_the_data_is_found(sbc, bench):
    """Ranks of parameters cannot tell a fit that gives the prior back from a right one; the log likelihood's can (the truths are fixed)."""
    sound = sbc.judge([bench.replicate(k)["ranks"] for k in range(N)], bench.names)
    assert sound["uniform"], sound["p"]
    ignored = sbc.judge([bench.replicate(k, "data ignored")["ranks"] for k in range(N)], bench.names)
    assert "log likelihood" in ignored["rejected"] and not set(ignored["rejected"]) & {"alpha_per_gy", "omega_alpha", "sigma_d"}


def test_observations_are_arguments_and_change_the_density(sbc, bench):
    one, other = (bench.sound.of(bench.truth(k)[1], sbc.Fault.named("", 1)) for k in (0, 1))
    q = np.zeros(sum(bench.sound.sizes.values()))
    first, second, again = (bench.sound.of_standard(x.given)(q)[0] for x in (one, other, one))
    assert first == again != second


@pytest.mark.parametrize("name", ["likelihood SD x 1.3", "prior shifted", "one study doubled", "data ignored"])
def test_a_planted_fault_is_the_one_that_is_named(sbc, bench, name):
    """By hand: what each fault does to the log density of a point, from the parts of the right one."""
    seen, q = bench.truth(3)[1], np.array([0.5, -0.3, 0.2, 0.1, -0.2])

    def value(fault):
        return bench.sound.of_standard(bench.sound.of(seen, fault).given)(q)[0]

    right, prior = value(sbc.Fault.named("", 1)), -0.5 * float((q**2).sum())
    expected = {"prior shifted": right + 0.5 * (0.5**2 - (0.5 - sbc.PRIOR_SHIFT) ** 2), "one study doubled": prior + 2 * (right - prior),
                "data ignored": prior}
    found = value(sbc.Fault.named(name, 1))
    if name in expected:
        assert found == pytest.approx(expected[name], abs=1e-4)
    else:  # a wider reading error is that of another sigma_d: its prior is log-normal with a log-SD of 0.3
        wider = q + np.array([0, 0, np.log(1.3) / 0.3, 0, 0])
        same = bench.sound.of_standard(bench.sound.of(seen, sbc.Fault.named("", 1)).given)(wider)[0]
        assert found == pytest.approx(same + 0.5 * float((wider**2).sum() - (q**2).sum()), abs=1e-3)


def test_power_of_a_sound_fit_is_small_and_that_of_a_fault_is_what_simulation_gives(sbc):
    """By many tables: refits of a sound fit, and of one whose first quantity's ranks fall into the first bin too often."""
    from scipy.stats import chisquare

    rng, n, quantities = np.random.default_rng(4), 60, 16

    def table(share):
        ranks = rng.integers(sbc.N_RANKED + 1, size=(n, quantities))
        ranks[:, 0] = np.where(rng.uniform(size=n) < share, rng.integers(10, size=n), ranks[:, 0])
        return ranks

    for share in (0.0, 0.25):
        tables = [table(share) for _ in range(150)]
        least = [min(chisquare(np.histogram(column, 10, (0, 100))[0]).pvalue for column in one.T) for one in tables]
        truth, said = np.mean(np.array(least) <= 0.01 / quantities), np.mean([sbc.power_of(one) for one in tables])
        assert said == pytest.approx(truth, abs=0.2), "ranks drawn again from the seen ones say 0.74 where the truth is 0.01"
    assert sbc.power_if_uniform(n, quantities) < 0.25

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
    """Ranks of parameters cannot tell a fit that gives the prior back from a right one; the log likelihood's can.

    The truths are fixed; over resampled truths 16 refits would find it 94 times of 100.
    """
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

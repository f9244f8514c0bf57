"""Sizes of the uncertainty chain: sphere recovery by Monte Carlo, limits, and labels for every size."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings, recovery_cv, sphere_recovery, volume_cv


@pytest.mark.parametrize(("radius", "fwhm"), [(8.0, 10.0), (12.0, 14.5), (30.0, 10.0)])
def test_sphere_recovery_by_monte_carlo(radius: float, fwhm: float) -> None:
    rng = np.random.default_rng(0)
    direction = rng.standard_normal((400_000, 3))
    start = direction / np.linalg.norm(direction, axis=1)[:, None] * radius * rng.random((400_000, 1)) ** (1 / 3)
    end = start + fwhm / np.sqrt(8 * np.log(2)) * rng.standard_normal(start.shape)
    stayed = np.mean(np.linalg.norm(end, axis=1) < radius)
    assert sphere_recovery(radius, fwhm) == pytest.approx(stayed, abs=0.003)


def test_limits() -> None:
    assert sphere_recovery(10.0, 0.0) == 1.0
    assert sphere_recovery(500.0, 10.0) > 0.98
    assert recovery_cv(5.0, 12.0, 0.7) > 5 * recovery_cv(1000.0, 12.0, 0.7)
    assert volume_cv(4.0 / 3.0 * np.pi, 1.0) == pytest.approx(0.3)


def test_every_size_has_a_label_and_a_source() -> None:
    assert set(DEFAULT.origins()) == set(DEFAULT.__dataclass_fields__)
    with pytest.raises(ValueError, match="calibration_cv"):
        UncertaintySettings(calibration_cv=-0.1)

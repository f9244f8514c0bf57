"""Single-time-point estimates against exact mono-exponentials."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.dosimetry.single_time_point import WINDOW, Validity, haenscheid, haenscheid_bias, madsen, validity


def _exact(half_life: float, time: float) -> tuple[float, float]:
    rate = np.log(2) / half_life
    return 100 * np.exp(-rate * time), 100 / rate


def test_haenscheid_bias_inside_the_window_and_22_percent_low_at_0_58() -> None:
    inside = haenscheid_bias(np.linspace(*WINDOW, 500))
    assert inside.min() == pytest.approx(-0.117, abs=0.01)
    assert inside.max() == pytest.approx(0.061, abs=0.002)
    activity, truth = _exact(60.0, 0.58 * 60.0)
    estimate = haenscheid(activity, 0.58 * 60.0, expected_half_life_h=60.0)
    assert float(estimate.tia_mbq_h) / truth - 1 == pytest.approx(-0.22, abs=0.01)
    assert estimate.validity is Validity.TOO_EARLY
    assert "too early" in estimate.warnings[0]
    assert "-22 %" in estimate.warnings[0]


def test_haenscheid_inside_does_not_warn() -> None:
    activity, truth = _exact(60.0, 96.0)
    estimate = haenscheid(activity, 96.0, expected_half_life_h=60.0)
    assert estimate.warnings == ()
    assert float(estimate.tia_mbq_h) == pytest.approx(truth, rel=0.12)


def test_madsen_is_exact_for_the_population_half_life() -> None:
    activity, truth = _exact(52.0, 72.0)
    assert float(madsen(activity, 72.0, 52.0).tia_mbq_h) == pytest.approx(truth, rel=1e-12)


def test_window_edges() -> None:
    assert validity(200.0, 50.0) is Validity.TOO_LATE
    assert validity(96.0, None) is Validity.UNKNOWN
    assert all(member.advice for member in Validity)
    with pytest.raises(ValueError, match="above 0"):
        haenscheid(1.0, 0.0)

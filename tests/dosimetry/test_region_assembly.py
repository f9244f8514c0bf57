"""Two regions and the rest of the body, by hand: whose activity gives whom what, and how another activity scales it."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.dosimetry.bed import KIDNEY
from neorlt.dosimetry.derive import derived_dose
from neorlt.dosimetry.objects import FitStatus, TimeActivity, TimeIntegratedActivity
from neorlt.dosimetry.region_dose import _assemble
from neorlt.dosimetry.s_values import RegionSValues
from neorlt.dosimetry.uncertainty import UncertaintySettings
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.volume import Grid

N, RATE = 400, 0.014
GRID = Grid((10, 10, 10), np.diag([4.0, 4.0, 4.0, 1.0]), "frame")
S = np.array([[2e-3, 1e-5, 4e-6], [2e-5, 1e-3, 3e-6]])
TIA = np.array([500.0, 800.0, 9000.0])


def tia(name: str, mbq_h: float, volume_cv: float) -> TimeIntegratedActivity:
    point = np.array([1.0])
    curve = TimeActivity(name, "Lu-177", 20.0, np.array([24.0]), point, 0.05 * point, point, volume_cv=volume_cv)
    return TimeIntegratedActivity(name, "Lu-177", curve, "mono", np.full((N, 1), mbq_h * RATE), np.full((N, 1), RATE), (FitStatus.OK,))


def doses(volume_cv: float = 0.0):
    box = np.zeros((10, 10, 10), np.float32)
    box[3:6, 3:6, 3:6] = 1.0
    regions = [Region(name, RegionKind.ORGAN, box, GRID, "test") for name in ("kidney-left", "liver")]
    settings = UncertaintySettings(s_value_cv=0.0)
    own = [tia("kidney-left", TIA[0], volume_cv), tia("liver", TIA[1], volume_cv)]
    return _assemble(own, regions, RegionSValues(S), np.tile(TIA, (N, 1)), np.array([20.0, 20.0]), 7400.0, 1, settings, "Lu-177")


def test_own_neighbours_and_rest_add_up():
    for i, dose in enumerate(doses()):
        assert dose.draws_gy == pytest.approx(np.full(N, S[i] @ TIA))
        assert dose.self_fraction == pytest.approx(S[i, i] * TIA[i] / (S[i] @ TIA))


def test_the_contours_doubt_reaches_the_dose():
    assert np.std(np.log(doses(volume_cv=0.1)[0].draws_gy)) > 0.03
    assert np.std(doses()[0].draws_gy) == pytest.approx(0.0)


def test_another_activity_scales_dose_and_the_square_of_its_damage():
    dose = doses()[0]
    twice = derived_dose(dose, "Lu-177", 14800.0)
    assert twice.draws_gy == pytest.approx(2 * dose.draws_gy)
    assert twice.bed_gy - twice.draws_gy == pytest.approx(4 * (dose.bed_gy - dose.draws_gy))
    mu = np.log(2) / KIDNEY.repair_half_time_h
    assert dose.bed_gy - dose.draws_gy == pytest.approx(dose.draws_gy**2 * RATE / (RATE + mu) / KIDNEY.alpha_beta_gy)

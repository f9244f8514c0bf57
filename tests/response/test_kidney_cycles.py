"""When kidney cycles are given matters, and a risk factor steepens the fall."""

from __future__ import annotations

import numpy as np

from neorlt.response.kidney import egfr_course, kidney_bed_gy
from neorlt.response.parameters import draw_parameters


def test_cycles_that_overlap_add_damage():
    parameters = draw_parameters(50, 1)
    dose, half_life = np.full((1, 2, 1), 4.0), np.array([[50.0]])
    apart, together = (kidney_bed_gy(parameters, dose, half_life, [0.0, week]) for week in (8.0, 0.0))
    assert np.all(together > 1.02 * apart)


def test_each_nuclide_of_a_cycle_gives_its_dose():
    parameters = draw_parameters(50, 1)
    both = kidney_bed_gy(parameters, np.array([[[4.0, 2.0]]]), np.array([[50.0, 30.0]]), [0.0])
    one = kidney_bed_gy(parameters, np.array([[[4.0, 0.0]]]), np.array([[50.0, 30.0]]), [0.0])
    assert np.all(both > one + 2.0)


def test_a_risk_factor_steepens_the_fall():
    bed = np.full(400, 25.0)
    plain, at_risk = (egfr_course(bed, 85.0, [0.0, 260.0], seed=1, risk_factor=risk) for risk in (False, True))
    assert np.median(at_risk.egfr_ml_min[:, -1]) < np.median(plain.egfr_ml_min[:, -1]) - 1.0

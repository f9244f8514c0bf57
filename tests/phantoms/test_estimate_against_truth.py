"""The house's own estimate against the truth made by another road: the check that the whole chain is judged by.

Nothing is shared but the contours and the stated blur: finer truth, a blur that is not one Gaussian, counting noise,
uneven tumours, analytic integrals, Monte Carlo dose.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from neorlt.phantoms.images import study_in_memory
from neorlt.phantoms.truth import region_truths

ORGANS = ("liver", "spleen", "kidney-left", "kidney-right")
TUMOURS = ("tumour-1", "tumour-2", "tumour-3")


@dataclass(frozen=True)
class Ratio:
    """Estimate over truth."""

    tia: float
    dose: float
    recovery: float


def ratios(study, correct, seed=0):
    from neorlt.dosimetry.curves import activity_curves
    from neorlt.dosimetry.fit import fit_curves
    from neorlt.dosimetry.region_dose import region_doses

    curves = activity_curves(study, correct=correct)
    integrals = fit_curves(curves, n_draws=400, seed=seed)
    doses = region_doses(study, integrals, seed=seed)
    truth = {t.name: t for t in region_truths("christie")}
    return {
        c.name: Ratio(
            float(np.mean(i.draws_mbq_h)) / truth[c.name].tia_mbq_h, float(np.mean(d.draws_gy)) / truth[c.name].dose_gy, c.recovery
        )
        for c, i, d in zip(curves, integrals, doses, strict=True)
        if c.name in truth
    }


@pytest.fixture(scope="module")
def corrected(study):
    return ratios(study, True)


def failures(found, kernel=1.0):
    """Names that break the requirement: organs 5 % in time-integrated activity and 6 % in dose, tumours 20 %."""
    broken = [name for name in ORGANS if abs(found[name].tia - 1) > 0.05 or abs(kernel * found[name].dose - 1) > 0.06]
    broken += [name for name in TUMOURS if abs(found[name].tia - 1) > 0.20 or abs(kernel * found[name].dose - 1) > 0.20]
    if abs(np.mean([kernel * found[name].dose for name in ORGANS]) - 1) > 0.03:
        broken.append("mean of the organs")  # noise and contours average out here: what is left is the physics
    return broken


def test_organs_and_tumours_meet_the_requirement(corrected):
    assert failures(corrected) == []


@pytest.mark.parametrize("kernel", [0.95, 1.05])
def test_a_planted_kernel_error_of_five_per_cent_is_found(corrected, kernel):
    assert failures(corrected, kernel) != []


def test_small_tumours_are_flagged_by_their_recovery(corrected):
    assert all(corrected[name].recovery < 0.5 for name in TUMOURS)
    assert corrected["liver"].recovery > 0.8


@pytest.mark.slow
def test_without_correction_the_bias_is_what_blur_takes(study):
    found = ratios(study, False)
    assert 0.80 < found["liver"].tia < 0.93
    assert all(0.65 < found[name].tia < 0.85 for name in ORGANS[1:])
    assert all(found[name].tia < 0.5 for name in TUMOURS)


@pytest.mark.slow
def test_another_seed_gives_other_noise_and_the_same_verdict(corrected):
    other = ratios(study_in_memory("christie", seed=1), True, seed=1)
    assert failures(other) == []
    assert other["tumour-1"].tia != corrected["tumour-1"].tia

"""A fit that never left its start values is named, in every room that fits by iteration."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.core.fitting import require_best, require_moved, why_unmoved
from neorlt.dosimetry.curve_posterior import CurvePosterior
from neorlt.dosimetry.fit import fit_curves
from neorlt.dosimetry.objects import FitStatus, TimeActivity


def bowl(p):
    return float(np.sum((np.asarray(p) - 2.0) ** 2))


def test_a_fit_that_moved_or_began_at_the_best_is_not_named():
    assert why_unmoved([0.0, 0.0], [2.0, 1.0], bowl) is None
    assert why_unmoved([2.0, 2.0], [2.0, 2.0], bowl) is None


@pytest.mark.parametrize(("loss", "said"), [(bowl, "small step lowers"), (lambda p: 7.0, "no small step changes"),
                                            (lambda p: float("nan"), "not a finite number")])
def test_a_start_that_is_no_answer_is_named_with_why(loss, said):
    with pytest.raises(InputError, match=said):
        require_moved([0.0, 0.0], [0.0, 0.0], loss, what="the fit", remedy="look at it")


def test_scipy_calls_a_flat_start_converged_and_it_is_named():
    # The truth by another road: SciPy's own answer is the start, with success.
    from scipy.optimize import minimize

    flat = minimize(lambda p: 1.0 + 0.0 * p.sum(), np.array([3.0, 4.0]), method="L-BFGS-B")
    assert flat.success
    assert flat.x.tolist() == [3.0, 4.0]
    with pytest.raises(InputError, match="never left its start"):
        require_moved([3.0, 4.0], flat.x, lambda p: 1.0, what="the fit", remedy="look at it")


def test_a_fit_beside_its_best_is_named():
    require_best([2.0], bowl, what="the fit", remedy="look at it")
    with pytest.raises(InputError, match="beside its best"):
        require_best([2.5], bowl, what="the fit", remedy="look at it")


def curve(times_h, mbq, cv=0.05):
    y = np.array(mbq, float)
    return TimeActivity("kidney", "F-18", 150.0, np.array(times_h, float), y, cv * y, y)


@pytest.mark.parametrize("times_h", [(2000.0, 2100.0, 2200.0), (4000.0, 4001.0), (9000.0,)])
def test_images_a_thousand_half_lives_late_are_no_curve(times_h):
    # Of 18F (1.83 h) nothing is left after 2 000 h: every curve is 0 at every image, and no step changes that.
    mbq = [5.0, 4.0, 3.0][: len(times_h)]
    with pytest.raises(InputError, match=r"time-activity curve never left its start.*region kidney"):
        fit_curves([curve(times_h, mbq)], n_draws=50, seed=1, half_life_h=[1.83])


def test_an_iteration_that_takes_no_step_is_named(monkeypatch):
    one = [curve((4.0, 24.0, 96.0, 168.0), (50.0, 40.0, 12.0, 3.0))]
    assert FitStatus.NOT_AT_BEST not in fit_curves(one, n_draws=50, seed=1, half_life_h=[160.0])[0].status
    monkeypatch.setattr(CurvePosterior, "_optimise", lambda self: self.start.copy())
    with pytest.raises(InputError, match="never left its start"):
        fit_curves(one, n_draws=50, seed=1, half_life_h=[160.0])


def test_an_iteration_that_ends_too_early_says_so(monkeypatch):
    one = [curve((4.0, 24.0, 96.0, 168.0), (50.0, 40.0, 12.0, 3.0))]
    whole = CurvePosterior._optimise
    monkeypatch.setattr(CurvePosterior, "_optimise", lambda self: whole(self, 3))
    found = fit_curves(one, n_draws=50, seed=1, half_life_h=[160.0])[0]
    assert FitStatus.NOT_AT_BEST in found.status
    assert FitStatus.NOT_AT_BEST.outside_window


def test_the_mode_of_a_density_that_is_nowhere_finite_is_no_mode():
    from neorlt.response.nuts import find_mode

    normal = find_mode(lambda q: (-0.5 * float(q @ q), -q), np.array([3.0, -1.0]))
    assert normal == pytest.approx([0.0, 0.0], abs=1e-4)
    with pytest.raises(InputError, match="search for the mode never left its start"):
        find_mode(lambda q: (-np.inf, np.zeros_like(q)), np.array([3.0, -1.0]))


@pytest.mark.parametrize("method", ["glmm", "beta-binomial"])
def test_a_pool_that_stays_at_its_scan_is_named(method, monkeypatch):
    from neorlt.evidence.pooling import StudyCounts, betabinomial, glmm, pool

    studies = [StudyCounts(f"s{i}", x, n) for i, (x, n) in enumerate([(3, 20), (12, 25), (6, 31), (9, 34), (8, 22)])]
    assert pool(studies, method).pooled is not None
    for room in (glmm, betabinomial):
        monkeypatch.setattr(room, "newton", lambda objective, start: (np.array(start), -np.eye(len(start))))
    with pytest.raises(InputError, match="never left its start"):
        pool([*studies, StudyCounts("s9", 5, 17)], method)


def test_a_logistic_fit_without_a_number_is_named():
    from neorlt.cohorts.imputation import logistic

    design = np.column_stack([np.ones(8), np.arange(8.0)])
    outcome = np.array([0.0, 1, 0, 0, 1, 0, 1, 1])
    assert np.isfinite(logistic(design, outcome)[0]).all()
    design[3, 1] = np.nan
    with pytest.raises(InputError, match="logistic regression"):
        logistic(design, outcome)


def test_a_spline_that_does_not_move_is_no_registration(monkeypatch):
    SimpleITK = pytest.importorskip("SimpleITK")
    from neorlt.imaging.register import RegistrationStatus, register_non_rigid
    from neorlt.imaging.volume import Grid, Unit, Volume

    rng = np.random.default_rng(5)
    grid = Grid((24, 24, 24), np.diag([4.0, 4.0, 4.0, 1.0]), "1.2.3")
    where = np.moveaxis(np.indices(grid.shape), 0, -1)
    ball = (np.linalg.norm(where - [11, 12, 13], axis=-1) < 7) * 500.0 + (np.linalg.norm(where - [15, 9, 12], axis=-1) < 3) * 700.0
    image = Volume((ball + 5.0 * rng.standard_normal(grid.shape)).astype(np.float32), grid, Unit.HU, "CT")
    whole = SimpleITK.ImageRegistrationMethod.Execute
    # The optimiser of the spline returns at once, as it does where its metric is flat; that of the rigid part runs.
    monkeypatch.setattr(SimpleITK.ImageRegistrationMethod, "SetOptimizerAsLBFGSB", lambda self, **_: setattr(self, "lazy", True))
    monkeypatch.setattr(SimpleITK.ImageRegistrationMethod, "Execute",
                        lambda self, *a: None if getattr(self, "lazy", False) else whole(self, *a))
    moved, verdict = register_non_rigid(image, image, [])
    assert verdict.status is RegistrationStatus.NOT_MOVED
    assert not any("B-spline" in note for note in moved.notes)

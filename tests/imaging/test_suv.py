"""SUV by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.suv import administration_of, suv_factor, suv_images, to_suv
from neorlt.imaging.volume import Grid, Unit, Volume

T0 = datetime(2026, 3, 2, 9, 0)
GRID = Grid((2, 2, 2), np.eye(4), "f")


def _pet(hours: float, nuclide: str = "Ga-68") -> Volume:
    return Volume(np.full((2, 2, 2), 1e4), GRID, Unit.BQ_PER_ML, "PT", T0 + timedelta(hours=hours), nuclide)


def test_suv_of_an_even_spread_is_one() -> None:
    """All of the activity spread evenly over the body of 1 g/ml is SUV 1 at any time, with decay."""
    weight, mbq = 70.0, 150.0
    for hours in (0.0, 1.0, 3.0):
        left = mbq * 1e6 * 2 ** (-hours * 60 / 67.71)
        factor = suv_factor(Administration("Ga-68", mbq, T0), weight, T0 + timedelta(hours=hours))
        assert factor.factor * left / (weight * 1000) == pytest.approx(1, rel=2e-3)
        assert "70 kg" in factor.formula
        assert "150 MBq" in factor.formula


def test_the_last_injection_before_the_image_counts() -> None:
    early, late = Administration("Ga-68", 100.0, T0), Administration("Ga-68", 200.0, T0 + timedelta(days=60))
    study = Study("k", (_pet(1.0), _pet(60 * 24 + 1.0)), (), (late, early), 70.0)
    assert [administration_of(study, v) for v in study.pet_images()] == [early, late]
    one, two = suv_images(study)
    assert one.array[0, 0, 0] == pytest.approx(2 * two.array[0, 0, 0], rel=1e-5)


def test_suv_stays_suv() -> None:
    made = to_suv(_pet(1.0), Administration("Ga-68", 100.0, T0), 70.0)
    assert to_suv(made, None, None) is made


@pytest.mark.parametrize(
    ("administration", "weight", "problem"),
    [
        (None, 70.0, "injected activity"),
        (Administration("Ga-68", 100.0, T0), None, "weight"),
        (Administration("Ga-68", 100.0, T0 + timedelta(hours=2)), 70.0, "backwards"),
    ],
)
def test_missing_parts_are_refused(administration, weight, problem) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=problem):
        to_suv(_pet(1.0), administration, weight)


def test_a_ct_has_no_suv() -> None:
    with pytest.raises(InputError, match="concentration"):
        to_suv(Volume(np.zeros((2, 2, 2)), GRID, Unit.HU, "CT"), None, 70.0)

"""Drawn lesions against spheres of known size, blurred and noisy."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from neorlt.core.errors import InputError
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.segment import components, lesion_candidates, relative_threshold, segment_lesion
from neorlt.imaging.volume import Grid, Unit, Volume

GRID = Grid((60, 60, 50), np.diag([2.0, 2.0, 2.0, 1.0]), "frame")
INDEX = np.moveaxis(np.indices(GRID.shape), 0, -1) * 2.0


def _ball(centre: tuple[float, float, float], radius: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.clip((radius - np.linalg.norm(INDEX - np.array(centre), axis=-1)) / 2 + 0.5, 0, 1)


@pytest.fixture(scope="module")
def pet() -> Volume:
    """Background 1, a lesion of 20 mm and SUV 10, another of 16 mm, an organ of SUV 6."""
    truth = np.ones(GRID.shape) + 9 * _ball((40, 40, 50), 10) + 9 * _ball((80, 80, 30), 8) + 5 * _ball((85, 30, 60), 16)
    image = gaussian_filter(truth, 5.0 / 2.355 / 2) + np.random.default_rng(0).normal(0, 0.1, GRID.shape)
    return Volume(image, GRID, Unit.SUV_BW, "PT", datetime(2026, 1, 1), "Ga-68")


@pytest.mark.parametrize(("method", "value", "tolerance"), [
    ("adaptive", 0.0, 0.15), ("random-walker", 0.0, 0.2), ("percent", 0.5, 0.2), ("fixed", 5.5, 0.15),
])  # fmt: skip
def test_volume_of_a_blurred_sphere(pet: Volume, method: str, value: float, tolerance: float) -> None:
    found = segment_lesion(pet, (42.0, 38.0, 50.0), name="a", method=method, value=value)  # type: ignore[arg-type]
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi, rel=tolerance)
    assert found.kind is RegionKind.LESION
    assert found.grid.shape < GRID.shape


def test_the_gradient_lies_inside_the_edge_by_its_known_amount(pet: Volume) -> None:
    """Steepest place of a blurred ball: R − σ²/R, with the blur of the image and of the gradient's own 2 mm."""
    found = segment_lesion(pet, (42.0, 38.0, 50.0), name="a", method="gradient")
    edge = 10 - ((5 / 2.355) ** 2 + 2.0**2) / 10
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * (edge / 10) ** 3, rel=0.1)


def test_a_threshold_below_the_background_runs_out(pet: Volume) -> None:
    with pytest.raises(InputError, match="runs out"):
        segment_lesion(pet, (40.0, 40.0, 50.0), name="a", method="fixed", value=0.5)
    bound = Region("box", RegionKind.OTHER, (_ball((40, 40, 50), 14) > 0).astype(float), GRID)
    assert (
        segment_lesion(pet, (40.0, 40.0, 50.0), name="a", method="fixed", value=0.5, within=bound).volume_ml < 4 / 3 * np.pi * 1.5**3 * 1.05
    )


def test_nothing_there_and_outside(pet: Volume) -> None:
    with pytest.raises(InputError, match="no lesion"):
        segment_lesion(pet, (20.0, 80.0, 80.0), name="a", method="fixed", value=5.0)
    with pytest.raises(InputError, match="outside"):
        segment_lesion(pet, (500.0, 0.0, 0.0), name="a")


def test_candidates_leave_organs_out(pet: Volume) -> None:
    organ = Region("kidney", RegionKind.ORGAN, _ball((85, 30, 60), 16), GRID)
    with_organ = lesion_candidates(pet, [], 3.5)
    without = lesion_candidates(pet, [organ], 3.5)
    assert (len(with_organ), len(without)) == (3, 2)
    assert without[0].volume_ml > without[1].volume_ml
    assert relative_threshold(pet, organ, 1.5) == pytest.approx(1.5 * 5.7, rel=0.1)


def test_components_are_sorted() -> None:
    mask = np.zeros((10, 10, 10), bool)
    mask[0, 0, 0] = mask[5:8, 5:8, 5:8] = True
    assert [int(part.sum()) for part in components(mask)] == [27, 1]

"""Known motion comes back; a field that shrinks a lesion is rejected."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from neorlt.core.errors import InputError
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.register import RegistrationStatus, RigidRegistration, guard_field, register_non_rigid, register_rigid
from neorlt.imaging.resample import region_on
from neorlt.imaging.volume import Grid, Unit, Volume

T0 = datetime(2026, 1, 1)
GRID = Grid((64, 56, 40), np.array([[4.0, 0, 0, -126], [0, 4.0, 0, -110], [0, 0, 4.4, -86], [0, 0, 0, 1]]), "frame")


def _anatomy(where: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """A body, a liver-like block, two kidneys and a tumour, as a function of patient millimetres."""
    x, y, z = np.moveaxis(where, -1, 0)

    def ball(cx: float, cy: float, cz: float, rx: float, ry: float, rz: float) -> np.ndarray:  # type: ignore[type-arg]
        r = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2)
        return np.clip((1 - r) * min(rx, ry, rz) / 4 + 0.5, 0, 1)

    return (
        1.0 * ball(0, 0, 0, 110, 80, 300) + 3 * ball(-50, -15, 10, 45, 40, 50) + 5 * ball(60, -10, 30, 18, 22, 25)
        + 6 * ball(45, 40, -15, 14, 14, 28) + 6 * ball(-45, 42, -25, 14, 14, 28) + 12 * ball(-40, -10, 20, 11, 11, 11)
    )  # fmt: skip


def _volume(where: np.ndarray, seed: int) -> Volume:  # type: ignore[type-arg]
    image = gaussian_filter(_anatomy(where), 1.2) * 1e5
    noise = np.random.default_rng(seed).normal(0, 2e3, image.shape)
    return Volume(image + noise, GRID, Unit.BQ_PER_ML, "NM", T0, "Lu-177")


WHERE = GRID.index_to_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))


@pytest.fixture(scope="module")
def moved():  # type: ignore[no-untyped-def]
    """Fixed and moving image, and the true map from fixed to moving millimetres."""
    a, b = np.deg2rad(4.0), np.deg2rad(-2.0)
    matrix = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    offset = np.array([7.0, -5.0, 6.0])
    fixed = _volume(WHERE, 1)
    moving = _volume((WHERE - offset) @ matrix, 2)  # inverse rotation: matrix.T applied to row vectors
    return fixed, moving, matrix, offset


def test_known_motion_comes_back_within_half_a_voxel(moved) -> None:  # type: ignore[no-untyped-def]
    fixed, moving, matrix, offset = moved
    found = register_rigid(fixed, moving).require_trusted()
    points = np.array([[0, 0, 0], [45, 40, -15], [-45, 42, -25], [-40, -10, 20], [60, -10, 30.0]])
    apart = np.linalg.norm((points @ found.matrix.T + found.offset_mm) - (points @ matrix.T + offset), axis=1)
    assert apart.max() <= 0.5 * 4.0
    assert found.error_mm < 2.0
    back = found.apply(moving, fixed.grid)
    inner = (slice(8, -8),) * 3
    assert np.abs(back.array - fixed.array)[inner].mean() < 0.25 * np.abs(moving.array - fixed.array)[inner].mean()


def test_a_kidney_that_moves_alone_is_followed_in_its_box() -> None:
    fixed = _volume(WHERE, 1)
    shifted = WHERE.copy()
    near = np.linalg.norm(WHERE - [45, 40, -15], axis=-1) < 48
    shifted[near] -= [0.0, 0.0, 9.0]
    moving = _volume(shifted, 2)
    kidney = Region("kidney", RegionKind.ORGAN, (np.linalg.norm((WHERE - [45, 40, -15]) / [14, 14, 28], axis=-1) < 1), GRID)
    found = register_rigid(fixed, moving, region=kidney, margin_mm=8.0)
    at = np.array([45.0, 40.0, -15.0])
    assert (found.matrix @ at + found.offset_mm) - at == pytest.approx([0, 0, 9], abs=2.2)


def test_noise_is_not_trusted_and_stops_the_chain() -> None:
    rng = np.random.default_rng(0)
    small = Grid((24, 24, 20), GRID.affine, "frame")
    one, two = (Volume(rng.normal(0, 1, small.shape), small, Unit.BQ_PER_ML, "NM", T0, "Lu-177") for _ in range(2))
    found = register_rigid(one, two)
    assert found.status is RegistrationStatus.NOT_TRUSTED
    with pytest.raises(InputError, match="not trusted"):
        found.require_trusted()


def test_regions_move_with_their_image() -> None:
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    known = RigidRegistration(turn, np.array([10.0, 0, 0]), 0.1, -1.0, RegistrationStatus.OK)
    region = Region("r", RegionKind.LESION, np.linalg.norm(WHERE - [-40, -10, 20], axis=-1) < 12, GRID)
    there = known.move_region(region, "frame")
    centre = there.grid.index_to_mm(np.argwhere(there.occupancy > 0)).mean(0)
    assert turn @ centre + [10, 0, 0] == pytest.approx([-40, -10, 20], abs=1.5)
    assert region_on(there, GRID).sum() == pytest.approx(region.occupancy.sum(), rel=0.02)


@pytest.mark.parametrize(
    ("scale", "status"),
    [
        (0.0, RegistrationStatus.OK),
        (-0.02, RegistrationStatus.OK),
        (-0.05, RegistrationStatus.LESION_CHANGED),
        (0.05, RegistrationStatus.LESION_CHANGED),
    ],
)
def test_a_field_that_changes_a_lesion_by_more_than_ten_per_cent_is_rejected(scale, status) -> None:  # type: ignore[no-untyped-def]
    centre = np.array([-40.0, -10, 20])
    lesion = Region("met", RegionKind.LESION, np.linalg.norm(WHERE - centre, axis=-1) < 10, GRID)
    away = WHERE - centre
    falloff = np.exp(-(np.maximum(np.linalg.norm(away, axis=-1) - 20, 0) ** 2) / 400)[..., None]
    verdict = guard_field(scale * away * falloff, GRID, [lesion])
    assert verdict.status is status
    assert verdict.volume_change["met"] == pytest.approx((1 + scale) ** 3 - 1, abs=0.01)


def test_a_folding_field_is_rejected() -> None:
    verdict = guard_field(-1.5 * (WHERE - [0, 0, 0]) * np.array([1, 0, 0]), GRID, [])
    assert verdict.status is RegistrationStatus.FOLDED


@pytest.mark.slow
def test_non_rigid_keeps_the_rigid_result_where_the_field_is_rejected(moved) -> None:  # type: ignore[no-untyped-def]
    fixed, moving, _, _ = moved
    lesion = Region("met", RegionKind.LESION, np.linalg.norm(WHERE - [-40, -10, 20], axis=-1) < 10, GRID)
    out, verdict = register_non_rigid(fixed, moving, [lesion])
    assert set(verdict.volume_change) == {"met"}
    assert any("B-spline" in note for note in out.notes) == (verdict.status is RegistrationStatus.OK)
    assert np.abs(out.array - fixed.array).mean() < np.abs(moving.array - fixed.array).mean()

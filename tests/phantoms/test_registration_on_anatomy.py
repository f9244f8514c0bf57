"""Known movements of real anatomy (low-dose CT and contours of a treated patient) come back; fields that shrink lesions do not pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.register import RegistrationStatus, guard_field, register_rigid
from neorlt.imaging.volume import Unit, Volume
from neorlt.phantoms.anatomy import native


@pytest.fixture(scope="module")
def ct() -> Volume:
    anatomy = native()
    return Volume(anatomy.hounsfield, anatomy.grid, Unit.HU, "CT")


def _lesion(name: str) -> Region:
    anatomy = native()
    return Region(name, RegionKind.LESION, (anatomy.label == anatomy.codes[name]).astype(np.float32), anatomy.grid)


def _where(ct: Volume) -> np.ndarray:  # type: ignore[type-arg]
    return ct.grid.index_to_mm(np.moveaxis(np.indices(ct.grid.shape), 0, -1))


def test_a_known_movement_of_the_ct_comes_back_within_half_a_voxel(ct: Volume) -> None:
    a, b = np.deg2rad(3.0), np.deg2rad(-2.0)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    offset = np.array([8.0, -6.0, 7.0])
    source = (_where(ct) - offset) @ turn  # the inverse of moving = turn @ fixed + offset
    values = map_coordinates(ct.array, np.moveaxis(ct.grid.mm_to_index(source), -1, 0), order=1, cval=-1000.0)
    noise = np.random.default_rng(0).normal(0, 20, values.shape)
    moving = replace(ct, array=values + noise)
    found = register_rigid(ct, moving).require_trusted()
    anatomy = native()
    points = np.array([ct.grid.index_to_mm(np.argwhere(anatomy.label == code)).mean(0) for code in anatomy.codes.values()])
    apart = np.linalg.norm((points @ found.matrix.T + found.offset_mm) - (points @ turn.T + offset), axis=1)
    assert apart.max() <= 0.5 * min(ct.grid.spacing_mm)


@pytest.mark.parametrize(("shrink", "status"), [(0.12, RegistrationStatus.LESION_CHANGED), (0.06, RegistrationStatus.OK)])
@pytest.mark.parametrize("name", ["tumour-1", "tumour-2", "tumour-3"])
def test_a_field_that_shrinks_a_small_tumour_by_more_than_a_tenth_is_rejected(ct: Volume, name: str, shrink: float, status) -> None:  # type: ignore[no-untyped-def]
    """Real contours of 3.7 to 6.3 ml; the field draws in towards the tumour and fades out over 3 cm."""
    lesion = _lesion(name)
    centre = ct.grid.index_to_mm(np.argwhere(lesion.occupancy > 0)).mean(0)
    away = _where(ct) - centre
    scale = (1.0 - shrink) ** (1.0 / 3.0) - 1.0
    fade = np.exp(-(np.maximum(np.linalg.norm(away, axis=-1) - 18.0, 0.0) ** 2) / 600.0)[..., None]
    verdict = guard_field(scale * away * fade, ct.grid, [lesion])
    assert verdict.volume_change[name] == pytest.approx(-shrink, abs=0.015)
    assert verdict.status is status
    assert verdict.least_jacobian > 0

"""What is carried to another grid keeps its volume, its activity and its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import crop_region, inside_fraction, region_on, resample, resample_conserving
from neorlt.imaging.volume import Grid, Unit, Volume


def _grid(shape: tuple[int, int, int], spacing: list[float], origin: list[float], turn: float = 0.0, frame: str = "frame") -> Grid:
    affine = np.eye(4)
    c, s = np.cos(turn), np.sin(turn)
    affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag(spacing)
    affine[:3, 3] = origin
    return Grid(shape, affine, frame)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(1.0, 6.0), min_size=3, max_size=3),
    st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3),
    st.integers(0, 1000),
)
def test_region_keeps_its_volume_and_centre_on_parallel_grids(spacing: list[float], shift: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = _grid((6, 7, 5), [2.0, 3.0, 4.0], [0, 0, 0])
    region = Region("r", RegionKind.ORGAN, rng.uniform(0, 1, (6, 7, 5)), source)
    shape = tuple(int(np.ceil(40 / s)) + 4 for s in spacing)
    target = _grid(shape, spacing, [-12 + s for s in shift])
    out = region_on(region, target)
    assert out.sum() * target.voxel_ml == pytest.approx(region.volume_ml, rel=1e-4)
    assert out.max() <= 1.0
    where = target.index_to_mm(np.argwhere(out > -1))
    centre = (where * out.ravel()[:, None]).sum(0) / out.sum()
    own = source.index_to_mm(np.argwhere(region.occupancy > -1))
    truth = (own * region.occupancy.ravel()[:, None]).sum(0) / region.occupancy.sum()
    # averaging moves what lies in a target voxel to its centre: a part of a voxel, over the whole region little
    assert centre == pytest.approx(truth, abs=0.1 * max(spacing))


@pytest.mark.parametrize("turn", [0.3, np.pi / 2, np.pi])
def test_region_keeps_its_volume_on_turned_grids(make_ball, turn) -> None:  # type: ignore[no-untyped-def]
    region = make_ball("r", (0, 0, 0), 12.0)
    target = _grid((30, 30, 20), [3.0, 3.0, 4.0], [0, 0, -38], turn)
    centred = _grid((30, 30, 20), [3.0, 3.0, 4.0], list(-(target.affine[:3, :3] @ [14.5, 14.5, 9.5])), turn)
    out = region_on(region, centred, supersample=4)
    assert out.sum() * centred.voxel_ml == pytest.approx(4 / 3 * np.pi * 1.2**3, rel=0.01)


def test_activity_is_conserved() -> None:
    rng = np.random.default_rng(3)
    source = _grid((20, 20, 20), [2, 2, 2], [0, 0, 0])
    array = np.zeros((20, 20, 20))
    array[4:16, 4:16, 4:16] = rng.uniform(0, 1e6, (12, 12, 12))
    volume = Volume(array, source, Unit.GY, "DOSE")
    target = _grid((12, 12, 12), [4.7, 4.1, 5.3], [-3, -2, -5])
    out = resample_conserving(volume, target)
    assert out.array.sum() * target.voxel_ml == pytest.approx(array.sum() * source.voxel_ml, rel=1e-5)


def test_interpolation_is_exact_for_a_ramp_and_fills_air_outside() -> None:
    source = _grid((10, 10, 10), [2, 2, 2], [0, 0, 0])
    i, j, k = np.indices((10, 10, 10)) * 2.0
    ramp = Volume(3 * i - 2 * j + k, source, Unit.HU, "CT")
    target = _grid((5, 5, 5), [3, 3, 3], [1, 1.5, 2])
    out = resample(ramp, target)
    x, y, z = np.moveaxis(target.index_to_mm(np.stack(np.indices((5, 5, 5)), -1)), -1, 0)
    assert out.array == pytest.approx(3 * x - 2 * y + z, abs=1e-3)
    outside = resample(ramp, _grid((2, 2, 2), [2, 2, 2], [100, 0, 0]))
    assert np.all(outside.array == -1000)
    assert resample(ramp, source) is ramp


def test_frames_of_reference_must_agree(make_ball) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="frame of reference"):
        region_on(make_ball("r", (0, 0, 0), 5.0), _grid((5, 5, 5), [2, 2, 2], [0, 0, 0], frame="other"))


def test_inside_fraction_and_crop(make_ball) -> None:  # type: ignore[no-untyped-def]
    region = make_ball("r", (0, 0, 0), 10.0)
    half = _grid((40, 40, 40), [1, 1, 1], [1.0, -20, -20])  # cuts half a millimetre above the centre
    assert inside_fraction(region, half) == pytest.approx(0.5 - 0.5 * 3 / 40, abs=0.005)
    cropped = crop_region(region)
    assert cropped.volume_ml == pytest.approx(region.volume_ml, rel=1e-6)
    assert max(cropped.grid.shape) <= 23

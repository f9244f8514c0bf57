"""Blur by place, draws of the transfer matrix, and contours drawn on coarse voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.imaging.blur import BlurMap, widened
from neorlt.imaging.partial_volume import MatrixUncertainty, build_transfer, correct_regions
from neorlt.imaging.recovery import sphere_recovery
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on
from neorlt.imaging.spreading import fine_grid, source_of, spread, to_image
from neorlt.imaging.volume import Grid

FLAT = BlurMap((0.0, 100.0), (12.0, 12.0))
FALLING = BlurMap((0.0, 100.0), (14.0, 9.0))


def _grid(make_grid):  # type: ignore[no-untyped-def]
    return make_grid((44, 24, 24), (4.8, 4.8, 4.8), (-105.0, -57.0, -57.0))


def test_widths_are_interpolated_and_stay_beyond_the_ends() -> None:
    points = np.array([[0, 0, 50.0], [30, 40, 0], [300, 0, 0]])
    assert FALLING.at(points) == pytest.approx([14.0, 11.5, 9.0])
    assert widened(FALLING, 1.0).fwhm_mm == (15.0, 10.0)
    assert widened(12.0, -2.0) == (10.0, 10.0, 10.0)
    assert FALLING.middle_mm == pytest.approx(11.5)


@pytest.mark.parametrize(("radius", "width"), [((0.0,), ()), ((10.0, 5.0), (1.0, 1.0)), ((0.0, 10.0), (12.0, -1.0)), ((), ())])
def test_a_map_that_is_none_is_refused(radius, width) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        BlurMap(radius, width)


def test_a_flat_map_is_one_blur(make_ball, make_grid) -> None:  # type: ignore[no-untyped-def]
    grid, balls = _grid(make_grid), [make_ball("a", (0, 0, 0), 10.0), make_ball("b", (30, 0, 0), 8.0)]
    assert build_transfer(grid, balls, FLAT).matrix == pytest.approx(build_transfer(grid, balls, 12.0).matrix, rel=1e-6)


def test_recovery_follows_the_blur_at_its_place(make_ball, make_grid) -> None:  # type: ignore[no-untyped-def]
    """The same ball on the axis and 80 mm aside: each loses what a ball loses to the width there (closed form)."""
    grid = _grid(make_grid)
    for x, width in ((0.0, 14.0), (80.0, 10.0)):
        ball = make_ball("b", (x, 0, 0), 10.0)
        here = build_transfer(grid, [ball], FALLING, background=False).matrix[0, 0]
        alike = build_transfer(grid, [ball], width, background=False).matrix[0, 0]
        assert here == pytest.approx(alike, abs=0.012)  # the width changes by 1 mm across the ball
        assert abs(here - sphere_recovery(10.0, width)) < 0.05  # and by voxels of 4.8 mm


def _moved(ball: Region, shift: np.ndarray) -> Region:  # type: ignore[type-arg]
    affine = np.array(ball.grid.affine)
    affine[:3, 3] += shift
    return replace(ball, grid=Grid(ball.grid.shape, affine, ball.grid.frame_of_reference))


def _seen(drawn: Region, true: Region, grid: Grid, fwhm: float) -> float:
    """Mean over the drawn contour of the true region's spread image."""
    fine, parts = fine_grid(grid)
    weight = to_image(source_of(drawn, fine), parts, grid.shape)
    image = to_image(spread(source_of(true, fine), fwhm, fine), parts, grid.shape)
    return float((image * weight).sum() / weight.sum())


def test_draws_agree_with_moving_the_contour(make_ball, make_grid) -> None:  # type: ignore[no-untyped-def]
    """The second-order terms against the ball moved and spread anew: another road to the same numbers."""
    grid = _grid(make_grid)
    ball, other = make_ball("b", (0.0, 0, 0), 10.0), make_ball("c", (28.0, 0, 0), 10.0)
    doubt = MatrixUncertainty(0.0, 1.5, 2000)
    draws = build_transfer(grid, [ball, other], 12.0, uncertainty=doubt, rng=np.random.default_rng(0)).draws
    assert draws is not None
    shifts = np.random.default_rng(1).normal(0, 1.5, (80, 3))
    own = [_seen(ball, _moved(ball, s), grid, 12.0) for s in shifts]
    neighbour = [_seen(ball, _moved(other, s), grid, 12.0) for s in shifts]
    assert draws[:, 0, 0].mean() == pytest.approx(np.mean(own), rel=0.01)
    assert draws[:, 0, 0].std() == pytest.approx(np.std(own), rel=0.35)
    assert draws[:, 0, 1].mean() == pytest.approx(np.mean(neighbour), rel=0.05)
    assert draws[:, 0, 1].std() == pytest.approx(np.std(neighbour), rel=0.25)


def test_draws_of_the_width_agree_with_other_widths(make_ball, make_grid) -> None:  # type: ignore[no-untyped-def]
    grid, balls = _grid(make_grid), [make_ball("b", (0.0, 0, 0), 10.0)]
    draws = build_transfer(grid, balls, 12.0, uncertainty=MatrixUncertainty(1.0, 0.0, 4000), rng=np.random.default_rng(2)).draws
    assert draws is not None
    low, high = (build_transfer(grid, balls, b).matrix[0, 0] for b in (13.0, 11.0))
    assert np.quantile(draws[:, 0, 0], [0.159, 0.841]) == pytest.approx([low, high], abs=0.005)


def test_without_doubt_every_draw_is_the_matrix(make_ball, make_grid, make_volume) -> None:  # type: ignore[no-untyped-def]
    grid, balls = _grid(make_grid), [make_ball("b", (0.0, 0, 0), 10.0)]
    transfer = build_transfer(grid, balls, 12.0, uncertainty=MatrixUncertainty(0.0, 0.0, 3))
    found = transfer.correct(make_volume(np.random.default_rng(0).uniform(1, 2, grid.shape), grid))
    assert found.draws_mbq == pytest.approx(np.tile(found.corrected_mbq, (3, 1)))
    elsewhere = make_volume(np.ones((8, 8, 8)), make_grid((8, 8, 8), (4.8, 4.8, 4.8)))
    with pytest.raises(InputError, match="another grid"):
        transfer.correct(elsewhere)


def test_a_contour_on_coarse_voxels_spreads_like_the_ball_that_it_shows(make_ball, make_grid, make_volume) -> None:  # type: ignore[no-untyped-def]
    """A ball of 5 ml drawn as whole voxels of 4 mm: its stairs must not count as surface."""
    grid = _grid(make_grid)
    ball = make_ball("b", (0.0, 0, 0), 10.6)
    coarse = make_grid((12, 12, 12), (3.9, 3.9, 4.4), (-21.0, -22.5, -24.0))
    occupancy = region_on(ball, coarse)
    whole = np.sort(occupancy.ravel())[::-1][: round(ball.volume_ml / coarse.voxel_ml)][-1]
    drawn = Region("b", RegionKind.LESION, (occupancy >= whole).astype(np.float32), coarse)
    fine, _ = fine_grid(grid)
    assert source_of(drawn, fine).mask.sum() * fine.voxel_ml == pytest.approx(drawn.volume_ml, rel=2e-3)
    image = make_volume(_image_of(ball, grid), grid)
    true = ball.volume_ml * 1e-6
    smooth = correct_regions(image, [drawn], 12.6, background=False).corrected_mbq[0]
    soft = np.clip(drawn.occupancy, 0.002, 0.998)  # no longer all or nothing: taken as it is, with its stairs
    stairs = correct_regions(image, [replace(drawn, occupancy=soft)], 12.6, background=False).corrected_mbq[0]
    assert abs(smooth / true - 1) < 0.03
    assert stairs / true - 1 > 0.03


def _image_of(ball: Region, grid: Grid) -> np.ndarray:  # type: ignore[type-arg]
    fine, parts = fine_grid(grid)
    return to_image(spread(source_of(ball, fine), 12.6, fine), parts, grid.shape)

"""Points of luck: even within every draw and over all draws, and lesions that rise and fall together as stated."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.response import course, luck

RNG = np.random.default_rng(7)
SHIFT = RNG.uniform(size=(40, 6))


def test_the_first_point_is_the_shift_and_fewer_points_are_the_first_of_more():
    many = luck.spread_points(SHIFT, 256, slice(0, 6))
    np.testing.assert_allclose(many[:, 0], SHIFT, atol=1e-12)
    np.testing.assert_array_equal(luck.spread_points(SHIFT, 64, slice(0, 6)), many[:, :64])
    assert many.min() >= 0.0 and many.max() < 1.0


@pytest.mark.parametrize("rows", [1, 2, 4, 8, 16, 32, 64, 128])
def test_every_box_of_a_draw_holds_one_point(rows):
    """128 points in boxes of 1/128: the first two dimensions of Sobol's sequence are a (0, 7, 2)-net, shifted or not."""
    points = luck.spread_points(SHIFT, 128, slice(0, 2))
    box = np.floor(points[:, :, 0] * rows) * (128 // rows) + np.floor(points[:, :, 1] * (128 // rows))
    assert (np.sort(box, axis=1) == np.arange(128)).all()


def test_draws_stand_one_in_each_stratum_of_every_dimension():
    shift = luck.strata(np.random.default_rng(1), 500, 5)
    assert (np.sort(np.floor(shift * 500), axis=0) == np.arange(500)[:, None]).all()
    assert np.abs(np.corrcoef(shift.T) - np.eye(5)).max() < 0.15


def test_deviations_that_are_shared_have_the_distribution_of_a_part_in_common_and_parts_of_their_own():
    z = np.random.default_rng(3).standard_normal((200_000, 4))
    found = course.correlated(z[:, :3], 0.5)
    np.testing.assert_array_equal(found[:, 0], z[:, 0])
    other = course.share_between_lesions(z[:, 3:], z[:, :3])
    np.testing.assert_allclose(np.cov(found.T), np.cov(other.T), atol=0.02)
    np.testing.assert_allclose(np.cov(course.correlated(z[:, :2], 0.0).T), np.eye(2), atol=0.02)

"""When a second image is best: against readings that are drawn, not the formula."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.dosimetry.two_point import second_image, second_image_for_all, second_image_log_sd
from neorlt.jobs.kinetics import best_second_image


def drawn_log_sd(first_h, second_h, half_life_h, ratio=1.0, cv=0.01, n=200_000):
    """SD of the log time-integrated activity of two noisy readings, over the SD of the first."""
    rng = np.random.default_rng(11)
    rate = np.log(2) / half_life_h
    first = -rate * first_h + cv * rng.standard_normal(n)
    second = -rate * second_h + cv * ratio * rng.standard_normal(n)
    found = (first - second) / (second_h - first_h)
    return float(np.std(first + found * first_h - np.log(found)) / cv)


@pytest.mark.parametrize(("half_life", "hours"), [(51.0, 123), (90.0, 236)])
def test_after_24_h_the_second_is_best_at(half_life, hours):
    found = second_image(24.0, half_life)
    assert round(found.best_h) == hours
    assert found.best_h == pytest.approx(2 * half_life / np.log(2) - 24.0)
    assert found.log_sd == pytest.approx(drawn_log_sd(24.0, found.best_h, half_life), rel=0.01)
    for other in (0.7, 0.85, 1.2, 1.5):
        assert drawn_log_sd(24.0, 24.0 + other * (found.best_h - 24.0), half_life) > found.log_sd * 1.005


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.7])
def test_its_window_ends_where_the_error_is_a_tenth_larger(ratio):
    found = second_image(20.0, 60.0, ratio)
    for edge in (found.from_h, found.to_h):
        if np.isfinite(edge):
            assert second_image_log_sd(20.0, edge, 60.0, ratio) == pytest.approx(1.1 * found.log_sd, rel=1e-9)
    assert found.log_sd == pytest.approx(drawn_log_sd(20.0, found.best_h, 60.0, ratio), rel=0.01)
    assert found.from_h < found.best_h < found.to_h


def test_one_time_for_all_is_between_and_no_region_loses_much():
    both = second_image_for_all(24.0, (51.0, 90.0))
    assert 123 < both < 236
    losses = [second_image_log_sd(24.0, both, h) / second_image(24.0, h).log_sd for h in (51.0, 90.0)]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)
    assert max(losses) < 1.1


@pytest.mark.parametrize("bad", [(80.0, 51.0, 1.0), (0.0, 51.0, 1.0), (24.0, -1.0, 1.0), (24.0, 51.0, 0.0)])
def test_times_that_have_no_best_second_are_refused(bad):
    with pytest.raises(InputError):
        second_image(*bad)


def test_no_region_has_no_second_time():
    with pytest.raises(InputError, match="for no region"):
        second_image_for_all(24.0, ())


def test_the_command_answers_for_the_population_and_names_what_is_too_late():
    shown = best_second_image(24.0, (51.0, 90.0))
    assert "51 h 123 h; 90 h 236 h" in shown["sentence"]
    usual = {row["name"]: row for row in best_second_image(24.0)["regions"]}
    assert usual["kidney"]["best_h"] == pytest.approx(2 * usual["kidney"]["effective_half_life_h"] / np.log(2) - 24.0)
    late = best_second_image(100.0)
    assert late["for_all_h"] is None
    assert next(row for row in late["regions"] if row["name"] == "kidney")["reason"] is not None
    with pytest.raises(InputError, match="longer than the physical"):
        best_second_image(24.0, (200.0,))

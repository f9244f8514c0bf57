"""Lesions followed from study to study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neorlt.clinic.recist import Response
from neorlt.core.errors import InputError
from neorlt.imaging.response import compare_studies
from neorlt.imaging.study import Study
from neorlt.imaging.tracking import match_lesions
from neorlt.imaging.volume import Grid, Unit, Volume

CT = Volume(np.full((80, 80, 80), 60.0), Grid((80, 80, 80), np.diag([2.0, 2.0, 2.0, 1.0]), "frame"), Unit.HU, "CT")


def _study(lesions, hu=60.0, key="k"):  # type: ignore[no-untyped-def]
    return Study(key, (CT.with_array(np.full((80, 80, 80), hu)),), tuple(lesions))


def test_shrinking_by_a_third_is_a_partial_response(make_ball) -> None:  # type: ignore[no-untyped-def]
    before = _study([make_ball("a", (50, 50, 50), 15.0), make_ball("b", (100, 100, 100), 15.0)])
    after = _study([make_ball("a", (50, 50, 50), 10.0), make_ball("b", (100, 100, 100), 10.0)])
    found = compare_studies(before, after)
    assert found.recist is Response.PR
    assert found.sum_before_mm == pytest.approx(60, abs=0.7)
    assert found.sum_after_mm == pytest.approx(40, abs=0.7)
    assert found.choi is Response.PR
    assert found.as_json()["mrecist"] is None


def test_a_fall_of_attenuation_alone_is_a_response_by_choi_only(make_ball) -> None:  # type: ignore[no-untyped-def]
    lesions = [make_ball("a", (50, 50, 50), 15.0)]
    found = compare_studies(_study(lesions, 60.0), _study(lesions, 45.0))
    assert (found.recist, found.choi) == (Response.SD, Response.PR)


def test_a_new_lesion_is_progression_and_a_missing_one_counts_zero(make_ball) -> None:  # type: ignore[no-untyped-def]
    a, b = make_ball("a", (50, 50, 50), 15.0), make_ball("b", (100, 100, 100), 15.0)
    assert compare_studies(_study([a]), _study([a, b])).recist is Response.PD
    gone = compare_studies(_study([a, b]), _study([a]))
    assert gone.gone == ("b",)
    assert gone.recist is Response.PR


def test_lesions_are_matched_by_place_where_names_differ(make_ball) -> None:  # type: ignore[no-untyped-def]
    before = [make_ball("x", (50, 50, 50), 10.0), make_ball("y", (100, 50, 50), 10.0)]
    after = [make_ball("1", (103, 52, 50), 8.0), make_ball("2", (52, 49, 51), 8.0), make_ball("3", (50, 120, 50), 8.0)]
    found = match_lesions(before, after)
    assert (found.pairs, found.new, found.gone) == (((0, 1), (1, 0)), (2,), ())
    elsewhere = [replace(r, grid=replace(r.grid, frame_of_reference="other")) for r in after]
    apart = match_lesions(before, elsewhere)
    assert apart.pairs == ()
    assert "name only" in apart.notes[0]


def test_two_patients_are_refused(make_ball) -> None:  # type: ignore[no-untyped-def]
    lesions = [make_ball("a", (50, 50, 50), 15.0)]
    with pytest.raises(InputError, match="different patients"):
        compare_studies(_study(lesions), _study(lesions, key="other"))


def test_two_phases_of_ct_give_no_choi(make_ball) -> None:  # type: ignore[no-untyped-def]
    """An arterial CT beside the plain one of the first study: the fall to the plain one of the second is no response."""
    lesions = [make_ball("a", (50, 50, 50), 15.0)]
    plain, after = _study(lesions, 60.0), _study(lesions, 60.0)
    arterial = CT.with_array(np.full((80, 80, 80), 140.0))
    for volumes in ((arterial, *plain.volumes), (*plain.volumes, arterial)):
        found = compare_studies(replace(plain, volumes=volumes), after)
        assert found.choi is None
        assert "60 and 140 HU" in str(found.as_json()["choi_reason"])
    cut = Volume(arterial.array[:, :, :10], Grid((80, 80, 10), CT.grid.affine, "frame"), Unit.HU, "CT")  # shows no lesion
    assert compare_studies(replace(plain, volumes=(cut, *plain.volumes)), after).choi is Response.SD

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neorlt.clinic import recist
from neorlt.clinic.choi import classify_choi
from neorlt.clinic.mrecist import classify_mrecist, is_target
from neorlt.clinic.recist import NonTarget, Response
from neorlt.core.errors import InputError

mm = st.floats(0.0, 300.0, allow_nan=False)


@pytest.mark.parametrize(
    ("now", "baseline", "nadir", "expected"),
    [
        (100.0, 100.0, 100.0, Response.SD),
        (70.0, 100.0, 100.0, Response.PR),
        (70.1, 100.0, 100.0, Response.SD),
        (0.0, 100.0, 40.0, Response.CR),
        (24.0, 100.0, 20.0, Response.PR),  # +20 % over the nadir, but only 4 mm
        (25.0, 100.0, 20.0, Response.PD),  # +25 % and +5 mm, while still 75 % below the baseline
        (105.0, 100.0, 100.0, Response.SD),  # +5 mm, but only 5 %
        (120.0, 100.0, 100.0, Response.PD),
        (119.9, 100.0, 100.0, Response.SD),
        (120.0, 100.0, 130.0, Response.PD),  # the nadir includes the baseline
        (np.nan, 100.0, 100.0, Response.NE),
        (50.0, 0.0, 0.0, Response.NE),
    ],
)
def test_recist_by_sum(now: float, baseline: float, nadir: float, expected: Response) -> None:
    assert int(recist.classify_recist(now, baseline, nadir)) == expected


def test_new_lesion_is_progression_whatever_the_sum() -> None:
    assert int(recist.classify_recist(0.0, 100.0, 40.0, True)) == Response.PD


def test_nodes_below_10_mm_are_gone_though_the_sum_is_not_0() -> None:
    size = [0.0, 9.5]
    gone = recist.all_targets_gone(size, node=[False, True])
    assert bool(gone)
    assert int(recist.classify_recist(9.5, 60.0, 9.5, targets_gone=gone)) == Response.CR
    assert not bool(recist.all_targets_gone([0.0, 10.0], node=[False, True]))
    assert not bool(recist.all_targets_gone([3.0, 9.0], node=[False, True]))


@given(now=mm, baseline=st.floats(10.0, 300.0), nadir=mm, scale=st.floats(1.0, 3.0))
def test_recist_never_improves_when_the_sum_grows(now: float, baseline: float, nadir: float, scale: float) -> None:
    small = int(recist.classify_recist(now, baseline, nadir))
    assert int(recist.classify_recist(now * scale, baseline, nadir)) >= small


@given(now=mm, baseline=st.floats(10.0, 300.0), nadir=mm)
def test_progression_needs_both_20_percent_and_5_mm(now: float, baseline: float, nadir: float) -> None:
    lowest = min(nadir, baseline)
    if int(recist.classify_recist(now, baseline, nadir)) == Response.PD and lowest > 0:
        assert now - lowest > 4.999
        assert now > 1.199999 * lowest


def test_arrays_and_jax_agree() -> None:
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(1)
    now, base, nadir = rng.uniform(0, 150, (3, 500)).astype(np.float32)
    plain = recist.classify_recist(now, base, nadir)
    compiled = jax.jit(recist.classify_recist)(jnp.asarray(now), jnp.asarray(base), jnp.asarray(nadir))
    assert np.array_equal(plain, np.asarray(compiled))


def test_series_takes_the_nadir_of_the_past_only() -> None:
    codes = recist.classify_series([[100.0, 60.0, 66.0, 80.0, 40.0], [50.0, np.nan, 34.0, 40.0, 0.0]])
    assert codes.tolist() == [[2, 2, 4, 2], [5, 2, 3, 1]]


def test_targets_are_the_largest_two_an_organ_and_five_in_all() -> None:
    organs = ["liver"] * 4 + ["pancreas"] + ["node"] * 3 + ["lung"] * 2
    size = [30, 40, 20, 9, 50, 14.9, 15, 22, 12, 11]
    node = [o == "node" for o in organs]
    chosen = recist.select_targets(organs, size, node=node)
    assert np.flatnonzero(chosen).tolist() == [0, 1, 4, 6, 7]


def test_thick_slices_need_twice_their_thickness() -> None:
    assert bool(recist.is_measurable(10.0))
    assert not bool(recist.is_measurable(14.0, slice_mm=7.5))
    assert bool(recist.is_measurable(15.0, slice_mm=7.5))
    assert not bool(recist.is_measurable(14.0, node=True))


@pytest.mark.parametrize(
    ("target", "non_target", "new", "expected"),
    [
        (Response.CR, NonTarget.CR, False, Response.CR),
        (Response.CR, NonTarget.NONE, False, Response.CR),
        (Response.CR, NonTarget.NON_CR_NON_PD, False, Response.PR),
        (Response.CR, NonTarget.NE, False, Response.PR),
        (Response.PR, NonTarget.NE, False, Response.PR),
        (Response.SD, NonTarget.CR, False, Response.SD),
        (Response.NE, NonTarget.CR, False, Response.NE),
        (Response.NE, NonTarget.PD, False, Response.PD),
        (Response.PR, NonTarget.PD, False, Response.PD),
        (Response.CR, NonTarget.CR, True, Response.PD),
        (Response.PD, NonTarget.CR, False, Response.PD),
    ],
)
def test_overall_table(target: Response, non_target: NonTarget, new: bool, expected: Response) -> None:
    assert int(recist.overall_response(target, non_target, new)) == expected


def test_a_lesion_that_comes_back_after_a_complete_response_is_progression() -> None:
    assert recist.classify_series([50.0, 0.0, 4.0]).tolist() == [Response.CR, Response.PD]
    assert recist.classify_series([50.0, 0.0, np.nan, 4.0]).tolist() == [Response.CR, Response.NE, Response.PD]
    # With nodes the sum need not be 0: 9 mm is gone, 11 mm is back, though it grew by 2 mm only.
    gone = recist.all_targets_gone([[9.0], [11.0]], node=True)
    assert recist.classify_series([60.0, 9.0, 11.0], targets_gone=gone).tolist() == [Response.CR, Response.PD]
    assert recist.best_response([Response.CR, Response.PD], weeks=[12, 24]) == Response.CR
    assert recist.best_response([Response.CR, Response.PD], weeks=[12, 24], confirm=True) == Response.SD


def test_size_that_is_recorded_for_a_lesion_too_small_to_measure() -> None:
    assert recist.recorded_size_mm([np.nan, np.nan, np.nan, 3.0, 12.0], [True, False, None, True, None]).tolist()[:2] == [5.0, 0.0]
    found = recist.recorded_size_mm([np.nan, 3.0, 12.0], [None, True, None])
    assert np.isnan(found[0])
    assert found[1:].tolist() == [3.0, 12.0]


def test_stable_disease_needs_time() -> None:
    assert recist.best_response([3], weeks=[3]) == Response.NE
    assert recist.best_response([3], weeks=[6]) == Response.SD
    assert recist.best_response([3, 4], weeks=[3, 12]) == Response.PD
    assert recist.best_response([3, 4], weeks=[3, 12], stable_weeks=3) == Response.SD
    assert recist.best_response([3, 5], weeks=[3, 12]) == Response.NE


def test_best_response_stops_at_progression() -> None:
    assert recist.best_response([3, 4, 2], weeks=[8, 16, 24]) == Response.SD
    assert recist.best_response([3, 4, 2]) == Response.NE  # too early or not: the weeks are not known
    assert recist.best_response([5, 2, 3]) == Response.PR
    assert recist.best_response([]) == Response.NE


def test_confirmation_needs_a_second_look_after_4_weeks() -> None:
    assert recist.best_response([2, 2], weeks=[8, 12], confirm=True) == Response.PR
    assert recist.best_response([2, 2], weeks=[8, 11], confirm=True) == Response.SD
    assert recist.best_response([2, 3], weeks=[8, 16], confirm=True) == Response.SD
    # Disease that is back after a complete response progressed: nothing is confirmed.
    assert recist.best_response([1, 2], weeks=[8, 16], confirm=True) == Response.SD
    assert recist.best_response([1, 2], weeks=[4, 16], confirm=True) == Response.PD
    assert recist.best_response([2, 1, 1], weeks=[8, 16, 24], confirm=True) == Response.CR
    assert recist.best_response([2, 1], weeks=[8, 16], confirm=True) == Response.PR
    assert recist.best_response([2, 5, 2], weeks=[8, 16, 24], confirm=True) == Response.PR
    assert recist.best_response([2, 3, 2], weeks=[8, 16, 24], confirm=True) == Response.SD
    with pytest.raises(InputError, match="weeks"):
        recist.best_response([2], confirm=True)
    with pytest.raises(InputError, match="time order"):
        recist.best_response([2, 2], weeks=[8, 8])


def test_mrecist_has_no_5_mm_rule_and_counts_viable_tumour() -> None:
    assert int(classify_mrecist(24.0, 100.0, 20.0)) == Response.PD
    assert int(classify_mrecist(0.0, 40.0, 40.0)) == Response.CR
    assert int(classify_mrecist(28.0, 40.0, 40.0)) == Response.PR
    assert is_target([12.0, 12.0, 9.0, 12.0], [True, False, True, None]).tolist() == [1, 0, 0, -1]


def test_choi_size_or_attenuation() -> None:
    assert int(classify_choi(-0.10, 0.0)) == Response.PR
    assert int(classify_choi(0.0, -0.15)) == Response.PR
    assert int(classify_choi(0.12, -0.20)) == Response.PR  # growth, but a response by attenuation
    assert int(classify_choi(0.10, 0.0)) == Response.PD
    assert int(classify_choi(-0.5, -0.5, new_nodule=True)) == Response.PD
    assert int(classify_choi(-0.05, np.nan)) == Response.NE  # a fall of attenuation could make it a response
    assert int(classify_choi(-0.10, np.nan)) == Response.PR
    assert int(classify_choi(-1.0, np.nan)) == Response.CR

"""Read-outs: rules of the clinic on arrays, vessels against geometry, timing, baselines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.clinic.vessels import VesselContact
from neorlt.core.errors import InputError
from neorlt.response import course, readouts, timing, vessels
from neorlt.response.arrays import LesionArrays, Outcome, ScheduleArrays
from neorlt.response.parameters import draw_parameters, parameter_table


def outcome(diameter, times, n_replicates=1, ki67=8.0) -> Outcome:
    d = np.asarray(diameter, np.float32)
    flat = np.full_like(d, ki67)
    volume = (d / d[..., :1]) ** 3
    return Outcome(np.asarray(times, np.float32), volume, d, d, flat, 0 * d, 0 * d + 1, 0 * d + 1, n_replicates)


def test_recist_classes_add_up_and_follow_the_rule():
    lesion = LesionArrays(volume_ml=[14.1], ki67_pct=[5.0], diameter_mm=[30.0])
    # Worlds: shrinks by a third; stays; grows by 25 % (7.5 mm).
    out = outcome([[[30, 20]], [[30, 30]], [[30, 37.5]]], [0, 12], n_replicates=3)
    found = readouts.recist_probabilities(out, lesion)
    assert [float(found[name][0, 1]) for name in ("CR", "PR", "SD", "PD")] == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])
    assert float(readouts.objective_response(out, lesion)[0, 1]) == pytest.approx(1 / 3)
    gone = outcome([[[30, 0]], [[30, 30]]], [0, 12], n_replicates=2)
    assert float(readouts.objective_response(gone, lesion)[0, 1]) == pytest.approx(1 / 2)


def test_progression_counts_from_the_nadir():
    lesion = LesionArrays(volume_ml=[14.1], ki67_pct=[5.0], diameter_mm=[30.0])
    out = outcome([[[30, 20, 26]]], [0, 12, 24])
    assert readouts.recist_probabilities(out, lesion)["PD"][0].tolist() == [0.0, 0.0, 1.0]


def test_liver_burden_is_weighted_by_volume():
    lesions = LesionArrays(volume_ml=[10.0, 30.0, 50.0], ki67_pct=[5.0] * 3, is_liver=[True, True, False])
    out = outcome([[[10, 5], [20, 20], [30, 1]]], [0, 12])
    assert float(readouts.liver_burden(out, lesions)[0, 1]) == pytest.approx((10 / 8 + 30) / 40, rel=1e-5)


def test_equal_clones_give_the_sampling_null_alone():
    p = draw_parameters(50, 1, "prior")
    lesion = LesionArrays(volume_ml=[14.1], ki67_pct=[8.0])
    found = readouts.grade_change(p, outcome(np.full((50 * 200, 1, 2), 30.0), [0, 12], 200), lesion, 0, 1, seed=3)
    np.testing.assert_allclose(found.lower, found.null_lower)
    np.testing.assert_allclose(found.lower + found.same + found.higher, 1.0)
    assert 0.01 < found.lower.mean() < 0.3


@given(st.floats(5, 300), st.floats(8, 60), st.floats(1.5, 7))
def test_contact_is_undone_by_its_own_distance(contact, big, small):
    if small * np.sin(np.deg2rad(contact) / 2) > big:
        return
    d = vessels.centre_distance_mm(contact, big, small)
    assert vessels.contact_deg(d, big, small) == pytest.approx(contact, abs=1e-5)


def test_contact_matches_points_on_the_wall():
    angle = np.linspace(0, 2 * np.pi, 200_000, endpoint=False)
    for d, big, small in ((24.0, 20.0, 6.0), (18.0, 20.0, 4.0), (30.0, 20.0, 6.0), (10.0, 20.0, 4.0)):
        x, y = d - small * np.cos(angle), small * np.sin(angle)
        counted = 360 * np.mean(x**2 + y**2 <= big**2)
        assert vessels.contact_deg(d, big, small) == pytest.approx(counted, abs=0.01)


def test_contact_falls_with_the_tumour_and_scar_keeps_it():
    diameter = np.array([45.0, 40, 35, 30])
    latent = course.latent_contact_deg("SMV", 220.0, diameter, 45.0)
    assert np.all(np.diff(latent) < 0) and latent[0] == pytest.approx(220, abs=1e-6)
    assert course.seen_contact_deg(latent, 220.0, True).tolist() == pytest.approx([220.0] * 4)
    # A scar hides no growth.
    grown = course.latent_contact_deg("SMV", 220.0, 50.0, 45.0)
    assert grown > 221 and course.seen_contact_deg(grown, 220.0, True) == grown
    assert course.latent_contact_deg("SMA", 0.0, 80.0, 45.0) == 0


def test_a_contact_that_no_sphere_makes_is_refused_or_taken_as_the_widest():
    with pytest.raises(InputError, match="cannot belong"):
        course.latent_contact_deg("SMV", 300.0, 5.0, 5.0)
    assert course.latent_contact_deg("SMV", 300.0, 5.0, 5.0, clip=True) == pytest.approx(np.rad2deg(2 * np.arcsin(2.5 / 6)), abs=1e-3)


VESSEL_NAMES = ("SMV", "SMA", "CA", "CHA", "Aorta", "IVC", "splenic vein")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(VesselContact, st.sampled_from(VESSEL_NAMES), st.sampled_from([0.0, 30.0, 120.0, 180.0, 220.0, 360.0]),
                          st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=3),
       st.booleans(), st.integers(0, 2**31))
def test_the_table_of_classes_is_the_rule(vessels, head, seed):
    rng = np.random.default_rng(seed)
    latent = rng.choice([0.0, 1.0, 29.0, 30.0, 121.0, 180.0, 180.5, 219.0, 221.0, 360.0], size=(40, len(vessels)))
    base = np.array([vessel.contact_deg for vessel in vessels])
    table = course.contact_classes(vessels, head=head)
    for scar in (np.zeros(len(vessels), bool), base > 0):
        seen = course.seen_contact_deg(latent, base, scar)
        expected = course.resectability(vessels, seen, head=head)
        assert table.with_scar(scar)[table.number(table.states(latent))].tolist() == expected.tolist()


def test_resectable_only_when_every_vessel_is_free():
    vessels = [VesselContact("SMV", 220, True), VesselContact("SMA", 90)]
    seen = np.array([[220.0, 90.0], [0.0, 0.0], [0.0, 60.0]])
    assert course.resectability(vessels, seen, head=True).tolist() == [1, 0, 1]
    closed = [VesselContact("SMV", 30, occluded=True, reconstructible=False)]
    assert course.resectability(closed, np.array([[30.0], [0.0]]), head=True).tolist() == [2, 2]


def test_chance_of_response_is_the_share_of_readings_that_respond():
    """Against counted readings: two targets, a small lesion that is none."""
    rng = np.random.default_rng(1)
    base, latent, sd = np.array([40.0, 25.0, 8.0]), np.array([29.0, 16.0, 20.0]), 0.12
    keep = np.array([True, True, False])
    z = rng.standard_normal((2, 400_000, 3))
    read = course.read_diameter(latent, sd, z[0], z[1])[:, keep].sum(axis=1)
    counted = (read <= 0.7 * 65.0).mean()
    chance = course.response_chance(latent, base, np.full(4000, sd), z[0, :4000], z[1, :4000], keep)
    assert chance.mean() == pytest.approx(counted, abs=0.012)
    one = course.response_chance([[28.0]], [40.0], [sd], [[0.0]], [[0.0]], [True])
    assert one[0] == pytest.approx(0.5)
    whole = course.response_chance(latent, base, np.full(4000, sd), z[0, :4000], z[1, :4000], keep, baseline_known=False)
    assert whole.mean() == pytest.approx(counted, abs=0.012) and whole.std() < 0.8 * chance.std()
    below = course.response_chance([[26.0]], [40.0], [sd], [[0.0]], [[0.0]], [True])
    assert below[0] == pytest.approx((course.read_diameter(26.0, sd, 0.0, z[1, :, 0]) <= 28.0).mean(), abs=0.005)
    both = course.response_chance([[26.0]], [40.0], [sd], [[0.0]], [[0.0]], [True], baseline_known=False)
    assert both[0] == pytest.approx((course.read_diameter(26.0, sd, z[0, :, 0], z[1, :, 0]) <= 28.0).mean(), abs=0.005)


def test_one_more_month_counts_millimetres():
    times = np.arange(0, 21.0)
    falling = 40 - 1.0 * times  # 4.35 mm a month
    slow = 40 - 0.1 * times
    found = timing.one_more_month(outcome([[falling], [slow]], times, n_replicates=2), 0)
    np.testing.assert_allclose(found.probability, 0.5)
    with pytest.raises(InputError):
        timing.one_more_month(outcome([[[40, 39]]], [0, 2]), 0)


def test_exact_interval_and_baselines():
    rate, low, high = readouts.exact_interval(15, 57)
    assert (round(100 * rate, 1), round(100 * low, 1), round(100 * high, 1)) == (26.3, 15.5, 39.7)
    assert readouts.exact_interval(0, 10)[1] == 0.0
    assert readouts.baseline_rates()["objective_response"].events == 23


def test_warnings_name_what_lies_outside_the_data():
    lesions = LesionArrays(volume_ml=[2.0, 60.0], ki67_pct=[5.0, 30.0])
    names = {w["name"] for w in readouts.validity_warnings(lesions, [10.0, 900.0], ["pancreas-head", "lung"])}
    assert names == {"small-lesion", "dose-outside-data", "grade-outside-data", "site-outside-data"}
    for site in ("Pancreas", "head of the pancreas", "Leber Segment 4", "Ileum"):
        assert not readouts.validity_warnings(LesionArrays(volume_ml=[60.0], ki67_pct=[5.0]), [120.0], [site]), site


def test_recalled_values_are_never_shown_as_facts():
    for row in parameter_table("prior"):
        assert row["label"] in {"assumption", "by construction"}
        assert "memory" not in row["source"]
    feedback = next(row for row in parameter_table() if row["name"] == "blood_feedback")
    assert feedback["label"] == "assumption"


@pytest.mark.parametrize("change", [{"week": [8, 0]}, {"times_week": [3, 1]}, {"sensitiser": [9, 0]}, {"dose": -1.0}, {"half": 0.0}])
def test_bad_schedules_name_a_remedy(change):
    given_ = {"week": [0, 8], "times_week": [0, 1], "sensitiser": [0, 0], "dose": 1.0, "half": 50.0} | change
    with pytest.raises(InputError) as error:
        ScheduleArrays(np.array(given_["week"], float), np.full((1, 1, 2, 2), given_["dose"]), np.full((1, 1, 2), given_["half"]),
                       np.array(given_["times_week"], float), np.array(given_["sensitiser"]))
    assert error.value.remedy

"""Schemes in words and TOML are one object, and what is not understood is refused with the forms that are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.planning.patient import patient_from
from neorlt.planning.predict import build_world, kidney_bed, to_kidney_limit
from neorlt.planning.published import load_scheme
from neorlt.planning.scheme import parse_scheme, read_scheme, standard_schemes


def test_four_cycles_every_eight_weeks():
    scheme = parse_scheme("4 x 7.4 GBq Lu-177 every 8 weeks")
    assert [c.week for c in scheme.cycles] == [0, 8, 16, 24]
    assert scheme.cumulative_gbq() == {"Lu-177": pytest.approx(29.6)}
    assert scheme.surgery_week == 36
    assert scheme.sensitiser == "none"


def test_cycles_joined_by_plus_follow_each_other():
    scheme = parse_scheme("2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 6 weeks, surgery 10 weeks after")
    assert [(c.week, dict(c.activity_gbq)) for c in scheme.cycles] == [
        (0, {"Lu-177": 7.4}), (8, {"Lu-177": 7.4}), (16, {"Y-90": 2.8}), (22, {"Y-90": 2.8})]
    assert scheme.surgery_week == 32


def test_two_nuclides_in_one_cycle_and_sensitiser():
    scheme = parse_scheme("3 x (3.7 GBq Lu-177 and 1.85 GBq Y-90) every 8 weeks")
    assert [dict(c.activity_gbq) for c in scheme.cycles] == [{"Lu-177": 3.7, "Y-90": 1.85}] * 3
    captem = parse_scheme("4 x 7.4 GBq Lu-177 every 8 weeks with CAPTEM, surgery 12 weeks after")
    assert captem.sensitiser == "captem"
    assert captem.surgery_weeks_after_last == 12


def test_activity_in_mbq_is_converted():
    assert parse_scheme("1 x 7400 MBq 177Lu").cycles[0].activity_gbq == {"Lu-177": 7.4}


@pytest.mark.parametrize("text", [
    "", "4 x", "4 x 7.4", "4 x 7.4 GBq", "4 x 7.4 GBq Xx-999", "0 x 7.4 GBq Lu-177", "4 x -7.4 GBq Lu-177", "4 x 7400 GBq Lu-177",
    "4 x 7.4 GBq Lu-177 every 0 weeks", "4 x 7.4 GBq Lu-177 with aspirin", "4 x 7.4 GBq Lu-177 + ", "99 x 7.4 GBq Lu-177",
    "2 x (3 GBq Lu-177 and 2 GBq Lu-177) every 8 weeks", "4 x 7.4 GBq Ga-68 every 8 weeks",
])
def test_what_is_not_understood_is_refused_with_a_remedy(text):
    with pytest.raises(InputError) as caught:
        parse_scheme(text)
    assert caught.value.remedy


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_text_ends_in_anything_but_a_scheme_or_a_named_error(text):
    try:
        assert parse_scheme(text).name
    except InputError as error:
        assert error.remedy


@settings(deadline=None)
@given(st.integers(1, 6), st.sampled_from([3.7, 5.55, 7.4]), st.sampled_from([6, 8, 10]), st.integers(4, 20),
       st.sampled_from(["", " with CAPTEM", " with capecitabine", " with 5-FU"]))
def test_words_of_a_scheme_read_back_as_the_same_scheme(n, activity, interval, surgery, tail):
    scheme = parse_scheme(f"{n} x {activity} GBq Lu-177 every {interval} weeks + 2 x 2.8 GBq Y-90 every 8 weeks{tail}, "
                          f"surgery {surgery} weeks after")
    again = parse_scheme(scheme.text)
    assert again.cycles == scheme.cycles
    assert again.surgery_week == scheme.surgery_week


def test_toml_gives_the_same_object(tmp_path):
    path = tmp_path / "dual.toml"
    path.write_text('name = "dual"\nsurgery_weeks_after_last = 12\nsensitiser = "none"\n[[cycle]]\nweek = 0\npeptide = "DOTATATE"\n'
                    'peptide_ug = 150\nactivity_gbq = { "Lu-177" = 7.4 }\n[[cycle]]\nweek = 8\nactivity_gbq = { "Y-90" = 2.8 }\n')
    scheme = load_scheme(str(path))
    words = parse_scheme("1 x 7.4 GBq Lu-177 every 8 weeks + 1 x 2.8 GBq Y-90")
    assert [(c.week, c.activity_gbq) for c in scheme.cycles] == [(c.week, c.activity_gbq) for c in words.cycles]
    assert scheme.cycles[0].peptide_ug == 150


@pytest.mark.parametrize(("content", "message"), [
    ("cycle = 3", "write \\[\\[cycle\\]\\]"), ("[[cycle]]\nweek = 0", "activity_gbq"),
    ("[[cycle]]\nweek=0\nactivity_gbq={}", "no activity"),
    ("[[cycle]]\nweek=8\nactivity_gbq={\"Lu-177\"=7.4}\n[[cycle]]\nweek=0\nactivity_gbq={\"Lu-177\"=7.4}", "backwards"),
    ("[[cycle]]\nweek=0\nactivity={\"Lu-177\"=7.4}", "unknown key"), ("= 3", "not valid TOML"),
    ("[[cycle]]\nweek=\"a\"\nactivity_gbq={\"Lu-177\"=7.4}", "not a number"),
])
def test_bad_toml_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "s.toml"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_scheme(path)


def test_standard_comparison_counts_all_from_baseline():
    schemes = standard_schemes()
    assert len(schemes) >= 6
    assert schemes[0].cycles == ()
    assert schemes[0].surgery_week == max(s.surgery_week for s in schemes)
    assert all(s.cycles[0].week == 0 for s in schemes[1:])


def test_activity_per_body_surface():
    patient = patient_from({"id": "s", "baseline": {"weight_kg": 72, "height_cm": 180},
                            "lesion": [{"id": "a", "site": "liver", "longest_diameter_mm": 20}]}, "p")
    assert patient.body_surface_m2 == pytest.approx((72 * 180 / 3600) ** 0.5)
    scheme = load_scheme("2 x 3.7 GBq/m2 Lu-177 every 8 weeks", patient)
    assert scheme.cycles[0].activity_gbq["Lu-177"] == pytest.approx(3.7 * patient.body_surface_m2)
    with pytest.raises(InputError):
        load_scheme("2 x 3.7 GBq/m2 Lu-177 every 8 weeks")


def test_words_to_the_kidney_limit():
    scheme = parse_scheme("4 x 7.4 GBq Lu-177 every 8 weeks to kidney limit with 10 %, surgery 8 weeks after")
    assert scheme.kidney_p_over == 0.1 and scheme.surgery_weeks_after_last == 8 and len(scheme.cycles) == 4
    with pytest.raises(InputError):
        load_scheme("4 x 7.4 GBq Lu-177 every 8 weeks to kidney limit")


def test_scheme_to_the_kidney_limit_meets_it():
    patient = patient_from({"id": "s", "lesion": [{"id": "a", "site": "liver", "longest_diameter_mm": 20}]}, "p")
    world = build_world(patient, n_draws=1000, n_replicates=1, seed=1)
    scheme = to_kidney_limit(world, load_scheme("4 x 1 GBq Lu-177 every 8 weeks to kidney limit", patient))
    bed = kidney_bed(world, scheme)
    assert (bed > 40).mean() == pytest.approx(0.05, abs=0.003)


@pytest.mark.parametrize("words", [
    "4 x 7.4 GBq Lu-177 every 8 weeks",
    "2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 6 weeks",
    "1 x 7.4 GBq Lu-177 every 7.86 weeks + 1 x 7.4 GBq Lu-177 every 8.14 weeks + 2 x 7.4 GBq Lu-177 every 8 weeks",
    "2 x 7.4 GBq Lu-177 every 12 weeks + 1 x 3.7 GBq Lu-177",
])
def test_a_scheme_in_words_says_every_week(words: str) -> None:
    scheme = parse_scheme(words)
    again = parse_scheme(scheme.text)
    assert [cycle.week for cycle in again.cycles] == pytest.approx([cycle.week for cycle in scheme.cycles])
    assert [cycle.activity_gbq for cycle in again.cycles] == [cycle.activity_gbq for cycle in scheme.cycles]

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neorlt.reporting import rounding


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (31.04, "31"),
        (128.2, "130"),
        (0.0449, "0.045"),
        (-14.4, "−14"),
        (3.70, "3.7"),
        (15870, "16\u202f000"),
        (-0.0, "0"),
        (None, "not available"),
        ("text", "text"),
    ],
)
def test_two_significant_digits(value: object, shown: str) -> None:
    assert rounding.number(value) == shown


def test_one_precision_within_an_interval() -> None:
    assert rounding.interval({"median": 4.24, "ci90": [2.81, 6.49]}) == ("4.2", "2.8–6.5")
    assert rounding.interval({"median": 24.4, "ci90": [3.2, 31.7]}) == ("24", "3–32")
    assert rounding.interval({"median": -18.0, "ci90": [-35.1, 4.0]}) == ("−18", "−35 to 4")
    assert rounding.interval({"median": 124.0, "ci90": [80.0, 190.0]}) == ("120", "80–190")
    assert rounding.interval({"median": 38.4, "ci90": [20.2, 109.7]}) == ("38", "20–110")
    assert rounding.interval({"median": 7.4, "ci90": [4.2, 14.4]}) == ("7.4", "4.2–14")
    assert rounding.interval({"median": 0.41, "ci90": [-9.0, 17.0]}) == ("0.4", "−9.0 to 17")
    assert rounding.interval({"median": 0.0, "ci90": [0.0, 0.0]}) == ("0", "")
    assert rounding.interval({"median": 230.0, "ci90": [230.0, 230.0]}) == ("230", "")
    assert rounding.interval({"median": None}) is None
    assert rounding.interval(None) is None


@given(st.floats(0, 1))
def test_probability_is_a_whole_percentage_and_never_certain(probability: float) -> None:
    shown = rounding.percent(probability)
    assert shown is not None
    plain = shown.replace("\u00a0", " ")
    if 0.01 <= probability <= 0.99:
        assert abs(int(plain.removesuffix(" %")) - 100 * probability) <= 0.5 + 1e-9
    else:
        assert plain in {"< 1 %", "> 99 %"}


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-6, max_value=1e6))
def test_rounding_moves_a_value_by_less_than_five_per_cent(value: float) -> None:
    shown = float(rounding.number(value).replace("\u202f", "").replace("−", "-"))
    assert shown == pytest.approx(value, rel=0.0501)


def test_booleans_and_nan_are_not_numbers() -> None:
    assert not rounding.is_number(True)
    assert not rounding.is_number(float("nan"))


def test_intervals_of_probability_are_never_certain() -> None:
    assert rounding.percent_span([0.0, 1.0]) == "<1 to >99\u00a0%"
    assert rounding.percent_span([0.18, 0.72]) == "18–72\u00a0%"


def test_a_difference_that_rounds_to_nothing_has_no_minus() -> None:
    """A sign is asked for with ``z`` everywhere: "moved by -0 %" says a direction that the figure does not have."""
    assert f"{-0.3:+z.0f}" == "+0" and f"{-0.7:+z.0f}" == "-1"
    source = Path(rounding.__file__).parents[1]
    asked = [(path, form) for path in source.rglob("*.py") for form in re.findall(r":\+(\w*)\.\df", path.read_text(encoding="utf-8"))]
    assert len(asked) > 10
    assert [path.name for path, form in asked if "z" not in form] == []

"""The validation book of the response model: verdicts come from score and power, and the report says what the book found."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from by_path import load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def book() -> ModuleType:
    return load(ROOT / "validation" / "response_book.py")


def results() -> list[dict[str, object]]:
    text = resources.files("neorlt").joinpath("data", "validation.json").read_text(encoding="utf-8")
    return list(json.loads(text)["results"])


def test_a_verdict_can_fail_and_says_how_often_it_would(book):
    from scipy.stats import binom

    k = np.arange(41)
    model, other = binom.pmf(k, 40, 0.5), binom.pmf(k, 40, 0.2)
    assert book.verdict_of(model, other, 20)["verdict"] == "better than the baseline"
    assert book.verdict_of(model, other, 8)["verdict"] == "miss"
    sharp = book.verdict_of(model, other, 20)
    assert sharp["power"] > 0.9 and sharp["could_fail"] > 0.9
    same = book.verdict_of(model, model, 20)
    assert same["verdict"] == "cannot tell" and same["power"] == 0.0


@pytest.mark.parametrize(("right", "wrong"), [(0.5, 0.3), (0.3, 0.5)])
def test_power_is_the_chance_that_simulation_gives(book, right, wrong):
    from scipy.stats import binom

    k = np.arange(51)
    model, other = binom.pmf(k, 50, right), binom.pmf(k, 50, wrong)
    found = book.verdict_of(model, other, 25)
    drawn = np.random.default_rng(1).binomial(50, right, 4000)
    assert np.mean(np.log(model[drawn] / other[drawn]) > np.log(3)) == pytest.approx(found["power"], abs=0.03)
    drawn = np.random.default_rng(2).binomial(50, wrong, 1000)
    missed = [book.verdict_of(model, other, int(x))["verdict"] == "miss" for x in drawn]
    assert np.mean(missed) == pytest.approx(found["could_fail"], abs=0.05)


def test_the_book_holds_misses_and_no_verdict_of_old():
    verdicts = [str(row["verdict"]) for row in results()]
    assert not any(verdict == "pass" for verdict in verdicts)
    known = ("better than", "no better than", "miss", "cannot tell", "not usable", "see left out", "both readings")
    assert all(verdict.startswith(known) for verdict in verdicts)


def test_the_report_shows_the_pooled_rate_first_while_the_model_is_no_better():
    named = [row for row in results() if "response" in str(row["name"]) or row["name"] == "waldherr2002"]
    counts = [row for row in named if row["verdict"] not in ("not usable", "see left out")]  # those that are scored
    assert len(counts) >= 3
    behind = sum(float(row["log_score"]) <= float(row["log_score_baseline"]) for row in counts)
    template = (ROOT / "src/neorlt/reporting/templates/report.html.j2").read_text(encoding="utf-8")
    first = template.index("What published patients had") < template.index("What the model says of this patient")
    assert first == (behind >= len(counts) / 2)

"""Ranking, the stopping rule, agreement."""

from __future__ import annotations

import math
import random

import pytest
from evidence_corpus import distinct

from neorlt.evidence.review.agreement import cohen_kappa
from neorlt.evidence.screening import rank, stopping


def test_kappa_matches_the_textbook_table() -> None:
    # Fleiss, Levin, Paik 2003, two raters on 100: 75/1/4, 5/4/1, 0/0/10 gives kappa 0.68.
    table = {("A", "A"): 75, ("A", "B"): 1, ("A", "C"): 4, ("B", "A"): 5, ("B", "B"): 4, ("B", "C"): 1, ("C", "C"): 10}
    pairs = {f"{a}{b}{i}": (a, b) for (a, b), n in table.items() for i in range(n)}
    found = cohen_kappa(pairs)
    assert found.n == 100
    assert found.kappa == pytest.approx(0.676, abs=5e-4)
    assert found.se == pytest.approx(0.0877, abs=5e-4)


def test_kappa_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = random.Random(1)
    pairs = {str(i): (rng.choice(["include", "exclude"]), rng.choice(["include", "exclude", "unsure"])) for i in range(200)}
    found = cohen_kappa(pairs)
    assert found.kappa == pytest.approx(cohen_kappa_score([a for a, _ in pairs.values()], [b for _, b in pairs.values()]))


def test_kappa_is_undefined_without_variety() -> None:
    assert cohen_kappa({"a": ("include", "include")}).kappa is None
    assert cohen_kappa({}).reason == "no record was judged by both"


def test_reading_in_ranked_order_finds_all_relevant_ones_early() -> None:
    records = {f"r{i}": record for i, record in enumerate(distinct(1000, 5))}
    relevant = {key for key, r in records.items() if "neoadjuvant" in r.title and "pancreatic" in r.title}
    topic = "neoadjuvant treatment of pancreatic neuroendocrine tumours"
    labels: dict[str, bool] = {}
    for _ in range(10):  # ten sittings of ten records each: a tenth of all
        following = [key for key, _ in rank(records, labels, topic=topic)][:10]
        assert len(following) == 10
        assert not set(following) & set(labels)
        labels |= {key: key in relevant for key in following}
    assert len(relevant) >= 5
    assert relevant <= set(labels)
    assert len(rank(records, labels, topic=topic)) == 900  # nothing is dropped: what was not read is still in the list


def test_stopping_needs_both_rules() -> None:
    early = stopping([True] * 5 + [False] * 60, 5000, stop_after_irrelevant=50)
    assert early["irrelevant_in_a_row"] == 60
    assert not early["may_stop"]
    late = stopping([True] * 5 + [False] * 960, 1000, stop_after_irrelevant=50)
    assert late["may_stop"]
    assert late["p_recall_below_target"] < 0.05
    assert not stopping([False] * 100, 1000, stop_after_irrelevant=50)["may_stop"]
    assert stopping([False] * 10, 10, stop_after_irrelevant=50)["may_stop"]


def test_stopping_p_is_the_hypergeometric_tail_on_a_plain_example() -> None:
    # All 3 relevant first, then 97 irrelevant of 100 more: a recall below 95 % means at least one is left among the 103 unread
    # plus read records; the chance to see none in the 97 drawn is C(102, 97) / C(197, 97)-like: computed by hand below.
    found = stopping([True, True, True] + [False] * 97, 200, stop_after_irrelevant=10)
    one_left_among_197 = (197 - 97) / 197
    assert found["p_recall_below_target"] == pytest.approx(one_left_among_197)
    assert math.isclose(found["target_recall"], 0.95)

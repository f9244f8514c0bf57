"""Tables for people: folded to the page between words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neorlt.cli import console

CELL = st.text(st.sampled_from("abcdef 1%"), max_size=30)


@given(st.integers(1, 8).flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=6)), st.integers(10, 120))
def test_words_are_broken_only_where_they_do_not_fit_beside_each_other(rows: list[list[str]], whole: int) -> None:
    widths = console.fitted_widths(rows, whole)
    longest = [max([1, *(len(word) for row in rows for word in row[i].split())]) for i in range(len(rows[0]))]
    natural = [max([1, *(len(row[i]) for row in rows)]) for i in range(len(rows[0]))]
    assert sum(widths) <= max(whole, len(widths))
    assert all(1 <= width <= most for width, most in zip(widths, natural, strict=True))
    if sum(longest) <= whole:
        assert all(width >= word for width, word in zip(widths, longest, strict=True))
    if sum(natural) <= whole:
        assert widths == natural


def test_the_table_of_a_decision_breaks_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    heads = ["", "open", "operated", "R0", "op. death", "severe", "blood", "EFS, of 10 y", "QALY, of 10 y", "QALY, life", "loss, months"]
    console.table(heads, [["A", "hesitate", "67 %", "42 %", "2 %", "33 %", "20 %", "1.8", "3.6", "4.2", "12.0"]])
    said = capsys.readouterr().out
    words = said.split()
    assert all(word in words for head in heads for word in head.split())
    assert "hesitate" in words
    assert max(map(len, said.splitlines())) <= console.WIDTH

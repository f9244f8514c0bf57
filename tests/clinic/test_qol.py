import json
from pathlib import Path

import numpy as np
import pytest

from neorlt.clinic import qol
from neorlt.core.errors import InputError

RULES = json.loads((Path(__file__).parents[1] / "data" / "clinic" / "clinical_rules.json").read_text(encoding="utf-8"))


def test_scales_are_those_of_the_rule_table() -> None:
    table = RULES["qol"]["qlq_c30_v3"]["scales"]
    assert {k: list(v) for k, v in qol.SCALES.items()} == table
    assert sorted(i for items in qol.SCALES.values() for i in items) == list(range(1, 31))


def test_best_and_worst_answers() -> None:
    best = np.ones(30)
    best[28:] = 7
    worst = np.full(30, 4.0)
    worst[28:] = 1
    scores = qol.score_qlq_c30([best, worst])
    for scale, value in scores.items():
        good = scale in qol.FUNCTIONAL or scale == "QL2"
        assert value.tolist() == ([100.0, 0.0] if good else [0.0, 100.0])


def test_summary_is_the_mean_of_13_scales_and_needs_them_all() -> None:
    best = np.ones(30)
    worst = np.full(30, 4.0)
    scores = qol.score_qlq_c30([best, worst])
    assert qol.summary_score(scores).tolist() == [100.0, 0.0]  # whatever items 28 to 30 say
    mixed = np.ones(30)
    mixed[8] = mixed[18] = 4.0  # pain is worst, all else best
    assert float(qol.summary_score(qol.score_qlq_c30(mixed))) == pytest.approx(100.0 * 12 / 13)
    mixed[7] = np.nan  # dyspnoea is one item: its scale is missing
    assert np.isnan(qol.summary_score(qol.score_qlq_c30(mixed)))


def test_half_rule() -> None:
    answers = np.full(30, 2.0)
    answers[[0, 1]] = np.nan  # 3 of 5 physical items left
    assert qol.score_qlq_c30(answers)["PF2"] == pytest.approx(100 * (1 - 1 / 3))
    answers[2] = np.nan
    assert np.isnan(qol.score_qlq_c30(answers)["PF2"])
    answers[28] = np.nan  # 1 of 2 is half
    assert qol.score_qlq_c30(answers)["QL2"] == pytest.approx(100 / 6)


def test_wrong_answers_are_named() -> None:
    answers = np.full(30, 2.0)
    answers[4] = 5
    with pytest.raises(InputError, match="item 5"):
        qol.score_qlq_c30(answers)
    with pytest.raises(InputError, match="30"):
        qol.score_qlq_c30(np.ones(29))
    with pytest.raises(InputError, match="include_unchecked"):
        qol.gi_net21_scales()

"""The study of the blur: its committed verdict is that of its rows, and how large errors are beside intervals is told rightly."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "validation"))
import dosimetry_blur as blur

from neorlt.dosimetry.uncertainty import DEFAULT


def test_the_committed_verdict_is_that_of_its_rows() -> None:
    written = json.loads(Path(blur.__file__).with_suffix(".json").read_text())
    assert written["missed"] == blur.judge(written)
    assert written["sizes"] == DEFAULT.as_json(), "a size of doubt moved: run validation/dosimetry_blur.py again"
    assert {row["n"] for row in written["rows"]} == {written["n_seeds"]}
    good = {"region": "x", "blur": "2", "p_coverage": 0.5, "coverage90": 0.9}
    found = {"false_alarm_p": 0.5, "alarms": {"0": 0.02, "-4": 0.95, "4": 0.95}, "rows": [good]}
    assert blur.judge(found) == []
    for change in ({"rows": [good | {"p_coverage": 0.009}]}, {"false_alarm_p": 0.009}, {"alarms": {"0": 0.02, "-4": 0.89, "4": 0.95}}):
        assert len(blur.judge(found | change)) == 1


def test_how_large_errors_are_beside_the_intervals() -> None:
    """By hand: errors of 20 % in intervals of 10 % are twice as large, and 90 % intervals hold P(|z| < 1.645 / 2) = 59 %."""
    rng = np.random.default_rng(1)
    seen = np.exp(0.2 * rng.standard_normal(4000))
    draws = [value * np.exp(0.1 * rng.standard_normal(400)) for value in seen]
    row = blur.coverage_row("x", "0", [1.0] * len(seen), draws)
    assert row["error_over_interval"] == pytest.approx(2.0, rel=0.04)
    assert row["coverage90"] == pytest.approx(0.589, abs=0.025) and row["p_coverage"] < 1e-6


def test_the_study_is_off_by_what_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole activity of an image over that of the still, errorless one: the drawn factors and nothing else."""
    base = blur.small.make_study()
    monkeypatch.setattr(blur, "COUNTS_PER_MBQ", 1e9)  # no noise to speak of
    made, truth, blur_mm = blur.make(3, base)
    still, same, _ = blur.make(3, base, still=True)
    rng = np.random.default_rng([blur.SEED, 3])
    blur.patient(rng)
    errors = blur.stated.draw_errors(rng, [organ.name for organ in blur.small.ORGANS], len(blur.TIMES_H))
    ratios = [float(a.array.sum() / b.array.sum()) for a, b in zip(made.therapy_images(), still.therapy_images(), strict=True)]
    assert ratios == pytest.approx((errors.calibration * errors.images).tolist(), rel=0.01)
    assert np.ptp(ratios) > 0.01 and truth == same and blur_mm == errors.blur_mm
    volume = {region.name: region.volume_ml for region in made.regions}
    for organ in blur.small.ORGANS:
        by_hand = 4 / 3 * np.pi * np.prod(np.array(organ.axes) + errors.step_mm[organ.name]) / 1000.0
        assert volume[organ.name] == pytest.approx(by_hand, rel=0.02)

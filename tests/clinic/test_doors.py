"""The rules' doors with odd inputs: refused with what may be, and never fewer possible classes than there are."""

from typing import Any

import numpy as np
import pytest

from neorlt.clinic import rules
from neorlt.core.errors import InputError
from neorlt.jobs.rules import ctcae_command, grade_command, recist_command, stage_command


@pytest.mark.parametrize(("call", "said"), [
    (lambda: grade_command(None, ["ki67_pct=101"]), "0 to 100"),
    (lambda: grade_command(None, ["ki67_pct=2,9"]), "decimal point"),
    (lambda: grade_command("downgraded", ["grade_before=4", "grade_after=1"]), "1, 2, 3"),
    (lambda: grade_command("severe-complication", ["grade=9"]), "0, 1, 2"),
    (lambda: grade_command("krenning-eligible", ["grade=5"]), "0, 1, 2, 3, 4"),
    (lambda: grade_command("choi", ["size_change=12"]), "-1 to 5"),
    (lambda: stage_command("ajcc8", t=None, n="0", m="0", size_mm="-5"), "0 or more"),
    (lambda: ctcae_command("platelets", {"value": "-3"}, "5.0"), "0 to 5000"),
    (lambda: ctcae_command("platelets", {"value": "45000"}, "5.0"), r"0 to 5000.*10\^9/l"),
    (lambda: ctcae_command("haemoglobin", {"value": "95", "lln": "120"}, "5.0"), r"0 to 30.*g/dl"),
    (lambda: recist_command([0.0, 10.0], [8.0], new_lesion=[False]), "a baseline above 0 mm"),
    (lambda: recist_command([50.0, -1.0], [8.0], new_lesion=[False]), "no sum below 0"),
])
def test_a_value_that_cannot_be_is_refused(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()


def test_a_baseline_that_was_not_measured_gives_no_change() -> None:
    visits = recist_command([float("nan"), 10.0], [8.0], new_lesion=[False])["visits"]
    assert visits[0]["change_from_baseline_pct"] is None and visits[0]["class"] is None


@pytest.mark.parametrize("version", ["4.03", "5.0", "6.0"])
def test_unknown_counts_leave_every_grade_possible(version: str) -> None:
    """By brute force over a fine grid of values and limits of normal."""
    for term in ("platelets", "neutrophils", "wbc", "lymphocytes", "haemoglobin"):
        rule = rules.ctcae_rule(term, version)
        if rule.answer({}).reason == "not available in this version":
            continue
        names = [item.name for item in rule.inputs]
        flags = {item.name for item in rule.inputs if item.flag}
        fine = np.concatenate([np.linspace(0.0, 20.0, 201), np.linspace(20.0, 400.0, 191)])
        axes = [np.array([False, True]) if name in flags else fine for name in names]
        mesh = dict(zip(names, (axis.ravel() for axis in np.meshgrid(*axes)), strict=True))
        codes = {int(code) for code in np.unique(rule.apply(**mesh))}
        every = {rule.names[code] for code in codes if code in rule.names and code not in rule.unknown}
        assert set(rule.answer({}).possible) == every, (term, version)

"""Versions of a registration and what changed."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from neorlt.core.errors import InputError
from neorlt.evidence.watch import diff
from neorlt.jobs.evidence.online import Services, watch_command
from neorlt.jobs.evidence.review import status_command

DATA = Path(__file__).parents[1] / "data" / "evidence"


def test_the_changed_endpoint_comes_first_and_order_is_no_change() -> None:
    v1, v2 = (json.loads((DATA / f"nct_v{i}.json").read_text()) for i in (1, 2))
    changes = diff(v1, v2)
    assert changes[0].weight == "endpoint"
    assert changes[0].before == "mRECIST"
    assert changes[0].after == "RECIST 1.1 for the primary tumour, mRECIST for liver metastases"
    assert {change.weight for change in changes} == {"endpoint", "status"}
    shuffled = copy.deepcopy(v1)
    shuffled["protocolSection"]["outcomesModule"]["secondaryOutcomes"].reverse()
    assert diff(v1, shuffled) == [] == diff(v1, v1)


def test_a_dropped_outcome_and_a_changed_size_show() -> None:
    v1 = json.loads((DATA / "nct_v1.json").read_text())
    other = copy.deepcopy(v1)
    other["protocolSection"]["outcomesModule"]["secondaryOutcomes"].pop(0)
    other["protocolSection"]["designModule"]["enrollmentInfo"]["count"] = 12
    changes = diff(v1, other)
    assert [c for c in changes if c.weight == "endpoint" and c.after is None]
    assert [(c.before, c.after) for c in changes if c.weight == "design"] == [(30, 12)]


def test_versions_are_dated_kept_and_compared(tmp_path: Path) -> None:
    folder, offline = tmp_path / "review", Services(ctgov=None)
    status_command(folder, new=True)
    watch_command(folder, add=DATA / "nct_v2.json", services=offline)
    watch_command(folder, add=DATA / "nct_v1.json", services=offline)
    (state,) = watch_command(folder, add=DATA / "nct_v2.json", services=offline)["registrations"]
    assert state["versions"] == ["2020-05-10", "2023-06-01"]
    assert state["endpoint_changed"]
    (step,) = state["steps"]
    assert step["from"] == "2020-05-10"
    assert step["changes"][0]["weight"] == "endpoint"
    bad = tmp_path / "paper.ris"
    bad.write_bytes((DATA / "export.ris").read_bytes())
    with pytest.raises(InputError, match="not a registration"):
        watch_command(folder, add=bad, services=offline)

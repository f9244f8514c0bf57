from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neorlt.web.jobs import Jobs
from neorlt.web.settings import Settings
from neorlt.web.store import Status, Store


def _wait(store: Store, name: str, owner: str, seconds: float = 60.0) -> Status:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        case = store.get(name, owner)
        assert case is not None
        if case.status not in (Status.QUEUED, Status.RUNNING):
            return case.status
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def test_wrong_input_ends_with_a_sentence_and_without_result(tmp_path: Path) -> None:
    store = Store(Settings(tmp_path))
    case = store.create("me", "wrong", lambda folder: (folder / "patient.toml").write_text("id = 3") and None)
    jobs = Jobs(store)
    jobs.start()
    jobs.submit(case)
    try:
        assert _wait(store, case.name, "me") is Status.FAILED
    finally:
        jobs.stop()
    found = store.get(case.name, "me")
    assert found is not None
    assert "lesion" in found.message
    assert not found.result.exists()


def test_a_case_that_is_sent_twice_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clicks on *start again*, or a queue taken up at a start and sent once more, made two runs of one case."""
    count = "import sys; open(sys.argv[-1] + '/runs', 'a').write('x'); raise SystemExit(1)"
    monkeypatch.setattr("neorlt.web.jobs.WORKER", (sys.executable, "-c", count))
    store = Store(Settings(tmp_path))
    case, last = store.create("me", "twice"), store.create("me", "last")
    jobs = Jobs(store)
    jobs.submit(case)
    jobs.start()
    jobs.submit(case)
    jobs.submit(last)
    try:
        assert _wait(store, last.name, "me") is Status.FAILED
        assert (case.folder / "runs").read_text() == "x"
        # One that has ended is computed again, at once.
        jobs.submit(case)
        assert _wait(store, case.name, "me") is Status.FAILED
        assert (case.folder / "runs").read_text() == "xx"
    finally:
        jobs.stop()


def test_running_job_of_a_killed_server_is_interrupted_and_waiting_ones_go_on(tmp_path: Path) -> None:
    store = Store(Settings(tmp_path))
    running, waiting = store.create("me", "running"), store.create("me", "waiting")
    store.set_status(running, Status.RUNNING)
    again = Store(Settings(tmp_path))
    assert [case.name for case in again.mark_interrupted()] == [waiting.name]
    found = again.get(running.name, "me")
    assert found is not None
    assert found.status is Status.INTERRUPTED
    assert "start it again" in found.status.sentence


_WRITER = """
import sys
from pathlib import Path
from neorlt.web.settings import Settings
from neorlt.web.store import Status, Store
from neorlt.web import audit
store = Store(Settings(Path(sys.argv[1])))
while True:
    case = store.create("me", "title")
    for status in Status:
        store.set_status(case, status)
    audit.append(Path(sys.argv[1]) / "audit.jsonl", "signed", name="x")
    print(case.name, flush=True)
"""


@pytest.mark.parametrize("moment", range(5))
def test_kill_at_any_moment_leaves_nothing_half_written(tmp_path: Path, moment: int) -> None:
    from neorlt.web import audit

    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(0.013 * moment)
    os.kill(process.pid, signal.SIGKILL)
    acknowledged = [first.strip(), *(line.strip() for line in process.stdout.read().splitlines())]
    process.wait()
    store = Store(Settings(tmp_path))
    # The last line may have been cut by the kill; every whole one was acknowledged.
    for name in [name for name in acknowledged if len(name) == 32]:
        assert store.get(name, "me") is not None
    for path in (tmp_path / "cases").glob("*/case.json"):
        json.loads(path.read_text())
    assert len(audit.read(tmp_path / "audit.jsonl")) >= len([name for name in acknowledged if len(name) == 32])


def test_case_names_cannot_be_guessed_or_climbed(tmp_path: Path) -> None:
    store = Store(Settings(tmp_path))
    case = store.create("me", "x")
    assert len(case.name) == 32
    assert store.get(case.name, "someone else") is None
    for name in ("..", "../cases", case.name.upper() + "0", "", "shared-none"):
        assert store.get(name, "me") is None

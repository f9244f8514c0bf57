"""A server that is killed with signal 9 at random moments, with clients that go on: what was acknowledged is there afterwards."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from neorlt.web import audit
from neorlt.web.session import SECRET_BYTES, Sessions

from .live import free_port, wait_for_port

# A job that writes slowly, so that kills fall into the middle of it; the folder is made as the real one makes it.
_WORKER = """
import sys, time
from pathlib import Path
from neorlt.core.output import atomic_folder
from neorlt.web.worker import end_with_the_server
end_with_the_server()
case = Path(sys.argv[1])
text = (case / "input" / "patient.toml").read_text()
with atomic_folder(case / "result") as work:
    for name in ("plan.json", "report.html", "run.json"):
        with (work / name).open("w") as stream:
            for _ in range(20):
                stream.write(text)
                stream.flush()
                time.sleep(0.004)
"""
_SERVER = """
import sys
from pathlib import Path
import uvicorn
from neorlt.web import jobs
jobs.WORKER = (sys.executable, sys.argv[3])
from neorlt.web.app import create_app
from neorlt.web.settings import Settings
shared = (("example", Path(sys.argv[4])),)
uvicorn.run(create_app(Settings(Path(sys.argv[1]), shared=shared)), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


class Clients:
    """Threads that create cases and sign until the server is gone; what it acknowledged is kept."""

    def __init__(self, port: int, cookie: str | None, count: int = 3) -> None:
        self.cases: dict[str, str] = {}
        self.signed: list[str] = []
        self._stop = threading.Event()
        self._port = port
        self._cookie = cookie
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float = 60.0) -> None:
        """Until the first signature is acknowledged: a busy machine may take its time to answer at all."""
        deadline = time.monotonic() + seconds
        while not self.signed and time.monotonic() < deadline:
            time.sleep(0.01)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=10) as client:
                if self._cookie is not None:
                    client.cookies.set("neorlt_session", self._cookie)
                found = re.search(r'name="csrf" value="(\w+)"', client.get("/").text)
                assert found
                headers = {"x-csrf-token": found.group(1)}
                for turn in range(1000):
                    if self._stop.is_set():
                        return
                    text = f"client {number} turn {turn} {time.monotonic_ns()}"
                    answer = client.post("/cases", headers=headers, data={"title": "x"}, files={"patient": ("p.toml", text.encode())})
                    if answer.status_code == 303:
                        self.cases[answer.headers["location"].rsplit("/", 1)[1]] = text
                    answer = client.post("/cases/shared-example/sign", headers=headers, data={"signer": text})
                    if answer.status_code == 200:
                        self.signed.append(text)
        except httpx.HTTPError:
            return


def _start(root: Path, tools: Path, shared: Path) -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, str(tools / "server.py"), str(root), str(port), str(tools / "job.py"), str(shared)])
    wait_for_port(port, process)
    return process, port


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_kill_9_loses_nothing_and_leaves_nothing_half_written(tmp_path: Path, shared_folder: Path, kills: int) -> None:
    (tmp_path / "job.py").write_text(_WORKER)
    (tmp_path / "server.py").write_text(_SERVER)
    root = tmp_path / "root"
    cookie = Sessions(root, None)
    mine = cookie.cookie(cookie.new())
    moments = random.Random(17)
    cases: dict[str, str] = {}
    signed: list[str] = []
    for _ in range(kills):
        process, port = _start(root, tmp_path, shared_folder)
        clients = Clients(port, mine)
        clients.wait()
        time.sleep(moments.uniform(0.0, 1.5))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        clients.end()
        cases |= clients.cases
        signed += clients.signed
    assert len(cases) > kills
    assert len(signed) > kills

    process, port = _start(root, tmp_path, shared_folder)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            client.cookies.set("neorlt_session", mine)
            for name, text in cases.items():
                page = client.get(f"/cases/{name}/status")
                assert page.status_code == 200, name
                assert (root / "cases" / name / "input" / "patient.toml").read_text() == text
            trail = [entry["name"] for entry in client.get("/cases/shared-example/audit.json").json()]
            assert set(signed) <= set(trail)
            states = [json.loads(path.read_text())["status"] for path in (root / "cases").glob("*/case.json")]
            listed = client.get("/").text
            # The page says what the crash interrupted.
            assert ("The server stopped while this was computed" in listed) == ("interrupted" in states)
            assert "interrupted" in states
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    whole = 0
    for result in (root / "cases").glob("*/result"):
        assert sorted(path.name for path in result.iterdir()) == ["plan.json", "report.html", "run.json"]
        text = (result.parent / "input" / "patient.toml").read_text()
        assert all((result / name).read_text() == text * 20 for name in ("plan.json", "report.html", "run.json"))
        whole += 1
    assert whole > 0


def test_entry_after_a_cut_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit.append(path, "signed", name="A")
    with path.open("ab") as stream:
        stream.write(b'{"time": "cut by a cra')
    audit.append(path, "signed", name="B")
    audit.append(path, "signed", name="C")
    assert [entry["name"] for entry in audit.read(path)] == ["A", "B", "C"]


def test_job_ends_with_its_server(tmp_path: Path) -> None:
    # The job waits for ever; its server is killed; the job must not outlive it.
    job = tmp_path / "job.py"
    job.write_text(
        "import time\nfrom neorlt.web.worker import end_with_the_server\nend_with_the_server()\n"
        "print('up', flush=True)\ntime.sleep(600)\n"
    )
    server = tmp_path / "server.py"
    server.write_text(
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, {str(job)!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\nprint(child.pid, flush=True)\ntime.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, str(server)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{child}").exists() and "Z" not in _state(child):
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists() or "Z" in _state(child)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "Z"


def test_damaged_secret_is_refused_and_never_taken(tmp_path: Path) -> None:
    Sessions(tmp_path, None)
    assert len((tmp_path / ".secret").read_bytes()) == SECRET_BYTES
    assert [path.name for path in tmp_path.iterdir()] == [".secret"]
    (tmp_path / ".secret").write_bytes(b"")
    with pytest.raises(ValueError, match="secret is damaged"):
        Sessions(tmp_path, None)

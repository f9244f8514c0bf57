"""Many readers at once while jobs run, and the memory of an idle server."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from neorlt.core.output import atomic_folder
from neorlt.web.app import create_app
from neorlt.web.jobs import Jobs
from neorlt.web.settings import Settings
from neorlt.web.store import Case, Status

from .conftest import PLAN
from .live import free_port, running, wait_for_port
from .test_pages import SLIDERS

CLIENTS = 50


def _own_job(self: Jobs, case: Case) -> tuple[Status, str]:
    """A job that writes its own input's name into every part of the result."""
    name = (case.folder / "input" / "patient.toml").read_text()
    plan = {**PLAN, "patient": {**PLAN["patient"], "id": name}}  # type: ignore[dict-item]
    with atomic_folder(case.result) as work:
        (work / "plan.json").write_text(json.dumps(plan))
        (work / "report.html").write_text(f"<!doctype html><title>{name}</title>")
        (work / "run.json").write_text("{}")
    return Status.DONE, ""


def _client(address: str, number: int) -> list[str]:
    """Upload a case of one's own, then read it until it is done and some times more; returns what went wrong."""
    wrong: list[str] = []
    mine = f"own-{number:02d}"
    foreign = re.compile(rf"own-(?!{number:02d})\d\d")
    with httpx.Client(base_url=address, timeout=120, follow_redirects=False) as client:
        found = re.search(r'name="csrf" value="(\w+)"', client.get("/").text)
        assert found
        headers = {"x-csrf-token": found.group(1)}
        answer = client.post("/cases", headers=headers, data={"title": mine}, files={"patient": ("p.toml", mine.encode())})
        if answer.status_code != 303:
            return [f"upload {answer.status_code}"]
        case = answer.headers["location"]
        for _ in range(600):
            if client.get(f"{case}/plan.json").status_code == 200:
                break
            time.sleep(0.1)
        else:
            return [f"{mine} was never done"]
        for path in ("/", case, f"{case}/status", "/cases/shared-example", f"{case}/plan.json", f"{case}/report.html", case):
            answer = client.get(path)
            if answer.status_code != 200:
                wrong.append(f"{path} {answer.status_code}")
            if foreign.search(answer.text):
                wrong.append(f"{path} shows another client's case")
            if path.startswith(case) and not path.endswith("/status") and mine not in answer.text:
                wrong.append(f"{path} is not this client's")
    return wrong


def test_fifty_clients_read_while_jobs_run_and_none_sees_another(
    tmp_path: Path, shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neorlt.web.jobs.Jobs._run", _own_job)
    app = create_app(Settings(tmp_path / "root", shared=(("example", shared_folder),)))
    with running(app) as address, concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        wrong = [text for found in pool.map(lambda number: _client(address, number), range(CLIENTS)) for text in found]
    assert wrong == []


def _resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found.group(1)) / 1000.0


def test_idle_server_is_small(tmp_path: Path, shared_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also after a slider move and a PDF, whose memory belongs to processes of their own."""
    port = free_port()
    command = [sys.executable, "-c", "from neorlt.cli import main; main()", "serve", "--cases", str(tmp_path / "root"), "--port", str(port)]
    process = subprocess.Popen([*command, "--plan", str(shared_folder)])
    try:
        wait_for_port(port, process)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=180) as client:
            found = re.search(r'name="csrf" value="(\w+)"', client.get("/").text)
            assert found
            assert client.get("/cases/shared-example").status_code == 200
            assert client.get("/cases/shared-example/fhir.json").status_code == 200
            before = _resident_mb(process.pid)
            headers = {"x-csrf-token": found.group(1)}
            answer = client.post("/cases/shared-example/predict", headers=headers, data=SLIDERS)
            assert answer.status_code == 200, answer.text
            after = _resident_mb(process.pid)
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
    with capsys.disabled():
        print(f" server: {before:.0f} MB, after a prediction {after:.0f} MB ", end="")
    assert before <= 250.0
    assert after <= 250.0

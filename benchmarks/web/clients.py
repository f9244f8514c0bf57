"""The page under many clients: 200 that each write on a case of their own, and 400 that send half a request and wait.

Usage: ``python benchmarks/web/clients.py [CLIENTS SLOW]``. A server of its own process, as ``neorlt serve`` starts it; only the
computing of a plan is replaced by a copy of one real plan that carries the uploader's own name, so that the page is measured and not
the model. Each client uploads, reads, signs and records a decision on its case while all others do; a page that fails or that holds
another client's name is counted. The baseline is the same page on the idle server.
"""

from __future__ import annotations

import concurrent.futures
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from neorlt.jobs.plan import run_plan

PATIENT = """id = "bench"
[baseline]
age_y = 58
weight_kg = 70
egfr_ml_min = 85
[[lesion]]
id = "primary"
site = "pancreas-head"
longest_diameter_mm = 40
ki67_pct = 5
vessels = [{ name = "SMV", contact_deg = 200 }]
"""
SERVER = """
import shutil, sys
from pathlib import Path
from neorlt.core.output import atomic_folder
from neorlt.web import jobs
from neorlt.web.serve import serve
from neorlt.web.store import Status
plan = Path(sys.argv[3])
def copy(self, case):
    name = (case.folder / "input" / "patient.toml").read_text()
    with atomic_folder(case.result) as work:
        for path in plan.iterdir():
            if path.is_file():
                (work / path.name).write_bytes(path.read_bytes().replace(b"owner-of-this-case", name.encode()))
    return Status.DONE, ""
jobs.Jobs._run = copy
serve(Path(sys.argv[1]), port=int(sys.argv[2]), shared=(plan,))
"""
ROUNDS = 3


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _client(address: str, number: int) -> tuple[list[str], list[float]]:
    """Upload, then read and write; returns what went wrong, and the seconds of each page."""
    mine, foreign = f"own-{number:03d}-end", re.compile(rf"own-(?!{number:03d}-)\d\d\d-end")
    wrong: list[str] = []
    seconds: list[float] = []
    with httpx.Client(base_url=address, timeout=300) as client:
        found = re.search(r'name="csrf" value="(\w+)"', client.get("/").text)
        if found is None:
            return ["no form"], []
        headers = {"x-csrf-token": found.group(1)}
        answer = client.post("/cases", headers=headers, data={"title": mine}, files={"patient": ("p.toml", mine.encode())})
        if answer.status_code != 303:
            return [f"upload {answer.status_code}"], []
        case = answer.headers["location"]
        deadline = time.monotonic() + 600
        while client.get(f"{case}/plan.json").status_code != 200:
            if time.monotonic() > deadline:
                return ["never done"], []
            time.sleep(0.5)
        for turn in range(ROUNDS):
            for path in ("/", case, f"{case}/report.html", f"{case}/plan.json"):
                start = time.perf_counter()
                answer = client.get(path)
                seconds.append(time.perf_counter() - start)
                wrong += [f"{path} {answer.status_code}"] if answer.status_code != 200 else []
                wrong += [f"mixed: {path}"] if foreign.search(answer.text) or mine not in answer.text else []
            words = {"choice": f"{mine} turn {turn}", "reasons": "load", "members": ""}
            for action, data in (("sign", {"signer": mine}), ("board", words)):
                answer = client.post(f"{case}/{action}", headers=headers, data=data)
                wrong += [f"{action} {answer.status_code}"] if answer.status_code != 200 else []
                wrong += [f"mixed: {action}"] if foreign.search(answer.text) else []
        told = client.get(f"{case}/audit.json").json()
        if [entry["event"] for entry in told].count("signed") != ROUNDS or [entry["event"] for entry in told].count("decided") != ROUNDS:
            wrong.append("a written entry is lost")
    return wrong, seconds


def _times(address: str, count: int) -> list[float]:
    seconds = []
    with httpx.Client(base_url=address, timeout=300) as client:
        for _ in range(count):
            start = time.perf_counter()
            answer = client.get("/cases/shared-plan")
            seconds.append(time.perf_counter() - start)
            if answer.status_code != 200:
                raise RuntimeError(f"the page answered {answer.status_code}")
    return seconds


def main() -> int:
    clients, slow_clients = (int(text) for text in (sys.argv[1:3] if len(sys.argv) > 2 else ("200", "400")))
    with tempfile.TemporaryDirectory(prefix="neorlt-bench-") as name:
        folder = Path(name)
        (folder / "patient.toml").write_text(PATIENT.replace('"bench"', '"owner-of-this-case"'), encoding="utf-8")
        run_plan(None, folder / "patient.toml", folder / "plan", schemes=["4 x 7.4 GBq Lu-177 every 8 weeks"], n_draws=50)
        port = _port()
        command = [sys.executable, "-P", "-c", SERVER, str(folder / "root"), str(port), str(folder / "plan")]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                try:
                    httpx.get(address, timeout=5)
                    break
                except httpx.TransportError:
                    time.sleep(0.2)
            _times(address, 3)
            idle = _times(address, 30)
            waiting = []
            for number in range(slow_clients):
                one = socket.create_connection(("127.0.0.1", port), timeout=10)
                one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" if number % 2 else b"P")
                waiting.append(one)
            beside_slow = _times(address, 30)
            for one in waiting:
                one.close()
            before, beside = statistics.median(idle), statistics.median(beside_slow)
            times = f"{1e3 * beside:.0f} ms, {beside / before:.2f} times"
            print(f"idle page: {1e3 * before:.0f} ms; beside {slow_clients} slow clients: {times}", flush=True)
            with concurrent.futures.ThreadPoolExecutor(clients) as pool:
                found = list(pool.map(lambda number: _client(address, number), range(clients)))
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(60)
    wrong = [text for texts, _ in found for text in texts]
    seconds = sorted(second for _, part in found for second in part)
    mixed = sum(text.startswith("mixed") for text in wrong)
    print(f"{clients} clients with one writer each: {len(wrong) - mixed} errors, {mixed} mixed")
    if seconds:
        last = seconds[int(0.95 * len(seconds))]
        print(f"{len(seconds)} pages meanwhile: median {statistics.median(seconds):.2f} s, 95 % below {last:.2f} s")
    for text in wrong[:5]:
        print(f"  {text}")
    return int(bool(wrong) or beside > 2 * before)


if __name__ == "__main__":
    sys.exit(main())

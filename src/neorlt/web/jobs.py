"""Jobs: one at a time, each in a process of its own, so that a crash there takes nothing else with it."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading

from neorlt.web.store import Case, Status, Store

TIMEOUT_S = 1800.0
WORKER = (sys.executable, "-m", "neorlt.web.worker")


class Jobs:
    """Runs queued cases in order, in the background."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.Queue[Case | None] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._work, name="neorlt-jobs", daemon=True)

    def start(self) -> None:
        """Take up what a stopped server left, then wait for work."""
        for case in self._store.mark_interrupted():
            self._queue.put(case)
        self._thread.start()

    def stop(self) -> None:
        """End the running job; it is found interrupted at the next start."""
        self._queue.put(None)
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
        self._thread.join(timeout=10)

    def submit(self, case: Case) -> None:
        """Queue a case."""
        self._queue.put(self._store.set_status(case, Status.QUEUED))

    def _work(self) -> None:
        while (case := self._queue.get()) is not None:
            case = self._store.set_status(case, Status.RUNNING)
            try:
                status, message = self._run(case)
            except Exception as error:  # a full disk or a missing interpreter must not end the queue
                status, message = Status.FAILED, f"The job could not be started: {type(error).__name__}."
            self._store.set_status(case, status, message)

    def _run(self, case: Case) -> tuple[Status, str]:
        command = [*WORKER, str(case.folder)]
        # The worker ends when its standard input does: a server that is killed leaves no job behind that writes later.
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, stdin=subprocess.PIPE)
        try:
            out = _wait(self._process, TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return Status.FAILED, "It took longer than half an hour and was stopped."
        if self._process.returncode == 0:
            return Status.DONE, ""
        if self._process.returncode < 0:
            return Status.INTERRUPTED, ""
        try:
            return Status.FAILED, str(json.loads(out.strip().splitlines()[-1])["error"])
        except (ValueError, KeyError, IndexError):
            return Status.FAILED, "An unforeseen error ended the job; the details stand in error.txt of the case's folder."


def _wait(process: subprocess.Popen[str], timeout_s: float) -> str:
    """What the process writes until it ends; its standard input stays open all that time."""
    assert process.stdin is not None
    assert process.stdout is not None
    said: list[str] = []
    reader = threading.Thread(target=lambda stream: said.append(stream.read()), args=(process.stdout,), daemon=True)
    reader.start()
    try:
        process.wait(timeout=timeout_s)
    finally:
        process.stdin.close()
    reader.join(timeout=10)
    return "".join(said)

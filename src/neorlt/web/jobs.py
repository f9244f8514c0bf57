"""Jobs: one at a time, each in a process of its own, so that a crash there takes nothing else with it."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from pathlib import Path

from neorlt.core.errors import NeorltError
from neorlt.core.output import disk_error, sweep_folder
from neorlt.web.child import command
from neorlt.web.store import Case, Status, Store

TIMEOUT_S = 1800.0
WORKER = tuple(command("neorlt.web.worker"))


class Jobs:
    """Runs queued cases in order, in the background."""

    def __init__(self, store: Store, posterior: Path | None = None) -> None:
        self._store, self._posterior = store, posterior
        self._waiting: list[Case] = []
        self._changed = threading.Condition()
        self._running: Case | None = None
        self._cancelled: set[str] = set()
        self._stopping = False
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._work, name="neorlt-jobs", daemon=True)

    def start(self) -> None:
        """Take up what a stopped server left, then wait for work."""
        with self._changed:
            sent = {case.name for case in self._waiting}
            self._waiting += [case for case in self._store.mark_interrupted() if case.name not in sent]
        self._thread.start()

    def stop(self) -> None:
        """End the running job; it is found interrupted at the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._end_process()
        self._thread.join(timeout=10)

    def submit(self, case: Case) -> None:
        """Queue a case; one that waits or runs already is left as it is, so that no case is computed twice at once."""
        with self._changed:
            if case.name in {one.name for one in (*self._waiting, self._running) if one is not None}:
                return
            queued = self._store.set_status(case, Status.QUEUED)
            self._cancelled.discard(case.name)
            self._waiting.append(queued)
            self._changed.notify()

    def cancel(self, case: Case) -> None:
        """Take a case out of the queue, or end its job."""
        with self._changed:
            self._cancelled.add(case.name)
            waiting = [one for one in self._waiting if one.name == case.name]
            self._waiting = [one for one in self._waiting if one.name != case.name]
            running = self._running is not None and self._running.name == case.name
        if running:
            self._end_process()
        elif waiting:
            self._store.set_status(case, Status.CANCELLED)

    def place(self, case: Case) -> int | None:
        """How many jobs come before this one; None where it does not wait."""
        with self._changed:
            names = [one.name for one in self._waiting]
            return names.index(case.name) + int(self._running is not None) if case.name in names else None

    def _end_process(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()

    def _next(self) -> Case | None:
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            if self._stopping:
                return None
            self._running = self._waiting.pop(0)
            return self._running

    def _work(self) -> None:
        while (case := self._next()) is not None:
            try:
                case = self._store.set_status(case, Status.RUNNING)
                status, message = self._run(case)
                # A process that was ended leaves its work folder: with data of the patient, until the next start otherwise.
                sweep_folder(case.folder)
                if status is not Status.DONE and case.name in self._cancelled:
                    status, message = Status.CANCELLED, ""
            except NeorltError as error:
                status, message = Status.FAILED, str(error)
            except Exception as error:  # a full disk or a missing interpreter must not end the queue
                said = disk_error(error, case.folder) if isinstance(error, OSError) else None
                status, message = Status.FAILED, str(said or f"The job could not be started: {type(error).__name__}.")
            # One step under the lock: who sees the case ended can start it again, and is not told that it still runs.
            with self._changed:
                try:
                    if case.folder.is_dir():
                        self._store.set_status(case, status, message)
                except OSError:
                    # The disk takes nothing more: the case is found interrupted at the next start.
                    pass
                self._running = None

    def _run(self, case: Case) -> tuple[Status, str]:
        # The worker ends when its standard input does: a server that is killed leaves no job behind that writes later.
        words = [*WORKER, *(str(path) for path in (case.folder, self._posterior) if path is not None)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                         stdin=subprocess.PIPE, cwd=case.folder)
        if self._stopping or case.name in self._cancelled:
            # It was stopped between the change of its state and the start of its process.
            self._end_process()
        try:
            out = _wait(self._process, TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return Status.FAILED, "It took longer than half an hour and was stopped."
        code = self._process.returncode
        if code == 0:
            return Status.DONE, ""
        if code < 0:
            if self._stopping:
                return Status.INTERRUPTED, ""
            return Status.FAILED, f"The computing process was ended from outside ({_signal(code)})."
        try:
            return Status.FAILED, str(json.loads(out.strip().splitlines()[-1])["error"])
        except (ValueError, KeyError, IndexError):
            return Status.FAILED, "An unforeseen error ended the job; the details stand in error.txt of the case's folder."


def _signal(code: int) -> str:
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    return f"{name}, often because the machine had no memory left" if name == "SIGKILL" else name


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

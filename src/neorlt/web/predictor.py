"""The sliders' process: it holds the compiled model, answers one request after another, and ends when nobody asks.

The model needs some 300 MB; the server itself stays small, and a crash in the model takes no page with it.
Requests and answers are one JSON document a line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from neorlt.core.errors import NeorltError
from neorlt.web.child import command as child_command

IDLE_S = 600.0
TIMEOUT_S = 120.0
WARM = (
    "4 x 7.4 GBq Lu-177 every 5 weeks, surgery 4 weeks after",
    "5 x 7.4 GBq Lu-177 every 4 weeks, surgery 4 weeks after",
    "4 x 7.4 GBq Lu-177 every 12 weeks, surgery 20 weeks after",
    "4 x 7.4 GBq Lu-177 every 16 weeks, surgery 20 weeks after",
    "6 x 7.4 GBq Lu-177 every 8 weeks, surgery 20 weeks after",
    "3 x 2.8 GBq Y-90 every 8 weeks, surgery 12 weeks after",
    "5 x 2.8 GBq Y-90 every 4 weeks, surgery 4 weeks after",
    "4 x 2.8 GBq Y-90 every 5 weeks, surgery 4 weeks after",
)
"""One scheme for each shape of the model's arrays that the sliders reach: each is compiled once, which takes seconds."""


class SchemeError(NeorltError):
    """The scheme is not understood, or cannot be predicted."""


class PredictorError(NeorltError):
    """The sliders' process did not answer."""


class Predictor:
    """Keeps the process; safe to call from many threads."""

    def __init__(self, idle_s: float = IDLE_S) -> None:
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._timer: threading.Timer | None = None

    def compare(self, folder: Path, text: str, beside: Mapping[str, Any] | None) -> dict[str, Any]:
        """What :func:`neorlt.web.whatif.compare_schemes` returns.

        Raises
        ------
        SchemeError
            If the scheme is not understood or cannot be predicted.
        PredictorError
            If the process ended or took too long; the next request starts a new one.
        """
        request = json.dumps({"folder": str(folder), "text": text, "beside": beside})
        with self._lock:
            self._keep_awake(False)
            try:
                answer = self._ask(request)
            finally:
                self._keep_awake(True)
        if "error" in answer:
            raise SchemeError(str(answer["error"]))
        return answer

    def stop(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._keep_awake(False)
            self._end()

    @property
    def pid(self) -> int | None:
        """The process that runs now."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def _ask(self, request: str) -> dict[str, Any]:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = subprocess.Popen(
                child_command("neorlt.web.predictor"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        # A hanging model is ended from outside: the read below then sees the end of the stream.
        guard = threading.Timer(TIMEOUT_S, process.kill)
        guard.daemon = True
        guard.start()
        try:
            process.stdin.write(request + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            guard.cancel()
        if not line.endswith("\n"):
            self._end()
            raise PredictorError("The prediction did not come back. Move a slider to try again.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _keep_awake(self, idle: bool) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if idle and self._process is not None:
            self._timer = threading.Timer(self._idle_s, self.stop)
            self._timer.daemon = True
            self._timer.start()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        process.kill()
        process.wait()


def answer(line: str) -> dict[str, Any]:
    """Answer one request; what the user can mend comes back as a sentence under ``error``."""
    from neorlt.web.whatif import compare_schemes

    request = json.loads(line)
    try:
        return compare_schemes(Path(request["folder"]), request["text"], request["beside"])
    except NeorltError as error:
        return {"error": str(error)}
    except (ValueError, FloatingPointError, OverflowError):
        return {"error": "The model cannot follow this scheme for this patient: choose fewer cycles or shorter intervals."}


def serve(source: IO[str], target: IO[str]) -> None:
    """Answer until the requests end: the server closes them when it stops, and so does its crash.

    After the first answer, what later moves need is compiled beside.
    """
    warmed = False
    for line in source:
        target.write(json.dumps(answer(line)) + "\n")
        target.flush()
        if not warmed:
            warmed = True
            threading.Thread(target=warm, args=(json.loads(line)["folder"],), daemon=True).start()


def warm(folder: str) -> None:
    """Compile what the sliders may need; the answers are thrown away."""
    for text in WARM:
        answer(json.dumps({"folder": folder, "text": text, "beside": None}))


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)

"""Servers in processes or threads of their own, for tests that need a real connection."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from neorlt.evidence.page import write_evidence
from neorlt.evidence.prisma import shipped_flow
from neorlt.evidence.studies import shipped_review
from neorlt.web.app import create_app
from neorlt.web.evidence import Evidence
from neorlt.web.settings import Settings


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes] | None = None, seconds: float = 90.0) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if process is not None and process.poll() is not None:
            raise AssertionError("the server ended")
        time.sleep(0.05)
    raise AssertionError("the server did not start")


@contextlib.contextmanager
def example_site(root: Path, example: Path) -> Iterator[str]:
    """Serve a finished plan as the example, with the shipped evidence made beforehand; yields the address."""
    table = shipped_review()
    write_evidence(table, shipped_flow(table), Evidence(root)._folder)
    with running(create_app(Settings(root, shared=(("example", example),)))) as found:
        yield found


@contextlib.contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Serve an application in a thread; yields its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_keep_alive=120))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for_port(port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=15)

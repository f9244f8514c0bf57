"""A headless Chromium for the page's tests, and the folders that they open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

VENDOR = Path(__file__).parent / "vendor"
# Software rendering: a test machine has no graphics card, and the viewer needs WebGL 2.
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium under Playwright; skips with the reason where either is missing."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install playwright)")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield found
        finally:
            found.close()


class Watched:
    """A page whose errors and foreign requests are kept."""

    def __init__(self, browser: Any, width: int = 1280, height: int = 900, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        self.context.set_default_timeout(180_000)  # a busy machine without a graphics card draws slowly
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.replaced = self.ended = 0
        self.foreign: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        """Keep an error; a request that a newer move of a slider replaced is none, and the page's library tells of it in two lines."""
        if message.type != "error":
            return
        if message.text.startswith("htmx:sendAbort, "):
            self.replaced += 1
        elif message.text.startswith("htmx:afterRequest, "):
            self.ended += 1
        else:
            self.errors.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.foreign.append(request.url)

    def close(self) -> None:
        """Close, and fail where the page had an error or asked another machine for something."""
        self.context.close()
        assert not self.errors, self.errors
        # One that ended without having been replaced has failed.
        assert self.ended <= self.replaced, f"{self.ended - self.replaced} requests of the page failed"
        assert self.foreign == []


def axe(page: Any) -> list[str]:
    """What axe-core finds wrong with a page, one line each; the page's context must bypass its policy."""
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(path=str(VENDOR / "axe-4.14.1.min.js"))
    found = page.evaluate("() => axe.run(document)")
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found["violations"] for node in rule["nodes"]]

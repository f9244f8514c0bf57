"""Progress on stderr, only on a terminal, only for work that lasts over two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE_S = 2.0


def stage(text: str) -> None:
    """Say on a terminal's stderr what begins now: for steps that take long and cannot be counted, such as a first compile."""
    if sys.stderr.isatty():
        sys.stderr.write(f"neorlt: {text}\n")
        sys.stderr.flush()


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` and, once two seconds have passed, draw a progress bar on a terminal's stderr."""
    if not sys.stderr.isatty():
        yield from items
        return
    if total is None and isinstance(items, Sized):
        total = len(items)
    started = time.monotonic()
    done = 0
    iterator = iter(items)
    for item in iterator:
        yield item
        done += 1
        if time.monotonic() - started > PATIENCE_S:
            break
    else:
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=total, completed=done)
        for item in iterator:
            yield item
            bar.advance(task)


class Told:
    """A bar for work that reports itself: call it with (what, done, in all) inside a ``with`` block; silent off a terminal."""

    def __enter__(self) -> Told:
        self._bar = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._tasks: dict[str, Any] = {}
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, what: str, done: int, of: int) -> None:
        """Show how far a piece of work has come."""
        if self._bar is not None:
            if what not in self._tasks:
                self._tasks[what] = self._bar.add_task(what, total=of)
            self._bar.update(self._tasks[what], completed=done)

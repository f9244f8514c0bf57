"""Progress on stderr, only on a terminal, only for work that lasts over two seconds: stage, fraction, time left.

One board a process shows all rows: a command's own (made by the command line, so that no command is silent for long), its stages, and
what a stage counts. A row that counts moves the stage above it on. Whoever prints calls :func:`hush` first.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE_S = 2.0


@dataclass
class _Row:
    """What one piece of work says of itself; ``total`` None: nobody knows how long it lasts."""

    text: str
    total: float | None
    done: float = 0.0
    share: float = 0.0
    """Part of ``total`` that the stage at hand is."""
    is_command: bool = False
    started: float = field(default_factory=time.monotonic)
    shown: Any = None

    @property
    def fraction(self) -> float | None:
        return None if not self.total else min(self.done / self.total, 1.0)


def time_left(fraction: float | None, elapsed_s: float) -> str:
    """How long it may last still, in words; how long it has lasted where nobody can tell."""
    if fraction is None or fraction < 0.02:
        return f"{_span(elapsed_s)} so far"
    return f"about {_span(elapsed_s * (1.0 - fraction) / fraction)} left"


def _span(seconds: float) -> str:
    whole = max(round(seconds), 1)
    if whole < 100:
        return f"{whole} s"
    return f"{round(whole / 60)} min" if whole < 5400 else f"{whole / 3600:.1f} h"


class _Board:
    """The rows of one process; drawn once the first of them is :data:`PATIENCE_S` old."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._rows: list[_Row] = []
        self._bar: Any = None
        self._timer: threading.Timer | None = None
        self._hushed = False

    def open(self, text: str, total: float | None, *, is_command: bool = False) -> _Row | None:
        """A new row below the others; None off a terminal."""
        if not sys.stderr.isatty():
            return None
        with self._lock:
            row = _Row(text, total, is_command=is_command)
            self._rows.append(row)
            if self._bar is not None:
                self._add(row)
            elif self._timer is None and not self._hushed:
                self._timer = threading.Timer(PATIENCE_S, self._draw)
                self._timer.daemon = True
                self._timer.start()
            return row

    def change(self, row: _Row | None, *, done: float | None = None, text: str | None = None, share: float | None = None) -> None:
        """Say how far a row has come; the stage above moves by as much of its share."""
        if row is None:
            return
        with self._lock:
            row.text = row.text if text is None else text
            row.done = row.done if done is None else done
            row.share = row.share if share is None else share
            self._update(row)
            at = self._rows.index(row) if row in self._rows else 0
            above = self._rows[at - 1] if at else None
            if above is not None and above.share and row.fraction is not None:
                self._update(above, row.fraction * above.share)

    def close(self, row: _Row | None) -> None:
        """Take a row away; the display ends with the last."""
        if row is None:
            return
        with self._lock:
            if row in self._rows:
                self._rows.remove(row)
            if self._bar is not None and row.shown is not None:
                self._bar.remove_task(row.shown)
            if not self._rows:
                self._stop()
                self._hushed = False
            elif self._rows[-1].is_command:
                self._update(self._rows[-1])

    def hush(self) -> None:
        """Take the display away for good: what is printed now must not be drawn over."""
        with self._lock:
            self._hushed = bool(self._rows)
            self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        for row in self._rows:
            row.shown = None

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn
        from rich.text import Text

        class Left(ProgressColumn):
            def render(self, task: Any) -> Text:
                return Text(time_left(None if task.total is None else task.percentage / 100.0, task.elapsed or 0.0), style="dim")

        with self._lock:
            self._timer = None
            if not self._rows or self._hushed or self._bar is not None:
                return
            # What others write to the terminal is theirs: it is not led through the display.
            self._bar = Progress(TextColumn("{task.description}"), BarColumn(20), TaskProgressColumn(), Left(),
                                 console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False,
                                 refresh_per_second=4)  # fmt: skip
            for row in self._rows:
                self._add(row)
            self._bar.start()

    def _add(self, row: _Row) -> None:
        row.shown = self._bar.add_task(row.text, total=row.total, completed=row.done)
        self._bar.tasks[-1].start_time = self._bar.get_time() - (time.monotonic() - row.started)
        self._update(row)

    def _update(self, row: _Row, more: float = 0.0) -> None:
        if self._bar is not None and row.shown is not None:
            self._bar.update(row.shown, description=row.text, completed=row.done + more)
            for other in self._rows:
                if other.is_command and other.shown is not None:
                    # A command's own row stands for one that says nothing of itself.
                    self._bar.update(other.shown, visible=len(self._rows) == 1)


_BOARD = _Board()


@contextlib.contextmanager
def command(text: str) -> Iterator[None]:
    """Show on a terminal that a command is at work, as long as it says nothing better of itself."""
    row = _BOARD.open(text, None, is_command=True)
    try:
        yield
    finally:
        _BOARD.close(row)


def hush() -> None:
    """End the display: what follows is printed."""
    _BOARD.hush()


def stage(text: str) -> None:
    """Say on a terminal's stderr what begins now: for steps that take long and cannot be counted, such as a first compile."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[Kneorlt: {text}\n")
        sys.stderr.flush()


class Stages:
    """The stages of a command, each with its share of the whole: call it with the stage that begins."""

    def __init__(self, stages: Sequence[tuple[str, float]]) -> None:
        self._stages = tuple(stages)
        self._row: _Row | None = None

    def __enter__(self) -> Stages:
        self._row = _BOARD.open(self._stages[0][0], sum(share for _, share in self._stages))
        self(self._stages[0][0])
        return self

    def __exit__(self, *_: object) -> None:
        _BOARD.close(self._row)

    def __call__(self, name: str) -> None:
        """Begin a stage; those before it are done.

        Raises
        ------
        ValueError
            If there is no stage of this name.
        """
        at = [text for text, _ in self._stages].index(name)
        _BOARD.change(self._row, text=name, done=sum(share for _, share in self._stages[:at]), share=self._stages[at][1])


def stages(*named: tuple[str, float]) -> Stages:
    """Stages for a ``with`` block: pairs of name and rough share of the time, in any unit."""
    return Stages(named)


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` and, once two seconds have passed, show on a terminal's stderr how many are done."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    row = _BOARD.open(description, total)
    try:
        for done, item in enumerate(items, start=1):
            yield item
            _BOARD.change(row, done=done)
    finally:
        _BOARD.close(row)


class Told:
    """Rows for work that reports itself: call it with (what, done, in all) inside a ``with`` block; silent off a terminal."""

    def __enter__(self) -> Told:
        self._rows: dict[str, _Row | None] = {}
        return self

    def __exit__(self, *_: object) -> None:
        for row in self._rows.values():
            _BOARD.close(row)

    def __call__(self, what: str, done: int, of: int) -> None:
        """Show how far a piece of work has come."""
        if what not in self._rows:
            self._rows[what] = _BOARD.open(what, of)
        _BOARD.change(self._rows[what], done=done)

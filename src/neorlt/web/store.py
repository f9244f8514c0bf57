"""Cases on disk: one folder each, owned by one session. What is not written here does not exist after a crash."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from neorlt.core.output import write_atomic
from neorlt.web.settings import Settings

_NAME = re.compile(r"[0-9a-f]{32}")
_SHARED = re.compile(r"shared-[a-z0-9-]{1,40}")


class Status(StrEnum):
    """Where a case's job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def sentence(self) -> str:
        """What it means for the reader."""
        return _SENTENCES[self]


_SENTENCES = {
    Status.QUEUED: "Waiting for its turn.",
    Status.RUNNING: "Being computed; this page shows the result by itself.",
    Status.DONE: "Done.",
    Status.FAILED: "It could not be computed.",
    Status.INTERRUPTED: "The server stopped while this was computed. The input is kept: start it again.",
}


@dataclass(frozen=True)
class Case:
    """One case: its folder, its owner (None: shared with every session, read only), and where its job stands."""

    name: str
    folder: Path
    owner: str | None
    title: str
    created: str
    status: Status
    message: str = ""
    trail_folder: Path | None = None

    @property
    def result(self) -> Path:
        """Folder of ``plan.json``, ``report.html`` and the dose volumes."""
        return self.folder if self.owner is None else self.folder / "result"

    @property
    def view(self) -> Path:
        """Folder of the small volumes that the page shows, with ``view.json``; absent without images."""
        return self.result / "view"

    @property
    def trail(self) -> Path:
        """The audit trail."""
        return (self.trail_folder or self.folder) / "audit.jsonl"

    def plan(self) -> dict[str, Any]:
        """The plan document."""
        document: dict[str, Any] = json.loads((self.result / "plan.json").read_text(encoding="utf-8"))
        return document


class Store:
    """All cases of one server."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.root / "cases"
        self._trails = settings.root / "shared"
        self._shared = {f"shared-{name}": Path(path) for name, path in settings.shared}
        self._folder.mkdir(parents=True, exist_ok=True)

    def create(self, owner: str, title: str) -> Case:
        """A new, queued case with an empty folder."""
        name = secrets.token_hex(16)
        folder = self._folder / name
        folder.mkdir()
        case = Case(name, folder, owner, title, datetime.now(UTC).isoformat(timespec="seconds"), Status.QUEUED)
        self._write(case)
        return case

    def get(self, name: str, owner: str) -> Case | None:
        """The case if it is this owner's or shared, else None: there is no way to tell a foreign case from none."""
        if _SHARED.fullmatch(name) and name in self._shared:
            return self._shared_case(name)
        if not _NAME.fullmatch(name):
            return None
        case = self._read(self._folder / name)
        return case if case is not None and case.owner == owner else None

    def of(self, owner: str) -> list[Case]:
        """Every case of this owner, newest first, then the shared ones."""
        own = sorted((case for case in self._all() if case.owner == owner), key=lambda case: case.created, reverse=True)
        return [*own, *(self._shared_case(name) for name in sorted(self._shared))]

    def set_status(self, case: Case, status: Status, message: str = "") -> Case:
        """Write a new state, whole or not at all."""
        changed = Case(case.name, case.folder, case.owner, case.title, case.created, status, message)
        self._write(changed)
        return changed

    def mark_interrupted(self) -> list[Case]:
        """At start: jobs that ran when the server stopped are interrupted; returns those that still wait, to be queued again."""
        waiting = []
        for case in self._all():
            for left in case.folder.glob(".result.*"):
                # What a job had written before the server was killed; a result is whole or absent.
                shutil.rmtree(left, ignore_errors=True)
            if case.status is Status.RUNNING:
                self.set_status(case, Status.INTERRUPTED)
            elif case.status is Status.QUEUED:
                waiting.append(case)
        return sorted(waiting, key=lambda case: case.created)

    def _shared_case(self, name: str) -> Case:
        folder = self._shared[name]
        return Case(name, folder, None, name.removeprefix("shared-"), "", Status.DONE, trail_folder=self._trails / name)

    def _all(self) -> Iterator[Case]:
        for folder in self._folder.iterdir():
            if _NAME.fullmatch(folder.name) and (case := self._read(folder)) is not None:
                yield case

    @staticmethod
    def _read(folder: Path) -> Case | None:
        try:
            state = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return Case(folder.name, folder, state["owner"], state["title"], state["created"], Status(state["status"]), state["message"])

    @staticmethod
    def _write(case: Case) -> None:
        state = {"owner": case.owner, "title": case.title, "created": case.created, "status": str(case.status), "message": case.message}
        write_atomic(case.folder / "case.json", json.dumps(state))

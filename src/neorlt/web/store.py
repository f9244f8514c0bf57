"""Cases on disk: one folder each, owned by one session. What is not written here does not exist after a crash.

A case appears whole: its input, the input's manifest and its state are written aside and put in place in one step. A job runs only
on an input that is what the manifest says.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.manifest import hash_file
from neorlt.core.output import atomic_folder, sweep_folder, write_atomic
from neorlt.web.settings import Settings

_NAME = re.compile(r"[0-9a-f]{32}")
_SHARED = re.compile(r"shared-[a-z0-9-]{1,60}")
_LINK = re.compile(r"link-[0-9a-f]{32}")
MANIFEST = "manifest.json"
SHOWN = ("plan.json", "report.html")
"""What a reader sees of a result: a finished case holds both, a signature holds for both."""


class CaseGoneError(InputError):
    """The case was deleted while something was asked of it."""


class Status(StrEnum):
    """Where a case's job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    DAMAGED = "damaged"
    GONE = "gone"

    @property
    def sentence(self) -> str:
        """What it means for the reader."""
        return _SENTENCES[self]

    @property
    def can_start(self) -> bool:
        """Whether the job may be started again."""
        return self in (Status.FAILED, Status.INTERRUPTED, Status.CANCELLED, Status.DAMAGED)


_SENTENCES = {
    Status.QUEUED: "Waiting for its turn.",
    Status.RUNNING: "Being computed; this page shows the result by itself.",
    Status.DONE: "Done.",
    Status.FAILED: "It could not be computed.",
    Status.INTERRUPTED: "The server stopped while this was computed. The input is kept: start it again.",
    Status.CANCELLED: "Stopped by its owner. The input is kept.",
    Status.DAMAGED: "The case's state cannot be read; nothing of it is trusted but its input. Start it again, or restore it from a backup.",
    Status.GONE: "Its folder, which the server was started with, no longer holds a plan and its report: put it back.",
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
    link: str = ""
    """Secret part of the address under which other sessions of this server may read the case; empty: nobody else may."""
    read_only: bool = False

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
        try:
            document: dict[str, Any] = json.loads((self.result / "plan.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError("the plan of this case cannot be read", where=f"plan.json ({type(error).__name__})",
                             remedy="restore it from a backup, or plan the patient again") from error
        if not isinstance(document, dict) or not {"patient", "schemes"} <= document.keys():
            raise InputError("the plan of this case is none", where="plan.json", expected="patient and schemes",
                             remedy="restore it from a backup, or plan the patient again")
        return document

    def manifest(self) -> dict[str, Any]:
        """What was uploaded: ``files`` (name and SHA-256) and ``sha256`` over all; empty for a shared case."""
        try:
            found = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8")) if self.owner is not None else {}
        except (OSError, ValueError):  # a job refuses the input then, and says so
            return {}
        return found if isinstance(found, dict) and {"created", "files", "sha256"} <= found.keys() else {}

    def shown_hashes(self) -> dict[str, str]:
        """SHA-256 of what a reader sees: a signature holds for these and no other."""
        try:
            return {f"{Path(file).stem}_sha256": hash_file(self.result / file) for file in SHOWN}
        except OSError as error:
            raise InputError("plan and report of this case cannot be read", remedy="restore them, or plan the patient again") from error

    def seen(self) -> str:
        """SHA-256 of plan and report together: a form carries it, so that nobody signs what the page did not show."""
        return seen_of(self.shown_hashes())


class Store:
    """All cases of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.root / "cases"
        self._trails = settings.root / "shared"
        self._shared = {f"shared-{name}": Path(path) for name, path in settings.shared}
        if len(self._shared) != len(settings.shared):
            raise InputError("two shared plans have one name", remedy="rename one of the folders")
        self._folder.mkdir(parents=True, exist_ok=True)

    def create(self, owner: str, title: str, fill: Callable[[Path], None] | None = None) -> Case:
        """A new, queued case: it appears whole, with its input as ``fill`` wrote it and the manifest of that, or not at all.

        Raises
        ------
        InputError
            If ``fill`` refuses the input, the disk is full, or the owner's or the server's share of it is used up.
        """
        self._room_for_one_more(owner)
        name = secrets.token_hex(16)
        case = Case(name, self._folder / name, owner, title, datetime.now(UTC).isoformat(timespec="seconds"), Status.QUEUED)
        with atomic_folder(case.folder) as work:
            (work / "input").mkdir()
            if fill is not None:
                fill(work / "input")
            given = {"owner": owner, "title": title, "created": case.created, **_manifest(work / "input")}
            write_atomic(work / MANIFEST, json.dumps(given, indent=1))
            self._write(replace(case, folder=work))
        return case

    def get(self, name: str, owner: str) -> Case | None:
        """The case if it is this owner's, shared, or named by its link, else None: a foreign case looks like none."""
        if _SHARED.fullmatch(name) and name in self._shared:
            return self._shared_case(name)
        if _LINK.fullmatch(name):
            found = next((case for case in self._all() if case.link and f"link-{case.link}" == name), None)
            return None if found is None else replace(found, name=name, read_only=True)
        if not _NAME.fullmatch(name):
            return None
        case = self._read(self._folder / name)
        return case if case is not None and case.owner == owner else None

    def of(self, owner: str, words: str = "") -> list[Case]:
        """Every case of this owner whose title holds ``words``, newest first, then the shared ones."""
        own = sorted((case for case in self._all() if case.owner == owner), key=lambda case: case.created, reverse=True)
        cases = [*own, *(self._shared_case(name) for name in sorted(self._shared))]
        wanted = words.casefold().split()
        return [case for case in cases if all(word in case.title.casefold() for word in wanted)]

    def set_status(self, case: Case, status: Status, message: str = "") -> Case:
        """Write a new state, whole or not at all."""
        changed = replace(case, status=status, message=message)
        self._write(changed)
        return changed

    def share(self, case: Case) -> Case:
        """Give the case a link that every admitted session may read it by; the same link each time."""
        changed = replace(case, link=case.link or secrets.token_hex(16))
        self._write(changed)
        return changed

    def delete(self, case: Case) -> None:
        """Remove a case with its input and result: first out of sight in one step, then from the disk."""
        gone = self._folder / f".{case.name}.neorlt-deleted"
        with contextlib.suppress(FileNotFoundError):  # another tab was first
            case.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def verify_input(self, case: Case) -> None:
        """Refuse an input that is not what was uploaded.

        Raises
        ------
        InputError
            If the manifest is absent or a file is missing, changed or too many.
        """
        check_input(case.folder)

    def mark_interrupted(self) -> list[Case]:
        """At start: jobs that ran when the server stopped are interrupted; returns those that still wait, to be queued again.

        What killed writers left is swept, and cases past the retention time are removed.
        """
        sweep_folder(self._folder)
        for left in self._folder.glob(".*.neorlt-deleted"):
            shutil.rmtree(left, ignore_errors=True)
        waiting = []
        for case in list(self._all()):
            sweep_folder(case.folder)
            if self._expired(case):
                self.delete(case)
            elif case.status is Status.RUNNING:
                self.set_status(case, Status.INTERRUPTED)
            elif case.status is Status.QUEUED:
                waiting.append(case)
        return sorted(waiting, key=lambda case: case.created)

    def _expired(self, case: Case) -> bool:
        days = self._settings.retention_days
        if days is None or not case.created:
            return False
        return datetime.now(UTC) - datetime.fromisoformat(case.created) > timedelta(days=days)

    def _room_for_one_more(self, owner: str) -> None:
        own = [case for case in self._all() if case.owner == owner]
        if len(own) >= self._settings.max_cases_per_owner:
            raise InputError("this session holds as many cases as the server allows",
                             expected=f"at most {self._settings.max_cases_per_owner}",
                             found=str(len(own)), remedy="delete one that is no longer needed")
        free = shutil.disk_usage(self._folder).free
        if free < self._settings.min_free_bytes:
            raise InputError("the server's disk is nearly full", expected=f"{self._settings.min_free_bytes / 1e9:.1f} GB free",
                             found=f"{free / 1e9:.1f} GB", remedy="delete cases that are no longer needed, or ask who runs the server")

    def _shared_case(self, name: str) -> Case:
        folder = self._shared[name]
        title = name.removeprefix("shared-")
        if absent(folder):  # it was moved or removed since the server's start
            return Case(name, folder, None, title, "", Status.GONE, read_only=True, trail_folder=self._trails / "gone")
        # The trail belongs to what is shown: another plan under the same name starts a trail of its own.
        trail = self._trails / hash_file(folder / "plan.json")[:32]
        return Case(name, folder, None, title, "", Status.DONE, trail_folder=trail)

    def _all(self) -> Iterator[Case]:
        for folder in self._folder.iterdir():
            if _NAME.fullmatch(folder.name) and (case := self._read(folder)) is not None:
                yield case

    @staticmethod
    def _read(folder: Path) -> Case | None:
        if not folder.is_dir():
            return None
        try:
            state = json.loads((folder / "case.json").read_text(encoding="utf-8"))
            status = Status(state["status"])
            if status is Status.DONE and absent(folder / "result"):
                status = Status.DAMAGED
            return Case(folder.name, folder, str(state["owner"]), str(state["title"]), _moment(state["created"]), status,
                        str(state["message"]), link=str(state.get("link", "")))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        try:
            given = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            return Case(folder.name, folder, str(given["owner"]), str(given["title"]), _moment(given["created"]), Status.DAMAGED)
        except (OSError, ValueError, KeyError, TypeError):
            # Nobody can be shown to own it; it stays on the disk for whoever restores it.
            return None

    @staticmethod
    def _write(case: Case) -> None:
        if not case.folder.is_dir():  # deleted meanwhile: a state of its own would bring it back without its input
            raise CaseGoneError("the case is no longer there", remedy="go back to the list of cases")
        state = {"owner": case.owner, "title": case.title, "created": case.created, "status": str(case.status), "message": case.message,
                 "link": case.link}
        write_atomic(case.folder / "case.json", json.dumps(state))


def seen_of(shown: Mapping[str, str]) -> str:
    """One SHA-256 over those of what is shown."""
    return hashlib.sha256(json.dumps(dict(shown), sort_keys=True).encode()).hexdigest()


def absent(result: Path) -> list[str]:
    """What a reader would be shown of a result and is not there."""
    return [file for file in SHOWN if not (result / file).is_file()]


def _moment(text: object) -> str:
    """The text of a moment with its zone, as every case keeps it; anything else is a ValueError."""
    if datetime.fromisoformat(str(text)).tzinfo is None:
        raise ValueError("a moment without its zone")
    return str(text)


def check_input(folder: Path) -> None:
    """Refuse a case folder whose input is not what its manifest says (see :meth:`Store.verify_input`)."""
    try:
        given = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        expected = {str(name): str(value) for name, value in given["files"].items()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError("the input has no manifest: it did not arrive in full", remedy="upload it again") from error
    found: dict[str, str] = _manifest(folder / "input")["files"]
    wrong = sorted({name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)})
    if wrong:
        raise InputError("the input is not what was uploaded", expected=f"{len(expected)} files as in the manifest",
                         found=f"{len(wrong)} that differ", where=wrong[0], remedy="upload it again")


def _manifest(folder: Path) -> dict[str, Any]:
    files = {str(path.relative_to(folder)): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    return {"files": files, "sha256": hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()}

"""The audit trail of a case: who signed what and when, one JSON line an entry, each bound to the one before by its hash."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neorlt.core.errors import NeorltError

FIRST = "0" * 64


class AuditError(NeorltError):
    """The trail was altered."""


def append(path: Path, event: str, **fields: Any) -> dict[str, Any]:
    """Add one entry and return it. The line is on the disk when this returns; two writers do not mix.

    Raises
    ------
    FileNotFoundError
        If its folder is not there: an entry never brings a deleted case back.
    """
    with path.open("a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        content = stream.read()
        entries = _checked(content)
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            # A crash cut the last entry before it was acknowledged; the next one must not be joined to its rest.
            stream.truncate(whole)
        entry: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "event": event,
            **fields,
            "before": entries[-1]["hash"] if entries else FIRST,
        }
        entry["hash"] = _hash(entry)
        stream.write((json.dumps(entry, ensure_ascii=False, sort_keys=True) + "\n").encode())
        stream.flush()
        os.fsync(stream.fileno())
    return entry


def read(path: Path) -> list[dict[str, Any]]:
    """Every entry in order.

    Raises
    ------
    AuditError
        If an entry was changed, removed or put in.
    """
    return _checked(path.read_bytes()) if path.exists() else []


def against(entries: list[dict[str, Any]], shown: dict[str, str]) -> list[dict[str, Any]]:
    """The entries, each with ``holds``: whether the hashes that it names are those of what is shown now."""
    return [{**entry, "holds": all(entry.get(key) == value for key, value in shown.items())} for entry in entries]


def _checked(content: bytes) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    before = FIRST
    lines = content.split(b"\n")
    # A last line without its end was cut by a crash before the entry was acknowledged: it never was.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            if number == len(lines) - 1:
                continue
            raise AuditError(f"line {number} of the audit trail cannot be read: restore it from a backup.") from error
        if entry.get("before") != before or entry.get("hash") != _hash(entry):
            raise AuditError(f"line {number} of the audit trail was altered: restore it from a backup.")
        before = entry["hash"]
        entries.append(entry)
    return entries


def _hash(entry: dict[str, Any]) -> str:
    content = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

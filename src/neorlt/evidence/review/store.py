"""The SQLite file of a review: records may gain fields, history is only ever added to.

Every decision is one row of ``event``; triggers refuse to change or delete a row, and each row carries the hash of
the one before it, so a history that was edited from outside shows. A row is on disk before a call returns
(``synchronous = FULL``), so a decision survives a killed process and a lost power line.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError

FILE_NAME = "review.sqlite"
SCHEMA_VERSION = 2
"""2 since version 0.2: ``naming`` keeps every identifier that each record has carried, where 0.1 kept one record for each."""
_GENESIS = "0" * 64

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE event (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
  payload TEXT NOT NULL, why TEXT NOT NULL, hash TEXT NOT NULL);
CREATE INDEX event_subject ON event (subject, kind);
CREATE INDEX event_kind ON event (kind);
CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TABLE record (id TEXT PRIMARY KEY, first_seen TEXT NOT NULL, document TEXT NOT NULL);
CREATE TABLE naming (kind TEXT NOT NULL, value TEXT NOT NULL, record TEXT NOT NULL REFERENCES record (id),
  PRIMARY KEY (kind, value, record)) WITHOUT ROWID;
CREATE TABLE found_by (record TEXT NOT NULL REFERENCES record (id), source TEXT NOT NULL, run INTEGER NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (record, source, run)) WITHOUT ROWID;
CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, query TEXT NOT NULL, options TEXT NOT NULL,
  translation TEXT, total INTEGER, started TEXT NOT NULL, finished TEXT, cursor TEXT);
CREATE TABLE page (
  run INTEGER NOT NULL REFERENCES run (id), number INTEGER NOT NULL, fetched TEXT NOT NULL, url TEXT NOT NULL,
  sha256 TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (run, number));
CREATE TABLE version (
  nct TEXT NOT NULL, dated TEXT NOT NULL, fetched TEXT NOT NULL, sha256 TEXT NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (nct, sha256));
"""


def now() -> str:
    """UTC time stamp to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Store:
    """An open review file. Use as a context manager; one writer at a time, others wait up to ten seconds."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = Path(path)
        if not create and not self.path.is_file():
            raise InputError(
                "the folder holds no review", where=str(self.path), remedy="start one with: neorlt evidence status FOLDER --new"
            )
        self.connection = sqlite3.connect(self.path, timeout=10.0, isolation_level=None)
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute("PRAGMA foreign_keys = ON")
        if create:
            with self.transaction() as cursor:
                for statement in _statements(_SCHEMA):
                    cursor.execute(statement)
                cursor.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),))
        try:
            version = self.connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        except sqlite3.DatabaseError as error:
            self.connection.close()
            raise InputError("not a review file", where=str(self.path), remedy="restore it from a copy") from error
        self.schema = 0 if version is None else int(version[0])
        if not 1 <= self.schema <= SCHEMA_VERSION:
            self.connection.close()
            raise InputError(
                "the review was written by a newer neorlt", found=f"schema {self.schema}", where=str(self.path), remedy="use that neorlt"
            )
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Cursor]:
        """All or nothing; nested use joins the outer transaction."""
        cursor = self.connection.cursor()
        if self.connection.in_transaction:
            yield cursor
            return
        cursor.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
        except BaseException:
            cursor.execute("ROLLBACK")
            self._events = []
            raise
        cursor.execute("COMMIT")

    def add_event(self, who: str, kind: str, subject: str, payload: dict[str, Any], why: str = "") -> int:
        """Append one event and return its number."""
        if not who.strip():
            raise InputError("a decision without a name", remedy="say who decides")
        text = json.dumps(payload, sort_keys=True, ensure_ascii=False, allow_nan=False)
        with self.transaction() as cursor:
            row = cursor.execute("SELECT hash FROM event ORDER BY id DESC LIMIT 1").fetchone()
            at = now()
            digest = _link(row[0] if row else _GENESIS, at, who, kind, subject, text, why)
            cursor.execute(
                "INSERT INTO event (at, who, kind, subject, payload, why, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (at, who, kind, subject, text, why, digest),
            )
            return int(cursor.lastrowid or 0)

    def events(self, kind: str | None = None, subject: str | None = None) -> list[dict[str, Any]]:
        """Events in the order they happened. History is only added to, so what was read once is not read again."""
        last = self._events[-1]["id"] if self._events else 0
        rows = self.connection.execute("SELECT id, at, who, kind, subject, payload, why FROM event WHERE id > ? ORDER BY id", (last,))
        names = ("id", "at", "who", "kind", "subject", "payload", "why")
        self._events += [dict(zip(names, row, strict=True)) | {"payload": json.loads(row[5])} for row in rows]
        return [event for event in self._events if kind in (None, event["kind"]) and subject in (None, event["subject"])]

    def verify_history(self) -> None:
        """Walk the chain of hashes.

        Raises:
            InputError: an event was changed, removed or slipped in from outside.

        """
        previous, expected = _GENESIS, 1
        query = "SELECT id, at, who, kind, subject, payload, why, hash FROM event ORDER BY id"
        for number, at, who, kind, subject, payload, why, digest in self.connection.execute(query):
            if number != expected or digest != _link(previous, at, who, kind, subject, payload, why):
                raise InputError("the history was altered", where=f"{self.path}, event {number}", remedy="restore the review from a copy")
            previous, expected = digest, expected + 1


def _link(previous: str, *parts: str) -> str:
    return hashlib.sha256("\x1f".join((previous, *parts)).encode()).hexdigest()


def _statements(script: str) -> list[str]:
    """Split the schema; a trigger holds a semicolon inside its body."""
    found, part = [], ""
    for piece in script.split(";"):
        part += piece + ";"
        if sqlite3.complete_statement(part):
            found.append(part.strip())
            part = ""
    return [statement for statement in found if statement != ";"]

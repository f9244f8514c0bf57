"""A review of version 0.1 opens: it is copied, gains the table of identifiers, and its history goes on with a new event.

No event is changed: every verdict, cell and hash of the old history stands. In 0.1 a decision hung on a record; that record
keeps its id, and the work that it belongs to now takes the decision over.
"""

from __future__ import annotations

import json
import os
import sqlite3

from neorlt.evidence.records import Record
from neorlt.evidence.review.store import SCHEMA_VERSION, Store

COPY_NAME = "review-0.1.sqlite"


def migrate(store: Store) -> bool:
    """Bring a review of an older schema up to this one; True when there was something to do."""
    if store.schema == SCHEMA_VERSION:
        return False
    _copy(store)
    with store.transaction() as cursor:
        (found,) = cursor.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        if int(found) < SCHEMA_VERSION:
            cursor.execute(
                "CREATE TABLE naming (kind TEXT NOT NULL, value TEXT NOT NULL, record TEXT NOT NULL REFERENCES record (id), "
                "PRIMARY KEY (kind, value, record)) WITHOUT ROWID"
            )
            rows = cursor.execute("SELECT id, document FROM record").fetchall()
            for key, text in rows:
                record = Record.from_json(json.loads(text))
                for kind, value in record.identifiers.items():
                    cursor.execute("INSERT OR IGNORE INTO naming VALUES (?, ?, ?)", (kind, value, key))
            cursor.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(SCHEMA_VERSION),))
            store.add_event(
                "neorlt",
                "migrated",
                "review",
                {"from_schema": int(found), "to_schema": SCHEMA_VERSION, "copy": COPY_NAME, "records": len(rows)},
                "decisions belong to works now; the review as it was is kept beside this one",
            )
    store.schema = SCHEMA_VERSION
    return True


def _copy(store: Store) -> None:
    """Keep the review as it was; whole or not at all."""
    target, partial = store.path.with_name(COPY_NAME), store.path.with_name(f".{COPY_NAME}.{os.getpid()}")
    if target.exists():
        return
    copy = sqlite3.connect(partial)
    try:
        store.connection.backup(copy)
    finally:
        copy.close()
    partial.replace(target)

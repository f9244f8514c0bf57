"""Dated versions of registrations: every import of one that differs from what is stored is a version."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from typing import Any

from neorlt.evidence.review.store import now


def store_version(cursor: sqlite3.Cursor, number: str, dated: str, study: dict[str, Any]) -> bool:
    """Store a version of a registration if it differs from every stored one; True when it is new."""
    text = json.dumps(study, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    cursor.execute("INSERT OR IGNORE INTO version VALUES (?, ?, ?, ?, ?)", (number, dated, now(), digest, text))
    return bool(cursor.rowcount == 1)

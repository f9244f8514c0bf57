"""Search runs: each page is stored raw with its time in the same transaction as its records, so a run can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from neorlt.evidence.records import Record
from neorlt.evidence.review.folder import ReviewFolder
from neorlt.evidence.review.store import now
from neorlt.evidence.search.http import Answer


@dataclass
class Run:
    """One search run of a review; ``cursor`` is what the client needs to go on."""

    review: ReviewFolder
    id: int
    source: str
    cursor: dict[str, Any]
    total: int | None
    pages: int
    finished: bool

    def set_total(self, total: int, translation: str | None, cursor: dict[str, Any]) -> None:
        """Store what the server said of the whole search before the first page."""
        with self.review.store.transaction() as sql:
            sql.execute(
                "UPDATE run SET total = ?, translation = ?, cursor = ? WHERE id = ?",
                (total, translation, json.dumps(cursor), self.id),
            )
        self.total, self.cursor = total, cursor

    def store_page(self, answer: Answer, records: Iterable[Record], cursor: dict[str, Any]) -> dict[str, int]:
        """Store a raw page, its records and the place to go on from: all or nothing."""
        with self.review.store.transaction() as sql:
            digest = hashlib.sha256(answer.body).hexdigest()
            sql.execute("INSERT INTO page VALUES (?, ?, ?, ?, ?, ?)", (self.id, self.pages, now(), answer.url, digest, answer.body))
            counts = self.review.add_records(records, self.source, run=self.id)
            sql.execute("UPDATE run SET cursor = ? WHERE id = ?", (json.dumps(cursor), self.id))
        self.pages += 1
        self.cursor = cursor
        return counts

    def finish(self) -> None:
        """Mark the run as complete."""
        with self.review.store.transaction() as sql:
            sql.execute("UPDATE run SET finished = ? WHERE id = ?", (now(), self.id))
        self.finished = True

    def summary(self) -> dict[str, Any]:
        """What the run found so far."""
        sql = self.review.store.connection
        query, translation, started, finished = sql.execute(
            "SELECT query, translation, started, finished FROM run WHERE id = ?", (self.id,)
        ).fetchone()
        return {
            "run": self.id,
            "source": self.source,
            "query": query,
            "query_translation": translation,
            "started": started,
            "finished": finished,
            "total": self.total,
            "pages": self.pages,
            "records": len(self.record_ids()),
            "missing": self.cursor.get("missing", []),
            "warnings": self.cursor.get("warnings", []),
        }

    def record_ids(self) -> set[str]:
        """Ids of the records that this run found."""
        rows = self.review.store.connection.execute("SELECT record FROM found_by WHERE run = ?", (self.id,))
        return {str(row[0]) for row in rows}


def open_run(review: ReviewFolder, source: str, query: str, options: dict[str, Any]) -> Run:
    """The unfinished run of this very search, or a new one."""
    text = json.dumps(options, sort_keys=True)
    with review.store.transaction() as sql:
        row = sql.execute(
            "SELECT id, cursor, total FROM run WHERE source = ? AND query = ? AND options = ? AND finished IS NULL ORDER BY id DESC",
            (source, query, text),
        ).fetchone()
        if row is None:
            sql.execute("INSERT INTO run (source, query, options, started) VALUES (?, ?, ?, ?)", (source, query, text, now()))
            return Run(review, int(sql.lastrowid or 0), source, {}, None, 0, False)
        pages = sql.execute("SELECT COUNT(*) FROM page WHERE run = ?", (row[0],)).fetchone()[0]
    return Run(review, int(row[0]), source, json.loads(row[1]) if row[1] else {}, row[2], int(pages), False)

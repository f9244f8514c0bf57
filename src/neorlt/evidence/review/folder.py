"""A review folder: records, decisions, duplicates and extractions over one append-only history."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.output import write_atomic
from neorlt.evidence.records import Record
from neorlt.evidence.retraction import retraction_of
from neorlt.evidence.review import protocol as protocols
from neorlt.evidence.review.protocol import Protocol, read_protocol
from neorlt.evidence.review.store import FILE_NAME, Store, now

STAGES = ("title", "fulltext")
VERDICTS = ("include", "exclude", "unsure")
ALWAYS_IN_FORM = ("design", "cohort", "country", "comparator")
"""Fields that every form has: pooling needs the design and whether cohorts overlap."""


class ReviewFolder:
    """An open review. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.protocol: Protocol = read_protocol(self.folder)
        self.store = Store(self.folder / FILE_NAME)

    @classmethod
    def create(cls, folder: Path, protocol_text: str = protocols.TEMPLATE) -> ReviewFolder:
        """Start a review in a new or empty folder.

        Raises:
            InputError: the folder holds something, or the protocol is not valid.

        """
        import tomllib

        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError("the folder is not empty", where=str(folder), remedy="name a new folder")
        parsed = protocols.parse_protocol(tomllib.loads(protocol_text))
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / protocols.FILE_NAME, protocol_text)
        with Store(folder / FILE_NAME, create=True) as store:
            store.add_event("neorlt", "created", "review", {"name": parsed.name, "protocol": protocol_text})
        return cls(folder)

    def __enter__(self) -> ReviewFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.connection.close()

    # -- records ---------------------------------------------------------------------------------------------------

    def add_records(self, records: Iterable[Record], source: str, *, run: int = 0, who: str = "neorlt") -> dict[str, int]:
        """Store records, all or none. A record seen before keeps its id and its decisions, and gains missing fields.

        Returns the numbers of ``read``, ``new`` and ``known`` records and of ``retracted`` ones among them.
        """
        read = new = retracted = 0
        with self.store.transaction() as cursor:
            for record in records:
                read += 1
                record_id, known = self._identify(cursor, record)
                at = now()
                if known is None:
                    new += 1
                    cursor.execute("INSERT INTO record VALUES (?, ?, ?)", (record_id, at, _text(record)))
                    merged = record
                else:
                    merged = merge_fields(known, record)
                    if merged != known:
                        cursor.execute("UPDATE record SET document = ? WHERE id = ?", (_text(merged), record_id))
                for kind, value in merged.identifiers.items():
                    cursor.execute("INSERT OR IGNORE INTO identifier VALUES (?, ?, ?)", (kind, value, record_id))
                cursor.execute("INSERT OR IGNORE INTO found_by VALUES (?, ?, ?, ?)", (record_id, source, run, at))
                reason = retraction_of(merged)
                if reason is not None:
                    retracted += 1
                    if not self.store.events("retracted", record_id):
                        self.store.add_event(who, "retracted", record_id, {"blocked": True}, reason)
            self.store.add_event(who, "import", "review", {"source": source, "run": run, "read": read, "new": new})
        return {"read": read, "new": new, "known": read - new, "retracted": retracted}

    def _identify(self, cursor: Any, record: Record) -> tuple[str, Record | None]:
        for kind, value in record.identifiers.items():
            row = cursor.execute("SELECT record FROM identifier WHERE kind = ? AND value = ?", (kind, value)).fetchone()
            if row is not None:
                return str(row[0]), self._load(cursor, row[0])
        first = next(iter(record.identifiers.items()), None)
        record_id = f"{first[0]}:{first[1]}" if first else f"print:{record.fingerprint}"
        row = cursor.execute("SELECT id FROM record WHERE id = ?", (record_id,)).fetchone()
        return record_id, None if row is None else self._load(cursor, record_id)

    @staticmethod
    def _load(cursor: Any, record_id: str) -> Record:
        row = cursor.execute("SELECT document FROM record WHERE id = ?", (record_id,)).fetchone()
        return Record.from_json(json.loads(row[0]))

    def records(self, *, with_duplicates: bool = False) -> dict[str, Record]:
        """Records by id in the order of their first import; duplicates are left out unless asked for."""
        rows = self.store.connection.execute("SELECT id, document FROM record ORDER BY rowid")
        hidden = set() if with_duplicates else set(self.duplicates())
        return {key: Record.from_json(json.loads(text)) for key, text in rows if key not in hidden}

    def require(self, record_id: str) -> Record:
        """One record; raises :class:`InputError` when the review holds none of this id."""
        row = self.store.connection.execute("SELECT document FROM record WHERE id = ?", (record_id,)).fetchone()
        if row is None:
            raise InputError("no such record in the review", found=record_id, remedy="list the ids with: neorlt evidence status")
        return Record.from_json(json.loads(row[0]))

    # -- duplicates ------------------------------------------------------------------------------------------------

    def mark_duplicate(self, record_id: str, of: str, *, who: str, why: str) -> None:
        """Say that one record is another one again; both stay stored."""
        self.require(record_id), self.require(of)
        if record_id == of or self.duplicates().get(of) == record_id:
            raise InputError("a record cannot be a duplicate of itself", found=record_id, remedy="name two records")
        self.store.add_event(who, "duplicate", record_id, {"of": of}, why)

    def undo_duplicate(self, record_id: str, *, who: str, why: str) -> None:
        """Take one duplicate back, and only that one."""
        if record_id not in self.duplicates():
            raise InputError("the record is not marked as a duplicate", found=record_id, remedy="nothing to undo")
        self.store.add_event(who, "not-duplicate", record_id, {}, why)

    def duplicates(self) -> dict[str, str]:
        """Duplicate id → id of the record that stands for it."""
        links: dict[str, str] = {}
        for event in self.store.events():
            if event["kind"] == "duplicate":
                links[event["subject"]] = event["payload"]["of"]
            elif event["kind"] == "not-duplicate":
                links.pop(event["subject"], None)
        return links

    def undone_pairs(self) -> set[frozenset[str]]:
        """Pairs that a person has called distinct: never merged again by a later run."""
        pairs: set[frozenset[str]] = set()
        last: dict[str, str] = {}
        for event in self.store.events():
            if event["kind"] == "duplicate":
                last[event["subject"]] = event["payload"]["of"]
            elif event["kind"] == "not-duplicate" and event["subject"] in last:
                pairs.add(frozenset((event["subject"], last.pop(event["subject"]))))
        return pairs

    # -- screening -------------------------------------------------------------------------------------------------

    def decide(self, record_id: str, verdict: str, *, who: str, why: str, stage: str = "title") -> int:
        """Record one reviewer's decision; a later one of the same reviewer stands beside it and counts.

        Raises:
            InputError: unknown record, stage, verdict or reviewer, no reason for an exclusion, or the inclusion of a
                retracted paper.

        """
        record = self.require(record_id)
        if stage not in STAGES or verdict not in VERDICTS:
            raise InputError(
                "unknown stage or verdict",
                expected=f"{'|'.join(STAGES)}, {'|'.join(VERDICTS)}",
                found=f"{stage}, {verdict}",
                remedy="use one of them",
            )
        if who not in self.protocol.reviewers:
            raise InputError(
                "not a reviewer of this protocol",
                found=who,
                expected=", ".join(self.protocol.reviewers),
                remedy="add the name to the protocol",
            )
        if verdict == "exclude" and not why.strip():
            raise InputError("an exclusion without a reason", expected="; ".join(self.protocol.exclude), remedy="say why")
        self._refuse_retracted(record, verdict)
        return self.store.add_event(who, "screen", record_id, {"stage": stage, "verdict": verdict}, why)

    def resolve(self, record_id: str, verdict: str, *, who: str, why: str, stage: str = "title") -> int:
        """Settle a conflict: the last word on a record at a stage.

        Raises:
            InputError: there is no conflict, or no reason is given.

        """
        if (record_id, stage) not in {(key, stage) for key in self.conflicts(stage)}:
            raise InputError("there is no conflict to resolve", found=record_id, remedy="see the conflicts in the status")
        if verdict not in ("include", "exclude") or not why.strip():
            raise InputError("a resolution needs include or exclude, and a reason", found=verdict, remedy="give both")
        self._refuse_retracted(self.require(record_id), verdict)
        return self.store.add_event(who, "resolve", record_id, {"stage": stage, "verdict": verdict}, why)

    @staticmethod
    def _refuse_retracted(record: Record, verdict: str) -> None:
        reason = retraction_of(record)
        if reason is not None and verdict != "exclude":
            raise InputError("the paper is retracted and cannot be included", found=reason, remedy="exclude it as retracted")

    def verdicts(self, stage: str = "title") -> dict[str, dict[str, str]]:
        """Record id → reviewer → latest verdict."""
        found: dict[str, dict[str, str]] = {}
        for event in self.store.events("screen"):
            if event["payload"]["stage"] == stage:
                found.setdefault(event["subject"], {})[event["who"]] = event["payload"]["verdict"]
        return found

    def conflicts(self, stage: str = "title") -> list[str]:
        """Records on which reviewers differ and that nobody has resolved since."""
        resolved = self._resolutions(stage)
        return [key for key, by in self.verdicts(stage).items() if len(set(by.values())) > 1 and key not in resolved]

    def _resolutions(self, stage: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for event in self.store.events():
            if event["kind"] == "resolve" and event["payload"]["stage"] == stage:
                found[event["subject"]] = event["payload"]["verdict"]
            elif event["kind"] == "screen" and event["payload"]["stage"] == stage:
                found.pop(event["subject"], None)
        return found

    def outcome(self, stage: str = "title") -> dict[str, str]:
        """Record id → ``include``, ``exclude``, ``unsure`` or ``conflict``; one reviewer alone counts as his verdict."""
        resolved = self._resolutions(stage)
        found = {}
        for key, by in self.verdicts(stage).items():
            kinds = set(by.values())
            found[key] = resolved.get(key) or (kinds.pop() if len(kinds) == 1 else "conflict")
        return found

    # -- extraction ------------------------------------------------------------------------------------------------

    def extract(self, record_id: str, field: str, value: Any, *, who: str, where: str, how: str) -> int:
        """Store one extracted cell with the place it was read at and how.

        Raises:
            InputError: a field outside the form, a value without source, a retracted or an excluded paper.

        """
        record = self.require(record_id)
        if self.protocol.form and field not in (*self.protocol.form, *ALWAYS_IN_FORM):
            raise InputError(
                "the form has no such field", found=field, expected=", ".join(self.protocol.form), remedy="add it to the protocol"
            )
        if not where.strip() or how not in ("fulltext", "abstract", "secondary", "registry"):
            raise InputError(
                "a value without a source",
                expected="where it stands, and fulltext|abstract|secondary|registry",
                found=how,
                remedy="give both",
            )
        self._refuse_retracted(record, "include")
        if "exclude" in (self.outcome("title").get(record_id), self.outcome("fulltext").get(record_id)):
            raise InputError("the record is excluded", found=record_id, remedy="change the decision first")
        return self.store.add_event(who, "extract", record_id, {"field": field, "value": value, "where": where, "how": how})

    def cells(self, record_id: str) -> dict[str, dict[str, Any]]:
        """Latest extracted cells of a record, by field."""
        found: dict[str, dict[str, Any]] = {}
        for event in self.store.events("extract", record_id):
            payload = event["payload"]
            found[payload["field"]] = {key: payload[key] for key in ("value", "where", "how")} | {
                "who": event["who"],
                "at": event["at"],
            }
        return found

    def appraise(self, record_id: str, tool: str, item: str, judgement: str, *, who: str, why: str) -> int:
        """Store one risk-of-bias judgement by item number or domain."""
        from neorlt.evidence.appraisal import check_judgement

        self.require(record_id)
        check_judgement(tool, item, judgement)
        return self.store.add_event(who, "appraise", record_id, {"tool": tool, "item": item, "judgement": judgement}, why)

    # -- sources ---------------------------------------------------------------------------------------------------

    def found_by(self) -> dict[str, list[str]]:
        """Record id → sources in which it was found."""
        found: dict[str, list[str]] = {}
        for record, source in self.store.connection.execute("SELECT DISTINCT record, source FROM found_by ORDER BY source"):
            found.setdefault(record, []).append(source)
        return found


def merge_fields(old: Record, new: Record) -> Record:
    """The old record with what it lacked filled from the new one; a retraction is never lost."""
    updates: dict[str, Any] = {}
    for name in old.__dataclass_fields__:
        if name in ("source", "extra", "retracted"):
            continue
        if not getattr(old, name) and getattr(new, name):
            updates[name] = getattr(new, name)
    if new.retracted and not old.retracted:
        updates["retracted"] = True
    if new.extra and new.extra != old.extra:
        updates["extra"] = {**old.extra, **new.extra}
    return replace(old, **updates) if updates else old


def _text(record: Record) -> str:
    return json.dumps(record.as_json(), ensure_ascii=False, sort_keys=True)

"""A review folder: records, the works that they are copies of, and decisions, over one append-only history.

A decision is stored with the record that it was made on and belongs to the work: :meth:`ReviewFolder.outcome` and its like
speak of works. A work bears the id of its strongest record, and every method takes the id of any of its records.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.output import write_atomic
from neorlt.evidence.importers.ctgov import version_date
from neorlt.evidence.records import Record
from neorlt.evidence.retraction import retraction_of
from neorlt.evidence.review import protocol as protocols
from neorlt.evidence.review.extraction import ALWAYS_IN_FORM, Extraction
from neorlt.evidence.review.migration import migrate
from neorlt.evidence.review.protocol import Protocol, read_protocol
from neorlt.evidence.review.store import FILE_NAME, Store, now
from neorlt.evidence.review.versions import store_version
from neorlt.evidence.review.works import Pair, Works, assemble, strength

__all__ = ["ALWAYS_IN_FORM", "ReviewFolder", "merge_fields"]

STAGES = ("title", "fulltext")
VERDICTS = ("include", "exclude", "unsure")
MACHINE = "neorlt"
"""Who finds look-alikes: what it joined it may take back, what a person said it never does."""


@dataclass(frozen=True)
class Ties:
    """What was said of pairs of records: found alike by the machine, called the same or distinct by people."""

    alike: frozenset[Pair]
    same: dict[Pair, str]
    distinct: frozenset[Pair]


class ReviewFolder(Extraction):
    """An open review. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.protocol: Protocol = read_protocol(self.folder)
        self.store = Store(self.folder / FILE_NAME)
        migrate(self.store)
        self._works: tuple[tuple[int, int], Works] | None = None

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
            store.add_event(MACHINE, "created", "review", {"name": parsed.name, "protocol": protocol_text})
        return cls(folder)

    def __enter__(self) -> ReviewFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.connection.close()

    # -- records and works -----------------------------------------------------------------------------------------

    def add_records(self, records: Iterable[Record], source: str, *, run: int = 0, who: str = MACHINE) -> dict[str, int]:
        """Store records, all or none. A record seen before gains missing fields; a registration gains a version.

        Returns the numbers of ``read``, ``new`` and ``known`` records, of ``retracted`` ones among them, and of new
        ``versions`` of registrations. Known is a record of which the review holds a copy with an identifier in common.
        """
        read = new = retracted = versions = 0
        with self.store.transaction() as cursor:
            for record in records:
                read += 1
                at, key = now(), record.id
                row = cursor.execute("SELECT document FROM record WHERE id = ?", (key,)).fetchone()
                names = list(record.identifiers.items())
                if row is None:
                    new += not any(
                        cursor.execute("SELECT 1 FROM naming WHERE kind = ? AND value = ? LIMIT 1", name).fetchone() for name in names
                    )
                    cursor.execute("INSERT INTO record VALUES (?, ?, ?)", (key, at, _text(record)))
                    merged = record
                else:
                    known = Record.from_json(json.loads(row[0]))
                    merged = merge_fields(known, record)
                    if merged != known:
                        cursor.execute("UPDATE record SET document = ? WHERE id = ?", (_text(merged), key))
                cursor.executemany("INSERT OR IGNORE INTO naming VALUES (?, ?, ?)", [(*name, key) for name in names])
                cursor.execute("INSERT OR IGNORE INTO found_by VALUES (?, ?, ?, ?)", (key, source, run, at))
                versions += _store_registration(cursor, record, at[:10])
                reason = retraction_of(merged)
                if reason is not None:
                    retracted += 1
                    if not self.store.events("retracted", key):
                        self.store.add_event(who, "retracted", key, {"blocked": True}, reason)
            self.store.add_event(who, "import", "review", {"source": source, "run": run, "read": read, "new": new})
        return {"read": read, "new": new, "known": read - new, "retracted": retracted, "versions": versions}

    def works(self, *, with_look_alikes: bool = True) -> Works:
        """Which records are one work, as the review stands; or by identifiers and people's word alone."""
        sql = self.store.connection
        (names,) = sql.execute("SELECT COUNT(*) FROM naming").fetchone()
        (count,) = sql.execute("SELECT COUNT(*) FROM record").fetchone()
        events = self.store.events()
        stamp = (int(names) + int(count) * 1_000_003, int(events[-1]["id"]) if events else 0)
        if with_look_alikes and self._works is not None and self._works[0] == stamp:
            return self._works[1]
        ties = self.ties()
        records = [str(row[0]) for row in sql.execute("SELECT id FROM record ORDER BY rowid")]
        naming = sql.execute("SELECT kind, value, record FROM naming")
        alike = ties.alike if with_look_alikes else ()
        found = assemble(records, naming, alike=alike, said_same=ties.same, said_distinct=ties.distinct)
        if with_look_alikes:
            self._works = (stamp, found)
        return found

    def work_of(self, record_id: str) -> str:
        """Id of the work that a record is a copy of.

        Raises:
            InputError: the review holds no such record.

        """
        found = self.works().of.get(record_id)
        if found is None:
            remedy = "take an id from `neorlt evidence screen REVIEW` or an export"
            raise InputError("no such record in the review", found=record_id, remedy=remedy)
        return found

    def records(self, *, with_duplicates: bool = False, works: Works | None = None) -> dict[str, Record]:
        """Works in the order of their first import, each with all that its copies know; or every record as it is stored."""
        rows = self.store.connection.execute("SELECT id, document FROM record ORDER BY rowid")
        stored = {str(key): Record.from_json(json.loads(text)) for key, text in rows}
        if with_duplicates:
            return stored
        works = works or self.works()
        return {work: _together([stored[key] for key in works.members[work]]) for work in dict.fromkeys(works.of[key] for key in stored)}

    def require(self, record_id: str) -> Record:
        """A work with all that its copies know; raises :class:`InputError` when the review holds no such record."""
        members = self.works().members[self.work_of(record_id)]
        return _together([self._stored(key) for key in members])

    def _stored(self, key: str) -> Record:
        (text,) = self.store.connection.execute("SELECT document FROM record WHERE id = ?", (key,)).fetchone()
        return Record.from_json(json.loads(text))

    # -- duplicates ------------------------------------------------------------------------------------------------

    def mark_duplicate(self, record_id: str, of: str, *, who: str, why: str) -> None:
        """Say that one record is another one again; both stay stored. It takes back what was called distinct between their works."""
        members = self.works().members
        ours, theirs = members[self.work_of(record_id)], members[self.work_of(of)]
        if record_id == of or self.duplicates().get(of) == record_id:
            raise InputError("a record cannot be a duplicate of itself", found=record_id, remedy="name two records")
        distinct = self.ties().distinct
        with self.store.transaction():
            self.store.add_event(who, "duplicate", record_id, {"of": of}, why)
            for one in ours:
                for other in theirs:
                    if frozenset((one, other)) in distinct and (one, other) != (record_id, of):
                        self.store.add_event(who, "duplicate", one, {"of": other}, why)

    def undo_duplicate(self, record_id: str, *, who: str, why: str) -> None:
        """Call a record distinct from the other records of its work, and only that one."""
        others = [key for key in self.works().members[self.work_of(record_id)] if key != record_id]
        if not others:
            raise InputError("the record is not marked as a duplicate", found=record_id, remedy="nothing to undo")
        with self.store.transaction():
            for other in others:
                self.store.add_event(who, "not-duplicate", record_id, {"of": other}, why)

    def duplicates(self) -> dict[str, str]:
        """Duplicate id → id of the work that stands for it."""
        return {key: work for key, work in self.works().of.items() if key != work}

    def ties(self) -> Ties:
        """What was said of pairs of records, by the last word on each pair.

        In 0.1 a taken-back duplicate did not name its pair: it was the last one that had been joined.
        """
        said: dict[Pair, tuple[str, str]] = {}
        last: dict[str, str] = {}
        for event in self.store.events():
            subject = event["subject"]
            if event["kind"] == "duplicate":
                last[subject] = event["payload"]["of"]
                said[frozenset((subject, last[subject]))] = ("alike" if event["who"] == MACHINE else "same", subject)
            elif event["kind"] == "not-duplicate" and (other := event["payload"].get("of") or last.pop(subject, None)):
                said[frozenset((subject, other))] = ("distinct", subject)
            elif event["kind"] == "not-alike":
                pair = frozenset((subject, event["payload"]["of"]))
                if said.get(pair, ("", ""))[0] == "alike":
                    del said[pair]
        return Ties(
            frozenset(pair for pair, (word, _) in said.items() if word == "alike"),
            {pair: subject for pair, (word, subject) in said.items() if word == "same"},
            frozenset(pair for pair, (word, _) in said.items() if word == "distinct"),
        )

    # -- screening -------------------------------------------------------------------------------------------------

    def decide(self, record_id: str, verdict: str, *, who: str, why: str, stage: str = "title") -> int:
        """Record one reviewer's decision on a work; a later one of the same reviewer stands beside it and counts.

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
        self._require_person(who, self.protocol.reviewers)
        if verdict == "exclude" and not why.strip():
            raise InputError("an exclusion without a reason", expected="; ".join(self.protocol.exclude), remedy="say why")
        self._refuse_retracted(record, verdict)
        return self.store.add_event(who, "screen", record_id, {"stage": stage, "verdict": verdict}, why)

    def resolve(self, record_id: str, verdict: str, *, who: str, why: str, stage: str = "title") -> int:
        """Settle a conflict: the last word on a work at a stage, by a person whom the protocol names.

        Raises:
            InputError: there is no conflict, no reason is given, or the protocol does not know the person.

        """
        if self.work_of(record_id) not in self.conflicts(stage):
            raise InputError("there is no conflict to resolve", found=record_id, remedy="see the conflicts in the status")
        if verdict not in ("include", "exclude") or not why.strip():
            raise InputError("a resolution needs include or exclude, and a reason", found=verdict, remedy="give both")
        self._require_person(who, self.protocol.resolvers)
        self._refuse_retracted(self.require(record_id), verdict)
        return self.store.add_event(who, "resolve", record_id, {"stage": stage, "verdict": verdict}, why)

    def not_retrieved(self, record_id: str, *, who: str, why: str) -> int:
        """Say that the report of a work could not be got hold of: sought, not assessed (PRISMA 2020, item 16a)."""
        self._require_person(who, self.protocol.resolvers)
        if not why.strip():
            raise InputError("a report that was not retrieved needs a reason", remedy="say where it was sought")
        self.work_of(record_id)
        return self.store.add_event(who, "not-retrieved", record_id, {"stage": "fulltext"}, why)

    def not_found_reports(self) -> set[str]:
        """Works whose report was sought and not retrieved, and that nobody has judged in full text since."""
        of = self.works().of_record
        found: set[str] = set()
        for event in self.store.events():
            if event["kind"] == "not-retrieved":
                found.add(of(event["subject"]))
            elif event["kind"] == "screen" and event["payload"]["stage"] == "fulltext":
                found.discard(of(event["subject"]))
        return found

    def _require_person(self, who: str, allowed: tuple[str, ...]) -> None:
        if who not in allowed:
            raise InputError(
                "not a reviewer of this protocol", found=who, expected=", ".join(allowed), remedy="add the name to the protocol"
            )

    @staticmethod
    def _refuse_retracted(record: Record, verdict: str) -> None:
        reason = retraction_of(record)
        if reason is not None and verdict != "exclude":
            raise InputError("the paper is retracted and cannot be included", found=reason, remedy="exclude it as retracted")

    def blocked(self) -> set[str]:
        """Works of which a copy was retracted."""
        of = self.works().of_record
        return {of(event["subject"]) for event in self.store.events("retracted")}

    def verdicts(self, stage: str = "title") -> dict[str, dict[str, str]]:
        """Work id → reviewer → latest verdict."""
        of = self.works().of_record
        found: dict[str, dict[str, str]] = {}
        for event in self.store.events("screen"):
            if event["payload"]["stage"] == stage:
                found.setdefault(of(event["subject"]), {})[event["who"]] = event["payload"]["verdict"]
        return found

    def conflicts(self, stage: str = "title") -> list[str]:
        """Works on which reviewers differ and that nobody has resolved since."""
        resolved = self._resolutions(stage)
        return [key for key, by in self.verdicts(stage).items() if len(set(by.values())) > 1 and key not in resolved]

    def _resolutions(self, stage: str) -> dict[str, str]:
        """The last resolution of each work; a decision made after it opens the question again."""
        of = self.works().of_record
        found: dict[str, str] = {}
        for event in self.store.events():
            if event["kind"] == "resolve" and event["payload"]["stage"] == stage:
                found[of(event["subject"])] = event["payload"]["verdict"]
            elif event["kind"] == "screen" and event["payload"]["stage"] == stage:
                found.pop(of(event["subject"]), None)
        return found

    def outcome(self, stage: str = "title") -> dict[str, str]:
        """Work id → ``include``, ``exclude``, ``unsure`` or ``conflict``; one reviewer alone counts as his verdict."""
        resolved = self._resolutions(stage)
        found = {}
        for key, by in self.verdicts(stage).items():
            kinds = set(by.values())
            found[key] = resolved.get(key) or (kinds.pop() if len(kinds) == 1 else "conflict")
        return found

    # -- protocol --------------------------------------------------------------------------------------------------

    def protocol_text(self) -> str:
        """The protocol as it was last recorded: at the start, or by an amendment."""
        recorded = [event for event in self.store.events() if event["kind"] in ("created", "amended")]
        return str(recorded[-1]["payload"]["protocol"]) if recorded else ""

    def is_amended(self) -> bool:
        """Whether the protocol's file differs from what was last recorded."""
        return (self.folder / protocols.FILE_NAME).read_text(encoding="utf-8") != self.protocol_text()

    def amend(self, *, who: str, why: str) -> int:
        """Record the protocol's file as an amendment, with its date and reason (PRISMA 2020, item 24c).

        Raises:
            InputError: the file is as it was recorded, no reason is given, or the protocol does not know the person.

        """
        self._require_person(who, self.protocol.resolvers)
        if not self.is_amended() or not why.strip():
            raise InputError(
                "an amendment needs a changed protocol and a reason", where=protocols.FILE_NAME, remedy="edit the file, and say why"
            )
        text = (self.folder / protocols.FILE_NAME).read_text(encoding="utf-8")
        changed = [
            line
            for line in difflib.unified_diff(self.protocol_text().splitlines(), text.splitlines(), lineterm="", n=0)
            if line[:3] not in ("---", "+++") and not line.startswith("@@")
        ]
        return self.store.add_event(who, "amended", "review", {"protocol": text, "changed": changed}, why)

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
        if name in ("source", "extra", "retracted", "accessions"):
            continue
        if not getattr(old, name) and getattr(new, name):
            updates[name] = getattr(new, name)
    if new.retracted and not old.retracted:
        updates["retracted"] = True
    if not set(new.accessions) <= set(old.accessions):
        updates["accessions"] = tuple(sorted({*old.accessions, *new.accessions}))
    if new.extra and new.extra != old.extra:
        updates["extra"] = {**old.extra, **new.extra}
    return replace(old, **updates) if updates else old


def _store_registration(cursor: Any, record: Record, today: str) -> bool:
    """A registration is a version of itself: the registry's own document, or the row of an export with all its columns."""
    number = record.nct or record.eudract
    if not record.is_registry or number is None:
        return False
    study = record.extra.get("study")
    if study is not None:
        return store_version(cursor, number, version_date(study) or f"{today} (imported)", study)
    columns = {key: value for key, value in record.extra.items() if isinstance(value, str)}
    updated = next((columns[key] for key in ("last update posted", "last update submitted", "last refreshed on") if columns.get(key)), None)
    row = {"title": record.title, "summary": record.abstract, "sponsor": list(record.authors), "start": record.year, **columns}
    return store_version(cursor, number, updated or f"{today} (imported)", row)


def _together(copies: list[Record]) -> Record:
    """All that the copies of a work know, the strongest copy first."""
    if len(copies) == 1:
        return copies[0]
    ordered = sorted(copies, key=lambda record: strength(record.id))
    found = ordered[0]
    for other in ordered[1:]:
        found = merge_fields(found, other)
    return found


def _text(record: Record) -> str:
    return json.dumps(record.as_json(), ensure_ascii=False, sort_keys=True)

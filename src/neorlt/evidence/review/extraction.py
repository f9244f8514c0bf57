"""Extraction in duplicate: each reviewer's cells stand beside each other, and a difference waits for a consensus."""

from __future__ import annotations

from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.checks import check_fields, sound
from neorlt.evidence.records import Record
from neorlt.evidence.review.protocol import Protocol
from neorlt.evidence.review.store import Store
from neorlt.evidence.review.works import Works

ALWAYS_IN_FORM = ("design", "cohort", "country", "comparator", "review_reference")
"""Fields that every form has: pooling needs the design and the cohort; the last says which reference of the continued
review a paper is, where nothing else can tell."""
LEVELS = ("fulltext", "abstract", "secondary", "registry")
Cells = dict[str, dict[str, Any]]


class Extraction:
    """What :class:`ReviewFolder` knows of cells and appraisals; both belong to the work."""

    store: Store
    protocol: Protocol

    def require(self, record_id: str) -> Record:
        """A work of the review."""
        raise NotImplementedError

    def work_of(self, record_id: str) -> str:
        """The work that a record is a copy of."""
        raise NotImplementedError

    def works(self) -> Works:
        """Which records are one work."""
        raise NotImplementedError

    def outcome(self, stage: str = "title") -> dict[str, str]:
        """Where each work stands at a stage."""
        raise NotImplementedError

    def _require_person(self, who: str, allowed: tuple[str, ...]) -> None:
        raise NotImplementedError

    @staticmethod
    def _refuse_retracted(record: Record, verdict: str) -> None:
        raise NotImplementedError

    def extract(self, record_id: str, field: str, value: Any, *, who: str, where: str, how: str) -> int:
        """Store one cell that one reviewer extracted, with the place it was read at and how.

        Raises:
            InputError: a field outside the form, a value without source, a value that cannot be (alone or beside the
                reviewer's other cells), a person whom the protocol does not know, a retracted or an excluded paper.

        """
        record = self.require(record_id)
        work = self._check_entry(record_id, field, where, how)
        self._require_person(who, self.protocol.resolvers)
        self._refuse_retracted(record, "include")
        if "exclude" in (self.outcome("title").get(work), self.outcome("fulltext").get(work)):
            raise InputError("the record is excluded", found=record_id, remedy="change the decision first")
        mine = {name: by[who]["value"] for name, by in self.extractions(work).items() if who in by and name != field}
        check_fields({**sound(mine), field: value}, f"{record_id} as {who} reads it")
        return self.store.add_event(who, "extract", record_id, {"field": field, "value": value, "where": where, "how": how})

    def agree(self, record_id: str, field: str, value: Any, *, who: str, why: str, where: str, how: str) -> int:
        """Store the consensus on a cell that two reviewers read differently.

        Raises:
            InputError: nobody has extracted the cell, no reason is given, or the protocol does not know the person.

        """
        work = self._check_entry(record_id, field, where, how)
        self._require_person(who, self.protocol.resolvers)
        if field not in self.extractions(work) or not why.strip():
            raise InputError("a consensus needs an extracted cell and a reason", found=field, remedy="extract it first, and say why")
        settled = {name: cell["value"] for name, cell in self.cells(work).items() if name != field}
        check_fields({**sound(settled), field: value}, f"{record_id} by consensus")
        payload = {"field": field, "value": value, "where": where, "how": how}
        return self.store.add_event(who, "consensus", record_id, payload, why)

    def _check_entry(self, record_id: str, field: str, where: str, how: str) -> str:
        work = self.work_of(record_id)
        if self.protocol.form and field not in (*self.protocol.form, *ALWAYS_IN_FORM):
            raise InputError(
                "the form has no such field", found=field, expected=", ".join(self.protocol.form), remedy="add it to the protocol"
            )
        if not where.strip() or how not in LEVELS:
            raise InputError("a value without a source", expected=f"where it stands, and {'|'.join(LEVELS)}", found=how, remedy="give both")
        return work

    def extractions(self, record_id: str) -> dict[str, Cells]:
        """Field → reviewer → that reviewer's latest cell."""
        work, of = self.work_of(record_id), self.works().of_record
        found: dict[str, Cells] = {}
        for event in self.store.events("extract"):
            if of(event["subject"]) == work:
                found.setdefault(event["payload"]["field"], {})[event["who"]] = _cell(event)
        return found

    def cells(self, record_id: str) -> Cells:
        """Cells that stand, by field: a consensus, or what one reviewer read, or what all read alike.

        A cell on which reviewers differ does not stand; see :meth:`disagreements`. A reading after a consensus that
        differs from it opens the question again.
        """
        return self._settled(record_id)[0]

    def disagreements(self, record_id: str) -> dict[str, Cells]:
        """Field → reviewer → cell, where reviewers read different values and no consensus is stored."""
        return self._settled(record_id)[1]

    def _settled(self, record_id: str) -> tuple[Cells, dict[str, Cells]]:
        work, of = self.work_of(record_id), self.works().of_record
        consensus: Cells = {}
        for event in self.store.events():
            if event["kind"] in ("extract", "consensus") and of(event["subject"]) == work:
                field = event["payload"]["field"]
                if event["kind"] == "consensus":
                    consensus[field] = _cell(event)
                elif field in consensus and consensus[field]["value"] != event["payload"]["value"]:
                    del consensus[field]
        standing: Cells = dict(consensus)
        open_cells: dict[str, Cells] = {}
        for field, by in self.extractions(work).items():
            if field in consensus:
                continue
            first = next(iter(by.values()))
            if all(cell["value"] == first["value"] for cell in by.values()):
                standing[field] = first | {"who": ", ".join(by)}
            else:
                open_cells[field] = by
        return standing, open_cells

    def appraise(self, record_id: str, tool: str, item: str, judgement: str, *, who: str, why: str) -> int:
        """Store one risk-of-bias judgement by item number or domain."""
        from neorlt.evidence.appraisal import check_judgement

        self.work_of(record_id)
        check_judgement(tool, item, judgement)
        self._require_person(who, self.protocol.resolvers)
        if not why.strip():
            raise InputError("a judgement without a reason", remedy="say why")
        return self.store.add_event(who, "appraise", record_id, {"tool": tool, "item": item, "judgement": judgement}, why)

    def appraisals(self) -> dict[str, dict[tuple[str, str], dict[str, dict[str, str]]]]:
        """Work → (tool, item) → reviewer → latest judgement with its reason."""
        of = self.works().of_record
        found: dict[str, dict[tuple[str, str], dict[str, dict[str, str]]]] = {}
        for event in self.store.events("appraise"):
            payload = event["payload"]
            by = found.setdefault(of(event["subject"]), {}).setdefault((payload["tool"], payload["item"]), {})
            by[event["who"]] = {"judgement": payload["judgement"], "why": event["why"]}
        return found


def _cell(event: dict[str, Any]) -> dict[str, Any]:
    payload = event["payload"]
    return {key: payload[key] for key in ("value", "where", "how")} | {"who": event["who"], "at": event["at"]}

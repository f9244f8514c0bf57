"""Work in a review's folder: import, dedupe, screen, extract, status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.output import write_atomic
from neorlt.evidence.importers import import_file, lacking
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.review.exchange import export_asreview, export_rayyan, import_decisions
from neorlt.evidence.review.report import status

SHIPPED = "shipped"
"""In place of a folder: the papers of the review that ships."""
NOT_RETRIEVED = "not-retrieved"
"""The verdict of a report that was sought and could not be got hold of."""


def import_command(folder: Path, files: list[Path], *, source: str | None = None) -> dict[str, Any]:
    """``neorlt evidence import``: every file is read before any is stored."""
    read = [(path, *import_file(path)) for path in files]
    if not read:
        raise InputError("no file to import", remedy="name at least one")
    with ReviewFolder(folder) as review, review.store.transaction():
        done = []
        for path, kind, records in read:
            name = source or ("clinicaltrials.gov" if records[0].is_registry else kind)
            done.append(
                {"file": path.name, "format": kind, "source": name, **review.add_records(records, name), "lacking": lacking(records)}
            )
        total = len(review.records(with_duplicates=True))
    return {"files": done, "records": total}


def dedupe_command(
    folder: Path, *, undo: str | None = None, same: str | None = None, of: str | None = None, who: str = "neorlt", why: str = ""
) -> dict[str, Any]:
    """``neorlt evidence dedupe``: find duplicates; or say that one is another's copy (``same``, ``of``), or that it is none (``undo``)."""
    with ReviewFolder(folder) as review:
        if (same is None) is not (of is None) or (same is not None and who == "neorlt"):
            raise InputError("a copy that a person names needs both records and a name", remedy="give --same, --of and --who")
        if same is not None and of is not None:
            review.mark_duplicate(same, of, who=who, why=why or "the same")
            return {"same": same, "of": review.work_of(of), "duplicates": len(review.duplicates())}
        if undo is not None:
            review.undo_duplicate(undo, who=who, why=why or "distinct")
            return {"undone": undo, "duplicates": len(review.duplicates())}
        from neorlt.evidence.dedupe import dedupe

        return dedupe(review)


def screen_command(
    folder: Path,
    *,
    record: str | None = None,
    verdict: str | None = None,
    who: str | None = None,
    why: str = "",
    stage: str = "title",
    resolve: bool = False,
    limit: int = 20,
    export: str | None = None,
    take: Path | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """``neorlt evidence screen``: the next records, one decision, a resolution, or exchange with ASReview and Rayyan."""
    with ReviewFolder(folder) as review:
        if export is not None:
            writers = {"asreview": lambda: export_asreview(review, stage), "rayyan": lambda: export_rayyan(review)}
            if export not in writers or out is None:
                raise InputError("an export needs a format and --out", expected="asreview or rayyan", found=export, remedy="give both")
            write_atomic(out, writers[export]())
            return {"exported": export, "file": str(out), "records": len(review.records())}
        if take is not None:
            if not Path(take).is_file():
                raise InputError("no such file", where=str(take), remedy="name an export with decisions")
            return import_decisions(review, Path(take).read_bytes(), who=_named(who), stage=stage, where=str(take))
        if record is not None:
            if verdict is None:
                raise InputError("a decision without a verdict", expected="include|exclude|unsure", remedy="give --verdict")
            if verdict == NOT_RETRIEVED:
                event = review.not_retrieved(record, who=_named(who), why=why)
                return {"event": event, "record": record, "work": review.work_of(record), "outcome": NOT_RETRIEVED}
            act = review.resolve if resolve else review.decide
            event = act(record, verdict, who=_named(who), why=why, stage=stage)
            return {
                "event": event,
                "record": record,
                "work": review.work_of(record),
                "outcome": review.outcome(stage)[review.work_of(record)],
            }
        from neorlt.evidence.screening import screening_order

        return screening_order(review, stage=stage, limit=limit)


def _named(who: str | None) -> str:
    if not who:
        raise InputError("nobody decides", remedy="give --who")
    return who


def extract_command(
    folder: Path, record: str, field: str, value: str, *, who: str, where: str, how: str, consensus: bool = False, why: str = ""
) -> dict[str, Any]:
    """``neorlt evidence extract``: store one reviewer's cell, or the consensus on one; ``value`` is JSON, or plain text."""
    try:
        parsed: Any = json.loads(value)
    except json.JSONDecodeError:
        parsed = value
    with ReviewFolder(folder) as review:
        if consensus:
            event = review.agree(record, field, parsed, who=who, why=why, where=where, how=how)
        else:
            event = review.extract(record, field, parsed, who=who, where=where, how=how)
        differing = {name: {reader: cell["value"] for reader, cell in by.items()} for name, by in review.disagreements(record).items()}
        return {"event": event, "record": record, "cells": review.cells(record), "differing": differing}


def status_command(folder: Path, *, new: bool = False) -> dict[str, Any]:
    """``neorlt evidence status``: where a review stands; ``new`` starts one with the shipped protocol."""
    if new:
        ReviewFolder.create(folder).store.connection.close()
    with ReviewFolder(folder) as review:
        return status(review)


def appraise_command(folder: Path, record: str, tool: str, item: str, judgement: str, *, who: str, why: str) -> dict[str, Any]:
    """``neorlt evidence appraise``: store one risk-of-bias judgement; shows what is answered and what is still open."""
    from neorlt.evidence.figures.traffic import TOOLS

    with ReviewFolder(folder) as review:
        event = review.appraise(record, tool, item, judgement, who=who, why=why)
        answered = review.appraisals()[review.work_of(record)]
        mine = {name: by[who]["judgement"] for (kind, name), by in answered.items() if kind == tool and who in by}
        return {
            "event": event,
            "record": record,
            "tool": tool,
            "answered": mine,
            "open": [name for name in TOOLS[tool] if name not in mine],
        }


def amend_command(folder: Path, *, who: str, why: str) -> dict[str, Any]:
    """``neorlt evidence amend``: record a changed protocol with its date and reason."""
    with ReviewFolder(folder) as review:
        event = review.amend(who=who, why=why)
        return {"event": event, "changed": review.store.events("amended")[-1]["payload"]["changed"]}


def export_command(folder: Path, kind: str, out: Path, *, only_included: bool = False) -> dict[str, Any]:
    """``neorlt evidence export``: RIS, BibTeX, RevMan 5 XML, or the CSV of R's PRISMA2020."""
    from neorlt.evidence.review import writing
    from neorlt.evidence.review.report import folder_table, included, review_flow

    kinds = ("ris", "bibtex", "revman", "prisma")
    if kind not in kinds:
        raise InputError("unknown format", found=kind, expected=", ".join(kinds), remedy="use one of them")
    if str(folder) == SHIPPED:
        return _export_shipped(kind, out)
    with ReviewFolder(folder) as review:
        records = review.records()
        if only_included:
            records = {key: records[key] for key in included(review)}
        writers = {
            "ris": lambda: writing.ris(records), "bibtex": lambda: writing.bibtex(records),
            "revman": lambda: writing.revman(folder_table(review)), "prisma": lambda: writing.prisma_csv(review_flow(review)),
        }  # fmt: skip
        write_atomic(out, writers[kind]())
        return {"exported": kind, "file": str(out), "works": len(records)}


def _export_shipped(kind: str, out: Path) -> dict[str, Any]:
    """The papers of the shipped review: a set of records to start from."""
    from neorlt.evidence.prisma import shipped_flow
    from neorlt.evidence.review import writing
    from neorlt.evidence.review.identity import as_record
    from neorlt.evidence.studies import shipped_review

    table = shipped_review()
    found = [record for study in table.of_table() if study.bibliography.get("title") and (record := as_record(study)) is not None]
    records = {record.id: record for record in found}
    texts = {
        "ris": lambda: writing.ris(records), "bibtex": lambda: writing.bibtex(records),
        "revman": lambda: writing.revman(table), "prisma": lambda: writing.prisma_csv(shipped_flow(table)),
    }  # fmt: skip
    write_atomic(out, texts[kind]())
    return {"exported": kind, "file": str(out), "works": len(records)}

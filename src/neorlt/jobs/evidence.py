"""Commands of the evidence as plain functions that return one JSON document each."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.output import write_atomic
from neorlt.evidence import chase as chasing
from neorlt.evidence import claims as claiming
from neorlt.evidence import update as updating
from neorlt.evidence import watch as watching
from neorlt.evidence.dedupe import dedupe
from neorlt.evidence.figures import forest_svg, funnel_svg
from neorlt.evidence.importers import import_file, lacking
from neorlt.evidence.outcomes import pool_review
from neorlt.evidence.page import write_evidence
from neorlt.evidence.pooling import by_subgroup, leave_one_out, pool, read_counts
from neorlt.evidence.prisma import shipped_flow
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.review.exchange import export_asreview, export_rayyan, import_decisions
from neorlt.evidence.review.report import folder_table, review_flow, status
from neorlt.evidence.screening import screening_order
from neorlt.evidence.search.citations import CROSSREF_URL, OPENALEX_URL, Crossref, OpenAlex
from neorlt.evidence.search.ctgov import BASE_URL as CTGOV_URL
from neorlt.evidence.search.ctgov import ClinicalTrials
from neorlt.evidence.search.pubmed import BASE_URL as PUBMED_URL
from neorlt.evidence.search.pubmed import PubMed
from neorlt.evidence.studies import shipped_review
from neorlt.evidence.table1 import COLUMNS, cell_text


@dataclass(frozen=True)
class Services:
    """Addresses of the services and who asks; ``api_key`` is NCBI's."""

    pubmed: str | None = PUBMED_URL
    ctgov: str | None = CTGOV_URL
    openalex: str | None = OPENALEX_URL
    crossref: str | None = CROSSREF_URL
    email: str | None = None
    api_key: str | None = None


def pool_command(csv: Path, method: str = "auto", *, out: Path | None = None) -> dict[str, Any]:
    """``neorlt evidence pool``: pool ``study,events,total``; ``out`` takes the forest (and funnel) plot.

    Keys: ``k``, ``n``, ``events``, ``pooled``, ``ci95``, ``prediction95``, ``tau``, ``method``, ``studies[]``, and more.
    """
    studies = read_counts(csv)
    result = pool(studies, method)
    other = "glmm" if result.method.startswith("bayes") else "bayes"
    second = pool(studies, other)
    document = result.as_json()
    document["second"] = {key: second.as_json()[key] for key in ("method", "pooled", "ci95", "prediction95", "tau", "reason")}
    document["leave_one_out"] = leave_one_out(studies, method)
    document["subgroups"] = by_subgroup(studies, method) if any(study.subgroup for study in studies) else None
    document["files"] = []
    if out is not None:
        write_atomic(Path(out), forest_svg(result, "Pooled rate", second))
        document["files"].append(str(out))
        if result.k >= 10 and result.pooled is not None and 0 < result.pooled < 1:
            funnel = Path(out).with_name(f"{Path(out).stem}-funnel.svg")
            write_atomic(funnel, funnel_svg(result))
            document["files"].append(str(funnel))
    return document


def table_command(folder: Path | None = None, *, out: Path | None = None, method: str = "auto") -> dict[str, Any]:
    """``neorlt evidence table``: Table 1, the PRISMA flow and the pooled rates of a folder or of the shipped review."""
    if folder is None:
        table, flow = shipped_review(), shipped_flow(shipped_review())
    else:
        with ReviewFolder(folder) as review:
            table, flow = folder_table(review), review_flow(review)
    rows = []
    for study in table.of_table():
        cells = {}
        for column in COLUMNS:
            text, cell = cell_text(study, column)
            cells[column.key] = {"text": text, "source": cell.how, "verified": cell.verified}
        rows.append(
            {
                "id": study.id,
                "study": study.name,
                "in_review": study.in_review,
                "cohort": study.cohort,
                "overlap_with": list(study.overlap_with),
                "results_withheld": study.results_withheld,
                "cells": cells,
            }
        )
    return {
        "review": table.name,
        "rows": rows,
        "flow": dict(flow.numbers),
        "pooled": pool_review(table, method),
        "files": [] if out is None else write_evidence(table, flow, out, method),
        "out": None if out is None else str(out),
    }


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


def dedupe_command(folder: Path, *, undo: str | None = None, who: str = "neorlt", why: str = "") -> dict[str, Any]:
    """``neorlt evidence dedupe``: mark duplicates, or take one back."""
    with ReviewFolder(folder) as review:
        if undo is not None:
            review.undo_duplicate(undo, who=who, why=why or "distinct")
            return {"undone": undo, "duplicates": len(review.duplicates())}
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
            act = review.resolve if resolve else review.decide
            event = act(record, verdict, who=_named(who), why=why, stage=stage)
            return {
                "event": event,
                "record": record,
                "work": review.work_of(record),
                "outcome": review.outcome(stage)[review.work_of(record)],
            }
        return screening_order(review, stage=stage, limit=limit)


def _named(who: str | None) -> str:
    if not who:
        raise InputError("nobody decides", remedy="give --who")
    return who


def extract_command(folder: Path, record: str, field: str, value: str, *, who: str, where: str, how: str) -> dict[str, Any]:
    """``neorlt evidence extract``: store one cell; ``value`` is JSON, or plain text."""
    try:
        parsed: Any = json.loads(value)
    except json.JSONDecodeError:
        parsed = value
    with ReviewFolder(folder) as review:
        event = review.extract(record, field, parsed, who=who, where=where, how=how)
        differing = {name: {reader: cell["value"] for reader, cell in by.items()} for name, by in review.disagreements(record).items()}
        return {"event": event, "record": record, "cells": review.cells(record), "differing": differing}


def chase_command(folder: Path, *, ids: list[str] | None = None, services: Services | None = None) -> dict[str, Any]:
    """``neorlt evidence chase``: backward and forward citations of the included records."""
    use = services or Services()
    with ReviewFolder(folder) as review, ExitStack() as stack:
        openalex = stack.enter_context(OpenAlex(base_url=use.openalex, email=use.email)) if use.openalex else None
        crossref = stack.enter_context(Crossref(base_url=use.crossref, email=use.email)) if use.crossref else None
        return chasing.chase(review, openalex=openalex, crossref=crossref, ids=ids)


def search_command(folder: Path, *, reading: str = "all", services: Services | None = None) -> dict[str, Any]:
    """``neorlt evidence search``: run or go on with the protocol's searches."""
    use = services or Services()
    with ReviewFolder(folder) as review, ExitStack() as stack:
        pubmed, ctgov = _clients(use, stack)
        return updating.search(review, pubmed=pubmed, ctgov=ctgov, reading=reading)


def update_command(folder: Path, *, today: str | None = None, services: Services | None = None) -> dict[str, Any]:
    """``neorlt evidence update``: search again, show what is new and whether a conclusion moves."""
    use = services or Services()
    with ReviewFolder(folder) as review, ExitStack() as stack:
        pubmed, ctgov = _clients(use, stack)
        return updating.update(review, pubmed=pubmed, ctgov=ctgov, today=today)


def _clients(use: Services, stack: ExitStack) -> tuple[PubMed | None, ClinicalTrials | None]:
    pubmed = stack.enter_context(PubMed(base_url=use.pubmed, api_key=use.api_key, email=use.email)) if use.pubmed else None
    ctgov = stack.enter_context(ClinicalTrials(base_url=use.ctgov)) if use.ctgov else None
    return pubmed, ctgov


def watch_command(
    folder: Path,
    *,
    nct: list[str] | None = None,
    add: Path | None = None,
    dated: str | None = None,
    services: Services | None = None,
) -> dict[str, Any]:
    """``neorlt evidence watch``: fetch the current version of registrations (or add one from a file), show changes."""
    use = services or Services()
    with ReviewFolder(folder) as review, ExitStack() as stack:
        if add is not None:
            _, records = import_file(add)
            names = []
            for record in records:
                if "study" not in record.extra:
                    raise InputError("not a registration", where=str(add), remedy="give ClinicalTrials.gov JSON")
                watching.add_version(review, record.extra["study"], dated=dated)
                names.append(str(record.nct))
        else:
            names = nct or watching.watched(review)
            if use.ctgov:
                client = stack.enter_context(ClinicalTrials(base_url=use.ctgov))
                for name in names:
                    watching.add_version(review, client.study(name))
        return {"registrations": [watching.history(review, name) for name in dict.fromkeys(names)]}


def status_command(folder: Path, *, new: bool = False) -> dict[str, Any]:
    """``neorlt evidence status``: where a review stands; ``new`` starts one with the shipped protocol."""
    if new:
        ReviewFolder.create(folder).store.connection.close()
    with ReviewFolder(folder) as review:
        return status(review)


def claims_command(
    *, number: int | None = None, verdict: str | None = None, text: str | None = None, out: Path | None = None
) -> dict[str, Any]:
    """``neorlt evidence claims``: the founding review, claim by claim; ``out`` takes all of them as CSV."""
    document = claiming.document(number=number, verdict=verdict, text=text)
    if out is not None:
        write_atomic(out, claiming.claims_csv(claiming.shipped_claims()))
    return document | {"file": None if out is None else str(out)}


def trials_command(folder: Path | None = None) -> dict[str, Any]:
    """``neorlt evidence trials``: the registrations that are known, and those of a folder with their dated versions."""
    rows = claiming.registry_rows(shipped_review())
    if folder is None:
        return {"review": shipped_review().name, "trials": rows}
    with ReviewFolder(folder) as review:
        known = {str(row["nct"]): row for row in rows}
        found = []
        for nct in watching.watched(review):
            state = watching.history(review, nct)
            key = review.works().of.get(f"nct:{nct}")
            name = review.require(key).title if key else None
            found.append(
                {
                    "nct": nct,
                    "name": name,
                    **(known.get(nct) or {}),
                    "versions": state["versions"],
                    "endpoint_changed": state["endpoint_changed"],
                }
            )
        return {"review": review.protocol.name, "trials": found or rows}

"""What a review folder shows: its study table, its PRISMA flow, its state."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from neorlt.evidence.prisma import Flow, flow
from neorlt.evidence.records import Record
from neorlt.evidence.review.agreement import agreement
from neorlt.evidence.review.folder import ALWAYS_IN_FORM, ReviewFolder
from neorlt.evidence.studies import SHIPPED_REVIEW, ReviewTable, Source, Study, shipped_review

REGISTER_SOURCES = ("clinicaltrials.gov",)
OTHER_SOURCES = ("citations",)


def included(review: ReviewFolder) -> list[str]:
    """Ids of the records in the review: included in full text, or in title where full texts were not judged yet."""
    titles, fulltexts = review.outcome("title"), review.outcome("fulltext")
    keys = [key for key in review.records() if fulltexts.get(key, titles.get(key)) == "include"]
    blocked = {event["subject"] for event in review.store.events("retracted")}
    return [key for key in keys if key not in blocked]


def folder_table(review: ReviewFolder) -> ReviewTable:
    """The study table of a folder: the shipped review where the protocol continues it, and what was extracted here.

    A study that both know (same DOI or PMID) keeps its shipped cells, and an extracted cell wins over a shipped one.
    A withheld record that somebody has extracted from the paper is no longer withheld in that folder.
    """
    base = shipped_review() if review.protocol.name == SHIPPED_REVIEW else None
    studies = list(base.studies) if base else []
    place = {}
    for index, study in enumerate(studies):
        for kind in ("doi", "pmid"):
            if study.bibliography.get(kind):
                place[(kind, str(study.bibliography[kind]).lower())] = index
    for key in included(review):
        cells = review.cells(key)
        record = review.require(key)
        known = next(
            (place[(kind, value)] for kind in ("doi", "pmid") if (value := getattr(record, kind)) and (kind, value) in place),
            None,
        )
        if known is None:
            studies.append(_study(key, record, cells))
        elif cells:
            studies[known] = _with_cells(studies[known], cells)
    return ReviewTable(
        name=review.protocol.name,
        question=review.protocol.question,
        review=base.review if base else {},
        studies=tuple(studies),
        patients=base.patients if base else (),
        trials=base.trials if base else (),
        blocked=(base or shipped_review()).blocked,
        notes=(base or shipped_review()).notes if base else {**shipped_review().notes, "table1_note": "extracted in this review"},
    )


def _study(key: str, record: Record, cells: dict[str, dict[str, Any]]) -> Study:
    first = record.authors[0] if record.authors else None
    bibliography = {
        "title": record.title,
        "first_author": first,
        "year": record.year,
        "journal": record.journal,
        "doi": record.doi,
        "pmid": record.pmid,
        "design": _value(cells, "design"),
        "country": _value(cells, "country"),
        "comparator": _value(cells, "comparator"),
    }
    empty = Study(key, "neoadjuvant", True, False, True, "abstract", False, _value(cells, "cohort"), (), bibliography, {}, {}, None, (), ())
    return _with_cells(empty, cells)


def _value(cells: dict[str, dict[str, Any]], field: str) -> Any:
    return cells[field]["value"] if field in cells else None


def _with_cells(study: Study, cells: dict[str, dict[str, Any]]) -> Study:
    fields, where, sources = dict(study.fields), dict(study.cell_sources), list(study.sources)
    bibliography = dict(study.bibliography)
    for field, cell in cells.items():
        source = Source(cell["where"], f"{cell['how']}, by {cell['who']} on {cell['at'][:10]}")
        if source not in sources:
            sources.append(source)
        where[field] = (sources.index(source),)
        if field in ALWAYS_IN_FORM:
            bibliography[field] = cell["value"]
        else:
            fields[field] = cell["value"]
    old = len(study.sources)
    for field in study.fields:
        where.setdefault(field, tuple(range(old)))
    level = min((cell["how"] for cell in cells.values()), key=("fulltext", "abstract", "registry", "secondary").index, default=None)
    verified = study.verified if level is None else ("secondary" if level == "registry" else level)
    return replace(
        study,
        fields=fields,
        cell_sources=where,
        sources=tuple(sources),
        bibliography=bibliography,
        results_withheld=study.results_withheld and not cells,
        verified=verified,
        cohort=_value(cells, "cohort") or study.cohort,
    )


def review_flow(review: ReviewFolder) -> Flow:
    """The 24 PRISMA numbers of a folder as it stands; records that nobody has read are pending, not excluded."""
    by_source = review.found_by()
    duplicates = review.duplicates()
    hits: Counter[str] = Counter()
    database: set[str] = set()
    other: set[str] = set()
    for key, sources in by_source.items():
        ours = [source for source in sources if source not in OTHER_SOURCES]
        hits.update("register" if source in REGISTER_SOURCES else "database" for source in ours)
        hits["citations"] += sum(source in OTHER_SOURCES for source in sources)
        if key not in duplicates:
            (database if ours or _found_elsewhere(key, duplicates, by_source) else other).add(key)
    titles, fulltexts = review.outcome("title"), review.outcome("fulltext")
    screened = {key for key in database if key in titles}
    sought = {key for key in screened if titles[key] in ("include", "unsure", "conflict")}
    other_sought = {key for key in other if titles.get(key) in ("include", "unsure", "conflict")}
    reasons = Counter(
        event["why"]
        for event in _last_words(review, "fulltext")
        if event["subject"] in database and fulltexts.get(event["subject"]) == "exclude"
    )
    kept = included(review)
    previous = int(shipped_review().review["totals"]["papers"]) if review.protocol.name == SHIPPED_REVIEW else 0
    known = {study.bibliography.get("doi") for study in shipped_review().studies if study.in_review} - {None}
    new = [key for key in kept if not previous or review.require(key).doi not in known]
    pending = len(database) - len(screened)
    return flow(
        {
            "previous_studies": previous,
            "previous_reports": previous,
            "database_results": hits["database"],
            "register_results": hits["register"],
            "website_results": 0,
            "organisation_results": 0,
            "citations_results": hits["citations"],
            "duplicates": hits["database"] + hits["register"] - len(database),
            "excluded_automatic": 0,
            "excluded_other": 0,
            "records_screened": len(screened),
            "records_excluded": sum(titles[key] == "exclude" for key in screened),
            "dbr_sought_reports": len(sought),
            "dbr_assessed": sum(key in fulltexts for key in sought),
            "dbr_excluded": sum(fulltexts.get(key) == "exclude" for key in sought),
            "other_sought_reports": len(other_sought),
            "other_assessed": sum(key in fulltexts for key in other_sought),
            "other_excluded": sum(fulltexts.get(key) == "exclude" for key in other_sought),
            "new_studies": len(new),
            "new_reports": len(new),
            "total_studies": previous + len(new),
            "total_reports": previous + len(new),
        },
        reasons=reasons,
        note=f"{pending} records are not screened yet" if pending else "",
        pending=pending,
    )


def _found_elsewhere(key: str, duplicates: dict[str, str], by_source: dict[str, list[str]]) -> bool:
    """True when a duplicate of a record that only citations found came from a database."""
    return any(kept == key and any(source not in OTHER_SOURCES for source in by_source.get(twin, [])) for twin, kept in duplicates.items())


def _last_words(review: ReviewFolder, stage: str) -> list[dict[str, Any]]:
    """Latest exclusion with a reason of each record at a stage."""
    last: dict[str, dict[str, Any]] = {}
    for event in review.store.events():
        if event["kind"] in ("screen", "resolve") and event["payload"]["stage"] == stage and event["why"]:
            last[event["subject"]] = event
    return list(last.values())


def status(review: ReviewFolder) -> dict[str, Any]:
    """Counts, agreement, conflicts, unfinished searches; the history is checked on the way."""
    review.store.verify_history()
    first, second = review.protocol.reviewers[:2]
    sql = review.store.connection
    runs = sql.execute("SELECT id, source, query, total, started, finished FROM run ORDER BY id").fetchall()
    names = ("run", "source", "query", "total", "started", "finished")
    stages = {}
    for stage in ("title", "fulltext"):
        outcome = Counter(review.outcome(stage).values())
        stages[stage] = {
            "outcome": dict(outcome),
            "agreement": agreement(review.verdicts(stage), first, second).as_json(),
            "conflicts": review.conflicts(stage),
        }
    return {
        "review": review.protocol.name,
        "question": review.protocol.question,
        "records": len(review.records(with_duplicates=True)),
        "duplicates": len(review.duplicates()),
        "retracted": [event["subject"] for event in review.store.events("retracted")],
        "screening": stages,
        "included": included(review),
        "runs": [dict(zip(names, row, strict=True)) for row in runs],
        "events": len(review.store.events()),
        "history": "unbroken",
        "flow": dict(review_flow(review).numbers),
    }

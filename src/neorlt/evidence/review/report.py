"""What a review folder shows: its study table, its PRISMA flow, its state."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.checks import check_fields
from neorlt.evidence.prisma import Flow, flow
from neorlt.evidence.records import REGISTRIES, Record, fold
from neorlt.evidence.review.agreement import agreement
from neorlt.evidence.review.extraction import Cells
from neorlt.evidence.review.folder import ALWAYS_IN_FORM, ReviewFolder
from neorlt.evidence.review.identity import ShippedPapers
from neorlt.evidence.studies import SHIPPED_REVIEW, ReviewTable, Source, Study, shipped_review

OTHER_KINDS = ("citations", "website", "organisation")
"""Beginnings of the names of sources that PRISMA counts as other ways than databases and registers."""


def source_kind(source: str, record_id: str = "") -> str:
    """``database``, ``register``, ``citations``, ``website`` or ``organisation``: what PRISMA counts a source as.

    A registration comes from a register, by whatever file it came.
    """
    name = source.lower()
    if name.startswith(REGISTRIES) or record_id.startswith(("nct:", "eudract:")):
        return "register"
    return next((kind for kind in OTHER_KINDS if name.startswith(kind)), "database")


def included(review: ReviewFolder) -> list[str]:
    """Ids of the works in the review: included in full text, or in title where full texts were not judged yet."""
    titles, fulltexts = review.outcome("title"), review.outcome("fulltext")
    blocked = review.blocked()
    order = dict.fromkeys(review.works().of.values())
    return [key for key in order if fulltexts.get(key, titles.get(key)) == "include" and key not in blocked]


def folder_table(review: ReviewFolder) -> ReviewTable:
    """The study table of a folder: the shipped review where the protocol continues it, and what was extracted here.

    A paper that both know keeps its shipped cells, and an extracted cell wins over a shipped one. It is found by its
    identifiers, and where one side has none, as two copies of one paper are.
    """
    base = shipped_review() if review.protocol.name == SHIPPED_REVIEW else None
    studies = list(base.studies) if base else []
    place = {study.id: index for index, study in enumerate(studies)}
    papers = ShippedPapers(base) if base else None
    for key in included(review):
        cells, differing, record = review.cells(key), review.disagreements(key), review.require(key)
        known = papers.find(record, cells) if papers else None
        if known is None:
            studies.append(_study(key, record, cells, differing))
        elif cells or differing:
            studies[place[known]] = _with_cells(_named(studies[place[known]], record), cells, differing)
    return ReviewTable(
        name=review.protocol.name,
        question=review.protocol.question,
        review=base.review if base else {},
        studies=tuple(studies),
        patients=base.patients if base else (),
        trials=base.trials if base else (),
        references=base.references if base else (),
        since=base.since if base else (),
        blocked=(base or shipped_review()).blocked,
        notes=(base or shipped_review()).notes if base else {**shipped_review().notes, "table1_note": "extracted in this review"},
    )


def _named(study: Study, record: Record) -> Study:
    """A row that was not read takes its bibliography from the paper that was found to be it."""
    if not study.is_placeholder:
        return study
    found: dict[str, Any] = {"title": record.title, "first_author": record.authors[0] if record.authors else None}
    found |= {"year": record.year, "journal": record.journal, "doi": record.doi, "pmid": record.pmid}
    return replace(study, bibliography={**study.bibliography, **found})


def _study(key: str, record: Record, cells: Cells, differing: dict[str, Cells]) -> Study:
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
    return _with_cells(empty, cells, differing)


def _value(cells: Cells, field: str) -> Any:
    return cells[field]["value"] if field in cells else None


def _with_cells(study: Study, cells: Cells, differing: dict[str, Cells]) -> Study:
    """A study with the cells of a folder; what cannot be, or is not agreed on, stays out and is named in its conflicts."""
    fields, where, sources = dict(study.fields), dict(study.cell_sources), list(study.sources)
    bibliography, conflicts = dict(study.bibliography), list(study.conflicts)
    for field, by in differing.items():
        read = ", ".join(f"{who} reads {cell['value']}" for who, cell in by.items())
        conflicts.append(f"{field}: {read}; no consensus yet")
    for field, cell in cells.items():
        source = Source(cell["where"], f"{cell['how']}, by {cell['who']} on {cell['at'][:10]}")
        if field not in ALWAYS_IN_FORM:
            try:
                check_fields({**fields, field: cell["value"]}, study.id)
            except InputError as error:
                conflicts.append(f"{field} was left out: {error}")
                continue
            fields[field] = cell["value"]
        else:
            bibliography[field] = cell["value"]
        if source not in sources:
            sources.append(source)
        where[field] = (sources.index(source),)
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
        conflicts=tuple(conflicts),
        results_withheld=study.results_withheld and not cells,
        verified=verified,
        cohort=fold(_cohort(cells)) or study.cohort,
    )


def review_flow(review: ReviewFolder) -> Flow:
    """The 24 PRISMA numbers of a folder as it stands; records that nobody has read are pending, not excluded."""
    by_source = review.found_by()
    works = review.works()
    hits: Counter[str] = Counter()
    ways: dict[str, set[str]] = {}
    for key, sources in by_source.items():
        kinds = [source_kind(source, key) for source in sources]
        hits.update(kinds)
        ways.setdefault(works.of[key], set()).update(kinds)
    database = {work for work, kinds in ways.items() if kinds & {"database", "register"}}
    other = ways.keys() - database
    titles, fulltexts, lost = review.outcome("title"), review.outcome("fulltext"), review.not_found_reports()
    screened = {key for key in database if key in titles}
    sought = {key for key in screened if titles[key] in ("include", "unsure", "conflict")}
    other_sought = {key for key in other if titles.get(key) in ("include", "unsure", "conflict")}
    reasons = Counter(
        why for subject, why in _last_words(review, "fulltext").items() if subject in database and fulltexts.get(subject) == "exclude"
    )
    kept = included(review)
    previous = int(shipped_review().review["totals"]["papers"]) if review.protocol.name == SHIPPED_REVIEW else 0
    papers = ShippedPapers(shipped_review()) if previous else None
    counted = {study.id for study in shipped_review().studies if study.in_review}
    new = [key for key in kept if papers is None or papers.find(review.require(key), review.cells(key)) not in counted]
    # Two reports of one cohort are one study; a report of a cohort that the review counted before is no new study.
    old = {fold(study.cohort) for study in shipped_review().studies if study.in_review} if previous else set()
    cohorts = {fold(_cohort(review.cells(key))) or key for key in new} - old
    pending = len(database) - len(screened)
    return flow(
        {
            "previous_studies": previous,
            "previous_reports": previous,
            "database_results": hits["database"],
            "register_results": hits["register"],
            "website_results": hits["website"],
            "organisation_results": hits["organisation"],
            "citations_results": hits["citations"],
            "duplicates": hits["database"] + hits["register"] - len(database),
            "excluded_automatic": 0,
            "excluded_other": 0,
            "records_screened": len(screened),
            "records_excluded": sum(titles[key] == "exclude" for key in screened),
            "dbr_sought_reports": len(sought),
            "dbr_notretrieved_reports": len(sought & lost),
            "dbr_assessed": sum(key in fulltexts for key in sought),
            "dbr_excluded": sum(fulltexts.get(key) == "exclude" for key in sought),
            "other_sought_reports": len(other_sought),
            "other_notretrieved_reports": len(other_sought & lost),
            "other_assessed": sum(key in fulltexts for key in other_sought),
            "other_excluded": sum(fulltexts.get(key) == "exclude" for key in other_sought),
            "new_studies": len(cohorts),
            "new_reports": len(new),
            "total_studies": previous + len(cohorts),
            "total_reports": previous + len(new),
        },
        reasons=reasons,
        note=f"{pending} records are not screened yet" if pending else "",
        pending=pending,
    )


def _cohort(cells: Cells) -> str:
    value = _value(cells, "cohort")
    return "" if value is None else str(value)


def _last_words(review: ReviewFolder, stage: str) -> dict[str, str]:
    """Latest reason given for each work at a stage."""
    of = review.works().of_record
    return {
        of(event["subject"]): event["why"]
        for event in review.store.events()
        if event["kind"] in ("screen", "resolve") and event["payload"]["stage"] == stage and event["why"]
    }


def status(review: ReviewFolder) -> dict[str, Any]:
    """Counts, agreement, conflicts, unfinished searches; the history is checked on the way."""
    review.store.verify_history()
    first, second = review.protocol.reviewers[:2]
    sql = review.store.connection
    runs = sql.execute("SELECT id, source, query, total, started, finished FROM run ORDER BY id").fetchall()
    names = ("run", "source", "query", "total", "started", "finished")
    of = review.works().of_record
    extracted = dict.fromkeys(of(event["subject"]) for event in review.store.events("extract"))
    differing = {key: review.disagreements(key) for key in extracted}
    numbers = review_flow(review)
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
        "records": len(review.works().of),
        "works": len(review.works().members),
        "duplicates": len(review.duplicates()),
        "problems": list(review.works().problems),
        "retracted": [event["subject"] for event in review.store.events("retracted")],
        "screening": stages,
        "included": included(review),
        "runs": [dict(zip(names, row, strict=True)) for row in runs],
        "amendments": [
            {"at": e["at"], "who": e["who"], "why": e["why"], "changed": e["payload"]["changed"]} for e in review.store.events("amended")
        ],
        "protocol_changed_since": review.is_amended(),
        "not_retrieved": sorted(review.not_found_reports()),
        "differing_extractions": {key: sorted(found) for key in review.works().members if (found := differing.get(key))},
        "events": len(review.store.events()),
        "history": "unbroken",
        "flow": dict(numbers.numbers),
        "not_screened_yet": numbers.pending,
    }

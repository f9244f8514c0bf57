"""Keep a review alive: run its protocol again, show what is new, what changed, and whether a conclusion moves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from neorlt.core.errors import InputError
from neorlt.evidence.dedupe import dedupe
from neorlt.evidence.outcomes import OUTCOMES, moved, pool_outcome
from neorlt.evidence.review.folder import ReviewFolder
from neorlt.evidence.review.report import folder_table, review_flow
from neorlt.evidence.search.ctgov import ClinicalTrials, search_ctgov
from neorlt.evidence.search.pubmed import PubMed, search_pubmed
from neorlt.evidence.search.query import compare, readings
from neorlt.evidence.watch import history


def search(
    review: ReviewFolder,
    *,
    pubmed: PubMed | None,
    ctgov: ClinicalTrials | None,
    date_to: str | None = None,
    reading: str = "all",
) -> dict[str, Any]:
    """Run the protocol's queries; every reading of a printed query without brackets, or the one that is named.

    Raises:
        InputError: a reading that the query does not have, or no service to ask.

    """
    protocol = review.protocol
    until = date_to or protocol.date_to
    runs: list[dict[str, Any]] = []
    comparison: dict[str, Any] | None = None
    if pubmed is None and ctgov is None:
        raise InputError("no service to ask", remedy="give PubMed or ClinicalTrials.gov")
    if pubmed is not None:
        if "pubmed" in protocol.queries:
            texts = {"as written": protocol.queries["pubmed"]}
        elif "printed" in protocol.queries:
            texts = readings(protocol.queries["printed"])
        else:
            texts = {}
        if reading != "all":
            if reading not in texts:
                raise InputError("the query has no such reading", found=reading, expected=", ".join(texts), remedy="name one of them")
            texts = {reading: texts[reading]}
        found: dict[str, set[str]] = {}
        for name, text in texts.items():
            query = f"({text}) AND ({' OR '.join(f'{code}[la]' for code in protocol.language)})" if protocol.language else text
            run = search_pubmed(review, pubmed, query, date_from=protocol.date_from, date_to=until)
            runs.append({"reading": name, **run})
            found[name] = {
                str(row[0]) for row in review.store.connection.execute("SELECT record FROM found_by WHERE run = ?", (run["run"],))
            }
        comparison = compare(found) if len(found) > 1 else None
    if ctgov is not None and "clinicaltrials" in protocol.queries:
        runs.append({"reading": "as written", **search_ctgov(review, ctgov, protocol.queries["clinicaltrials"])})
    return {"runs": runs, "readings": comparison}


def conclusions(review: ReviewFolder) -> dict[str, Any]:
    """Pooled rate of every outcome as the folder stands."""
    table = folder_table(review)
    found = {}
    for outcome in OUTCOMES:
        result = pool_outcome(table, outcome, with_sensitivity=False).result
        found[outcome.key] = {
            "k": result.k,
            "n": result.n,
            "pooled": result.pooled,
            "ci95": None if result.ci95 is None else list(result.ci95),
            "reason": result.reason,
        }
    return found


def update(review: ReviewFolder, *, pubmed: PubMed | None, ctgov: ClinicalTrials | None, today: str | None = None) -> dict[str, Any]:
    """Search again until today, deduplicate, watch registrations and compare the conclusions with the last state.

    New is what came since the last snapshot, by a search or in a file: works of which no record was there, and versions of
    registrations. Decisions, duplicates undone and extractions stay as they are; new works wait for screening.
    """
    day = today or datetime.now(UTC).date().isoformat()
    snapshots = review.store.events("snapshot")
    last = snapshots[-1] if snapshots else None
    searched: dict[str, Any] = {"runs": [], "readings": None}
    if pubmed is not None or ctgov is not None:
        searched = search(review, pubmed=pubmed, ctgov=ctgov, date_to=day)
    duplicates = dedupe(review)
    records = review.records()
    new = _new_works(review, int(last["payload"]["records"]) if last else 0)
    registry = _new_versions(review, last)
    current = conclusions(review)
    earlier = last["payload"]["conclusions"] if last else {}
    changes = {key: {**moved(earlier.get(key), value), "before": earlier.get(key), "after": value} for key, value in current.items()}
    review.store.add_event("neorlt", "snapshot", "review", _snapshot(review, day, current))
    return {
        "since": last["at"] if last else None,
        "day": day,
        "new": [{"id": key, "title": records[key].title, "year": records[key].year} for key in new],
        "duplicates": duplicates["duplicates"],
        "retracted": [event["subject"] for event in review.store.events("retracted") if last is None or event["id"] > last["id"]],
        "registry": registry,
        "conclusions": changes,
        "moved": [key for key, change in changes.items() if change["moved"]],
        "to_screen": len(records.keys() - review.outcome().keys()),
        "searches": searched,
        "flow": dict(review_flow(review).numbers),
    }


def _snapshot(review: ReviewFolder, day: str, conclusions: dict[str, Any]) -> dict[str, Any]:
    """What a later update compares with. Records and versions are only added to, so their numbers say which were there."""
    sql = review.store.connection
    (records,) = sql.execute("SELECT COUNT(*) FROM record").fetchone()
    (versions,) = sql.execute("SELECT COUNT(*) FROM version").fetchone()
    return {"day": day, "records": int(records), "versions": int(versions), "conclusions": conclusions}


def _new_works(review: ReviewFolder, before: int) -> list[str]:
    """Works none of whose records was among the first ``before`` ones."""
    of = review.works().of
    keys = [str(row[0]) for row in review.store.connection.execute("SELECT id FROM record ORDER BY rowid")]
    known = {of[key] for key in keys[:before]}
    return [work for work in dict.fromkeys(of[key] for key in keys[before:]) if work not in known]


def _new_versions(review: ReviewFolder, last: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Registrations of which a version came since the last snapshot, each with what changed from the version before it."""
    rows = review.store.connection.execute("SELECT nct, fetched FROM version ORDER BY rowid").fetchall()
    if last is not None:
        before = last["payload"].get("versions")
        rows = rows[before:] if before is not None else [row for row in rows if row[1] >= last["at"]]
    found = []
    for nct in dict.fromkeys(str(row[0]) for row in rows):
        state = history(review, nct)
        if state["steps"]:
            found.append({"nct": nct, **state["steps"][-1]})
    return found

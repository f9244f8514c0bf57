"""A review of many records: imported, duplicates found, first records to screen ranked, status; beside pandas on equal numbers and titles.

Usage: ``python benchmarks/evidence/scale_records.py [--sizes 1000 10000 100000]``. Records are synthetic
(tests/evidence/evidence_corpus.py): 85 % distinct papers, 10 % planted duplicates, 5 % look-alikes that are none.
Recall and false merges stand beside the time.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests" / "evidence")]
import growth  # noqa: E402
from evidence_corpus import corpus  # noqa: E402


def _made(n: int) -> tuple[Any, Any]:
    records, planted, _ = corpus(n * 85 // 100, n // 10, n // 20, seed=12)
    return records, {frozenset(pair) for pair in planted.items()}


def _scored(pairs: set[frozenset[str]], truth: set[frozenset[str]]) -> dict[str, Any]:
    return {"recall": round(len(pairs & truth) / max(len(truth), 1), 4), "false_merges": len(pairs - truth)}


def ours(n: int) -> dict[str, Any]:
    from neorlt.evidence.dedupe import dedupe, find_duplicates
    from neorlt.evidence.review import ReviewFolder
    from neorlt.evidence.review.report import status
    from neorlt.evidence.screening import screening_order

    records, truth = _made(n)
    steps: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, ReviewFolder.create(Path(folder) / "review") as review:
        for name, step in (("import", lambda: review.add_records(records.values(), "mixed")), ("deduplicate", lambda: dedupe(review)),
                           ("rank", lambda: screening_order(review, limit=20)), ("status", lambda: status(review))):
            _, steps[name] = growth.spent(step)
    total = {key: round(sum(step[key] for step in steps.values()), 2) for key in ("wall_s", "cpu_s")}
    peak = growth.peak_mb()
    found = {frozenset((key, kept)) for key, (kept, _) in find_duplicates(records).found.items()}
    return {**total, "peak_mb": peak, "records": len(records), "steps": steps, **_scored(found, truth)}


def plain(n: int) -> dict[str, Any]:
    import pandas as pd

    records, truth = _made(n)

    def merge() -> set[frozenset[str]]:
        table = pd.DataFrame([{"key": key, "title": r.title.lower(), **r.identifiers} for key, r in records.items()])
        pairs = set()
        for column in [c for c in table.columns if c != "key"]:
            known = table[table[column].notna()]
            first = known.groupby(column)["key"].transform("first")
            pairs |= {frozenset(pair) for pair in zip(known["key"], first, strict=True) if pair[0] != pair[1]}
        return pairs

    found, cost = growth.spent(merge)
    return {**cost, "peak_mb": growth.peak_mb(), "records": len(records), **_scored(found, truth)}


if __name__ == "__main__":
    sys.exit(growth.main(__file__, {"pandas, equal DOI, PMID or title": plain, "neorlt": ours}, (1_000, 10_000, 100_000)))

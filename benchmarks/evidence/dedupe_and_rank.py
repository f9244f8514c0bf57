"""Time of import, deduplication and ranking of 10 000 records, and recall and false merges on synthetic corpora.

Usage: ``python benchmarks/evidence/dedupe_and_rank.py [--write]``. The baseline beside it, in the same run, merges
records by DOI, PMID or equal title, as a spreadsheet would. ``--write`` stores the shares that the package states.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "evidence"))

from evidence_corpus import corpus  # noqa: E402

from neorlt.evidence.dedupe import dedupe, find_duplicates  # noqa: E402
from neorlt.evidence.pooling import clopper_pearson  # noqa: E402
from neorlt.evidence.records import Record, fold  # noqa: E402
from neorlt.evidence.review import ReviewFolder  # noqa: E402
from neorlt.evidence.screening import screening_order  # noqa: E402

SEEDS = range(101, 105)
TARGET = ROOT / "src" / "neorlt" / "evidence" / "data" / "dedupe_check.json"


def by_title_and_number(records: dict[str, Record]) -> dict[str, str]:
    """The baseline: the first record with the same DOI, PMID or folded title."""
    first: dict[str, str] = {}
    found = {}
    for key, record in records.items():
        names = [f"{kind}:{value}" for kind, value in record.identifiers.items()] + [f"title:{fold(record.title)}"]
        known = next((first[name] for name in names if name in first), None)
        if known is not None:
            found[key] = known
        for name in names:
            first.setdefault(name, known or key)
    return found


def score(found: dict[str, str], planted: dict[str, str]) -> tuple[int, int]:
    """Planted duplicates found, and merges that are none."""
    truth = {frozenset(pair) for pair in planted.items()}
    merged = {frozenset(pair) for pair in found.items()}
    return len(truth & merged), len(merged - truth)


def main() -> int:
    """Print the figures as JSON; store the stated ones with ``--write``."""
    totals = {"planted": 0, "found": 0, "false": 0, "look_alikes": 0, "baseline_found": 0, "baseline_false": 0}
    for seed in SEEDS:
        records, planted, look_alikes = corpus(7000, 2000, 1500, seed=seed)
        found, false = score({key: kept for key, (kept, _) in find_duplicates(records).found.items()}, planted)
        base_found, base_false = score(by_title_and_number(records), planted)
        add = (len(planted), found, false, len(look_alikes), base_found, base_false)
        totals = {key: value + more for (key, value), more in zip(totals.items(), add, strict=True)}
    records, _, _ = corpus(8500, 1000, 500, seed=11)
    spent = {}
    with tempfile.TemporaryDirectory() as folder, ReviewFolder.create(Path(folder) / "review") as review:
        steps = {
            "import": lambda: review.add_records(records.values(), "mixed"),
            "deduplicate": lambda: dedupe(review),
            "rank": lambda: screening_order(review, limit=20),
        }
        for name, step in steps.items():
            wall, processor = time.perf_counter(), time.process_time()
            step()
            spent[name] = {"wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(time.process_time() - processor, 2)}
    stated = {
        "corpus": "synthetic: tests/evidence/evidence_corpus.py",
        "planted_duplicates": totals["planted"],
        "recall": totals["found"] / totals["planted"],
        "look_alikes": totals["look_alikes"],
        "false_merges": totals["false"],
        "false_merge_upper95": clopper_pearson(totals["false"], totals["look_alikes"])[1],
        "baseline": "equal DOI, PMID or title",
        "baseline_recall": totals["baseline_found"] / totals["planted"],
        "baseline_false_merges": totals["baseline_false"],
    }
    peak_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    cpu = round(sum(step["cpu_s"] for step in spent.values()), 2)
    print(json.dumps({"stated": stated, "ten_thousand_records": spent, "cpu_s": cpu, "peak_memory_mb": peak_mb}, indent=2))
    if "--write" in sys.argv:
        TARGET.write_text(json.dumps(stated, indent=1) + "\n", encoding="utf-8")
    return 0 if stated["recall"] >= 0.99 and stated["false_merges"] == 0 and cpu <= 10 else 1


if __name__ == "__main__":
    sys.exit(main())

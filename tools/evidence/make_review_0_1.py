"""Make ``tests/data/evidence/review-0.1/``: a small review as version 0.1 wrote it, as SQL text and its protocol.

Usage, with neorlt 0.1 on the path: ``python tools/evidence/make_review_0_1.py OUT``. All records are invented.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from neorlt.evidence.records import Record
from neorlt.evidence.review import ReviewFolder

TITLE = "Invented peptide receptor radionuclide therapy before surgery of pancreatic tumours: a series"


def main() -> int:
    """Write the review."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "review"
        with ReviewFolder.create(folder) as review:
            ris = Record(
                title=TITLE,
                source="ris",
                authors=("Alpha, Ada",),
                year=2018,
                journal="J Invent Med",
                volume="4",
                pages="10-19",
                doi="10.5555/alpha.1",
            )
            beta = Record(title="Invented series of beta", source="ris", authors=("Beta, B",), year=2019, doi="10.5555/beta.2")
            plain = Record(
                title="Invented old report of gamma rays", source="ris", authors=("Gamma G",), year=1999, journal="J Invent Med", pages="7"
            )
            copy = Record(
                title="Invented old report of gamma rays, reprinted",
                source="csv",
                authors=("Gamma, Gina",),
                year=1999,
                journal="Journal of Invented Medicine",
                pages="7-9",
            )
            review.add_records([ris, beta, plain], "embase")
            review.add_records([copy], "csv")
            keys = list(review.records())
            review.decide(keys[0], "include", who="first", why="fits")
            review.decide(keys[0], "include", who="second", why="fits")
            review.decide(keys[1], "include", who="first", why="fits")
            review.decide(keys[1], "exclude", who="second", why="letter")
            review.resolve(keys[1], "include", who="first", why="an original article after all")
            review.decide(keys[2], "exclude", who="first", why="no radioligand therapy")
            review.mark_duplicate(keys[3], keys[2], who="first", why="one report")
            review.extract(keys[0], "n_total", 12, who="first", where="table 1", how="fulltext")
            review.extract(keys[0], "n_operated", 5, who="second", where="table 2", how="fulltext")
            review.extract(keys[1], "n_total", 5, who="first", where="abstract", how="abstract")
            review.extract(keys[1], "n_operated", 9, who="first", where="abstract", how="abstract")
            review.appraise(keys[0], "jbi", "1", "yes", who="first", why="consecutive")
            review.store.add_event("neorlt", "snapshot", "review", {"day": "2026-11-01", "records": 4, "conclusions": {}})
            dump = "\n".join(review.store.connection.iterdump())
        (out / "review.sql").write_text(dump + "\n", encoding="utf-8")
        shutil.copy(folder / "protocol.toml", out / "protocol.toml")
    return 0


if __name__ == "__main__":
    sys.exit(main())

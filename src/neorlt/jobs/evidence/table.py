"""``neorlt evidence table``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.evidence.appraisal import Judgement, folder_judgements
from neorlt.evidence.outcomes import pool_review
from neorlt.evidence.page import write_evidence
from neorlt.evidence.prisma import shipped_flow
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.review.report import folder_table, review_flow
from neorlt.evidence.studies import shipped_review
from neorlt.evidence.table1 import COLUMNS, cell_text


def table_command(folder: Path | None = None, *, out: Path | None = None, method: str = "auto") -> dict[str, Any]:
    """``neorlt evidence table``: Table 1, the PRISMA flow and the pooled rates of a folder or of the shipped review."""
    made: list[Judgement] = []
    if folder is None:
        table, flow = shipped_review(), shipped_flow(shipped_review())
    else:
        with ReviewFolder(folder) as review:
            table, flow = folder_table(review), review_flow(review)
            made = folder_judgements(review.appraisals())
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
        "not_screened_yet": flow.pending,
        "pooled": pool_review(table, method),
        "files": [] if out is None else write_evidence(table, flow, out, method, made),
        "out": None if out is None else str(out),
    }

"""Which method pools by default: read from the shipped coverage table, by the number of series."""

from __future__ import annotations

import functools
from typing import Any

from neorlt.core.tables import read_json

AUTO = "auto"
CANDIDATES = ("bayes", "glmm-wald-t", "glmm")
"""Methods that may be a default, preferred in this order where they are as narrow."""
AS_NARROW = 1.05
"""A candidate is as narrow as another one up to this ratio of mean widths."""


@functools.cache
def coverage_table() -> dict[str, Any]:
    """``pooling_by_k.json``: worst coverage and mean width of every method for 3 to 12 series."""
    table: dict[str, Any] = read_json("evidence", "pooling_by_k.json")
    return table


def of_method(method: str, k: int) -> dict[str, Any] | None:
    """What the table says of a method at ``k`` series; more series than it holds are read at its largest number."""
    rows = [row for row in coverage_table()["by_k"] if row["method"] == method]
    inside = [row for row in rows if row["k"] <= k]
    return max(inside, key=lambda row: int(row["k"])) if inside else None


@functools.cache
def default_method(k: int) -> str:
    """The method for ``k`` series: the narrowest candidate that held its interval in every cell of the table.

    To hold is to cover at least ``enough`` (91 %) in the worst cell; among candidates within 5 % of the narrowest the first
    one of :data:`CANDIDATES` is taken.
    """
    enough = float(coverage_table()["enough"])
    rows = [row for name in CANDIDATES if (row := of_method(name, k)) is not None and row["worst_coverage"] >= enough]
    if not rows:
        return CANDIDATES[0]
    narrowest = min(float(row["mean_width"]) for row in rows)
    return next(str(row["method"]) for row in rows if float(row["mean_width"]) <= AS_NARROW * narrowest)

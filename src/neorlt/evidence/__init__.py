"""The living evidence: search, import, deduplicate, screen, extract and pool what is published, and keep it alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.evidence.pooling.counts import StudyCounts, read_counts
    from neorlt.evidence.pooling.pool import PooledRate
    from neorlt.evidence.records import Record
    from neorlt.evidence.review.folder import ReviewFolder
    from neorlt.evidence.review.protocol import Protocol, read_protocol
    from neorlt.evidence.studies import ReviewTable, Study, shipped_review
    from neorlt.evidence.table1 import table_csv, table_html

__all__ = [
    "PooledRate",
    "Protocol",
    "Record",
    "ReviewFolder",
    "ReviewTable",
    "Study",
    "StudyCounts",
    "read_counts",
    "read_protocol",
    "shipped_review",
    "table_csv",
    "table_html",
]

__getattr__ = offers(__name__)

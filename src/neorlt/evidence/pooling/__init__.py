"""Pooling of proportions from few, tiny series."""

from neorlt.evidence.pooling.counts import StudyCounts, clopper_pearson, read_counts, wilson
from neorlt.evidence.pooling.explore import by_subgroup, leave_one_out, regress
from neorlt.evidence.pooling.pool import MINIMUM_SERIES, PooledRate, method_names, pool

__all__ = [
    "MINIMUM_SERIES",
    "PooledRate",
    "StudyCounts",
    "by_subgroup",
    "clopper_pearson",
    "leave_one_out",
    "method_names",
    "pool",
    "read_counts",
    "regress",
    "wilson",
]

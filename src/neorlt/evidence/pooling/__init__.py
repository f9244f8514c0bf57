"""Pooling of proportions from few, tiny series."""

from neorlt.evidence.pooling.checked import pool, with_limits
from neorlt.evidence.pooling.choice import AUTO, coverage_table, default_method
from neorlt.evidence.pooling.counts import StudyCounts, clopper_pearson, read_counts, wilson
from neorlt.evidence.pooling.explore import by_subgroup, leave_one_out, regress
from neorlt.evidence.pooling.pool import MINIMUM_SERIES, PooledRate, method_names
from neorlt.evidence.pooling.summaries import Median, Ratio, holds_ratios, median_of_medians, pool_ratios, read_ratios

__all__ = [
    "AUTO",
    "MINIMUM_SERIES",
    "Median",
    "PooledRate",
    "Ratio",
    "StudyCounts",
    "by_subgroup",
    "clopper_pearson",
    "coverage_table",
    "default_method",
    "holds_ratios",
    "leave_one_out",
    "median_of_medians",
    "method_names",
    "pool",
    "pool_ratios",
    "read_counts",
    "read_ratios",
    "regress",
    "wilson",
    "with_limits",
]

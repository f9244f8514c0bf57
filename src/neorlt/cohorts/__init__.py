"""A centre's own table: read with every error named by its row, and analysed by the field's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.cohorts.analysis import analyse
    from neorlt.cohorts.cohort import Cohort
    from neorlt.cohorts.hazards import Cox, cox
    from neorlt.cohorts.reading import read_cohort
    from neorlt.cohorts.survival import KaplanMeier, kaplan_meier, logrank, reverse_kaplan_meier

__all__ = [
    "Cohort",
    "Cox",
    "KaplanMeier",
    "analyse",
    "cox",
    "kaplan_meier",
    "logrank",
    "read_cohort",
    "reverse_kaplan_meier",
]

__getattr__ = offers(__name__)

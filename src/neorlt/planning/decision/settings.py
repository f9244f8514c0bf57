"""What the user may set of the choice: values, not data."""

from __future__ import annotations

from dataclasses import dataclass

from neorlt.core.errors import InputError
from neorlt.planning.decision.choice import DELTA_MONTHS
from neorlt.planning.decision.options import Kind

CRITERIA = ("qaly_lifetime_discounted", "qaly_lifetime", "qaly_10", "qaly_10_discounted", "event_free_years_10", "event_free_years_5")
"""What options may be compared by; the first is the default, fixed before any patient was run."""


@dataclass(frozen=True)
class Settings:
    """What the user may set; values, not data."""

    criterion: str = CRITERIA[0]
    delta_months: float = DELTA_MONTHS
    discount: float = 0.03
    asked_for: tuple[Kind, ...] = ()
    """Kinds that the patient or the board asks for."""

    def __post_init__(self) -> None:
        if self.criterion not in CRITERIA:
            raise InputError("the criterion is not known", expected=", ".join(CRITERIA), found=self.criterion, remedy="use one of these")
        if not 0 <= self.delta_months <= 120:
            raise InputError("the width of a tie is out of range", expected="0 to 120 months", found=f"{self.delta_months:g}",
                             remedy="give quality-adjusted months")
        if not 0 <= self.discount <= 0.2:
            raise InputError("the discount is out of range", expected="0 to 0.2 a year", found=f"{self.discount:g}",
                remedy="write 0.03 for 3 %")

    @property
    def delta(self) -> float:
        """Width of a tie in years, the unit of the criteria."""
        return self.delta_months / 12.0

"""The scale ledger: every step from a stored number to a quantity, with tag, value, unit, and where it came from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

Row = tuple[str, str, str, str, str]
"""Step, tag, value, unit, source: a ledger row before its image has a name."""
USED, NOT_USED = "header", "header, not used"
"""Where a value came from: a header value that entered the numbers, and one that was looked at and did not."""


@dataclass(frozen=True)
class LedgerRow:
    """One step.

    Parameters
    ----------
    image
        Which image: kind, nuclide and moment.
    step
        What the value does, for example ``"rescale"``, ``"unit"``, ``"decay"``, ``"injection"``, ``"stated"``.
    tag
        ``(gggg,eeee)`` with its keyword, or the key of a settings file; empty for what was worked out.
    value, unit
        As used; several values of a series are shown as ``first…last``.
    source
        ``"header"``, ``"header, not used"``, a settings file, or ``"worked out"``.
    """

    image: str
    step: str
    tag: str
    value: str
    unit: str
    source: str

    def as_json(self) -> dict[str, Any]:
        """The row as ``neorlt measure --ledger`` prints it: ``image, step, tag, value, unit, from``."""
        row = asdict(self)
        row["from"] = row.pop("source")
        return row


def rows_of(image: str, rows: tuple[Row, ...]) -> tuple[LedgerRow, ...]:
    """Ledger rows with their image's name."""
    return tuple(LedgerRow(image, *row) for row in rows)

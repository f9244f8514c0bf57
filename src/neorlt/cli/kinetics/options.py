"""What the predicted doses share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

Nuclide = Annotated[str, typer.Option(help="Lu-177, Y-90, or one of your own.")]


def span(summary: Mapping[str, Any], unit: str = "") -> str:
    """Median and 90 % interval."""
    low, high = summary["ci90"]
    return f"{summary['median']:.3g} ({low:.3g} to {high:.3g}){unit}"

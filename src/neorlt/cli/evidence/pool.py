"""``neorlt evidence pool``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show


def command(
    csv: Annotated[Path, typer.Argument(help="study,events,total (and design, cohort, subgroup), or study,ratio,low,high")],
    method: Annotated[
        str, typer.Option(help="auto (by the number of series), bayes, glmm, beta-binomial, … or transform/tau/test")
    ] = "auto",
    out: Annotated[Path | None, typer.Option(help="forest plot (SVG)")] = None,
    json: Json = False,
) -> None:
    """Pool proportions, or hazard ratios."""
    from neorlt.jobs.evidence import pool as jobs

    document = jobs.pool_command(csv, method, out=out)
    keys = ("k", "n", "events", "pooled", "ci95", "prediction95", "tau", "method", "reason", "second", "limits", "notes")
    show(document, json, lambda d: outline(d, *keys))

"""``neorlt evidence table``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show


def command(
    folder: Annotated[Path | None, typer.Argument(help="folder of a review; without it the shipped review")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for HTML, CSV, SVG, JSON")] = None,
    method: Annotated[str, typer.Option(help="pooling method; auto: by the number of series")] = "auto",
    json: Json = False,
) -> None:
    """Rebuild Table 1, the PRISMA flow and the pooled rates."""
    from neorlt.jobs.evidence import table as jobs

    document = jobs.table_command(folder, out=out, method=method)
    show(document, json, lambda d: outline(d, "review", "flow", "not_screened_yet", "files", "out"))

"""``neorlt evidence watch``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import CtgovUrl, Folder, services


def command(
    folder: Folder,
    nct: Annotated[list[str] | None, typer.Option(help="registration; else all known")] = None,
    add: Annotated[Path | None, typer.Option(help="a version from a file")] = None,
    dated: Annotated[str | None, typer.Option(help="date of that version")] = None,
    ctgov_url: CtgovUrl = None,
    json: Json = False,
) -> None:
    """Fetch registrations and show what changed between dated versions."""
    from neorlt.jobs.evidence import online as jobs

    asked = services(None, ctgov=ctgov_url)
    show(jobs.watch_command(folder, nct=nct or None, add=add, dated=dated, services=asked), json, outline)

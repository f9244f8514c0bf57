"""``neorlt evidence import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder


def command(
    folder: Folder,
    files: Annotated[list[Path], typer.Argument(help="nbib, PubMed XML, RIS, BibTeX, CSV, ClinicalTrials.gov JSON")],
    source: Annotated[str | None, typer.Option(help="name of the source; else the format's")] = None,
    json: Json = False,
) -> None:
    """Import exported records; the format is told from the content."""
    from neorlt.jobs import evidence

    show(evidence.import_command(folder, files, source=source), json, outline)

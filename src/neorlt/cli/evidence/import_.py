"""``neorlt evidence import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder


def command(
    folder: Folder,
    files: Annotated[
        list[Path],
        typer.Argument(help="nbib, PubMed XML, RIS, BibTeX, EndNote, RefWorks, Web of Science, CSV, .xlsx, ClinicalTrials.gov JSON"),
    ],
    source: Annotated[
        str | None, typer.Option(help="name of the source (website…, organisation…: other ways than databases); else the format's")
    ] = None,
    json: Json = False,
) -> None:
    """Import exported records; the format is told from the content."""
    from neorlt.jobs.evidence import review as jobs

    show(jobs.import_command(folder, files, source=source), json, outline)

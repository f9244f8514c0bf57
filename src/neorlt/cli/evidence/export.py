"""``neorlt evidence export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show


def command(
    folder: Annotated[Path, typer.Argument(help="folder of the review, or the word shipped: the shipped review's papers")],
    kind: Annotated[str, typer.Argument(help="ris, bibtex, revman, prisma")],
    out: Annotated[Path, typer.Option(help="file to write")],
    included: Annotated[bool, typer.Option("--included", help="included works only")] = False,
    json: Json = False,
) -> None:
    """Write a review for other programs: RIS, BibTeX, RevMan 5, R's PRISMA2020."""
    from neorlt.jobs.evidence import review as jobs

    show(jobs.export_command(folder, kind, out, only_included=included), json, outline)

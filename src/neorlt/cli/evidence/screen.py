"""``neorlt evidence screen``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder, Who, Why


def command(
    folder: Folder,
    record: Annotated[str | None, typer.Option(help="record to decide on")] = None,
    verdict: Annotated[str | None, typer.Option(help="include, exclude, unsure, not-retrieved")] = None,
    who: Who = None,
    why: Why = "",
    stage: Annotated[str, typer.Option(help="title or fulltext")] = "title",
    resolve: Annotated[bool, typer.Option("--resolve", help="settle a conflict")] = False,
    limit: Annotated[int, typer.Option("--next", help="how many records to show")] = 20,
    export: Annotated[str | None, typer.Option(help="asreview or rayyan")] = None,
    take: Annotated[Path | None, typer.Option(help="take decisions back from this file")] = None,
    out: Annotated[Path | None, typer.Option(help="file to write")] = None,
    json: Json = False,
) -> None:
    """Show what to read next, decide, resolve, export and take back."""
    from neorlt.jobs.evidence import review as jobs

    document = jobs.screen_command(
        folder, record=record, verdict=verdict, who=who, why=why, stage=stage, resolve=resolve, limit=limit,
        export=export, take=take, out=out,
    )  # fmt: skip
    show(document, json, outline)

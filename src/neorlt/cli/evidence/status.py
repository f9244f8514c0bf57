"""``neorlt evidence status``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder


def command(
    folder: Folder,
    new: Annotated[bool, typer.Option("--new", help="start a review with the shipped protocol")] = False,
    json: Json = False,
) -> None:
    """Where a review stands; checks that its history is unbroken."""
    from neorlt.jobs.evidence import review as jobs

    show(jobs.status_command(folder, new=new), json, outline)

"""``neorlt new``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, say, show


def command(
    kind: Annotated[str, typer.Argument(help="patient, scheme, settings, names, trial or review.")],
    folder: Annotated[Path, typer.Argument(help="Where the files go; made if it is absent. Nothing is overwritten.")],
    json: Json = False,
) -> None:
    """Write commented templates of the files that you fill in."""
    from neorlt.jobs.new import new_command

    show(new_command(kind, folder), json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    say(*document["files"], f"Next: {document['next']}")

"""``neorlt deidentify``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, Out, say, show, table, warn


def command(study: Annotated[Path, typer.Argument(help="Folder with the DICOM study.")], out: Out, json: Json = False) -> None:
    """Copy a study without what identifies the patient (PS3.15 basic profile)."""
    from neorlt.jobs.deidentify import deidentify_command

    document = deidentify_command(study, out)
    warn(*document["warnings"])
    show(document, json, lambda d: _for_people(d, out))


def _for_people(document: Mapping[str, Any], out: Path) -> None:
    say(f"{document['files']} objects written to {out}.")
    table(["attribute taken out", "times"], [[name, str(times)] for name, times in document["removed"].items()])

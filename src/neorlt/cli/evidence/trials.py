"""``neorlt evidence trials``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Json, show, table


def command(
    folder: Annotated[Path | None, typer.Argument(help="folder of a review; without it the shipped review")] = None,
    json: Json = False,
) -> None:
    """List the registrations of the field, and those of a review with their stored versions."""
    from neorlt.jobs.evidence import claims as jobs

    document = jobs.trials_command(folder)
    keys = ("nct", "name", "design", "n", "status")
    rows = [["-" if trial.get(key) is None else str(trial[key]) for key in keys] for trial in document["trials"]]
    show(document, json, lambda _: table(["registration", "trial", "design", "patients", "status"], rows))

"""``neorlt trial``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, outline, sentences, show


def command(
    design: Annotated[Path, typer.Argument(help="TOML file of the trial.")],
    dask: Annotated[str | None, typer.Option(help="Address of a dask scheduler, tcp://…")] = None,
    json: Json = False,
) -> None:
    """Run the virtual trial of a TOML file."""
    from neorlt.jobs.trial import trial_command

    show(trial_command(design, dask), json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    sentences(*document["answer"])
    sentences(f"Power {document['power']:.2f} with the parameters at their medians, assurance {document['assurance']:.2f} over all that is "
              f"not known; {document['n_simulated']} trials simulated.")
    outline(document, *(key for key in ("type_one_error", "assumptions", "notes") if key in document))

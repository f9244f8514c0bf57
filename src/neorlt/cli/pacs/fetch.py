"""``neorlt pacs fetch``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, Out, say, show
from neorlt.cli.pacs.options import Pacs


def command(
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID (0020,000D), from `neorlt pacs find`.")],
    pacs: Pacs,
    out: Out,
    json: Json = False,
) -> None:
    """Fetch a study: whole, or nothing is left."""
    from neorlt.jobs.pacs import pacs_fetch_command

    document = pacs_fetch_command(pacs, study_uid, out)
    (study,) = document["studies"]
    show(document, json, lambda _: say(f"{study['instances']} objects in {study['folder']}"))

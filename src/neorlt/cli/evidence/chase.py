"""``neorlt evidence chase``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import CrossrefUrl, Email, Folder, OpenalexUrl, services


def command(
    folder: Folder,
    ids: Annotated[list[str] | None, typer.Option("--id", help="record to chase from; else all included")] = None,
    email: Email = None,
    openalex_url: OpenalexUrl = None,
    crossref_url: CrossrefUrl = None,
    json: Json = False,
) -> None:
    """Follow citations backward and forward."""
    from neorlt.jobs.evidence import online as jobs

    asked = services(email, openalex=openalex_url, crossref=crossref_url)
    show(jobs.chase_command(folder, ids=ids or None, services=asked), json, outline)

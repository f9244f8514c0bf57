"""``neorlt evidence search``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import CtgovUrl, Email, Folder, PubmedUrl, services


def command(
    folder: Folder,
    reading: Annotated[str, typer.Option(help="all, grouped, and-first, left-to-right")] = "all",
    email: Email = None,
    pubmed_url: PubmedUrl = None,
    ctgov_url: CtgovUrl = None,
    json: Json = False,
) -> None:
    """Run the protocol's searches, or go on with one that was interrupted."""
    from neorlt.jobs.evidence import online as jobs

    asked = services(email, pubmed=pubmed_url, ctgov=ctgov_url)
    show(jobs.search_command(folder, reading=reading, services=asked), json, outline)

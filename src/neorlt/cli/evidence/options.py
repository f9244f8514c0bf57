"""What the commands of the evidence share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from neorlt.jobs.evidence.online import Services

Folder = Annotated[Path, typer.Argument(help="folder of the review")]
Who = Annotated[str | None, typer.Option(help="reviewer, as the protocol names them")]
Why = Annotated[str, typer.Option(help="reason, kept in the history")]
Email = Annotated[str | None, typer.Option(help="who asks, for the services' logs")]
PubmedUrl = Annotated[str | None, typer.Option(help="address of another server (a mirror, a test); none: leave it out")]
CtgovUrl = Annotated[str | None, typer.Option(help="the same for ClinicalTrials.gov")]
OpenalexUrl = Annotated[str | None, typer.Option(help="the same for OpenAlex")]
CrossrefUrl = Annotated[str | None, typer.Option(help="the same for Crossref")]


def services(email: str | None, **urls: str | None) -> Services:
    """Who asks, and where; NCBI's key comes from the environment (``NCBI_API_KEY``)."""
    from neorlt.jobs.evidence.online import Services

    given = {name: url for name, url in urls.items() if url is not None}
    # "none" switches one service off: an empty address would read as "the default".
    chosen = {name: None if url == "none" else url for name, url in given.items()}
    return Services(email=email, api_key=os.environ.get("NCBI_API_KEY") or None, **chosen)

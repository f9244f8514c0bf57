"""``neorlt evidence amend``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder


def command(
    folder: Folder,
    who: Annotated[str, typer.Option(help="who amends, as the protocol names them")],
    why: Annotated[str, typer.Option(help="reason, kept in the history")],
    json: Json = False,
) -> None:
    """Record a changed protocol as a dated amendment."""
    from neorlt.jobs.evidence import review as jobs

    show(jobs.amend_command(folder, who=who, why=why), json, outline)

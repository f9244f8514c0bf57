"""``neorlt evidence dedupe``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder, Why


def command(
    folder: Folder,
    undo: Annotated[str | None, typer.Option(help="take this duplicate back")] = None,
    who: Annotated[str, typer.Option(help="who undoes it")] = "neorlt",
    why: Why = "",
    json: Json = False,
) -> None:
    """Find duplicates across sources, or undo one."""
    from neorlt.jobs.evidence import review as jobs

    show(jobs.dedupe_command(folder, undo=undo, who=who, why=why), json, lambda d: outline(d, "duplicates", "left", "undone"))

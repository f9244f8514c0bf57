"""``neorlt evidence dedupe``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder, Why


def command(
    folder: Folder,
    undo: Annotated[str | None, typer.Option(help="take this duplicate back")] = None,
    same: Annotated[str | None, typer.Option(help="this record is a copy …")] = None,
    of: Annotated[str | None, typer.Option(help="… of this one")] = None,
    who: Annotated[str, typer.Option(help="who says so")] = "neorlt",
    why: Why = "",
    json: Json = False,
) -> None:
    """Find duplicates across sources; name a copy, or undo one."""
    from neorlt.jobs.evidence import review as jobs

    document = jobs.dedupe_command(folder, undo=undo, same=same, of=of, who=who, why=why)
    show(
        document,
        json,
        lambda d: outline(d, *(key for key in ("duplicates", "left", "undone", "same", "of", "problems") if d.get(key) is not None)),
    )

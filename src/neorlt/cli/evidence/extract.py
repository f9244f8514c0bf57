"""``neorlt evidence extract``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder, Why


def command(
    folder: Folder,
    record: Annotated[str, typer.Argument(help="record id")],
    field: Annotated[str, typer.Argument(help="field of the form")],
    value: Annotated[str, typer.Argument(help="value as JSON, or text")],
    who: Annotated[str, typer.Option(help="who reads")],
    where: Annotated[str, typer.Option(help="where it stands: page, table, address")],
    how: Annotated[str, typer.Option(help="fulltext, abstract, secondary, registry")],
    consensus: Annotated[bool, typer.Option("--consensus", help="the value that two readers agreed on")] = False,
    why: Why = "",
    json: Json = False,
) -> None:
    """Store one reviewer's cell of the study table, or the consensus on it."""
    from neorlt.jobs.evidence import review as jobs

    show(jobs.extract_command(folder, record, field, value, who=who, where=where, how=how, consensus=consensus, why=why), json, outline)

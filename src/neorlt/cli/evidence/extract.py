"""``neorlt evidence extract``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder


def command(
    folder: Folder,
    record: Annotated[str, typer.Argument(help="record id")],
    field: Annotated[str, typer.Argument(help="field of the form")],
    value: Annotated[str, typer.Argument(help="value as JSON, or text")],
    who: Annotated[str, typer.Option(help="who reads")],
    where: Annotated[str, typer.Option(help="where it stands: page, table, address")],
    how: Annotated[str, typer.Option(help="fulltext, abstract, secondary, registry")],
    json: Json = False,
) -> None:
    """Store one cell of the study table."""
    from neorlt.jobs import evidence

    show(evidence.extract_command(folder, record, field, value, who=who, where=where, how=how), json, outline)

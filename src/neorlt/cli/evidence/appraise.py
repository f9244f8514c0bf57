"""``neorlt evidence appraise``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import Folder


def command(
    folder: Folder,
    record: Annotated[str, typer.Argument(help="record id")],
    tool: Annotated[str, typer.Argument(help="jbi (case series, items 1 to 10) or robins-i (seven domains)")],
    item: Annotated[str, typer.Argument(help="item number or domain")],
    judgement: Annotated[str, typer.Argument(help="yes, no, unclear, … or low, moderate, serious, critical, no_information")],
    who: Annotated[str, typer.Option(help="who judges")],
    why: Annotated[str, typer.Option(help="reason")],
    json: Json = False,
) -> None:
    """Store one risk-of-bias judgement; the traffic-light plot is drawn by the table."""
    from neorlt.jobs.evidence import review as jobs

    show(jobs.appraise_command(folder, record, tool, item, judgement, who=who, why=why), json, outline)

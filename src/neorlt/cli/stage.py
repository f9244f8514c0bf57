"""``neorlt stage``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, outline, show


def command(
    t: Annotated[str | None, typer.Option("--t", help="T category 1 to 4; or give the size and the invasion.")] = None,
    n: Annotated[str | None, typer.Option("--n", help="Regional nodes: 0, 1 or x. Not given is unknown.")] = None,
    m: Annotated[str | None, typer.Option("--m", help="Distant metastases: 0, 1 or x. Not given is unknown.")] = None,
    size_mm: Annotated[str | None, typer.Option("--size-mm", help="Longest diameter of the primary.")] = None,
    duct: Annotated[str | None, typer.Option("--duodenum-or-bile-duct", help="Invades them: yes, no or unknown.")] = None,
    organ: Annotated[str | None, typer.Option("--organ-or-artery", help="Invades another organ, coeliac axis or SMA.")] = None,
    system: Annotated[str, typer.Option("--system", help="ajcc8, enets2006 or ajcc9.")] = "ajcc8",
    json: Json = False,
) -> None:
    """Stage of a pancreatic neuroendocrine tumour."""
    from neorlt.jobs.rules import stage_command

    show(stage_command(system, t=t, n=n, m=m, size_mm=size_mm, duct=duct, organ=organ), json, outline)

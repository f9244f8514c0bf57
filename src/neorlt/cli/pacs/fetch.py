"""``neorlt pacs fetch``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, Out, say, show, warn
from neorlt.cli.pacs.options import Pacs, with_access


@with_access
def command(
    study_uid: Annotated[list[str], typer.Argument(help="Study Instance UID (0020,000D), from `neorlt pacs find`; several may be given.")],
    pacs: Pacs,
    out: Out,
    everything: Annotated[bool, typer.Option("--all", help="Fetch also the kinds of objects that neorlt does not read.")] = False,
    move: Annotated[bool, typer.Option("--move", help="Fetch by C-MOVE to --listen-port instead of C-GET.")] = False,
    listen_port: Annotated[int | None, typer.Option("--listen-port", min=1, max=65535, help="Where a C-MOVE arrives.")] = None,
    access: Any = None,
    json: Json = False,
) -> None:
    """Fetch studies, each whole into a folder of its own under --out; what neorlt does not read is left out by name."""
    from neorlt.jobs.pacs import pacs_fetch_command

    document = pacs_fetch_command(
        pacs, study_uid, out, everything=everything, move=move,
        access=replace(access, listen_port=listen_port))
    for study in document["studies"]:
        if study["left_out"]:
            warn("left out, since neorlt does not read it (fetch it with --all): "
                 + ", ".join(f"{number} {kind}" for kind, number in study["left_out"].items()))
    show(document, json, lambda d: say(*(f"{study['instances']} objects in {study['folder']}" for study in d["studies"])))

"""``neorlt pacs find``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, say, show, table
from neorlt.cli.pacs.options import Pacs, with_access


@with_access
def command(
    pacs: Pacs,
    key: Annotated[list[str] | None, typer.Option("--key", help="Keyword=value, for example PatientID=42; may be repeated.")] = None,
    access: Any = None,
    json: Json = False,
) -> None:
    """List studies of an archive; names and identifiers of patients are not shown."""
    from neorlt.jobs.pacs import pacs_find_command, read_keys

    document = pacs_find_command(pacs, keys=read_keys(key or []), access=access)
    rows = [
        [s["date"] or "-", "/".join(s["modalities"]) or "-", "-" if s["instances"] is None else str(s["instances"]),
         s["description"] or "-", s["study_uid"]]
        for s in document["studies"]
    ]
    if not json:
        say(f"{len(rows)} studies")
    show(document, json, lambda _: table(["date", "modalities", "objects", "description", "Study Instance UID"], rows))

"""``neorlt pacs send``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, say, show, warn
from neorlt.cli.pacs.options import Pacs, with_access


@with_access
def command(
    source: Annotated[Path, typer.Argument(help="A DICOM file, or a folder with DICOM files.")],
    pacs: Pacs,
    access: Any = None,
    json: Json = False,
) -> None:
    """Send every DICOM file of a folder, or one file, and compare what the archive holds afterwards."""
    from neorlt.jobs.pacs import pacs_send_command

    document = pacs_send_command(pacs, source, access=access)
    for line in (*document["conflicts"], *dict.fromkeys(document["refused"])):
        warn(line)
    if document["missing"]:
        warn(f"{document['missing']} objects were answered with success and are not in the archive")
    show(document, json, lambda d: say(
        f"{d['sent']} objects sent and found in the archive; {d['kept']} it held already, the same."))
    if document["conflicts"] or document["refused"] or document["missing"]:
        raise typer.Exit(2)

"""``neorlt pacs send``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.cli.console import Json, say, show
from neorlt.cli.pacs.options import Pacs


def command(
    source: Annotated[Path, typer.Argument(help="A DICOM file, or a folder with DICOM files.")],
    pacs: Pacs,
    json: Json = False,
) -> None:
    """Send every DICOM file of a folder, or one file."""
    from neorlt.jobs.pacs import pacs_send_command

    document = pacs_send_command(pacs, source)
    show(document, json, lambda _: say(f"{document['sent']} objects sent"))

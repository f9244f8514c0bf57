"""What the commands of the archive share."""

from __future__ import annotations

from typing import Annotated

import typer

Pacs = Annotated[str, typer.Option("--pacs", help="TITLE@host:port (DIMSE) or http(s)://…/dicom-web (DICOMweb).")]

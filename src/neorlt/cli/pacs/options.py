"""What the commands of the archive share."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from neorlt.dicom.archive import Access

Pacs = Annotated[str, typer.Option("--pacs", help="TITLE@host:port (DIMSE) or http(s)://…/dicom-web (DICOMweb).")]
OwnTitle = Annotated[str, typer.Option("--own-title", help="Our AE title, as the archive knows it.")]
CaFile = Annotated[Path | None, typer.Option("--tls-ca", help="PEM file with the authority of the archive's certificate: TLS.")]
CertFile = Annotated[Path | None, typer.Option("--tls-cert", help="PEM file with our certificate, where the archive asks for one.")]
KeyFile = Annotated[Path | None, typer.Option("--tls-key", help="PEM file with the key of our certificate.")]
User = Annotated[str | None, typer.Option(
    "--user", help="User of DICOMweb, or NEORLT_PACS_USER; the password comes from NEORLT_PACS_PASSWORD or is asked for.")]


def access(
    own_title: str, ca: Path | None, cert: Path | None, key: Path | None, user: str | None, listen_port: int | None = None
) -> Access:
    """How to introduce ourselves; a password stands in the environment or is typed, never on the command line."""
    from neorlt.core.errors import InputError
    from neorlt.dicom.archive import Access

    user = user or os.environ.get("NEORLT_PACS_USER")
    password = os.environ.get("NEORLT_PACS_PASSWORD")
    if user is not None and password is None:
        if not sys.stdin.isatty():
            raise InputError("there is no password for the archive", where="NEORLT_PACS_PASSWORD",
                             remedy="set it in the environment, or run the command in a terminal that can ask")
        password = typer.prompt(f"Password of {user}", hide_input=True, err=True)
    return Access(own_title, ca, cert, key, user, password, listen_port)

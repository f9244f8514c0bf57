"""``neorlt pacs find``."""

from __future__ import annotations

from typing import Annotated

import typer

from neorlt.cli.console import Json, say, show, table
from neorlt.cli.pacs.options import CaFile, CertFile, KeyFile, OwnTitle, Pacs, User, access


def command(
    pacs: Pacs,
    key: Annotated[list[str] | None, typer.Option("--key", help="Keyword=value, for example PatientID=42; may be repeated.")] = None,
    own_title: OwnTitle = "NEORLT",
    tls_ca: CaFile = None,
    tls_cert: CertFile = None,
    tls_key: KeyFile = None,
    user: User = None,
    json: Json = False,
) -> None:
    """List studies of an archive; names and identifiers of patients are not shown."""
    from neorlt.jobs.pacs import pacs_find_command, read_keys

    document = pacs_find_command(pacs, keys=read_keys(key or []), access=access(own_title, tls_ca, tls_cert, tls_key, user))
    rows = [
        [s["date"] or "-", "/".join(s["modalities"]) or "-", "-" if s["instances"] is None else str(s["instances"]),
         s["description"] or "-", s["study_uid"]]
        for s in document["studies"]
    ]
    if not json:
        say(f"{len(rows)} studies")
    show(document, json, lambda _: table(["date", "modalities", "objects", "description", "Study Instance UID"], rows))

"""``neorlt pacs …``: the door to an archive. The work is in :mod:`neorlt.dicom.pacs_commands`, loaded when a command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neorlt.core.console import Json, say, show

pacs_app = typer.Typer(help="Find, fetch and send studies: DICOMweb and DIMSE.", no_args_is_help=True)

Pacs = Annotated[str, typer.Option("--pacs", help="TITLE@host:port (DIMSE) or http(s)://…/dicom-web (DICOMweb).")]


def read_keys(pairs: list[str]) -> dict[str, str]:
    """Read ``Keyword=value`` pairs.

    Raises
    ------
    InputError
        If one is no pair, or its keyword is not in the DICOM dictionary (PS3.6).
    """
    from pydicom.datadict import tag_for_keyword

    from neorlt.core.errors import InputError

    found = {}
    for pair in pairs:
        keyword, equals, value = pair.partition("=")
        if not equals or tag_for_keyword(keyword) is None:
            raise InputError(
                "a search key is not understood",
                expected="a DICOM keyword and its value, for example StudyDate=20260101-20260331",
                found=keyword or pair,
                where="--key",
                remedy="correct the keyword",
            )
        found[keyword] = value
    return found


@pacs_app.command()
def find(
    pacs: Pacs,
    key: Annotated[list[str] | None, typer.Option("--key", help="Keyword=value, for example PatientID=42; may be repeated.")] = None,
    json: Json = False,
) -> None:
    """List studies of an archive; names and identifiers of patients are not shown."""
    from neorlt.dicom.pacs_commands import pacs_find_command

    document = pacs_find_command(pacs, keys=read_keys(key or []))
    rows = [
        f"{s['date'] or '-':8s}  {'/'.join(s['modalities']) or '-':12s}  {s['instances'] if s['instances'] is not None else '-':>6}  "
        f"{s['study_uid']}  {s['description']}"
        for s in document["studies"]
    ]
    show(document, json, lambda _: say(f"{len(rows)} studies (date, modalities, objects, Study Instance UID, description)", *rows))


@pacs_app.command()
def fetch(
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID (0020,000D), from `neorlt pacs find`.")],
    pacs: Pacs,
    out: Annotated[Path, typer.Option("--out", help="Folder for the study; replaced only if neorlt wrote it.")],
    json: Json = False,
) -> None:
    """Fetch a study: whole, or nothing is left."""
    from neorlt.dicom.pacs_commands import pacs_fetch_command

    document = pacs_fetch_command(pacs, study_uid, out)
    (study,) = document["studies"]
    show(document, json, lambda _: say(f"{study['instances']} objects in {study['folder']}"))


@pacs_app.command()
def send(
    source: Annotated[Path, typer.Argument(help="A DICOM file, or a folder with DICOM files.")],
    pacs: Pacs,
    json: Json = False,
) -> None:
    """Send every DICOM file of a folder, or one file."""
    from neorlt.dicom.pacs_commands import pacs_send_command

    document = pacs_send_command(pacs, source)
    show(document, json, lambda _: say(f"{document['sent']} objects sent"))

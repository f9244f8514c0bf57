"""What the commands of the archive share."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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


def with_access(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameter ``access`` becomes the options of an archive, where it stands; the command gets an :class:`Access`."""
    own = inspect.signature(command, eval_str=True)
    options = {"own_title": (OwnTitle, "NEORLT"), "tls_ca": (CaFile, None), "tls_cert": (CertFile, None), "tls_key": (KeyFile, None),
               "user": (User, None)}  # fmt: skip

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        title, ca, cert, key, user = (given.pop(name) for name in options)
        command(access=access(title, ca, cert, key, user), **given)

    parameters: list[inspect.Parameter] = []
    for name, parameter in own.parameters.items():
        if name == "access":
            parameters += [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
                           for key, (kind, default) in options.items()]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    wrapped.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": None}
    return wrapped


def access(own_title: str, ca: Path | None, cert: Path | None, key: Path | None, user: str | None) -> Access:
    """How to introduce ourselves; a password stands in the environment or is typed, never on the command line."""
    from neorlt.core.errors import InputError
    from neorlt.core.progress import hush
    from neorlt.dicom.archive import Access

    user = user or os.environ.get("NEORLT_PACS_USER")
    password = os.environ.get("NEORLT_PACS_PASSWORD")
    if user is not None and password is None:
        if not sys.stdin.isatty():
            raise InputError("there is no password for the archive", where="NEORLT_PACS_PASSWORD",
                             remedy="set it in the environment, or run the command in a terminal that can ask")
        hush()
        password = typer.prompt(f"Password of {user}", hide_input=True, err=True)
    return Access(own_title, ca, cert, key, user, password)

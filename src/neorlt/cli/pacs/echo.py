"""``neorlt pacs echo``."""

from __future__ import annotations

from neorlt.cli.console import Json, say, show
from neorlt.cli.pacs.options import CaFile, CertFile, KeyFile, OwnTitle, Pacs, User, access


def command(
    pacs: Pacs,
    own_title: OwnTitle = "NEORLT",
    tls_ca: CaFile = None,
    tls_cert: CertFile = None,
    tls_key: KeyFile = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Ask an archive whether it answers to us."""
    from neorlt.jobs.pacs import pacs_echo_command

    document = pacs_echo_command(pacs, access=access(own_title, tls_ca, tls_cert, tls_key, user))
    show(document, json, lambda d: say(f"{d['archive']} answers."))

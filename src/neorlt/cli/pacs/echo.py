"""``neorlt pacs echo``."""

from __future__ import annotations

from typing import Any

from neorlt.cli.console import Json, say, show
from neorlt.cli.pacs.options import Pacs, with_access


@with_access
def command(
    pacs: Pacs,
    access: Any = None,
    json: Json = False,
) -> None:
    """Ask an archive whether it answers to us."""
    from neorlt.jobs.pacs import pacs_echo_command

    document = pacs_echo_command(pacs, access=access)
    show(document, json, lambda d: say(f"{d['archive']} answers."))

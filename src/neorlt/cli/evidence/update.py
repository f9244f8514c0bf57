"""``neorlt evidence update``."""

from __future__ import annotations

from neorlt.cli.console import Json, outline, show
from neorlt.cli.evidence.options import CtgovUrl, Email, Folder, PubmedUrl, services


def command(
    folder: Folder,
    email: Email = None,
    pubmed_url: PubmedUrl = None,
    ctgov_url: CtgovUrl = None,
    json: Json = False,
) -> None:
    """Run the protocol again: what is new, what changed, does a conclusion move."""
    from neorlt.jobs.evidence import online as jobs

    asked = services(email, pubmed=pubmed_url, ctgov=ctgov_url)
    show(jobs.update_command(folder, services=asked), json, outline)

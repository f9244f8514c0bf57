"""``neorlt evidence claims``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neorlt.cli.console import Json, sentences, show


def command(
    number: Annotated[int | None, typer.Option("--number", help="one claim by its number")] = None,
    verdict: Annotated[str | None, typer.Option(help="held true, corrected, not known")] = None,
    find: Annotated[str | None, typer.Option(help="claims that hold this text")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV file of all claims")] = None,
    json: Json = False,
) -> None:
    """Show the founding review claim by claim: held true, corrected, not known, and what has come since."""
    from neorlt.jobs.evidence import claims as jobs

    document = jobs.claims_command(number=number, verdict=verdict, text=find, out=out)
    show(document, json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    for claim in document["claims"]:
        sentences(f"{claim['n']}. {claim['claim']}: {claim['verdict'].upper()}")
        since = f" Since then: {claim['since']}" if claim["since"] else ""
        sentences(f"{claim['answer']}{since} Shown by: {', '.join(claim['shown_by'])}.")
    counts = ", ".join(f"{count} {name}" for name, count in document["counts"].items())
    sentences(f"All {sum(document['counts'].values())} claims, as of {document['as_of']}: {counts}.")

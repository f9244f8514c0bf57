"""How the choice is spoken: sentences, warnings, where the report is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neorlt.cli.console import say, say_posterior, sentences, show, warn


def finish(document: Mapping[str, Any], as_json: bool, answer: Sequence[str], out: Path | None) -> None:
    """Print the document, or its answer and where the report stands."""

    def for_people(document: Mapping[str, Any]) -> None:
        sentences(*answer)
        say_posterior(document)
        if out is not None:
            say(f"Report: {out / 'report.html'}")

    warn(*document.get("warnings", ()))
    show(document, as_json, for_people)

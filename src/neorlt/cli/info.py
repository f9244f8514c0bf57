"""``neorlt info``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neorlt.cli.console import Json, say, sentences, show, table


def command(json: Json = False) -> None:
    """Versions, capabilities, table hashes and validation results."""
    from neorlt.jobs.info import describe

    show(describe(), json, _for_people)


def _for_people(document: Mapping[str, Any]) -> None:
    sentences(f"neorlt {document['version']} (Python {document['python']}). {document['notice']}")
    say("")
    able = [[c["name"], "yes" if c["available"] else "no", c["needs"]] for c in document["capabilities"]]
    table(["capability", "here", "needs"], able)
    say("")
    table(["table", "SHA-256", "made by"], [[t["name"], t["sha256"][:12], t["made_by"]] for t in document["tables"]])
    say("")
    table(["validation", "role", "verdict"], [[v["name"], v["role"], v["verdict"]] for v in document["validation"]])

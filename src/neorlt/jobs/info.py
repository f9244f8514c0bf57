"""What this installation holds: versions, capabilities, table hashes, validation results."""

from __future__ import annotations

import json
import platform
from importlib import resources
from typing import Any

from neorlt import __version__
from neorlt.core.notice import NOTICE
from neorlt.core.tables import list_tables
from neorlt.jobs.registry import CAPABILITIES, COMMANDS, Command


def describe() -> dict[str, Any]:
    """Return the content of ``neorlt info --json``."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "notice": NOTICE,
        "capabilities": [{"name": able.name, "available": able.available, "needs": able.needs} for able in CAPABILITIES],
        "commands": [{"name": row.words, "extra": row.extra, "files": list(row.files), "page": _page(row)} for row in COMMANDS],
        "tables": [
            {"name": f"{t.room}/{t.name}", "sha256": t.sha256, "made_by": t.made_by, "source": t.source, "licence": t.licence}
            for t in list_tables()
        ],
        "validation": _validation(),
    }


def _page(row: Command) -> str | list[str]:
    """What the tumour board's page offers of a command, or why nothing."""
    return row.page if isinstance(row.page, str) else [action.text for action in row.page]


def _validation() -> list[dict[str, Any]]:
    path = resources.files("neorlt").joinpath("data", "validation.json")
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return rows

"""What this installation holds: versions, capabilities, table hashes, validation results."""

from __future__ import annotations

import importlib.util
import json
import platform
from importlib import resources
from typing import Any

from neorlt import __version__
from neorlt.core.tables import list_tables

NOTICE = "Research software: not a medical device, not for clinical decisions."

_CAPABILITIES = (
    ("doses from SPECT/CT", (), "base"),
    ("prediction and comparison of schemes", (), "base"),
    ("calibration of the response model", ("numpyro", "arviz"), "neorlt[calibrate]"),
    ("search over schemes", ("pymoo", "SALib"), "neorlt[search]"),
    ("Monte Carlo dose", ("pyradmc", "warp"), "neorlt[mc]"),
    ("trials on a dask cluster", ("distributed",), "neorlt[dask]"),
    ("PACS", ("pynetdicom", "dicomweb_client"), "neorlt[pacs]"),
    ("PDF report", ("weasyprint",), "neorlt[pdf] and Debian's pango"),
    ("living evidence", ("httpx", "defusedxml", "sklearn"), "neorlt[evidence]"),
    ("tumour board page", ("fastapi", "uvicorn"), "neorlt[web]"),
)


def describe() -> dict[str, Any]:
    """Return the content of ``neorlt info --json``."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "notice": NOTICE,
        "capabilities": [
            {"name": name, "available": all(importlib.util.find_spec(module) is not None for module in modules), "needs": needs}
            for name, modules, needs in _CAPABILITIES
        ],
        "tables": [
            {"name": f"{t.room}/{t.name}", "sha256": t.sha256, "made_by": t.made_by, "source": t.source, "licence": t.licence}
            for t in list_tables()
        ],
        "validation": _validation(),
    }


def _validation() -> list[dict[str, Any]]:
    path = resources.files("neorlt").joinpath("data", "validation.json")
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return rows

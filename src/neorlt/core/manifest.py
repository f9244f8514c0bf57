"""The run manifest: what went in, with which versions, options and seed. Written beside every result."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from neorlt.core.tables import list_tables

_PARTS = ("numpy", "scipy", "jax", "pydicom", "highdicom", "SimpleITK", "pydantic", "matplotlib")
_CHOSEN_BY_LOT = ("pymoo", "SALib", "scikit-learn", "distributed")
"""Packages whose results can change between releases at one seed: recorded where they are installed."""


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hash_inputs(paths: Iterable[Path]) -> dict[str, Any]:
    """Hash files and folders by content, so that a run can be traced without storing names of files.

    Returns the number of files, a hash over all of them (order of names does not matter) and the sorted hashes.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        files.extend(sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path])
    hashes = sorted(hash_file(file) for file in files)
    return {"n_files": len(files), "sha256": hashlib.sha256("".join(hashes).encode()).hexdigest(), "files": hashes}


def installed(*names: str) -> dict[str, str]:
    """Version of each of these packages that is installed."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def build_manifest(
    command: str, *, inputs: Iterable[Path] = (), options: Mapping[str, Any] | None = None, seed: int | None = None,
    started: datetime | None = None,
) -> dict[str, Any]:
    """Return the content of ``run.json``; ``started`` is now where left out."""
    from neorlt import __version__

    return {
        "command": command,
        "neorlt": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PARTS} | installed(*_CHOSEN_BY_LOT),
        "started": (started or datetime.now(UTC)).isoformat(timespec="seconds"),
        "seed": seed,
        "options": dict(options or {}),
        "inputs": hash_inputs(inputs),
        "tables": {f"{table.room}/{table.name}": table.sha256 for table in list_tables()},
        "notice": "Research software: not a medical device, not for clinical decisions.",
    }


def to_json(document: Mapping[str, Any]) -> str:
    """Serialise a document: numbers finite (NaN is a bug and raises), keys in the order given."""
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    if hasattr(value, "as_json"):
        return value.as_json()
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")

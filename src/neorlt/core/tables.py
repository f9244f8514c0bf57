"""Shipped tables: found by room and name, hash-checked on load.

Each room keeps its tables in ``<room>/data/`` with a ``MANIFEST.json`` that states, for every file, its
SHA-256, the command that makes it, its source and its licence. ``tools/hash_tables.py`` refreshes the hashes.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from neorlt.core.errors import NeorltError

MANIFEST = "MANIFEST.json"


class TableError(NeorltError):
    """A shipped table is missing, unlisted or altered."""


@dataclass(frozen=True)
class TableInfo:
    """What the manifest says of one shipped table."""

    room: str
    name: str
    sha256: str
    made_by: str
    source: str
    licence: str


def _data_folder(room: str) -> Traversable:
    return resources.files("neorlt").joinpath(*room.split("/"), "data")


@functools.cache
def _manifest(room: str) -> dict[str, dict[str, str]]:
    path = _data_folder(room).joinpath(MANIFEST)
    if not path.is_file():
        raise TableError(f"room {room!r} ships no {MANIFEST}")
    content: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    return content


@functools.cache
def read_bytes(room: str, name: str) -> bytes:
    """Return the bytes of table ``name`` of ``room`` after checking its hash.

    Raises
    ------
    TableError
        If the table is missing, not listed in the manifest, or differs from its hash.
    """
    entry = _manifest(room).get(name)
    if entry is None:
        raise TableError(f"table {room}/{name} is not listed in {room}/data/{MANIFEST}")
    path = _data_folder(room).joinpath(*name.split("/"))
    if not path.is_file():
        raise TableError(f"table {room}/{name} is listed but missing: reinstall neorlt")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != entry["sha256"]:
        raise TableError(
            f"table {room}/{name} was altered (expected SHA-256 {entry['sha256'][:12]}…, found {found[:12]}…): reinstall neorlt"
        )
    return content


def read_text(room: str, name: str) -> str:
    """Return a text table, hash-checked."""
    return read_bytes(room, name).decode("utf-8")


def read_json(room: str, name: str) -> Any:
    """Return a JSON table, hash-checked."""
    return json.loads(read_bytes(room, name))


def read_npz(room: str, name: str) -> dict[str, Any]:
    """Return the arrays of an ``.npz`` table, hash-checked."""
    import numpy as np

    with np.load(io.BytesIO(read_bytes(room, name)), allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def list_tables() -> list[TableInfo]:
    """Every shipped table of every room, sorted by room and name."""
    found = []
    for folder in sorted(resources.files("neorlt").iterdir(), key=lambda item: item.name):
        if folder.is_dir() and folder.joinpath("data", MANIFEST).is_file():
            for name, entry in sorted(_manifest(folder.name).items()):
                found.append(
                    TableInfo(folder.name, name, entry["sha256"], entry["made_by"], entry["source"], entry["licence"])
                )
    return found

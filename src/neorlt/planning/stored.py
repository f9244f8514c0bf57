"""A finished plan on disk, for whoever goes on from it: its world, its document, its folder. Nothing is rebuilt."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from neorlt.core.errors import InputError
from neorlt.core.manifest import hash_file
from neorlt.core.output import RUN_FILE
from neorlt.documents.plan import PlanDocument, read_plan
from neorlt.planning.world import WORLD_FILE, World, load_world

REMEDY = "give the folder that `neorlt plan --out` wrote"


@dataclass(frozen=True)
class StoredPlan:
    """A plan's folder, opened."""

    folder: Path
    world: World
    document: PlanDocument


def open_plan(folder: Path) -> StoredPlan:
    """Open the folder of a finished plan.

    Raises
    ------
    InputError
        As :func:`open_world`, or if the document cannot be read.
    """
    world = open_world(folder)
    text = (Path(folder) / "plan.json").read_text(encoding="utf-8")
    return StoredPlan(Path(folder), world, read_plan(text, f"{Path(folder).name}, plan.json"))


def open_world(folder: Path) -> World:
    """The world of a finished plan.

    Raises
    ------
    InputError
        If it is no such folder, was made by a version that kept no world, or its world is not the one that ``run.json`` names.
    """
    folder = Path(folder)
    if not (folder / "plan.json").is_file():
        raise InputError("this is no folder of a finished plan", expected="plan.json and world.npz", where=folder.name, remedy=REMEDY)
    if not (folder / WORLD_FILE).is_file():
        raise InputError("the plan was made by a version that did not keep its world", expected=WORLD_FILE, found="plan.json alone",
                         where=folder.name, remedy="run neorlt plan again on the same study and patient file")
    try:
        stated = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))["outputs"][WORLD_FILE]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("the plan's documents cannot be read", where=f"{folder.name}, {RUN_FILE}", remedy=REMEDY) from error
    return stored_world(folder, str(stated))


def stored_world(folder: Path, sha256: str) -> World:
    """The world of a plan's folder, which must have this hash; kept in memory while it is asked for."""
    path = folder / WORLD_FILE
    return _world(path.resolve(), path.stat().st_mtime_ns, sha256)


@functools.lru_cache(maxsize=2)
def _world(path: Path, _changed: int, sha256: str) -> World:
    if hash_file(path) != sha256:
        raise InputError("the plan's world is not the one that belongs to it", expected=f"SHA-256 {sha256[:12]}…", where=path.name,
                         remedy="run neorlt plan again on the same study and patient file")
    return load_world(path)

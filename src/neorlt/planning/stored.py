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
from neorlt.planning.world import World
from neorlt.planning.world_file import WORLD_FILE, load_world
from neorlt.response.own import Centre, CentrePosterior

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


def open_world(folder: Path, own: CentrePosterior | None = None) -> World:
    """The world of a finished plan, which keeps the posterior that it was made with; ``own`` is a centre's that it must have.

    Raises
    ------
    InputError
        If it is no such folder, was made by a version that kept no world, its world is not the one that ``run.json`` names, or it was
        made with another posterior than ``own``.
    """
    world = _open_world(folder)
    if own is not None:
        refuse_other_posterior(world, own, folder)
    return world


def refuse_other_posterior(world: World, own: CentrePosterior | None, folder: Path) -> None:
    """Refuse a plan whose numbers rest on another posterior than the one that is asked for (None is the shipped one).

    Raises
    ------
    InputError
        With both, and what to do.
    """
    planned, asked = world.parameters.centre, None if own is None else own.centre
    if planned != asked:
        raise InputError("the plan rests on another posterior", expected=_words(asked), found=_words(planned), where=Path(folder).name,
                         remedy="plan again with the same --posterior" if planned is None else
                         f"give --posterior with the folder of {planned.name}, or plan again")


def _words(centre: Centre | None) -> str:
    return "the shipped one" if centre is None else f"{centre.name} ({centre.posterior_hash[:12]})"


def _open_world(folder: Path) -> World:
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

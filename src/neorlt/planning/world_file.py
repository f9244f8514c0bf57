"""A world kept as ``world.npz`` and read back, the same to the last digit."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.core.zips import DAMAGED
from neorlt.documents.patient import Patient
from neorlt.documents.store import plain, read
from neorlt.nuclides.therapy import added_nuclides, added_row, register_row
from neorlt.planning.doses import Kinetics
from neorlt.planning.world import ARRAYS, World
from neorlt.response.arrays import LesionArrays
from neorlt.response.own import Centre
from neorlt.response.parameters import FITTED_NUCLIDES, MODEL_VERSION, Parameters, array_names

WORLD_VERSION = 2
"""Raised whenever the arrays of ``world.npz`` change."""
WORLD_FILE = "world.npz"


def world_bytes(world: World) -> bytes:
    """A world as the content of ``world.npz``: plain arrays, and the rest as JSON."""
    arrays: dict[str, Any] = {name: getattr(world, name) for name in ARRAYS}
    arrays |= {f"parameters/{name}": getattr(world.parameters, name) for name in array_names()}
    kinetics = (*world.kinetics, world.kidneys)
    arrays["gy_per_gbq"] = np.stack([known.gy_per_gbq for known in kinetics])
    arrays["half_life_h"] = np.stack([known.half_life_h for known in kinetics])
    lesions = {f"lesions/{field.name}": getattr(world.lesions, field.name) for field in fields(LesionArrays)}
    arrays |= {name: value for name, value in lesions.items() if value is not None}
    about = {
        "world": WORLD_VERSION, "model": MODEL_VERSION, "seed": world.seed, "index": world.index, "n_points": world.n_points,
        "parameters": world.parameters.source, "patient": plain(world.patient),
        "kinetics": [[known.name, known.origin, str(known.label), known.measured] for known in kinetics],
        "nuclides": list(world.nuclides),
    }
    if world.parameters.centre is not None:
        about["centre"] = asdict(world.parameters.centre)
    added = {entry.name for entry in added_nuclides()}
    if rows := [added_row(name) for name in world.nuclides if name in added]:
        about["added_nuclides"] = rows
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def save_world(world: World, path: Path) -> None:
    """Write ``world.npz``."""
    Path(path).write_bytes(world_bytes(world))


def load_world(path: Path) -> World:
    """Read a world that :func:`save_world` wrote.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another version.
    """
    path, remedy = Path(path), "plan again with this version: the folder then holds its world"
    if not path.is_file():
        raise InputError("the plan's world does not exist", where=path.name, remedy=remedy)
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(arrays.pop("about").tobytes())
        versions = (about["world"], about["model"])
    except (*DAMAGED, OSError, KeyError, TypeError) as error:
        raise InputError("the plan's world cannot be read", where=path.name, remedy=remedy) from error
    if versions != (WORLD_VERSION, MODEL_VERSION):
        raise InputError("the plan's world is of another version", expected=f"{WORLD_VERSION}, model {MODEL_VERSION}",
                         found=f"{versions[0]}, model {versions[1]}", where=path.name, remedy=remedy)
    try:
        for row in about.get("added_nuclides", ()):
            register_row(row)
        known = [Kinetics(name, gy, half_life, origin, Label(label), measured) for (name, origin, label, measured), gy, half_life
                 in zip(about["kinetics"], arrays["gy_per_gbq"], arrays["half_life_h"], strict=True)]
        return World(
            read(Patient, about["patient"], path.name),
            Parameters(**{name: arrays[f"parameters/{name}"] for name in array_names()}, source=about["parameters"],
                       nuclides=tuple(about.get("nuclides", FITTED_NUCLIDES)),
                       centre=Centre(**about["centre"]) if "centre" in about else None),
            LesionArrays(**{name.split("/")[1]: value for name, value in arrays.items() if name.startswith("lesions/")}),
            tuple(known[:-1]), known[-1], **{name: arrays[name] for name in ARRAYS},
            seed=int(about["seed"]), index=int(about["index"]), n_points=int(about["n_points"]))
    except (KeyError, TypeError) as error:
        raise InputError("the plan's world lacks an array", found=str(error), where=path.name, remedy=remedy) from error

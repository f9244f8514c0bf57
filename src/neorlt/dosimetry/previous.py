"""The last cycle as prior: what an earlier result of ``neorlt dose`` or ``neorlt plan`` says of each region's washout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core.errors import InputError
from neorlt.dosimetry.population import LastCycle

NAMES = ("dose.json", "dose/dose.json")


def read_previous(path: Path) -> dict[str, LastCycle]:
    """Washout of each region in an earlier cycle, by name of region.

    Parameters
    ----------
    path
        The folder of an earlier ``neorlt dose`` or ``neorlt plan``, or its ``dose.json``.

    Raises
    ------
    InputError
        If there is none, or it was written by a version that kept no washout.
    """
    path = Path(path)
    candidates = [path] if path.is_file() else [path / name for name in NAMES]
    file = next((one for one in candidates if one.is_file()), None)
    if file is None:
        raise InputError(
            "the previous cycle has no dose.json", expected=" or ".join(NAMES), where=path.name,
            remedy="give the folder that neorlt dose or neorlt plan wrote for the last cycle",
        )  # fmt: skip
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
        rows = document["regions"]
        found = {
            str(row["name"]): LastCycle(float(np.log(washout["median_h"])), float(washout["log_sd"]) ** 2)
            for row, washout in ((row, row["biological_half_life_h"]) for row in rows)
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "the previous cycle does not tell its washout", expected="regions[] with biological_half_life_h", found=repr(error),
            where=file.name, remedy="run neorlt dose on the last cycle again with this version",
        ) from error  # fmt: skip
    return found

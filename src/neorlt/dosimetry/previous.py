"""The last cycle as prior: what an earlier result of ``neorlt dose`` or ``neorlt plan`` says of each region's washout."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neorlt.core.errors import InputError
from neorlt.documents.dose import read_dose
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
        If there is none, or it was written by another version.
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
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            "the previous cycle cannot be read", found=str(error), where=file.name,
            remedy="give the folder that neorlt dose or neorlt plan wrote for the last cycle",
        ) from error  # fmt: skip
    washouts = {row.name: row.biological_half_life_h for row in read_dose(text, file.name).regions}
    return {name: LastCycle(float(np.log(washout.median_h)), washout.log_sd**2) for name, washout in washouts.items()}

"""Therapy nuclides of the user's own, read before a command plans with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neorlt.core.errors import InputError


def read_therapy_nuclides(files: Sequence[Path]) -> None:
    """Add the nuclide of each file to the registry of this process.

    Raises
    ------
    InputError
        If a file is no nuclide, gives alphas, or has no ``[therapy]`` table and stands in the registry neither.
    """
    from neorlt.nuclides.therapy import therapy_nuclides
    from neorlt.nuclides.user import read_nuclide

    for path in files:
        nuclide = read_nuclide(path)
        if nuclide.name not in therapy_nuclides():
            raise InputError("no therapy can be planned with the nuclide of this file", expected="a [therapy] table", where=Path(path).name,
                             remedy="add [therapy] with activity_gbq, the usual activity of one cycle, and its source")

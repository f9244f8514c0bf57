"""Make ``src/neorlt/response/data/crossfire.json``: how much of a pattern of activity is left in the dose.

Usage: ``python tools/response/make_crossfire.py``.

What stands in it, of the nuclides that the model was fitted to, is said in :func:`neorlt.nuclides.crossfire.pattern_left`; another
nuclide's is computed where a plan needs it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from neorlt.nuclides.crossfire import pattern_left
from neorlt.response.parameters import FITTED_NUCLIDES

OUT = Path(__file__).resolve().parents[2] / "src/neorlt/response/data/crossfire.json"
DIAMETERS_MM = np.geomspace(0.1, 30.0, 40)


def make() -> dict[str, object]:
    """The table: diameters, and by nuclide ``own_dose`` and ``pattern_sd`` at each."""
    table: dict[str, object] = {"diameter_mm": [round(float(d), 5) for d in DIAMETERS_MM]}
    for nuclide in FITTED_NUCLIDES:
        found = pattern_left(nuclide, tuple(DIAMETERS_MM.tolist()))
        table[nuclide] = {key: [round(float(value), 5) for value in values] for key, values in found.items()}
    return table


if __name__ == "__main__":
    OUT.write_text(json.dumps(make()) + "\n")

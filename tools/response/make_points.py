"""Make ``src/neorlt/response/data/points.npz``: the first points of Sobol's sequence (Joe and Kuo 2008, doi 10.1137/070709359).

They spread a patient's luck evenly within every draw of the parameters. Shipped, so that a prediction needs no
``scipy.stats`` (a third of a second). Run: ``python tools/response/make_points.py && python tools/hash_tables.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.stats import qmc

OUT = Path(__file__).parents[2] / "src/neorlt/response/data/points.npz"
N_POINTS, N_DIMENSIONS = 256, 160


def main() -> None:
    """Write the table."""
    points = qmc.Sobol(N_DIMENSIONS, scramble=False).random(N_POINTS)
    np.savez_compressed(OUT, sobol_256ths=np.round(points * N_POINTS).astype(np.uint8))


if __name__ == "__main__":
    main()

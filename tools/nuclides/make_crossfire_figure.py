"""Draw ``docs/images/crossfire.png``: kidney Gy per tumour Gy of 90Y over 177Lu by size of the lesion, and the energy kept in it.

Usage: ``python tools/nuclides/make_crossfire_figure.py``. Wash-out half-lives are an assumption; the band spans 60-100 h in the
kidney and 200 h to none in the tumour.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np

from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.jobs.crossfire import KIDNEY_BIOLOGICAL_HALF_LIFE_H, TUMOUR_BIOLOGICAL_HALF_LIFE_H
from neorlt.nuclides.crossfire import kidney_per_tumour_ratio, mass_of_sphere_g
from neorlt.nuclides.spheres import sphere_s_values

OUT = Path(__file__).resolve().parents[2] / "docs" / "images" / "crossfire.png"


def main() -> int:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    diameter = np.geomspace(2, 80, 80)

    def ratio(kidney: float, tumour: float) -> np.ndarray:
        return kidney_per_tumour_ratio(diameter, kidney_biological_half_life_h=kidney, tumour_biological_half_life_h=tumour)

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for name, colour in (("Lu-177", "#1b6ca8"), ("Y-90", "#c8553d")):
        kept = sphere_s_values(name, mass_of_sphere_g(diameter), SOFT_TISSUE_G_PER_CM3).phi_electron
        left.semilogx(diameter, 100 * kept, color=colour, label=name)
    left.set(xlabel="diameter of the lesion, mm", ylabel="electron energy kept in it, %", ylim=(0, 100))
    left.legend()
    ratios = [ratio(k, t) for k in (60.0, 100.0) for t in (200.0, np.inf)]
    right.fill_between(diameter, np.min(ratios, axis=0), np.max(ratios, axis=0), color="0.85", lw=0, label="other wash-out (assumed)")
    middle = ratio(KIDNEY_BIOLOGICAL_HALF_LIFE_H, TUMOUR_BIOLOGICAL_HALF_LIFE_H)
    right.semilogx(diameter, middle, color="k", label="75 h kidney, 250 h tumour")
    right.axhline(1, color="0.5", ls=":")
    right.set(xlabel="diameter of the lesion, mm", ylabel="kidney Gy per tumour Gy,\n90Y over 177Lu", ylim=(0, None), xscale="log")
    right.legend(fontsize=8)
    for axis in (left, right):
        axis.set_xticks([2, 5, 10, 20, 50], ["2", "5", "10", "20", "50"])
        axis.minorticks_off()
    figure.savefig(OUT, dpi=110, metadata={"Software": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Draw docs/images/nema-recovery.png: five spheres of the real NEMA scan are fitted, the sixth is predicted.

python tools/imaging/nema_figure.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from neorlt.imaging.recovery import NEMA_DIAMETERS_MM, PhantomScan, fit_blur, measure_nema, sphere_recovery
from neorlt.imaging.volume import Grid

ROOT = Path(__file__).resolve().parent.parent.parent
SCAN = ROOT / "tests" / "data" / "imaging" / "nema_iq" / "nema_iq_crop.npz"
LEFT_OUT_MM, MARGIN = 13.0, 0.15


def main() -> None:
    """Measure, fit, predict, draw, and print the two numbers."""
    held = np.load(SCAN)
    array = held["stored"].astype(np.float32) * float(held["slope"])
    fit = measure_nema(PhantomScan(array, Grid(array.shape, held["affine"], "nema")))
    diameter = np.array(NEMA_DIAMETERS_MM)
    relative = np.array([s.relative_mean for s in fit.spheres])
    kept = diameter != LEFT_OUT_MM
    blur = fit_blur(diameter[kept], relative[kept])
    top = sphere_recovery(diameter[0] / 2.0, blur)
    line = np.linspace(8.0, 40.0, 200)
    predicted, measured = sphere_recovery(LEFT_OUT_MM / 2.0, blur) / top, float(relative[~kept][0])
    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    curve = [sphere_recovery(d / 2.0, blur) / top for d in line]
    axes.plot(line, curve, color="#33669a", label=f"Gaussian of {blur:.1f} mm, fitted on five spheres")
    axes.plot(diameter[kept], relative[kept], "o", color="#33669a", label="measured, used in the fit")
    axes.errorbar([LEFT_OUT_MM], [predicted], yerr=MARGIN, fmt="s", mfc="white", color="#b5541c", capsize=4,
                  label=f"13 mm: predicted {predicted:.3f} ± {MARGIN:g}")  # fmt: skip
    axes.plot([LEFT_OUT_MM], [measured], "x", color="black", markersize=9, markeredgewidth=2, label=f"13 mm: measured {measured:.3f}")
    axes.set(xlabel="inner diameter of the sphere, mm", ylabel="mean contrast, in units of the 37 mm sphere", ylim=(0, 1.1), xlim=(8, 40))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    figure.savefig(ROOT / "docs" / "images" / "nema-recovery.png", dpi=130)
    print(f"predicted {predicted:.3f}, measured {measured:.3f}, blur {blur:.2f} mm")


if __name__ == "__main__":
    main()

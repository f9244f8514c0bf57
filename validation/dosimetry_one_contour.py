"""One contour, one draw: contours that are truly moved, through the pipeline, against the tornado's row.

A lesion (an egg), a kidney (an ellipsoid) and an organ around the lesion lie in a body with SPECT of three times, blurred and without
noise. The contour of the lesion or the kidney is moved as the settings say (surface in or out, place along every axis) and goes through
correction, mass and S-value again. The standard deviation of the log dose over the moves is set against that of the tornado's contour
row, and against the sum of its rows less all others.

Passes when each ratio lies within 0.85 and 1.15; its Monte Carlo error is written beside it. Run by ``make validate`` (``--moves N``
for fewer). Writes ``dosimetry_one_contour.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from neorlt.core.draws import generator
from neorlt.dosimetry.compute import compute_doses
from neorlt.dosimetry.curves import activity_curves
from neorlt.dosimetry.s_values import electron_self_s_gy_per_mbq_h, surface_mm2
from neorlt.dosimetry.tornado import Z90, tornado
from neorlt.dosimetry.uncertainty import DEFAULT
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.study import Administration, Study
from neorlt.imaging.volume import Grid, Unit, Volume

HERE = Path(__file__).resolve().parent
SHAPE, SPACING, FINE, FWHM_MM = (48, 40, 40), 4.0, 4, 9.0
START = datetime(2026, 1, 19, 10)
TIMES_H = (4.0, 24.0, 96.0)
SEED = 11
Shape = tuple[tuple[float, float, float], tuple[float, float, float]]
PARTS: dict[str, tuple[Shape, float, float]] = {
    "lesion": (((40.0, 6.0, 0.0), (15.0, 13.0, 12.0)), 90.0, 90.0),
    "kidney-left": (((-34.0, 8.0, 4.0), (24.0, 20.0, 38.0)), 140.0, 50.0),
}
"""Name to centre and half-axes in mm, MBq at once and effective half-life in h."""
BODY: Shape = ((0.0, 0.0, 0.0), (88.0, 72.0, 400.0))


def axes(factor: int) -> list[NDArray[np.float64]]:
    """Centres of cells along each axis, mm; ``factor`` cells a voxel."""
    return [(np.arange(n * factor) - (n * factor - 1) / 2.0) * SPACING / factor for n in SHAPE]


def filled(shape: Shape, offset_mm: float = 0.0, shift_mm: Any = (0.0, 0.0, 0.0)) -> NDArray[np.float32]:
    """Part of every voxel that lies in an ellipsoid whose surface is moved outwards by ``offset_mm``."""
    (x, y, z), centre = axes(FINE), np.array(shape[0]) + np.asarray(shift_mm)
    parts = [((a - c) / (h + offset_mm)) ** 2 for a, c, h in zip((x, y, z), centre, shape[1], strict=True)]
    inside = (parts[0][:, None, None] + parts[1][None, :, None] + parts[2][None, None, :]) < 1.0
    n = SHAPE
    return np.asarray(inside.reshape(n[0], FINE, n[1], FINE, n[2], FINE).mean(axis=(1, 3, 5)), np.float32)


def make_study() -> Study:
    """The study with its contours where they belong."""
    affine = np.diag([SPACING, SPACING, SPACING, 1.0])
    affine[:3, 3] = [-(n - 1) / 2.0 * SPACING for n in SHAPE]
    grid = Grid(SHAPE, affine, "frame")
    body = filled(BODY)
    masks = {name: filled(part[0]) for name, part in PARTS.items()}
    rest = np.clip(body - sum(masks.values()), 0.0, 1.0)
    volumes = [Volume(np.where(body > 0.5, 40.0, -1000.0).astype(np.float32), grid, Unit.HU, "CT")]
    for hours in TIMES_H:
        mbq = rest / rest.sum() * 60.0 * 0.5 ** (hours / 30.0)
        for name, (_, at_once, half_life) in PARTS.items():
            mbq = mbq + masks[name] / masks[name].sum() * at_once * 0.5 ** (hours / half_life)
        blurred = gaussian_filter(mbq, FWHM_MM / np.sqrt(8 * np.log(2)) / SPACING, truncate=6).astype(np.float32)
        per_ml = blurred * np.float32(1e6 / grid.voxel_ml)
        volumes.append(Volume(per_ml, grid, Unit.BQ_PER_ML, "NM", START + timedelta(hours=hours), "Lu-177"))
    kinds = {"lesion": RegionKind.LESION, "kidney-left": RegionKind.ORGAN}
    regions = [Region(name, kinds[name], mask, grid, "synthetic") for name, mask in masks.items()]
    regions.append(Region("body", RegionKind.BODY, (body > 0.5).astype(np.float32), grid, "synthetic"))
    given = (Administration("Lu-177", 7400.0, START),)
    return Study("synthetic", tuple(volumes), tuple(regions), administrations=given, psf_fwhm_mm=FWHM_MM)


def dose_of(study: Study, name: str) -> float:
    """Dose of one region up to a constant: corrected activity summed over the images, over mass, by the self S-value."""
    sure = replace(DEFAULT, psf_fwhm_sd_mm=0.0, contour_shift_sd_mm=0.0)
    curve = next(curve for curve in activity_curves(study, settings=sure, seed=SEED) if curve.name == name)
    region = next(region for region in study.regions if region.name == name)
    return float(curve.activity_mbq.sum()) * electron_self_s_gy_per_mbq_h("Lu-177", curve.volume_ml, surface_mm2(region), 1.04)


def moved(study: Study, name: str, n: int) -> NDArray[np.float64]:
    """Log dose of a region for ``n`` moves of its contour."""
    rng = generator(SEED, "moves", name)
    found = []
    for _ in range(n):
        offset, shift = DEFAULT.contour_sd_mm * rng.standard_normal(), DEFAULT.contour_shift_sd_mm * rng.standard_normal(3)
        mask = filled(PARTS[name][0], float(offset), shift)
        regions = tuple(replace(r, occupancy=mask) if r.name == name else r for r in study.regions)
        found.append(np.log(dose_of(replace(study, regions=regions), name)))
    return np.array(found)


def main() -> int:
    """Run, print, write and judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--moves", type=int, default=400)
    n = parser.parse_args().moves
    study = make_study()
    result = compute_doses(study, seed=SEED, n_draws=2000)
    rows: list[dict[str, Any]] = []
    for name in PARTS:
        dose = next(dose for dose in result.doses if dose.name == name)
        bars = tornado(dose, fwhm_mm=FWHM_MM)
        sd = {bar.part: float(np.log(bar.high_gy / bar.low_gy)) / (2.0 * Z90) for bar in bars}
        logs = moved(study, name, n)
        ratio = float(logs.std(ddof=1)) / sd["contour"]
        total = float(np.std(np.log(dose.draws_gy))) / float(np.sqrt(sum(v**2 for v in sd.values())))
        rows.append({"region": name, "moves": n, "sd_moved": float(logs.std(ddof=1)), "sd_tornado": sd["contour"], "ratio": ratio,
                     "ratio_mc_error": ratio / float(np.sqrt(2.0 * (n - 1))), "all_draws_over_all_rows": total})
        sys.stdout.write(f"{name:12s} SD moved {rows[-1]['sd_moved']:.4f}  tornado {sd['contour']:.4f}  ratio {ratio:.3f} ± "
                         f"{rows[-1]['ratio_mc_error']:.3f}  all draws over all rows {total:.3f}\n")
    passed = all(0.85 <= row["ratio"] <= 1.15 for row in rows)
    document = {"check": "one contour, one draw", "rows": rows, "passed": passed, "limits": [0.85, 1.15]}
    if n >= 400:
        (HERE / "dosimetry_one_contour.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return int(not passed)


if __name__ == "__main__":
    sys.exit(main())

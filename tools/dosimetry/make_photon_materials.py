"""Make the shipped table of photon coefficients of the materials that Monte Carlo takes from CT.

Usage (needs xraydb, once; users never do): ``python tools/dosimetry/make_photon_materials.py``. Photoelectric and incoherent
mass attenuation from xraydb (public domain; Elam, Ravel & Sieber 2002, Radiat. Phys. Chem. 63, 121) up to 0.8 MeV, above it
Klein-Nishina per electron and the photoelectric part with the slope of its last decade. Compositions: those of the engine's
material registry (ICRP media as NIST tabulates them), so that photons and electrons see the same elements.
Writes ``photon_materials.npz``: energies (MeV), names, and cm2/g ``(material, energy)`` of both processes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import xraydb

OUT = Path(__file__).resolve().parents[2] / "src" / "neorlt" / "dosimetry" / "data" / "photon_materials.npz"
ENERGIES_MEV = np.geomspace(0.002, 12.0, 400)
HIGHEST_MEV = 0.8
AVOGADRO = 6.02214076e23
R_E2_CM2 = (2.8179403262e-13) ** 2
MC2 = 0.51099895
ELEMENTS = {1: "H", 6: "C", 7: "N", 8: "O", 11: "Na", 12: "Mg", 15: "P", 16: "S", 17: "Cl", 18: "Ar", 19: "K", 20: "Ca", 26: "Fe", 30: "Zn"}
WATER = {1: 2 * 1.008 / 18.015, 8: 15.999 / 18.015}
MEDIA: dict[str, dict[int, float]] = {
    "water": WATER,
    "air": {6: 0.000124, 7: 0.755267, 8: 0.231781, 18: 0.012827},
    "lung": {1: 0.101278, 6: 0.102310, 7: 0.028650, 8: 0.757072, 11: 0.001840, 12: 0.000730, 15: 0.000800, 16: 0.002250,
             17: 0.002660, 19: 0.001940, 20: 0.000090, 26: 0.000370, 30: 0.000010},
    "adipose": {1: 0.119477, 6: 0.637240, 7: 0.007970, 8: 0.232333, 11: 0.000500, 12: 0.000020, 15: 0.000160, 16: 0.000730,
                17: 0.001190, 19: 0.000320, 20: 0.000020, 26: 0.000020, 30: 0.000020},
    "cortical_bone": {1: 0.047234, 6: 0.144330, 7: 0.041990, 8: 0.446096, 12: 0.002200, 15: 0.104970, 16: 0.003150,
                      20: 0.209930, 30: 0.000100},
}  # fmt: skip


def klein_nishina(energy_mev: np.ndarray) -> np.ndarray:
    """Cross section of one free electron, cm2."""
    a = energy_mev / MC2
    log = np.log1p(2 * a)
    return 2 * np.pi * R_E2_CM2 * (
        (1 + a) / a**2 * (2 * (1 + a) / (1 + 2 * a) - log / a) + log / (2 * a) - (1 + 3 * a) / (1 + 2 * a) ** 2
    )


def coefficients(parts: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    low = np.minimum(ENERGIES_MEV, HIGHEST_MEV) * 1e6
    photo, incoherent, electrons = np.zeros_like(low), np.zeros_like(low), 0.0
    for z, share in parts.items():
        photo += share * xraydb.mu_elam(ELEMENTS[z], low, kind="photo")
        incoherent += share * xraydb.mu_elam(ELEMENTS[z], low, kind="incoh")
        electrons += share * z / xraydb.atomic_mass(z) * AVOGADRO
    above = ENERGIES_MEV > HIGHEST_MEV
    first, last = (float(np.interp(np.log(e), np.log(ENERGIES_MEV), np.log(photo))) for e in (HIGHEST_MEV / 10, HIGHEST_MEV * 0.999))
    slope = (last - first) / np.log(10)
    photo = np.where(above, photo * (ENERGIES_MEV / HIGHEST_MEV) ** slope, photo)
    return photo, np.where(above, electrons * klein_nishina(ENERGIES_MEV), incoherent)


def main() -> int:
    rows = [coefficients(parts) for parts in MEDIA.values()]
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    np.savez_compressed(
        out, energy_mev=ENERGIES_MEV, material=np.array(list(MEDIA)),
        photoelectric_cm2_per_g=np.array([r[0] for r in rows]).astype(np.float32),
        incoherent_cm2_per_g=np.array([r[1] for r in rows]).astype(np.float32),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

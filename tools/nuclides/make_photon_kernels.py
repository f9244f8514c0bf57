"""Make the shipped table of photon point kernels in water: energy deposited inside a radius, scattered photons included.

Usage (needs xraydb, once; users never do): ``python tools/nuclides/make_photon_kernels.py``
Physics: photoelectric absorption and Compton scattering on free electrons (Klein-Nishina sampled by Kahn's method);
coherent scattering turns few photons and is left out, pair production (2 % of the attenuation at 2.6 MeV) too;
electrons deposit on the spot. Attenuation: photo and incoherent from xraydb (Elam 2002), Klein-Nishina above 0.3 MeV.
Writes ``photon_kernels.npz``: energies, their total attenuation (cm2/g), radii (g/cm2) and the cumulative fraction of
the emitted energy deposited inside each radius, scattered photons (build-up) included.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import xraydb

OUT = Path(__file__).resolve().parents[2] / "src" / "neorlt" / "nuclides" / "data" / "photon_kernels.npz"
ENERGIES_MEV = np.geomspace(0.003, 3.0, 32)
RADII_G_CM2 = np.concatenate([[0.0], np.geomspace(1e-5, 250.0, 260)])
PHOTONS = 200_000
CUT_MEV = 0.0015
MC2 = 0.51099895
ELECTRONS_PER_G = 10 * 3.342802e22


def attenuation(energy_mev: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ev = np.clip(energy_mev, CUT_MEV, 3.001) * 1e6
    parts = []
    for kind in ("photo", "incoh"):
        low = np.minimum(ev, 8e5)
        parts.append(sum(w * xraydb.mu_elam(el, low, kind=kind) for el, w in (("H", 0.111894), ("O", 0.888106))))
    photo = parts[0] * np.where(ev > 8e5, (8e5 / ev) ** 2, 1.0)  # negligible there: 1e-5 of the total
    return photo, np.where(ev > 3e5, klein_nishina(ev / 1e6), parts[1])


def klein_nishina(energy_mev: np.ndarray) -> np.ndarray:
    """Compton cross section of free electrons of water, cm2/g."""
    a = energy_mev / MC2
    log = np.log1p(2 * a)
    per_electron = (1 + a) / a**2 * (2 * (1 + a) / (1 + 2 * a) - log / a) + log / (2 * a) - (1 + 3 * a) / (1 + 2 * a) ** 2
    return 2 * np.pi * (2.8179403262e-13) ** 2 * per_electron * ELECTRONS_PER_G


def kahn(e: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ratio of scattered to incident energy."""
    a = e / MC2
    out = np.empty_like(a)
    todo = np.arange(len(a))
    while len(todo):
        al = a[todo]
        r1, r2, r3 = rng.random((3, len(todo)))
        first = r1 <= (1 + 2 * al) / (9 + 2 * al)
        x = np.where(first, 1 + 2 * al * r2, (1 + 2 * al) / (1 + 2 * al * r2))
        c = 1 - (x - 1) / al
        ok = np.where(first, r3 <= 4 * (1 / x - 1 / x**2), r3 <= 0.5 * (c**2 + 1 / x))
        out[todo[ok]] = 1 / x[ok]
        todo = todo[~ok]
    return out


def run(energy: float, rng: np.random.Generator) -> np.ndarray:
    grid = np.geomspace(CUT_MEV, 3.001, 400)
    photo, compton = attenuation(grid)
    lg = np.log(grid)
    pos, e = np.zeros((PHOTONS, 3)), np.full(PHOTONS, energy)
    mu = rng.uniform(-1, 1, PHOTONS)
    phi = rng.uniform(0, 2 * np.pi, PHOTONS)
    s = np.sqrt(1 - mu**2)
    direction = np.stack([s * np.cos(phi), s * np.sin(phi), mu], axis=1)
    score = np.zeros(len(RADII_G_CM2) + 1)
    while len(e):
        lp, lc = (np.exp(np.interp(np.log(e), lg, np.log(v))) for v in (photo, compton))
        pos = pos + direction * (-np.log(rng.random(len(e))) / (lp + lc))[:, None]
        r = np.linalg.norm(pos, axis=1)
        absorbed = (rng.random(len(e)) < lp / (lp + lc)) | (e < CUT_MEV * 1.01)
        ratio = np.where(absorbed, 0.0, kahn(e, rng))
        score += np.bincount(np.searchsorted(RADII_G_CM2, r), weights=e * (1 - ratio), minlength=len(score))
        keep = ~absorbed & (r < RADII_G_CM2[-1])
        pos, direction, old, e = pos[keep], direction[keep], e[keep], (e * ratio)[keep]
        c = 1 - MC2 * (1 / np.maximum(e, 1e-9) - 1 / old)
        c = np.clip(c, -1, 1)
        si = np.sqrt(1 - c**2)
        phi = rng.uniform(0, 2 * np.pi, len(e))
        w = direction[:, 2]
        t = np.sqrt(np.maximum(1 - w**2, 1e-12))
        u, v = direction[:, 0], direction[:, 1]
        new = np.stack([
            u * c + si * (u * w * np.cos(phi) - v * np.sin(phi)) / t,
            v * c + si * (v * w * np.cos(phi) + u * np.sin(phi)) / t,
            w * c - si * t * np.cos(phi),
        ], axis=1)
        direction = new / np.linalg.norm(new, axis=1, keepdims=True)
    return np.cumsum(score[:-1]) / (PHOTONS * energy)


def main() -> int:
    rng = np.random.default_rng(2026)
    table = np.array([run(e, rng) for e in ENERGIES_MEV])
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    np.savez_compressed(out, energy_mev=ENERGIES_MEV,
                        attenuation_cm2_per_g=sum(attenuation(ENERGIES_MEV)),
                        radius_g_per_cm2=RADII_G_CM2, cumulative=table.astype(np.float32),
                        photons=np.array(PHOTONS))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Make ``phantoms/data/truth_<case>.json``: true absorbed doses of the bundled patients by Monte Carlo.

Run: ``python tools/phantoms/make_truth.py christie [--photons 4000000] [--electrons 400000]`` (needs ``cc`` and the extra
``mc``). For every source region, 177Lu decays start on the 2 mm grid of the truth (with the tumours' texture); photons are
followed by ``photons.c`` through the CT's tissues, electrons by pyradmc's Warp engine (Goudsmit-Saunderson, cuts 10 and
5 keV, water with the CT's densities). The result is the energy absorbed in every target region per decay, and the
mean dose rate matrix S (Gy per MBq h), with standard errors from independent batches. Nothing of ``neorlt.nuclides``,
``dosimetry`` or ``imaging.partial_volume`` is used.

Decay data. Gamma energies and yields: ENSDF as printed in the OpenGATE SPECT examples. Totals per decay (beta 133.3,
conversion electrons 13.52, Auger 1.13, X rays 3.54 keV): doi 10.1186/s40658-020-00301-2 table 1, and ICRP Publication 107. Beta
branches (496.8 keV 79.3 %, 383.9 keV 9.1 %, 175.5 keV 11.6 %: approximate; allowed shape with Fermi function): their
energies are scaled by 0.2 % to the total above. Conversion lines: transition energy minus Hf's shell energies
(xraydb); their relative strengths are approximate and only set the range of 9 % of the energy: the total is the published
one. K X rays: lines and relative strengths of Elam 2002; 0.3 keV of L X rays and the Auger electrons are absorbed in place.
"""

from __future__ import annotations

import argparse
import csv
import ctypes
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import loggamma

from neorlt.phantoms.cases import REST, case, mass_density

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "src/neorlt/phantoms/data"
GY_PER_KEV_PER_G = 1.602176634e-13
DECAYS_PER_MBQ_H = 3.6e9
GAMMA_KEV = [71.6418, 112.9498, 136.7245, 208.3662, 249.6742, 321.3159]
GAMMA_YIELD = [0.001726, 0.0620, 0.000470, 0.1038, 0.002012, 0.002160]
X_KEV = [54.612, 55.790, 63.170, 64.916]
X_SHARE = [0.2875, 0.5035, 0.1656, 0.0434]
X_TOTAL_KEV, L_X_KEV = 3.54, 0.3
BETA_KEV = [(496.8, 0.793), (383.9, 0.091), (175.5, 0.116)]
BETA_TOTAL_KEV, CONVERSION_TOTAL_KEV, AUGER_TOTAL_KEV = 133.3, 13.52, 1.13
CONVERSION = [(47.60, 0.052), (102.1, 0.068), (110.6, 0.017), (112.5, 0.005), (143.0, 0.0047), (197.5, 0.0008), (206.2, 0.0002)]
MASS_KEV = 510.99895
N_BATCHES = 16


def photon_lines() -> tuple[np.ndarray, np.ndarray]:
    """Energies in keV and yields per decay; K X rays carry the published total less the L share."""
    share = np.array(X_SHARE) / np.sum(X_SHARE)
    x_yield = share * (X_TOTAL_KEV - L_X_KEV) / float(share @ np.array(X_KEV))
    return np.array(GAMMA_KEV + X_KEV), np.concatenate([GAMMA_YIELD, x_yield])


def beta_spectrum(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Bin centres in keV and shares (sum 1) of the beta spectrum, scaled to the published mean energy."""
    edge = np.linspace(0, 497, n + 1)
    kinetic = 0.5 * (edge[1:] + edge[:-1])
    total = np.zeros(n)
    alpha, z = 1 / 137.036, 72
    gamma = np.sqrt(1 - (alpha * z) ** 2)
    w = 1 + kinetic / MASS_KEV
    p = np.sqrt(w**2 - 1)
    eta = alpha * z * w / p
    fermi = p ** (2 * gamma - 2) * np.exp(np.pi * eta + 2 * np.real(loggamma(gamma + 1j * eta)))
    for end, share in BETA_KEV:
        shape = np.where(kinetic < end, p * w * fermi * np.maximum(end - kinetic, 0) ** 2, 0)
        total += share * shape / shape.sum()
    total /= total.sum()
    print(f"allowed beta spectrum: mean {kinetic @ total:.2f} keV, scaled to {BETA_TOTAL_KEV}")
    return kinetic * BETA_TOTAL_KEV / float(kinetic @ total), total


def electron_energies(n: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """``n`` electron energies in keV and electrons per decay (beta and conversion lines)."""
    energy, share = beta_spectrum()
    lines = np.array(CONVERSION)
    factor = CONVERSION_TOTAL_KEV / float(lines[:, 0] @ lines[:, 1])
    print(f"conversion lines: strengths scaled by {factor:.3f} to {CONVERSION_TOTAL_KEV} keV")
    energies, yields = np.concatenate([energy, lines[:, 0]]), np.concatenate([share, lines[:, 1] * factor])
    step = energy[1] - energy[0]
    drawn = rng.choice(energies.size, n, p=yields / yields.sum())
    smear = np.where(drawn < energy.size, rng.uniform(-0.5, 0.5, n) * step, 0.0)
    return energies[drawn] + smear, float(yields.sum())


def tissues(hounsfield: np.ndarray) -> np.ndarray:
    """Tissue number by HU: 0 air (and gas), 1 adipose, 2 soft tissue (and lung), 3 bone."""
    tissue = np.full(hounsfield.shape, 2, dtype=np.uint8)
    tissue[hounsfield < -900] = 0
    tissue[(hounsfield >= -200) & (hounsfield < -25)] = 1
    tissue[hounsfield >= 150] = 3
    return tissue


def photon_tables(density: np.ndarray, tissue: np.ndarray) -> dict[str, Any]:
    """Attenuation tables on the energy grid of the CSV, and the Woodcock majorant."""
    rows = list(csv.DictReader((HERE / "photon_coefficients.csv").open()))
    names = ["air", "adipose", "soft", "bone"]
    energy = np.array([float(r["energy_kev"]) for r in rows if r["tissue"] == "soft"])
    photo = np.array([[float(r["photoelectric_cm2_per_g"]) for r in rows if r["tissue"] == n] for n in names])
    incoherent = np.array([[float(r["incoherent_cm2_per_g"]) for r in rows if r["tissue"] == n] for n in names])
    total = np.ascontiguousarray(photo + incoherent)
    densest = np.array([density[tissue == t].max() if np.any(tissue == t) else 0 for t in range(4)])
    majorant = np.ascontiguousarray((total * densest[:, None]).max(axis=0))
    step = float(np.log(energy[1] / energy[0]))
    return {"energy": energy, "photo": np.ascontiguousarray(photo), "total": total, "majorant": majorant, "step": step}


def compile_photons(folder: Path) -> Any:
    """Build ``photons.c`` and return its function."""
    library = folder / "photons.so"
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", "-o", str(library), str(HERE / "photons.c"), "-lm"], check=True)
    function = ctypes.CDLL(str(library)).transport
    function.restype = ctypes.c_double
    return function


def start_points(pattern: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """``(n, 3)`` positions in voxel units, uniform within voxels drawn by their share."""
    flat = np.flatnonzero(pattern)
    cumulative = np.cumsum(pattern.reshape(-1)[flat].astype(np.float64))
    voxel = flat[np.searchsorted(cumulative, rng.uniform(0, cumulative[-1], n), side="right").clip(0, flat.size - 1)]
    return np.stack(np.unravel_index(voxel, pattern.shape), axis=1) + rng.random((n, 3))


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """Address of an array for the C function."""
    return ctypes.c_void_p(array.ctypes.data)


def run_photons(name: str, n: int) -> dict[str, Any]:
    """Energy (keV per decay) absorbed in every region code from photons of every source: mean and standard error."""
    patient = case(name)
    anatomy = patient.fine()
    region = np.ascontiguousarray(anatomy.label)
    density = np.ascontiguousarray(mass_density(anatomy.hounsfield))
    tissue = np.ascontiguousarray(tissues(anatomy.hounsfield))
    table = photon_tables(density, tissue)
    shape = np.array(region.shape, dtype=np.int64)
    energies, yields = photon_lines()
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        function = compile_photons(Path(folder))
        for number, source in enumerate(patient.active()):
            started = time.perf_counter()
            pattern = patient.pattern(source)
            batches = np.zeros((N_BATCHES, 256))
            per_batch = n // N_BATCHES
            for batch in range(N_BATCHES):
                rng = np.random.default_rng([177, number, batch])
                points = np.ascontiguousarray(start_points(pattern, per_batch, rng) * 0.2)
                energy = energies[rng.choice(energies.size, per_batch, p=yields / yields.sum())]
                function(
                    ctypes.c_int64(per_batch), pointer(points), pointer(energy), pointer(shape), ctypes.c_double(0.2),
                    pointer(region), pointer(tissue), pointer(density), ctypes.c_int64(table["energy"].size),
                    ctypes.c_double(table["energy"][0]), ctypes.c_double(table["step"]), pointer(table["total"]),
                    pointer(table["photo"]), pointer(table["majorant"]),
                    ctypes.c_uint64(1 + 1000 * number + batch), ctypes.c_double(10.0), pointer(batches[batch]),
                )  # fmt: skip
            per_decay = batches * yields.sum() / per_batch
            result[source.name] = (per_decay.mean(axis=0), per_decay.std(axis=0, ddof=1) / np.sqrt(N_BATCHES))
            stay, spent = per_decay.mean(axis=0)[1:].sum(), time.perf_counter() - started
            print(f"photons from {source.name}: {stay:.2f} keV stay, {spent:.0f} s", flush=True)
    return result


def run_electrons(name: str, n: int) -> dict[str, Any]:
    """As :func:`run_photons`, for electrons, by pyradmc."""
    from pyradmc import AnalyticCrossSections, InMemoryPhaseSpaceSource, VoxelGrid, WarpEngine

    patient = case(name)
    anatomy = patient.fine()
    density = mass_density(anatomy.hounsfield).astype(np.float64)
    result = {}
    for number, source in enumerate(patient.active()):
        started = time.perf_counter()
        pattern = patient.pattern(source)
        # electrons stay within 2 mm: a box with 8 mm round the source is enough
        used = np.nonzero(pattern)
        box = tuple(slice(max(0, int(p.min()) - 4), int(p.max()) + 5) for p in used)
        shape = tuple(int(d) for d in density[box].shape)
        grid = VoxelGrid(shape, (0.2, 0.2, 0.2), np.ascontiguousarray(density[box]), np.zeros(shape, dtype=np.int32))
        engine = WarpEngine(grid, AnalyticCrossSections(geometry_densities=grid.max_density_by_material()), device="cpu")
        batches = []
        for batch in range(4):
            rng = np.random.default_rng([178, number, batch])
            m = n // 4
            points = start_points(pattern[box], m, rng) * 0.2
            cosine, turn = rng.uniform(-1, 1, m), rng.uniform(0, 2 * np.pi, m)
            sine = np.sqrt(1 - cosine**2)
            energy, per_decay = electron_energies(m, rng)
            phase_space = InMemoryPhaseSpaceSource(
                np.full(m, 2), energy / 1000, *points.T, sine * np.cos(turn), sine * np.sin(turn), cosine, np.ones(m)
            )
            run = engine.run(phase_space, m, 1, seed=1000 * number + batch, ecut=0.01, pcut=0.005)
            kev = np.asarray(run.dose) * 1000 * density[box] * 0.008 * per_decay
            absorbed = np.bincount(anatomy.label[box].ravel(), weights=kev.ravel(), minlength=256)
            # which energies were drawn is chance, their mean is known: hold the emitted energy at its exact value
            emitted = float(run.energy_emitted) * 1000 / m * per_decay
            batches.append(absorbed * (BETA_TOTAL_KEV + CONVERSION_TOTAL_KEV) / emitted)
        array = np.array(batches)
        result[source.name] = (array.mean(axis=0), array.std(axis=0, ddof=1) / 2)
        spent = time.perf_counter() - started
        print(f"electrons from {source.name}: {array.mean(axis=0).sum():.2f} keV, {spent:.0f} s", flush=True)
    return result


def main() -> None:
    """Run both, combine, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case")
    parser.add_argument("--photons", type=int, default=4_000_000)
    parser.add_argument("--electrons", type=int, default=400_000)
    parser.add_argument("--only-photons", action="store_true")
    options = parser.parse_args()
    patient = case(options.case)
    anatomy = patient.fine()
    mass_g = np.bincount(
        anatomy.label.ravel(), weights=mass_density(anatomy.hounsfield).ravel().astype(np.float64), minlength=256
    ) * anatomy.grid.voxel_ml
    photons = run_photons(options.case, options.photons)
    if options.only_photons:
        sys.exit()
    electrons = run_electrons(options.case, options.electrons)
    targets = {s.name: 1 if s.name == REST else anatomy.codes[s.name] for s in patient.sources}
    factor = GY_PER_KEV_PER_G * DECAYS_PER_MBQ_H
    matrix: dict[str, Any] = {}
    for target, code in targets.items():
        row = {}
        for source in patient.active():
            p, p_se = (v[code] for v in photons[source.name])
            e, e_se = (v[code] for v in electrons[source.name])
            local = (AUGER_TOTAL_KEV + L_X_KEV) if source.name == target else 0.0
            row[source.name] = {
                "gy_per_mbq_h": float(f"{(p + e + local) * factor / mass_g[code]:.6g}"),
                "standard_error": float(f"{np.hypot(p_se, e_se) * factor / mass_g[code]:.2g}"),
                "electron_share": float(f"{(e + local) / max(p + e + local, 1e-30):.4f}"),
            }
        matrix[target] = row
    document = {
        "case": options.case,
        "nuclide": "Lu-177",
        "made_by": "tools/phantoms/make_truth.py: photons.c (own Woodcock transport) and pyradmc 0.2.1 (electrons)",
        "photons_per_source": options.photons,
        "electrons_per_source": options.electrons,
        "mass_g": {name: float(f"{mass_g[code]:.6g}") for name, code in targets.items()},
        "target_from_source": matrix,
    }
    (OUT / f"truth_{options.case}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()

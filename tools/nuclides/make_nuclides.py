"""Make ``src/neorlt/nuclides/data/nuclides.json`` from ENSDF.

Usage (needs paceENSDF and xraydb, once; users never do): ``python tools/nuclides/make_nuclides.py``

Half-lives, beta branches, gammas and conversion coefficients come from ENSDF (public; read through paceENSDF).
Binding energies, fluorescence yields and X-ray lines come from xraydb (public domain; Elam 2002). Conversion electrons
and X/Auger emission are computed from these here: every vacancy ends as X rays and Auger electrons whose energies add
up to its binding energy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import paceENSDF
import xraydb

DATA = Path(paceENSDF.__file__).parent / "ENSDF_JSON"
OUT = Path(__file__).resolve().parents[2] / "src" / "neorlt" / "nuclides" / "data" / "nuclides.json"
NUCLIDES = {
    "Lu-177": (("Lu177_Hf177_071177_072177_0keV",), "beta-"),
    "Y-90": (("Y90_Zr90_039090_040090_0keV",), "beta-"),
}
HALF_LIFE_ONLY = ("Ga68_Zn68_031068_030068_0keV", "F18_O18_009018_008018_0keV", "Cu64_Ni64_029064_028064_0keV", "In111_Cd111_049111_048111_0keV",
                  "I131_Xe131_053131_054131_0keV", "Tb161_Dy161_065161_066161_0keV", "Zr89_Y89_040089_039089_0keV")
"""Imaging and other nuclides whose half-life alone is needed: no dose is computed with them."""
HOURS = {"s": 1 / 3600, "m": 1 / 60, "min": 1 / 60, "h": 1.0, "d": 24.0, "Y": 24 * 365.2422}
SHELLS = {"K": ("K",), "L": ("L1", "L2", "L3"), "M": ("M1", "M2", "M3", "M4", "M5"), "N": ("N1", "N2", "N3", "N4", "N5"), "O": ("O1",)}
ELECTRON_MEV = 0.51099895


def shell_energy_mev(element: str, shell: str) -> float:
    edges = xraydb.xray_edges(element)
    found = [edges[s].energy for s in SHELLS[shell] if s in edges]
    return sum(found) / len(found) / 1e6 if found else 0.0


def relax(element: str, vacancies: dict[str, float]) -> tuple[list[list[float]], float]:
    """X-ray lines [(MeV, per decay)] and Auger energy (MeV per decay) of these vacancies per decay."""
    edges, lines = xraydb.xray_edges(element), xraydb.xray_lines(element)
    left = dict(vacancies)
    energy = sum(n * edges[s].energy for s, n in left.items()) / 1e6
    photons: dict[float, float] = {}
    for shell in sorted(edges, key=lambda s: -edges[s].energy):
        n = left.pop(shell, 0.0)
        if n <= 0:
            continue
        family = [line for line in lines.values() if line.initial_level == shell]
        total = sum(line.intensity for line in family)
        radiative = n * edges[shell].fyield if total else 0.0
        for line in family:
            share = radiative * line.intensity / total
            photons[line.energy / 1e6] = photons.get(line.energy / 1e6, 0.0) + share
            ends = [e for e in edges if e.startswith(line.final_level.split(",")[0][:2])]
            if ends:
                left[ends[0]] = left.get(ends[0], 0.0) + share
        # A K Auger event leaves two L vacancies in about their number of electrons (2 : 2 : 4).
        if shell == "K":
            for sub, weight in (("L1", 0.25), ("L2", 0.25), ("L3", 0.5)):
                if sub in edges:
                    left[sub] = left.get(sub, 0.0) + 2 * (n - radiative) * weight
    emitted = sum(e * n for e, n in photons.items())
    return [[e, n] for e, n in sorted(photons.items()) if n > 1e-9], energy - emitted


def read(name: str) -> dict:
    schemes, _ = NUCLIDES[name]
    document = json.loads((DATA / f"j_input_{schemes[0]}.json").read_text())
    parent = document["parentDecay"][0]
    half = parent["halfLife"][0]
    norm = document["decaySchemeNormalization"][0]["productionNormalizationRecord"][0]["multiplierPhotonIntensityBranchingRatioCorrected"]
    lepton = document["decaySchemeNormalization"][0]["productionNormalizationRecord"][0]["multiplierLeptonIntensityBranchingRatioCorrected"]
    daughter = "".join(c for c in document["daughterID"] if c.isalpha())
    betas, gammas, electrons = [], [], []
    vacancies: dict[str, float] = {}
    edges = xraydb.xray_edges(daughter)
    for level in document["levelScheme"]:
        for beta in level.get("betaMinusDecay", []):
            if beta["betaMinusIntensity"]:
                betas.append({
                    "endpoint_mev": beta["endPointBetaMinusEnergy"] / 1e3, "per_decay": beta["betaMinusIntensity"] / 100.0 * lepton,
                    "unique": beta["forbiddennessDegree"] == "1UF", "ensdf_mean_mev": beta["averageBetaMinusEnergy"] / 1e3,
                })
        for gamma in level.get("gammaDecay", []):
            if gamma["multipolarity"] == "E0":
                # An E0 transition emits no photon: its (tiny) energy leaves as a conversion electron.
                per = gamma["gammaIntensity"] * norm / 100.0
                electrons.append([gamma["gammaEnergy"] / 1e3 - shell_energy_mev(daughter, "K"), per])
                vacancies["K"] = vacancies.get("K", 0.0) + per
                continue
            energy, per = gamma["gammaEnergy"] / 1e3, (gamma["gammaIntensity"] or 0.0) * norm / 100.0
            if per <= 0:
                continue
            gammas.append([energy, per])
            table = gamma["calculatedAtomicShellConversionCoefficients"][0]
            for shell in SHELLS:
                alpha = table[f"calculatedInternalConversionCoefficientAtomicShell{shell}"] or 0.0
                if alpha <= 0:
                    continue
                electrons.append([energy - shell_energy_mev(daughter, shell), per * alpha])
                subs = [s for s in SHELLS[shell] if s in edges]
                for sub in subs:
                    vacancies[sub] = vacancies.get(sub, 0.0) + per * alpha / len(subs)
    x_rays, auger_mev = relax(daughter, vacancies)
    return {
        "half_life_h": half["halfLifeBest"] * HOURS[half["unitHalfLifeBest"]],
        "daughter": document["daughterID"], "daughter_z": document["daughterAtomicNumber"], "mass_number": document["parentAtomicMass"],
        "beta_minus": betas, "gamma": gammas, "x_ray": x_rays, "conversion_electron": [e for e in electrons if e[1] > 1e-9],
        "auger_mev_per_decay": auger_mev,
        "source": f"ENSDF decay data set of {document['parentID']} as carried by paceENSDF; atomic data of {daughter} from xraydb (Elam 2002)",
    }


def half_life_only(scheme: str) -> tuple[str, dict]:
    document = json.loads((DATA / f"j_input_{scheme}.json").read_text())
    half = document["parentDecay"][0]["halfLife"][0]
    parent = document["parentID"]
    symbol = "".join(c for c in parent if c.isalpha())
    return f"{symbol}-{document['parentAtomicMass']}", {
        "half_life_h": half["halfLifeBest"] * HOURS[half["unitHalfLifeBest"]], "emissions_complete": False,
        "daughter": document["daughterID"], "daughter_z": document["daughterAtomicNumber"], "mass_number": document["parentAtomicMass"],
        "beta_minus": [], "gamma": [], "x_ray": [], "conversion_electron": [], "auger_mev_per_decay": 0.0,
        "source": f"ENSDF decay data set of {parent} as carried by paceENSDF (half-life only)",
    }


def main() -> int:
    OUT.parent.mkdir(parents=True, exist_ok=True)
    table = {name: read(name) | {"emissions_complete": True} for name in NUCLIDES}
    table |= dict(half_life_only(scheme) for scheme in HALF_LIFE_ONLY)
    OUT.write_text(json.dumps(table, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

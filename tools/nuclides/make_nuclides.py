"""Make ``src/neorlt/nuclides/data/nuclides.json`` from ENSDF.

Usage (needs paceENSDF, xraydb and fisx, once; users never do): ``python tools/nuclides/make_nuclides.py``

Half-lives, branches, betas, captures, alphas, gammas and conversion coefficients come from ENSDF (public; read through
paceENSDF). Binding energies and X-ray line strengths come from xraydb (public domain; Elam 2002); fluorescence and
Coster-Kronig yields of the K and L shells from EADL97 (Cullen, Lawrence Livermore National Laboratory; read through
fisx, which states that redistribution is allowed with these credits). Conversion, X-ray and Auger emission are computed
from these here: every vacancy ends as X rays and Auger electrons whose energies add up to its binding energy. Each
mode's particles are scaled so that they sum to its branching ratio.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import fisx
import paceENSDF
import xraydb

DATA = Path(paceENSDF.__file__).parent / "ENSDF_JSON"
EADL = Path(fisx.__file__).parent / "fisx_data"
OUT = Path(__file__).resolve().parents[2] / "src" / "neorlt" / "nuclides" / "data" / "nuclides.json"
NUCLIDES = {
    "Lu-177": ("Lu177_Hf177_071177_072177",),
    "Y-90": ("Y90_Zr90_039090_040090",),
    "Ga-68": ("Ga68_Zn68_031068_030068",),
    "In-111": ("In111_Cd111_049111_048111",),
    "Cu-64": ("Cu64_Ni64_029064_028064", "Cu64_Zn64_029064_030064"),
    "Tb-161": ("Tb161_Dy161_065161_066161",),
    "I-131": ("I131_Xe131_053131_054131",),
    "F-18": ("F18_O18_009018_008018",),
    "Ac-225": ("Ac225_Fr221_089225_087221",),
    "Fr-221": ("Fr221_At217_087221_085217",),
    "At-217": ("At217_Bi213_085217_083213",),
    "Bi-213": ("Bi213_Po213_083213_084213", "Bi213_Tl209_083213_081209"),
    "Po-213": ("Po213_Pb209_084213_082209",),
    "Tl-209": ("Tl209_Pb209_081209_082209",),
    "Pb-209": ("Pb209_Bi209_082209_083209",),
    "Pb-212": ("Pb212_Bi212_082212_083212",),
    "Bi-212": ("Bi212_Po212_083212_084212", "Bi212_Tl208_083212_081208"),
    "Po-212": ("Po212_Pb208_084212_082208",),
    "Tl-208": ("Tl208_Pb208_081208_082208",),
}
HALF_LIFE_ONLY = {"Zr-89": "Zr89_Y89_040089_039089"}
"""Its isomer's gamma stands in another data set: only the half-life (imaging) is shipped."""
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "Y": 86400 * 365.2422}
SHELLS = {"K": ("K",), "L": ("L1", "L2", "L3"), "M": ("M1", "M2", "M3", "M4", "M5"), "N": ("N1", "N2", "N3", "N4", "N5"), "O": ("O1",)}
ELECTRON_MEV = 0.51099895
OUTER_MEV = 0.0005
"""Electrons of the M and outer shells are listed at this energy: their range is below a micrometre whatever it is."""


def family(edges: dict, shell: str) -> list[str]:
    return [s for s in SHELLS[shell] if s in edges]


def mean_edge_mev(edges: dict, shell: str) -> float:
    found = family(edges, shell)
    return sum(edges[s].energy for s in found) / len(found) / 1e6 if found else 0.0


def eadl_yields(z: int) -> dict[str, tuple[float, dict[str, float]]]:
    """Fluorescence yield and Coster-Kronig yields {to: f} of the K and L shells, by shell."""
    columns = (
        ("K", "KShellConstants", 0, ("omega",)), ("L1", "LShellConstants", 0, ("L2", "L3", "omega")),
        ("L2", "LShellConstants", 1, ("L3", "omega")), ("L3", "LShellConstants", 2, ("omega",)),
    )
    out = {}
    for shell, name, scan, names in columns:
        blocks = (EADL / f"EADL97_{name}.dat").read_text().split("#S ")[1:]
        row = next((r.split() for r in blocks[scan].splitlines() if r.split()[:1] == [str(z)]), None)
        if row is not None:
            values = dict(zip(names, map(float, row[1:]), strict=True))
            out[shell] = (values.pop("omega"), values)
    return out


def relax(element: str, vacancies: dict[str, float]) -> tuple[list[list], list[list]]:
    """X-ray lines and Auger lines [MeV, per decay, origin] of these vacancies per decay."""
    edges, lines = xraydb.xray_edges(element), xraydb.xray_lines(element)
    yields = eadl_yields(xraydb.atomic_number(element))
    left = dict(vacancies)
    energy = sum(n * edges[s].energy for s, n in left.items()) / 1e6
    photons: dict[float, float] = {}
    named: dict[float, str] = {}
    auger: list[list] = []
    for shell in sorted(edges, key=lambda s: -edges[s].energy):
        n = left.pop(shell, 0.0)
        if n <= 0:
            continue
        omega, moves = yields.get(shell, (edges[shell].fyield, {}))
        moves = {target: f for target, f in moves.items() if target in edges}
        for target, f in moves.items():
            left[target] = left.get(target, 0.0) + n * f
        group = [(label, line) for label, line in lines.items() if line.initial_level == shell]
        total = sum(line.intensity for _, line in group)
        radiative = n * omega if total else 0.0
        for label, line in group:
            of_yield = "EADL97" if shell in yields else "xraydb"
            named.setdefault(line.energy / 1e6, f"{element} {label}: strength xraydb, yield of {shell} {of_yield}")
            share = radiative * line.intensity / total
            photons[line.energy / 1e6] = photons.get(line.energy / 1e6, 0.0) + share
            ends = [e for e in edges if e.startswith(line.final_level.split(",")[0][:2])]
            if ends:
                left[ends[0]] = left.get(ends[0], 0.0) + share
        nonradiative = max(0.0, n * (1 - sum(moves.values())) - radiative)
        if shell == "K":
            # Two L vacancies in proportion to the electrons there (2 : 2 : 4).
            auger.append([edges["K"].energy / 1e6 - 2 * mean_edge_mev(edges, "L"), nonradiative, f"{element} KLL: EADL97"])
            for sub, weight in (("L1", 0.25), ("L2", 0.25), ("L3", 0.5)):
                if sub in edges:
                    left[sub] = left.get(sub, 0.0) + 2 * nonradiative * weight
        elif shell in SHELLS["L"]:
            line_energy = edges[shell].energy / 1e6 - 2 * mean_edge_mev(edges, "M")
            if line_energy > OUTER_MEV:
                auger.append([line_energy, nonradiative, f"{element} {shell}MM: EADL97"])
    outer = energy - sum(e * n for e, n in photons.items()) - sum(a[0] * a[1] for a in auger)
    if outer > 0:
        auger.append([OUTER_MEV, outer / OUTER_MEV, f"{element} outer shells: what the binding energies leave"])
    return [[e, n, named[e]] for e, n in sorted(photons.items()) if n > 1e-9], [a for a in auger if a[1] > 1e-9]


def coefficients(gamma: dict, edges: dict) -> dict[str, float]:
    """Conversion coefficient by shell; where only the total is known it goes to the innermost open shell."""
    table = gamma["calculatedAtomicShellConversionCoefficients"]
    row = table[0] if table else {}
    found = {s: row.get(f"calculatedInternalConversionCoefficientAtomicShell{s}") or 0.0 for s in SHELLS}
    energy = gamma["gammaEnergy"] / 1e3
    total = gamma["calculatedTotalInternalConversionCoefficient"] or gamma["experimentalTotalInternalConversionCoefficient"] or 0.0
    missing = total - sum(found.values())
    if missing > 0.02 * total:
        for s in SHELLS:
            if family(edges, s) and energy > mean_edge_mev(edges, s) and not found[s]:
                found[s] += missing
                break
    return {s: a for s, a in found.items() if a > 0 and energy > mean_edge_mev(edges, s)}


def lives_apart(level: dict) -> bool:
    """An isomer that lives over a minute is a nuclide of its own (131mXe): its emissions are not the parent's."""
    return any((decay.get("halfLifeConverted") or 0.0) > 60.0 for decay in level.get("isomerDecay") or [])


def read_mode(stem: str) -> dict:
    document = json.loads((DATA / f"j_input_{stem}_0keV.json").read_text())
    norm = document["decaySchemeNormalization"][0]
    production, plain = norm["productionNormalizationRecord"][0], norm["normalizationRecord"][0]
    branch = plain["multiplerBranchingRatio"]
    photon_norm = production["multiplierPhotonIntensityBranchingRatioCorrected"]
    if photon_norm is None:
        photon_norm = plain["multiplerPhotonIntensity"] * branch
    element = "".join(c for c in document["daughterID"] if c.isalpha())
    edges = xraydb.xray_edges(element)
    z = document["daughterAtomicNumber"]
    # Endpoints follow from the Q value: some data sets list a measured endpoint that is off by several keV (68Ga, 161Tb).
    q_kev = document["parentDecay"][0]["valueQ"]
    out: dict = {"beta_minus": [], "beta_plus": [], "alpha": [], "gamma": [], "conversion_electron": []}
    vacancies: dict[str, float] = {}
    weight = 0.0

    def hole(shell: str, n: float) -> None:
        subs = family(edges, shell)
        for sub in subs:
            vacancies[sub] = vacancies.get(sub, 0.0) + n / len(subs)

    def fed(level: dict) -> str:
        return f"ENSDF {document['parentID']}: to the {level['levelEnergy']:.6g} keV level of {document['daughterID']}"

    def left(level: dict, gamma: dict) -> str:
        return f"ENSDF {document['daughterID']}: {gamma['gammaEnergy']:.6g} keV from the {level['levelEnergy']:.6g} keV level"

    captures = []
    isomers = {level["levelIndex"] for level in document["levelScheme"] if lives_apart(level)}
    for level in document["levelScheme"]:
        for beta in level.get("betaMinusDecay") or []:
            if beta["betaMinusIntensity"]:
                out["beta_minus"].append({
                    "endpoint_mev": (q_kev - level["levelEnergy"]) / 1e3, "per_decay": beta["betaMinusIntensity"],
                    "unique": beta["forbiddennessDegree"] == "1UF", "z": z, "origin": fed(level),
                })
                weight += beta["betaMinusIntensity"]
        for beta in level.get("betaPlusDecay") or []:
            total = beta["totalElectronCaptureBetaPlusIntensity"] or 0.0
            positron, capture = beta["betaPlusIntensity"] or 0.0, beta["electronCaptureIntensity"] or 0.0
            if positron and beta["endPointBetaPlusEnergy"]:
                out["beta_plus"].append({"endpoint_mev": (q_kev - level["levelEnergy"]) / 1e3 - 2 * ELECTRON_MEV, "per_decay": positron,
                                         "unique": False, "z": z, "origin": fed(level)})
            shells = (beta["calculatedAtomicShellElectronCaptureFractions"] or [{}])[0]
            fraction = {s: shells.get(f"calculatedElectronCaptureFractionAtomicShell{s}") or 0.0 for s in ("K", "L")}
            share = sum(fraction.values())
            if capture and share:
                # The fractions are of capture plus positrons; K, L and what remains (M and beyond).
                full = capture / max(positron + capture, 1e-12)
                captures += [("K", fraction["K"] / full * capture), ("L", fraction["L"] / full * capture),
                             ("M", max(0.0, 1 - share / full) * capture)]
            elif capture:
                captures.append(("K", capture))
            weight += max(total, positron + capture)
        for alpha in level.get("alphaDecay") or []:
            if alpha["alphaIntensity"] and alpha["alphaEnergy"]:
                out["alpha"].append([alpha["alphaEnergy"] / 1e3, alpha["alphaIntensity"], fed(level)])
                weight += alpha["alphaIntensity"]
        for gamma in level.get("gammaDecay") or []:
            per = (gamma["gammaIntensity"] or 0.0) * photon_norm / 100.0
            energy = (gamma["gammaEnergy"] or 0.0) / 1e3
            if per <= 0 or energy <= 0 or gamma["levelIndexInitial"] in isomers:
                continue
            if gamma["multipolarity"] == "E0":
                # An E0 transition emits no photon: its energy leaves as a K conversion electron.
                out["conversion_electron"].append([energy - mean_edge_mev(edges, "K"), per, f"{left(level, gamma)}, E0"])
                hole("K", per)
                continue
            out["gamma"].append([energy, per, left(level, gamma)])
            for shell, alpha_coefficient in coefficients(gamma, edges).items():
                origin = f"{left(level, gamma)}, {shell} shell, alpha {alpha_coefficient:.4g}"
                out["conversion_electron"].append([energy - mean_edge_mev(edges, shell), per * alpha_coefficient, origin])
                hole(shell, per * alpha_coefficient)
    scale = branch / weight
    for beta in out["beta_minus"] + out["beta_plus"]:
        beta["per_decay"] *= scale
    out["alpha"] = [[e, n * scale, origin] for e, n, origin in out["alpha"]]
    for shell, n in captures:
        if family(edges, shell):
            hole(shell, n * scale)
    out["x_ray"], out["auger"] = relax(element, vacancies)
    mass = document["daughterAtomicMass"]
    return out | {"branch": [f"{element}-{mass}", branch], "document": document}


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return value


def read(name: str) -> dict:
    modes = [read_mode(stem) for stem in NUCLIDES[name]]
    document = modes[0]["document"]
    half = document["parentDecay"][0]["halfLife"][0]
    merged = {
        key: [row for mode in modes for row in mode[key]]
        for key in ("beta_minus", "beta_plus", "alpha", "gamma", "x_ray", "conversion_electron", "auger")
    }
    for key, floor in (("gamma", 1e-7), ("conversion_electron", 1e-9), ("alpha", 1e-9)):
        merged[key] = [row for row in merged[key] if row[1] > floor]
    lines = ("alpha", "gamma", "x_ray", "conversion_electron", "auger")
    origin = {key: [row[2] for row in merged[key]] for key in lines}
    merged |= {key: [row[:2] for row in merged[key]] for key in lines}
    return rounded({
        "half_life_h": half["halfLifeBest"] * SECONDS[half["unitHalfLifeBest"]] / 3600,
        "mass_number": document["parentAtomicMass"], "emissions_complete": True,
        "daughters": [mode["branch"] for mode in modes],
        **merged, "origin": origin,
        "source": f"ENSDF decay data of {document['parentID']} (paceENSDF {paceENSDF.__version__}); "
                  "atomic data: xraydb (Elam 2002), EADL97",
    })


def half_life_only(name: str) -> dict:
    document = json.loads((DATA / f"j_input_{HALF_LIFE_ONLY[name]}_0keV.json").read_text())
    half = document["parentDecay"][0]["halfLife"][0]
    empty = {k: [] for k in ("beta_minus", "beta_plus", "alpha", "gamma", "x_ray", "conversion_electron", "auger", "daughters")}
    empty |= {"origin": {}}
    return rounded({
        "half_life_h": half["halfLifeBest"] * SECONDS[half["unitHalfLifeBest"]] / 3600,
        "mass_number": document["parentAtomicMass"], "emissions_complete": False, **empty,
        "source": f"ENSDF decay data of {document['parentID']} (paceENSDF {paceENSDF.__version__}): half-life only",
    })


def main() -> int:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    table = {name: read(name) for name in NUCLIDES} | {name: half_life_only(name) for name in HALF_LIFE_ONLY}
    text = ",\n".join(f" {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items())
    out.write_text("{\n" + text + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

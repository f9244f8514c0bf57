"""``neorlt dose --export-gate``: the same case as a GATE 10 (opengate) simulation, to be run where Geant4 is.

Written: ``simulate.py`` (opengate 10), ``case.json`` (what it reads), ``density.mhd`` with ``materials.db``, one ``activity_*.mhd`` a
nuclide. The script places the density image, a voxel source for each nuclide and particle with our own spectra (so that both
calculations start from the same decay data), a dose actor on the same voxels and a fine electromagnetic physics list, and writes
``dose_gy.mhd``: the dose of all decays. As in our own Monte Carlo, positrons start as electrons with their annihilation photons
beside them, and daughters decay in place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.materials import DENSITY_CUTS_G_PER_CM3
from neorlt.imaging.volume import Unit, Volume
from neorlt.nuclides.chains import emitters
from neorlt.nuclides.nuclide import get_nuclide

LEAST_MEV = 1e-4
"""Lines below 0.1 keV are added to it: Geant4 stops them on the spot anyway."""
PRODUCTION_CUT_MM = 0.01
DENSITY_STEP = 0.02
"""Width of a density bin relative to its density: one material each."""
_ELEMENTS = (
    ("Hydrogen", "H", 1, 1.008), ("Carbon", "C", 6, 12.011), ("Nitrogen", "N", 7, 14.007), ("Oxygen", "O", 8, 15.999),
    ("Sodium", "Na", 11, 22.990), ("Magnesium", "Mg", 12, 24.305), ("Phosphor", "P", 15, 30.974), ("Sulfur", "S", 16, 32.06),
    ("Chlorine", "Cl", 17, 35.45), ("Argon", "Ar", 18, 39.95), ("Potassium", "K", 19, 39.098), ("Calcium", "Ca", 20, 40.078),
)  # fmt: skip
_MEDIA = (
    ("Air", {"Nitrogen": 0.755, "Oxygen": 0.232, "Argon": 0.013}),
    ("Lung", {"Hydrogen": 0.103, "Carbon": 0.105, "Nitrogen": 0.031, "Oxygen": 0.749, "Sodium": 0.002, "Phosphor": 0.002,
              "Sulfur": 0.003, "Chlorine": 0.003, "Potassium": 0.002}),
    ("Adipose", {"Hydrogen": 0.114, "Carbon": 0.598, "Nitrogen": 0.007, "Oxygen": 0.278, "Sodium": 0.001, "Sulfur": 0.001,
                 "Chlorine": 0.001}),
    ("Water", {"Hydrogen": 0.111894, "Oxygen": 0.888106}),
    ("Bone", {"Hydrogen": 0.034, "Carbon": 0.155, "Nitrogen": 0.042, "Oxygen": 0.435, "Sodium": 0.001, "Magnesium": 0.002,
              "Phosphor": 0.103, "Sulfur": 0.003, "Calcium": 0.225}),
)  # fmt: skip
"""Compositions by mass of ICRU Report 44, as NIST prints them; water stands for soft tissue, as in our own calculation."""


def export_gate(
    tia: Volume | Sequence[Volume], folder: Path, *, density: Volume | None = None, n_decays: float = 1e6, seed: int = 1
) -> tuple[str, ...]:
    """Write the simulation of a case; returns the names of the files.

    Parameters
    ----------
    tia
        One map in MBq·h/ml per nuclide, all on one grid.
    folder
        Made if it is absent.
    density
        g/cm³ on the same grid; soft tissue where left out.
    n_decays
        Decays to simulate in all; the script scales the dose to all decays of the maps.
    seed
        Of the simulation.

    Raises
    ------
    InputError
        On a wrong unit, grids that differ, or no activity.
    """
    maps = [tia] if isinstance(tia, Volume) else list(tia)
    for one in maps:
        if one.unit is not Unit.TIA_MBQ_H_PER_ML or one.nuclide is None or not float(one.array.max()) > 0 or float(one.array.min()) < 0:
            raise InputError("the simulation needs time-integrated activity of a nuclide", found=str(one.unit), remedy="integrate first")
    if not maps or not all(one.grid.same_as(maps[0].grid) for one in maps):
        raise InputError("the maps lie on different grids", remedy="resample them to one grid")
    grid = maps[0].grid
    if density is not None and (density.unit is not Unit.G_PER_CM3 or not density.grid.same_as(grid)):
        raise InputError("density has another unit or grid", expected="g/cm3 on the activity's grid", remedy="convert and resample it")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    thickness = np.full(grid.shape, SOFT_TISSUE_G_PER_CM3, np.float32)
    if density is not None:
        thickness = np.maximum(density.array, np.float32(0.0012))
    materials, database = _materials(thickness)
    names = ["simulate.py", "case.json", "materials.db", *_write_mhd(folder, "density", thickness, grid.spacing_mm)]
    (folder / "materials.db").write_text(database, encoding="utf-8")
    decays = [float(one.array.sum(dtype=np.float64)) * grid.voxel_ml * 1e6 * 3600.0 for one in maps]
    total = sum(decays)
    sources = []
    for one, share in zip(maps, decays, strict=True):
        name = f"activity_{one.nuclide}"
        names += _write_mhd(folder, name, one.array, grid.spacing_mm)
        for particle, energy, number in _emissions(str(one.nuclide)):
            sources.append(
                {
                    "name": f"{one.nuclide}_{particle}", "image": f"{name}.mhd", "particle": particle,
                    "n": max(1, round(n_decays * share / total * float(number.sum()))),
                    "energies_mev": [round(float(e), 9) for e in energy], "weights": [float(n) for n in number / number.sum()],
                }
            )  # fmt: skip
    case = {
        "made_by": "neorlt", "nuclides": [str(one.nuclide) for one in maps], "size": list(grid.shape), "spacing_mm": list(grid.spacing_mm),
        "affine_lps_mm": np.asarray(grid.affine).tolist(), "decays_simulated": n_decays, "decays_in_all": total,
        "scale_to_all_decays": total / n_decays, "materials": materials, "sources": sources, "seed": seed,
        "physics_list": "G4EmStandardPhysics_option4", "production_cut_mm": PRODUCTION_CUT_MM,
    }  # fmt: skip
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")
    (folder / "simulate.py").write_text(SCRIPT, encoding="utf-8")
    return tuple(names)


def _emissions(parent: str) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Particle, energies (MeV) and numbers per decay of the parent, its chain in place."""
    lines: dict[str, list[NDArray[np.float64]]] = {"e-": [], "gamma": [], "alpha": []}
    for name, decays in emitters(parent):
        nuclide = get_nuclide(name)
        electrons = np.stack(nuclide.electrons_and_auger(), axis=1)
        for particle, table in (("e-", electrons), ("gamma", nuclide.photons()), ("alpha", nuclide.alpha)):
            lines[particle].append(table * np.array([1.0, decays]))
    found = []
    for particle, tables in lines.items():
        table = np.concatenate(tables)
        table = table[(table[:, 0] > 0) & (table[:, 1] > 0)]
        if len(table):
            energy = np.maximum(table[:, 0], LEAST_MEV)
            # Lines moved up to the floor are thinned, so that the energy stays.
            number = table[:, 1] * table[:, 0] / energy
            order = np.argsort(energy, kind="stable")
            found.append((particle, energy[order], number[order]))
    return found


def _materials(density: NDArray[np.float32]) -> tuple[list[list[Any]], str]:
    """Bins of the density image with a material each, and the database that defines them."""
    edges = [0.0, *DENSITY_CUTS_G_PER_CM3, 30.0]
    text = ["[Elements]"]
    text += [f"{name}: S= {symbol} ; Z= {z}. ; A= {mass} g/mole" for name, symbol, z, mass in _ELEMENTS]
    text += ["", "[Materials]"]
    table: list[list[Any]] = []
    for (medium, parts), low, high in zip(_MEDIA, edges[:-1], edges[1:], strict=True):
        inside = density[(density >= low) & (density < high)]
        if not inside.size:
            continue
        least, most = max(float(inside.min()), 1e-3), float(inside.max())
        n = max(1, int(np.ceil(np.log(most / least) / DENSITY_STEP)))
        steps = np.geomspace(least, most, n + 1)
        steps[0], steps[-1] = low, high
        for i in range(n):
            here = inside[(inside >= steps[i]) & (inside < steps[i + 1])]
            if not here.size:
                continue
            name = f"{medium}_{i}"
            text.append(f"{name}: d={float(here.mean(dtype=np.float64)):.6f} g/cm3 ; n={len(parts)}")
            text += [f"        +el: name={element} ; f={share}" for element, share in parts.items()]
            table.append([float(steps[i]), float(steps[i + 1]), name])
    return table, "\n".join(text) + "\n"


def _write_mhd(folder: Path, name: str, array: NDArray[Any], spacing_mm: tuple[float, float, float]) -> tuple[str, str]:
    """A MetaImage in its own frame (first voxel at 0, axes along the array's): x runs fastest in the file."""
    shape = " ".join(str(n) for n in array.shape)
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = False\n"
        f"TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = {' '.join(f'{s:.9g}' for s in spacing_mm)}\n"
        f"DimSize = {shape}\nElementType = MET_FLOAT\nElementDataFile = {name}.raw\n"
    )
    (folder / f"{name}.mhd").write_text(header, encoding="ascii")
    (folder / f"{name}.raw").write_bytes(np.asarray(array, dtype="<f4").tobytes(order="F"))
    return f"{name}.mhd", f"{name}.raw"


SCRIPT = '''"""GATE 10 simulation of one case, written by neorlt. Run: python simulate.py [THREADS] (needs opengate 10).

Reads case.json, density.mhd, materials.db and activity_*.mhd beside it; writes dose_gy.mhd and dose_gy_uncertainty.mhd
(relative, one standard deviation) on the same voxels. Research software: not for clinical decisions.
"""

import json
import sys
from pathlib import Path

import itk
import opengate as gate

HERE = Path(__file__).resolve().parent


def build(threads=1):
    case = json.loads((HERE / "case.json").read_text())
    mm, m, MeV = gate.g4_units.mm, gate.g4_units.m, gate.g4_units.MeV
    simulation = gate.Simulation()
    simulation.number_of_threads = threads
    simulation.random_seed = case["seed"]
    simulation.output_dir = str(HERE)
    simulation.progress_bar = True

    simulation.world.size = [3 * m, 3 * m, 3 * m]
    simulation.world.material = "G4_AIR"
    simulation.volume_manager.add_material_database(str(HERE / "materials.db"))
    patient = simulation.add_volume("Image", "patient")
    patient.image = str(HERE / "density.mhd")
    patient.material = "G4_AIR"
    patient.voxel_materials = case["materials"]

    simulation.physics_manager.physics_list_name = case["physics_list"]
    simulation.physics_manager.set_production_cut("world", "all", 1 * m)
    simulation.physics_manager.set_production_cut("patient", "all", case["production_cut_mm"] * mm)

    for item in case["sources"]:
        source = simulation.add_source("VoxelSource", item["name"])
        source.attached_to = patient.name
        source.image = str(HERE / item["image"])
        source.particle = item["particle"]
        source.direction.type = "iso"
        source.energy.type = "spectrum_discrete"
        source.energy.spectrum_energies = [e * MeV for e in item["energies_mev"]]
        source.energy.spectrum_weights = item["weights"]
        source.n = max(1, round(item["n"] / threads))

    dose = simulation.add_actor("DoseActor", "dose")
    dose.attached_to = patient.name
    dose.size = case["size"]
    dose.spacing = [s * mm for s in case["spacing_mm"]]
    dose.output_filename = "simulated.mhd"
    dose.dose.active = True
    dose.dose_uncertainty.active = True
    statistics = simulation.add_actor("SimulationStatisticsActor", "statistics")
    statistics.output_filename = "statistics.txt"
    return simulation, dose, case


def main():
    simulation, dose, case = build(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    simulation.run()
    for output, name, scale in (
        (dose.dose, "dose_gy", case["scale_to_all_decays"]),
        (dose.dose_uncertainty, "dose_gy_uncertainty", 1.0),
    ):
        image = itk.imread(str(output.get_output_path()))
        scaled = itk.image_from_array(itk.array_from_image(image).astype("float32") * scale)
        scaled.CopyInformation(image)
        itk.imwrite(scaled, str(HERE / (name + ".mhd")))


if __name__ == "__main__":
    main()
'''

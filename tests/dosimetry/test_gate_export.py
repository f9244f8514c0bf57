"""The exported GATE 10 simulation: valid Python, opengate's names, and the data of the same case."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import numpy as np
import pytest
from by_path import load

from neorlt.core.errors import InputError
from neorlt.dosimetry.gate_export import export_gate
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.nuclides.nuclide import get_nuclide

API = json.loads((Path(__file__).parents[1] / "data" / "opengate" / "names.json").read_text())


def _case() -> tuple[list[Volume], Volume]:
    grid = Grid((7, 6, 5), np.diag([4.0, 4.0, 5.0, 1.0]), "1.2.3")
    rng = np.random.default_rng(3)
    maps = [Volume(rng.random(grid.shape), grid, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide=n) for n in ("Lu-177", "Y-90")]
    density = np.full(grid.shape, 1.04, np.float32)
    density[0], density[1], density[2] = 0.0012, 0.27, 1.7
    return maps, Volume(density, grid, Unit.G_PER_CM3, "CT")


@pytest.fixture
def written(tmp_path: Path) -> Path:
    maps, density = _case()
    names = export_gate(maps, tmp_path, density=density, n_decays=1e5, seed=7)
    assert sorted(names) == sorted(p.name for p in tmp_path.iterdir())
    return tmp_path


def _image(path: Path) -> np.ndarray:
    header = dict(line.split(" = ", 1) for line in path.read_text().splitlines())
    shape = tuple(map(int, header["DimSize"].split()))
    return np.frombuffer((path.parent / header["ElementDataFile"]).read_bytes(), "<f4").reshape(shape, order="F")


def test_script_is_python_and_uses_only_names_that_opengate_has(written: Path) -> None:
    """Names of the classes, of their parameters and of the modules' functions were read from opengate 10.1.1."""
    source = (written / "simulate.py").read_text()
    tree = ast.parse(source)
    compile(source, "simulate.py", "exec")
    owners = {
        "simulation": "Simulation", "patient": "ImageVolume", "source": "VoxelSource", "dose": "DoseActor",
        "statistics": "SimulationStatisticsActor",
    }  # fmt: skip
    seen: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in owners:
            assert node.attr in API[owners[node.value.id]], f"{owners[node.value.id]} has no {node.attr}"
            seen.add(owners[node.value.id])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr in API["parts"]:
            assert node.attr in API["parts"][node.value.attr], f"{node.value.attr} has no {node.attr}"
    assert seen == set(owners.values())
    kinds = re.findall(r'add_(volume|source|actor)\("(\w+)"', source)
    assert all(kind in API["types"][what] for what, kind in kinds)
    assert len(kinds) == 4


def test_data_are_the_case(written: Path) -> None:
    maps, density = _case()
    case = json.loads((written / "case.json").read_text())
    assert np.array_equal(_image(written / "density.mhd"), density.array)
    assert np.array_equal(_image(written / "activity_Y-90.mhd"), maps[1].array)
    assert case["size"] == [7, 6, 5]
    assert case["spacing_mm"] == [4.0, 4.0, 5.0]
    total = sum(float(m.array.sum(dtype=np.float64)) for m in maps) * 0.08 * 3.6e9
    assert case["decays_in_all"] == pytest.approx(total, rel=1e-6)
    assert case["scale_to_all_decays"] == pytest.approx(total / 1e5, rel=1e-6)
    for one in maps:
        nuclide = get_nuclide(str(one.nuclide))
        share = float(one.array.sum(dtype=np.float64)) / sum(float(m.array.sum(dtype=np.float64)) for m in maps)
        energy = {
            item["particle"]: item["n"] * float(np.dot(item["energies_mev"], item["weights"]))
            for item in case["sources"] if item["name"].startswith(str(one.nuclide))
        }  # fmt: skip
        assert energy["e-"] / (1e5 * share) == pytest.approx(nuclide.electron_energy_mev, rel=0.001)
        assert energy["gamma"] / (1e5 * share) == pytest.approx(nuclide.photon_energy_mev, rel=0.02, abs=2e-6)  # n is whole
        assert all(abs(sum(item["weights"]) - 1) < 1e-9 for item in case["sources"])


def test_every_voxel_has_one_material_of_nearly_its_density(written: Path) -> None:
    case = json.loads((written / "case.json").read_text())
    database = dict(re.findall(r"^(\w+): d=([\d.]+) g/cm3", (written / "materials.db").read_text(), re.M))
    image = _image(written / "density.mhd")
    given = np.zeros(image.shape)
    for low, high, name in case["materials"]:
        inside = (image >= low) & (image < high)
        assert not given[inside].any()
        given[inside] = float(database[name])
    assert np.allclose(given, image, rtol=0.02)
    assert {row[2].split("_")[0] for row in case["materials"]} == {"Air", "Lung", "Water", "Bone"}
    for block in re.findall(r"n=(\d+)\n((?: +\+el:.*\n)+)", (written / "materials.db").read_text()):
        shares = list(map(float, re.findall(r"f=([\d.]+)", block[1])))
        assert len(shares) == int(block[0])
        assert sum(shares) == pytest.approx(1.0, abs=0.002)


def test_alphas_of_a_chain_are_sources_too(tmp_path: Path) -> None:
    tia = _case()[0][0]
    export_gate(Volume(tia.array, tia.grid, tia.unit, "NM", nuclide="Ac-225"), tmp_path)
    case = json.loads((tmp_path / "case.json").read_text())
    alpha = next(item for item in case["sources"] if item["particle"] == "alpha")
    assert alpha["n"] / case["decays_simulated"] == pytest.approx(4.0, rel=0.02)  # 225Ac, 221Fr, 217At, then 213Bi or 213Po


def test_refusals(tmp_path: Path) -> None:
    maps, density = _case()
    with pytest.raises(InputError, match="needs time-integrated activity"):
        export_gate(maps[0].with_array(-maps[0].array), tmp_path)
    with pytest.raises(InputError, match="another unit"):
        export_gate(maps, tmp_path, density=maps[0])


def test_opengate_builds_the_simulation(written: Path) -> None:
    """Where opengate is installed, its own objects take every setting (Geant4 is not run)."""
    pytest.importorskip("opengate", reason="opengate is not installed")
    simulation, dose, case = load(written / "simulate.py").build()
    assert len(simulation.source_manager.sources) == len(case["sources"])
    assert list(dose.size) == case["size"]

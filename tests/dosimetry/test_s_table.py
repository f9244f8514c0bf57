"""S-value tables of the user: read in both layouts, checked, scaled, named. The tables here are invented, with true energies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.dosimetry.s_table import read_s_table, with_table
from neorlt.dosimetry.s_values import RegionSValues
from neorlt.nuclides.nuclide import get_nuclide

MASS = {"Liver": 1800.0, "Spleen": 150.0, "Kidneys": 310.0}
MEV_TO_MGY_G = 0.1602176634


def _s(target: str, source: str) -> float:
    """All electrons and 12 % of the photons stay at home; a symmetric specific fraction crosses over."""
    lutetium = get_nuclide("Lu-177")
    if target == source:
        return MEV_TO_MGY_G * (lutetium.electron_energy_mev + 0.12 * lutetium.photon_energy_mev) / MASS[target]
    return MEV_TO_MGY_G * lutetium.photon_energy_mev * 5e-6


def _matrix(factor: float = 1.0, unit: str = "mGy/MBq-s", swap: bool = False) -> str:
    rows = [f"# nuclide: Lu-177\n# phantom: invented adult\n# unit: {unit}\n" + ",".join(["Target", *MASS, "mass_g"])]
    for target in MASS:
        values = [_s(target, source) * factor * (40.0 if swap and target < source else 1.0) for source in MASS]
        rows.append(",".join([target, *map(repr, values), str(MASS[target])]))
    return "\n".join(rows) + "\n"


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_matrix_and_list_say_the_same(tmp_path: Path) -> None:
    matrix = read_s_table(_write(tmp_path / "olinda.csv", _matrix()))
    rows = ["Target region;Source region;S value (Gy/(Bq·s));mass_g"]
    rows += [f"{t};{s};{_s(t, s) * 1e-9!r};{MASS[t]}" for t in MASS for s in MASS]
    listed = read_s_table(_write(tmp_path / "opendose.csv", "\n".join(rows)), nuclide="177Lu")
    assert matrix.targets == listed.targets == tuple(MASS)
    assert np.allclose(matrix.s_mgy_per_mbq_s, listed.s_mgy_per_mbq_s, rtol=1e-9)
    assert "olinda.csv (matrix, invented adult, SHA-256 " in matrix.label
    assert "opendose.csv (list, " in listed.label
    assert any("reciprocity: 3 pairs, median difference 0.0%" in note for note in matrix.notes)
    assert any(note.startswith("energy:") for note in matrix.notes)


def test_masses_from_a_second_file_and_one_source_from_a_line(tmp_path: Path) -> None:
    masses = _write(tmp_path / "masses.csv", "organ,mass_g\n" + "\n".join(f"{k.lower()},{v}" for k, v in MASS.items()))
    text = "# source: Liver\ntarget,S (mGy/MBq.s)\n" + "\n".join(f"{t},{_s(t, 'Liver')!r}" for t in MASS)
    table = read_s_table(_write(tmp_path / "one.csv", text), nuclide="Lu-177", masses=masses)
    assert table.sources == ("Liver",)
    assert table.value("liver", "liver", 1800.0) == pytest.approx(_s("Liver", "Liver"))
    with pytest.raises(InputError, match="organs have no mass"):
        read_s_table(tmp_path / "one.csv", nuclide="Lu-177")


def test_scaling_with_the_patient_s_mass(tmp_path: Path) -> None:
    table = read_s_table(_write(tmp_path / "t.csv", _matrix()))
    lutetium = get_nuclide("Lu-177")
    heavy = table.value("Spleen", "Spleen", 600.0)
    # Electrons a quarter; photons 4^(-2/3). A few electrons leave a sphere of 150 g.
    expected = MEV_TO_MGY_G / 150.0 * (lutetium.electron_energy_mev / 4 + 0.12 * lutetium.photon_energy_mev / 4 ** (2 / 3))
    assert heavy == pytest.approx(expected, rel=0.005)
    assert table.value("liver", "spleen", 600.0) == pytest.approx(_s("Liver", "Spleen"))
    one, pair = table.value("left kidney", "left kidney", 155.0), table.value("kidneys", "kidneys", 310.0)
    assert one is not None
    assert pair is not None
    assert 1.9 < one / pair < 2.0
    assert table.value("kidney_right", "kidney_right", 155.0) == one
    assert table.value("left kidney", "right kidney", 155.0) is None
    assert table.value("tumour", "tumour", 10.0) is None


def test_a_table_takes_the_place_of_our_values_and_is_named(tmp_path: Path) -> None:
    table = read_s_table(_write(tmp_path / "t.csv", _matrix()))
    ours = RegionSValues(np.full((3, 4), 7.0))
    names, mass = ["liver", "lesion 1", "spleen"], np.array([1500.0, 20.0, 180.0])
    found = with_table(ours, table, names, mass)
    assert found.s_gy_per_mbq_h[0, 0] == pytest.approx(3.6 * float(table.value("liver", "liver", 1500.0) or 0))
    assert found.s_gy_per_mbq_h[0, 2] == pytest.approx(3.6 * _s("Liver", "Spleen"))
    assert np.all(found.s_gy_per_mbq_h[1] == 7.0)
    assert np.all(found.s_gy_per_mbq_h[:, 3] == 7.0)
    assert "S-values from t.csv" in found.method_of(0)
    assert "1500 g" in found.method_of(0)
    assert found.method_of(1) == ours.method


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (_matrix(unit="rad/uCi-h"), "unit of the S-values is unknown"),
        (_matrix(factor=1.3), "more energy than the nuclide emits"),
        (_matrix(factor=0.5), "below what the electrons alone give"),
        (_matrix(swap=True), "break reciprocity"),
        (_matrix(factor=-1.0), "below 0"),
        (_matrix().replace("# nuclide: Lu-177\n", ""), "does not name its nuclide"),
        (_matrix().replace(",mass_g", "").replace(",1800.0", "").replace(",150.0", "").replace(",310.0", ""), "organs have no mass"),
        (_matrix().replace("310.0", "many"), "not a number"),
        ("# nuclide: Lu-177\nhello\n", "empty"),
        ("# nuclide: Lu-177\nhello\nworld\n", "neither a matrix nor a list"),
        ("# nuclide: Lu-177\ntarget,source,S (mGy/MBq-s)\nLiver,Liver,1\nLiver,Liver,2\n", "stands twice"),
        ("# nuclide: Lu-177\ntarget,S (mGy/MBq-s)\nLiver,1\n", "does not name its source"),
    ],
)
def test_refusals(tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        read_s_table(_write(tmp_path / "bad.csv", text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_s_table(tmp_path / "nowhere.csv", nuclide="Lu-177")

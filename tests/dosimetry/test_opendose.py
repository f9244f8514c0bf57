"""S-values as OpenDose, MIRDcalc and OLINDA shape them: overlapping targets, other words for an organ.

All values are invented, with true energies.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from neorlt.core.errors import InputError
from neorlt.dosimetry.organ_names import contains, disjoint, words_of
from neorlt.dosimetry.s_table import read_s_table, used_for
from neorlt.nuclides.nuclide import get_nuclide

MEV_TO_MGY_G = 0.1602176634
PARTS = {"Left kidney cortex": 110.0, "Left kidney medulla": 40.0, "Left kidney pelvis": 5.0}
KIDNEY = sum(PARTS.values())
TARGETS = {
    "Left kidney C+M+P": KIDNEY, **PARTS, "Right kidney C+M+P": 150.0, "Kidneys": KIDNEY + 150.0, "Liver": 1800.0, "Total body": 73000.0,
}  # fmt: skip


MASSES = {**TARGETS, "Osteogenic Cells": 120.0}


def _energy_mev(target: str, source: str) -> float:
    """All electrons and 30 % of the photons in a source's own organ, a symmetric fraction of photons per gram elsewhere."""
    lutetium = get_nuclide("Lu-177")
    electron, photon = lutetium.electron_energy_mev, lutetium.photon_energy_mev
    own = electron + 0.3 * photon
    if target == "Total body":
        return electron + 0.6 * photon
    if target == source or (target == "Kidneys" and "kidney" in source):
        return own
    if target in PARTS and source.startswith("Left kidney"):
        return own * PARTS[target] / KIDNEY
    if target == "Left kidney C+M+P" and source == "Left kidney cortex":
        return own
    return 5e-6 * photon * MASSES[target]


def _rows(source: str, factor: float = 1.0) -> list[list[str]]:
    return [
        [target, f"{factor * MEV_TO_MGY_G * _energy_mev(target, source) / mass:.6e}", "0.1 %", f"{mass:g}"]
        for target, mass in TARGETS.items()
    ]


def test_opendose_json_is_read_and_overlapping_targets_count_once(tmp_path: Path) -> None:
    (tmp_path / "lu177_left kidney c+m+p.json").write_text(json.dumps(_rows("Left kidney C+M+P")))
    (tmp_path / "lu177_liver.json").write_text(json.dumps(_rows("Liver")))
    table = read_s_table(tmp_path)
    assert table.nuclide == "Lu-177" and set(table.sources) == {"Left kidney C+M+P", "Liver"}
    # summed over all rows the kidney's energy would count three times
    assert any("Total body" in note and "Kidneys" in note for note in table.notes)
    expected = MEV_TO_MGY_G * _energy_mev("Left kidney C+M+P", "Left kidney C+M+P") / KIDNEY
    for name in ("kidney-left", "left kidney", "Kidney, left", "L kidney"):
        assert table.value(name, name, KIDNEY) == pytest.approx(expected, rel=1e-5)
    assert table.value("liver", "kidney-left", 1500.0) is not None
    used = used_for(table, ["kidney-left", "liver", "primary"], [150.0, 1500.0, 20.0])
    assert used[0] == "used for: kidney-left (Left kidney C+M+P), liver (Liver)"
    assert "not found in the table, ours used: primary" in used[1]
    one = read_s_table(tmp_path / "lu177_liver.json")
    assert one.sources == ("Liver",)


def test_energy_beyond_the_emitted_is_refused_per_target_and_per_partition(tmp_path: Path) -> None:
    file = tmp_path / "lu177_liver.json"
    file.write_text(json.dumps(_rows("Liver", 1.35)))
    with pytest.raises(InputError, match="more energy than the nuclide emits"):
        read_s_table(file)
    rows = _rows("Liver")
    rows[-1][1] = f"{5 * float(rows[-1][1]):.6e}"  # the whole body alone, left out of the sum of parts
    file.write_text(json.dumps(rows))
    with pytest.raises(InputError, match="in Total body"):
        read_s_table(file)


def test_olinda_matrix_in_msv_with_kidneys_together(tmp_path: Path) -> None:
    organs = {"Kidneys": 310.0, "Liver": 1800.0, "Osteogenic Cells": 120.0, "Total Body": 73000.0}
    lines = ["# nuclide: Lu-177", "# unit: mSv/MBq-s", "Target Organ,Kidneys,Liver,mass_g"]
    for target, mass in organs.items():
        values = [MEV_TO_MGY_G * _energy_mev("Total body" if "Body" in target else target, s) / mass for s in ("Kidneys", "Liver")]
        lines.append(f"{target},{values[0]!r},{values[1]!r},{mass}")
    file = tmp_path / "olinda.csv"
    file.write_text("\n".join(lines))
    table = read_s_table(file)
    assert table.value("kidney-right", "kidney-right", 155.0) == pytest.approx(2 * table.value("Kidneys", "Kidneys", 310.0), rel=0.06)  # type: ignore[operator]
    assert any("Osteogenic Cells" in note for note in table.notes)


@pytest.mark.parametrize("content", ["{}", "[]", '[["Liver", "x"]]', "nonsense"])
def test_other_json_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "lu177_liver.json"
    file.write_text(content)
    with pytest.raises(InputError, match="JSON"):
        read_s_table(file)


def test_names() -> None:
    assert words_of("Left kidney C+M+P") == words_of("kidney-left") == words_of("L Kidney") == {"left", "kidney"}
    assert contains("Kidneys", "Left kidney cortex") and contains("Total body", "Liver") and not contains("Liver", "Kidneys")
    names = tuple(TARGETS)
    assert [names[i] for i in disjoint(names)] == [*PARTS, "Right kidney C+M+P", "Liver"]

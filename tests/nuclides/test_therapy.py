"""Therapy nuclides are a registry; alphas are refused where betas are meant; kernels say what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from neorlt.core.errors import InputError
from neorlt.jobs.crossfire import crossfire_command
from neorlt.jobs.kernel import kernel_command
from neorlt.jobs.kinetics import from_pet
from neorlt.nuclides.therapy import TherapyNuclide, register_therapy, therapy_nuclide, therapy_nuclides
from neorlt.nuclides.user import read_nuclide

FILE = """
name = "{name}"
half_life_h = 60.0
source = "made up for a test"
beta_per_decay = 1.0
gamma = [[0.1, 0.1]]
[[beta_minus]]
endpoint_mev = 0.9
per_decay = 1.0
daughter_z = 63
[therapy]
activity_gbq = {activity}
source = "a test"
"""


def test_a_toml_file_adds_a_therapy_nuclide(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text(FILE.format(name="Sm-953", activity=3.0))
    read_nuclide(file)
    assert therapy_nuclides() == ("Lu-177", "Y-90", "Sm-953")
    assert therapy_nuclide("953Sm") == TherapyNuclide("Sm-953", 3.0, "a test")


def test_a_bad_therapy_table_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "new.toml"
    file.write_text(FILE.format(name="Sm-954", activity='"much"'))
    with pytest.raises(InputError, match=r"\[therapy\] cannot be read"):
        read_nuclide(file)


@pytest.mark.parametrize("name", ["Ac-225", "Pb-212"])
def test_alpha_emitters_are_refused_by_name(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} gives alphas"):
        register_therapy(TherapyNuclide(name, 0.01, "a test"))
    with pytest.raises(InputError, match=f"{name} gives alphas"):
        from_pet([20.0], nuclide=name, volume_ml=[5.0])


def test_pet_assumes_each_nuclides_own_activity_and_says_so() -> None:
    yttrium = from_pet([20.0], nuclide="Y-90", volume_ml=[5.0], n_draws=50)
    assert yttrium["activity_gbq"] == 2.8 and yttrium["activity_from"].startswith("assumed")
    stated = from_pet([20.0], nuclide="Y-90", volume_ml=[5.0], activity_gbq=2.0, n_draws=50)
    assert stated["activity_gbq"] == 2.0 and stated["activity_from"] == "stated"


def test_an_alpha_chain_shows_no_let_of_its_electrons() -> None:
    rows = crossfire_command([10.0], ["Lu-177", "Ac-225"])["lesions"][0]["nuclides"]
    assert rows[0]["let_track_kev_per_um"] > 0.1 and "reason" not in rows[0]
    assert rows[1]["let_track_kev_per_um"] is None and "MeV of alphas" in rows[1]["reason"]
    assert rows[1]["charged_mev"][1] > 25.0


def test_kernel_holds_photons_unless_told_otherwise_and_says_which() -> None:
    both, electrons = kernel_command("Lu-177", 3.0, 1.04), kernel_command("Lu-177", 3.0, 1.04, photons=False)
    edge = "0,1,1"
    assert both["photons"] and not electrons["photons"]
    assert electrons["s_mgy_per_mbq_s"][edge] < 0.9 * both["s_mgy_per_mbq_s"][edge]
    assert "ENSDF" in both["notes"][0] and "left out" in electrons["notes"][0]
    assert both["energy_closure"] == pytest.approx(1.0, abs=1e-3)
    assert 0.85 < both["energy_listed"] < 1.0
    wider = kernel_command("Lu-177", 3.0, 1.04, reach_mm=90.0)
    assert wider["energy_listed"] > both["energy_listed"]
    with pytest.raises(InputError, match="reach"):
        kernel_command("Lu-177", 3.0, 1.04, reach_mm=0.0)

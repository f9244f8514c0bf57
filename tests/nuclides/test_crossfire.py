"""Cross-fire and LET: the numbers behind "90Y or 177Lu for this lesion?"."""

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.jobs.crossfire import crossfire_command
from neorlt.jobs.kernel import kernel_command
from neorlt.jobs.sphere import sphere_command
from neorlt.nuclides.crossfire import answer_for_lesion, kidney_per_tumour_ratio
from neorlt.nuclides.stopping import beta_ranges_mm, collision_stopping_power, electron_let

DIAMETERS_MM = (2.0, 5.0, 10.0, 20.0, 60.0)


@pytest.mark.parametrize(("name", "track"), [("Lu-177", 0.47), ("Y-90", 0.23)])
def test_track_average_let_matches_an_independent_calculation(name, track):
    assert electron_let(name).track_average_kev_per_um == pytest.approx(track, rel=0.03)


def test_let_of_betas_is_low_and_lower_for_90y():
    lutetium, yttrium = electron_let("Lu-177"), electron_let("Y-90")
    assert yttrium.track_average_kev_per_um < lutetium.track_average_kev_per_um < 1.0
    assert yttrium.dose_average_kev_per_um == pytest.approx(0.32, rel=0.05)
    assert lutetium.dose_average_kev_per_um > lutetium.track_average_kev_per_um


@pytest.mark.parametrize(("name", "highest_mm", "mean_mm"), [("Lu-177", 1.76, 0.50), ("Y-90", 11.4, 5.66)])
def test_csda_ranges_match_an_independent_calculation(name, highest_mm, mean_mm):
    highest, mean = beta_ranges_mm(name)
    assert highest == pytest.approx(highest_mm, rel=0.02)
    assert mean == pytest.approx(mean_mm, rel=0.08)


def test_stopping_power_has_its_minimum_above_one_mev():
    energy = np.geomspace(0.01, 10, 200)
    stopping = collision_stopping_power(energy)
    assert 1.0 < energy[np.argmin(stopping)] < 2.5
    assert stopping.min() == pytest.approx(1.82, abs=0.02)


@pytest.mark.parametrize(("kidney_h", "tumour_h"), [(75.0, 250.0), (60.0, 200.0), (100.0, np.inf)])
def test_kidney_per_tumour_of_90y_over_177lu_falls_with_size_and_stays_above_one(kidney_h, tumour_h):
    ratio = kidney_per_tumour_ratio(DIAMETERS_MM, kidney_biological_half_life_h=kidney_h, tumour_biological_half_life_h=tumour_h)
    assert np.all(np.diff(ratio) < 0)
    assert np.all(ratio > 1)
    # The fall with size is physics alone, whatever the kinetics.
    known = np.array([5.9, 2.85, 1.84, 1.46, 1.27])
    assert np.allclose(ratio / ratio[-1], known / known[-1], rtol=0.07)


def test_answer_names_both_nuclides_with_their_trade():
    lutetium, yttrium = answer_for_lesion(5.0)
    assert (lutetium.nuclide, yttrium.nuclide) == ("Lu-177", "Y-90")
    assert yttrium.absorbed_fraction < 0.5 < 0.9 < lutetium.absorbed_fraction
    assert yttrium.r90_mm > 8 * lutetium.r90_mm
    assert yttrium.dose_rate_mgy_per_h_per_mbq > lutetium.dose_rate_mgy_per_h_per_mbq
    assert all(0.4 < a.edge_to_centre <= 0.5 for a in answer_for_lesion(60.0))


def test_commands_have_their_keys():
    sphere = sphere_command("177Lu", [1.0, 10.0])
    assert [set(row) for row in sphere["spheres"]] == [{"mass_g", "radius_mm", "s_mgy_per_mbq_s", "phi_electron"}] * 2
    kernel = kernel_command("Y-90", 4.8, 1.04)
    assert kernel["s_mgy_per_mbq_s"]["0,0,0"] > kernel["s_mgy_per_mbq_s"]["0,0,1"] > kernel["s_mgy_per_mbq_s"]["0,1,1"]
    assert kernel["energy_closure"] == pytest.approx(1.0, abs=0.005)
    assert kernel_command("Y-90", (2.0, 3.0, 4.0), 1.0)["voxel_mm"] == [2.0, 3.0, 4.0]
    crossfire = crossfire_command([10.0, 20.0])
    assert [row["diameter_mm"] for row in crossfire["lesions"]] == [10.0, 20.0]
    ratios = [[n["kidney_gy_per_tumour_gy_over_first"] for n in row["nuclides"]] for row in crossfire["lesions"]]
    assert [r[0] for r in ratios] == pytest.approx([1.0, 1.0])
    assert ratios[0][1] > ratios[1][1] > 1
    assert "assumption" in crossfire["label"]
    assert kernel_command("Y-90", 4.8, 1.04, medium="soft-tissue")["s_mgy_per_mbq_s"]["0,0,0"] < kernel["s_mgy_per_mbq_s"]["0,0,0"]


def test_a_user_s_nuclide_and_daughters_reach_the_commands(tmp_path):
    path = tmp_path / "alpha.toml"
    path.write_text('name = "Qq-250"\nhalf_life_h = 5.0\nsource = "invented"\nalpha = [[6.0, 1.0]]\n')
    row = sphere_command("Qq-250", [10.0], nuclide_file=path)["spheres"][0]
    assert row["s_mgy_per_mbq_s"] == pytest.approx(0.1602177 * 6.0 * 250 / 246 / 10.0, rel=1e-4)
    alone, chain = (sphere_command("Pb-212", [10.0], with_daughters=d) for d in (False, True))
    assert chain["spheres"][0]["s_mgy_per_mbq_s"] > 20 * alone["spheres"][0]["s_mgy_per_mbq_s"]
    assert chain["decays_per_parent"]["Po-212"] == pytest.approx(0.6406, abs=0.002)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_refusals(bad):
    with pytest.raises(InputError, match="diameter"):
        answer_for_lesion(bad)
    with pytest.raises(InputError, match="half-life"):
        kidney_per_tumour_ratio([10.0], kidney_biological_half_life_h=bad, tumour_biological_half_life_h=100.0)

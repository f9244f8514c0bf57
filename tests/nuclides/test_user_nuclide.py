"""Nuclides from a user's TOML file."""

import pytest

from neorlt.core.errors import InputError
from neorlt.nuclides.kernels import electron_point_kernel
from neorlt.nuclides.nuclide import get_nuclide, register_nuclide
from neorlt.nuclides.spheres import sphere_s_values
from neorlt.nuclides.user import read_nuclide

# 153Sm, rounded: endpoints and intensities of its three main branches.
GOOD = """
name = "{name}"
half_life_h = 46.5
source = "test"
beta_per_decay = 1.0
beta_mean_mev = 0.2236
gamma = [[0.1032, 0.298]]
conversion_electron = [[0.0548, 0.43]]
[[beta_minus]]
endpoint_mev = 0.635
per_decay = 0.32
daughter_z = 63
[[beta_minus]]
endpoint_mev = 0.705
per_decay = 0.50
daughter_z = 63
[[beta_minus]]
endpoint_mev = 0.808
per_decay = 0.18
daughter_z = 63
"""


def write(tmp_path, text):
    path = tmp_path / "nuclide.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_users_nuclide_works_everywhere(tmp_path, icrp107):
    nuclide = read_nuclide(write(tmp_path, GOOD.format(name="Sm-153")))
    assert get_nuclide("153Sm") is nuclide
    assert nuclide.beta_mev == pytest.approx(icrp107("Sm-153", "beta-"), rel=0.01)
    assert electron_point_kernel("Sm-153").total_mev == pytest.approx(nuclide.electron_energy_mev, rel=0.005)
    assert 0.9 < sphere_s_values("Sm-153", [10.0]).phi_electron[0] < 1.0


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("per_decay = 0.50", "per_decay = 0.30", "does not sum"),
        ("beta_per_decay = 1.0\n", "", "no number of betas"),
        ("beta_mean_mev = 0.2236", "beta_mean_mev = 0.30", "mean energy"),
        ("per_decay = 0.50", "per_decay = 50", "impossible intensity"),
        ("half_life_h = 46.5", "half_life_h = -1", "half_life_h"),
        ("half_life_h = 46.5\n", "", "lacks a key"),
        ("source =", "sauce =", "unknown key"),
        ("daughter_z = 63\n", "", "lacks a key"),
        ("[[0.1032, 0.298]]", "[[0.1032, 0.298, 3.0], [1.0]]", "not numbers"),
        ("[[0.1032, 0.298]]", "[[0.1032, -0.298]]", "none below 0"),
        ('name = "{name}"', 'name = "samarium"', "mass number"),
        ("half_life_h = 46.5", "half_life_h = ", "not valid TOML"),
    ],
)
def test_faulty_files_are_refused(tmp_path, old, new, match):
    assert old in GOOD
    text = GOOD.replace(old, new).format(name="Sm-254")
    with pytest.raises(InputError, match=match):
        read_nuclide(write(tmp_path, text))


def test_shipped_nuclides_cannot_be_replaced(tmp_path):
    with pytest.raises(InputError, match="cannot be replaced"):
        read_nuclide(write(tmp_path, GOOD.format(name="Lu-177")))
    with pytest.raises(InputError, match="cannot be replaced"):
        register_nuclide(get_nuclide("Y-90"))

"""What we make against independent Monte Carlo codes, decay data and published voxel tables."""

import csv
from pathlib import Path

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.nuclides.kernels import electron_point_kernel, photon_point_kernel
from neorlt.nuclides.nuclide import beta_shape, get_nuclide, list_nuclides, normalise_name
from neorlt.nuclides.spheres import s_from_energy, sphere_s_values
from neorlt.nuclides.voxels import voxel_s_values

REFERENCE = Path(__file__).parents[1] / "data" / "reference" / "physics"
THERAPY = ("Lu-177", "Y-90")


def rows(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", THERAPY)
def test_half_life_and_energies_match_icrp107(name):
    row = next(r for r in rows("decay_checks.csv") if r["nuclide"] == name)
    nuclide = get_nuclide(name)
    hours = float(row["half_life"]) * {"d": 24.0, "h": 1.0}[row["unit"]]
    assert nuclide.half_life_h == pytest.approx(hours, rel=0.003)
    assert nuclide.beta_mev == pytest.approx(float(row["E_MeV_per_decay_beta-"]), rel=0.003)
    electrons = sum(float(row[f"E_MeV_per_decay_{k}"]) for k in ("beta-", "IE", "auger"))
    assert nuclide.electron_energy_mev == pytest.approx(electrons, rel=0.01)


def test_unique_forbidden_shape_is_harder_than_the_allowed_one():
    energy = (np.arange(2000) + 0.5) / 2000 * 2.2785
    means = [float((energy * s).sum() / s.sum()) for s in (beta_shape(energy, 2.2785, 40, 90, unique) for unique in (False, True))]
    assert means[1] / means[0] - 1 == pytest.approx(0.006, abs=0.002)


@pytest.mark.parametrize("name", THERAPY)
def test_electron_kernel_conserves_energy(name):
    kernel = electron_point_kernel(name)
    nuclide = get_nuclide(name)
    assert np.all(np.diff(kernel.energy_mev) >= 0)
    # What is missing is bremsstrahlung: at most 1 % for 90Y, 0.2 % for 177Lu.
    missing = 1 - kernel.total_mev / nuclide.electron_energy_mev
    assert 0 < missing < {"Lu-177": 0.002, "Y-90": 0.01}[name]


def test_photon_kernel_deposits_all_in_an_infinite_medium():
    kernel = photon_point_kernel("Lu-177")
    assert kernel.total_mev == pytest.approx(get_nuclide("Lu-177").photon_energy_mev, rel=0.005)


@pytest.mark.parametrize(("name", "tolerance"), [("Lu-177", 0.01), ("Y-90", 0.015)])
def test_spheres_match_independent_monte_carlo(name, tolerance):
    reference = [r for r in rows("sphere_s_values.csv") if r["nuclide"] == name and 0.5 <= float(r["mass_g"]) <= 100]
    assert len(reference) == 8
    result = sphere_s_values(name, [float(r["mass_g"]) for r in reference])
    expected = np.array([float(r["S_mGy_per_MBq_s"]) for r in reference])
    assert np.max(np.abs(result.s_mgy_per_mbq_s / expected - 1)) < tolerance


@pytest.mark.parametrize("name", [
    pytest.param("Lu-177", marks=pytest.mark.xfail(strict=True, reason="edge voxel 6 % below the three-code mean: tail of the kernel")),
    "Y-90",
])
def test_voxels_of_4p8_mm_match_three_codes(name):
    kernel = voxel_s_values(name, 4.8, 1.04, photons=name == "Lu-177").s_mgy_per_mbq_s
    c = [n // 2 for n in kernel.shape]
    ours = {"self": kernel[c[0], c[1], c[2]], "face": kernel[c[0], c[1], c[2] + 1], "edge": kernel[c[0], c[1] + 1, c[2] + 1]}
    for row in rows("voxel_s_values_4p8mm.csv"):
        if row["nuclide"] == name:
            mean = np.mean([float(row[k]) for k in ("S_ompMC", "S_independent", "S_pyRadMC")])
            assert ours[row["position"]] == pytest.approx(mean, rel=0.04 if row["position"] == "edge" else 0.015), row["position"]


@pytest.mark.xfail(strict=True, reason="8 % where S is near 1e-3 of the self voxel: bremsstrahlung photons are not in the kernel")
def test_90y_tables_of_lanconelli_2012():
    table = rows("voxel_s_values_lanconelli2012_Y-90.csv")
    sizes = sorted({float(r["voxel_mm"]) for r in table})
    worst = {}
    for size in sizes:
        part = {(int(r["i"]), int(r["j"]), int(r["k"])): float(r["S_mGy_per_MBq_s"]) for r in table if float(r["voxel_mm"]) == size}
        kernel = voxel_s_values("Y-90", size, 1.04, photons=False).s_mgy_per_mbq_s
        c = [n // 2 for n in kernel.shape]
        floor = 1e-3 * part[(0, 0, 0)]
        worst[size] = max(
            abs(kernel[c[0] + i, c[1] + j, c[2] + k] / value - 1) for (i, j, k), value in part.items() if value > floor
        )
    assert max(worst.values()) < 0.025, worst


@pytest.mark.parametrize("voxel", [1.0, 4.0, 10.0, (2.0, 3.0, 5.0)])
@pytest.mark.parametrize("name", THERAPY)
def test_voxel_kernel_closes_and_is_symmetric(name, voxel):
    kernel = voxel_s_values(name, voxel, photons=False)
    assert abs(kernel.energy_closure - 1) < 0.005
    for axis in range(3):
        assert np.allclose(kernel.s_mgy_per_mbq_s, np.flip(kernel.s_mgy_per_mbq_s, axis))


def test_density_scales_range_and_mass():
    thin, water = (voxel_s_values("Y-90", v, d, photons=False).s_mgy_per_mbq_s for v, d in ((8.0, 0.5), (4.0, 1.0)))
    assert thin.shape == water.shape
    assert np.allclose(thin * 4.0, water, rtol=1e-6)


def test_dose_of_a_big_sphere_tends_to_all_electrons_absorbed():
    result = sphere_s_values("Lu-177", [1e5])
    assert result.phi_electron[0] == pytest.approx(1.0, abs=0.005)
    assert s_from_energy(1.0, 1.0) == pytest.approx(0.1602, rel=1e-3)


def test_names_and_refusals():
    assert {normalise_name(n) for n in ("177Lu", "Lu177", "[177Lu]", "lu-177", "LU-177")} == {"Lu-177"}
    with pytest.raises(InputError, match="unknown nuclide"):
        get_nuclide("Xx-1")
    assert "Ga-68" in list_nuclides()
    with pytest.raises(InputError, match="only its half-life"):
        electron_point_kernel("Ga-68")
    with pytest.raises(InputError, match="above 0 g"):
        sphere_s_values("Lu-177", [0.0])
    with pytest.raises(InputError, match="voxel edge"):
        voxel_s_values("Lu-177", 100.0)

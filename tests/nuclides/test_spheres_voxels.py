"""Sphere and voxel S-values against independent Monte Carlo codes and a published table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.nuclides.kernels import PointKernel, electron_point_kernel
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spheres import s_from_energy, sphere_s_values
from neorlt.nuclides.voxels import MEDIA, VoxelKernel, _deposit, voxel_s_values

THERAPY = ("Lu-177", "Y-90")


@pytest.mark.parametrize(("name", "tolerance"), [("Lu-177", 0.01), ("Y-90", 0.015)])
def test_spheres_match_independent_monte_carlo(name, tolerance, reference):
    rows = [r for r in reference("sphere_s_values.csv") if r["nuclide"] == name and 0.5 <= float(r["mass_g"]) <= 100]
    assert len(rows) == 8
    result = sphere_s_values(name, [float(r["mass_g"]) for r in rows])
    expected = np.array([float(r["S_mGy_per_MBq_s"]) for r in rows])
    assert np.max(np.abs(result.s_mgy_per_mbq_s / expected - 1)) < tolerance


def _three_code_errors(name, reference, electrons: float, photons: float) -> dict[str, float]:
    """Ours over the three-code mean - 1 by position, with our electron and photon parts scaled by these factors."""
    alone, both = (voxel_s_values(name, 4.8, 1.04, photons=p).s_mgy_per_mbq_s for p in (False, True))
    places = {"self": (0, 0, 0), "face": (0, 0, 1), "edge": (0, 1, 1)}
    rows = [r for r in reference("voxel_s_values_4p8mm.csv") if r["nuclide"] == name]
    assert {r["position"] for r in rows} == set(places)
    out = {}
    for row in rows:
        at = places[row["position"]]
        part, whole = (float(k[tuple(n // 2 + o for n, o in zip(k.shape, at, strict=True))]) for k in (alone, both))
        mean = np.mean([float(row[k]) for k in ("S_ompMC", "S_independent", "S_pyRadMC")])
        out[row["position"]] = (electrons * part + photons * (whole - part)) / mean - 1
    return out


@pytest.mark.parametrize("name", THERAPY)
def test_voxels_of_4p8_mm_match_three_codes_given_their_emissions(name, reference, icrp107):
    """The three codes ran with ICRP 107 emissions, 4.8 % more photon energy for 177Lu than ENSDF: transport alone is compared."""
    nuclide = get_nuclide(name)
    electrons = icrp107(name, "beta-", "IE", "auger") / nuclide.electron_energy_mev
    photons = icrp107(name, "gamma", "X") / nuclide.photon_energy_mev if name == "Lu-177" else 1.0
    errors = _three_code_errors(name, reference, electrons, photons)
    assert abs(errors["self"]) < 0.015
    assert abs(errors["face"]) < 0.015
    assert abs(errors["edge"]) < 0.04


@pytest.mark.parametrize("name", [
    pytest.param("Lu-177", marks=pytest.mark.xfail(strict=True, reason="edge 5.3 % low with ENSDF's gammas (208 keV: 10.4 % per decay)")),
    "Y-90",
])
def test_voxels_of_4p8_mm_match_three_codes_with_our_emissions(name, reference):
    errors = _three_code_errors(name, reference, 1.0, 1.0)
    assert all(abs(error) < (0.04 if place == "edge" else 0.015) for place, error in errors.items()), errors


def _against_lanconelli(reference, medium: str) -> list[tuple[float, float]]:
    """(distance in mm, our S over theirs - 1) where S is above 1e-3 of the self voxel."""
    table = reference("voxel_s_values_lanconelli2012_Y-90.csv")
    out = []
    for size in sorted({float(r["voxel_mm"]) for r in table}):
        part = {(int(r["i"]), int(r["j"]), int(r["k"])): float(r["S_mGy_per_MBq_s"]) for r in table if float(r["voxel_mm"]) == size}
        kernel = voxel_s_values("Y-90", size, 1.04, medium=medium).s_mgy_per_mbq_s
        c = [n // 2 for n in kernel.shape]
        for (i, j, k), value in part.items():
            if value > 1e-3 * part[(0, 0, 0)]:
                distance = size * (i * i + j * j + k * k) ** 0.5
                out.append((distance, float(kernel[c[0] + i, c[1] + j, c[2] + k]) / value - 1))
    return out


def test_90y_tables_of_lanconelli_2012_up_to_6_mm(reference):
    near = [error for distance, error in _against_lanconelli(reference, "water") if distance < 6.0]
    assert len(near) >= 8
    assert max(map(abs, near)) < 0.025


def test_90y_tables_of_lanconelli_2012_everywhere_in_their_medium(reference):
    """The tables are of soft tissue, whose 1 % fewer electrons per gram lengthen the ranges: in water the tail is up to 7 % lower."""
    tissue, water = (_against_lanconelli(reference, medium) for medium in ("soft-tissue", "water"))
    assert len(tissue) == 18
    assert max(abs(error) for _, error in tissue) < 0.025
    assert min(error for distance, error in water if distance > 7.0) < -0.06


def test_electrons_per_gram_of_soft_tissue_follow_from_its_composition():
    """Another road than the shipped ratio: sum of Z/A over ICRU's four components."""
    parts = {(1, 1.008): 0.101174, (6, 12.011): 0.111, (7, 14.007): 0.026, (8, 15.999): 0.761826}
    ratio = sum(w * z / a for (z, a), w in parts.items()) / (10 / 18.0153)
    assert pytest.approx(ratio, rel=2e-4) == MEDIA["soft-tissue"]
    with pytest.raises(InputError, match="unknown medium"):
        voxel_s_values("Y-90", 4.0, medium="bone")


def test_daughters_add_their_energy_to_the_voxel_kernel():
    """Per decay of 225Ac the whole chain deposits its alphas and electrons: far more than 225Ac alone."""
    alone, chain = (voxel_s_values("Ac-225", 4.0, photons=False, with_daughters=d) for d in (False, True))
    mass = 1.04 * 0.064
    for kernel, expected in ((alone, 5.892 + 0.025), (chain, 27.99 + 0.69)):  # ICRP 107, recoils included
        assert kernel.s_mgy_per_mbq_s.sum() * mass == pytest.approx(0.1602 * expected, rel=0.01)
    same = [voxel_s_values("Lu-177", 4.0, with_daughters=d).s_mgy_per_mbq_s for d in (False, True)]
    assert np.array_equal(*same)


def test_our_90y_tail_lies_between_the_published_table_and_an_independent_kernel(reference):
    """The (2,2,2) voxel at 2.21 mm, 7.7 mm away: the independent kernel integrated in our way is lower still than ours."""
    rows = reference("dose_point_kernels/Y-90.csv")
    middle = np.array([float(r["r_mm"]) for r in rows])
    edge = np.concatenate([[0.0], middle + 0.5 * (middle[1] - middle[0])]) / 10.0
    energy = np.concatenate([[0.0], [float(r["cumulative_fraction"]) for r in rows]]) * electron_point_kernel("Y-90").total_mev
    size, half = np.full(3, 2.21), np.full(3, 5)
    independent = s_from_energy(_deposit(PointKernel("Y-90", edge, energy), size, 1.04, half), 1.04 * 2.21**3 / 1000)[7, 7, 7]
    ours = voxel_s_values("Y-90", 2.21, 1.04, photons=False).s_mgy_per_mbq_s
    published = next(float(r["S_mGy_per_MBq_s"]) for r in reference("voxel_s_values_lanconelli2012_Y-90.csv")
                     if float(r["voxel_mm"]) == 2.21 and (r["i"], r["j"], r["k"]) == ("2", "2", "2"))
    assert independent < float(ours[tuple(n // 2 + 2 for n in ours.shape)]) < published


@pytest.mark.parametrize("voxel", [1.0, 4.0, 10.0, (2.0, 3.0, 5.0)])
@pytest.mark.parametrize("name", [*THERAPY, "Ga-68", "Tb-161"])
def test_voxel_kernel_closes_and_is_symmetric(name, voxel):
    kernel = voxel_s_values(name, voxel, photons=False)
    values = kernel.s_mgy_per_mbq_s
    mass = 1.04 * float(np.prod(kernel.voxel_mm)) / 1000
    assert abs(kernel.energy_closure - 1) < 0.005
    assert values.sum() * mass == pytest.approx(float(s_from_energy(electron_point_kernel(name).total_mev, 1.0)), rel=0.005)
    for axis in range(3):
        assert np.allclose(values, np.flip(values, axis))
    if not isinstance(voxel, tuple):
        assert np.allclose(values, values.transpose(1, 2, 0))


def test_coarse_voxels_are_sums_of_fine_ones():
    """S(2a) at the source is the mean over fine source and target voxels inside the coarse one: another road."""
    fine = voxel_s_values("Y-90", 2.0, photons=False).s_mgy_per_mbq_s
    c = [n // 2 for n in fine.shape]
    offsets = (-1, 0, 0, 1)  # differences of two cells of a pair: -1 once, 0 twice, 1 once
    coarse = sum(fine[c[0] + i, c[1] + j, c[2] + k] for i in offsets for j in offsets for k in offsets) / 64
    direct = voxel_s_values("Y-90", 4.0, photons=False).s_mgy_per_mbq_s
    assert direct[tuple(n // 2 for n in direct.shape)] == pytest.approx(coarse, rel=0.004)


def test_photons_fall_with_the_square_of_the_distance_and_are_counted():
    with_photons, without = voxel_s_values("Lu-177", 4.8), voxel_s_values("Lu-177", 4.8, photons=False)
    values = with_photons.s_mgy_per_mbq_s
    c = values.shape[0] // 2
    assert without.photon_fraction_inside == 0.0
    assert 0.4 < with_photons.photon_fraction_inside < 0.9
    line = values[c, c, c + 3 : c + 10]
    ratio = line[1:] / line[:-1] * (np.arange(4, 10) / np.arange(3, 9)) ** 2
    assert np.all((ratio > 0.9) & (ratio < 1.08))


def test_density_scales_range_and_mass():
    thin, water = (voxel_s_values("Y-90", v, d, photons=False).s_mgy_per_mbq_s for v, d in ((8.0, 0.5), (4.0, 1.0)))
    assert thin.shape == water.shape
    assert np.allclose(thin * 4.0, water, rtol=1e-6)


def test_big_spheres_absorb_all_electrons_and_chains_add_up():
    result = sphere_s_values("Lu-177", [1e5])
    assert result.phi_electron[0] == pytest.approx(1.0, abs=0.005)
    assert s_from_energy(1.0, 1.0) == pytest.approx(0.1602, rel=1e-3)
    alone, chain = (float(sphere_s_values("Ac-225", [100.0], with_daughters=d).s_mgy_per_mbq_s[0]) for d in (False, True))
    # 225Ac emits four alphas in all, 27.6 MeV of alpha energy with recoils (ICRP 107 energies times branches).
    assert alone == pytest.approx(5.89 * 0.1602 / 100, rel=0.01)
    assert chain == pytest.approx((27.6 + 0.6) * 0.1602 / 100, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 5000), st.floats(1.05, 3.0), st.sampled_from(THERAPY))
def test_absorbed_fraction_rises_with_mass_and_s_falls(mass, factor, name):
    result = sphere_s_values(name, [mass, mass * factor])
    assert result.phi_electron[0] < result.phi_electron[1] <= 1.0
    assert result.s_mgy_per_mbq_s[0] > result.s_mgy_per_mbq_s[1]
    bound = s_from_energy(get_nuclide(name).electron_energy_mev + get_nuclide(name).photon_energy_mev, mass)
    assert result.s_mgy_per_mbq_s[0] < bound


def test_refusals_say_what_to_do():
    with pytest.raises(InputError, match="above 0 g"):
        sphere_s_values("Lu-177", [0.0])
    with pytest.raises(InputError, match="density"):
        sphere_s_values("Lu-177", [1.0], 1040.0)
    with pytest.raises(InputError, match="voxel edge"):
        voxel_s_values("Lu-177", 100.0)
    with pytest.raises(InputError, match="density"):
        voxel_s_values("Lu-177", 4.0, 0.0)


def test_a_kernel_cropped_below_its_energy_is_refused():
    kernel = voxel_s_values("Y-90", 4.8, photons=False)
    whole = kernel.cropped((10, 10, 10))
    assert whole.s_mgy_per_mbq_s.shape == kernel.s_mgy_per_mbq_s.shape
    with pytest.raises(InputError, match="does not hold its energy"):
        kernel.cropped((1, 1, 1))
    with pytest.raises(InputError, match="not centred"):
        VoxelKernel("Y-90", (1.0, 1.0, 1.0), 1.0, np.ones((2, 3, 3)), 1.0)

"""Point kernels: they hold all energy, match an independent Monte Carlo code, and follow attenuation."""

import numpy as np
import pytest

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.nuclides.kernels import (
    PointKernel,
    bremsstrahlung_lines,
    csda_range_g_per_cm2,
    electron_point_kernel,
    energy_closure,
    photon_point_kernel,
)
from neorlt.nuclides.nuclide import get_nuclide, list_nuclides

COMPLETE = [name for name in list_nuclides() if get_nuclide(name).emissions_complete]


@pytest.mark.parametrize("name", COMPLETE)
def test_kernels_hold_all_energy(name):
    nuclide = get_nuclide(name)
    electron, photon = electron_point_kernel(name), photon_point_kernel(name)
    assert energy_closure(name) == pytest.approx(1.0, abs=0.005)
    # Electrons: what they deposit and what they radiate is what they were emitted with.
    lines = bremsstrahlung_lines(name)
    radiated = float((lines[:, 0] * lines[:, 1]).sum())
    assert electron.total_mev + radiated == pytest.approx(nuclide.electron_energy_mev, rel=0.005, abs=1e-9)
    assert photon.total_mev == pytest.approx(nuclide.photon_energy_mev + radiated, rel=0.005, abs=1e-6)


@pytest.mark.parametrize(("name", "low", "high"), [("Lu-177", 0.0002, 0.002), ("Y-90", 0.003, 0.008)])
def test_radiated_fraction_is_small_and_there(name, low, high):
    lines = bremsstrahlung_lines(name)
    assert low < (lines[:, 0] * lines[:, 1]).sum() / get_nuclide(name).electron_energy_mev < high


@pytest.mark.parametrize(("name", "tolerance"), [("Lu-177", 0.006), ("Y-90", 0.006), ("Ga-68", 0.008)])
def test_cumulative_energy_matches_an_independent_code(name, tolerance, reference):
    rows = reference(f"dose_point_kernels/{name}.csv")
    middle = np.array([float(r["r_mm"]) for r in rows])
    theirs = np.array([float(r["cumulative_fraction"]) for r in rows])
    edge_mm = middle + 0.5 * (middle[1] - middle[0])
    kernel = electron_point_kernel(name)
    ours = np.interp(edge_mm / 10.0, kernel.radius_g_per_cm2, kernel.energy_mev / kernel.total_mev)
    assert np.max(np.abs(ours - theirs / theirs[-1])) < tolerance


@pytest.mark.parametrize(("name", "r90_mm"), [("Lu-177", 0.595), ("Y-90", 5.36)])
def test_r90_matches_an_independent_code(name, r90_mm):
    assert 10 * electron_point_kernel(name).radius_holding(0.9) == pytest.approx(r90_mm, rel=0.02)


def test_csda_ranges_rise_and_scale_below_the_table():
    energy = np.array([0.001, 0.005, 0.01, 0.1, 1.0, 2.5])
    ranges = csda_range_g_per_cm2(energy)
    assert np.all(np.diff(ranges) > 0)
    assert ranges[0] < 2e-5  # 1 keV: well under a micrometre


def test_mono_energetic_table_is_monotone_and_complete():
    table = tables.read_npz("nuclides", "electron_kernels.npz")
    assert table["energy_mev"][0] == pytest.approx(0.010)
    assert table["energy_mev"][-1] == pytest.approx(2.5)
    assert np.all(np.diff(table["cumulative"], axis=1) >= -1e-6)
    assert np.allclose(table["cumulative"][:, -1], 1.0)
    # Scaled by its range, the kernel changes slowly with energy: interpolation between energies is safe.
    assert np.max(np.abs(np.diff(table["cumulative"], axis=0))) < 0.04


@pytest.mark.parametrize("energy_index", [10, 20])
def test_photon_kernel_starts_with_energy_absorption_and_ends_complete(energy_index):
    table = tables.read_npz("nuclides", "photon_kernels.npz")
    mu, row = float(table["attenuation_cm2_per_g"][energy_index]), table["cumulative"][energy_index]
    radius = table["radius_g_per_cm2"]
    deep = float(np.interp(8.0 / mu, radius, row)) if 8.0 / mu < radius[-1] else row[-1]
    assert row[-1] == pytest.approx(1.0, abs=0.005)
    # Without build-up a share exp(-8) would be left; build-up leaves more, but not most.
    assert 0.7 < deep < 1.0 - np.exp(-8.0)


def test_photons_at_short_range_follow_the_energy_absorption_coefficient():
    """Within a tenth of a mean free path build-up is negligible: the fraction is mu_en r, Compton by Klein-Nishina."""
    table = tables.read_npz("nuclides", "photon_kernels.npz")
    k = int(np.argmin(np.abs(table["energy_mev"] - 0.511)))
    energy = float(table["energy_mev"][k])
    a = energy / 0.51099895
    cosine = np.linspace(-1, 1, 20001)
    ratio = 1 / (1 + a * (1 - cosine))
    section = ratio**2 * (ratio + 1 / ratio - 1 + cosine**2)
    weight = section * (1 - ratio)
    absorbed = 3.342802e23 * np.pi * (2.8179403262e-13) ** 2 * float(weight.sum() * (cosine[1] - cosine[0]))
    radius = 0.1 / float(table["attenuation_cm2_per_g"][k])
    found = float(np.interp(radius, table["radius_g_per_cm2"], table["cumulative"][k]))
    assert found == pytest.approx(absorbed * radius, rel=0.05)


def test_kernels_that_lose_energy_cannot_be_built():
    with pytest.raises(ValueError, match="does not fall"):
        PointKernel("Lu-177", np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.5]))
    with pytest.raises(ValueError, match="starts with 0"):
        PointKernel("Lu-177", np.array([0.0, 1.0]), np.array([0.5, 1.0]))


def test_a_nuclide_without_emissions_is_refused():
    with pytest.raises(InputError, match="only its half-life"):
        electron_point_kernel("Zr-89")

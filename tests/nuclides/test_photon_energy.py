"""The photons' energy near a point source by a second road: photons followed one by one with NIST's coefficients of water.

The kernel comes from another Monte Carlo with other cross sections (tools/nuclides/make_photon_kernels.py). Here the absorption without
scatter is what NIST's energy-absorption coefficient leaves after Klein and Nishina's share, and electrons stay where they are made.
"""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.nuclides.kernels import bremsstrahlung_lines, photon_energy_within, photon_point_kernel
from neorlt.nuclides.nuclide import get_nuclide

# NIST, X-Ray Mass Attenuation Coefficients, liquid water (Hubbell and Seltzer 1995, doi 10.18434/T4D01F): MeV, mu_en / rho in cm2/g.
NIST = np.array([
    (0.003, 191.7), (0.004, 81.91), (0.005, 41.88), (0.006, 24.05), (0.008, 9.915), (0.010, 4.944), (0.015, 1.374), (0.020, 0.5503),
    (0.030, 0.1557), (0.040, 0.06947), (0.050, 0.04223), (0.060, 0.03190), (0.080, 0.02597), (0.100, 0.02546), (0.150, 0.02764),
    (0.200, 0.02967), (0.300, 0.03192), (0.400, 0.03279), (0.500, 0.03299), (0.600, 0.03284), (0.800, 0.03206), (1.000, 0.03103),
    (1.250, 0.02965), (1.500, 0.02833), (2.000, 0.02608), (3.000, 0.02281),
])
ELECTRONS_PER_G, RADIUS_CM, REST_MEV = 3.342802e23, 2.8179403262e-13, 0.51099895
RADII_CM = (2.0, 5.0, 15.0)


def klein_nishina(energy):
    """Scattering coefficient and the part of it that goes to electrons, cm2/g."""
    a = np.asarray(energy)[..., None] / REST_MEV
    cosine = np.linspace(-1, 1, 4001)
    ratio = 1 / (1 + a * (1 - cosine))
    section = np.pi * RADIUS_CM**2 * ELECTRONS_PER_G * ratio**2 * (ratio + 1 / ratio - 1 + cosine**2)
    return np.trapezoid(section, cosine), np.trapezoid(section * (1 - ratio), cosine)


GRID = np.geomspace(0.001, 3.0, 600)
SCATTER, TO_ELECTRONS = klein_nishina(GRID)
ABSORB = np.maximum(np.exp(np.interp(np.log(GRID), np.log(NIST[:, 0]), np.log(NIST[:, 1]))) - TO_ELECTRONS, 0.0)


def scattered(energy, rng):
    """Energies and cosines after one Compton scattering (rejection from the uniform cosine)."""
    cosine = np.empty_like(energy)
    open_ = np.arange(len(energy))
    while len(open_):
        c = rng.uniform(-1, 1, len(open_))
        ratio = 1 / (1 + energy[open_] / REST_MEV * (1 - c))
        take = rng.random(len(open_)) * 2.0 <= ratio**2 * (ratio + 1 / ratio - 1 + c**2)
        cosine[open_[take]] = c[take]
        open_ = open_[~take]
    return energy / (1 + energy / REST_MEV * (1 - cosine)), cosine


def followed(lines, n, seed):
    """Energy in MeV per decay left within each radius: ``n`` photons drawn by the energy that they carry."""
    rng = np.random.default_rng(seed)
    carried = lines[:, 0] * lines[:, 1]
    energy = rng.choice(lines[:, 0], n, p=carried / carried.sum())
    weight = carried.sum() / n / energy  # every photon stands for the same emitted energy
    place, way = np.zeros((n, 3)), rng.standard_normal((n, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    left = np.zeros(len(RADII_CM))
    while len(energy):
        scatter, absorb = (np.interp(energy, GRID, table) for table in (SCATTER, ABSORB))
        place = place + way * (rng.exponential(size=len(energy)) / (scatter + absorb))[:, None]
        gone = rng.random(len(energy)) < absorb / (scatter + absorb)
        after, cosine = scattered(energy, rng)
        given = np.where(gone, energy, energy - after) * weight
        radius = np.linalg.norm(place, axis=1)
        left += [given[radius <= r].sum() for r in RADII_CM]
        # Turn by the scattering angle about a random axis; a photon below 2 keV is absorbed within 10 micrometres.
        other = np.cross(way, rng.standard_normal(way.shape))
        other /= np.linalg.norm(other, axis=1, keepdims=True)
        way = cosine[:, None] * way + np.sqrt(1 - cosine**2)[:, None] * other
        stays = ~gone & (after > 0.002) & (radius < 60.0)
        energy, place, way, weight = after[stays], place[stays], way[stays], weight[stays]
    return left


@pytest.mark.parametrize("name", ["Lu-177"])
def test_photon_energy_of_177lu_within_2_5_and_15_cm_by_nist_coefficients(name):
    lines = np.concatenate([get_nuclide(name).photons(), bremsstrahlung_lines(name)])
    lines = lines[(lines[:, 0] > 0) & (lines[:, 1] > 0)]
    runs = np.array([followed(lines, 60_000, seed) for seed in range(4)])
    mean, error = runs.mean(axis=0), runs.std(axis=0, ddof=1) / 2
    kernel = [row["energy_mev"] for row in photon_energy_within(name, RADII_CM)]
    assert np.all(error / mean < 0.006)
    assert kernel == pytest.approx(mean.tolist(), rel=0.02)


def test_photon_energy_by_attenuation_alone_is_a_lower_bound():
    # Exponential attenuation of the first collision, mu_en of NIST, no build-up: less than the kernel, and close to it near the source.
    lines = np.concatenate([get_nuclide("Lu-177").photons(), bremsstrahlung_lines("Lu-177")])
    lines = lines[(lines[:, 0] > 0.03) & (lines[:, 1] > 0)]
    energy = lines[:, 0]
    mu = np.interp(energy, GRID, SCATTER) + np.interp(energy, GRID, ABSORB)
    given = np.interp(energy, GRID, TO_ELECTRONS) + np.interp(energy, GRID, ABSORB)
    soft = get_nuclide("Lu-177").photons()
    soft = float((soft[:, 0] * soft[:, 1])[soft[:, 0] <= 0.03].sum())
    for row in photon_energy_within("Lu-177", (0.5, 2.0, 5.0, 15.0)):
        first = float((energy * lines[:, 1] * given / mu * -np.expm1(-mu * row["radius_cm"])).sum()) + soft
        assert first < row["energy_mev"] * 1.02
        if row["radius_cm"] <= 0.5:
            assert row["energy_mev"] < 1.15 * first


def test_the_kernel_command_shows_it(tmp_path):
    from neorlt.jobs.kernel import kernel_command

    shown = kernel_command("Lu-177", 4.8, 1.0)["photon_energy_within"]
    assert [row["radius_cm"] for row in shown] == list(RADII_CM)
    assert [row["energy_mev"] for row in shown] == sorted(row["energy_mev"] for row in shown)
    assert shown[-1]["share"] == pytest.approx(shown[-1]["energy_mev"] / photon_point_kernel("Lu-177").total_mev)
    assert kernel_command("Lu-177", 4.8, 1.0, photons=False)["photon_energy_within"] is None

"""Monte Carlo against the kernel in uniform tissue; both share no code but the nuclide's spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.dosimetry.density import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.monte_carlo import decay_products, monte_carlo_dose
from neorlt.dosimetry.voxel_dose import voxel_dose
from neorlt.imaging.volume import Grid, Unit, Volume

pyradmc = pytest.importorskip("pyradmc", reason="the Monte Carlo extra (pyradmc) is not installed")


def _cube(nuclide: str) -> Volume:
    grid = Grid((24, 24, 24), np.diag([4.0, 4.0, 4.0, 1.0]), "1.2.3")
    array = np.zeros(grid.shape, dtype=np.float32)
    array[9:15, 9:15, 9:15] = 10.0
    return Volume(array, grid, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide=nuclide)


def test_starts_and_energies_are_the_nuclide_s() -> None:
    from neorlt.nuclides.nuclide import get_nuclide

    _, energy, point, direction, products = decay_products(_cube("Lu-177"), 100_000, np.random.default_rng(0))
    nuclide = get_nuclide("Lu-177")
    emitted = float(np.mean(energy)) * products
    expected = nuclide.electron_energy_mev - nuclide.auger_mev + nuclide.photon_energy_mev
    assert emitted == pytest.approx(expected, rel=0.02)
    assert point.min() >= 3.6
    assert point.max() <= 6.0
    assert np.linalg.norm(direction, axis=1) == pytest.approx(1.0)
    assert np.abs(direction.mean(axis=0)) == pytest.approx(0.0, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("nuclide", ["Lu-177"])
def test_kernel_and_monte_carlo_agree_in_uniform_tissue(nuclide: str) -> None:
    tia = _cube(nuclide)
    found = monte_carlo_dose(tia, n_histories=400_000, n_batches=8, seed=1)
    kernel = voxel_dose(tia)
    inside = tia.array > 0
    mean = float(found.dose.array[inside].mean())
    error = float(np.sqrt((found.standard_error_gy[inside].astype(np.float64) ** 2).sum()) / inside.sum())
    # 13.8 ml: within 1 % and three standard errors of the simulation.
    assert mean == pytest.approx(float(kernel.array[inside].mean()), abs=0.01 * mean + 3 * error)
    assert error < 0.01 * mean


@pytest.mark.slow
def test_same_seed_same_dose_and_density_counts() -> None:
    tia = _cube("Lu-177")
    heavy = Volume(np.full(tia.grid.shape, 2 * SOFT_TISSUE_G_PER_CM3), tia.grid, Unit.G_PER_CM3, "CT")
    one = monte_carlo_dose(tia, n_histories=20_000, n_batches=2, seed=3).dose.array
    two = monte_carlo_dose(tia, n_histories=20_000, n_batches=2, seed=3).dose.array
    half = monte_carlo_dose(tia, density=heavy, n_histories=20_000, n_batches=2, seed=3).dose.array
    assert np.array_equal(one, two)
    assert half.sum() == pytest.approx(0.5 * one.sum(), rel=0.05)


def test_refusals() -> None:
    tia = _cube("Lu-177")
    with pytest.raises(InputError, match="needs time-integrated activity"):
        monte_carlo_dose(Volume(tia.array, tia.grid, Unit.GY, "DOSE"))
    with pytest.raises(InputError, match="negative or nothing"):
        monte_carlo_dose(tia.with_array(-tia.array))

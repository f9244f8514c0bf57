"""Monte Carlo against the kernel in uniform tissue (they share no code but the nuclide's spectrum), and what a run keeps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from neorlt.core.errors import InputError
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry import monte_carlo
from neorlt.dosimetry.materials import MATERIALS, material_index
from neorlt.dosimetry.monte_carlo import monte_carlo_dose
from neorlt.dosimetry.monte_carlo_engine import ELECTRON, DecayMaps, DecaySource, cross_sections, decay_product_lines
from neorlt.dosimetry.voxel_dose import voxel_dose
from neorlt.imaging.volume import Grid, Unit, Volume
from neorlt.nuclides.nuclide import get_nuclide

pyradmc = pytest.importorskip("pyradmc", reason="the Monte Carlo extra (pyradmc) is not installed")


def _cube(nuclide: str, value: float = 10.0) -> Volume:
    grid = Grid((24, 24, 24), np.diag([4.0, 4.0, 4.0, 1.0]), "1.2.3")
    array = np.zeros(grid.shape, dtype=np.float32)
    array[9:15, 9:15, 9:15] = value
    return Volume(array, grid, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide=nuclide)


def test_starts_and_energies_are_the_nuclide_s() -> None:
    maps = DecayMaps([_cube("Lu-177")])
    found = maps.draw(100_000, np.random.default_rng(0))
    lutetium = get_nuclide("Lu-177")
    emitted = float(np.mean(found["energy"])) * maps.lines[0].per_decay + maps.lines[0].local_mev
    assert emitted == pytest.approx(lutetium.electron_energy_mev + lutetium.photon_energy_mev, rel=0.02)
    assert maps.products == pytest.approx(10.0 * 13.824 * 3.6e9 * maps.lines[0].per_decay, rel=1e-6)
    point, direction = (np.stack([found[k] for k in keys]) for keys in (("x", "y", "z"), ("ux", "uy", "uz")))
    assert point.min() >= 3.6
    assert point.max() <= 6.0
    assert np.linalg.norm(direction, axis=0) == pytest.approx(1.0, abs=1e-5)
    assert np.abs(direction.mean(axis=1)) == pytest.approx(0.0, abs=0.01)


def test_mixed_maps_share_the_products_by_their_decays() -> None:
    maps = DecayMaps([_cube("Lu-177", 30.0), _cube("Y-90", 10.0)])
    found = maps.draw(200_000, np.random.default_rng(1))
    lutetium, yttrium = (decay_product_lines(n).per_decay for n in ("Lu-177", "Y-90"))
    assert maps.share[0] == pytest.approx(3 * lutetium / (3 * lutetium + yttrium))
    fast = (found["particle_type"] == ELECTRON) & (found["energy"] > 0.52)
    energy, number = get_nuclide("Y-90").beta_spectrum()
    expected = maps.share[1] * number[energy > 0.52].sum() / yttrium
    assert fast.mean() == pytest.approx(expected, rel=0.02)


def test_daughters_decay_in_place_with_their_alphas() -> None:
    lines = decay_product_lines("Ac-225")
    assert lines.local_mev > 27.9  # ICRP 107: alphas with recoils of 225Ac, 221Fr, 217At, 213Bi and 213Po
    everything = lines.local_mev + float((lines.energy_mev * lines.number).sum())
    assert everything == pytest.approx(27.99 + 0.69 + 0.25, rel=0.01)


def test_materials_follow_density() -> None:
    density = np.array([0.0012, 0.26, 0.95, 1.04, 1.06, 1.2, 1.85])
    assert [MATERIALS[i] for i in material_index(density)] == ["air", "lung", "adipose", "water", "water", *["cortical_bone"] * 2]


def test_cross_sections_of_materials_are_right_where_they_are_known() -> None:
    """Bone absorbs soft photons several times as much as water per gram; at 0.5 MeV all tissues are alike (NIST's tables)."""
    from pyradmc.data.interface import PhotonProcess

    data = cross_sections(5, 2.8)

    def at(table: np.ndarray, energy: float, row: int, grid: np.ndarray) -> float:
        return float(np.exp(np.interp(np.log(energy), np.log(grid), np.log(table[row]))))

    photo, compton = (data.mu_over_rho[p] for p in (PhotonProcess.PHOTOELECTRIC, PhotonProcess.COMPTON))
    e = data.photon_energies
    assert at(photo, 0.05, 0, e) == pytest.approx(0.0276, rel=0.03)
    assert at(photo, 0.05, 4, e) / at(photo, 0.05, 0, e) > 6
    assert at(compton, 0.5, 0, e) == pytest.approx(0.0966, rel=0.01)
    assert at(compton, 0.5, 4, e) / at(compton, 0.5, 0, e) == pytest.approx(0.94, abs=0.03)
    # Range of 1 MeV electrons (ESTAR): water 0.4367, cortical bone longer per gram.
    ranges = [at(data.csda_range, 1.0, row, data.electron_energies) for row in (0, 4)]
    assert ranges[0] == pytest.approx(0.437, rel=0.01)
    assert 1.02 < ranges[1] / ranges[0] < 1.15


class _Stub:
    """An engine whose dose is a known noise of its seed."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    def run(self, source: DecaySource, n: int, batches: int, *, seed: int, ecut: float, pcut: float) -> SimpleNamespace:
        self.seeds.append(seed)
        assert len(source.sample_batch(0, 0, n)["energy"]) == n
        return SimpleNamespace(dose=np.random.default_rng(seed).random((24, 24, 24)))


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> _Stub:
    engine = _Stub()
    monkeypatch.setattr(monte_carlo, "build_engine", lambda *_, **__: engine)
    return engine


def test_a_stopped_run_goes_on_to_what_an_unbroken_one_gives(stub: _Stub, tmp_path: Path) -> None:
    tia, kept = _cube("Lu-177"), tmp_path / "run.npz"
    whole = monte_carlo_dose(tia, n_histories=800, n_batches=8, seed=5)
    first = list(stub.seeds)
    assert len(set(first)) == 8
    monte_carlo_dose(tia, n_histories=300, n_batches=3, seed=5, checkpoint=kept)
    stub.seeds.clear()
    rest = monte_carlo_dose(tia, n_histories=800, n_batches=8, seed=5, checkpoint=kept)
    assert stub.seeds == first[3:]
    assert np.array_equal(rest.dose.array, whole.dose.array)
    assert np.array_equal(rest.standard_error_gy, whole.standard_error_gy)
    assert rest.n_histories == 800
    stub.seeds.clear()
    again = monte_carlo_dose(tia, n_histories=800, n_batches=8, seed=5, checkpoint=kept)
    assert stub.seeds == []
    assert np.array_equal(again.dose.array, whole.dose.array)


def test_the_standard_error_is_that_of_the_mean_of_batches(stub: _Stub) -> None:
    found = monte_carlo_dose(_cube("Lu-177"), n_histories=800, n_batches=8, seed=5)
    scale = DecayMaps([_cube("Lu-177")]).products * 1.602176634e-10
    doses = np.stack([np.random.default_rng(s).random((24, 24, 24)) for s in stub.seeds]) * scale
    assert found.standard_error_gy == pytest.approx(doses.std(axis=0, ddof=1) / np.sqrt(8), rel=1e-4)


@pytest.mark.usefixtures("stub")
def test_a_checkpoint_of_another_case_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "run.npz"
    monte_carlo_dose(_cube("Lu-177"), n_histories=200, n_batches=2, seed=5, checkpoint=kept)
    for changed in ({"seed": 6}, {"n_histories": 400}):
        with pytest.raises(InputError, match="belongs to another case"):
            monte_carlo_dose(_cube("Lu-177"), **{"n_histories": 200, "n_batches": 2, "seed": 5, "checkpoint": kept} | changed)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="belongs to another case"):
        monte_carlo_dose(_cube("Lu-177", 11.0), n_histories=200, n_batches=2, seed=5, checkpoint=kept)
    kept.write_bytes(b"not an archive")
    with pytest.raises(InputError, match="cannot be read"):
        monte_carlo_dose(_cube("Lu-177"), n_histories=200, n_batches=2, seed=5, checkpoint=kept)


@pytest.mark.slow
@pytest.mark.parametrize("nuclide", ["Lu-177", "Y-90"])
def test_kernel_and_monte_carlo_agree_in_uniform_tissue(nuclide: str) -> None:
    tia = _cube(nuclide)
    found = monte_carlo_dose(tia, n_histories=400_000, n_batches=8, seed=1)
    kernel = voxel_dose(tia)
    inside = tia.array > 0
    mean = float(found.dose.array[inside].mean())
    error = float(np.sqrt((found.standard_error_gy[inside].astype(np.float64) ** 2).sum()) / inside.sum())
    # 13.8 ml: within 1 %; the simulation's own standard error is far below.
    assert mean == pytest.approx(float(kernel.array[inside].mean()), rel=0.01)
    assert error < 0.003 * mean


@pytest.mark.slow
def test_same_seed_same_dose_and_density_counts() -> None:
    tia = _cube("Lu-177")
    heavy = Volume(np.full(tia.grid.shape, 2 * SOFT_TISSUE_G_PER_CM3), tia.grid, Unit.G_PER_CM3, "CT")
    one, two = (monte_carlo_dose(tia, n_histories=20_000, n_batches=2, seed=3).dose.array for _ in range(2))
    half = monte_carlo_dose(tia, density=heavy, n_histories=20_000, n_batches=2, seed=3, water_only=True).dose.array
    assert np.array_equal(one, two)
    assert half.sum() == pytest.approx(0.5 * one.sum(), rel=0.05)


def test_refusals() -> None:
    tia = _cube("Lu-177")
    with pytest.raises(InputError, match="needs time-integrated activity"):
        monte_carlo_dose(Volume(tia.array, tia.grid, Unit.GY, "DOSE"))
    with pytest.raises(InputError, match="negative or nothing"):
        monte_carlo_dose(tia.with_array(-tia.array))
    with pytest.raises(InputError, match="another unit or grid"):
        monte_carlo_dose(tia, density=tia)
    with pytest.raises(InputError, match="too few batches"):
        monte_carlo_dose(tia, n_batches=1)
    with pytest.raises(InputError, match="there is no activity"):
        monte_carlo_dose([])

"""Our Monte Carlo and our kernel against ompMC, an independent code (EGS physics in C), in uniform water.

ompMC reads its particles from an IAEA phase space; here that file holds decay products of the same nuclides, starting inside the
phantom. Only the emissions are shared.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neorlt.dosimetry.monte_carlo import monte_carlo_dose
from neorlt.dosimetry.monte_carlo_engine import DecayMaps
from neorlt.dosimetry.voxel_dose import voxel_dose
from neorlt.imaging.volume import Grid, Unit, Volume

ompmc = pytest.importorskip("ompmc", reason="ompMC (test only, GPL) is not installed")
pytest.importorskip("pyradmc", reason="the Monte Carlo extra (pyradmc) is not installed")

HEADER = """$IAEA_INDEX:
0
$TITLE:
decay products
$FILE_TYPE:
0
$CHECKSUM:
{size}
$RECORD_CONTENTS:
    1     // X is stored ?
    1     // Y is stored ?
    1     // Z is stored ?
    1     // U is stored ?
    1     // V is stored ?
    1     // W is stored ?
    0     // Weight is stored ?
    0     // Extra floats stored ?
    0     // Extra longs stored ?
$RECORD_CONSTANT:
    1.0000     // Constant Weight
$RECORD_LENGTH:
25
$BYTE_ORDER:
1234
$ORIG_HISTORIES:
{n}
$PARTICLES:
{n}
$PHOTONS:
{photons}
$ELECTRONS:
{electrons}
"""


def _write_phase_space(base: Path, columns: dict[str, np.ndarray], shift_cm: np.ndarray) -> None:
    record = np.dtype([("type", "i1"), ("energy", "<f4"), ("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("u", "<f4"), ("v", "<f4")])
    rows = np.zeros(len(columns["energy"]), record)
    rows["type"] = columns["particle_type"] * np.where(columns["uz"] < 0, -1, 1)
    rows["energy"] = -columns["energy"]  # negative: a new history
    for axis, shift in zip("xyz", shift_cm, strict=True):
        rows[axis] = columns[axis] + shift
    rows["u"], rows["v"] = columns["ux"], columns["uy"]
    base.with_suffix(".IAEAphsp").write_bytes(rows.tobytes())
    photons = int((columns["particle_type"] == 1).sum())
    text = HEADER.format(size=rows.nbytes, n=len(rows), photons=photons, electrons=len(rows) - photons)
    base.with_suffix(".IAEAheader").write_text(text)


def _ompmc_gy(tia: Volume, n: int, folder: Path) -> np.ndarray:
    maps = DecayMaps([tia])
    columns = maps.draw(n, np.random.default_rng(11))
    size = np.array(tia.grid.spacing_mm) * tia.grid.shape / 10.0
    _write_phase_space(folder / "decays", columns, -size / 2)
    bounds = [np.linspace(-s / 2, s / 2, k + 1) for s, k in zip(size, tia.grid.shape, strict=True)]
    density = np.full(tia.grid.shape, 1.04, order="F")
    geometry = ompmc.Geometry(*bounds, ["H2O521ICRU"], density, np.ones(tia.grid.shape, np.int32, order="F"))
    pegs = ompmc.data_path() / "pegs4" / "521icru.pegs4dat"
    physics = ompmc.Physics(pegs_file=pegs, global_ecut=0.521, global_pcut=0.01, n_split=1)
    dose, _, _ = ompmc.calc_forward_phsp(geometry, ompmc.PhaseSpaceSource(folder / "decays"), physics, n_histories=n, n_batches=10)
    per_history = np.asarray(dose) * maps.products
    local = maps.lines[0].local_mev * 1.602176634e-13 * 3.6e9 / 1.04e-3
    return per_history + tia.array.astype(np.float64) * local


@pytest.mark.slow
@pytest.mark.parametrize("nuclide", ["Lu-177", "Y-90"])
def test_regions_agree_with_ompmc(nuclide: str, tmp_path: Path) -> None:
    grid = Grid((24, 24, 24), np.diag([4.0, 4.0, 4.0, 1.0]), "1.2.3")
    array = np.zeros(grid.shape, dtype=np.float32)
    array[9:15, 9:15, 9:15] = 10.0
    tia = Volume(array, grid, Unit.TIA_MBQ_H_PER_ML, "NM", nuclide=nuclide)
    theirs = _ompmc_gy(tia, 400_000, tmp_path)
    ours = monte_carlo_dose(tia, n_histories=400_000, n_batches=8, seed=2).dose.array
    kernel = voxel_dose(tia).array
    for name, region in (("13.8 ml source", array > 0), ("1.7 ml centre", np.s_[10:13, 10:13, 10:13])):
        mean = float(theirs[region].mean())
        simulated, convolved = float(ours[region].mean()), float(kernel[region].mean())
        print(nuclide, name, f"Monte Carlo over ompMC {simulated / mean - 1:+.2%}, kernel over ompMC {convolved / mean - 1:+.2%}")
        assert simulated == pytest.approx(mean, rel=0.02), name
        assert convolved == pytest.approx(mean, rel=0.02), name

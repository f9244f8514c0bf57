"""Voxel dose by Monte Carlo with pyradmc (Warp; CPU or CUDA): water of the CT's density, every decay product sampled.

Starts are drawn voxel by voxel from the map of time-integrated activity and evenly inside each voxel; electrons and photons
from the nuclide's own spectrum, isotropic. Cut-offs are 10 keV (electrons) and 5 keV (photons): the engine's defaults are
too coarse for 177Lu. The engine's built-in cross-sections are those of water: lung and soft tissue differ from it by density
only, but photons in bone are absorbed less than they should be. Auger electrons and alphas stay where they start. The engine is
imported when used; its first compile takes minutes and is then kept in the user's cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError, MissingExtraError
from neorlt.core.progress import track
from neorlt.dosimetry.density import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.voxel_dose import SECONDS_PER_HOUR
from neorlt.imaging.volume import Unit, Volume

ELECTRON_CUT_MEV = 0.010
PHOTON_CUT_MEV = 0.005
JOULE_PER_MEV = 1.602176634e-13
_PHOTON, _ELECTRON = 1, 2  # particle codes of IAEA phase spaces


@dataclass(frozen=True)
class MonteCarloDose:
    """``dose`` in Gy and ``standard_error_gy`` of each voxel; ``n_histories`` decay products in all."""

    dose: Volume
    standard_error_gy: NDArray[np.float32]
    n_histories: int


def monte_carlo_dose(
    tia: Volume,
    *,
    density: Volume | None = None,
    n_histories: int = 2_000_000,
    n_batches: int = 10,
    seed: int = 0,
    device: str = "cpu",
) -> MonteCarloDose:
    """Absorbed dose of a map of time-integrated activity by Monte Carlo.

    Parameters
    ----------
    tia
        MBq·h/ml, one nuclide.
    density
        g/cm³ on the same grid; soft tissue where left out.
    n_histories
        Electrons and photons to follow; the relative error of a region falls with its root.
    n_batches
        The statistical uncertainty comes from the spread of this many batches.
    seed
        Of starts, energies and transport.
    device
        ``"cpu"`` or ``"cuda:0"``.

    Raises
    ------
    MissingExtraError
        Without the ``mc`` extra.
    InputError
        On a wrong unit, negative activity or no activity.
    """
    try:
        import pyradmc
        import warp

        # Its banner would land on stdout, which belongs to the JSON document.
        warp.config.log_level = warp.LOG_WARNING
    except ImportError as error:
        raise MissingExtraError("the Monte Carlo engine", extra="mc") from error
    if tia.unit is not Unit.TIA_MBQ_H_PER_ML or tia.nuclide is None:
        raise InputError(
            "Monte Carlo needs time-integrated activity of one nuclide", found=str(tia.unit), remedy="integrate first"
        )
    if float(tia.array.min()) < 0 or not float(tia.array.max()) > 0:
        raise InputError("time-integrated activity is negative or nothing", remedy="clip or correct the images")
    mass_density = _density(tia, density)
    engine = _engine(pyradmc, tia, mass_density, device)
    doses = []
    per_batch = max(1, n_histories // n_batches)
    for batch in track(range(n_batches), "Monte Carlo"):
        rng = core_draws.generator(seed, "monte-carlo", str(batch))
        kind, energy, point, direction, products = decay_products(tia, per_batch, rng)
        source = pyradmc.InMemoryPhaseSpaceSource(
            kind,
            energy,
            point[:, 0],
            point[:, 1],
            point[:, 2],
            direction[:, 0],
            direction[:, 1],
            direction[:, 2],
            np.ones(per_batch),
        )
        run = engine.run(source, per_batch, 1, seed=seed * 1000 + batch, ecut=ELECTRON_CUT_MEV, pcut=PHOTON_CUT_MEV)
        doses.append(np.asarray(run.dose, dtype=np.float64) * products)
    per_decay = np.stack(doses)  # MeV/g per decay
    decays = float(tia.array.sum(dtype=np.float64)) * tia.grid.voxel_ml * 1e6 * SECONDS_PER_HOUR
    to_gy = decays * JOULE_PER_MEV * 1000.0
    mean = per_decay.mean(axis=0) * to_gy + _auger_gy(tia, mass_density)
    spread = per_decay.std(axis=0, ddof=1) / np.sqrt(n_batches) * to_gy if n_batches > 1 else np.full_like(mean, np.nan)
    dose = Volume(
        mean.astype(np.float32),
        tia.grid,
        Unit.GY,
        "DOSE",
        nuclide=tia.nuclide,
        description=f"absorbed dose, Monte Carlo, {tia.nuclide}",
        notes=(f"pyradmc, {per_batch * n_batches} histories, seed {seed}",),
    )
    return MonteCarloDose(dose, spread.astype(np.float32), per_batch * n_batches)


def _density(tia: Volume, density: Volume | None) -> NDArray[np.float64]:
    if density is None:
        return np.full(tia.grid.shape, SOFT_TISSUE_G_PER_CM3)
    if density.unit is not Unit.G_PER_CM3 or not density.grid.same_as(tia.grid):
        raise InputError(
            "density has another unit or grid", expected="g/cm3 on the activity's grid", remedy="convert and resample it"
        )
    return np.maximum(density.array.astype(np.float64), 0.0012)


def _engine(pyradmc: Any, tia: Volume, mass_density: NDArray[np.float64], device: str) -> Any:
    material = np.zeros(mass_density.shape, dtype=np.int32)  # 0 is water
    spacing_cm = tuple(s / 10.0 for s in tia.grid.spacing_mm)
    grid = pyradmc.VoxelGrid(tia.grid.shape, spacing_cm, np.ascontiguousarray(mass_density), material)
    sections = pyradmc.AnalyticCrossSections(geometry_densities=grid.max_density_by_material())
    return pyradmc.WarpEngine(grid, sections, device=device)


def decay_products(
    tia: Volume, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.int_], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Draw ``n`` decay products of a map.

    Returns
    -------
    kind, energy_mev, point_cm, direction, per_decay
        Particle code (1 photon, 2 electron) and energy ``(n,)``; start from the grid's first corner and unit direction
        ``(n, 3)``; number of products that one decay sends out on average.
    """
    from neorlt.nuclides.nuclide import get_nuclide

    nuclide = get_nuclide(str(tia.nuclide))
    electron_mev, electrons = nuclide.electrons()
    lines = nuclide.photons()
    energy = np.concatenate([electron_mev, lines[:, 0]])
    number = np.concatenate([electrons, lines[:, 1]])
    kind = np.concatenate([np.full(len(electrons), _ELECTRON), np.full(len(lines), _PHOTON)])
    # Products that start below the cut would be dropped with their energy.
    keep = (number > 0) & (energy > np.where(kind == _ELECTRON, ELECTRON_CUT_MEV, PHOTON_CUT_MEV))
    energy, number, kind = energy[keep], number[keep], kind[keep]
    chosen = rng.choice(len(number), n, p=number / number.sum())
    weights = tia.array.astype(np.float64).ravel()
    edges = np.cumsum(weights)
    voxel = np.minimum(np.searchsorted(edges, rng.random(n) * edges[-1], side="right"), weights.size - 1)
    index = np.stack(np.unravel_index(voxel, tia.grid.shape), axis=1)
    point = (index + rng.random((n, 3))) * np.array(tia.grid.spacing_mm) / 10.0
    cosine, turn = rng.uniform(-1.0, 1.0, n), rng.uniform(0.0, 2.0 * np.pi, n)
    sine = np.sqrt(1.0 - cosine**2)
    direction = np.stack([sine * np.cos(turn), sine * np.sin(turn), cosine], axis=1)
    return kind[chosen], energy[chosen], point, direction, float(number.sum())


def _auger_gy(tia: Volume, mass_density: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is too short or too soft to follow, deposited where it starts: Auger electrons, alphas, products below the cuts."""
    from neorlt.nuclides.nuclide import get_nuclide

    nuclide = get_nuclide(str(tia.nuclide))
    electron_mev, electrons = nuclide.electrons()
    lines = nuclide.photons()
    local = nuclide.auger_mev + nuclide.alpha_mev + float((electron_mev * electrons)[electron_mev <= ELECTRON_CUT_MEV].sum())
    local += float((lines[:, 0] * lines[:, 1])[lines[:, 0] <= PHOTON_CUT_MEV].sum())
    decays_per_ml = tia.array.astype(np.float64) * 1e6 * SECONDS_PER_HOUR
    return np.asarray(decays_per_ml * local * JOULE_PER_MEV / (mass_density * 1e-3))

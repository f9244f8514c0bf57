"""Voxel dose by Monte Carlo with pyradmc (Warp; CPU or CUDA): materials and density from CT, every decay product sampled.

Starts are drawn voxel by voxel from the maps of time-integrated activity and evenly inside each voxel; electrons and photons
from the nuclides' own spectra (daughters included, decaying in place), isotropic. Cut-offs are 10 keV (electrons) and 5 keV
(photons): the engine's defaults are too coarse for 177Lu. Auger electrons and alphas stay where they start. Batches are equal
and independent: the spread of their doses is the statistical uncertainty, and a run that was stopped goes on from its last batch.
The engine is imported when used; its first compile takes minutes and is then kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.core.output import write_atomic
from neorlt.core.progress import stage, track
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.monte_carlo_engine import (
    ELECTRON_CUT_MEV,
    PHOTON_CUT_MEV,
    DecayMaps,
    DecaySource,
    build_engine,
    decay_product_lines,
    engine_modules,
)
from neorlt.dosimetry.voxel_dose import SECONDS_PER_HOUR
from neorlt.imaging.volume import Unit, Volume

JOULE_PER_MEV = 1.602176634e-13
LEAST_DENSITY_G_PER_CM3 = 0.0012
"""Air: nothing is thinner."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MonteCarloDose:
    """Dose with its statistical uncertainty.

    ``dose`` in Gy; ``standard_error`` of each voxel in Gy, a volume on the same grid; ``n_histories`` decay products in all;
    ``n_batches`` batches behind the standard error.
    """

    dose: Volume
    standard_error: Volume
    n_histories: int
    n_batches: int

    @property
    def standard_error_gy(self) -> NDArray[np.float32]:
        """Standard error of each voxel, Gy, ``(x, y, z)``."""
        return self.standard_error.array


def monte_carlo_dose(
    tia: Volume | Sequence[Volume],
    *,
    density: Volume | None = None,
    n_histories: int = 2_000_000,
    n_batches: int = 10,
    seed: int = 0,
    device: str = "cpu",
    water_only: bool = False,
    checkpoint: Path | None = None,
) -> MonteCarloDose:
    """Absorbed dose of maps of time-integrated activity by Monte Carlo.

    Parameters
    ----------
    tia
        One map in MBq·h/ml per nuclide, all on one grid.
    density
        g/cm³ on the same grid; it gives the materials too (air, lung, adipose, soft tissue, bone). Soft tissue where left out.
    n_histories
        Electrons and photons to follow; the relative error of a region falls with its root.
    n_batches
        The statistical uncertainty comes from the spread of this many batches; at least 2.
    seed
        Of starts, energies and transport.
    device
        ``"cpu"`` or ``"cuda:0"``.
    water_only
        Keep water of the given densities everywhere, as the kernel does: to tell the effect of materials.
    checkpoint
        File that keeps what has been run after each batch. If it is there and belongs to the same case, the run goes on from it,
        also to more batches than were asked for before; what comes out is what an unbroken run gives.

    Raises
    ------
    MissingExtraError
        Without the ``mc`` extra.
    InputError
        On a wrong unit, grids that differ, negative activity or none, or a checkpoint of another case.
    """
    maps = [tia] if isinstance(tia, Volume) else list(tia)
    _check(maps)
    if n_batches < 2 or n_histories < n_batches:
        raise InputError(
            "too few batches or histories",
            expected="at least 2 batches of at least 1 history",
            found=f"{n_histories} histories in {n_batches} batches",
            remedy="ask for more histories",
        )
    mass_density = _density(maps[0], density)
    per_batch = n_histories // n_batches
    tally = _Tally.load(checkpoint, _case(maps, mass_density, per_batch, seed, water_only or density is None), maps[0].grid.shape)
    stage("Monte Carlo: starting the engine; its first compile on a machine takes some minutes and is kept")
    with engine_modules() as pyradmc:
        decays = DecayMaps(maps)
        engine = build_engine(pyradmc, decays, mass_density, device, water_only=water_only or density is None)
        left = n_batches - tally.batches
        stage(f"Monte Carlo: {left} of {n_batches} batches of {per_batch} histories to run")
        for batch in track(range(tally.batches, n_batches), "Monte Carlo"):
            source = DecaySource(decays, per_batch, core_draws.generator(seed, "monte-carlo", str(batch)))
            run = engine.run(source, per_batch, 1, seed=seed * 100_003 + batch, ecut=ELECTRON_CUT_MEV, pcut=PHOTON_CUT_MEV)
            # MeV/g per product, times products of all decays, to Gy.
            tally.add(np.asarray(run.dose, dtype=np.float64) * (decays.products * JOULE_PER_MEV * 1000.0))
            tally.save(checkpoint)
    local = np.zeros(maps[0].grid.shape)
    for one in maps:
        local += one.array.astype(np.float64) * (decay_product_lines(str(one.nuclide)).local_mev * 1e6 * SECONDS_PER_HOUR)
    dose = tally.mean + local * JOULE_PER_MEV / (mass_density * 1e-3)
    names = " + ".join(str(one.nuclide) for one in maps)
    if density is None:
        material = "water of soft-tissue density"
    else:
        material = "water of the CT's density" if water_only else "materials and density from CT"
    note = f"pyradmc {pyradmc.__version__}, {tally.batches} x {per_batch} histories, seed {seed}, {material}"
    nuclide = maps[0].nuclide if len(maps) == 1 else None
    grid = maps[0].grid
    return MonteCarloDose(
        Volume(
            dose.astype(np.float32), grid, Unit.GY, "DOSE", nuclide=nuclide, notes=(note,),
            description=f"absorbed dose, Monte Carlo, {names}",
        ),
        Volume(
            tally.standard_error().astype(np.float32), grid, Unit.GY, "DOSE", nuclide=nuclide, notes=(note,),
            description=f"statistical standard error of absorbed dose, Monte Carlo, {names}",
        ),
        per_batch * tally.batches,
        tally.batches,
    )  # fmt: skip


def _check(maps: list[Volume]) -> None:
    if not maps:
        raise InputError("there is no activity to take a dose from", remedy="give one map of time-integrated activity")
    for one in maps:
        if one.unit is not Unit.TIA_MBQ_H_PER_ML or one.nuclide is None:
            raise InputError(
                "Monte Carlo needs time-integrated activity of one nuclide", found=str(one.unit), remedy="integrate first"
            )
        if not one.grid.same_as(maps[0].grid):
            raise InputError("the maps lie on different grids", remedy="resample them to one grid")
        if float(one.array.min()) < 0 or not float(one.array.max()) > 0:
            raise InputError("time-integrated activity is negative or nothing", remedy="clip or correct the images")


def _density(tia: Volume, density: Volume | None) -> Floats:
    if density is None:
        return np.full(tia.grid.shape, SOFT_TISSUE_G_PER_CM3)
    if density.unit is not Unit.G_PER_CM3 or not density.grid.same_as(tia.grid):
        raise InputError(
            "density has another unit or grid", expected="g/cm3 on the activity's grid", found=str(density.unit),
            remedy="convert CT numbers with density_from_ct and resample",
        )  # fmt: skip
    return np.maximum(density.array.astype(np.float64), LEAST_DENSITY_G_PER_CM3)


def _case(maps: list[Volume], mass_density: Floats, per_batch: int, seed: int, water: bool) -> str:
    """What a batch depends on, as a hash."""
    digest = hashlib.sha256(json.dumps([per_batch, seed, water, [str(m.nuclide) for m in maps], list(maps[0].grid.spacing_mm)]).encode())
    for array in [m.array for m in maps] + [mass_density]:
        digest.update(array.tobytes())
    for one in maps:
        lines = decay_product_lines(str(one.nuclide))
        digest.update(lines.energy_mev.tobytes() + lines.number.tobytes())
    return digest.hexdigest()


class _Tally:
    """Running mean and sum of squared deviations of the batches (Welford 1962): no batch is kept."""

    def __init__(self, case: str, shape: tuple[int, ...]) -> None:
        self.case, self.batches = case, 0
        self.mean, self.squares = np.zeros(shape), np.zeros(shape)

    def add(self, dose: Floats) -> None:
        self.batches += 1
        change = dose - self.mean
        self.mean += change / self.batches
        self.squares += change * (dose - self.mean)

    def standard_error(self) -> Floats:
        return np.asarray(np.sqrt(self.squares / (self.batches - 1) / self.batches))

    def save(self, path: Path | None) -> None:
        if path is not None:
            stream = io.BytesIO()
            np.savez(stream, case=np.array(self.case), batches=np.array(self.batches), mean=self.mean, squares=self.squares)
            write_atomic(path, stream.getvalue())

    @classmethod
    def load(cls, path: Path | None, case: str, shape: tuple[int, ...]) -> _Tally:
        tally = cls(case, shape)
        if path is None or not Path(path).exists():
            return tally
        try:
            with np.load(path, allow_pickle=False) as archive:
                content: dict[str, Any] = {key: archive[key] for key in ("case", "batches", "mean", "squares")}
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                "the checkpoint cannot be read", found=str(error), where=str(path), remedy="remove it or name another file"
            ) from error
        if str(content["case"]) != case:
            raise InputError(
                "the checkpoint belongs to another case",
                expected="the same activity, density, nuclides, seed and histories a batch",
                where=str(path),
                remedy="name another file, or repeat the options of the run that wrote it",
            )
        tally.batches, tally.mean, tally.squares = int(content["batches"]), content["mean"], content["squares"]
        return tally

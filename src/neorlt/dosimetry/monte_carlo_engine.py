"""What the Monte Carlo engine (pyradmc) needs of us: the decay products as its source, and cross-sections of five materials.

The engine ships water only. Photons come from the shipped table (``tools/dosimetry/make_photon_materials.py``), pair production
from the engine's water scaled with Z², electrons from the engine's own formulas (Berger-Seltzer stopping, Møller, transport
moment of screened Rutherford scattering) evaluated for each of its registry's materials.
"""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.errors import MissingExtraError
from neorlt.dosimetry.materials import MATERIALS, material_index
from neorlt.imaging.volume import Volume
from neorlt.nuclides.chains import emitters
from neorlt.nuclides.nuclide import get_nuclide

ELECTRON_CUT_MEV = 0.010
PHOTON_CUT_MEV = 0.005
PHOTON, ELECTRON = 1, 2  # particle codes of IAEA phase spaces
GRID_POINTS = 300
Floats = NDArray[np.float64]


@contextlib.contextmanager
def engine_modules() -> Iterator[Any]:
    """Yield ``pyradmc`` with the engine's banner kept off stdout, which belongs to the JSON document.

    Raises
    ------
    MissingExtraError
        Without the ``mc`` extra.
    """
    try:
        import pyradmc
        import warp
    except ImportError as error:
        raise MissingExtraError("the Monte Carlo engine", extra="mc") from error
    warp.config.log_level = warp.LOG_WARNING
    with contextlib.redirect_stdout(io.StringIO()):
        yield pyradmc


@dataclass(frozen=True, eq=False)
class Products:
    """What one decay of the parent sends out, its chain included.

    ``kind``, ``energy_mev``, ``number`` ``(line,)``: particle code, energy and number per decay of what is followed;
    ``local_mev`` is what is too short or too soft to follow (Auger electrons, alphas, lines below the cuts).
    """

    kind: NDArray[np.int32]
    energy_mev: Floats
    number: Floats
    local_mev: float

    @property
    def per_decay(self) -> float:
        """Followed products per decay of the parent."""
        return float(self.number.sum())


@functools.lru_cache(maxsize=32)
def decay_product_lines(parent: str) -> Products:
    """Everything that a decay of the parent and of the daughters that follow it in place sends out."""
    kinds, energies, numbers, local = [], [], [], 0.0
    for name, decays in emitters(parent):
        nuclide = get_nuclide(name)
        electron_mev, electrons = nuclide.electrons()
        lines = nuclide.photons()
        local += decays * (nuclide.auger_mev + nuclide.alpha_mev)
        for code, energy, number, cut in (
            (ELECTRON, electron_mev, electrons, ELECTRON_CUT_MEV),
            (PHOTON, lines[:, 0], lines[:, 1], PHOTON_CUT_MEV),
        ):
            keep = (number > 0) & (energy > cut)
            local += decays * float((energy * number)[~keep].sum())
            kinds.append(np.full(int(keep.sum()), code, dtype=np.int32))
            energies.append(energy[keep])
            numbers.append(decays * number[keep])
    return Products(np.concatenate(kinds), np.concatenate(energies), np.concatenate(numbers), local)


class DecayMaps:
    """Draws decay products from one or more maps of time-integrated activity (MBq·h/ml)."""

    def __init__(self, maps: list[Volume]) -> None:
        self.maps = maps
        self.lines = [decay_product_lines(str(one.nuclide)) for one in maps]
        self.filled = [np.flatnonzero(one.array) for one in maps]
        self.edges = [np.cumsum(one.array.ravel()[k].astype(np.float64)) for one, k in zip(maps, self.filled, strict=True)]
        per_map = [
            float(edge[-1]) * one.grid.voxel_ml * 1e6 * 3600.0 * lines.per_decay
            for one, lines, edge in zip(maps, self.lines, self.edges, strict=True)
        ]
        self.products = float(sum(per_map))
        """Products of all decays of all maps."""
        self.share = np.array(per_map) / self.products
        self.max_energy_mev = max(float(lines.energy_mev.max()) for lines in self.lines)

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Particle code, energy (MeV), start (cm from the grid's first corner), unit direction and weight, ``(n,)`` each.

        Starts are drawn voxel by voxel and evenly inside each voxel, directions isotropic.
        """
        counts = rng.multinomial(n, self.share)
        parts = [self._draw_one(i, int(k), rng) for i, k in enumerate(counts) if k]
        return parts[0] if len(parts) == 1 else {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _draw_one(self, which: int, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        one, lines, edges, filled = self.maps[which], self.lines[which], self.edges[which], self.filled[which]
        spectrum = np.cumsum(lines.number)
        chosen = np.minimum(np.searchsorted(spectrum, rng.random(n) * spectrum[-1], side="right"), len(spectrum) - 1)
        voxel = filled[np.minimum(np.searchsorted(edges, rng.random(n) * edges[-1], side="right"), edges.size - 1)]

        def even() -> NDArray[np.float32]:
            return rng.random(n, dtype=np.float32)  # the engine takes single precision: no more is needed inside a voxel

        cosine, turn = 2 * even() - 1, np.float32(2.0 * np.pi) * even()
        sine = np.sqrt(1 - cosine**2)
        energy = lines.energy_mev.astype(np.float32)[chosen]
        columns = {"energy": energy, "ux": sine * np.cos(turn), "uy": sine * np.sin(turn), "uz": cosine}
        for name, where, spacing in zip("xyz", np.unravel_index(voxel, one.grid.shape), one.grid.spacing_mm, strict=True):
            columns[name] = (where.astype(np.float32) + even()) * np.float32(spacing / 10.0)
        columns["weight"] = np.ones(n, np.float32)
        return {"particle_type": lines.kind[chosen], **columns}


class DecaySource:
    """Products of one batch as the engine's source: each is transported once, none twice (the engine's own source draws anew)."""

    warp_sampler = None

    def __init__(self, maps: DecayMaps, n: int, rng: np.random.Generator) -> None:
        # The engine keeps its tables for one highest energy: the maps' own, not the batch's.
        self.max_energy = 1.001 * maps.max_energy_mev
        self.columns = maps.draw(n, rng)

    def sample_batch(self, seed: int, history_offset: int, n: int) -> dict[str, NDArray[Any]]:
        """Products ``[offset, offset + n)`` as the engine's upload columns."""
        return {key: column[history_offset : history_offset + n] for key, column in self.columns.items()}


def build_engine(pyradmc: Any, maps: DecayMaps, mass_density: Floats, device: str, *, water_only: bool) -> Any:
    """The engine over the maps' grid; ``water_only`` keeps one material at the given densities."""
    material = np.zeros(mass_density.shape, dtype=np.int32) if water_only else material_index(mass_density)
    where = maps.maps[0].grid
    spacing_cm = tuple(s / 10.0 for s in where.spacing_mm)
    grid = pyradmc.VoxelGrid(where.shape, spacing_cm, np.ascontiguousarray(mass_density), np.ascontiguousarray(material))
    data = cross_sections(int(material.max()) + 1, round(1.2 * maps.max_energy_mev, 3))
    sections = pyradmc.TabulatedCrossSections(data, geometry_densities=grid.max_density_by_material())
    return pyradmc.WarpEngine(grid, sections, device=device)


@functools.lru_cache(maxsize=8)
def cross_sections(n_materials: int, e_max_mev: float) -> Any:
    """The engine's tables (``TabulatedData``) of the first materials of :data:`MATERIALS` up to an energy."""
    from pyradmc.data import berger_seltzer
    from pyradmc.data.analytic import AnalyticCrossSections
    from pyradmc.data.goudsmit_saunderson import transport_moment_scattering_power
    from pyradmc.data.interface import PhotonProcess
    from pyradmc.data.materials import MATERIALS as REGISTRY
    from pyradmc.data.materials import STANDARD_ATOMIC_WEIGHT
    from pyradmc.data.tabulated.model import TabulatedData

    media = REGISTRY[:n_materials]
    table = tables.read_npz("dosimetry", "photon_materials.npz")
    names = [tuple(m.name for m in media), tuple(map(str, table["material"][:n_materials]))]
    if names != [MATERIALS[:n_materials]] * 2:
        raise ValueError("the engine's registry of materials is not the one that the shipped table was made for")
    photon = np.geomspace(0.5 * PHOTON_CUT_MEV, max(e_max_mev, 1.5), GRID_POINTS)
    electron = np.geomspace(0.5 * ELECTRON_CUT_MEV, max(e_max_mev, 1.5), GRID_POINTS)

    def interpolated(key: str) -> Floats:
        rows = [np.exp(np.interp(np.log(photon), np.log(table["energy_mev"]), np.log(row))) for row in table[key][:n_materials]]
        return np.array(rows, dtype=np.float64)

    z2 = [sum(w * z * z / STANDARD_ATOMIC_WEIGHT[z] for z, w in m.composition) for m in media]
    water = AnalyticCrossSections()
    pair = np.array([water.mu_over_rho(float(e), 0, PhotonProcess.PAIR) for e in photon])

    def rows_of(function: Any) -> Floats:
        return np.array([[function(float(e), m) for e in electron] for m in media], dtype=np.float64)

    radiative = {m.name: berger_seltzer.radiative_fit_coefficients(m.radiative_anchors) for m in media}
    ranges = {m.name: berger_seltzer.csda_range_table(m) for m in media}
    cut = ELECTRON_CUT_MEV
    return TabulatedData(
        photon_energies=photon,
        mu_over_rho={
            PhotonProcess.COMPTON: interpolated("incoherent_cm2_per_g"),
            PhotonProcess.PHOTOELECTRIC: interpolated("photoelectric_cm2_per_g"),
            PhotonProcess.PAIR: np.array([pair * (value / z2[0]) for value in z2]),
        },
        electron_energies=electron,
        restricted_stopping=rows_of(lambda e, m: berger_seltzer.restricted_collision_stopping(e, m, cut)),
        radiative_stopping=rows_of(lambda e, m: berger_seltzer.radiative_stopping(e, radiative[m.name])),
        moller=rows_of(lambda e, m: berger_seltzer.restricted_moller_cross_section(e, m, cut)),
        csda_range=rows_of(lambda e, m: float(np.interp(np.log(e), *ranges[m.name]))),
        scattering_power=rows_of(lambda e, m: transport_moment_scattering_power(m.composition, e, cut)),
        delta_cut=cut,
        materials=tuple(m.name for m in media),
        provenance="photons: Elam 2002 by ICRP compositions, coherent scattering left out; electrons: Berger-Seltzer, as in the engine",
    )

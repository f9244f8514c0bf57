"""Absorbed dose in voxels: local deposition or convolution with a voxel kernel, density-scaled, nuclides mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.convolution import convolve
from neorlt.dosimetry.density import FLOOR_G_PER_CM3
from neorlt.imaging.volume import Grid, Unit, Volume

Method = Literal["kernel", "local"]
MIN_ENERGY_CLOSURE = 0.995
"""A kernel that holds less than this part of the energy is refused."""
SECONDS_PER_HOUR = 3600.0


def voxel_dose(
    tia: Volume | Sequence[Volume],
    *,
    density: Volume | None = None,
    method: Method = "kernel",
) -> Volume:
    """Absorbed dose from time-integrated activity.

    Parameters
    ----------
    tia
        One map in MBq·h/ml per nuclide, all on one grid. Daughters (225Ac, 212Pb) decay where their parent did.
    density
        Density in g/cm³ on the same grid; 1.04 g/cm³ everywhere where left out. The energy that the kernel deposits in
        soft tissue is divided by the voxel's own density (floor 0.2 g/cm³).
    method
        ``"kernel"``: convolution with the nuclide's voxel S-values; ``"local"``: electrons and alphas stop where
        they start, photons leave.

    Returns
    -------
    Volume
        Gy, on the grid of the maps.

    Raises
    ------
    InputError
        On negative activity, a density that is not in g/cm³, grids that differ, or a kernel that lost more than 0.5 % of
        its energy.
    """
    maps = [tia] if isinstance(tia, Volume) else list(tia)
    if not maps:
        raise InputError("there is no activity to take a dose from", remedy="give one map of time-integrated activity")
    grid = maps[0].grid
    for one in maps:
        _check_map(one, grid)
    total = _dose_in_soft_tissue(maps[0], method)
    for one in maps[1:]:
        total += _dose_in_soft_tissue(one, method)
    if density is not None:
        if density.unit is not Unit.G_PER_CM3:
            raise InputError(
                "unknown unit of density",
                expected=str(Unit.G_PER_CM3),
                found=str(density.unit),
                remedy="convert CT numbers with density_from_ct first",
            )
        if not density.grid.same_as(grid):
            raise InputError("density and activity lie on different grids", remedy="resample the density to the activity's grid")
        relative = np.empty(grid.shape[1:], dtype=np.float32)  # slab by slab, in one place: no second volume in memory
        for slab, g_per_cm3 in zip(total, density.array, strict=True):
            np.maximum(g_per_cm3, np.float32(FLOOR_G_PER_CM3), out=relative)
            relative *= np.float32(1.0 / SOFT_TISSUE_G_PER_CM3)
            slab /= relative
    nuclides = " + ".join(str(one.nuclide) for one in maps)
    return Volume(
        total,
        grid,
        Unit.GY,
        "DOSE",
        nuclide=None if len(maps) > 1 else maps[0].nuclide,
        description=f"absorbed dose, {method}, {nuclides}",
        notes=(f"{method} dose, density {'from CT' if density is not None else f'{SOFT_TISSUE_G_PER_CM3} g/cm3'}",),
    )


def _check_map(tia: Volume, grid: Grid) -> None:
    if tia.unit is not Unit.TIA_MBQ_H_PER_ML:
        raise InputError(
            "dose needs time-integrated activity",
            expected=str(Unit.TIA_MBQ_H_PER_ML),
            found=str(tia.unit),
            remedy="integrate first",
        )
    if tia.nuclide is None:
        raise InputError("the map does not say its nuclide", remedy="set the nuclide of the volume")
    if not tia.grid.same_as(grid):
        raise InputError("the maps lie on different grids", remedy="resample them to one grid")
    if float(tia.array.min()) < 0:
        raise InputError(
            "time-integrated activity is negative",
            found=f"{float(tia.array.min()):.3g} MBq·h/ml",
            remedy="clip or correct the images",
        )


def _dose_in_soft_tissue(tia: Volume, method: Method) -> NDArray[np.float32]:
    from neorlt.nuclides.voxels import voxel_s_values

    nuclide = str(tia.nuclide)
    if method == "local":
        return np.asarray(tia.array * np.float32(local_gy_per_mbq_h_per_ml(nuclide)), dtype=np.float32)
    if method != "kernel":
        raise InputError("unknown dose method", expected="kernel or local", found=method, remedy="choose one of them")
    kernel = voxel_s_values(nuclide, tia.grid.spacing_mm, SOFT_TISSUE_G_PER_CM3, with_daughters=True)
    check_kernel(kernel)
    scale = tia.grid.voxel_ml * SECONDS_PER_HOUR / 1000.0
    return convolve(tia.array, np.asarray(kernel.s_mgy_per_mbq_s) * scale)


def local_gy_per_mbq_h_per_ml(nuclide: str) -> float:
    """Dose of 1 MBq·h/ml in soft tissue when all electrons and alphas of the chain stop where they start."""
    from neorlt.nuclides.chains import charged_mev

    joule_per_mev = 1.602176634e-13
    decays = 1e6 * SECONDS_PER_HOUR
    kilogram_per_ml = SOFT_TISSUE_G_PER_CM3 / 1000.0
    return float(decays * sum(charged_mev(nuclide)) * joule_per_mev / kilogram_per_ml)


def check_kernel(kernel: Any) -> None:
    """Refuse a kernel that does not hold its energy.

    Raises
    ------
    InputError
        Below 99.5 % of the energy.
    """
    if not kernel.energy_closure >= MIN_ENERGY_CLOSURE:
        raise InputError(
            "the kernel lost energy",
            expected=f"at least {MIN_ENERGY_CLOSURE:.1%} of the emitted energy",
            found=f"{kernel.energy_closure:.2%}",
            remedy="use a wider kernel",
        )

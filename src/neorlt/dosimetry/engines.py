"""One dose, three engines: what local deposition, voxel kernels and Monte Carlo say of the same regions and voxels.

Kernel region doses come from region S-values. Local deposition leaves out what electrons carry over an edge, photons and
neighbours: how far that moves a region's dose follows from the S-values, and is predicted before it is used. Monte Carlo
is compared with the kernel on the same map of activity, voxel for voxel, so that what voxels do to a small region cancels: the
region's dose is that of the S-values times the ratio of the two means in it, and carries the ratio's statistical error.
Voxel maps and histograms are scaled to the regions' reported medians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.dosimetry.objects import Dose
from neorlt.imaging.volume import Volume

Floats = NDArray[np.float64]
DoseMethod = Literal["local", "kernel", "montecarlo"]
METHODS: tuple[DoseMethod, ...] = ("local", "kernel", "montecarlo")
SCALED_NOTE = "each region's mean is its reported median dose: voxels of a region were scaled together"
CLOSE = 1e-6
MOST_STEPS = 40
"""Newton's method on the logs: a few steps bring every mean within :data:`CLOSE` of its target."""
DIFFERENCE_SAID = 0.05
"""Local deposition that is further than this from the kernel in a region is warned of."""


def check_method(method: str) -> None:
    """Refuse a method that is no engine.

    Raises
    ------
    InputError
        With the names of those that are.
    """
    if method not in METHODS:
        raise InputError("unknown dose method", expected="local, kernel or montecarlo", found=method, remedy="choose one of them")


def scaled_to_regions(dose: Volume, occupancies: Sequence[NDArray[np.float32]], targets_gy: Sequence[float]) -> Volume:
    """A voxel dose whose occupancy-weighted mean in every region is that region's target.

    Parameters
    ----------
    dose
        Gy.
    occupancies
        ``(x, y, z)`` each, disjoint, from :func:`~neorlt.dosimetry.s_values.settled_occupancies`.
    targets_gy
        One a region.

    Returns
    -------
    Volume
        Dose times ``exp(Σ g_r · occupancy_r)``: voxels that two regions share follow both, those outside of all are left.
    """
    array = np.asarray(dose.array)
    filled = np.zeros(array.shape, dtype=bool)
    for occupancy in occupancies:
        filled |= occupancy > 0
    inside = np.stack([occupancy[filled] for occupancy in occupancies]).astype(np.float64)
    there = array[filled].astype(np.float64)
    amount = inside.sum(axis=1)
    targets = np.asarray(targets_gy, dtype=np.float64)
    # a region that holds no voxel, or no dose, has nothing to scale
    known = (amount > 0) & (inside @ there > 0) & (targets > 0)
    weight, gain = inside[known], np.zeros(int(known.sum()))
    scaled = there
    for _ in range(MOST_STEPS):
        mean = weight @ scaled / amount[known]
        if np.all(np.abs(mean / targets[known] - 1.0) < CLOSE):
            break
        slope = (weight * scaled) @ weight.T / amount[known][:, None]
        step = np.linalg.lstsq(slope / mean[:, None], np.log(targets[known] / mean), rcond=1e-10)[0]
        gain += np.clip(step, -2.0, 2.0)
        scaled = there * np.exp(gain @ weight)
    result = array.copy()
    result[filled] = scaled
    return replace(dose.with_array(result), notes=(*dose.notes, SCALED_NOTE))


@dataclass(frozen=True)
class RegionRatio:
    """Dose of one engine over that of the kernel in each region ``(region,)``, and its relative statistical error."""

    ratio: Floats
    relative_error: Floats


def region_ratio(
    simulated: Volume, standard_error: Volume, kernel: Volume, occupancies: Sequence[NDArray[np.float32]]
) -> RegionRatio:
    """Monte Carlo over kernel in each region, on the same map of activity.

    The statistical error of a region's mean takes voxels as independent (electron tracks are shorter than a voxel or two).
    """
    ratio, error = [], []
    for occupancy in occupancies:
        weight = occupancy.astype(np.float64)
        found, expected = float((weight * simulated.array).sum()), float((weight * kernel.array).sum())
        ratio.append(found / expected if expected > 0 else 1.0)
        error.append(float(np.sqrt(((weight * standard_error.array) ** 2).sum())) / found if found > 0 else 0.0)
    return RegionRatio(np.array(ratio), np.array(error))


def with_ratio(doses: Sequence[Dose], found: RegionRatio, *, method: str, seed: int) -> tuple[Dose, ...]:
    """Region doses of another engine: those of the S-values times the ratio, its error drawn."""
    changed = []
    for dose, ratio, error in zip(doses, found.ratio, found.relative_error, strict=True):
        z = core_draws.generator(seed, "engine", dose.name).standard_normal(len(dose.draws_gy))
        factor = ratio * np.exp(np.log1p(error) * z)
        # BED = D + g D² for one region's kinetics: both parts follow the dose
        bed = dose.draws_gy * factor + (dose.bed_gy - dose.draws_gy) * factor**2
        changed.append(replace(dose, draws_gy=dose.draws_gy * factor, bed_gy=bed, method=method))
    return tuple(changed)


def local_difference(kernel: Sequence[Dose], local: Sequence[Dose]) -> dict[str, float]:
    """Relative difference of local deposition from the kernel in each region, from absorbed fractions, photons and neighbours."""
    return {k.name: float(np.median(one.draws_gy / k.draws_gy) - 1.0) for k, one in zip(kernel, local, strict=True)}


def difference_warnings(differences: dict[str, float]) -> list[str]:
    """Sentences on the regions in which local deposition is more than 5 % off."""
    return [
        f"{name}: local deposition gives {100 * part:+z.0f} % against the kernel (what leaves the region, photons and neighbours)."
        for name, part in differences.items()
        if abs(part) > DIFFERENCE_SAID
    ]

"""Region-to-region S-values from the shipped kernels.

A region's own electrons: the point kernel in a sphere with the region's ratio of surface to volume. The part of short
tracks that leaves a body is its surface times the mean range over four times its volume, whatever the shape, so that sphere
is right where the whole voxels of an image are not (they cut small regions by several per cent). Photons and everything
that comes from other regions: convolution with the voxel kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.voxel_dose import SECONDS_PER_HOUR, check_kernel
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on
from neorlt.imaging.volume import Grid

Floats = NDArray[np.float64]
GY_PER_MBQ_H = SECONDS_PER_HOUR / 1000.0
"""From mGy/(MBq s) to Gy/(MBq h)."""
METHOD = "electrons by point kernel for the region's mass and surface, photons and cross-dose by voxel kernel"


@dataclass(frozen=True)
class RegionSValues:
    """Mean dose per time-integrated activity, ``(target, source)`` in Gy/(MBq·h); targets are the regions in order."""

    s_gy_per_mbq_h: Floats
    method: str = METHOD
    named: tuple[str | None, ...] = ()
    """Where a target's own S-value comes from a user's table: its name; empty where none was given."""

    def method_of(self, target: int) -> str:
        """How the S-values of one target came to be."""
        return (self.named[target] if self.named else None) or self.method


def sphere_s_gy_per_mbq_h(nuclide: str, mass_g: float) -> float:
    """Self S-value of a soft-tissue sphere of a mass, Gy/(MBq·h)."""
    from neorlt.nuclides.spheres import sphere_s_values

    return float(sphere_s_values(nuclide, mass_g, SOFT_TISSUE_G_PER_CM3, with_daughters=True).s_mgy_per_mbq_s[0]) * GY_PER_MBQ_H


def electron_self_s_gy_per_mbq_h(nuclide: str, volume_ml: float, surface_mm2: float, density_g_per_cm3: float) -> float:
    """Charged part (electrons, and alphas in place) of a region's own S-value, Gy/(MBq·h).

    The absorbed fraction is that of the sphere with the region's ratio of surface to volume.
    """
    from neorlt.nuclides.chains import charged_mev
    from neorlt.nuclides.spheres import s_from_energy, sphere_s_values

    radius_cm = min(3.0 * volume_ml / (surface_mm2 / 100.0), (3.0 * volume_ml / (4.0 * np.pi)) ** (1.0 / 3.0))
    equal_mass = 4.0 / 3.0 * np.pi * radius_cm**3 * density_g_per_cm3
    fraction = float(sphere_s_values(nuclide, equal_mass, density_g_per_cm3, with_daughters=True).phi_electron[0])
    electron, alpha = charged_mev(nuclide)
    return float(s_from_energy(electron * fraction + alpha, volume_ml * density_g_per_cm3)) * GY_PER_MBQ_H


def local_s_values(nuclide: str, mass_g: Floats, *, n_sources: int) -> RegionSValues:
    """S-values of local deposition: the charged energy of a decay over the region's own mass, and nothing from elsewhere.

    ``mass_g`` ``(region,)``; ``n_sources`` is the number of regions, and one more where the rest of the body is a source.
    """
    from neorlt.nuclides.chains import charged_mev
    from neorlt.nuclides.spheres import s_from_energy

    own = np.array([float(s_from_energy(sum(charged_mev(nuclide)), float(mass))) for mass in mass_g]) * GY_PER_MBQ_H
    s = np.zeros((len(mass_g), n_sources))
    s[np.arange(len(mass_g)), np.arange(len(mass_g))] = own
    return RegionSValues(s, method="local deposition: electrons and alphas stop where they start")


def surface_mm2(region: Region) -> float:
    """Surface of a region: its half-occupancy level set, smoothed by one voxel to take the stairs off.

    Never less than that of a sphere of its volume.
    """
    from scipy.ndimage import gaussian_filter
    from skimage import measure

    sphere = float((36.0 * np.pi) ** (1.0 / 3.0) * (region.volume_ml * 1000.0) ** (2.0 / 3.0))
    padded = np.pad(region.occupancy.astype(np.float64), 4)
    smooth = gaussian_filter(padded, 1.0)
    if smooth.max() <= 0.5:
        return sphere
    vertices, faces, _, _ = measure.marching_cubes(smooth, 0.5, spacing=region.grid.spacing_mm)  # type: ignore[no-untyped-call]
    return max(float(measure.mesh_surface_area(vertices, faces)), sphere)  # type: ignore[no-untyped-call]


def _precedence(region: Region) -> tuple[bool, float]:
    return (region.kind is not RegionKind.LESION, region.volume_ml)


def comes_first(one: Region, other: Region) -> bool:
    """Whether a place that both claim belongs to ``one``: lesions before organs, then the smaller before the larger."""
    return _precedence(one) < _precedence(other)


def settled_occupancies(regions: list[Region] | tuple[Region, ...], grid: Grid) -> list[NDArray[np.float32]]:
    """Occupancy of each region on a grid, no place counted twice: lesions before organs, then the smaller before the larger.

    The same rule as the partial-volume correction's, so that an organ's activity and its mass both leave its lesions out.
    """
    rank = sorted(range(len(regions)), key=lambda n: _precedence(regions[n]))
    free = np.ones(grid.shape, dtype=np.float32)
    settled: list[NDArray[np.float32]] = [free] * len(regions)
    for n in rank:
        settled[n] = np.minimum(region_on(regions[n], grid), free)
        free = np.maximum(free - settled[n], 0.0).astype(np.float32)
    return settled


def region_s_values(
    nuclide: str,
    grid: Grid,
    occupancies: list[NDArray[np.float32]],
    volume_ml: Floats,
    surfaces_mm2: Floats,
    density_g_per_cm3: Floats,
    rest: NDArray[np.bool_] | None = None,
) -> RegionSValues:
    """S-values between regions on one grid.

    Parameters
    ----------
    nuclide
        For example ``"Lu-177"``.
    grid
        Where the occupancies lie.
    occupancies
        ``(x, y, z)`` each, 0…1, from :func:`settled_occupancies`.
    volume_ml, surfaces_mm2, density_g_per_cm3
        ``(region,)``.
    rest
        Voxels of the body outside all regions: then the last source is the rest of the body.
    """
    labels = _labels(occupancies)
    n = len(occupancies)
    masks = [labels == i for i in range(n)]
    for i, mask in enumerate(masks):
        if not mask.any():
            # Smaller than half a voxel, or covered by others: its fullest voxel stands for it.
            masks[i] = occupancies[i] == occupancies[i].max()
    sources = list(masks)
    if rest is not None:
        sources.append(rest & (labels < 0))
    dose = _mean_doses(nuclide, grid, sources, masks)
    dose *= (SOFT_TISSUE_G_PER_CM3 / density_g_per_cm3)[:, None]
    for i in range(n):
        # The photons' part was taken over whole voxels; it goes with the contour's own mass.
        photons = dose[i, i] * masks[i].sum() * grid.voxel_ml / volume_ml[i]
        electrons = electron_self_s_gy_per_mbq_h(
            nuclide, float(volume_ml[i]), float(surfaces_mm2[i]), float(density_g_per_cm3[i])
        )
        dose[i, i] = electrons + photons
    return RegionSValues(dose)


def _labels(occupancies: list[NDArray[np.float32]]) -> NDArray[np.int16]:
    """The region that fills most of each voxel, if that is half or more; −1 elsewhere."""
    labels = np.full(occupancies[0].shape, -1, dtype=np.int16)
    most = np.full(labels.shape, 0.5, dtype=np.float32)
    for i, occupancy in enumerate(occupancies):
        here = (occupancy > most) | ((occupancy == most) & (labels < 0))
        labels[here] = i
        np.maximum(most, occupancy, out=most)
    return labels


def _mean_doses(nuclide: str, grid: Grid, sources: list[NDArray[np.bool_]], targets: list[NDArray[np.bool_]]) -> Floats:
    """Mean dose in every target per MBq·h spread evenly over every source, in soft tissue; own dose by photons alone."""
    from scipy import fft

    from neorlt.nuclides.voxels import voxel_s_values

    electrons = voxel_s_values(nuclide, grid.spacing_mm, SOFT_TISSUE_G_PER_CM3, photons=False, with_daughters=True)
    everything = voxel_s_values(nuclide, grid.spacing_mm, SOFT_TISSUE_G_PER_CM3, with_daughters=True)
    check_kernel(everything)
    box = _bounding_box(targets + sources)
    sources = [s[box] for s in sources]
    targets = [t[box] for t in targets]
    shape = sources[0].shape
    half = [min((k - 1) // 2, n - 1) for k, n in zip(everything.s_mgy_per_mbq_s.shape, shape, strict=True)]
    padded = [fft.next_fast_len(n + h, real=True) for n, h in zip(shape, half, strict=True)]
    window = tuple(slice(0, n) for n in shape)
    electron_transfer = _transfer(electrons.s_mgy_per_mbq_s, shape, padded)
    transfer = _transfer(everything.s_mgy_per_mbq_s, shape, padded)
    dose = np.zeros((len(targets), len(sources)))
    for j, source in enumerate(sources):
        if not source.any():
            continue
        spectrum = fft.rfftn(source.astype(np.float32), s=padded, workers=2)
        field = fft.irfftn(spectrum * transfer, s=padded, workers=2, overwrite_x=True)[window]
        for i, target in enumerate(targets):
            if i != j:
                dose[i, j] = max(float(field[target].mean(dtype=np.float64)), 0.0) / source.sum() * GY_PER_MBQ_H
        if j < len(targets):
            own = fft.irfftn(spectrum * (transfer - electron_transfer), s=padded, workers=2, overwrite_x=True)[window]
            dose[j, j] = max(float(own[targets[j]].mean(dtype=np.float64)), 0.0) / source.sum() * GY_PER_MBQ_H
    return dose


def _transfer(kernel: NDArray[np.float64], shape: tuple[int, ...], padded: list[int]) -> NDArray[np.complex64]:
    """Transform of a centred kernel, cut where it reaches beyond the image."""
    from scipy import fft

    half = [min((k - 1) // 2, n - 1) for k, n in zip(kernel.shape, shape, strict=True)]
    middle = [(k - 1) // 2 for k in kernel.shape]
    cut = kernel[tuple(slice(m - h, m + h + 1) for m, h in zip(middle, half, strict=True))]
    spread = np.zeros(padded, dtype=np.float32)
    spread[np.ix_(*(np.arange(-h, h + 1) % p for h, p in zip(half, padded, strict=True)))] = cut
    return np.asarray(fft.rfftn(spread, workers=2, overwrite_x=True))


def _bounding_box(masks: list[NDArray[np.bool_]]) -> tuple[slice, ...]:
    union = np.any(np.stack(masks), axis=0)
    box = []
    for axis in range(3):
        filled = np.flatnonzero(union.any(axis=tuple(a for a in range(3) if a != axis)))
        box.append(slice(int(filled[0]), int(filled[-1]) + 1))
    return tuple(box)

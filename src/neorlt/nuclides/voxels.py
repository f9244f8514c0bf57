"""Voxel S-values of any voxel size, from the point kernels.

The chance that a displacement between two uniform points of two equal boxes equals x is a product of triangles, and
a triangle at the box offset is the weight of linear interpolation. So the voxel kernel is the point kernel's energy,
sampled on spherical shells and shared among the eight nearest offsets: energy is conserved exactly.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.nuclides.kernels import PointKernel, electron_point_kernel, photon_point_kernel
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spheres import s_from_energy

DIRECTIONS = 1200
PHOTON_RADIUS_MM = 150.0
"""Photon kernels are cut here; what lies beyond is stated in ``energy_closure``."""


@dataclass(frozen=True)
class VoxelKernel:
    """Voxel S-values, ``s_mgy_per_mbq_s`` ``(2a+1, 2b+1, 2c+1)`` centred on the source voxel.

    ``energy_closure`` is the electron energy inside the kernel over the electron energy that stays (1 is complete).
    """

    nuclide: str
    voxel_mm: tuple[float, float, float]
    density_g_per_cm3: float
    s_mgy_per_mbq_s: NDArray[np.float64]
    energy_closure: float


def _deposit(kernel: PointKernel, voxel_mm: NDArray[np.float64], density: float, half: NDArray[np.int_]) -> NDArray[np.float64]:
    """Energy per decay (MeV) in every voxel offset up to ``half`` on each side."""
    depth, energy = kernel.shells()
    radius_mm = depth / density * 10.0
    keep = (energy > 0) & (radius_mm <= float((half * voxel_mm).max()) * 1.8)
    radius_mm, energy = radius_mm[keep], energy[keep]
    index = np.arange(DIRECTIONS) + 0.5
    z = 1.0 - 2.0 * index / DIRECTIONS
    azimuth = np.pi * (1.0 + 5.0**0.5) * index
    ring = np.sqrt(1.0 - z**2)
    shape = 2 * half + 1
    out = np.zeros(int(np.prod(shape)))
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    for number, (r, e) in enumerate(zip(radius_mm, energy, strict=True)):
        turn = azimuth + 2.399963 * number
        direction = np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)
        if number % 3:
            direction = np.roll(direction, number % 3, axis=1)
        at = r * direction / voxel_mm + half
        low = np.floor(at).astype(np.intp)
        share = at - low
        for corner in range(8):
            bits = np.array([(corner >> 2) & 1, (corner >> 1) & 1, corner & 1])
            weight = np.prod(np.where(bits, share, 1.0 - share), axis=1)
            place = low + bits
            inside = np.all((place >= 0) & (place < shape), axis=1)
            out += np.bincount((place[inside] * strides).sum(axis=1), weights=weight[inside] * e / DIRECTIONS, minlength=len(out))
    box = out.reshape(shape)
    for axis in range(3):
        box = 0.5 * (box + np.flip(box, axis=axis))
    return box


@functools.lru_cache(maxsize=16)
def _voxel_s_values(nuclide: str, voxel_mm: tuple[float, float, float], density: float, photons: bool) -> VoxelKernel:
    edges = np.array(voxel_mm)
    electrons = electron_point_kernel(nuclide)
    reach = float(np.interp(0.9999 * electrons.total_mev, electrons.energy_mev, electrons.radius_g_per_cm2)) / density * 10.0
    half = np.ceil(reach / edges).astype(int) + 1
    energy = _deposit(electrons, edges, density, half)
    closure = float(energy.sum() / electrons.total_mev)
    if photons:
        wide = np.ceil(PHOTON_RADIUS_MM / edges).astype(int)
        far = _deposit(photon_point_kernel(nuclide), edges, density, wide)
        inner = tuple(slice(w - h, w + h + 1) for w, h in zip(wide, half, strict=True))
        far[inner] += energy
        energy = far
    mass_g = density * float(np.prod(edges)) / 1000.0
    values = s_from_energy(energy, mass_g)
    values.setflags(write=False)
    return VoxelKernel(nuclide, voxel_mm, density, values, closure)


def voxel_s_values(
    nuclide: str, voxel_mm: float | tuple[float, float, float], density_g_per_cm3: float = 1.04, *, photons: bool = True
) -> VoxelKernel:
    """Voxel S-values in a uniform water-like medium.

    Parameters
    ----------
    nuclide
        Name, any usual spelling.
    voxel_mm
        One edge, or the three edges in the order of the array's axes; 0.5 to 20 mm.
    density_g_per_cm3
        Density of the medium.
    photons
        Whether gammas and X rays are included, out to :data:`PHOTON_RADIUS_MM`.
    """
    edges = (voxel_mm,) * 3 if isinstance(voxel_mm, int | float) else tuple(voxel_mm)
    if len(edges) != 3 or not all(0.5 <= e <= 20.0 for e in edges):
        raise InputError("a voxel edge is out of range", expected="one or three edges from 0.5 to 20 mm", found=str(edges),
                         remedy="give voxel edges in millimetres")
    if not 0.1 <= density_g_per_cm3 <= 3.0:
        raise InputError("a density is out of range", expected="0.1 to 3 g/cm3", found=f"{density_g_per_cm3:g}", remedy="give g/cm3")
    x, y, z = (round(float(e), 6) for e in edges)
    return _voxel_s_values(get_nuclide(nuclide).name, (x, y, z), round(float(density_g_per_cm3), 6), photons)

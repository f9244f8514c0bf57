"""Voxel S-values of any voxel size, from the point kernels.

The chance that a displacement between two uniform points of two equal boxes equals x is a product of triangles, and
a triangle at the box offset is the weight of linear interpolation. So the voxel kernel is the point kernel's energy,
sampled on spherical shells and shared among the eight nearest offsets: energy is conserved exactly. Photons are done so
near the source voxel; further out, where their kernel is smooth over a voxel, it is taken at the voxel's centre.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.nuclides.chains import emitters
from neorlt.nuclides.kernels import PointKernel, electron_point_kernel, photon_point_kernel
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.spheres import s_from_energy

DIRECTIONS = 1200
CHUNK = 50
SHELLS_PER_VOXEL = 150
NEAR_VOXELS = 3
PHOTON_RADIUS_MM = 150.0
"""Photon kernels are cut here; what lies beyond is stated in ``photon_fraction_inside``."""
MAX_HALF_WIDTH = 80
"""Photon kernels never hold more voxels than this on each side: 80 mm at 1 mm voxels."""
CLOSURE_TOLERANCE = 0.005
MEDIA = {"water": 1.0, "soft-tissue": 0.5498 / 0.5551}
"""Electrons per gram relative to water, which is what range and attenuation go by: Z/A of ICRU's four-component soft tissue
(10.12 % H, 11.10 % C, 2.60 % N, 76.18 % O; ICRU Report 44) over that of water. Mean excitation energies differ by 0.1 %."""


@dataclass(frozen=True, eq=False)
class VoxelKernel:
    """Voxel S-values, ``s_mgy_per_mbq_s`` ``(2a+1, 2b+1, 2c+1)`` centred on the source voxel.

    ``energy_closure`` is the electron energy inside the kernel over the electron energy that stays (1 is complete);
    ``photon_fraction_inside`` is the share of the photon energy that the kernel's box holds, 0 without photons.

    Raises
    ------
    InputError
        If the kernel holds less than 99.5 % of the electron energy.
    """

    nuclide: str
    voxel_mm: tuple[float, float, float]
    density_g_per_cm3: float
    s_mgy_per_mbq_s: NDArray[np.float64]
    energy_closure: float
    photon_fraction_inside: float = 0.0

    def __post_init__(self) -> None:
        if self.s_mgy_per_mbq_s.ndim != 3 or any(n % 2 == 0 for n in self.s_mgy_per_mbq_s.shape):
            raise InputError(
                "a voxel kernel is not centred",
                expected="three odd lengths",
                found=str(self.s_mgy_per_mbq_s.shape),
                remedy="give a kernel with the source voxel in its middle",
            )
        if not abs(self.energy_closure - 1.0) <= CLOSURE_TOLERANCE:
            raise InputError(
                "a voxel kernel does not hold its energy",
                expected=f"within {CLOSURE_TOLERANCE:.1%} of all",
                found=f"{self.energy_closure:.2%}",
                remedy="use a wider kernel",
            )

    def cropped(self, half_width: tuple[int, int, int]) -> VoxelKernel:
        """The same kernel with at most this many voxels on each side; refused below 99.5 % of its energy."""
        full = self.s_mgy_per_mbq_s
        centre = [n // 2 for n in full.shape]
        window = tuple(slice(max(0, c - h), c + h + 1) for c, h in zip(centre, half_width, strict=True))
        part = full[window]
        closure = self.energy_closure * float(part.sum() / full.sum())
        return VoxelKernel(self.nuclide, self.voxel_mm, self.density_g_per_cm3, part, closure, self.photon_fraction_inside)


def _merge(radius_mm: NDArray[np.float64], energy: NDArray[np.float64], step_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shells thinner than a step become one, at their energy-weighted radius."""
    if not len(radius_mm):
        return radius_mm, energy
    bins = np.floor(radius_mm / step_mm).astype(np.intp)
    _, group = np.unique(bins, return_inverse=True)
    total = np.bincount(group, weights=energy)
    return np.asarray(np.bincount(group, weights=energy * radius_mm) / total), np.asarray(total, dtype=np.float64)


def _deposit(kernel: PointKernel, voxel_mm: NDArray[np.float64], density: float, half: NDArray[np.int_]) -> NDArray[np.float64]:
    """Energy per decay (MeV) in every voxel offset up to ``half`` on each side, sampled on shells."""
    depth, energy = kernel.shells()
    radius_mm = depth / density * 10.0
    keep = (energy > 0) & (radius_mm <= float(np.linalg.norm((half + 1) * voxel_mm)))
    radius_mm, energy = _merge(radius_mm[keep], energy[keep], float(voxel_mm.min()) / SHELLS_PER_VOXEL)
    index = np.arange(DIRECTIONS) + 0.5
    z = 1.0 - 2.0 * index / DIRECTIONS
    azimuth = np.pi * (1.0 + 5.0**0.5) * index
    ring = np.sqrt(1.0 - z**2)
    # A border of one voxel takes what falls outside the box.
    shape = 2 * half + 5
    out = np.zeros(int(np.prod(shape)))
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    for start in range(0, len(radius_mm), CHUNK):
        number = np.arange(start, min(start + CHUNK, len(radius_mm)))
        turn = azimuth[None, :] + 2.399963 * number[:, None]
        level = np.broadcast_to(z, turn.shape)
        unit = np.stack([ring * np.cos(turn), ring * np.sin(turn), level], axis=-1)
        # Every third shell has its pole along another axis, so that no axis is favoured.
        for axis in (1, 2):
            rows = number % 3 == axis
            unit[rows] = np.roll(unit[rows], axis, axis=-1)
        at = (radius_mm[number][:, None, None] * unit / voxel_mm + (half + 2)).reshape(-1, 3)
        at = np.clip(at, 0.0, (shape - 1.001))
        low = at.astype(np.intp)
        share = at - low
        base = low @ strides
        weight = np.repeat(energy[number] / DIRECTIONS, DIRECTIONS)
        for corner in range(8):
            bits = np.array([(corner >> 2) & 1, (corner >> 1) & 1, corner & 1])
            part = weight * np.prod(np.where(bits, share, 1.0 - share), axis=1)
            out += np.bincount(base + int(bits @ strides), weights=part, minlength=len(out))
    box = out.reshape(shape)[2:-2, 2:-2, 2:-2]
    return _symmetric(box, voxel_mm)


def _symmetric(box: NDArray[np.float64], voxel_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over the mirror images, and over the axes where the voxel is a cube."""
    for axis in range(3):
        box = 0.5 * (box + np.flip(box, axis=axis))
    if np.ptp(voxel_mm) == 0 and len(set(box.shape)) == 1:
        orders = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 0, 2))
        box = np.mean([np.transpose(box, order) for order in orders], axis=0)
    return np.asarray(box)


def _photon_energy(kernel: PointKernel, voxel_mm: NDArray[np.float64], density: float, half: NDArray[np.int_]) -> NDArray[np.float64]:
    """Energy per decay (MeV) of the photons in every voxel offset up to ``half``."""
    depth, energy = kernel.shells()
    edges = kernel.radius_g_per_cm2 / density * 10.0
    volume = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    good = energy > 0
    log_r, log_density = np.log(depth[good] / density * 10.0), np.log(energy[good] / volume[good])
    axes = [np.arange(-h, h + 1) * v for h, v in zip(half, voxel_mm, strict=True)]
    square = axes[0][:, None, None] ** 2 + axes[1][None, :, None] ** 2 + axes[2][None, None, :] ** 2
    square[tuple(half)] = float((voxel_mm**2).min()) / 4.0
    out = np.exp(np.interp(0.5 * np.log(square), log_r, log_density, right=-np.inf)) * float(np.prod(voxel_mm))
    # Mean of 1/r² over two boxes a distance r apart: 1/r² (1 + a²/3r²) to second order.
    out *= 1.0 + float((voxel_mm**2).mean()) / (3.0 * square)
    near = np.minimum(half, NEAR_VOXELS)
    window = tuple(slice(h - n, h + n + 1) for h, n in zip(half, near, strict=True))
    out[window] = _deposit(kernel, voxel_mm, density, near)
    return np.asarray(out)


@functools.lru_cache(maxsize=16)
def _voxel_s_values(nuclide: str, voxel_mm: tuple[float, float, float], density: float, photons: bool) -> VoxelKernel:
    edges = np.array(voxel_mm)
    electrons = electron_point_kernel(nuclide)
    half = np.ceil(electrons.radius_holding(0.9999) / density * 10.0 / edges).astype(int) + 1
    energy = _deposit(electrons, edges, density, half)
    alpha = get_nuclide(nuclide).alpha_mev
    closure = float(energy.sum() / electrons.total_mev) if electrons.total_mev > 0 else 1.0
    energy[tuple(half)] += alpha  # alphas stop within 0.1 mm
    inside = 0.0
    if photons:
        far_kernel = photon_point_kernel(nuclide)
        wide = np.maximum(half, np.minimum(np.ceil(PHOTON_RADIUS_MM / edges).astype(int), MAX_HALF_WIDTH))
        far = _photon_energy(far_kernel, edges, density, wide)
        inside = float(far.sum() / far_kernel.total_mev) if far_kernel.total_mev > 0 else 0.0
        window = tuple(slice(w - h, w + h + 1) for w, h in zip(wide, half, strict=True))
        far[window] += energy
        energy = far
    mass_g = density * float(np.prod(edges)) / 1000.0
    values = s_from_energy(energy, mass_g)
    values.setflags(write=False)
    return VoxelKernel(nuclide, voxel_mm, density, values, closure, inside)


@functools.lru_cache(maxsize=8)
def _chain_s_values(nuclide: str, voxel_mm: tuple[float, float, float], density: float, photons: bool) -> VoxelKernel:
    """Sum over the chain, each member times its decays, in the box of the widest."""
    members = [(decays, _voxel_s_values(name, voxel_mm, density, photons), get_nuclide(name)) for name, decays in emitters(nuclide)]
    if len(members) == 1:
        return members[0][1]
    shape = np.max([kernel.s_mgy_per_mbq_s.shape for _, kernel, _ in members], axis=0)
    total = np.zeros(shape)
    for decays, kernel, _ in members:
        part = kernel.s_mgy_per_mbq_s
        total[tuple(slice((a - b) // 2, (a - b) // 2 + b) for a, b in zip(shape, part.shape, strict=True))] += decays * part
    total.setflags(write=False)

    def mean(values: list[float], weights: list[float]) -> float:
        return float(np.average(values, weights=weights)) if sum(weights) > 0 else values[0]

    closure = mean([k.energy_closure for _, k, _ in members], [d * n.electron_energy_mev for d, _, n in members])
    inside = mean([k.photon_fraction_inside for _, k, _ in members], [d * n.photon_energy_mev for d, _, n in members])
    return VoxelKernel(nuclide, voxel_mm, density, total, closure, inside)


def voxel_s_values(
    nuclide: str,
    voxel_mm: float | tuple[float, float, float],
    density_g_per_cm3: float = SOFT_TISSUE_G_PER_CM3,
    *,
    photons: bool = True,
    with_daughters: bool = False,
    medium: str = "water",
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
        Whether gammas, X rays, annihilation photons and bremsstrahlung are included, out to :data:`PHOTON_RADIUS_MM` or
        :data:`MAX_HALF_WIDTH` voxels.
    with_daughters
        Whether the decays of all daughters (225Ac, 212Pb) count, per decay of the parent and in the same voxel.
    medium
        ``"water"`` of the given density, or ``"soft-tissue"``, where ranges are 1 % longer: it shows only near their end.

    Raises
    ------
    InputError
        For edges or a density out of range, or a nuclide without emissions.
    """
    edges = (voxel_mm,) * 3 if isinstance(voxel_mm, int | float) else tuple(voxel_mm)
    if len(edges) != 3 or not all(0.5 <= e <= 20.0 for e in edges):
        raise InputError(
            "a voxel edge is out of range",
            expected="one or three edges from 0.5 to 20 mm",
            found=str(edges),
            remedy="give voxel edges in millimetres",
        )
    if not 0.1 <= density_g_per_cm3 <= 3.0:
        raise InputError("a density is out of range", expected="0.1 to 3 g/cm3", found=f"{density_g_per_cm3:g}", remedy="give g/cm3")
    x, y, z = (round(float(e), 6) for e in edges)
    if medium not in MEDIA:
        raise InputError("unknown medium", expected=", ".join(MEDIA), found=medium, remedy="use one of these")
    make = _chain_s_values if with_daughters else _voxel_s_values
    name, density = get_nuclide(nuclide).name, round(float(density_g_per_cm3), 6)
    if MEDIA[medium] == 1.0:
        return make(name, (x, y, z), density, photons)
    # Tracks see a thinner water; the energy is divided by the medium's own mass.
    thin = make(name, (x, y, z), density * MEDIA[medium], photons)
    return VoxelKernel(name, (x, y, z), density, thin.s_mgy_per_mbq_s * MEDIA[medium], thin.energy_closure, thin.photon_fraction_inside)

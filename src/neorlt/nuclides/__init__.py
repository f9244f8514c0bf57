"""What decays: half-lives, emissions, point kernels, sphere and voxel S-values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.nuclides.chains import decay_chain
    from neorlt.nuclides.crossfire import LesionAnswer, answer_for_lesion
    from neorlt.nuclides.kernels import PointKernel, electron_point_kernel, photon_point_kernel
    from neorlt.nuclides.nuclide import Nuclide, get_nuclide, list_nuclides, register_nuclide
    from neorlt.nuclides.spheres import SphereSValues, sphere_s_values
    from neorlt.nuclides.user import read_nuclide
    from neorlt.nuclides.voxels import VoxelKernel, voxel_s_values

__all__ = [
    "LesionAnswer",
    "Nuclide",
    "PointKernel",
    "SphereSValues",
    "VoxelKernel",
    "answer_for_lesion",
    "decay_chain",
    "electron_point_kernel",
    "get_nuclide",
    "list_nuclides",
    "photon_point_kernel",
    "read_nuclide",
    "register_nuclide",
    "sphere_s_values",
    "voxel_s_values",
]

__getattr__ = offers(__name__)

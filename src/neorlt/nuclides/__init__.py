"""What decays: half-lives, emissions, point kernels, sphere and voxel S-values."""

from neorlt.nuclides.nuclide import Nuclide, get_nuclide, list_nuclides

__all__ = ["Nuclide", "get_nuclide", "list_nuclides"]

"""Density of soft tissue where nothing says otherwise: one number for kernels, spheres, voxels, lesions and organs."""

SOFT_TISSUE_G_PER_CM3 = 1.04
"""ICRU Report 46 (1992); ICRP Publication 110 (2009) has liver 1.05, spleen 1.04, kidney 1.05."""

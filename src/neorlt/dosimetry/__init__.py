"""Time–activity curves, time-integrated activity, absorbed dose of regions and voxels, DVH, BED."""
